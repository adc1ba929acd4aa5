"""Tills and their tokens. Tokens are kept hashed and compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field

from pos_app.common.errors import Mistake

TILL_NAME = re.compile(r"[A-Za-z0-9-]{1,32}\Z")
CALLBACK_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}\Z")
_PAIRING_PREFIX = "till1."
_REFUSED_IN_ADDRESSES = re.compile(r"m-?pesa|safaricom|exe|cmd|sql|query", re.IGNORECASE)
"""M-PESA refuses callback addresses with these in them, and a till's name stands in its address."""


def new_token() -> str:
    """A till's token: 256 bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """How a token is kept. Tokens are random: one round of hashing is enough."""
    return hashlib.sha256(token.encode()).digest()


def matches(token: str, kept: bytes | None) -> bool:
    """Compares in constant time; an unknown till costs as much as a wrong token."""
    return hmac.compare_digest(digest(token), kept if kept is not None else bytes(32)) and kept is not None


def check_name(name: str) -> str:
    """A till's name.

    Raises:
        Mistake: ``relay.till_name``, or ``settings.callback_words`` (word).
    """
    if not TILL_NAME.match(name):
        raise Mistake("relay.till_name")
    refused = _REFUSED_IN_ADDRESSES.search(name)
    if refused is not None:
        raise Mistake("settings.callback_words", word=refused.group())
    return name


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
        if not all(isinstance(part, str) and part for part in (url, till, token)) or not TILL_NAME.match(till):
            raise ValueError(till)
    except (ValueError, TypeError):
        raise Mistake("relay.pairing") from None
    return Pairing(url, till, token)
