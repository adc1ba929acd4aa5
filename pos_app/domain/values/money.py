"""Amounts: whole Kenya shillings in, whole cents inside.

M-PESA takes whole shillings from 1 to 250,000 (docs/mpesa.md, 2.1 and 2.2). Cents
are kept all the same, because a callback spells amounts with a fraction.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import NewType

from pos_app.common.errors import Mistake

Cents = NewType("Cents", int)
NOTHING = Cents(0)

MIN_SHILLINGS = 1
MAX_SHILLINGS = 250_000

_NUMBER = re.compile(r"([0-9]{1,3}([, \u00a0\u202f][0-9]{3})+|[0-9]+)(\.0{0,2})?\Z")
_FACTOR = re.compile(
    r"(?:[1-9][0-9]{0,2}([, \u00a0\u202f][0-9]{3}){1,2}|[1-9][0-9]{0,8}|0(?=\.[0-9]))(\.[0-9]{0,2})?\Z"
)
"""A number of a sum: neither a part of a phone (``000``) nor of a date (``01``), and exact whatever is made of it."""
_NEGATIVE = re.compile(r"[-\u2212]\s*[0-9][0-9,. ]*\Z")
_FRACTION = re.compile(r"[0-9][0-9, ]*\.[0-9]+\Z|\.[0-9]+\Z")
_CURRENCY = re.compile(r"\A(?:ksh|kes|sh)\.?(?=[\s0-9.-])\s*", re.IGNORECASE)
_SHILLING_MARK = re.compile(r"\s*/[=-]\Z")
_SUM_SIGNS = re.compile(r"[+*x\u00d7-]", re.IGNORECASE)
_LONGEST = 80


def parse_amount(text: str, *, max_shillings: int = MAX_SHILLINGS, sums: bool = False) -> Cents:
    """Reads what a cashier typed or pasted as an amount.

    Args:
        text: Digits, with or without thousands separators, ``KSh`` before, ``.00`` or ``/=`` behind.
        max_shillings: The most that one payment may be.
        sums: Whether numbers may be added, multiplied and once subtracted (``3*250+80``): only where the result is
            shown before anything is asked for.

    Returns:
        The amount in cents, a multiple of 100.

    Raises:
        Mistake: ``amount.empty``, ``.zero``, ``.negative``, ``.fraction``,
            ``.too_large`` (max), ``.digits`` (digits of another script) or ``.not_a_number``.
    """
    cleaned = _SHILLING_MARK.sub("", _CURRENCY.sub("", text.strip()))
    if not cleaned:
        raise Mistake("amount.empty")
    if not cleaned.isascii() and any(char.isdigit() for char in cleaned if not char.isascii()):
        raise Mistake("amount.digits")
    if _NEGATIVE.match(cleaned):
        raise Mistake("amount.negative")
    shillings = _sum_of(cleaned) if sums and is_sum(cleaned) and len(cleaned) <= _LONGEST else _number(cleaned)
    if shillings < 0:
        raise Mistake("amount.negative")
    if shillings.denominator != 1:
        raise Mistake("amount.fraction")
    if shillings == 0:
        raise Mistake("amount.zero")
    if shillings > max_shillings:
        raise Mistake("amount.too_large", max=max_shillings)
    return Cents(int(shillings) * 100)


def is_sum(text: str) -> bool:
    """Whether a text that was typed as an amount adds, subtracts or multiplies."""
    return _SUM_SIGNS.search(_SHILLING_MARK.sub("", _CURRENCY.sub("", text.strip()))) is not None


def _sum_of(text: str) -> Fraction:
    """Products first, from left to right, as on a calculator that knows the rule. Exact."""
    if text.count("-") > 1:
        # A phone, or a date.
        raise Mistake("amount.not_a_number")
    total, sign = Fraction(0), 1
    for term in re.split(r"([+-])", text):
        if term in ("+", "-"):
            sign = 1 if term == "+" else -1
            continue
        product = Fraction(1)
        for factor in re.split(r"[*x\u00d7]", term, flags=re.IGNORECASE):
            product *= _factor(factor.strip())
        total += sign * product
    return total


def _factor(text: str) -> Fraction:
    if not _FACTOR.match(text):
        raise Mistake("amount.not_a_number")
    return Fraction(_plain(text))


def _number(text: str) -> Fraction:
    if _NUMBER.match(text):
        return Fraction(_plain(text))
    raise Mistake("amount.fraction" if _FRACTION.match(text) else "amount.not_a_number")


def _plain(text: str) -> str:
    return re.sub(r"[, \u00a0\u202f]", "", text).rstrip(".")


_LARGEST_EXPONENT = 12
_MOST_DIGITS = 1000


def cents_of(value: Decimal) -> Cents | None:
    """A decimal number of shillings as cents; None when it is not a whole number of cents, or no such amount.

    Exact for whatever number a stranger may write: no step of it rounds, overflows, or takes long.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return None
    if not any(digits):
        return Cents(0)
    if value.adjusted() > _LARGEST_EXPONENT or len(digits) > _MOST_DIGITS:
        return None
    whole = int("".join(map(str, digits)))
    places = exponent + 2
    if places >= 0:
        cents = whole * 10**places
    elif -places > len(digits):
        return None
    else:
        cents, rest = divmod(whole, 10**-places)
        if rest:
            return None
    return Cents(-cents if sign else cents)


def whole_shillings(amount: int) -> Cents:
    """An amount in cents, rounded up to whole shillings: a prompt takes no less."""
    return Cents(-(-amount // 100) * 100)


def shillings_of(amount: int) -> int:
    """Whole shillings in an amount in cents; the rest, if any, is dropped."""
    return amount // 100


def format_amount(amount: int) -> str:
    """``1,250``; with ``.50`` only where there are cents."""
    sign = "-" if amount < 0 else ""
    shillings, cents = divmod(abs(amount), 100)
    return f"{sign}{shillings:,}" + (f".{cents:02d}" if cents else "")


def format_ksh(amount: int) -> str:
    """``KSh 1,250``."""
    return f"KSh {format_amount(amount)}"
