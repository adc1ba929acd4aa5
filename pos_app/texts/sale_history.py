"""A sale's time line: each event of the ledger as a sentence."""

from __future__ import annotations

from typing import Any

from pos_app.common.i18n import N_, _
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.domain.stk.attempt import Review
from pos_app.domain.values.money import format_ksh
from pos_app.texts.outcomes import words_of
from pos_app.texts.states import review_word

_KINDS: dict[str, str] = {
    "requested": N_("Payment of {amount} asked for from {phone}"),
    "sending": N_("Sent to M-PESA"),
    "accepted": N_("M-PESA queued the prompt"),
    "not_sent": N_("Not sent: {outcome}"),
    "refused": N_("Refused: {outcome}"),
    "lost": N_("No clear answer: {outcome}"),
    "restarted": N_("The till was started again in between"),
    "deadline": N_("No result after two minutes"),
    "query": N_("Asked M-PESA: {outcome}"),
    "callback": N_("M-PESA reported: {outcome}"),
    "callback_unclear": N_("A message came that cannot be read for certain"),
    "heard_received": N_("The money that a message spoke of was received"),
    "heard_given_back": N_("The money that a message spoke of was taken back"),
    "too_much": N_("More has come than the sale asks for"),
    "too_much_given_back": N_("It is no more than the sale asks for now"),
    "used_elsewhere": N_("Its M-PESA code was used at another till"),
    "confirmed_otherwise": N_("M-PESA also confirmed its code with another amount: {amount}"),
    "twin": N_("M-PESA confirmed it a second time, with its code"),
    "allocated": N_("{by} gave it a payment that came straight to the till: {amount}"),
    "proved": N_("Also confirmed as a payment to the till: {amount}, the same money"),
    "deallocated": N_("{by} took a payment back: {reason}"),
    "confirmed": N_("Also confirmed as a payment to the till: {amount}, the same money"),
    "code_followed": N_("M-PESA's code followed"),
    "given_up": N_("Given up by {by}: {reason}"),
    "withdrawn": N_("Withdrawn before it was sent"),
    "claimed": N_("{by} noted a code that the customer showed"),
    "voided": N_("Sale voided by {by}: {reason}"),
    "receipt": N_("Receipt made"),
    "review_settled": N_("Settled by {by}: {reason}"),
}

_NOBODY: dict[str, str] = {
    "manager": N_("the manager"),
    "cashier": N_("the cashier"),
    "till": N_("the till itself"),
    "practice": N_("practice mode"),
}
"""Who did it where the ledger has no name."""

_OWN_REASONS = (N_("The practice M-PESA was started anew and does not know this prompt."),)
"""Reasons that the program itself writes; a person's stay as they were typed."""


def event_sentence(kind: str, actor: str, details: dict[str, Any]) -> str:
    """What happened, in a sentence; what needs a person is added."""
    reason = str(details.get("reason", ""))
    values = {
        "amount": format_ksh(int(details.get("amount_cents") or 0)),
        "phone": details.get("phone", ""),
        "outcome": _outcome(details),
        "by": _(_NOBODY[actor]) if actor in _NOBODY else actor,
        "reason": _(reason) if reason in _OWN_REASONS else reason,
    }
    text = _(_KINDS[kind]).format(**values) if kind in _KINDS else kind
    if details.get("mpesa_code"):
        text += f" · {details['mpesa_code']}"
    flags = [review_word(Review(reason)) for reason in details.get("review", [])]
    return " · ".join([text, *flags])


def _outcome(details: dict[str, Any]) -> str:
    kind = details.get("outcome")
    if kind is None:
        return ""
    code, is_known = details.get("code", ""), kind != OutcomeKind.OTHER
    # What no table knows is neither paid nor not paid: it stands here in M-PESA's own words.
    word = words_of(OutcomeKind(kind)).word if is_known else _("a result that this till does not know")
    words = "" if is_known else details.get("text", "")
    shown = f"{word} ({code})" if code else word
    return f"{shown}: {words}" if words else shown
