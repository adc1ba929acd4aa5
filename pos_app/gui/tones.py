"""Which icon and colour a state has. A state is always an icon, a colour and a word."""

from __future__ import annotations

from pos_app.domain.attempt import Attempt, AttemptState, Review
from pos_app.gui.theme import Tone
from pos_app.words.states import attempt_word, review_word

_TONES: dict[AttemptState, tuple[str, Tone]] = {
    AttemptState.READY: ("ready", Tone.MUTED),
    AttemptState.SENDING: ("sending", Tone.WAITING),
    AttemptState.PENDING: ("waiting", Tone.WAITING),
    AttemptState.PAID: ("paid", Tone.PAID),
    AttemptState.DECLINED: ("not_paid", Tone.NOT_PAID),
    AttemptState.REJECTED: ("not_paid", Tone.NOT_PAID),
    AttemptState.UNKNOWN: ("unknown", Tone.UNKNOWN),
    AttemptState.ABANDONED: ("unknown", Tone.MUTED),
    AttemptState.WITHDRAWN: ("ready", Tone.MUTED),
}


def look_of(attempt: Attempt, review: frozenset[Review] | None = None) -> tuple[str, Tone, str]:
    """Icon, tone and word for an attempt; what needs a person comes first."""
    reasons = attempt.review if review is None else review
    if reasons:
        return "needs_you", Tone.NEEDS_YOU, review_word(min(reasons))
    icon, tone = _TONES[attempt.state]
    return icon, tone, attempt_word(attempt)
