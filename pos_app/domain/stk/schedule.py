"""When to ask M-PESA next, and when the cashier may prompt again.

Asking: the first time at 10 s, then at least 12 s apart while the prompt can live (the sandbox allows five queries
a minute), then ever more seldom for as long as it is open (docs/mpesa.md, 3.3). Age is counted by answers: a question
that never reached M-PESA, and a PC's clock that is put right, make nothing older. Sending again: one minute after the
first byte of any prompt to a phone, two minutes for the same amount (code 17; docs/mpesa.md, 2.2 and 2.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pos_app.domain.stk.attempt import Attempt, AttemptState

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
RECENT_MS = DAY_MS
"""Closed attempts that were sent so long ago are taken up again by themselves only where a question is still owed."""

DEADLINE_MS = 2 * MINUTE_MS
"""A prompt lives a minute; after two, "waiting for PIN" is no longer true."""
YOUNG_MS = 2 * MINUTE_MS
"""So long somebody stands at the counter and waits."""
LEAVES_WITHIN_MS = 30_000
"""A push that has not begun to leave so long after Enter is not sent: people pay otherwise, or go."""
SURELY_DEAD_MS = 90_000
"""So long after its first byte no prompt can still be answered."""
LONGEST_FAILING_MS = 5 * MINUTE_MS
"""Between two questions of which the first did not reach M-PESA, or brought no answer."""
FRESH_ANSWERS = 3
"""So many questions about each open attempt are answered after every start before they become seldom again."""

PHONE_WAIT_MS = MINUTE_MS
SAME_AMOUNT_WAIT_MS = 2 * MINUTE_MS

_WHILE_OPEN = (
    (10, 2 * MINUTE_MS, None),
    (26, 10 * MINUTE_MS, 30_000),
    (76, HOUR_MS, MINUTE_MS),
    (352, DAY_MS, 5 * MINUTE_MS),
    (424, 4 * DAY_MS, HOUR_MS),
)
"""Up to so many answers, or to such an age, the pause between two questions; None for the usual one. Then: a day."""
_WHILE_IT_MAY_TURN = ((10, 10 * MINUTE_MS, None), (20, HOUR_MS, 5 * MINUTE_MS), (43, DAY_MS, HOUR_MS))
"""The same for what is closed and may still turn paid; None for five times the usual one. Then: never."""
_CHECKS_OF_PAID = 10
"""So many answers that came too early, or said nothing, and it is asked no more by itself."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """Spacing of the queries in milliseconds."""

    first_ms: int = 10_000
    interval_ms: int = 12_000
    confirm_gap_ms: int = 10_000


DEFAULT_PACING = Pacing()


def pause_ms(
    attempt: Attempt, pacing: Pacing = DEFAULT_PACING, *, age_ms: int, fresh_answers: int = FRESH_ANSWERS
) -> int | None:
    """How long to wait between two questions about an attempt, or None for asking no more by itself.

    It is as old as its answers and its age both say: neither failed questions nor a clock that jumps make it older.
    Without a CheckoutRequestID there is nothing to ask with (docs/mpesa.md, 2.6).

    Args:
        age_ms: Since it was sent or, once it is closed, since then.
        fresh_answers: How many questions about it were answered since the program was started.
    """
    if attempt.checkout_request_id is None or attempt.sent_at_ms is None:
        return None
    match attempt.state:
        case AttemptState.PENDING | AttemptState.UNKNOWN:
            return _while_open(attempt.answers, age_ms, fresh_answers, pacing)
        case AttemptState.DECLINED | AttemptState.ABANDONED | AttemptState.REJECTED:
            return _while_closed(attempt, age_ms, pacing)
        case AttemptState.PAID if is_to_be_checked(attempt):
            return pacing.interval_ms
        case _:
            return None


def _while_open(answers: int, age_ms: int, fresh_answers: int, pacing: Pacing) -> int:
    if fresh_answers < FRESH_ANSWERS:
        return pacing.interval_ms
    for most, until_ms, pause in _WHILE_OPEN:
        if answers < most or age_ms < until_ms:
            return pause if pause is not None else pacing.interval_ms
    return DAY_MS


def _while_closed(attempt: Attempt, age_ms: int, pacing: Pacing) -> int | None:
    """A decline is asked about once more; what may still turn into paid, ever more seldom for a day."""
    if attempt.said_paid_at_ms is not None:
        return pacing.interval_ms
    if attempt.state is AttemptState.REJECTED:
        return None
    if attempt.answers == 0:
        return pacing.interval_ms
    if not may_turn_paid(attempt):
        return None
    for most, until_ms, pause in _WHILE_IT_MAY_TURN:
        if attempt.answers < most or age_ms < until_ms:
            return pause if pause is not None else 5 * pacing.interval_ms
    return None


def is_to_be_checked(attempt: Attempt) -> bool:
    """Whether a payment that queries alone settled is asked about once more, when its prompt is surely dead."""
    if attempt.state is not AttemptState.PAID or attempt.mpesa_code is not None or attempt.sent_at_ms is None:
        return False
    answered = attempt.answered_at_ms
    is_late = answered is not None and answered - first_byte_ms(attempt) >= SURELY_DEAD_MS
    return attempt.answers == 0 or (not is_late and attempt.answers < _CHECKS_OF_PAID)


def first_byte_ms(attempt: Attempt) -> int:
    """When the first byte of its push left; where nobody could note it, when it left at the latest."""
    return left_ms(attempt.state, attempt.sent_at_ms or 0, attempt.left_at_ms)


_CUT_SHORT = (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.ABANDONED)


def left_ms(state: AttemptState, sent_at_ms: int, left_at_ms: int | None) -> int:
    """The same from its three facts."""
    if left_at_ms is not None:
        return left_at_ms
    return sent_at_ms + LEAVES_WITHIN_MS if state in _CUT_SHORT else sent_at_ms


def may_turn_paid(attempt: Attempt) -> bool:
    """Whether a closed attempt may still be paid: 1037 (docs/mpesa.md, 3.2), or one that was given up unknown."""
    if attempt.state is AttemptState.ABANDONED:
        return True
    is_declined = attempt.state is AttemptState.DECLINED
    return is_declined and attempt.outcome is not None and attempt.outcome.may_turn_paid


class WaitReason(StrEnum):
    """Why the cashier must wait before prompting again."""

    LIVE_ATTEMPT = "live_attempt"
    SAID_PAID = "said_paid"
    PHONE_BUSY = "phone_busy"
    SAME_AMOUNT = "same_amount"


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when, and why. ``until_ms`` is None while the end is not known."""

    reason: WaitReason
    until_ms: int | None


def resend_wait(
    now_ms: int,
    *,
    has_live_attempt: bool,
    is_said_paid: bool = False,
    last_prompt_ms: int | None,
    last_same_amount_ms: int | None,
) -> Wait | None:
    """What stands in the way of another prompt, or None.

    Args:
        now_ms: Now.
        has_live_attempt: Whether the sale has an attempt that may still be paid.
        is_said_paid: Whether "paid" was said of the sale and is neither received nor settled.
        last_prompt_ms: When the phone was last prompted, by any sale.
        last_same_amount_ms: When it was last prompted for this same amount.
    """
    if has_live_attempt:
        return Wait(WaitReason.LIVE_ATTEMPT, None)
    if is_said_paid:
        return Wait(WaitReason.SAID_PAID, None)
    waits = [
        Wait(reason, at_ms + length_ms)
        for reason, at_ms, length_ms in (
            (WaitReason.SAME_AMOUNT, last_same_amount_ms, SAME_AMOUNT_WAIT_MS),
            (WaitReason.PHONE_BUSY, last_prompt_ms, PHONE_WAIT_MS),
        )
        # A clock that was set back must not lock the phone for hours.
        if at_ms is not None and 0 <= now_ms - at_ms < length_ms
    ]
    return max(waits, key=lambda wait: wait.until_ms or 0, default=None)
