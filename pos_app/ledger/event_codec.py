"""What an event leaves in the ledger: a subject, a kind, an actor and details, phones and secrets left out.

``set`` in the details of an attempt's event holds every column of the attempt that the event changed, so that
`pos_app.ledger.verify` can work each attempt out again from its events. Details of another form get another version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Final

from pos_app.domain.mpesa.outcome import Outcome
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt

VERSION: Final = 1
SYSTEM: Final = "system"
"""The actor of what the till does by itself."""


class Subject(StrEnum):
    """What an event is about."""

    SALE = "sale"
    ATTEMPT = "attempt"
    TRANSACTION = "mpesa_transaction"


class OfSale(StrEnum):
    """What happens to a sale."""

    MADE = "made"
    VOIDED = "voided"
    RECEIPT = "receipt"


class OfTransaction(StrEnum):
    """What happens to money that moved at M-PESA."""

    ARRIVED = "arrived"
    """It was paid straight to the shop's number."""
    PAID = "paid"
    """A prompt was paid with it."""
    CODE_FOLLOWED = "code_followed"
    MERGED = "merged"
    """Its code stands in a row of its own already: the two are one from now on."""
    CONFIRMED = "confirmed"
    """What a prompt was paid with was confirmed as a payment to the shop's number too."""
    ALLOCATED = "allocated"
    DEALLOCATED = "deallocated"
    PROVED = "proved"
    """A payment in the list turned out to be a prompt's own money."""
    RESERVED_ELSEWHERE = "reserved_elsewhere"
    GIVEN_BACK = "given_back"
    """The other till gave it back."""


REQUESTED: Final = "requested"
"""The first event of an attempt."""
CODE_FREED: Final = "code_freed"
"""The code that a customer showed for a sale that was voided may serve another sale."""
TOLD_BY_ANOTHER: Final = frozenset({OfSale.MADE, OfTransaction.PAID, OfTransaction.MERGED, CODE_FREED})
"""What a person reads in the event beside it: a sale in its first prompt, money received in what proved it."""
_OF_SALE: Final[dict[type[ev.Event], OfSale]] = {ev.SaleVoided: OfSale.VOIDED, ev.ReceiptMade: OfSale.RECEIPT}
_KINDS: Final[dict[type[ev.Event], str]] = {
    ev.SendRequested: "sending",
    ev.PushAccepted: "accepted",
    ev.PushNotSent: "not_sent",
    ev.PushRefused: "refused",
    ev.PushLost: "lost",
    ev.Restarted: "restarted",
    ev.DeadlinePassed: "deadline",
    ev.Asked: "",
    ev.QueryAnswered: "query",
    ev.QueryRefused: "",
    ev.CallbackArrived: "callback",
    ev.CallbackUnclear: "callback_unclear",
    ev.HeardReceived: "heard_received",
    ev.HeardGivenBack: "heard_given_back",
    ev.TwinArrived: "twin",
    ev.ConfirmationDiffers: "confirmed_otherwise",
    ev.TooMuchReceived: "too_much",
    ev.TooMuchGivenBack: "too_much_given_back",
    ev.CodeUsedElsewhere: "used_elsewhere",
    ev.GivenUp: "given_up",
    ev.Withdrawn: "withdrawn",
    ev.CodeClaimed: "claimed",
    ev.ReviewSettled: "review_settled",
}


_COLUMNS: Final[dict[str, Callable[[Attempt], Any]]] = {
    "merchant_request_id": lambda attempt: attempt.merchant_request_id,
    "checkout_request_id": lambda attempt: attempt.checkout_request_id,
    "heard_code": lambda attempt: attempt.heard_code,
    "heard_settled": lambda attempt: int(attempt.heard_settled),
    "said_by_callback": lambda attempt: int(attempt.is_said_by_callback),
    "claimed_code": lambda attempt: attempt.claimed_code,
    "outcome_kind": lambda attempt: attempt.outcome and attempt.outcome.kind.value,
    "outcome_code": lambda attempt: attempt.outcome and attempt.outcome.code,
    "outcome_text": lambda attempt: attempt.outcome and attempt.outcome.text,
    "outcome_is_final": lambda attempt: attempt.outcome and int(attempt.outcome.is_final),
    "outcome_may_turn": lambda attempt: attempt.outcome and int(attempt.outcome.may_turn_paid),
    "sent_at_ms": lambda attempt: attempt.sent_at_ms,
    "left_at_ms": lambda attempt: attempt.left_at_ms,
    "settled_at_ms": lambda attempt: attempt.settled_at_ms,
    "said_paid_at_ms": lambda attempt: attempt.said_paid_at_ms,
    "said_failed_at_ms": lambda attempt: attempt.said_failed_at_ms,
    "review": lambda attempt: ",".join(sorted(attempt.review)),
}
SET_COLUMNS: Final = tuple(_COLUMNS)
"""What only events change. When it was asked is no evidence and not among them."""


def kinds() -> frozenset[tuple[str, str]]:
    """Every subject with every kind of event that it may have."""
    of_attempts = {kind for kind in _KINDS.values() if kind} | {REQUESTED, CODE_FREED}
    return frozenset(
        {(Subject.SALE, kind.value) for kind in OfSale}
        | {(Subject.ATTEMPT, kind) for kind in of_attempts}
        | {(Subject.TRANSACTION, kind.value) for kind in OfTransaction}
    )


def sale_kind(event: ev.Event) -> OfSale | None:
    """The kind of an event that is about the sale; None for one about its attempt."""
    return _OF_SALE.get(type(event))


def attempt_kind(event: ev.Event, before: Attempt, after: Attempt) -> str:
    """The kind of an event about an attempt; empty for one that is not worth a row."""
    if isinstance(event, (ev.Restarted, ev.DeadlinePassed)) and before == after:
        return ""
    return _KINDS[type(event)]


def actor_of(event: ev.Event) -> str:
    """Who did it."""
    return str(getattr(event, "by", SYSTEM))


def details_of(event: ev.Event, before: Attempt, after: Attempt, changed: dict[str, Any]) -> dict[str, Any]:
    """What an event says, and what it changed.

    Args:
        changed: What `changed_columns` says of these two.
    """
    details = {name: value for name, value in _said(event).items() if value is not None and name != "by"}
    added = sorted(after.review - before.review)
    if added:
        details["review"] = added
    if changed:
        details["set"] = changed
    return details


def _said(event: ev.Event) -> dict[str, Any]:
    """What the event itself says."""
    match event:
        case ev.PushAccepted():
            return {
                "merchant_request_id": event.merchant_request_id,
                "checkout_request_id": event.checkout_request_id,
            }
        case ev.PushNotSent() | ev.PushRefused() | ev.PushLost() | ev.QueryAnswered():
            return _outcome(event.outcome)
        case ev.CallbackArrived():
            return _outcome(event.outcome) | {
                "merchant_request_id": event.merchant_request_id,
                "checkout_request_id": event.checkout_request_id,
                "amount_cents": event.amount_cents,
                "mpesa_code": event.mpesa_code,
            }
        case ev.CallbackUnclear():
            return {"amount_cents": event.amount_cents, "mpesa_code": event.mpesa_code}
        case ev.CodeClaimed():
            return {"mpesa_code": event.code}
        case _:
            # Plain values, under the names that the event has for them.
            return asdict(event)


def changed_columns(before: Attempt, after: Attempt) -> dict[str, Any]:
    """The columns that only events change and that differ, with their new values."""
    return {name: new for name, value_of in _COLUMNS.items() if (new := value_of(after)) != value_of(before)}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {"outcome": outcome.kind.value, "code": outcome.code, "text": outcome.text[:200]}
