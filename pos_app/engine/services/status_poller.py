"""Asks M-PESA what became of each attempt: seldom, spaced by one limiter, until it is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from pos_app.common.clock import Clock
from pos_app.daraja import AsyncMpesaClient, InvalidRequest, MaybeSent, NotSent, Pacer, Refused, Throttled
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.stk.schedule import (
    DAY_MS,
    DEADLINE_MS,
    FRESH_ANSWERS,
    LONGEST_FAILING_MS,
    SURELY_DEAD_MS,
    YOUNG_MS,
    first_byte_ms,
    pause_ms,
)
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.updates import Health, Service, ServiceStatusChanged
from pos_app.settings.effective import MpesaAccess

_log = logging.getLogger("pos_app.engine.services.status_poller")
_SLOWER = 5
_OPEN = (AttemptState.PENDING, AttemptState.UNKNOWN)


@dataclass(slots=True)
class _Followed:
    """One attempt that is asked for. All its times are monotonic: a PC whose clock is set, or that slept, changes none.

    Args:
        sent_s: When its first byte left, or so.
        turned_s: When it became what it is: open, closed or paid.
        overdue_s: When "waiting for PIN" is no longer true; None where it is not said.
        due_s: When it is asked for next; None for never by itself.
        asked_s: When it was asked for last, since it became what it is.
        said_s: When "paid" was said of it for the first time, in this run.
        fresh_answers: How many questions were answered in this run.
        failures: How many questions in a row brought no answer.
        refusals: How many in a row were refused.
        is_wanted: A person, or a message, asks for it now.
    """

    attempt: Attempt
    sent_s: float
    turned_s: float
    overdue_s: float | None = None
    due_s: float | None = None
    asked_s: float | None = None
    said_s: float | None = None
    fresh_answers: int = 0
    failures: int = 0
    refusals: int = 0
    is_wanted: bool = False
    is_asking: bool = False


class StatusPoller:
    """Follows attempts.

    Args:
        apply: Writes an event and carries out its effects.
        spawn: Starts a supervised task.
        show_status: Shows how M-PESA fares.
        on_answer: Called whenever M-PESA answered as it should.
        on_asked: Called after each query, whatever came of it.
    """

    name = "status poller"
    shows = Service.MPESA

    def __init__(
        self,
        client: AsyncMpesaClient,
        access: MpesaAccess,
        clock: Clock,
        *,
        apply: Callable[[AttemptId, ev.Event], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        show_status: Callable[[ServiceStatusChanged], None],
        on_answer: Callable[[], None],
        on_asked: Callable[[AttemptId], None],
        pacer: Pacer,
    ) -> None:
        self._client = client
        self._access = access
        self._clock = clock
        self._apply = apply
        self._spawn = spawn
        self._show_status = show_status
        self._on_answer = on_answer
        self._on_asked = on_asked
        self._pacer = pacer
        self._followed: dict[AttemptId, _Followed] = {}
        self._changed = asyncio.Event()
        self._in_flight = 0

    def follow(self, attempt: Attempt) -> None:
        """Takes note of an attempt as it is now; one that needs no asking is dropped."""
        now_s = self._clock.monotonic_s()
        entry = self._followed.get(attempt.id)
        if entry is None:
            entry = self._entry(attempt, now_s)
        elif _turned(entry.attempt, attempt):
            entry.turned_s, entry.asked_s, entry.failures, entry.refusals = now_s, None, 0, 0
        if attempt.left_at_ms != entry.attempt.left_at_ms:
            entry.sent_s = self._sent_s(attempt, now_s)
        if (attempt.said_paid_at_ms is None) is not (entry.said_s is None):
            entry.said_s = now_s if attempt.said_paid_at_ms is not None else None
        entry.attempt = attempt
        if attempt.state is not AttemptState.PENDING:
            entry.overdue_s = None
        elif entry.overdue_s is None:
            entry.overdue_s = max(now_s, entry.sent_s + DEADLINE_MS / 1000)
        entry.due_s = self._due_s(entry, now_s)
        if entry.due_s is None and entry.overdue_s is None and not entry.is_asking:
            self._followed.pop(attempt.id, None)
        else:
            self._followed[attempt.id] = entry
        self._changed.set()

    def _entry(self, attempt: Attempt, now_s: float) -> _Followed:
        turned_s = now_s
        if attempt.settled_at_ms is not None:
            turned_s -= max(0, self._clock.now_ms() - attempt.settled_at_ms) / 1000
        fresh = self._fresh_from(attempt)
        return _Followed(attempt, self._sent_s(attempt, now_s), turned_s, fresh_answers=fresh)

    def _sent_s(self, attempt: Attempt, now_s: float) -> float:
        """When the first byte left, as well as a clock that may have been set can tell."""
        if attempt.left_at_ms is None and (attempt.sent_at_ms is None or attempt.state is AttemptState.SENDING):
            return now_s
        return now_s - max(0, self._clock.now_ms() - first_byte_ms(attempt)) / 1000

    @staticmethod
    def _fresh_from(attempt: Attempt) -> int:
        """One that is followed from its sending on owes nothing to a start."""
        return 0 if attempt.state in _OPEN and attempt.asks else FRESH_ANSWERS

    def _due_s(self, entry: _Followed, now_s: float) -> float | None:
        attempt, pacing = entry.attempt, self._access.pacing
        if entry.is_wanted:
            return now_s
        began_s = entry.sent_s if attempt.state in _OPEN else entry.turned_s
        age_ms = int((now_s - began_s) * 1000)
        pause = pause_ms(attempt, pacing, age_ms=age_ms, fresh_answers=entry.fresh_answers)
        if pause is None:
            return None
        if entry.failures and age_ms >= YOUNG_MS:
            pause = max(pause, min(pacing.interval_ms << min(entry.failures, 10), LONGEST_FAILING_MS))
        if entry.refusals and attempt.state not in _OPEN:
            # What is refused stays owed, and is asked for ever more seldom.
            pause = max(pause, min(pacing.interval_ms << min(entry.refusals, 20), DAY_MS))
        after_last = entry.asked_s + pause / 1000 if entry.asked_s is not None else now_s
        if attempt.state is AttemptState.PAID:
            return max(entry.sent_s + SURELY_DEAD_MS / 1000, after_last)
        if attempt.said_paid_at_ms is not None and entry.said_s is not None:
            counts_s = entry.said_s + pacing.confirm_gap_ms / 1000
            if entry.asked_s is None or entry.asked_s < counts_s:
                # The second voice is asked for as soon as it counts.
                return counts_s
        if entry.asked_s is not None:
            return after_last
        if attempt.state in _OPEN:
            return max(now_s, entry.sent_s + pacing.first_ms / 1000) if attempt.asks == 0 else now_s
        return entry.turned_s + pacing.confirm_gap_ms / 1000

    def ask_now(self, attempt: Attempt) -> bool:
        """Asks as soon as the limiter allows, whatever the schedule says; False where there is nothing to ask with."""
        if attempt.checkout_request_id is None or attempt.sent_at_ms is None:
            return False
        now_s = self._clock.monotonic_s()
        entry = self._followed.get(attempt.id)
        if entry is None:
            entry = self._followed[attempt.id] = self._entry(attempt, now_s)
        entry.is_wanted, entry.due_s = True, now_s
        self._changed.set()
        return True

    def follows(self, attempt_id: AttemptId) -> bool:
        """Whether an attempt is asked for by itself, now or later."""
        entry = self._followed.get(attempt_id)
        return entry is not None and entry.due_s is not None

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

    async def aclose(self) -> None:
        """Holds nothing: the client is the engine's."""

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
            soonest.is_asking, soonest.is_wanted = True, False
            self._spawn(self._ask(soonest), f"ask {soonest.attempt.id}")

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
        """Who is next: those to be confirmed, then those somebody waits for at the counter, then the rest."""
        waiting = [entry for entry in self._followed.values() if entry.due_s is not None and not entry.is_asking]
        now_s = self._clock.monotonic_s()
        return min(
            waiting,
            key=lambda entry: (
                (entry.due_s or 0.0) > now_s,
                not (entry.attempt.is_being_confirmed and not entry.failures and _is_young(entry, now_s)),
                not (entry.is_wanted or _is_young(entry, now_s)),
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

    async def _ask(self, entry: _Followed) -> None:
        attempt = entry.attempt
        self._in_flight += 1
        try:
            entry.asked_s = self._clock.monotonic_s()
            await self._apply(attempt.id, ev.Asked())
            event = await self._query(attempt, entry)
            entry.failures = 0 if event is not None else entry.failures + 1
            entry.refusals = entry.refusals + 1 if isinstance(event, ev.QueryRefused) else 0
            if event is not None:
                entry.fresh_answers += 1
                await self._apply(attempt.id, event)
        finally:
            self._in_flight -= 1
            entry.is_asking = False
            if self._followed.get(attempt.id) is entry:
                self.follow(entry.attempt)
            self._changed.set()
            self._on_asked(attempt.id)

    async def _query(self, attempt: Attempt, entry: _Followed) -> ev.Event | None:
        """One query. Whatever goes wrong with it settles nothing; None where it brought no answer."""
        try:
            response = await self._client.stk_query(
                business_short_code=self._access.shortcode,
                checkout_request_id=attempt.checkout_request_id or "",
                passkey=self._access.passkey,
            )
        except Throttled as error:
            after_s = error.after_s if error.after_s is not None else _SLOWER * self._access.pacing.interval_ms / 1000
            self._pacer.slow_down(after_s)
            self._show_status(ServiceStatusChanged(Service.MPESA, Health.DEGRADED, "mpesa.throttled"))
        except NotSent as error:
            self._show_status(ServiceStatusChanged(Service.MPESA, Health.DOWN, f"mpesa.{error.outcome.kind}"))
        except Refused as error:
            _log.warning("query of attempt %s: %s", attempt.id, error)
            self._show_status(ServiceStatusChanged(Service.MPESA, Health.DEGRADED, f"mpesa.{error.outcome.kind}"))
            return ev.QueryRefused()
        except InvalidRequest as error:
            # Its number, or the shop's, cannot be asked with: that will not change by asking.
            _log.warning("query of attempt %s: %s", attempt.id, error)
            return ev.QueryRefused()
        except MaybeSent as error:
            _log.warning("query of attempt %s: %s", attempt.id, error)
            self._show_status(ServiceStatusChanged(Service.MPESA, Health.DEGRADED, f"mpesa.{error.outcome.kind}"))
        else:
            self._on_answer()
            return ev.QueryAnswered(response.outcome, _apart_ms(entry))
        return None


def _apart_ms(entry: _Followed) -> int | None:
    """How long after "paid" was said, or this run began, the question left; None where it was not said before."""
    if entry.said_s is None or entry.asked_s is None:
        return None
    return max(0, int((entry.asked_s - entry.said_s) * 1000))


def _is_young(entry: _Followed, now_s: float) -> bool:
    """Whether somebody stands at the counter and waits for its answer."""
    return entry.attempt.state in _OPEN and now_s - entry.sent_s < YOUNG_MS / 1000


def _turned(before: Attempt, after: Attempt) -> bool:
    """Whether an attempt became another kind of thing to ask for: open, closed or paid."""
    kinds = (before.state in _OPEN, before.state is AttemptState.PAID)
    return kinds != (after.state in _OPEN, after.state is AttemptState.PAID)
