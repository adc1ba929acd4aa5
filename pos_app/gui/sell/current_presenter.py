"""What the card of the payment at hand says, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from pos_app.common.i18n import _
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import allowed_actions
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.stk.attempt import FOLLOWED, Attempt, AttemptState
from pos_app.domain.values.money import format_ksh
from pos_app.engine.updates import AttemptChanged
from pos_app.gui.sell.form_presenter import offer_by_hand
from pos_app.gui.theme import Tone
from pos_app.gui.tones import look_of_sale
from pos_app.texts.states import words_of_sale

PROMPT_LIFE_S = 60


@dataclass(frozen=True, slots=True)
class CurrentCard:
    """The card at one moment.

    Args:
        amount: Of the sale.
        count_s: Seconds in the ring; None for an icon.
        share: How full the ring is.
    """

    icon: str
    tone: Tone
    word: str
    amount: str
    line: str
    customer: str
    next_step: str
    footer: str
    by_hand: str
    count_s: int | None
    share: float
    can_check: bool
    resend_text: str
    can_resend: bool
    can_claim: bool
    can_take_back: bool
    has_receipt: bool


def card_of(
    change: AttemptChanged,
    sale: SaleSummary,
    *,
    phone: str,
    now_ms: int,
    heard_s: float,
    also_waiting: int,
    is_practice: bool,
    paid_by_hand: str = "",
    payers: Sequence[str] = (),
) -> CurrentCard:
    """The card for a sale.

    Args:
        change: The last that was heard of the prompt at hand.
        sale: Of that prompt, as the ledger has it now.
        phone: As the cashier may see it: in full while the prompt is out.
        heard_s: Seconds since that was heard.
        also_waiting: How many other payments are open.
        is_practice: Whether the customer's phone is on the screen.
        paid_by_hand: What a customer types to pay without a prompt.
        payers: The first names that M-PESA told with the payments, where it did.
    """
    attempt = change.attempt
    icon, tone, word = look_of_sale(sale)
    words = words_of_sale(sale)
    customer = f"“{words.customer}”"
    is_open = sale.is_told_by_prompt
    if is_practice and is_open and attempt.state is AttemptState.PENDING and not attempt.is_being_confirmed:
        customer = _("Practice: enter PIN 1234 on the customer's phone (F12).")
    count, share = _count(attempt, now_ms) if is_open and not sale.reasons else (None, 0.0)
    allowed = allowed_actions(replace(sale, attempt=attempt, is_said_paid=sale.is_said_paid or change.is_said_paid))
    resend_text, can_resend = _resend(change, heard_s) if SaleAction.SEND_AGAIN in allowed else ("", False)
    return CurrentCard(
        icon,
        tone,
        word,
        format_ksh(sale.sale.amount_cents),
        # Neither a phone nor a code is broken over two lines.
        " · ".join(part.replace(" ", "\u00a0") for part in (attempt.reference, phone, *sale.codes, *payers) if part),
        customer,
        words.step,
        _footer(change, heard_s, also_waiting, can_be_resent=bool(resend_text)),
        offer_by_hand(paid_by_hand) if resend_text and not can_resend and not _may_still_be_paid(attempt) else "",
        count,
        share,
        can_check=SaleAction.CHECK_NOW in allowed,
        resend_text=resend_text,
        can_resend=can_resend,
        can_claim=SaleAction.QUOTE_CODE in allowed and attempt.state is AttemptState.UNKNOWN,
        can_take_back=SaleAction.WITHDRAW in allowed and attempt.state is AttemptState.SENDING,
        has_receipt=SaleAction.MAKE_RECEIPT in allowed,
    )


def _may_still_be_paid(attempt: Attempt) -> bool:
    """Whether the prompt may still be paid: whoever pays by hand beside it may pay twice."""
    is_given_up = attempt.state is AttemptState.ABANDONED
    return is_given_up or (attempt.outcome is not None and attempt.outcome.may_turn_paid)


def clock_text(seconds: int) -> str:
    """``0:42``."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def _count(attempt: Attempt, now_ms: int) -> tuple[int | None, float]:
    """The ring counts what is left of the prompt's life, then how long nothing has been known."""
    if attempt.state not in (AttemptState.SENDING, AttemptState.PENDING) or attempt.sent_at_ms is None:
        return None, 0.0
    age_s = max(0, (now_ms - attempt.sent_at_ms) // 1000)
    left = max(0, PROMPT_LIFE_S - age_s)
    return int(left), left / PROMPT_LIFE_S


def _resend(change: AttemptChanged, heard_s: float) -> tuple[str, bool]:
    attempt = change.attempt
    if attempt.state is AttemptState.READY:
        return _("Send again"), True
    if change.resend_in_s is None:
        return "", False
    left = change.resend_in_s - heard_s
    if left > 0:
        return _("Send again in {time}").format(time=clock_text(ceil(left))), False
    return _("Send again"), True


def _footer(change: AttemptChanged, heard_s: float, also_waiting: int, *, can_be_resent: bool) -> str:
    parts: list[str] = []
    if change.attempt.state in FOLLOWED:
        if change.next_ask_in_s is not None:
            left = max(0, int(change.next_ask_in_s - heard_s))
            parts.append(_("Next check in {seconds} s.").format(seconds=left) if left else _("Checking now."))
        parts.append(_("You can start the next sale."))
    if can_be_resent:
        # Amount and phone stand above; one line, so that the button stays in sight on a small screen.
        parts.append(_("Send again (F8): a new prompt, same phone."))
    if also_waiting:
        parts.append(_("Also open: {count}.").format(count=also_waiting))
    return " ".join(parts)
