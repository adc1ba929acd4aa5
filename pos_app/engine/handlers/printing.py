"""Paper: what was printed is noted, so that the next one is a copy."""

from __future__ import annotations

from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt
from pos_app.engine.commands import NoteReceipt, Sender
from pos_app.engine.parts import Parts
from pos_app.ledger.writer import LedgerWriter


async def note_receipt(command: NoteReceipt, _sender: Sender, parts: Parts) -> Attempt:
    """Notes that a receipt was made."""
    last = await parts.context.ledger.call(LedgerWriter.last_attempt_of, command.sale_id)
    return (await parts.attempts.apply(last.id, ev.ReceiptMade(command.how), always_emit=True)).attempt
