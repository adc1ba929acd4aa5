"""Messages that belong to no payment of this till."""

from __future__ import annotations

from pos_app.domain.staff.actor import Actor
from pos_app.engine.commands import ResolveMessages
from pos_app.engine.parts import Parts
from pos_app.engine.updates import MessagesChanged
from pos_app.ledger.writer import LedgerWriter


async def resolve(command: ResolveMessages, actor: Actor, parts: Parts) -> None:
    """Notes what a person did about them."""
    context = parts.context
    await context.ledger.call(
        LedgerWriter.settle_strays, command.evidence, actor.name, command.reason, context.clock.now_ms()
    )
    context.emit(MessagesChanged())
