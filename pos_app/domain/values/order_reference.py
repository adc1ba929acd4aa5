"""Order references: what M-PESA shows the customer as the account.

Twelve letters and digits at the most: a longer one is accepted by M-PESA and
the prompt then never arrives; symbols fail silently (docs/mpesa.md, 2.1).
"""

from __future__ import annotations

import re
from typing import NewType

from pos_app.common.errors import Mistake

Reference = NewType("Reference", str)

MAX_REFERENCE = 12
MAX_DESCRIPTION = 13

_ALLOWED = re.compile(r"[A-Za-z0-9]+\Z")
_TRAILING_NUMBER = re.compile(r"(.*?)([0-9]{1,9})\Z")


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


def letter_of(till_label: str) -> str:
    """The letter that a till's order numbers begin with, so that two tills of a shop suggest no number twice.

    Till 1 is A, Till 2 is B; a name without a number gives its first letter (Front: F); a till without a name is A.
    """
    number = re.search(r"[0-9]{1,9}", till_label)
    if number is not None and 1 <= int(number[0]) <= 26:
        return chr(ord("A") + int(number[0]) - 1)
    letter = re.search(r"[A-Za-z]", till_label)
    return letter[0].upper() if letter is not None else "A"


def next_reference(last: str | None, till_label: str = "") -> Reference:
    """The reference to suggest after ``last``: its number plus one, width kept, whatever letters a person began with.

    A reference with no number, or with no room for one more digit, starts again at the till's letter and 0001. Where
    the till got its name later, the usual A gives way to the till's letter and the number goes on.
    """
    letter = letter_of(till_label)
    first = Reference(f"{letter}0001")
    found = _TRAILING_NUMBER.match(last or "")
    if found is None:
        return first
    prefix, number = found.groups()
    if prefix == "A" and len(number) >= 4:
        prefix = letter
    grown = prefix + str(int(number) + 1).zfill(len(number))
    return Reference(grown) if len(grown) <= MAX_REFERENCE else first
