"""Sends callbacks, and does with them what the fault menu says. Only to this machine."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pos_app.common.http import AsyncHttpClient, MaybeSentError, NotSentError, Request, Timeouts
from pos_app.common.urls import is_loopback
from pos_app.practice.simulator.faults import Fault, FaultMenu, Target
from pos_app.practice.simulator.records import Payment, Prompt, SimulatorRecords
from pos_app.practice.simulator.shop import SimulatorOptions


class CallbackSender:
    """Posts results to the address each push named."""

    def __init__(self, records: SimulatorRecords, faults: FaultMenu, options: SimulatorOptions) -> None:
        self._records = records
        self._faults = faults
        self._options = options
        self._web: AsyncHttpClient | None = None
        self._held: list[tuple[str, dict[str, Any]]] = []

    async def report(self, prompt: Prompt) -> None:
        """Reports one result, once, as M-PESA does, or as the fault ordered says."""
        await self._sleep(self._options.callback_after_s)
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
        await self.release()

    async def release(self) -> None:
        """Sends what was held back for a later one to overtake."""
        held, self._held = self._held, []
        for held_url, held_body in held:
            await self._post(held_url, held_body)

    async def confirm(self, payment: Payment, first_name: str, paid_at: str) -> None:
        """Confirms a payment to the address that its shortcode registered, if it did."""
        url = self._records.confirmation_urls.get(payment.shortcode)
        if url is None:
            return
        await self._sleep(self._options.callback_after_s)
        fault = self._faults.take(Target.CONFIRMATION)
        kind = fault.kind if fault is not None else ""
        if kind == "lose":
            return
        if fault is not None and kind == "delay":
            await self._sleep(float(fault.options.get("seconds", 60)))
        body = confirmation_body(payment, first_name, paid_at)
        for _ in range(2 if kind == "double" else 1):
            await self._send(url, body)

    async def stop(self) -> None:
        """Closes the connections."""
        if self._web is not None:
            await self._web.aclose()

    async def _post(self, url: str, body: dict[str, Any]) -> None:
        self._note(body, await self._send(url, body))

    async def _send(self, url: str, body: dict[str, Any]) -> str:
        """What became of it: a status, or words."""
        if not is_loopback(url):
            return "not loopback: not sent"
        if self._web is None:
            self._web = AsyncHttpClient(Timeouts(connect_s=5, read_s=10, total_s=15), use_proxies=False)
        headers = {"Content-Type": "application/json"}
        try:
            answer = await self._web.send(Request("POST", url, headers, json.dumps(body).encode()))
        except (NotSentError, MaybeSentError):
            return "failed"
        return str(answer.status)

    def _note(self, body: dict[str, Any], outcome: str) -> None:
        callback = body["Body"]["stkCallback"]
        self._records.callbacks.append(
            {"CheckoutRequestID": callback["CheckoutRequestID"], "code": callback["ResultCode"], "outcome": outcome}
        )

    async def _sleep(self, practice_s: float) -> None:
        await asyncio.sleep(practice_s / self._options.speed)


def confirmation_body(payment: Payment, first_name: str, paid_at: str) -> dict[str, Any]:
    """A C2B confirmation as M-PESA spells it: amount as text, phone masked (docs/mpesa.md, 5)."""
    return {
        "TransactionType": "Pay Bill" if payment.reference else "Customer Merchant Payment",
        "TransID": payment.mpesa_code,
        "TransTime": paid_at,
        "TransAmount": f"{payment.amount_cents / 100:.2f}",
        "BusinessShortCode": payment.shortcode,
        "BillRefNumber": payment.reference,
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": f"{payment.msisdn[:4]} ***** {payment.msisdn[-3:]}",
        "FirstName": first_name,
        "MiddleName": "",
        "LastName": "",
    }


def callback_body(prompt: Prompt) -> dict[str, Any]:
    """A callback as M-PESA spells it (docs/mpesa.md, 4)."""
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
