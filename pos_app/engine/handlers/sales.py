"""Sales: voided, and what was to check of them settled."""

from __future__ import annotations

from pos_app.common.errors import Mistake
from pos_app.domain.stk.attempt import Attempt
from pos_app.engine.commands import Sender, SettleReview, VoidSale
from pos_app.engine.parts import Parts
from pos_app.ledger.writer import LedgerWriter


async def void(command: VoidSale, sender: Sender, parts: Parts) -> Attempt:
    """Takes a sale back that is not paid; an attempt that never left is withdrawn with it.

    Raises:
        Mistake: ``sale.not_voidable``, ``sale.said_paid``.
    """
    context = parts.context
    applied = await context.ledger.call(
        LedgerWriter.void_sale, command.sale_id, sender.actor.name, command.reason, context.clock.now_ms()
    )
    for one in applied:
        await parts.attempts.follow_up(one, always_emit=True)
    return applied[-1].attempt


async def settle_review(command: SettleReview, sender: Sender, parts: Parts) -> None:
    """Notes that a person settled what needed one, for every attempt of a sale. What was heard stays in the events.

    Raises:
        Mistake: ``review.no_reason``; ``review.nothing``; ``review.listed`` (mpesa_code): its money came, and can be
            given to the sale.
    """
    if not command.reason.strip():
        raise Mistake("review.no_reason")
    context = parts.context
    settled = await context.ledger.call(
        LedgerWriter.settle_review, command.sale_id, sender.actor.name, command.reason, context.clock.now_ms()
    )
    for applied in settled:
        await parts.attempts.follow_up(applied)
