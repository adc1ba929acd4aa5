"""Tills and their tokens. Tokens are kept hashed and compared in constant time."""

from __future__ import annotations

import hmac
import re

from pos_app.common.errors import Mistake
from pos_app.common.mailbox import DEVICE_NAME
from pos_app.common.tokens import token_digest

CALLBACK_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}\Z")
_REFUSED_IN_ADDRESSES = re.compile(r"m-?pesa|safaricom|exe|cmd|sql|query", re.IGNORECASE)
"""M-PESA refuses callback addresses with these in them, and a till's name stands in its address."""


def matches(token: str, kept: bytes | None) -> bool:
    """Compares in constant time; an unknown till costs as much as a wrong token."""
    return hmac.compare_digest(token_digest(token), kept if kept is not None else bytes(32)) and kept is not None


def check_name(name: str) -> str:
    """A till's name.

    Raises:
        Mistake: ``relay.till_name``, or ``settings.callback_words`` (word).
    """
    if not DEVICE_NAME.match(name):
        raise Mistake("relay.till_name")
    refused = _REFUSED_IN_ADDRESSES.search(name)
    if refused is not None:
        raise Mistake("settings.callback_words", word=refused.group())
    return name
