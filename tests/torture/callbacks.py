"""The storm's sales and callbacks by their number: how each is spelled."""

from __future__ import annotations

import json


def token_of(seed: int, number: int) -> str:
    return f"{seed}-token-{number:012d}"


def shillings_of(number: int) -> int:
    return number % 900 + 1


def phone_of(number: int) -> str:
    return f"0700{number:06d}"


def reference_of(number: int) -> str:
    return f"T{number}"


def merchant_of(number: int) -> str:
    return f"m-{number}"


def checkout_of(number: int) -> str:
    return f"ws_CO_{number}"


def code_of(number: int) -> str:
    """The M-PESA code that a callback brings."""
    return f"T{number:09d}"


def body_of(number: int, shillings: int) -> bytes:
    """A callback that says "paid"."""
    items = [
        {"Name": "Amount", "Value": float(shillings)}, {"Name": "MpesaReceiptNumber", "Value": code_of(number)},
        {"Name": "Balance"}, {"Name": "PhoneNumber", "Value": 254700000000 + number},
    ]  # fmt: skip
    callback = {
        "MerchantRequestID": merchant_of(number), "CheckoutRequestID": checkout_of(number), "ResultCode": 0,
        "ResultDesc": "ok", "CallbackMetadata": {"Item": items},
    }  # fmt: skip
    return json.dumps({"Body": {"stkCallback": callback}}).encode()
