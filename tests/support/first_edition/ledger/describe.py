"""What an event leaves in the ledger: a kind and details, phones and secrets left out.

``set`` in the details holds every column of the attempt that the event changed,
so that `first_edition.ledger.verify` can work each attempt out again from its events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from first_edition.domain import events as ev
from first_edition.domain.attempt import Attempt
from first_edition.domain.outcome import Outcome

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
    ev.SaleVoided: "voided",
    ev.ReceiptMade: "receipt",
    ev.ReviewSettled: "review_settled",
}


_COLUMNS: Final[dict[str, Callable[[Attempt], Any]]] = {
    "merchant_request_id": lambda attempt: attempt.merchant_request_id,
    "checkout_request_id": lambda attempt: attempt.checkout_request_id,
    "mpesa_code": lambda attempt: attempt.mpesa_code,
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


def describe(event: ev.Event, before: Attempt, after: Attempt, changed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind and the details of an event; an empty kind for one that is not worth a row.

    Args:
        changed: What `changed_columns` says of these two.
    """
    kind = _KINDS[type(event)]
    if isinstance(event, (ev.Restarted, ev.DeadlinePassed)) and before == after:
        return "", {}
    details = {name: value for name, value in _said(event).items() if value is not None}
    added = sorted(after.review - before.review)
    if added:
        details["review"] = added
    if changed:
        details["set"] = changed
    return kind, details


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
        case ev.GivenUp() | ev.ReviewSettled() | ev.SaleVoided():
            return {"by": event.by, "reason": event.reason}
        case ev.CodeClaimed():
            return {"by": event.by, "mpesa_code": event.code}
        case ev.CodeUsedElsewhere():
            return {"till": event.till}
        case ev.TwinArrived() | ev.HeardReceived() | ev.HeardGivenBack():
            return {"mpesa_code": event.mpesa_code}
        case ev.ConfirmationDiffers():
            return {"mpesa_code": event.mpesa_code, "amount_cents": event.amount_cents}
        case ev.ReceiptMade():
            return {"how": event.how}
        case _:
            return {}


def changed_columns(before: Attempt, after: Attempt) -> dict[str, Any]:
    """The columns that only events change and that differ, with their new values."""
    return {name: new for name, value_of in _COLUMNS.items() if (new := value_of(after)) != value_of(before)}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {"outcome": outcome.kind.value, "code": outcome.code, "text": outcome.text[:200]}
