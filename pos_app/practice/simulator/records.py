"""The records: every push that M-PESA saw and every shilling that moved. Tests believe these."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import Any

_CODE_ALPHABET = string.ascii_uppercase + string.digits


@dataclass(slots=True)
class Prompt:
    """One accepted push.

    Args:
        result_code: None while the customer has not answered.
        result_final_s: When the result came, in practice seconds.
    """

    merchant_request_id: str
    checkout_request_id: str
    msisdn: str
    amount_cents: int
    shortcode: str
    party_b: str
    transaction_type: str
    reference: str
    description: str
    callback_url: str
    created_s: float
    result_code: str | None = None
    result_desc: str = ""
    mpesa_code: str | None = None
    paid_at: str | None = None
    is_delivered: bool = True

    @property
    def is_open(self) -> bool:
        return self.result_code is None


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that moved.

    Args:
        checkout_request_id: Empty for a payment made by hand.
        shortcode: The number that was paid.
    """

    mpesa_code: str
    checkout_request_id: str
    msisdn: str
    amount_cents: int
    reference: str
    shortcode: str = ""


@dataclass(slots=True)
class SimulatorRecords:
    """Everything that happened.

    Args:
        push_addresses: The callback address of every push that was seen, refused ones too: each
            attempt has its own, so that one which comes twice was sent twice.
    """

    pushes_seen: int = 0
    queries_seen: int = 0
    tokens_given: int = 0
    push_addresses: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    payments: list[Payment] = field(default_factory=list)
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    confirmation_urls: dict[str, str] = field(default_factory=dict)

    def new_code(self) -> str:
        """An M-PESA code that was not used before."""
        used = {payment.mpesa_code for payment in self.payments}
        while True:
            code = "P" + "".join(secrets.choice(_CODE_ALPHABET) for _ in range(9))
            if code not in used:
                return code

    def open_prompt_of(self, msisdn: str) -> Prompt | None:
        """The prompt that stands on a phone now."""
        return next((prompt for prompt in self.prompts.values() if prompt.is_open and prompt.msisdn == msisdn), None)

    def received_cents(self) -> int:
        """What the shop received."""
        return sum(payment.amount_cents for payment in self.payments)

    def as_json(self) -> dict[str, Any]:
        """The records for a test to read; amounts in shillings as M-PESA counts."""
        return {
            "pushes_seen": self.pushes_seen,
            "queries_seen": self.queries_seen,
            "tokens_given": self.tokens_given,
            "refusals": list(self.refusals),
            "received": self.received_cents() / 100,
            "prompts": [
                {
                    "MerchantRequestID": prompt.merchant_request_id,
                    "CheckoutRequestID": prompt.checkout_request_id,
                    "phone": prompt.msisdn,
                    "amount": prompt.amount_cents // 100,
                    "reference": prompt.reference,
                    "result_code": prompt.result_code,
                    "mpesa_code": prompt.mpesa_code,
                }
                for prompt in self.prompts.values()
            ],
            "payments": [
                {
                    "mpesa_code": payment.mpesa_code,
                    "CheckoutRequestID": payment.checkout_request_id,
                    "phone": payment.msisdn,
                    "amount": payment.amount_cents // 100,
                    "reference": payment.reference,
                }
                for payment in self.payments
            ],
            "callbacks": list(self.callbacks),
        }
