"""Builds the two requests, every field checked as the fact sheet says (docs/mpesa.md, 2.1)."""

from __future__ import annotations

import json
import re

from pos_app.common.clock import mpesa_timestamp
from pos_app.common.errors import Mistake
from pos_app.common.http import Request
from pos_app.common.urls import is_safe_address
from pos_app.daraja.errors import InvalidRequest
from pos_app.daraja.wire import TransactionType, stk_password
from pos_app.domain.values.money import MAX_SHILLINGS, parse_amount, shillings_of
from pos_app.domain.values.order_reference import MAX_DESCRIPTION, parse_reference
from pos_app.domain.values.phone import parse_phone

PUSH_PATH = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"

_SHORTCODE = re.compile(r"[0-9]{5,7}\Z")
_DESCRIPTION = re.compile(r"[A-Za-z0-9 ]*\Z")
_TIMESTAMP = re.compile(r"[0-9]{14}\Z")


def build_push(
    now_ms: int,
    *,
    business_short_code: int | str,
    transaction_type: TransactionType | str,
    amount: int | str,
    party_a: int | str,
    party_b: int | str,
    phone_number: int | str,
    callback_url: str,
    account_reference: str,
    transaction_desc: str | None,
    passkey: str | None,
    password: str | None,
    timestamp: str | None,
    max_shillings: int = MAX_SHILLINGS,
) -> dict[str, str | int]:
    """The body of a push.

    Raises:
        InvalidRequest: for the first field that M-PESA would refuse or fail on in silence.
    """
    shortcode = check_shortcode("business_short_code", business_short_code)
    try:
        kind = TransactionType(transaction_type)
    except ValueError:
        raise InvalidRequest("transaction_type", "request.transaction_type") from None
    made_password, made_timestamp = _password(now_ms, shortcode, passkey, password, timestamp)
    return {
        "BusinessShortCode": shortcode,
        "Password": made_password,
        "Timestamp": made_timestamp,
        "TransactionType": kind.value,
        "Amount": _amount(amount, max_shillings),
        "PartyA": _phone("party_a", party_a),
        "PartyB": check_shortcode("party_b", party_b, code="request.party_b"),
        "PhoneNumber": _phone("phone_number", phone_number),
        "CallBackURL": check_callback_url("callback_url", callback_url),
        "AccountReference": _reference(account_reference),
        "TransactionDesc": _description(transaction_desc),
    }


def build_query(
    now_ms: int,
    *,
    business_short_code: int | str,
    checkout_request_id: str,
    passkey: str | None,
    password: str | None,
    timestamp: str | None,
) -> dict[str, str | int]:
    """The body of a status query; raises as `build_push` does."""
    shortcode = check_shortcode("business_short_code", business_short_code)
    if not isinstance(checkout_request_id, str) or not checkout_request_id.strip():
        raise InvalidRequest("checkout_request_id", "request.checkout_id")
    made_password, made_timestamp = _password(now_ms, shortcode, passkey, password, timestamp)
    return {
        "BusinessShortCode": shortcode,
        "Password": made_password,
        "Timestamp": made_timestamp,
        "CheckoutRequestID": checkout_request_id.strip(),
    }


def as_request(base_url: str, path: str, body: dict[str, str | int], token: str) -> Request:
    """The HTTP request. Without the content type M-PESA answers "Invalid BusinessShortCode"."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return Request("POST", base_url + path, headers, json.dumps(body).encode())


def check_shortcode(field: str, value: int | str, *, code: str = "request.shortcode") -> str:
    """A shortcode, till or paybill number as text."""
    text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not _SHORTCODE.match(text):
        raise InvalidRequest(field, code)
    return text


def _password(
    now_ms: int, shortcode: str, passkey: str | None, password: str | None, timestamp: str | None
) -> tuple[str, str]:
    """Password and timestamp: the caller's own pair as it is, else made from the passkey.

    The guide's first call gives all three, its password a placeholder: with the passkey at
    hand a password that does not fit is not sent to be refused, it is made anew.
    """
    if timestamp is not None and not _TIMESTAMP.match(str(timestamp)):
        raise InvalidRequest("timestamp", "request.timestamp")
    if password:
        if not timestamp:
            raise InvalidRequest("timestamp", "request.password")
        if not passkey or password == stk_password(shortcode, passkey, str(timestamp)):
            return password, str(timestamp)
        timestamp = None
    if not passkey:
        raise InvalidRequest("passkey", "request.password")
    made = str(timestamp) if timestamp else mpesa_timestamp(now_ms)
    return stk_password(shortcode, passkey, made), made


def _amount(value: int | str, max_shillings: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InvalidRequest("amount", "amount.fraction" if isinstance(value, float) else "amount.not_a_number")
    try:
        return shillings_of(parse_amount(str(value), max_shillings=max_shillings))
    except Mistake as mistake:
        raise InvalidRequest("amount", mistake.code, **mistake.params) from None


def _phone(field: str, value: int | str) -> str:
    try:
        return parse_phone(str(value) if isinstance(value, (int, str)) else "")
    except Mistake as mistake:
        raise InvalidRequest(field, mistake.code, **mistake.params) from None


def check_callback_url(field: str, value: str) -> str:
    """An address that M-PESA may be given: https, or http on this machine alone."""
    if not isinstance(value, str) or not is_safe_address(value):
        raise InvalidRequest(field, "request.callback_url")
    return value


def _reference(value: str) -> str:
    try:
        return parse_reference(str(value))
    except Mistake as mistake:
        raise InvalidRequest("account_reference", mistake.code, **mistake.params) from None


def _description(value: str | None) -> str:
    text = "Payment" if value is None or value == "" else str(value)
    if len(text) > MAX_DESCRIPTION or not _DESCRIPTION.match(text) or not text.strip():
        raise InvalidRequest("transaction_desc", "request.description")
    return text
