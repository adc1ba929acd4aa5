"""The one door for commands: actor, permission, handler, reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from pos_app.common import faults
from pos_app.common.errors import Bug, Mistake, PosError
from pos_app.domain.staff.actor import Actor
from pos_app.domain.staff.permission import may
from pos_app.engine import commands as wanted
from pos_app.engine.commands import REQUIRED_PERMISSION, Command, Sender
from pos_app.engine.handlers import c2b, messages, printing, sales, stk
from pos_app.engine.parts import Parts

R = TypeVar("R")
Handler = Callable[[Any, Actor, Parts], Awaitable[Any]]

HANDLERS: Final[Mapping[type[Command[Any]], Handler]] = {
    wanted.RequestStkPayment: stk.request_payment,
    wanted.SendAgain: stk.send_again,
    wanted.CheckNow: stk.check_now,
    wanted.RecheckClosed: stk.recheck_closed,
    wanted.Withdraw: stk.withdraw,
    wanted.QuoteCode: stk.quote_code,
    wanted.GiveUpAttempt: stk.give_up,
    wanted.VoidSale: sales.void,
    wanted.SettleReview: sales.settle_review,
    wanted.AllocatePayment: c2b.allocate,
    wanted.DeallocatePayment: c2b.deallocate,
    wanted.RegisterC2bUrls: c2b.register_urls,
    wanted.ResolveMessages: messages.resolve,
    wanted.NoteReceipt: printing.note_receipt,
}


class Authenticator(Protocol):
    """Knows whether a sender is who they say."""

    async def check(self, sender: Sender) -> None:
        """Lets a sender through.

        Raises:
            Mistake: ``manager.wrong_pin``, or ``manager.no_pin`` where none was set.
            Outside: ``secrets.…``
        """


class Dispatcher:
    """Carries out commands.

    Args:
        authenticator: Asked where a command wants a permission.
    """

    def __init__(self, parts: Parts, authenticator: Authenticator) -> None:
        self._parts = parts
        self._authenticator = authenticator

    async def execute(self, command: Command[R], sender: Sender) -> R:
        """Does what a command wants; its reply.

        Raises:
            Mistake: ``permission.missing`` (permission), and whatever the handler refuses.
            Outside: As the handler.
            Bug: ``program.fault``, for what no handler expected: it is in the log.
        """
        try:
            await self._authorize(type(command), sender)
            reply: R = await _handler_of(command)(command, sender.actor, self._parts)
        except PosError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked is answered, whatever it was
            raise faults.as_error(error, "command") from None
        return reply

    async def _authorize(self, kind: type[Command[Any]], sender: Sender) -> None:
        permission = REQUIRED_PERMISSION.get(kind)
        if permission is None:
            return
        if not may(sender.actor, permission):
            raise Mistake("permission.missing", permission=permission.value)
        await self._authenticator.check(sender)


def _handler_of(command: Command[Any]) -> Handler:
    handler = HANDLERS.get(type(command))
    if handler is None:
        raise Bug("command.unknown", command=type(command).__name__)
    return handler
