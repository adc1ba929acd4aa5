"""Which icon and colour a state has. A state is always an icon, a colour and a word."""

from __future__ import annotations

from pos_app.domain.sales.sale import SaleState, SaleSummary
from pos_app.domain.stk.attempt import AttemptState
from pos_app.gui.theme import Tone
from pos_app.texts.states import words_of_sale

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


def look_of_sale(sale: SaleSummary) -> tuple[str, Tone, str]:
    """Icon, tone and word for a sale; what needs a person comes first."""
    word = words_of_sale(sale).word
    if sale.reasons:
        return "needs_you", Tone.NEEDS_YOU, word
    if not sale.is_told_by_prompt:
        return *_SALES[sale.sale.state], word
    return *_TONES[sale.attempt.state], word
