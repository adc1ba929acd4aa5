"""Every result and error code of M-PESA, mapped to what it means.

The tables are those of the fact sheet (docs/mpesa.md, 2.6 and 3.2). A code that is
not in them is never taken for a failure by a query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pos_app.common.redact import hide_phones
from pos_app.domain.mpesa.outcome import Outcome
from pos_app.domain.mpesa.outcome import OutcomeKind as K
from pos_app.texts.outcomes import OutcomeWords, words_of

RESULTS: Final[dict[str, K]] = {
    "0": K.PAID,
    "1": K.INSUFFICIENT_FUNDS,
    "2": K.BELOW_MINIMUM,
    "3": K.ABOVE_MAXIMUM,
    "4": K.DAILY_LIMIT,
    "8": K.RECEIVER_FULL,
    "17": K.SAME_AMOUNT_TOO_SOON,
    "26": K.SYSTEM_BUSY,
    "1001": K.LINE_BUSY,
    "1019": K.EXPIRED,
    "1025": K.PROMPT_NOT_DELIVERED,
    "1032": K.CANCELLED,
    "1036": K.UNREACHABLE,
    "1037": K.UNREACHABLE,
    "1101": K.PROMPT_TOO_LONG,
    "2001": K.WRONG_PIN,
    "2028": K.NOT_PERMITTED,
    "4999": K.STILL_PROCESSING,
    "8006": K.PIN_LOCKED,
    "9999": K.PROMPT_NOT_DELIVERED,
    "SFC_IC0003": K.WRONG_TILL,
}
MAY_TURN_PAID: Final = frozenset({"1037"})

ERRORS: Final[dict[str, K]] = {
    "400.002.02": K.BAD_REQUEST,
    "400.002.05": K.BAD_REQUEST,
    "400.003.01": K.WRONG_CREDENTIALS,
    "400.008.01": K.WRONG_CREDENTIALS,
    "400.008.02": K.WRONG_CREDENTIALS,
    "401.002.01": K.WRONG_CREDENTIALS,
    "401.003.01": K.WRONG_CREDENTIALS,
    "404.001.01": K.WRONG_ADDRESS,
    "404.001.03": K.WRONG_CREDENTIALS,
    "404.001.04": K.WRONG_CREDENTIALS,
    "405.001": K.BAD_REQUEST,
    "500.003.02": K.SYSTEM_BUSY,
    "500.003.03": K.THROTTLED,
    "500.003.1001": K.INTERNAL_ERROR,
}

OVERLOADED: Final = "500.001.1001"
BUSY: Final = "500.003.02"
QUOTA: Final = "500.003.03"
TOKEN_REFUSALS: Final = frozenset({"404.001.03", "401.002.01", "401.003.01", "400.003.01"})

_PENDING = re.compile(r"(?:being|under|still)\s+(?:being\s+)?process", re.IGNORECASE)
_SPIKE = re.compile(r"spike\s*arrest|ratelimit|quota", re.IGNORECASE)
_SPIKE_CODE = re.compile(r"policies\.ratelimit", re.IGNORECASE)
_NO_PRODUCT = re.compile(r"no apiproduct match", re.IGNORECASE)
_TEXTS: Final = (
    (re.compile(r"merchant does not exist", re.IGNORECASE), K.UNKNOWN_MERCHANT),
    (re.compile(r"wrong credentials", re.IGNORECASE), K.WRONG_PASSKEY),
    (re.compile(r"unable to lock subscriber", re.IGNORECASE), K.LINE_BUSY),
)
_LIKE_ZERO = re.compile(r"\s*0+(?:\.0*)?\s*")
_NO_ICCID = re.compile(r"no iccid found", re.IGNORECASE)


def is_pending_text(text: str) -> bool:
    """Whether M-PESA's words say that it is not finished, whatever code stands beside them."""
    return _PENDING.search(text) is not None


def result_outcome(code: object, text: str = "") -> Outcome:
    """What a ResultCode of a query or a callback means.

    Args:
        code: A number or a text (``1032``, ``"1032"``, ``"SFC_IC0003"``).
        text: The ResultDesc. It is read before the code.

    Returns:
        The outcome; a code that is not in the table is not final.
    """
    spelled, text = spell_code(code), _own_words(text)
    if is_pending_text(text):
        return Outcome(K.STILL_PROCESSING, spelled, text, is_final=False)
    kind = RESULTS.get(spelled)
    if kind is None:
        return Outcome(K.OTHER, spelled, text, is_final=False)
    return Outcome(
        kind,
        spelled,
        text,
        is_final=kind is not K.STILL_PROCESSING,
        may_turn_paid=spelled in MAY_TURN_PAID,
    )


def _own_words(text: str) -> str:
    """M-PESA's words as they may be kept: one line, not endless, phones masked."""
    return hide_phones(" ".join(text[:1000].split()))[:200]


def spell_code(code: object) -> str:
    """A code as text: 1032, 1032.0 and ``" 1032 "`` are all ``"1032"``; no code is ``""``.

    Tolerant in form for every code but one: ``0`` means money, and only ``0`` and ``"0"`` spell it. ``"00"``, ``"0.0"``
    or ``" 0 "`` stay as they are, which is no code of the tables.
    """
    if code is None or isinstance(code, bool):
        return ""
    spelled = str(code)
    if _LIKE_ZERO.fullmatch(spelled):
        return spelled[:40]
    spelled = spelled.strip()
    if re.fullmatch(r"[0-9]+\.0+", spelled):
        spelled = spelled.partition(".")[0]
    return spelled.lstrip("0") if re.fullmatch(r"[0-9]{1,9}", spelled) else spelled[:40]


class ErrorClass:
    """How a refused request is to be treated."""

    REFUSED: Final = "refused"
    THROTTLED: Final = "throttled"
    MAYBE: Final = "maybe"
    PENDING: Final = "pending"
    TOKEN: Final = "token"  # noqa: S105 - not a password


@dataclass(frozen=True, slots=True)
class ErrorMeaning:
    """An error body, classified."""

    treatment: str
    outcome: Outcome


class Speaker(StrEnum):
    """Whose words an error body holds, told by its shape (docs/mpesa.md, 2.6)."""

    DARAJA = "daraja"
    """Shape A: errorCode and errorMessage."""
    GATEWAY = "gateway"
    """Shape B: the gateway's own fault, with a code."""
    NOBODY = "nobody"
    """SOAP from behind the gateway, a page, nothing at all: no word of it counts."""


def error_meaning(status: int, code: str, text: str, speaker: Speaker = Speaker.DARAJA) -> ErrorMeaning:
    """Classifies an answer that is not a success (docs/mpesa.md, 2.6).

    Status and shape come before words: a page of a gateway may hold any words.

    Args:
        status: HTTP status.
        code: The error code in the body, or empty.
        text: The words in the body, or empty.
        speaker: Whose words these are.
    """
    text = _own_words(text)
    treatment, kind = _classify(status, code, text, speaker)
    is_final = treatment in (ErrorClass.REFUSED, ErrorClass.THROTTLED, ErrorClass.TOKEN)
    return ErrorMeaning(treatment, Outcome(kind, code or str(status), text, is_final=is_final))


_TELLS_NOTHING: Final = frozenset({408, 409, 425, 499})
"""Statuses below 500 that say nothing of what became of the request, whatever stands in the body."""


def _classify(status: int, code: str, text: str, speaker: Speaker) -> tuple[str, K]:
    if status == 429:
        return ErrorClass.THROTTLED, K.THROTTLED
    is_readable = speaker is not Speaker.NOBODY and status not in _TELLS_NOTHING and 400 <= status <= 500
    if status == 401:
        lacks_product = is_readable and _NO_PRODUCT.search(text)
        return ErrorClass.TOKEN, K.NO_PRODUCT if lacks_product else K.WRONG_CREDENTIALS
    if is_readable and code:
        return _by_code(status, code, text)
    return ErrorClass.MAYBE, K.INTERNAL_ERROR if status >= 500 else K.NOT_UNDERSTOOD


def _by_code(status: int, code: str, text: str) -> tuple[str, K]:
    """What Daraja, or the gateway in front of it, says with a code of its own."""
    if is_pending_text(text):
        return ErrorClass.PENDING, K.STILL_PROCESSING
    if code == QUOTA or (code == BUSY and _SPIKE.search(text)) or _SPIKE_CODE.search(code):
        return ErrorClass.THROTTLED, K.THROTTLED
    if _NO_PRODUCT.search(text):
        return ErrorClass.TOKEN, K.NO_PRODUCT
    if code in TOKEN_REFUSALS:
        return ErrorClass.TOKEN, K.WRONG_CREDENTIALS
    if code == OVERLOADED:
        return _overloaded(text)
    if status < 500 and not code.startswith("5"):
        return ErrorClass.REFUSED, ERRORS.get(code, K.WRONG_ADDRESS if status == 404 else K.BAD_REQUEST)
    return ErrorClass.MAYBE, ERRORS.get(code, K.INTERNAL_ERROR)


def _overloaded(text: str) -> tuple[str, K]:
    """500.001.1001 means four things; its text tells which, and any other text is unknown."""
    for pattern, kind in _TEXTS:
        if pattern.search(text):
            return ErrorClass.REFUSED, kind
    if _NO_ICCID.search(text):
        return ErrorClass.MAYBE, K.NOT_MPESA_LINE
    return ErrorClass.MAYBE, K.INTERNAL_ERROR


@dataclass(frozen=True, slots=True)
class CodeExplained:
    """A code in words, for programs that show it to people."""

    code: str
    kind: K
    is_final: bool
    words: OutcomeWords

    @property
    def meaning(self) -> str:
        """What happened."""
        return self.words.meaning

    @property
    def cashier(self) -> str:
        """What the cashier should do."""
        return self.words.cashier

    @property
    def customer(self) -> str:
        """What to tell the customer."""
        return self.words.customer


def explain(code: object, text: str = "", *, status: int | None = None) -> CodeExplained:
    """Explains a ResultCode, or an errorCode (told by its dots, or by a status given with it)."""
    spelled = spell_code(code)
    if status is not None or "." in spelled:
        first = spelled.partition(".")[0]
        known = status if status is not None else int(first) if first.isdigit() else 500
        outcome = error_meaning(known, spelled, text).outcome
    else:
        outcome = result_outcome(spelled, text)
    return CodeExplained(spelled, outcome.kind, outcome.is_final, words_of(outcome.kind))
