"""Runs the engine for a while, without a window, and tells each change as a line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pos_app.bootstrap import AnyUpdate, Runtime
from pos_app.cli.context import actor
from pos_app.cli.lines import OutputLostError, as_line, attempt_json, attempt_text, print_error, print_line
from pos_app.cli.stopping import on_stop
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.commands import Command, Sender
from pos_app.engine.updates import AttemptChanged, EngineFailed, Health, MailboxBegun, Polled, ServiceStatusChanged
from pos_app.installation.installation import Installation
from pos_app.texts.errors import reason
from pos_app.texts.service_status import mailbox_begun, status_text

R = TypeVar("R")


class Session:
    """One run of the engine.

    Args:
        as_json: One JSON object a line instead of words.
    """

    def __init__(self, installation: Installation, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[AttemptId, dict[str, Any]] = {}
        self._changed = asyncio.Event()
        self.is_stopping = False
        self.attempts: dict[AttemptId, Attempt] = {}
        self._sender = Sender(actor())
        self.runtime = Runtime(installation, installation.access(), self._on_update, customers_pay=True)

    async def execute(self, command: Command[R]) -> R:
        """Does what the user wants. Who that was is known to the engine, and not yet written down."""
        return await self.runtime.execute(command, self._sender)

    def _on_update(self, update: AnyUpdate) -> None:
        match update:
            case AttemptChanged(attempt):
                self.tell(attempt)
            case ServiceStatusChanged(_, health, code, detail) if health is Health.DOWN or code == "mpesa.clock":
                # For whoever sits there; a program reads standard output.
                print_error(status_text(code, detail)[1])
            case Polled():
                self._changed.set()
            case EngineFailed(code, params):
                print_error(reason(code, params))
            case MailboxBegun(passed_over, at_ms):
                print_error(mailbox_begun(passed_over, at_ms))
            case _:
                pass

    def tell(self, attempt: Attempt) -> None:
        """Prints an attempt if anything of it that is printed has changed."""
        self.attempts[attempt.id] = attempt
        document = attempt_json(attempt)
        if self._told.get(attempt.id) != document:
            self._told[attempt.id] = document
            # That nobody reads any more changes nothing for the customer: the payment goes on.
            with contextlib.suppress(OutputLostError):
                print_line(as_line(document) if self._as_json else attempt_text(attempt))
        self._changed.set()

    async def until(self, is_done: Callable[[], bool], wait_s: float) -> None:
        """Waits until something is so, the time is over, or the user stops it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not is_done() and not self.is_stopping:
                    self._changed.clear()
                    await self._changed.wait()

    def _stop(self) -> None:
        self.is_stopping = True
        self._changed.set()

    def listen_to_signals(self) -> None:
        """Ctrl+C and a polite end of the process write down what is known, as closing the window does."""
        on_stop(self._stop)


async def run(
    installation: Installation, *, as_json: bool, work: Callable[[Session], Awaitable[None]]
) -> dict[AttemptId, Attempt]:
    """Starts the engine, does the work, stops the engine, whatever happens.

    Returns:
        Every attempt it saw, as it was at the end.

    Raises:
        Mistake, Outside: as the engine's start and the work.
    """
    session = Session(installation, as_json=as_json)
    session.listen_to_signals()
    try:
        await session.runtime.start()
        await work(session)
    finally:
        await session.runtime.stop()
    return session.attempts


def is_settled(attempt: Attempt) -> bool:
    """Whether nothing more will come of it by itself."""
    return attempt.state not in (AttemptState.SENDING, AttemptState.PENDING, AttemptState.UNKNOWN)
