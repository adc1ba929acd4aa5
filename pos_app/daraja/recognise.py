"""What a message speaks of, for a person to see, where it cannot be read for certain."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pos_app.daraja.errors import CallbackUnreadable
from pos_app.daraja.wire import as_mpesa_code, number_of, parse_json, text_of

_AMOUNTS: Final = frozenset({"amount", "transamount"})
_CODES: Final = frozenset({"mpesareceiptnumber", "transid", "receiptnumber"})
_MOST_VALUES: Final = 5_000
_DEEPEST: Final = 40
_AMOUNT_IN_TEXT = re.compile(r"(?:Trans)?Amount\W{1,12}(?:Value\W{1,6})?([0-9][0-9,]*(?:\.[0-9]+)?)", re.IGNORECASE)
_CODE_IN_TEXT = re.compile(
    r"(?:MpesaReceiptNumber|TransID)\W{1,12}(?:Value\W{1,6})?([A-Z0-9]{6,20})(?![A-Z0-9])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was recognised.

    Args:
        amounts: In shillings, each once.
        codes: M-PESA codes, each once.
    """

    amounts: frozenset[Decimal]
    codes: frozenset[str]

    @property
    def amount(self) -> Decimal | None:
        """The amount, where it speaks of one alone."""
        return next(iter(self.amounts)) if len(self.amounts) == 1 else None

    @property
    def mpesa_code(self) -> str | None:
        """The code, where it speaks of one alone."""
        return next(iter(self.codes)) if len(self.codes) == 1 else None


def recognise(body: bytes) -> Recognised:
    """Looks for amounts and codes by their names, wherever they stand; in plain text where it is no JSON."""
    try:
        named = list(_named(parse_json(body)))
    except CallbackUnreadable:
        text = body.decode("utf-8", "replace")
        named = [("amount", found) for found in _AMOUNT_IN_TEXT.findall(text)]
        named += [("transid", found) for found in _CODE_IN_TEXT.findall(text)]
    amounts = (_amount(value) for name, value in named if name in _AMOUNTS)
    codes = (as_mpesa_code((text_of(value) or "").strip().upper()) for name, value in named if name in _CODES)
    return Recognised(
        frozenset(amount for amount in amounts if amount is not None),
        frozenset(code for code in codes if code is not None),
    )


def _amount(value: object) -> Decimal | None:
    if isinstance(value, str):
        value = re.sub(r"(?i)[,\s]|ksh|kes", "", value)
    return number_of(value)


def _named(whole: Any) -> Iterator[tuple[str, Any]]:
    """Names and their values, as members of objects and as M-PESA's items (``Name`` and ``Value``)."""
    waiting, left = [(whole, 0)], _MOST_VALUES
    while waiting and left > 0:
        value, depth = waiting.pop()
        left -= 1
        if depth > _DEEPEST:
            continue
        if isinstance(value, list):
            waiting += [(one, depth + 1) for one in value]
        elif isinstance(value, dict):
            members = {str(name).strip().lower(): one for name, one in value.items()}
            if isinstance(members.get("name"), str):
                yield members["name"].strip().lower(), members.get("value")
            waiting += [(one, depth + 1) for one in members.values() if isinstance(one, (dict, list, str))]
            yield from ((name, one) for name, one in members.items() if not isinstance(one, (dict, list)))
        elif isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            with contextlib.suppress(CallbackUnreadable):
                waiting.append((parse_json(value.encode("utf-8", "replace")), depth + 1))
