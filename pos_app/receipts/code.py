"""Reads the compact text of a receipt's QR code, by which the till finds the sale again."""

from __future__ import annotations

import re

_TEXT = re.compile(r"POS1/([A-Za-z0-9]{1,12})/([0-9]{8})/([0-9]+)/([0-9]+)(?:/([A-Z0-9]+))?\Z")


def search_of(text: str) -> str:
    """What to search for when somebody scans a receipt; other texts stay as they are."""
    found = _TEXT.match(text.strip())
    if found is None:
        return text
    return found.group(5) or found.group(1)
