"""Asks M-PESA what became of each attempt: seldom, spaced by one limiter, until it is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from pos_app.clock import Clock
from pos_app.daraja import AsyncMpesaClient, MaybeSent, NotSent, Pacer, Refused, Throttled
from pos_app.domain import events as ev
from pos_app.domain.attempt import Attempt, AttemptId, AttemptState
from pos_app.domain.schedule import DEADLINE_MS, LONGEST_GAP_MS, next_ask_ms
from pos_app.engine.events import Light, LightChanged, Status
from pos_app.settings.effective import MpesaAccess

_log = logging.getLogger("pos_app.engine.poller")
_SLOWER = 5


@dataclass(slots=True)
class _Followed:
    """Due times are monotonic: a PC whose clock is set, or that slept, asks at once and not in hours."""

    attempt: Attempt
    due_s: float | None
    overdue_s: float | None
    is_asking: bool = False


class Poller:
    """Follows attempts.

    Args:
        apply: Writes an event and takes its consequences.
        spawn: Starts a supervised task.
        tell: Emits an event of the engine.
        answered: Called whenever M-PESA answered as it should.
        asked: Called after each query, whatever came of it.
    """

    def __init__(
        self,
        client: AsyncMpesaClient,
        access: MpesaAccess,
        clock: Clock,
        *,
        apply: Callable[[AttemptId, ev.Event], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        tell: Callable[[LightChanged], None],
        answered: Callable[[], None],
        asked: Callable[[AttemptId], None],
        pacer: Pacer,
    ) -> None:
        self._client = client
        self._access = access
        self._clock = clock
        self._apply = apply
        self._spawn = spawn
        self._tell = tell
        self._answered = answered
        self._asked = asked
        self._pacer = pacer
        self._followed: dict[AttemptId, _Followed] = {}
        self._changed = asyncio.Event()
        self._in_flight = 0

    def follow(self, attempt: Attempt) -> None:
        """Takes note of an attempt as it is now; one that needs no asking is dropped."""
        entry = self._followed.get(attempt.id)
        is_asking = entry.is_asking if entry is not None else False
        overdue_s = entry.overdue_s if entry is not None else None
        now_s = self._clock.monotonic_s()
        if attempt.state is not AttemptState.PENDING:
            overdue_s = None
        elif overdue_s is None:
            overdue_s = now_s + self._ms_until((attempt.sent_at_ms or 0) + DEADLINE_MS, DEADLINE_MS) / 1000
        due_ms = next_ask_ms(attempt, self._access.pacing)
        due_s = now_s + self._ms_until(due_ms, LONGEST_GAP_MS) / 1000 if due_ms is not None else None
        if due_s is None and overdue_s is None:
            self._followed.pop(attempt.id, None)
        else:
            self._followed[attempt.id] = _Followed(attempt, due_s, overdue_s, is_asking)
        self._changed.set()

    def ask_now(self, attempt_id: AttemptId) -> bool:
        """Asks as soon as the limiter allows; False where there is nothing to ask with, or for."""
        entry = self._followed.get(attempt_id)
        if entry is None or entry.attempt.checkout_request_id is None:
            return False
        entry.due_s = self._clock.monotonic_s()
        self._changed.set()
        return True

    @property
    def is_asking(self) -> bool:
        """Whether an answer is still to come."""
        return self._in_flight > 0

    def next_ask_in_s(self, attempt_id: AttemptId) -> float | None:
        """Seconds to the next query of an attempt, the limiter included."""
        entry = self._followed.get(attempt_id)
        if entry is None or entry.due_s is None:
            return None
        return max(entry.due_s - self._clock.monotonic_s(), self._pacer.wait_s, 0.0)

    def _ms_until(self, at_ms: int, longest_ms: int) -> int:
        return min(max(at_ms - self._clock.now_ms(), 0), longest_ms)

    async def run(self) -> None:
        """Asks and asks, until cancelled."""
        while True:
            self._changed.clear()
            now_s = self._clock.monotonic_s()
            await self._pass_deadlines(now_s)
            soonest = self._soonest()
            if soonest is None or soonest.due_s is None or soonest.due_s > now_s or self._pacer.wait_s > 0:
                await self._sleep(now_s, soonest)
                continue
            await self._pacer.acquire()
            soonest.is_asking = True
            self._spawn(self._ask(soonest.attempt), f"ask {soonest.attempt.id}")

    async def _sleep(self, now_s: float, soonest: _Followed | None) -> None:
        ends = [entry.overdue_s for entry in self._followed.values() if entry.overdue_s is not None]
        if soonest is not None and soonest.due_s is not None:
            ends.append(max(soonest.due_s, now_s + self._pacer.wait_s))
        try:
            async with asyncio.timeout(max(0.001, min(ends) - now_s) if ends else None):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _soonest(self) -> _Followed | None:
        """Who is next: first those that wait for M-PESA to say "paid" a second time."""
        waiting = [entry for entry in self._followed.values() if entry.due_s is not None and not entry.is_asking]
        now_s = self._clock.monotonic_s()
        return min(
            waiting,
            key=lambda entry: (
                (entry.due_s or 0.0) > now_s,
                not entry.attempt.is_being_confirmed,
                entry.due_s,
            ),
            default=None,
        )

    async def _pass_deadlines(self, now_s: float) -> None:
        overdue = [
            entry for entry in self._followed.values() if entry.overdue_s is not None and entry.overdue_s <= now_s
        ]
        for entry in overdue:
            entry.overdue_s = None
            await self._apply(entry.attempt.id, ev.DeadlinePassed())

    async def _ask(self, attempt: Attempt) -> None:
        self._in_flight += 1
        try:
            await self._apply(attempt.id, ev.Asked())
            event = await self._query(attempt)
            if event is not None:
                await self._apply(attempt.id, event)
        finally:
            self._in_flight -= 1
            entry = self._followed.get(attempt.id)
            if entry is not None:
                entry.is_asking = False
            self._changed.set()
            self._asked(attempt.id)

    async def _query(self, attempt: Attempt) -> ev.Event | None:
        """One query. Whatever goes wrong with it settles nothing."""
        try:
            response = await self._client.stk_query(
                business_short_code=self._access.shortcode,
                checkout_request_id=attempt.checkout_request_id or "",
                passkey=self._access.passkey,
            )
        except Throttled as error:
            after_s = error.after_s if error.after_s is not None else _SLOWER * self._access.pacing.interval_ms / 1000
            self._pacer.slow_down(after_s)
            self._tell(LightChanged(Light.MPESA, Status.BUSY, "mpesa.throttled"))
        except NotSent as error:
            self._tell(LightChanged(Light.MPESA, Status.BAD, f"mpesa.{error.outcome.kind}"))
        except (MaybeSent, Refused) as error:
            _log.warning("query of attempt %s: %s", attempt.id, error)
            self._tell(LightChanged(Light.MPESA, Status.BUSY, f"mpesa.{error.outcome.kind}"))
        else:
            self._answered()
            return ev.QueryAnswered(response.outcome)
        return None
