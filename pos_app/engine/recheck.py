"""Closed prompts that are asked for once more: they may have been paid since."""

from __future__ import annotations

from pos_app.domain.stk.attempt import FOLLOWED, Attempt
from pos_app.domain.stk.schedule import RECENT_MS
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.attempts import Poller
from pos_app.engine.context import Context
from pos_app.ledger.writer import Applied, LedgerWriter


class Recheck:
    """What `begin` asked for, until it is answered."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: set[AttemptId] = set()
        self._newest: dict[AttemptId, Attempt] = {}

    @property
    def is_done(self) -> bool:
        """Whether nothing that was asked for is still to be answered."""
        return not self._open

    async def begin(self, poller: Poller) -> None:
        """Asks at once for every closed attempt that would be asked about later."""
        context = self._context
        since_ms = context.clock.now_ms() - RECENT_MS
        for attempt in await context.ledger.call(LedgerWriter.to_follow, since_ms):
            is_owed = attempt.state not in FOLLOWED and poller.follows(attempt.id)
            if is_owed and poller.ask_now(attempt):
                self._open.add(attempt.id)

    def observe(self, applied: Applied) -> None:
        """An attempt changed."""
        if applied.attempt.id in self._open:
            self._newest[applied.attempt.id] = applied.attempt

    def note_asked(self, attempt_id: AttemptId) -> None:
        """A question was asked, whatever came of it."""
        attempt = self._newest.get(attempt_id)
        if attempt is None or not attempt.is_being_confirmed:
            self._open.discard(attempt_id)
