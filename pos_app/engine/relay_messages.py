"""What a relay hands over, message by message."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from dataclasses import dataclass, field
from typing import Any, Final

from pos_app.common.mailbox import MessageKind
from pos_app.daraja import CallbackUnreadable, StkCallback
from pos_app.daraja.recognise import Recognised, recognise
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.domain.stk.events import CallbackArrived, CallbackUnclear
from pos_app.domain.values.money import Cents, cents_of
from pos_app.ledger.stores.messages import Cursor

_log = logging.getLogger("pos_app.engine.relay_messages")
_LARGEST_NUMBER: Final = 1 << 62
_UNREADABLE_AMOUNT: Final = Cents(-1)
"""An amount that was named and cannot be read is another amount."""


@dataclass(frozen=True, slots=True)
class RelayMessage:
    """One message of a mailbox.

    Args:
        kind: None for a kind that this till does not know: such a message is evidence alone.
        digest: SHA-256 of the token in its address; empty for one that is no message.
        cursor: Its place.
        received_at_ms: When the relay got it, by the relay's clock; None where it does not say.
    """

    kind: MessageKind | None
    digest: bytes
    body: bytes = field(repr=False)
    cursor: Cursor
    received_at_ms: int | None = None


def read_message(message: Any, mailbox: str, identity: str = "") -> RelayMessage | None:
    """A message as the relay sends it; None where it has not even a place in the mailbox.

    Args:
        identity: The mailbox's own name for itself, as its last page gave it.
    """
    try:
        number = int(message["id"])
        cursor = Cursor(mailbox, number, str(message.get("mark", ""))[:32], identity)
        if not 0 < number < _LARGEST_NUMBER:
            raise ValueError(number)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        _log.warning("the relay sent a message without a number")
        return None
    try:
        digest = bytes.fromhex(message["token"])
        body = base64.b64decode(message["body"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        # It has its place: kept as it came, and passed.
        digest, body = b"", json.dumps(message).encode()
    received = message.get("received_at_ms")
    return RelayMessage(_kind_of(message), digest, body, cursor, received if isinstance(received, int) else None)


def _kind_of(message: Any) -> MessageKind | None:
    try:
        return MessageKind(message.get("kind", MessageKind.CALLBACK))
    except ValueError:
        return None


def read_callback(body: bytes) -> CallbackArrived | CallbackUnclear:
    """A callback's body as an event; unclear where it cannot be read, or speaks of more money than its result."""
    try:
        callback = StkCallback.parse(body)
    except CallbackUnreadable:
        callback = None
    seen = recognise(body)
    if callback is None or not _is_certain(callback, seen):
        amount = cents_of(seen.amount) if seen.amount is not None else None
        return CallbackUnclear(amount, seen.mpesa_code, callback.checkout_request_id if callback is not None else None)
    amount = cents_of(callback.amount) if callback.amount is not None else None
    if amount is None and callback.has_amount:
        amount = _UNREADABLE_AMOUNT
    return CallbackArrived(
        callback.outcome, callback.merchant_request_id, callback.checkout_request_id, amount, callback.mpesa_code
    )


def _is_certain(callback: StkCallback, seen: Recognised) -> bool:
    """Whether all that it says of money is what its result says, once."""
    outcome = callback.outcome
    if outcome.kind is OutcomeKind.PAID:
        return len(seen.amounts) <= 1 and len(seen.codes) <= 1
    # Nothing was paid, it says, or something that no table knows: then there is no code.
    return not seen.codes and (outcome.is_final or not seen.amounts)
