"""The one door for commands: actor, permission, handler, reply."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from pos_app.common import faults
from pos_app.common.errors import Bug, Mistake, Outside, PosError
from pos_app.domain.staff.permission import may
from pos_app.engine import commands as wanted
from pos_app.engine.commands import REQUIRED_PERMISSION, Command, Sender
from pos_app.engine.handlers import c2b, messages, printing, sales, stk
from pos_app.engine.parts import Parts

R = TypeVar("R")
Handler = Callable[[Any, Sender, Parts], Awaitable[Any]]
FINISHES_WITHIN_S: Final = 1.0
"""A command that waits for a relay or a password store is left behind when the till closes."""

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
        self._under_way = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_stopping = False

    async def execute(self, command: Command[R], sender: Sender) -> R:
        """Does what a command wants; its reply.

        Raises:
            Mistake: ``permission.missing`` (permission), and whatever the handler refuses.
            Outside: As the handler; ``engine.stopping`` once `finish` was called.
            Bug: ``program.fault``, for what no handler expected: it is in the log.
        """
        if self._is_stopping:
            raise Outside("engine.stopping")
        self._under_way += 1
        self._is_idle.clear()
        try:
            await self._authorize(type(command), sender)
            reply: R = await _handler_of(command)(command, sender, self._parts)
        except PosError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked is answered, whatever it was
            raise faults.as_error(error, "command") from None
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._is_idle.set()
        return reply

    async def finish(self) -> None:
        """Takes no more commands, and waits a moment for those that are under way."""
        self._is_stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISHES_WITHIN_S):
                await self._is_idle.wait()

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
