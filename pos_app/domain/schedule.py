"""When to ask M-PESA next, and when the cashier may prompt again.

Asking: the first time at 10 s, then at least 12 s apart while the prompt can
live (the sandbox allows five queries a minute), slower after two minutes, up
to a day (daraja.md, 3.3). Sending again: one minute after any prompt to a
phone, two minutes for the same amount (code 17; daraja.md, 2.2 and 2.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pos_app.domain.attempt import Attempt, AttemptState

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
GIVE_UP_ASKING_MS = 24 * HOUR_MS

DEADLINE_MS = 2 * MINUTE_MS
"""A prompt lives a minute; after two, "waiting for PIN" is no longer true."""
LONGEST_GAP_MS = 5 * MINUTE_MS

PHONE_WAIT_MS = MINUTE_MS
SAME_AMOUNT_WAIT_MS = 2 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Pacing:
    """Spacing of the queries in milliseconds."""

    first_ms: int = 10_000
    interval_ms: int = 12_000
    confirm_gap_ms: int = 10_000


DEFAULT_PACING = Pacing()


def next_ask_ms(attempt: Attempt, pacing: Pacing = DEFAULT_PACING) -> int | None:
    """When M-PESA should be asked for this attempt, or None for never by itself.

    Without a CheckoutRequestID there is nothing to ask with (daraja.md, 2.6).
    """
    if attempt.checkout_request_id is None or attempt.sent_at_ms is None:
        return None
    if attempt.state in (AttemptState.PENDING, AttemptState.UNKNOWN):
        return _while_open(attempt, attempt.sent_at_ms, pacing)
    if attempt.state in (AttemptState.DECLINED, AttemptState.ABANDONED):
        return _while_closed(attempt, attempt.sent_at_ms, pacing)
    return None


def _while_open(attempt: Attempt, sent_at_ms: int, pacing: Pacing) -> int | None:
    if attempt.asked_at_ms is None:
        return sent_at_ms + pacing.first_ms
    agreeing = attempt.said_paid_at_ms or attempt.said_failed_at_ms
    if agreeing is not None and agreeing + pacing.confirm_gap_ms > attempt.asked_at_ms:
        return agreeing + pacing.confirm_gap_ms
    age = attempt.asked_at_ms - sent_at_ms
    if age < 2 * MINUTE_MS:
        gap = pacing.interval_ms
    elif age < 10 * MINUTE_MS:
        gap = 30_000
    elif age < HOUR_MS:
        gap = MINUTE_MS
    elif age < GIVE_UP_ASKING_MS:
        gap = LONGEST_GAP_MS
    else:
        return None
    return attempt.asked_at_ms + gap


def _while_closed(attempt: Attempt, sent_at_ms: int, pacing: Pacing) -> int | None:
    """A decline is asked about once more; what may still turn into paid, ever more seldom for a day."""
    settled = attempt.settled_at_ms or sent_at_ms
    asked = attempt.asked_at_ms
    if attempt.said_paid_at_ms is not None and asked is not None:
        return max(attempt.said_paid_at_ms + pacing.confirm_gap_ms, asked + pacing.interval_ms)
    if asked is None or asked < settled:
        return settled + pacing.confirm_gap_ms
    if not may_turn_paid(attempt):
        return None
    since = asked - settled
    if since < 10 * MINUTE_MS:
        return asked + 5 * pacing.interval_ms
    if since < HOUR_MS:
        return asked + LONGEST_GAP_MS
    return asked + HOUR_MS if since < GIVE_UP_ASKING_MS else None


def may_turn_paid(attempt: Attempt) -> bool:
    """Whether a closed attempt may still be paid: 1037 (daraja.md, 3.2), or one that was given up unknown."""
    if attempt.state is AttemptState.ABANDONED:
        return True
    is_declined = attempt.state is AttemptState.DECLINED
    return is_declined and attempt.outcome is not None and attempt.outcome.may_turn_paid


class WaitReason(StrEnum):
    """Why the cashier must wait before prompting again."""

    LIVE_ATTEMPT = "live_attempt"
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
    last_prompt_ms: int | None,
    last_same_amount_ms: int | None,
) -> Wait | None:
    """What stands in the way of another prompt, or None.

    Args:
        now_ms: Now.
        has_live_attempt: Whether the sale has an attempt that may still be paid.
        last_prompt_ms: When the phone was last prompted, by any sale.
        last_same_amount_ms: When it was last prompted for this same amount.
    """
    if has_live_attempt:
        return Wait(WaitReason.LIVE_ATTEMPT, None)
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
