"""Requests and answers as M-PESA spells them."""

from __future__ import annotations

import base64
import json
import re
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from pos_app.daraja.codes import ErrorMeaning, Speaker, error_meaning, result_outcome, spell_code
from pos_app.daraja.errors import CallbackUnreadable
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind

MAX_CALLBACK_BYTES = 64 * 1024


class TransactionType(StrEnum):
    """Kind of payment; it must match the kind of shortcode (docs/mpesa.md, 2.3)."""

    CUSTOMER_PAYBILL_ONLINE = "CustomerPayBillOnline"
    CUSTOMER_BUYGOODS_ONLINE = "CustomerBuyGoodsOnline"


def text_of(value: object) -> str | None:
    """A plain value as text, shortened; None for nothing, a truth value, a list or an object."""
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    return str(value)[:500]


def _as_text(value: object) -> str:
    return text_of(value) or ""


Text = Annotated[str, BeforeValidator(_as_text)]
"""Read for itself: null, or something that is no text, is an empty text and spoils nothing beside it."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class StkPushResponse(_Answer):
    """M-PESA's answer to a push: the prompt is queued, nothing more (docs/mpesa.md, 2.5)."""

    MerchantRequestID: Text = ""
    CheckoutRequestID: Text = ""
    ResponseCode: Text = ""
    ResponseDescription: Text = ""
    CustomerMessage: Text = ""

    def is_successful(self) -> bool:
        """Whether the prompt was queued, with a number to ask by. It does not mean that anything is paid."""
        return spell_code(self.ResponseCode) == "0" and bool(self.CheckoutRequestID.strip())

    def error_message(self) -> str:
        """M-PESA's words when it was not queued; empty when it was."""
        return "" if self.is_successful() else self.ResponseDescription or f"ResponseCode {self.ResponseCode}"


class StkQueryResponse(_Answer):
    """M-PESA's answer to a status query, or the error by which it says "not finished yet".

    ``ResponseCode`` says only that the query was understood; ``ResultCode`` is
    the result, and is None while there is none (docs/mpesa.md, 3.1).
    """

    ResponseCode: Text = ""
    ResponseDescription: Text = ""
    MerchantRequestID: Text = ""
    CheckoutRequestID: Text = ""
    ResultCode: str | None = None
    ResultDesc: Text = ""

    @field_validator("ResultCode", mode="before")
    @classmethod
    def _spell(cls, value: object) -> str | None:
        return spell_code(value) or None if isinstance(value, (int, str, float, Decimal)) else None

    @property
    def outcome(self) -> Outcome:
        """What it means. Only a known, final ResultCode settles anything, and none beside a refused query."""
        text = self.ResultDesc or self.ResponseDescription
        if self.ResultCode is None:
            return Outcome(OutcomeKind.STILL_PROCESSING, self.ResponseCode, text, is_final=False)
        if self.ResponseCode and spell_code(self.ResponseCode) != "0":
            return Outcome(OutcomeKind.OTHER, f"{self.ResponseCode}/{self.ResultCode}"[:40], text, is_final=False)
        return result_outcome(self.ResultCode, self.ResultDesc)

    def is_successful(self) -> bool:
        """Whether M-PESA says that the customer paid."""
        return self.outcome.kind is OutcomeKind.PAID

    def is_pending(self) -> bool:
        """Whether nothing final is known yet."""
        return not self.outcome.is_final

    def error_message(self) -> str:
        """M-PESA's words when it is finished and not paid; empty otherwise."""
        return "" if self.is_successful() or self.is_pending() else self.ResultDesc or f"ResultCode {self.ResultCode}"


class StkCallback(BaseModel):
    """A callback, read by item name and tolerant of what is missing (docs/mpesa.md, 4).

    Callbacks are not signed: what one says counts only where the receiver can
    tell that it belongs to a request of its own.
    """

    model_config = ConfigDict(frozen=True)

    merchant_request_id: str | None = None
    checkout_request_id: str | None = None
    result_code: str
    result_desc: str = ""
    items: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def parse(cls, body: bytes | str) -> Self:
        """Reads a callback body.

        Raises:
            CallbackUnreadable: for anything that is not a callback.
        """
        callback = _dig(parse_json(body), "Body", "stkCallback")
        if not isinstance(callback, dict):
            raise CallbackUnreadable("no Body.stkCallback")
        code = callback.get("ResultCode")
        if isinstance(code, bool) or not isinstance(code, (int, float, str, Decimal)) or spell_code(code) == "":
            raise CallbackUnreadable("no ResultCode")
        return cls(
            merchant_request_id=text_of(callback.get("MerchantRequestID")),
            checkout_request_id=text_of(callback.get("CheckoutRequestID")),
            result_code=spell_code(code),
            result_desc=text_of(callback.get("ResultDesc")) or "",
            items=_items(callback.get("CallbackMetadata")),
        )

    @property
    def outcome(self) -> Outcome:
        """What it means. A code that no table knows settles nothing (docs/decisions/0009)."""
        return result_outcome(self.result_code, self.result_desc)

    @property
    def amount(self) -> Decimal | None:
        """Shillings, exact; None where it is missing or not a number."""
        return number_of(self.items.get("Amount"))

    @property
    def has_amount(self) -> bool:
        """Whether an amount was named at all, readable or not."""
        return self.items.get("Amount") is not None

    @property
    def mpesa_code(self) -> str | None:
        """The M-PESA code (``MpesaReceiptNumber``)."""
        code = text_of(self.items.get("MpesaReceiptNumber"))
        return as_mpesa_code(code.strip().upper()) if code else None

    @property
    def phone(self) -> str | None:
        """The payer as M-PESA spells it; it may be masked or missing."""
        return text_of(self.items.get("PhoneNumber"))

    @property
    def transaction_date(self) -> str | None:
        """``YYYYMMDDHHmmss`` in East Africa Time."""
        return text_of(self.items.get("TransactionDate"))


def number_of(value: object) -> Decimal | None:
    """A plain number, exact; None for anything else. A text is one in ASCII digits alone, with at most a fraction."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    if isinstance(value, str) and not _PLAIN_NUMBER.fullmatch(value.strip()):
        return None
    number = Decimal(str(value).strip())
    return number if number.is_finite() else None


_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")


def as_mpesa_code(text: str) -> str | None:
    """A code as M-PESA writes them: letters and digits; anything else is not one."""
    return text if 6 <= len(text) <= 20 and text.isascii() and text.isalnum() else None


def parse_json(body: bytes | str) -> Any:
    """Reads JSON from the outside; numbers exact, size and depth bounded.

    Raises:
        CallbackUnreadable: where it is not JSON, too large, or too deep.
    """
    if len(body) > MAX_CALLBACK_BYTES:
        raise CallbackUnreadable("too large")
    try:
        if isinstance(body, bytes) and _is_plain(body):
            return _EXACT.decode(body.decode("ascii"))
        return _clean(json.loads(body, parse_float=Decimal, parse_constant=_no_constant))
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise CallbackUnreadable(type(error).__name__) from None


def _is_plain(body: bytes) -> bool:
    """Whether no half of a character can come of it: plain letters without escapes, and no wider encoding of them."""
    return body.isascii() and b"\\u" not in body and b"\0" not in body


def _clean(value: Any) -> Any:
    """The value without halves of characters (lone surrogates), which can be read but never written."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(one) for name, one in value.items()}
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_EXACT: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def _dig(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _items(metadata: Any) -> dict[str, Any]:
    listed = _dig(metadata, "Item")
    if isinstance(listed, dict):
        listed = [listed]
    if not isinstance(listed, list):
        return {}
    found: dict[str, Any] = {}
    for item in listed[:100]:
        if isinstance(item, dict) and isinstance(item.get("Name"), str) and item["Name"] not in found:
            found[item["Name"]] = item.get("Value")
    return found


class ErrorBody(BaseModel):
    """What any of the five shapes of error body says (docs/mpesa.md, 2.6).

    Args:
        speaker: Whose words these are.
    """

    model_config = ConfigDict(frozen=True)

    speaker: Speaker = Speaker.NOBODY
    code: str = ""
    message: str = ""
    request_id: str | None = None

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Reads Daraja's own shape, Apigee's fault, SOAP as JSON, HTML or an empty body; never raises."""
        try:
            parsed = parse_json(body[:MAX_CALLBACK_BYTES])
        except CallbackUnreadable:
            return cls(message=_plain_text(body))
        if not isinstance(parsed, dict):
            return cls()
        if parsed.get("errorCode") is not None or parsed.get("errorMessage") is not None:
            return cls(
                speaker=Speaker.DARAJA,
                code=text_of(parsed.get("errorCode")) or "",
                message=text_of(parsed.get("errorMessage")) or "",
                request_id=text_of(parsed.get("requestId")),
            )
        fault = parsed.get("fault")
        if isinstance(fault, dict):
            return cls(
                speaker=Speaker.GATEWAY,
                code=text_of(_dig(fault, "detail", "errorcode")) or "",
                message=text_of(fault.get("faultstring")) or "",
            )
        soap = _dig(parsed, "Envelope", "Body", "Fault")
        if isinstance(soap, dict):
            # A SOAP fault comes from behind the gateway: its code says nothing of what was done.
            return cls(message=text_of(soap.get("faultstring")) or "")
        return cls(
            message=text_of(parsed.get("ResponseDescription")) or text_of(parsed.get("message")) or "",
            request_id=text_of(parsed.get("requestId")),
        )

    def meaning(self, status: int) -> ErrorMeaning:
        """What it means beside its HTTP status."""
        return error_meaning(status, self.code, self.message, self.speaker)


def _plain_text(body: bytes) -> str:
    """The visible words of an HTML page, shortened: enough to recognise a firewall by."""
    text = re.sub(r"<[^>]*>", " ", body[:4096].decode("utf-8", "replace"))
    return " ".join(text.split())[:200]


def stk_password(shortcode: str, passkey: str, timestamp: str) -> str:
    """``base64(shortcode + passkey + timestamp)`` (docs/mpesa.md, 2.1)."""
    return base64.b64encode(f"{shortcode}{passkey}{timestamp}".encode()).decode()
