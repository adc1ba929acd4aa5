"""What M-PESA checks before it queues a prompt, and how it words its refusals (docs/mpesa.md, 2)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pos_app.practice.simulator.shop import Shop

MAX_SHILLINGS = 250_000
MAX_REFERENCE = 12
MAX_DESCRIPTION = 13


@dataclass(frozen=True, slots=True)
class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """An error answer."""

    status: int
    code: str
    text: str


def _bad(what: str) -> Refusal:
    return Refusal(400, "400.002.02", f"Bad Request - Invalid {what}")


@dataclass(frozen=True, slots=True)
class PushOrder:
    """A push that passed the checks."""

    shortcode: str
    transaction_type: str
    shillings: int
    msisdn: str
    party_b: str
    callback_url: str
    reference: str
    description: str


def check_push(body: Any, content_type: str, shop: Shop) -> PushOrder:
    """Checks a push body.

    Raises:
        Refusal: as M-PESA would.
    """
    if not content_type.lower().startswith("application/json"):
        raise _bad("BusinessShortCode")
    if not isinstance(body, dict):
        raise Refusal(400, "400.002.05", "Invalid Request Payload")
    shortcode = _shortcode(body)
    check_password(body, shortcode, shop)
    kind = body.get("TransactionType")
    if kind not in ("CustomerPayBillOnline", "CustomerBuyGoodsOnline"):
        raise _bad("TransactionType")
    shillings = _shillings(body.get("Amount"))
    msisdn = _msisdn(body.get("PhoneNumber"), "PhoneNumber")
    _msisdn(body.get("PartyA"), "PartyA")
    party_b = str(body.get("PartyB", ""))
    if not re.fullmatch(r"[0-9]{5,7}", party_b):
        raise _bad("PartyB")
    reference = str(body.get("AccountReference", ""))
    if not re.fullmatch(r"[A-Za-z0-9 ]+", reference) or len(reference) > MAX_REFERENCE:
        raise Refusal(400, "400.002.02", "Bad Request - The element AccountReference is invalid.")
    description = str(body.get("TransactionDesc", ""))
    if len(description) > MAX_DESCRIPTION or not re.fullmatch(r"[A-Za-z0-9 .,-]*", description):
        raise _bad("TransactionDesc")
    return PushOrder(
        shortcode, kind, shillings, msisdn, party_b, _callback_url(body.get("CallBackURL")), reference, description
    )


def check_password(body: dict[str, Any], shortcode: str, shop: Shop) -> None:
    """Shortcode, timestamp and the password made of both.

    Raises:
        Refusal: as M-PESA would.
    """
    timestamp = str(body.get("Timestamp", ""))
    if not re.fullmatch(r"20[0-9]{12}", timestamp):
        raise _bad("Timestamp")
    if shortcode not in (shop.paybill, shop.store):
        raise Refusal(500, "500.001.1001", "Merchant does not exist")
    expected = base64.b64encode(f"{shortcode}{shop.passkey}{timestamp}".encode()).decode()
    if body.get("Password") != expected:
        raise Refusal(500, "500.001.1001", "[MerchantValidate] - Wrong credentials")


def _shortcode(body: dict[str, Any]) -> str:
    shortcode = str(body.get("BusinessShortCode", ""))
    if not re.fullmatch(r"[0-9]{5,7}", shortcode):
        raise _bad("BusinessShortCode")
    return shortcode


def query_shortcode(body: Any) -> tuple[str, str]:
    """Shortcode and CheckoutRequestID of a query.

    Raises:
        Refusal: as M-PESA would.
    """
    if not isinstance(body, dict):
        raise Refusal(400, "400.002.05", "Invalid Request Payload")
    checkout = str(body.get("CheckoutRequestID", ""))
    if not checkout:
        raise _bad("CheckoutRequestID")
    return _shortcode(body), checkout


def _shillings(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,7}", text):
        raise _bad("Amount")
    if not 1 <= int(text) <= MAX_SHILLINGS:
        raise _bad("Amount")
    return int(text)


def _msisdn(value: Any, name: str) -> str:
    text = str(value)
    if not re.fullmatch(r"254[17][0-9]{8}", text):
        raise _bad(name)
    return text


def _callback_url(value: Any) -> str:
    """Unlike the real one it allows this machine: that is where practice callbacks go."""
    try:
        parts = urlsplit(str(value))
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise _bad("CallBackURL")
    return str(value)
