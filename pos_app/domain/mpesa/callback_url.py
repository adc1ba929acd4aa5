"""Words that M-PESA refuses in callback addresses (docs/mpesa.md, 4)."""

from __future__ import annotations

from typing import Final

REFUSED_WORDS: Final = ("mpesa", "m-pesa", "safaricom", "exec", "exe", "cmd", "sql", "query")


def refused_word(address: str) -> str | None:
    """The first word in an address, or a part of one, that M-PESA refuses."""
    lowered = address.lower()
    return next((word for word in REFUSED_WORDS if word in lowered), None)
