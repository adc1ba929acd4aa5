"""Reads M-PESA's answers; the same for the sync and the async client."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from pos_app.common.http import EXPIRED, NOT_YET_VALID, TOO_LATE, HttpResponse, MaybeSentError, NotSentError
from pos_app.daraja.c2b import RegisterUrlResponse
from pos_app.daraja.codes import ErrorClass
from pos_app.daraja.errors import (
    CallbackUnreadable,
    MaybeSent,
    MpesaApiException,
    MpesaError,
    NotSent,
    Refused,
    Throttled,
)
from pos_app.daraja.wire import ErrorBody, StkPushResponse, StkQueryResponse, parse_json
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind

LONGEST_AFTER_S = 600.0
_OK = range(200, 300)
_TOO_EARLY = "400.002.02"

_NOT_SENT = {
    NOT_YET_VALID: OutcomeKind.WRONG_CLOCK,
    EXPIRED: OutcomeKind.WRONG_CLOCK,
    TOO_LATE: OutcomeKind.TOO_LATE,
}

M = TypeVar("M", StkPushResponse, StkQueryResponse, RegisterUrlResponse)


def is_token_refusal(answer: HttpResponse) -> bool:
    """Whether the gateway refused the token: M-PESA never saw the request, so it may go again."""
    if answer.status not in (400, 401, 403, 404, 500):
        return False
    body = ErrorBody.read(answer.body)
    return body.meaning(answer.status).treatment == ErrorClass.TOKEN


def read_push(answer: HttpResponse) -> StkPushResponse:
    """The answer to a push.

    Raises:
        Refused, Throttled, MaybeSent: see `pos_app.daraja.errors`.
    """
    if answer.status in _OK:
        response = _model(answer, StkPushResponse)
        if response is not None and (response.ResponseCode or response.CheckoutRequestID):
            # Whether it is one that says "queued", its readers ask; its ids are kept either way.
            return response
    raise _error_of(answer)


def read_query(answer: HttpResponse, checkout_request_id: str) -> StkQueryResponse:
    """The answer to a query; "not finished yet" in each of its three forms is an answer too.

    Args:
        checkout_request_id: What was asked for: an answer about another prompt is none.

    Raises:
        Refused, Throttled, MaybeSent: see `pos_app.daraja.errors`. None of them settles a payment.
    """
    if answer.status in _OK:
        response = _model(answer, StkQueryResponse)
        is_answer = response is not None and (response.ResultCode is not None or response.ResponseCode)
        if response is not None and is_answer and response.CheckoutRequestID in ("", checkout_request_id.strip()):
            return response
        raise _error_of(answer)
    body = ErrorBody.read(answer.body)
    treatment = body.meaning(answer.status).treatment
    too_early = body.code == _TOO_EARLY and "checkoutrequestid" in body.message.lower()
    if treatment == ErrorClass.PENDING or too_early:
        return StkQueryResponse(ResponseCode=body.code or str(answer.status), ResponseDescription=body.message)
    raise _error_of(answer)


def read_register(answer: HttpResponse) -> RegisterUrlResponse:
    """The answer to a registration.

    Raises:
        Refused, Throttled, MaybeSent: see `pos_app.daraja.errors`; registering again is always safe.
    """
    if answer.status in _OK:
        response = _model(answer, RegisterUrlResponse)
        if response is not None and response.ResponseCode:
            return response
    raise _error_of(answer)


def _model(answer: HttpResponse, model: type[M]) -> M | None:
    try:
        return model.model_validate(parse_json(answer.body))
    except (CallbackUnreadable, ValidationError):
        return None


def _error_of(answer: HttpResponse) -> MpesaApiException:
    body = ErrorBody.read(answer.body)
    error = MpesaError(body.code or f"HTTP_{answer.status}", body.message, answer.status, body.request_id)
    if answer.status in _OK:
        return MaybeSent(error, Outcome(OutcomeKind.NOT_UNDERSTOOD, error.error_code, body.message, is_final=False))
    meaning = body.meaning(answer.status)
    if meaning.treatment == ErrorClass.THROTTLED:
        return Throttled(error, meaning.outcome, _retry_after_s(answer))
    if meaning.treatment in (ErrorClass.REFUSED, ErrorClass.TOKEN):
        return Refused(error, meaning.outcome)
    return MaybeSent(error, meaning.outcome)


def _retry_after_s(answer: HttpResponse) -> float | None:
    text = answer.headers.get("retry-after", "")
    return min(float(text), LONGEST_AFTER_S) if text.isascii() and text.isdigit() else None


def from_web(error: NotSentError | MaybeSentError) -> NotSent | MaybeSent:
    """A failure of the way to M-PESA as an error of this library."""
    kind = str(error.params.get("kind", ""))
    if isinstance(error, NotSentError):
        outcome = Outcome(_NOT_SENT.get(kind, OutcomeKind.NO_CONNECTION), "NOT_SENT", kind)
        return NotSent(MpesaError("NOT_SENT", f"M-PESA could not be reached ({kind})"), outcome)
    outcome = Outcome(OutcomeKind.NO_ANSWER, "NO_ANSWER", kind, is_final=False)
    return MaybeSent(MpesaError("NO_ANSWER", f"no whole answer came ({kind})"), outcome)
