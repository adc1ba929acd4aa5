"""Kenyan mobile numbers: every way they are typed, one way they are kept.

Numbers are not judged by operator prefix: subscribers keep their number when
they change operator (docs/mpesa.md, 2.4).
"""

from __future__ import annotations

import re
from typing import NewType

from pos_app.common.errors import Mistake

Msisdn = NewType("Msisdn", str)
"""``2547XXXXXXXX`` or ``2541XXXXXXXX``."""

_SEPARATORS = re.compile(r"[\s\u00a0\u202f\u2010-\u2015\u2212().-]+")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_LANDLINE = re.compile(r"(?:254|0)?(?:20|4[0-9]|5[0-9]|6[0-9])[0-9]{4,7}\Z")


def parse_phone(text: str) -> Msisdn:
    """Reads a number in any form a Kenyan types it: 07…, 01…, 7…, 1…, 254…, +254….

    Raises:
        Mistake: ``phone.empty``, ``.digits`` (digits of another script), ``.letters``,
            ``.foreign``, ``.landline``, ``.too_short``, ``.too_long`` or ``.not_mobile``.
    """
    cleaned = _SEPARATORS.sub("", _INVISIBLE.sub("", text))
    if not cleaned:
        raise Mistake("phone.empty")
    international = cleaned.startswith(("+", "00"))
    digits = cleaned.removeprefix("+") if cleaned.startswith("+") else cleaned.removeprefix("00")
    if not digits.isascii() and any(char.isdigit() for char in digits if not char.isascii()):
        raise Mistake("phone.digits")
    if not (digits.isascii() and digits.isdigit()):
        raise Mistake("phone.letters")
    if international and not digits.startswith("254"):
        raise Mistake("phone.foreign")
    if _is_other_country(digits):
        raise Mistake("phone.foreign")
    national = digits
    if digits.startswith("254") and (international or len(digits) > 9):
        national = digits.removeprefix("254")
    national = national.removeprefix("0")
    return _from_national(national, digits)


def _is_other_country(digits: str) -> bool:
    """Whether twelve digits begin with a neighbour's country code and are a whole number."""
    return len(digits) == 12 and digits.startswith(("255", "256", "250", "251", "252", "211"))


def _from_national(national: str, digits: str) -> Msisdn:
    if national[:1] in ("7", "1"):
        if len(national) < 9:
            raise Mistake("phone.too_short", missing=9 - len(national))
        if len(national) > 9:
            raise Mistake("phone.too_long", extra=len(national) - 9)
        return Msisdn("254" + national)
    if _LANDLINE.match(digits):
        raise Mistake("phone.landline")
    if len(national) < 9:
        raise Mistake("phone.too_short", missing=9 - len(national))
    if len(national) > 9:
        raise Mistake("phone.too_long", extra=len(national) - 9)
    raise Mistake("phone.not_mobile")


def mask_phone(msisdn: str) -> str:
    """``0712•••678``: enough to recognise a customer, not enough to call one."""
    return f"0{msisdn[3:6]}•••{msisdn[-3:]}"


def format_phone(msisdn: str) -> str:
    """``0712 345 678``."""
    return f"0{msisdn[3:6]} {msisdn[6:9]} {msisdn[9:12]}"
