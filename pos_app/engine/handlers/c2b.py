"""Payments made straight to the till: given to sales, taken back, and asked for at M-PESA."""

from __future__ import annotations

from typing import Final

from pos_app.common.errors import Mistake, Outside
from pos_app.common.tokens import new_address_token, token_digest
from pos_app.daraja import MpesaApiException
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.ids import SaleId
from pos_app.engine.commands import AllocatePayment, C2bRegistration, DeallocatePayment, RegisterC2bUrls, Sender
from pos_app.engine.parts import Parts
from pos_app.engine.services.code_reservations import CodeReservations
from pos_app.engine.updates import PaymentArrived
from pos_app.ledger.writer import Applied, LedgerWriter

ALREADY: Final = "already registered"


async def allocate(command: AllocatePayment, sender: Sender, parts: Parts) -> Attempt:
    """Gives a payment to a sale, once no other till of the shop can.

    Raises:
        Mistake: ``payment.…`` or ``sale.…``
        Outside: ``payment.no_claim`` where the relay cannot be asked; ``ledger.…``
    """
    return await allocate_payment(command.mpesa_code, command.sale_id, sender, parts)


async def allocate_payment(mpesa_code: str, sale_id: SaleId, sender: Sender, parts: Parts) -> Attempt:
    """As `allocate`."""
    reservations = _reservations(parts)
    async with reservations.one_at_a_time(mpesa_code):
        applied = await _allocate(mpesa_code, sale_id, sender, parts, reservations)
    await parts.attempts.follow_up(applied, always_emit=True)
    parts.context.emit(PaymentArrived(None))
    return applied.attempt


async def _allocate(
    mpesa_code: str, sale_id: SaleId, sender: Sender, parts: Parts, reservations: CodeReservations
) -> Applied:
    context = parts.context
    await reservations.reserve(mpesa_code)
    try:
        return await context.ledger.call(
            LedgerWriter.allocate_payment, mpesa_code, sale_id, sender.actor.name, context.clock.now_ms()
        )
    except Mistake as mistake:
        if mistake.code != "payment.used":
            await reservations.release(mpesa_code)
        raise


async def deallocate(command: DeallocatePayment, sender: Sender, parts: Parts) -> Attempt:
    """Takes a payment back from its sale; every till of the shop may have it again.

    Raises:
        Mistake: ``payment.…``
        Outside: ``ledger.…``
    """
    context, reservations = parts.context, _reservations(parts)
    async with reservations.one_at_a_time(command.mpesa_code):
        applied = await context.ledger.call(
            LedgerWriter.deallocate_payment,
            command.mpesa_code,
            sender.actor.name,
            command.reason,
            context.clock.now_ms(),
        )
        await reservations.release(command.mpesa_code)
    await parts.attempts.follow_up(applied, always_emit=True)
    context.emit(PaymentArrived(None))
    return applied.attempt


async def register_urls(_command: RegisterC2bUrls, _sender: Sender, parts: Parts) -> C2bRegistration:
    """Has M-PESA send the payments of the shop's number to its mailbox.

    Raises:
        Mistake: ``settings.missing``; ``payment.no_relay``.
        Outside: ``relay.unreachable`` or ``relay.refused``; nothing was registered.
    """
    context, client = parts.context, parts.context.mpesa
    reservations, token = _reservations(parts), new_address_token()
    answer = await reservations.ask("PUT", f"/v1/payments/{token_digest(token).hex()}")
    if answer.status != 204:
        raise Outside("relay.refused")
    root, _, till = context.access.callback_base.rpartition("/c/")
    try:
        response = await client.c2b_register(
            short_code=context.access.party_b,
            confirmation_url=f"{root}/p/{till}/{token}",
            validation_url=f"{root}/a",
        )
    except MpesaApiException as error:
        text = error.error.error_message
        return C2bRegistration(is_good=False, is_taken=ALREADY in text.lower(), text=text)
    return C2bRegistration(response.is_successful(), text=response.ResponseDescription)


def _reservations(parts: Parts) -> CodeReservations:
    if parts.reservations is None:
        raise Mistake("payment.no_relay")
    return parts.reservations
