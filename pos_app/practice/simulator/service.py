"""The practice M-PESA itself, without HTTP: tokens, prompts, wallets, queries."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import time
from collections.abc import Callable
from typing import Any

from pos_app.common.clock import mpesa_timestamp
from pos_app.practice.simulator.callbacks import CallbackSender
from pos_app.practice.simulator.checks import PushOrder, Refusal, check_password, check_push, query_shortcode
from pos_app.practice.simulator.customers import DAILY_LIMIT_CENTS, Customer, CustomerBehaviour, name_for
from pos_app.practice.simulator.faults import FaultMenu
from pos_app.practice.simulator.records import Payment, Prompt, SimulatorRecords
from pos_app.practice.simulator.shop import Shop, SimulatorOptions

RESULT_TEXTS = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "4": "Declined due to limit rule: would exceed daily transfer limit.",
    "8": "Declined due to limit rule: would exceed the maximum balance.",
    "17": "Rule limited.",
    "1032": "Request cancelled by user",
    "1037": "DS timeout user cannot be reached",
    "2001": "The initiator information is invalid.",
    "2028": "The request is not permitted according to product assignment.",
    "8006": "The security credential is locked.",
    "SFC_IC0003": "The operator does not exist.",
}


class PracticeMpesa:
    """One practice M-PESA with its records, its customers and its fault menu.

    *Thread*: belongs to the loop it runs on.
    """

    def __init__(self, shop: Shop | None = None, options: SimulatorOptions | None = None) -> None:
        self.shop = shop or Shop()
        self.options = options or SimulatorOptions()
        self.records = SimulatorRecords()
        self.faults = FaultMenu()
        self.customers: dict[str, Customer] = {}
        self.on_phone: Callable[[str], None] = lambda _msisdn: None
        self._tokens: dict[str, float] = {}
        self._next_query_s: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._callbacks = CallbackSender(self.records, self.faults, self.options)
        self._started_s = time.monotonic()

    def now_s(self) -> float:
        """Practice seconds since the start; ``speed`` of them pass in a real one."""
        return (time.monotonic() - self._started_s) * self.options.speed

    async def sleep(self, practice_s: float) -> None:
        """Waits practice seconds."""
        await asyncio.sleep(practice_s / self.options.speed)

    async def stop(self) -> None:
        """Ends every prompt's timer and every callback on its way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._callbacks.stop()

    async def release_callbacks(self) -> None:
        """Sends the callbacks that wait for a later one, as if it had come."""
        await self._callbacks.release()

    # Tokens

    def give_token(self, grant_type: str, authorization: str) -> dict[str, Any]:
        """A token for the right credentials.

        Raises:
            Refusal: as M-PESA would; wrong credentials with an empty body (empty code).
        """
        if not authorization.lower().startswith("basic "):
            raise Refusal(400, "400.008.01", "Invalid Authentication passed")
        if grant_type != "client_credentials":
            raise Refusal(400, "400.008.02", "Invalid grant type passed")
        try:
            pair = base64.b64decode(authorization[6:].strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(400, "", "") from None
        if pair != f"{self.shop.consumer_key}:{self.shop.consumer_secret}":
            raise Refusal(400, "", "")
        token = secrets.token_urlsafe(20)
        life = self.options.token_life_s
        self._tokens[token] = self.now_s() + life
        self.records.tokens_given += 1
        return {"access_token": token, "expires_in": str(int(life)) if self.options.expires_as_text else life}

    def check_token(self, authorization: str) -> None:
        """Raises:
        Refusal: where the token is not known or too old.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(404, "404.001.04", "Invalid Authentication Header")
        if self._tokens.get(token.strip(), -1.0) < self.now_s():
            raise Refusal(404, "404.001.03", "Invalid Access Token")

    # Push

    def push(self, body: Any, content_type: str) -> dict[str, Any]:
        """Queues a prompt.

        Raises:
            Refusal: as M-PESA would.
        """
        self.records.pushes_seen += 1
        if isinstance(body, dict):
            self.records.push_addresses.append(str(body.get("CallBackURL", "")))
        try:
            order = check_push(body, content_type, self.shop)
            customer = self.customer(order.msisdn)
            if not customer.is_registered:
                raise Refusal(500, "500.001.1001", "[CBS - ] No ICCID found for this MSISDN")
            if self.records.open_prompt_of(order.msisdn) is not None:
                raise Refusal(
                    500,
                    "500.001.1001",
                    "Unable to lock subscriber, a transaction is already in process for the current subscriber",
                )
        except Refusal as refusal:
            self.records.refusals.append(f"{refusal.code} {refusal.text}")
            raise
        prompt = self._open_prompt(order)
        at_once = self._fails_at_once(prompt, customer)
        if at_once is not None:
            self._settle(prompt, at_once)
        else:
            self._start(self._live_through(prompt, customer))
        return {
            "MerchantRequestID": prompt.merchant_request_id,
            "CheckoutRequestID": prompt.checkout_request_id,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }

    def customer(self, msisdn: str) -> Customer:
        """The subscriber of a number; there is one for every number."""
        if msisdn not in self.customers:
            self.customers[msisdn] = Customer(
                msisdn, name_for(msisdn), habit=self.options.habit, habit_after_s=self.options.habit_after_s
            )
        return self.customers[msisdn]

    def _open_prompt(self, order: PushOrder) -> Prompt:
        stamp = mpesa_timestamp(int(time.time() * 1000))
        serial = f"{len(self.records.prompts) + 1}{secrets.randbelow(10**6):06d}"
        prompt = Prompt(
            merchant_request_id=f"{secrets.randbelow(90_000) + 10_000}-{serial}-1",
            checkout_request_id=f"ws_CO_{stamp}{serial}",
            msisdn=order.msisdn,
            amount_cents=order.shillings * 100,
            shortcode=order.shortcode,
            party_b=order.party_b,
            transaction_type=order.transaction_type,
            reference=order.reference,
            description=order.description,
            callback_url=order.callback_url,
            created_s=self.now_s(),
        )
        self.records.prompts[prompt.checkout_request_id] = prompt
        return prompt

    def _fails_at_once(self, prompt: Prompt, customer: Customer) -> str | None:
        """Results that come without the customer doing anything."""
        recent = any(
            other is not prompt
            and other.msisdn == prompt.msisdn
            and other.amount_cents == prompt.amount_cents
            and other.shortcode == prompt.shortcode
            and other.result_code == "0"
            and prompt.created_s - other.created_s < self.options.same_amount_s
            for other in self.records.prompts.values()
        )
        if recent:
            return "17"
        if customer.is_locked:
            return "8006"
        return None

    async def _live_through(self, prompt: Prompt, customer: Customer) -> None:
        """A prompt's life: the customer's habit, or its end."""
        if not customer.is_on:
            prompt.is_delivered = False
            await self.sleep(self.options.prompt_life_s / 2)
            self._settle(prompt, "1037")
            return
        self.on_phone(prompt.msisdn)
        if customer.habit in (CustomerBehaviour.PAYS, CustomerBehaviour.CANCELS, CustomerBehaviour.WRONG_PIN):
            await self.sleep(customer.habit_after_s)
            if prompt.is_open:
                self._act(prompt, customer)
            return
        await self.sleep(self.options.prompt_life_s)
        if prompt.is_open:
            self._settle(prompt, "1037")

    def _act(self, prompt: Prompt, customer: Customer) -> None:
        if customer.habit is CustomerBehaviour.CANCELS:
            self._settle(prompt, "1032")
        else:
            wrong = "0000" if customer.pin != "0000" else "1111"
            self.enter_pin(prompt.msisdn, customer.pin if customer.habit is CustomerBehaviour.PAYS else wrong)

    # The customer's phone

    def enter_pin(self, msisdn: str, pin: str) -> str | None:
        """The customer enters a PIN; the result code, or None where no prompt stands."""
        prompt = self.records.open_prompt_of(msisdn)
        if prompt is None or not prompt.is_delivered:
            return None
        customer = self.customer(msisdn)
        self._settle(prompt, self._result_of_pin(prompt, customer, pin))
        return prompt.result_code

    def cancel(self, msisdn: str) -> str | None:
        """The customer closes the prompt."""
        prompt = self.records.open_prompt_of(msisdn)
        if prompt is None or not prompt.is_delivered:
            return None
        self._settle(prompt, "1032")
        return prompt.result_code

    def _result_of_pin(self, prompt: Prompt, customer: Customer, pin: str) -> str:
        if customer.is_locked:
            return "8006"
        if not customer.enter_pin(pin):
            return "8006" if customer.is_locked else "2001"
        wiring = self._wiring_fault(prompt)
        if wiring is not None:
            return wiring
        if customer.balance_cents < prompt.amount_cents:
            return "1"
        if customer.spent_today_cents + prompt.amount_cents > DAILY_LIMIT_CENTS:
            return "4"
        if self.records.received_cents() + prompt.amount_cents > self.shop.limit_cents:
            return "8"
        return "0"

    def _wiring_fault(self, prompt: Prompt) -> str | None:
        """Store and till mixed up shows only after the PIN (docs/mpesa.md, 2.3)."""
        buys_goods = prompt.transaction_type == "CustomerBuyGoodsOnline"
        if buys_goods and prompt.shortcode != self.shop.store:
            return "2028"
        if not buys_goods and prompt.shortcode != self.shop.paybill:
            return "SFC_IC0003"
        if prompt.party_b != (self.shop.till if buys_goods else self.shop.paybill):
            return "SFC_IC0003"
        return None

    def _settle(self, prompt: Prompt, code: str) -> None:
        prompt.result_code, prompt.result_desc = code, RESULT_TEXTS[code]
        customer = self.customer(prompt.msisdn)
        if code == "0":
            prompt.mpesa_code = self.records.new_code()
            prompt.paid_at = mpesa_timestamp(int(time.time() * 1000))
            customer.balance_cents -= prompt.amount_cents
            customer.spent_today_cents += prompt.amount_cents
            is_paybill = prompt.transaction_type != "CustomerBuyGoodsOnline"
            payment = Payment(
                prompt.mpesa_code,
                prompt.checkout_request_id,
                prompt.msisdn,
                prompt.amount_cents,
                prompt.reference if is_paybill else "",
                prompt.party_b,
            )
            self._book(payment, customer, prompt.paid_at)
        self.on_phone(prompt.msisdn)
        self._start(self._callbacks.report(prompt))

    def _book(self, payment: Payment, customer: Customer, paid_at: str) -> None:
        """The money has moved: records, the customer's message, and the confirmation where one is wanted."""
        self.records.payments.append(payment)
        customer.messages.append(self._sms(payment, customer))
        # A prompt's payment is confirmed like any other: the twin of its callback (docs/mpesa.md, 5).
        self._start(self._callbacks.confirm(payment, customer.name, paid_at))

    def _sms(self, payment: Payment, customer: Customer) -> str:
        account = f" for account {payment.reference}" if payment.reference else ""
        return (
            f"{payment.mpesa_code} Confirmed. Ksh{payment.amount_cents / 100:,.2f} sent to {self.shop.name}{account}. "
            f"New M-PESA balance is Ksh{customer.balance_cents / 100:,.2f}. (practice)"
        )

    # Payments made straight to the number

    def register_urls(self, body: Any) -> dict[str, Any]:
        """Notes where payments of a shortcode are confirmed. Once: as in production, a second time is refused.

        Raises:
            Refusal: as M-PESA would.
        """
        fields = body if isinstance(body, dict) else {}
        shortcode, url = str(fields.get("ShortCode", "")), str(fields.get("ConfirmationURL", ""))
        if shortcode not in (self.shop.paybill, self.shop.store, self.shop.till):
            raise Refusal(400, "400.002.02", "Bad Request - Invalid ShortCode")
        if fields.get("ResponseType") not in ("Completed", "Cancelled") or not url.startswith("http"):
            raise Refusal(400, "400.002.02", "Bad Request - Invalid ConfirmationURL")
        if shortcode in self.records.confirmation_urls and self.options.registers_once:
            raise Refusal(500, "500.003.1001", "Urls are already registered")
        self.records.confirmation_urls[shortcode] = url
        return {
            "OriginatorCoversationID": secrets.token_hex(8),
            "ResponseCode": "00000000",
            "ResponseDescription": "Success",
        }

    def pay_by_hand(self, msisdn: str, shillings: int, *, shortcode: str = "", reference: str = "") -> str | None:
        """A customer pays the shop's number by hand; the M-PESA code, or None where the wallet has too little."""
        customer = self.customer(msisdn)
        cents = shillings * 100
        if cents <= 0 or customer.balance_cents < cents or customer.is_locked:
            return None
        customer.balance_cents -= cents
        customer.spent_today_cents += cents
        payment = Payment(self.records.new_code(), "", msisdn, cents, reference, shortcode or self.shop.paybill)
        self._book(payment, customer, mpesa_timestamp(int(time.time() * 1000)))
        self.on_phone(msisdn)
        return payment.mpesa_code

    # Query

    def query(self, body: Any) -> dict[str, Any]:
        """The result of a prompt as far as there is one.

        Raises:
            Refusal: as M-PESA would, "not finished yet" included.
        """
        self.records.queries_seen += 1
        shortcode, checkout = query_shortcode(body)
        self._spike_arrest(shortcode)
        check_password(body, shortcode, self.shop)
        prompt = self.records.prompts.get(checkout)
        if prompt is None or prompt.shortcode != shortcode:
            raise Refusal(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
        if self.now_s() - prompt.created_s < self.options.indexed_after_s:
            raise Refusal(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
        if prompt.result_code is None:
            return self.pending(prompt, self.options.pending_form)
        return self.result(prompt, prompt.result_code, prompt.result_desc)

    def pending(self, prompt: Prompt, form: int) -> dict[str, Any]:
        """ "Not finished yet" in one of its three forms (docs/mpesa.md, 3.1)."""
        if form == 1:
            raise Refusal(500, "500.001.1001", "The transaction is being processed")
        if form == 2:
            return self.result(prompt, "4999", "The transaction is still under processing")
        raise Refusal(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")

    def result(self, prompt: Prompt, code: str, text: str) -> dict[str, Any]:
        """A query's answer: no M-PESA code, no amount, no phone."""
        return {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successfully",
            "MerchantRequestID": prompt.merchant_request_id,
            "CheckoutRequestID": prompt.checkout_request_id,
            "ResultCode": code,
            "ResultDesc": text,
        }

    def _spike_arrest(self, shortcode: str) -> None:
        if self.options.query_spacing_s <= 0:
            return
        now = self.now_s()
        # A tenth of grace: two machines never agree on an interval to the millisecond.
        if now < self._next_query_s.get(shortcode, 0.0):
            raise Refusal(429, "spike", "")
        self._next_query_s[shortcode] = now + self.options.query_spacing_s * 0.9

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
