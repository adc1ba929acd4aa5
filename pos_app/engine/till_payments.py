"""Payments made straight to the till: taken from the mailbox, claimed for this till, given to sales."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

from pos_app.common.clock import Clock
from pos_app.common.errors import Mistake, Outside, TillError
from pos_app.common.http import AsyncWeb, MaybeSentError, NotSentError, Patience, Request
from pos_app.common.mailbox import DEVICE_NAME
from pos_app.common.tokens import new_address_token, token_digest
from pos_app.daraja import AsyncMpesaClient, C2bConfirmation, CallbackUnreadable, MpesaApiException
from pos_app.domain.attempt import Attempt, SaleId
from pos_app.domain.money import cents_of
from pos_app.domain.till_payment import TillPayment, claim_subject
from pos_app.engine.events import PaymentArrived, StraysChanged
from pos_app.engine.ledger_thread import LedgerThread
from pos_app.engine.mail import Mail
from pos_app.ledger.writer import Applied, LedgerWriter
from pos_app.settings.effective import MpesaAccess

ALREADY: Final = "already registered"
LONGEST_AGO_MS: Final = 400 * 86_400_000
LONGEST_PAUSE_S: Final = 60.0
MOST_AUTOMATIC: Final = 4
ITSELF: Final = "till"
"""Who gives a payment to the sale that its code was noted for before it came."""


def read_payment(body: bytes, access: MpesaAccess, now_ms: int) -> TillPayment | None:
    """A confirmation's body as a payment; None where it cannot be read or is for another shop's number."""
    try:
        confirmation = C2bConfirmation.parse(body)
    except CallbackUnreadable:
        return None
    amount = cents_of(confirmation.amount)
    if amount is None or confirmation.short_code not in (access.shortcode, access.party_b):
        return None
    paid_at_ms = int(confirmation.time.timestamp() * 1000) if confirmation.time is not None else now_ms
    if abs(paid_at_ms - now_ms) > LONGEST_AGO_MS:
        # No such time: it counts from when it came.
        paid_at_ms = now_ms
    return TillPayment(
        confirmation.mpesa_code,
        amount,
        paid_at_ms,
        confirmation.first_name,
        confirmation.phone_last3,
        confirmation.reference,
    )


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration.

    Args:
        is_good: Payments come to this shop's mailbox from now on.
        is_taken: Another system has registered the number before.
        text: M-PESA's own words, where it refused.
    """

    is_good: bool
    is_taken: bool = False
    text: str = ""


class TillPayments:
    """The engine's part for them.

    Args:
        tell: Emits an event of the engine.
        applied: Told what changed in the ledger.
    """

    def __init__(
        self,
        ledger: LedgerThread,
        access: MpesaAccess,
        clock: Clock,
        *,
        tell: Callable[[PaymentArrived | StraysChanged], None],
        applied: Callable[[Applied], Awaitable[None]],
        use_proxies: bool,
    ) -> None:
        self._ledger = ledger
        self._access = access
        self._clock = clock
        self._tell = tell
        self._applied = applied
        # Of one code a claim and what becomes of it, one at a time: no late release may free what was claimed anew.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # What the till claims by itself: so few at once that a cashier's request never waits for a connection.
        self._automatic = asyncio.Semaphore(MOST_AUTOMATIC)
        self._web = AsyncWeb(Patience(5, 10, 15), use_proxies=use_proxies)

    async def aclose(self) -> None:
        await self._web.aclose()

    def _one_claim(self, mpesa_code: str) -> asyncio.Lock:
        lock = self._locks.get(mpesa_code)
        if lock is None:
            lock = self._locks[mpesa_code] = asyncio.Lock()
        return lock

    # From the mailbox

    async def take(self, mail: Mail) -> None:
        """Lists a payment; one whose code was noted for a sale goes to it.

        Raises:
            Outside: ``ledger.…``; then nothing was written.
        """
        now_ms = self._clock.now_ms()
        taken = await self._ledger.call(
            LedgerWriter.take_payment,
            token_digest=mail.digest,
            body=mail.body,
            payment=read_payment(mail.body, self._access, now_ms),
            now_ms=now_ms,
            cursor=mail.cursor,
        )
        if taken.payment is None:
            self._tell(StraysChanged())
            return
        self._tell(PaymentArrived(taken.payment))
        if taken.claimed_sale is not None:
            try:
                await self.attach(taken.payment.mpesa_code, taken.claimed_sale, ITSELF)
            except TillError:
                # It stays in the list, where a person sees it.
                return

    async def note_claim(self, mail: Mail) -> None:
        """Another till claimed a payment, or gave it back.

        Raises:
            Outside: ``ledger.…``; then nothing was written.
        """
        now_ms = self._clock.now_ms()
        await self._ledger.call(LedgerWriter.note_claim, mail.digest, _holder(mail.body), now_ms, mail.cursor)
        self._tell(PaymentArrived(None))

    # For the cashier

    async def attach(self, mpesa_code: str, sale_id: SaleId, by: str) -> Attempt:
        """Gives a payment to a sale, once no other till of the shop can.

        Raises:
            Mistake: ``payment.…`` or ``sale.…``
            Outside: ``payment.no_claim`` where the relay cannot be asked; ``ledger.…``
        """
        async with self._one_claim(mpesa_code):
            applied = await self._attach(mpesa_code, sale_id, by)
        await self._applied(applied)
        self._tell(PaymentArrived(None))
        return applied.attempt

    async def _attach(self, mpesa_code: str, sale_id: SaleId, by: str) -> Applied:
        await self._claim(mpesa_code)
        try:
            return await self._ledger.call(LedgerWriter.attach_payment, mpesa_code, sale_id, by, self._clock.now_ms())
        except Mistake as mistake:
            if mistake.code != "payment.used":
                await self._release(mpesa_code)
            raise

    async def claim_for_prompt(self, mpesa_code: str) -> str | None:
        """Claims the code that a prompt of this till was paid with, until the relay has answered.

        Every till of the shop hears of that money as a payment too: none may give it to a sale of its own.

        Returns:
            The till that was faster; None where this one has it.
        """
        pause_s = 1.0
        while True:
            try:
                async with self._automatic, self._one_claim(mpesa_code):
                    await self._claim(mpesa_code)
            except Mistake as mistake:
                return str(mistake.params.get("till", "?"))
            except Outside:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return None

    async def detach(self, mpesa_code: str, by: str, reason: str) -> Attempt:
        """Takes a payment back from its sale; every till of the shop may have it again.

        Raises:
            Mistake: ``payment.…``
            Outside: ``ledger.…``
        """
        async with self._one_claim(mpesa_code):
            applied = await self._ledger.call(LedgerWriter.detach_payment, mpesa_code, by, reason, self._clock.now_ms())
            await self._release(mpesa_code)
        await self._applied(applied)
        self._tell(PaymentArrived(None))
        return applied.attempt

    async def register(self, client: AsyncMpesaClient) -> Registered:
        """Has M-PESA send the payments of the shop's number to its mailbox.

        Raises:
            Mistake: ``payment.no_relay``.
            Outside: ``relay.unreachable`` or ``relay.refused``; nothing was registered.
        """
        relay = self._access.relay
        if relay is None:
            raise Mistake("payment.no_relay")
        token = new_address_token()
        answer = await self._ask("PUT", f"/v1/payments/{token_digest(token).hex()}")
        if answer.status != 204:
            raise Outside("relay.refused")
        root, _, till = self._access.callback_base.rpartition("/c/")
        try:
            response = await client.c2b_register(
                short_code=self._access.party_b,
                confirmation_url=f"{root}/p/{till}/{token}",
                validation_url=f"{root}/a",
            )
        except MpesaApiException as error:
            text = error.error.error_message
            return Registered(is_good=False, is_taken=ALREADY in text.lower(), text=text)
        return Registered(response.is_successful(), text=response.ResponseDescription)

    async def _claim(self, mpesa_code: str) -> None:
        if self._access.relay is None:
            return
        answer = await self._ask("PUT", _claim_path(mpesa_code))
        if answer.status == 409:
            till = _holder(answer.body)
            await self._ledger.call(LedgerWriter.lose_payment, mpesa_code, till)
            self._tell(PaymentArrived(None))
            raise Mistake("payment.elsewhere", till=till)
        if answer.status != 200:
            raise Outside("payment.no_claim")

    async def _release(self, mpesa_code: str) -> None:
        if self._access.relay is None:
            return
        path = _claim_path(mpesa_code)
        try:
            # Claimed once more for its number: a release that is held up on its way must free nothing claimed later.
            answer = await self._ask("PUT", path)
            if answer.status == 200:
                await self._ask("DELETE", f"{path}?claim={_number(answer.body)}")
        except Outside:
            # It stays this till's at the relay: the others do not get it, and nothing is counted twice.
            return

    async def _ask(self, method: str, path: str) -> Any:
        relay = self._access.relay
        assert relay is not None, "asked only where there is a relay"
        headers = {"Authorization": f"Bearer {relay.till}.{relay.token}"}
        try:
            return await self._web.send(Request(method, relay.url + path, headers))
        except (NotSentError, MaybeSentError):
            raise Outside("payment.no_claim" if "/claims/" in path else "relay.unreachable") from None


def _claim_path(mpesa_code: str) -> str:
    return f"/v1/claims/{claim_subject(mpesa_code).hex()}"


def _number(body: bytes) -> int:
    """Of a claim; 0 where the relay does not say."""
    number = _said(body, "claim")
    return number if isinstance(number, int) else 0


def _holder(body: bytes) -> str:
    """The till that has a payment; empty for none, ``?`` where the relay does not say."""
    till = _said(body, "till")
    return till if isinstance(till, str) and (not till or DEVICE_NAME.match(till)) else "?"


def _said(body: bytes, name: str) -> Any:
    try:
        return json.loads(body)[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
