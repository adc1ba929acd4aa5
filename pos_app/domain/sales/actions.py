"""What a person may do with a sale."""

from __future__ import annotations

from enum import StrEnum


class SaleAction(StrEnum):
    """One for each button, command and shortcut that acts on a sale."""

    CHECK_NOW = "check_now"
    SEND_AGAIN = "send_again"
    WITHDRAW = "withdraw"
    MAKE_RECEIPT = "make_receipt"
    COPY_CODE = "copy_code"
    QUOTE_CODE = "quote_code"
    GIVE_UP = "give_up"
    VOID = "void"
    SETTLE_REVIEW = "settle_review"
