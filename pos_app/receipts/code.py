"""Reads the compact text of a receipt's QR code, by which the till finds the sale again."""

from __future__ import annotations

import re

from pos_app.domain.mpesa.mpesa_code import code_in_message

_TEXT = re.compile(r"POS1/([A-Za-z0-9]{1,12})/([0-9]{8})/([0-9]+)/([0-9]+)(?:/([A-Z0-9]+))?\Z")


def search_of(text: str) -> str:
    """What to search for when somebody scans a receipt or pastes M-PESA's message; other texts stay as they are."""
    found = _TEXT.match(text.strip())
    if found is None:
        return code_in_message(text) or text
    return found.group(5) or found.group(1)
