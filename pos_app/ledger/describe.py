"""What an event leaves in the ledger: a kind and details, phones and secrets left out."""

from __future__ import annotations

from typing import Any

from pos_app.domain import events as ev
from pos_app.domain.attempt import Attempt
from pos_app.domain.outcome import Outcome

_KINDS: dict[type[ev.Event], str] = {
    ev.SendRequested: "sending",
    ev.PushAccepted: "accepted",
    ev.PushNotSent: "not_sent",
    ev.PushRefused: "refused",
    ev.PushLost: "lost",
    ev.Restarted: "restarted",
    ev.DeadlinePassed: "deadline",
    ev.Asked: "",
    ev.QueryAnswered: "query",
    ev.CallbackArrived: "callback",
    ev.GivenUp: "given_up",
    ev.Withdrawn: "withdrawn",
    ev.ReviewSettled: "review_settled",
}


def describe(event: ev.Event, before: Attempt, after: Attempt) -> tuple[str, dict[str, Any]]:
    """The kind and the details of an event; an empty kind for one that is not worth a row."""
    kind = _KINDS[type(event)]
    if isinstance(event, (ev.Restarted, ev.DeadlinePassed)) and before == after:
        return "", {}
    details: dict[str, Any] = {}
    match event:
        case ev.PushAccepted():
            details = {
                "merchant_request_id": event.merchant_request_id,
                "checkout_request_id": event.checkout_request_id,
            }
        case ev.PushNotSent() | ev.PushRefused() | ev.PushLost() | ev.QueryAnswered():
            details = _outcome(event.outcome)
        case ev.CallbackArrived():
            details = _outcome(event.outcome) | {
                "merchant_request_id": event.merchant_request_id,
                "checkout_request_id": event.checkout_request_id,
                "amount_cents": event.amount_cents,
                "mpesa_code": event.mpesa_code,
            }
        case ev.GivenUp() | ev.ReviewSettled():
            details = {"by": event.by, "reason": event.reason}
        case _:
            pass
    if after.mpesa_code != before.mpesa_code:
        details["mpesa_code"] = after.mpesa_code
    added = sorted(after.review - before.review)
    if added:
        details["review"] = added
    return kind, {name: value for name, value in details.items() if value is not None}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {"outcome": outcome.kind.value, "code": outcome.code, "text": outcome.text[:200]}
