"""What a relay hands over, message by message."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from dataclasses import dataclass, field
from typing import Any, Final

from pos_app.daraja import CallbackUnreadable, StkCallback
from pos_app.domain.events import CallbackArrived
from pos_app.domain.money import Cents, cents_of
from pos_app.ledger.writer import Cursor

_log = logging.getLogger("pos_app.engine.mail")
_UNREADABLE_AMOUNT: Final = Cents(-1)
"""An amount that was named and cannot be read is another amount."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message of a mailbox.

    Args:
        kind: ``callback``, ``payment`` (made straight to the shop's number) or ``claim`` (of another till).
        digest: SHA-256 of the token in its address; empty for one that is no message.
        cursor: Its place.
    """

    kind: str
    digest: bytes
    body: bytes = field(repr=False)
    cursor: Cursor


def read_mail(message: Any, mailbox: str) -> Mail | None:
    """A message as the relay sends it; None where it has not even a place in the mailbox."""
    try:
        cursor = Cursor(mailbox, int(message["id"]), str(message.get("mark", ""))[:32])
    except (KeyError, TypeError, ValueError, AttributeError):
        _log.warning("the relay sent a message without a number")
        return None
    try:
        digest = bytes.fromhex(message["token"])
        body = base64.b64decode(message["body"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        # It has its place: kept as it came, and passed.
        digest, body = b"", json.dumps(message).encode()
    return Mail(str(message.get("kind", "callback")), digest, body, cursor)


def read_callback(body: bytes) -> CallbackArrived | None:
    """A callback's body as an event; None where it cannot be read."""
    try:
        callback = StkCallback.parse(body)
    except CallbackUnreadable:
        return None
    amount = cents_of(callback.amount) if callback.amount is not None else None
    if amount is None and callback.has_amount:
        amount = _UNREADABLE_AMOUNT
    return CallbackArrived(
        callback.outcome, callback.merchant_request_id, callback.checkout_request_id, amount, callback.mpesa_code
    )
