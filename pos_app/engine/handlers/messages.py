"""Messages that belong to no payment of this till."""

from __future__ import annotations

from pos_app.engine.commands import ResolveMessages, Sender
from pos_app.engine.parts import Parts
from pos_app.engine.updates import MessagesChanged
from pos_app.ledger.writer import LedgerWriter


async def resolve(command: ResolveMessages, sender: Sender, parts: Parts) -> None:
    """Notes what a person did about them."""
    context = parts.context
    await context.ledger.call(
        LedgerWriter.settle_strays, command.evidence, sender.actor.name, command.reason, context.clock.now_ms()
    )
    context.emit(MessagesChanged())
