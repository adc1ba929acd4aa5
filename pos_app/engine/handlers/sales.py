"""Sales: voided, and what was to check of them settled."""

from __future__ import annotations

from pos_app.common.errors import Mistake
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.engine.commands import Sender, SettleReview, VoidSale
from pos_app.engine.parts import Parts
from pos_app.ledger.writer import LedgerWriter


async def void(command: VoidSale, sender: Sender, parts: Parts) -> Attempt:
    """Takes a sale back that is not paid; an attempt that never left is withdrawn with it.

    Raises:
        Mistake: ``sale.not_voidable``.
    """
    last = await parts.context.ledger.call(LedgerWriter.last_attempt_of, command.sale_id)
    if last.state is AttemptState.READY:
        await parts.attempts.apply(last.id, ev.Withdrawn())
    event = ev.SaleVoided(sender.actor.name, command.reason)
    return (await parts.attempts.apply(last.id, event, always_emit=True)).attempt


async def settle_review(command: SettleReview, sender: Sender, parts: Parts) -> None:
    """Notes that a person settled what needed one, for every attempt of a sale. What was heard stays in the events.

    Raises:
        Mistake: ``review.no_reason``; ``review.listed`` (mpesa_code): its money came and can be given to the sale.
    """
    if not command.reason.strip():
        raise Mistake("review.no_reason")
    context = parts.context
    settled = await context.ledger.call(
        LedgerWriter.settle_review, command.sale_id, sender.actor.name, command.reason, context.clock.now_ms()
    )
    for applied in settled:
        await parts.attempts.follow_up(applied)
