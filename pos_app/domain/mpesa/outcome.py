"""What a result means for the sale, in our words instead of M-PESA's numbers.

`pos_app.daraja.codes` maps every code to one of these; `pos_app.texts.outcomes`
says them to people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OutcomeKind(StrEnum):
    """One kind for each thing a cashier would do differently."""

    PAID = "paid"
    STILL_PROCESSING = "still_processing"
    # The customer or the customer's account.
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CANCELLED = "cancelled"
    WRONG_PIN = "wrong_pin"
    PIN_LOCKED = "pin_locked"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"
    LINE_BUSY = "line_busy"
    DAILY_LIMIT = "daily_limit"
    NOT_MPESA_LINE = "not_mpesa_line"
    # The request.
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    SAME_AMOUNT_TOO_SOON = "same_amount_too_soon"
    PROMPT_NOT_DELIVERED = "prompt_not_delivered"
    PROMPT_TOO_LONG = "prompt_too_long"
    BAD_REQUEST = "bad_request"
    # The shop's account and set-up.
    RECEIVER_FULL = "receiver_full"
    NOT_PERMITTED = "not_permitted"
    WRONG_TILL = "wrong_till"
    UNKNOWN_MERCHANT = "unknown_merchant"
    WRONG_PASSKEY = "wrong_passkey"
    WRONG_CREDENTIALS = "wrong_credentials"
    NO_PRODUCT = "no_product"
    WRONG_ADDRESS = "wrong_address"
    # M-PESA itself and the way to it.
    SYSTEM_BUSY = "system_busy"
    THROTTLED = "throttled"
    INTERNAL_ERROR = "internal_error"
    NO_CONNECTION = "no_connection"
    TOO_LATE = "too_late"
    WRONG_CLOCK = "wrong_clock"
    NO_ANSWER = "no_answer"
    NOT_UNDERSTOOD = "not_understood"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One result as M-PESA gave it.

    Args:
        kind: What it means.
        code: M-PESA's own code as text (``"1032"``, ``"SFC_IC0003"``, ``"500.001.1001"``); may be empty.
        text: M-PESA's own words, for what we have no words for.
        is_final: Whether it settles the attempt.
        may_turn_paid: Final in the table, yet a late success has been reported (1037).
    """

    kind: OutcomeKind
    code: str = ""
    text: str = ""
    is_final: bool = True
    may_turn_paid: bool = False
