"""M-PESA codes (receipt numbers), as customers show them and M-PESA spells them."""

from __future__ import annotations

import re

from pos_app.common.errors import Mistake

USUAL_LENGTH = 10
_CODE = re.compile(r"[A-Z0-9]{8,12}\Z")
_IN_MESSAGE = re.compile(r"\b([A-Z0-9]{10})\b(?=\s+(?:confirmed|imethibitishwa))", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9]+")
_LOOK_ALIKE = str.maketrans("OILSBZ", "011582")
"""Signs that are taken for one another when a code is read off a phone."""


def parse_mpesa_code(text: str) -> str:
    """Reads a code that was typed, or the whole message it stands in, in English or Kiswahili.

    Raises:
        Mistake: ``claim.empty`` or ``claim.not_a_code``.
    """
    cleaned = (code_in_message(text) or "".join(text.split())).upper()
    if not cleaned:
        raise Mistake("claim.empty")
    # Letters alone are a word that was typed, unless they are as long as every code is.
    is_word = cleaned.isalpha() and len(cleaned) != USUAL_LENGTH
    if not _CODE.match(cleaned) or cleaned.isdigit() or is_word:
        raise Mistake("claim.not_a_code")
    return cleaned


def code_in_message(text: str) -> str | None:
    """The code in an M-PESA message; None for a text that is none.

    It is the first word of ten letters and digits with both kinds in it: not every message has a word like
    "Confirmed" behind it.
    """
    tokens = _TOKEN.findall(text)
    if len(tokens) < 2:
        return None
    named = _IN_MESSAGE.search(text)
    if named is not None:
        return named.group(1).upper()
    codes = (token for token in tokens if len(token) == USUAL_LENGTH and not token.isalpha() and not token.isdigit())
    return next((code.upper() for code in codes), None)


def look_of_code(mpesa_code: str) -> str:
    """What codes have in common that are easily taken for one another: O and 0, I and 1."""
    return mpesa_code.upper().translate(_LOOK_ALIKE)


def is_look_alike(one: str, other: str) -> bool:
    """Whether one code may be the other, misread."""
    return look_of_code(one) == look_of_code(other)
