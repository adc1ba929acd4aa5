"""What becomes of each message of the relay: a callback, a payment, a reservation, or evidence alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from pos_app.common.errors import PosError
from pos_app.common.mailbox import MessageKind
from pos_app.daraja import C2bConfirmation, CallbackUnreadable
from pos_app.domain.c2b.payment import C2bPayment
from pos_app.domain.staff.actor import ENGINE
from pos_app.domain.values.money import cents_of
from pos_app.engine.commands import Sender
from pos_app.engine.handlers.c2b import allocate_payment
from pos_app.engine.parts import Parts
from pos_app.engine.relay_messages import RelayMessage, read_callback
from pos_app.engine.services.code_reservations import holder_of
from pos_app.engine.updates import EngineFailed, MessagesChanged, PaymentArrived
from pos_app.ledger.writer import LedgerWriter
from pos_app.settings.effective import MpesaAccess

_log = logging.getLogger("pos_app.engine")
LONGEST_AGO_MS: Final = 400 * 86_400_000


class MessageIntake:
    """Takes messages: evidence, effect and cursor are one transaction each."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._context = parts.context

    async def take(self, message: RelayMessage) -> None:
        """No message stops its reader: one that it falls over is kept as evidence, and passed."""
        try:
            await self._surely(self._take, message)
        except Exception:  # noqa: BLE001 - whatever a stranger can make it raise
            _log.exception("a message of the relay was passed over")
            try:
                await self._surely(self._pass_over, message)
            except Exception:  # noqa: BLE001 - the same
                _log.exception("a message of the relay could not be kept either")
            self._context.emit(EngineFailed("engine.message", {}))
            self._context.emit(MessagesChanged())

    async def _surely(self, work: Callable[[RelayMessage], Coroutine[Any, Any, None]], message: RelayMessage) -> None:
        await self._parts.attempts.surely(lambda: work(message))

    async def _take(self, message: RelayMessage) -> None:
        match message.kind:
            case MessageKind.CALLBACK:
                await self._take_callback(message)
            case MessageKind.PAYMENT:
                await self._take_payment(message)
            case MessageKind.CLAIM:
                await self._take_reservation(message)
            case None:
                _log.warning("the relay sent a message of a kind that this till does not know")
                await self._pass_over(message)
                self._context.emit(MessagesChanged())

    async def _pass_over(self, message: RelayMessage) -> None:
        context = self._context
        await context.ledger.call(
            LedgerWriter.pass_over, message.digest, message.body, context.clock.now_ms(), message.cursor
        )

    async def _take_callback(self, message: RelayMessage) -> None:
        context = self._context
        applied = await context.ledger.call(
            LedgerWriter.take_callback,
            token_digest=message.digest,
            body=message.body,
            event=read_callback(message.body),
            now_ms=context.clock.now_ms(),
            cursor=message.cursor,
            timing=context.timing,
        )
        if applied is not None:
            await self._parts.attempts.follow_up(applied)
        else:
            context.emit(MessagesChanged())

    async def _take_payment(self, message: RelayMessage) -> None:
        """Lists a payment; one whose code was noted for a sale goes to that sale."""
        context, now_ms = self._context, self._context.clock.now_ms()
        taken = await context.ledger.call(
            LedgerWriter.take_payment,
            token_digest=message.digest,
            body=message.body,
            payment=read_payment(message.body, context.access, now_ms),
            now_ms=now_ms,
            cursor=message.cursor,
        )
        if taken.payment is None:
            context.emit(MessagesChanged())
            return
        context.emit(PaymentArrived(taken.payment))
        if taken.proved is not None and taken.proved.has_changed:
            await self._parts.attempts.follow_up(taken.proved)
        if taken.quoted_for is not None:
            try:
                await allocate_payment(taken.payment.mpesa_code, taken.quoted_for, Sender(ENGINE), self._parts)
            except PosError:
                # It stays in the list, where a person sees it.
                return

    async def _take_reservation(self, message: RelayMessage) -> None:
        """Another till took a payment, or gave it back."""
        context = self._context
        await context.ledger.call(
            LedgerWriter.note_reservation,
            message.digest,
            holder_of(message.body),
            context.clock.now_ms(),
            message.cursor,
        )
        context.emit(PaymentArrived(None))


def read_payment(body: bytes, access: MpesaAccess, now_ms: int) -> C2bPayment | None:
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
    return C2bPayment(
        confirmation.mpesa_code,
        amount,
        paid_at_ms,
        confirmation.first_name,
        confirmation.phone_last3,
        confirmation.reference,
    )
