"""What relay and till agree on: the kinds of messages, the names of devices, and the line that pairs them."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pos_app.common.errors import Mistake

DEVICE_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,32}\Z")
_PAIRING_PREFIX: Final = "till1."


class MessageKind(StrEnum):
    """The kinds of messages. The words are part of the relay's HTTP contract.

    A kind that a till does not know is evidence, and never a callback.
    """

    CALLBACK = "callback"
    PAYMENT = "payment"
    """A payment made straight to the shop's number: for every till of the shop."""
    CLAIM = "claim"
    """From the relay itself: another till of the shop reserved a payment, or gave it back."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a till must know of its relay, in one line to paste."""

    url: str
    till: str
    token: str = field(repr=False)

    def line(self) -> str:
        """``till1.…``"""
        text = json.dumps([self.url, self.till, self.token], separators=(",", ":"))
        return _PAIRING_PREFIX + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_pairing(line: str) -> Pairing:
    """Reads a pairing line.

    Raises:
        Mistake: ``relay.pairing``.
    """
    text = "".join(line.split())
    try:
        if not text.startswith(_PAIRING_PREFIX):
            raise ValueError(text[:6])
        raw = text.removeprefix(_PAIRING_PREFIX)
        url, till, token = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
        if not all(isinstance(part, str) and part for part in (url, till, token)) or not DEVICE_NAME.match(till):
            raise ValueError(till)
    except (ValueError, TypeError):
        raise Mistake("relay.pairing") from None
    return Pairing(url, till, token)
