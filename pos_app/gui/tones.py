"""Which icon and colour a state has. A state is always an icon, a colour and a word."""

from __future__ import annotations

from pos_app.domain.attempt import Attempt, AttemptState, Review
from pos_app.domain.sale import SaleState
from pos_app.gui.theme import Tone
from pos_app.ledger.rows import SaleRow
from pos_app.words.states import attempt_word, review_word, sale_word

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


_SALES: dict[SaleState, tuple[str, Tone]] = {
    SaleState.PAID: ("paid", Tone.PAID),
    SaleState.OVERPAID: ("paid", Tone.PAID),
    SaleState.PART_PAID: ("unknown", Tone.UNKNOWN),
    SaleState.VOIDED: ("ready", Tone.MUTED),
}


def look_of(attempt: Attempt) -> tuple[str, Tone, str]:
    """Icon, tone and word for an attempt; what needs a person comes first."""
    if attempt.review:
        return _needs_you(attempt.review)
    if attempt.speaks_of_money and not attempt.is_live:
        return "needs_you", Tone.NEEDS_YOU, attempt_word(attempt)
    icon, tone = _TONES[attempt.state]
    return icon, tone, attempt_word(attempt)


def look_of_sale(row: SaleRow) -> tuple[str, Tone, str]:
    """The same for a sale: what it received counts, whichever of its attempts brought it."""
    if row.reasons:
        return _needs_you(row.reasons)
    state = row.sale.state
    if state in _SALES:
        return *_SALES[state], sale_word(state, is_code_missing=row.is_code_missing)
    return look_of(row.attempt)


def _needs_you(review: frozenset[Review]) -> tuple[str, Tone, str]:
    return "needs_you", Tone.NEEDS_YOU, review_word(min(review))
