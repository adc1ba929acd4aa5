"""What the till inbox says, without Qt."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.common.clock import to_eat
from pos_app.common.i18n import N_, _
from pos_app.common.redact import hide_phones
from pos_app.domain.c2b.payment import C2bPayment, Match, OpenSale, Sign, Use, rank
from pos_app.domain.values.money import format_ksh
from pos_app.gui.theme import Tone
from pos_app.ledger.queries.unmatched import CodeLookup, Unmatched

PAYMENT_HEADINGS = (N_("Time"), N_("Amount"), N_("Name"), N_("Phone"), N_("Account"), N_("M-PESA code"))
SALE_HEADINGS = (N_("Order"), N_("To pay"), N_("Phone"), N_("Why"))
_SIGNS = {
    Sign.REFERENCE: N_("same account"),
    Sign.AMOUNT: N_("same amount"),
    Sign.PHONE: N_("same last digits"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of three answers: received, used for a sale, not received.

    Args:
        can_take_back: Of the sale it was given to by hand.
        offer: A code to check in place of this one.
    """

    word: str
    sentence: str
    tone: Tone
    can_take_back: bool = False
    offer: str = ""


def payment_cells(payment: C2bPayment, today: str) -> tuple[str, ...]:
    """A payment's row."""
    paid = to_eat(payment.paid_at_ms)
    time = paid.strftime("%H:%M" if paid.strftime("%Y-%m-%d") == today else "%d %b %H:%M")
    return (
        time,
        format_ksh(payment.amount_cents),
        payment.first_name,
        payment.phone_masked,
        hide_phones(payment.account),
        payment.mpesa_code,
    )


def matches_of(payment: C2bPayment | None, inbox: Unmatched) -> list[Match]:
    """The sales it may be for, the likeliest first."""
    return rank(payment, inbox.sales) if payment is not None else []


def sale_cells(match: Match) -> tuple[str, ...]:
    """A proposed sale's row."""
    why = [_(text) for sign, text in _SIGNS.items() if sign in match.signs]
    why.append(_apart(match))
    phone = f"•••{match.sale.phone_last3}"
    return (match.sale.reference, format_ksh(match.sale.due_cents), phone, ", ".join(why))


def _apart(match: Match) -> str:
    if match.minutes_apart == 0:
        return _("the same minute")
    text = _("{count} min later") if match.is_sale_later else _("{count} min earlier")
    return text.format(count=match.minutes_apart)


def is_overpaid(payment: C2bPayment, sale: OpenSale) -> bool:
    """Whether the payment is more than the sale still needs."""
    return payment.amount_cents > sale.due_cents


def verdict_of(known: CodeLookup) -> Verdict:
    """The answer to "the customer shows this code"."""
    payment, sale = known.payment, known.sale
    if payment is not None and payment.use is Use.ELSEWHERE:
        sentence = _("At till {till}. Do not hand over the goods.").format(till=payment.taken_by)
        return Verdict(_("Already used"), sentence, Tone.NOT_PAID)
    if sale is not None:
        at_ms = payment.paid_at_ms if payment is not None else sale.attempt.settled_at_ms
        time = to_eat(at_ms or sale.sale.created_at_ms).strftime("%d %b %H:%M")
        cents = payment.amount_cents if payment is not None else sale.attempt.amount_cents
        sentence = _("{amount}, {time}. It pays no other sale: hand over goods for this one only.").format(
            amount=format_ksh(cents), time=time
        )
        can = payment is not None and payment.use is Use.PAYS
        word = _("Paid sale {reference}").format(reference=sale.sale.reference)
        return Verdict(word, sentence, Tone.UNKNOWN, can_take_back=can)
    if payment is not None:
        paid = to_eat(payment.paid_at_ms).strftime("%d %b %H:%M")
        who = " ".join(part for part in (payment.first_name, payment.phone_masked) if part)
        sentence = _("{amount}, {time}, {who}. Not used yet: give it to its sale below.").format(
            amount=format_ksh(payment.amount_cents), time=paid, who=who or _("no name")
        )
        return Verdict(_("Received"), sentence, Tone.PAID)
    if known.looks_like is not None:
        sentence = _(
            "No payment has this code, but one with {code} came. Compare it with the phone: O and 0, I and 1 look"
            " alike."
        )
        return Verdict(
            _("Is it this one?"), sentence.format(code=known.looks_like), Tone.UNKNOWN, offer=known.looks_like
        )
    return Verdict(
        _("Not received"),
        _("No payment with this code has come to this till. Do not hand over the goods."),
        Tone.NOT_PAID,
    )
