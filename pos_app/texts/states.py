"""What each state is called, with its sentence for the cashier and its next step."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.common.i18n import N_, _
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.domain.sales.sale import SaleState, SaleSummary
from pos_app.domain.stk.attempt import FOLLOWED, OF_MONEY, Attempt, AttemptState, Review
from pos_app.domain.values.money import format_ksh
from pos_app.texts.errors import reason
from pos_app.texts.outcomes import words_of

S = AttemptState

_STATE: dict[AttemptState, str] = {
    S.READY: N_("Not sent"),
    S.SENDING: N_("Sending"),
    S.PENDING: N_("Waiting for PIN"),
    S.PAID: N_("Paid"),
    S.DECLINED: N_("Not paid"),
    S.REJECTED: N_("Not sent"),
    S.UNKNOWN: N_("Not confirmed"),
    S.ABANDONED: N_("Given up"),
    S.WITHDRAWN: N_("Withdrawn"),
}

_SALE: dict[SaleState, str] = {
    SaleState.OPEN: N_("Still open"),
    SaleState.PART_PAID: N_("Part paid"),
    SaleState.PAID: N_("Paid"),
    SaleState.OVERPAID: N_("Paid too much"),
    SaleState.VOIDED: N_("Voided"),
}

_CODE_TO_FOLLOW = N_("Paid, code to follow")

_REVIEW: dict[Review, tuple[str, str]] = {
    Review.OTHER_AMOUNT: (
        N_("Other amount"),
        N_("A message named another amount. Look the payment up in the M-PESA statement, then settle it here."),
    ),
    Review.OTHER_PROMPT: (
        N_("Other prompt"),
        N_("A message named another prompt. Look the payment up in the M-PESA statement, then settle it here."),
    ),
    Review.CONTRADICTION: (
        N_("M-PESA contradicts itself"),
        N_(
            "M-PESA said paid and not paid. Look the payment up in the M-PESA statement before you hand over goods or charge again."
        ),
    ),
    Review.CODE_REUSED: (
        N_("Code already used"),
        N_("A message carried an M-PESA code that paid another sale. Hand over nothing until it is cleared."),
    ),
    Review.SECOND_CODE: (
        N_("Second code"),
        N_("Two M-PESA codes came for one payment. Check the statement: the customer may be owed money."),
    ),
    Review.OTHER_CLAIM: (
        N_("Other code than shown"),
        N_("The customer showed another M-PESA code than the one that paid. Ask to see the message again."),
    ),
    Review.SAID_PAID: (
        N_("Said to be paid"),
        N_(
            "M-PESA said that this was paid and has not proved it. Look the payment up in the M-PESA statement, then settle it here. Charge nothing again before that."
        ),
    ),
    Review.UNREADABLE: (
        N_("Message not clear"),
        N_(
            "A message for this payment speaks of money and cannot be read for certain. Look the payment up in the M-PESA statement, then settle it here."
        ),
    ),
    Review.PAID_LATE: (
        N_("Paid late"),
        N_("The payment arrived after the sale was closed as not paid. Hand over the goods or pay the money back."),
    ),
    Review.PAID_TOO_MUCH: (
        N_("Paid too much"),
        N_("More came than this sale asks for. Pay the rest back to the customer, then settle it here."),
    ),
    Review.PAID_TWICE: (
        N_("Paid twice"),
        N_("The customer paid this sale twice. Pay one of the payments back in the M-PESA business app."),
    ),
}


@dataclass(frozen=True, slots=True)
class SaleWords:
    """How a sale stands, in words: the same in the card, the dialog, the table, on the command line.

    Args:
        word: The large word.
        customer: What to tell the customer now.
        step: What the cashier should do now.
    """

    word: str
    customer: str
    step: str


def words_of_sale(sale: SaleSummary) -> SaleWords:
    """The words for a sale. What it received outweighs whatever became of its prompts."""
    state, reasons = sale.sale.state, sale.reasons
    if sale.review:
        is_received = sale.sale.received_cents >= sale.sale.amount_cents
        customer = _(_THANKS) if is_received else _to_the_customer(sale)
        word = _too_much(sale) if state is SaleState.OVERPAID else review_word(min(reasons))
        return SaleWords(word, customer, " ".join(review_step(reason_) for reason_ in sorted(reasons)))
    if sale.is_told_by_prompt:
        own = own_words(sale.attempt)
        step = cashier_sentence(sale.attempt) + (f" ({own})" if own else "")
        if _was_said_before(sale):
            word = attempt_word(sale.attempt) if sale.attempt.is_live else review_word(Review.SAID_PAID)
            return SaleWords(word, _to_the_customer(sale), reason("sale.said_paid"))
        return SaleWords(attempt_word(sale.attempt), customer_sentence(sale.attempt), step)
    if state is SaleState.PART_PAID:
        sums = {"received": format_ksh(sale.sale.received_cents), "due": format_ksh(sale.due_cents)}
        return SaleWords(
            _(_SALE[state]),
            _("{received} has come; {due} is still to pay.").format(**sums),
            reason("sale.said_paid")
            if sale.is_said_paid
            else _("Ask for the rest: a new request asks for {due}.").format(**sums),
        )
    if state is SaleState.VOIDED:
        return SaleWords(_(_SALE[state]), _("Nothing is to pay any more."), _("This sale was taken back."))
    return _words_of_paid(sale)


def _was_said_before(sale: SaleSummary) -> bool:
    """Whether "paid" was said of an earlier prompt of this sale, while its latest speaks of no money."""
    return sale.is_said_paid and not sale.attempt.speaks_of_money


def _to_the_customer(sale: SaleSummary) -> str:
    if _was_said_before(sale) and not sale.attempt.is_live:
        # Nobody is told "you have not been charged" while M-PESA may have taken the money.
        return _(_MAY_BE_TAKEN)
    return customer_sentence(sale.attempt)


_MAY_BE_TAKEN = N_("One moment: M-PESA may have taken the money. Please keep the SMS.")
_THANKS = N_("Thank you, it is paid.")


def _words_of_paid(sale: SaleSummary) -> SaleWords:
    word, step = _(_SALE[SaleState.PAID]), _("Hand over the goods.")
    if sale.excess_cents:
        word, step = _too_much(sale), _("Hand over the goods. What came too much was settled.")
    elif sale.attempt.state in FOLLOWED:
        step = _("It is paid. A request is still on the phone: ask the customer to close it without a PIN.")
    elif sale.is_code_missing:
        word = _(_CODE_TO_FOLLOW)
        step = _("M-PESA said paid twice. Hand over the goods; the M-PESA code is to follow.")
    return SaleWords(word, _(_THANKS), step)


def _too_much(sale: SaleSummary) -> str:
    return _("Paid {amount} too much").format(amount=format_ksh(sale.excess_cents))


def attempt_word(attempt: Attempt) -> str:
    """The large word for an attempt, its reason included: ``Wrong PIN`` rather than ``Not paid``."""
    if attempt.is_being_confirmed and attempt.state is not S.SENDING:
        return _("Paid? Checking")
    if attempt.speaks_of_money and not attempt.is_live:
        # Whatever its end was called: M-PESA has said "paid" since, and nobody must read that it is not.
        return review_word(min(attempt.review & OF_MONEY, default=Review.SAID_PAID))
    if attempt.state in (S.DECLINED, S.REJECTED) and attempt.outcome is not None:
        return words_of(attempt.outcome.kind).word
    if attempt.state is S.PAID and attempt.mpesa_code is None:
        return _(_CODE_TO_FOLLOW)
    return state_word(attempt.state)


def state_word(state: AttemptState) -> str:
    """The word for a state alone."""
    return _(_STATE[state])


def review_word(reason: Review) -> str:
    """What needs a person, in two words."""
    return _(_REVIEW[reason][0])


def review_step(reason: Review) -> str:
    """What that person should do."""
    return _(_REVIEW[reason][1])


_WAITING_KINDS = frozenset(
    {OutcomeKind.INTERNAL_ERROR, OutcomeKind.NO_ANSWER, OutcomeKind.NOT_UNDERSTOOD, OutcomeKind.SYSTEM_BUSY}
)
"""Their sentences speak of a request that may have arrived; one that never left needs others."""


def _never_left(attempt: Attempt) -> bool:
    return attempt.state is S.READY and attempt.outcome is not None and attempt.outcome.kind in _WAITING_KINDS


def customer_sentence(attempt: Attempt) -> str:
    """What to tell the customer now."""
    if _never_left(attempt):
        return _("Our connection is down. You have not been charged.")
    if attempt.speaks_of_money and not attempt.is_live:
        return _(_MAY_BE_TAKEN)
    if attempt.state in (S.DECLINED, S.REJECTED, S.PAID, S.READY) and attempt.outcome is not None:
        return words_of(attempt.outcome.kind).customer
    if attempt.is_being_confirmed:
        return _("One moment: M-PESA says it is paid and we are making sure.")
    return _(
        {
            S.READY: N_("One moment, the request has not been sent yet."),
            S.SENDING: N_("One moment, the request is on its way to your phone."),
            S.PENDING: N_("Please look at your phone and enter your M-PESA PIN."),
            S.PAID: N_("Thank you, it is paid."),
            S.DECLINED: N_("You have not been charged."),
            S.REJECTED: N_("You have not been charged."),
            S.UNKNOWN: N_("Please wait a moment, we are checking with M-PESA. Keep the SMS if one comes."),
            S.ABANDONED: N_("If M-PESA still takes the money, come back with the SMS and we settle it."),
            S.WITHDRAWN: N_("Nothing was sent to your phone."),
        }[attempt.state]
    )


def cashier_sentence(attempt: Attempt) -> str:
    """What the cashier should do now."""
    if attempt.review:
        return review_step(min(attempt.review))
    if attempt.is_being_confirmed:
        return _("M-PESA says paid. Wait for the second answer before you hand over the goods.")
    if _never_left(attempt):
        return _("M-PESA gave the till no access, so nothing was sent. Send again in a minute, or take cash.")
    if attempt.state is S.PAID and attempt.mpesa_code is None:
        return _("M-PESA said paid twice. Hand over the goods; the M-PESA code is to follow.")
    if attempt.speaks_of_money and not attempt.is_live:
        return reason("sale.said_paid")
    if attempt.state in (S.DECLINED, S.REJECTED, S.READY) and attempt.outcome is not None:
        return words_of(attempt.outcome.kind).cashier
    if attempt.state is S.UNKNOWN and attempt.outcome is not None and attempt.outcome.kind is OutcomeKind.OTHER:
        return _("Not confirmed: do not charge again. M-PESA gave a reason that the till does not know, and is asked.")
    if attempt.state is S.UNKNOWN and attempt.checkout_request_id is None:
        return _(
            "Not confirmed: do not charge again. M-PESA did not answer. Look in the M-PESA statement before you charge again."
        )
    return _(
        {
            S.READY: N_("Nothing has left the till. Send it, or withdraw it."),
            S.SENDING: N_("The request is on its way. You can start the next sale."),
            S.PENDING: N_("Ask the customer to look at the phone and enter the M-PESA PIN."),
            S.PAID: N_("Hand over the goods."),
            S.DECLINED: N_("Ask for another way to pay, or send again."),
            S.REJECTED: N_("Nothing was sent to the customer."),
            S.UNKNOWN: N_("Not confirmed: do not charge again. The till keeps asking M-PESA by itself."),
            S.ABANDONED: N_(
                "Nobody waits for this payment any more. If it is paid after all, you will hear a sound and see a notice."
            ),
            S.WITHDRAWN: N_("Nothing was sent."),
        }[attempt.state]
    )


def own_words(attempt: Attempt) -> str:
    """M-PESA's own words, where ours are not enough."""
    outcome = attempt.outcome
    if outcome is None or not outcome.text or outcome.kind not in (OutcomeKind.OTHER, OutcomeKind.BAD_REQUEST):
        return ""
    return outcome.text
