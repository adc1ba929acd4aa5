"""Events of attempts: each is one transaction of the ledger, then its effects, then the update for the faces."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from pos_app.common.errors import Outside
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import FOLLOWED, Attempt, AttemptState
from pos_app.domain.stk.effects import Announce, AskSoon, SendPush
from pos_app.domain.stk.schedule import WaitReason
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.context import Context
from pos_app.engine.updates import Announced, AttemptChanged, Health, Service, ServiceStatusChanged
from pos_app.ledger.writer import Applied, LedgerWriter

_log = logging.getLogger("pos_app.engine")
RETRY_WRITE_S: Final = 2.0


class Poller(Protocol):
    """Asks M-PESA for results."""

    def follow(self, attempt: Attempt) -> None:
        """Takes note of an attempt as it is now."""

    def follows(self, attempt_id: AttemptId) -> bool:
        """Whether an attempt is asked for by itself, now or later."""

    def ask_now(self, attempt: Attempt) -> bool:
        """Asks as soon as the limiter allows; False where there is nothing to ask with."""

    def next_ask_in_s(self, attempt_id: AttemptId) -> float | None:
        """Seconds to the next question; None where none is planned."""


class Attempts:
    """Applies events, and carries out what follows from them.

    Args:
        context: The engine's parts.

    Attributes:
        send: Carries out `SendPush`.
        observers: Told of each event that is in the ledger, before its effects.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._followed: dict[AttemptId, Attempt] = {}
        self.poller: Poller | None = None
        self.send: Callable[[Attempt], None] = lambda _attempt: None
        self.observers: list[Callable[[Applied], None]] = []

    @property
    def following(self) -> list[Attempt]:
        """The attempts that may still be paid."""
        return [attempt for attempt in self._followed.values() if attempt.state in FOLLOWED]

    async def apply(self, attempt_id: AttemptId, event: ev.Event, *, always_emit: bool = False) -> Applied:
        """Writes one event and carries out its effects.

        Raises:
            Mistake: as `pos_app.domain.stk.transitions.step`.
            Outside: ``ledger.…``; then nothing was written.
        """
        context = self._context
        applied = await context.ledger.call(
            LedgerWriter.apply, attempt_id, event, context.clock.now_ms(), context.timing
        )
        await self.follow_up(applied, always_emit=always_emit)
        return applied

    async def apply_surely(self, attempt_id: AttemptId, event: ev.Event) -> None:
        """Writes a fact from outside, which must not be lost to a full or locked disk: tries until it is written."""

        async def write() -> None:
            await self.apply(attempt_id, event)

        await self.surely(write)

    async def surely(self, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Tries until the ledger takes it."""
        board = self._context.board
        while True:
            try:
                await write()
            except Outside as error:
                _log.error("an event waits for the disk: %s", error.code)
                board.show(ServiceStatusChanged(Service.LEDGER, Health.DOWN, error.code))
                try:
                    await asyncio.sleep(RETRY_WRITE_S)
                except asyncio.CancelledError:
                    # The till closes, and the disk may be free again.
                    with contextlib.suppress(Outside):
                        await write()
                    raise
            else:
                if board.knows(Service.LEDGER):
                    board.show(ServiceStatusChanged(Service.LEDGER, Health.OK, "ledger.ready"))
                return

    async def follow_up(self, applied: Applied, *, always_emit: bool = False) -> None:
        """Carries out what follows from something that is in the ledger."""
        attempt = applied.attempt
        self._followed[attempt.id] = attempt
        if attempt.state not in FOLLOWED:
            del self._followed[attempt.id]
        if self.poller is not None:
            self.poller.follow(attempt)
        for observe in self.observers:
            observe(applied)
        self._carry_out(applied)
        if always_emit or applied.has_changed:
            await self.emit(attempt, applied.before.state)

    def _carry_out(self, applied: Applied) -> None:
        attempt = applied.attempt
        for effect in applied.effects:
            match effect:
                case SendPush():
                    self.send(attempt)
                case AskSoon():
                    if self.poller is not None:
                        self.poller.ask_now(attempt)
                case Announce(news):
                    self._context.emit(Announced(news, attempt))

    async def emit(self, attempt: Attempt, before: AttemptState | None) -> None:
        """Tells the faces how an attempt is now."""
        context = self._context
        next_ask = self.poller.next_ask_in_s(attempt.id) if self.poller is not None else None
        resend: float | None = None
        is_said_paid = False
        if not attempt.is_live and attempt.state is not AttemptState.PAID:
            resend, is_said_paid = await self._resend_of(attempt)
        context.emit(AttemptChanged(attempt, before, next_ask, resend, is_said_paid))

    async def _resend_of(self, attempt: Attempt) -> tuple[float | None, bool]:
        """Seconds until another prompt may go out, and whether "paid" was said; what cannot be read is no error.

        What changed is in the ledger already: a disk that fails now must not make it look as if it were not.
        """
        context, now_ms = self._context, self._context.clock.now_ms()
        try:
            wait = await context.ledger.call(LedgerWriter.wait_of, attempt.id, now_ms)
        except Outside:
            return None, attempt.speaks_of_money
        if wait is None:
            return 0.0, False
        seconds = max(0.0, (wait.until_ms - now_ms) / 1000) if wait.until_ms is not None else None
        return seconds, wait.reason is WaitReason.SAID_PAID
