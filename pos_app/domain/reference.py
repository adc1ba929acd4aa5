"""Order references: what M-PESA shows the customer as the account.

Twelve letters and digits at the most: a longer one is accepted by M-PESA and
the prompt then never arrives; symbols fail silently (docs/mpesa.md, 2.1).
"""

from __future__ import annotations

import re
from typing import NewType

from pos_app.errors import Mistake

Reference = NewType("Reference", str)

MAX_REFERENCE = 12
MAX_DESCRIPTION = 13

_ALLOWED = re.compile(r"[A-Za-z0-9]+\Z")
_TRAILING_NUMBER = re.compile(r"(.*?)([0-9]{1,9})\Z")
FIRST_REFERENCE = Reference("A0001")


def parse_reference(text: str) -> Reference:
    """Reads an order reference; blanks around it are dropped, its letters kept as typed.

    Raises:
        Mistake: ``reference.empty``, ``.too_long`` (length) or ``.symbols`` (bad: the first one).
    """
    cleaned = text.strip(" \t")
    if not cleaned.strip():
        raise Mistake("reference.empty")
    if not _ALLOWED.match(cleaned):
        bad = next(char for char in cleaned if not _ALLOWED.match(char))
        raise Mistake("reference.symbols", bad=bad if bad.isprintable() and bad != " " else "")
    if len(cleaned) > MAX_REFERENCE:
        raise Mistake("reference.too_long", length=len(cleaned))
    return Reference(cleaned)


def next_reference(last: str | None) -> Reference:
    """The reference to suggest after ``last``: its number plus one, width kept.

    A reference with no number, or with no room for one more digit, starts again at A0001.
    """
    found = _TRAILING_NUMBER.match(last or "")
    if found is None:
        return FIRST_REFERENCE
    prefix, number = found.groups()
    grown = prefix + str(int(number) + 1).zfill(len(number))
    return Reference(grown) if len(grown) <= MAX_REFERENCE else FIRST_REFERENCE
