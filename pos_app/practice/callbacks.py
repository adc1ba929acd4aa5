"""Sends callbacks, and does with them what the fault menu says. Only to this machine."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pos_app.addresses import is_loopback
from pos_app.practice.books import Books, Prompt
from pos_app.practice.faults import Fault, FaultMenu, Target
from pos_app.practice.shop import Manner
from pos_app.web import AsyncWeb, MaybeSentError, NotSentError, Patience, Request


class CallbackSender:
    """Posts results to the address each push named."""

    def __init__(self, books: Books, faults: FaultMenu, manner: Manner) -> None:
        self._books = books
        self._faults = faults
        self._manner = manner
        self._web: AsyncWeb | None = None
        self._held: list[tuple[str, dict[str, Any]]] = []

    async def report(self, prompt: Prompt) -> None:
        """Reports one result, once, as M-PESA does, or as the fault ordered says."""
        await self._sleep(self._manner.callback_after_s)
        url, body = prompt.callback_url, callback_body(prompt)
        fault = self._faults.take(Target.CALLBACK)
        kind = fault.kind if fault is not None else ""
        if kind == "lose":
            self._note(body, "lost")
            return
        if kind == "reorder":
            self._held.append((url, body))
            return
        if fault is not None and kind == "delay":
            await self._sleep(float(fault.options.get("seconds", 60)))
        if fault is not None and kind == "alter":
            url, body = _altered(url, body, fault)
        await self._post(url, body)
        if kind == "double":
            await self._post(url, body)
        held, self._held = self._held, []
        for held_url, held_body in held:
            await self._post(held_url, held_body)

    async def stop(self) -> None:
        """Closes the connections."""
        if self._web is not None:
            await self._web.aclose()

    async def _post(self, url: str, body: dict[str, Any]) -> None:
        if not is_loopback(url):
            self._note(body, "not loopback: not sent")
            return
        if self._web is None:
            self._web = AsyncWeb(Patience(connect_s=5, read_s=10, total_s=15), use_proxies=False)
        headers = {"Content-Type": "application/json"}
        try:
            answer = await self._web.send(Request("POST", url, headers, json.dumps(body).encode()))
        except (NotSentError, MaybeSentError):
            self._note(body, "failed")
        else:
            self._note(body, str(answer.status))

    def _note(self, body: dict[str, Any], outcome: str) -> None:
        callback = body["Body"]["stkCallback"]
        self._books.callbacks.append(
            {"CheckoutRequestID": callback["CheckoutRequestID"], "code": callback["ResultCode"], "outcome": outcome}
        )

    async def _sleep(self, practice_s: float) -> None:
        await asyncio.sleep(practice_s / self._manner.speed)


def callback_body(prompt: Prompt) -> dict[str, Any]:
    """A callback as M-PESA spells it (daraja.md, section 4)."""
    code = prompt.result_code or ""
    callback: dict[str, Any] = {
        "MerchantRequestID": prompt.merchant_request_id,
        "CheckoutRequestID": prompt.checkout_request_id,
        "ResultCode": int(code) if code.isdigit() else code,
        "ResultDesc": prompt.result_desc,
    }
    if prompt.result_code == "0":
        callback["CallbackMetadata"] = {
            "Item": [
                {"Name": "Amount", "Value": prompt.amount_cents / 100},
                {"Name": "MpesaReceiptNumber", "Value": prompt.mpesa_code},
                {"Name": "Balance"},
                {"Name": "TransactionDate", "Value": int(prompt.paid_at or 0)},
                {"Name": "PhoneNumber", "Value": int(prompt.msisdn)},
            ]
        }
    return {"Body": {"stkCallback": callback}}


def _altered(url: str, body: dict[str, Any], fault: Fault) -> tuple[str, dict[str, Any]]:
    options = fault.options
    callback = body["Body"]["stkCallback"]
    if "checkout_request_id" in options:
        callback["CheckoutRequestID"] = options["checkout_request_id"]
    if "code" in options:
        callback["ResultCode"] = options["code"]
        if options["code"] not in (0, "0"):
            callback.pop("CallbackMetadata", None)
    if "text" in options:
        callback["ResultDesc"] = options["text"]
    items = callback.get("CallbackMetadata", {}).get("Item", [])
    for item in items:
        if item["Name"] == "Amount" and "amount" in options:
            item["Value"] = options["amount"]
        if item["Name"] == "PhoneNumber" and "phone" in options:
            item["Value"] = options["phone"]
    dropped = options.get("drop", [])
    items[:] = [item for item in items if item["Name"] not in dropped]
    if "token" in options:
        url = url.rsplit("/", 1)[0] + "/" + str(options["token"])
    return url, body
