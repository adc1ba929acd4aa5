"""Takes out of a text what must not be read: phones, tokens, keys."""

from __future__ import annotations

import re
from typing import Final

_ANY_PHONE: Final = re.compile(r"(?<![0-9])(?:\+?254|0)([17][0-9]{2})[0-9]{3}([0-9]{3})(?![0-9])")

_SECRETS: Final = (
    re.compile(r"(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(r"(/[cp]/[^/\s]+/)[A-Za-z0-9_-]{8,}"),
    re.compile(
        r"(?i)((?:passkey|password|consumer_?(?:key|secret)|access_?token|token|secret)\W{1,4})[A-Za-z0-9._~+/=-]{4,}"
    ),
)
_known_secrets: set[str] = set()


def keep_secret(value: str) -> None:
    """Makes sure that a value never stands in a log, whatever it looks like."""
    if len(value) >= 4:
        _known_secrets.add(value)


def redact(text: str) -> str:
    """The text without secrets and with phones masked."""
    for secret in _known_secrets:
        text = text.replace(secret, "[hidden]")
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: (found.group(1) or "") + " [hidden]", text)
    return hide_phones(text)


def hide_phones(text: str) -> str:
    """The text with every Kenyan mobile number in it masked."""
    return _ANY_PHONE.sub(r"0\1•••\2", text)
