"""M-PESA codes (receipt numbers), as customers show them and M-PESA spells them."""

from __future__ import annotations

import re

from pos_app.errors import Mistake

USUAL_LENGTH = 10
_CODE = re.compile(r"[A-Z0-9]{8,12}\Z")
_IN_MESSAGE = re.compile(r"\b([A-Z0-9]{10})\b(?=\s+confirmed)", re.IGNORECASE)


def parse_mpesa_code(text: str) -> str:
    """Reads a code that was typed, or the whole message it stands in.

    Raises:
        Mistake: ``claim.empty`` or ``claim.not_a_code``.
    """
    in_message = _IN_MESSAGE.search(text)
    cleaned = (in_message.group(1) if in_message else "".join(text.split())).upper()
    if not cleaned:
        raise Mistake("claim.empty")
    # Letters alone are a word that was typed, unless they are as long as every code is.
    is_word = cleaned.isalpha() and len(cleaned) != USUAL_LENGTH
    if not _CODE.match(cleaned) or cleaned.isdigit() or is_word:
        raise Mistake("claim.not_a_code")
    return cleaned
