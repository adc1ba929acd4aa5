"""What a receipt says, before it is words on paper."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.domain.values.money import Cents, shillings_of
from pos_app.domain.values.order_reference import Reference


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt.

    Args:
        received_cents: What came in for the sale; paper says it where it is not just the amount.
        mpesa_codes: Those that have come.
        is_code_to_follow: Some of the money was paid and M-PESA has not given its code yet.
        is_copy: It was printed before.
        is_practice: No money moved.
    """

    shop: str
    till_label: str
    cashier: str
    header: str
    footer: str
    day: str
    time: str
    sale: int
    reference: Reference
    phone_masked: str
    amount_cents: Cents
    received_cents: Cents
    mpesa_codes: tuple[str, ...]
    is_code_to_follow: bool = False
    is_copy: bool = False
    is_practice: bool = False

    @property
    def is_slip(self) -> bool:
        """Whether nothing was received: no paper of this till then says more than that a payment was asked for."""
        return self.received_cents <= 0

    @property
    def lookup_text(self) -> str:
        """The compact text of its QR code: ``POS1/A0044/20261123/17/1250/TKN7RT61SV``."""
        parts = [
            "POS1",
            self.reference,
            self.day.replace("-", ""),
            str(self.sale),
            str(shillings_of(self.amount_cents)),
        ]
        return "/".join([*parts, *self.mpesa_codes[:1]])


@dataclass(frozen=True, slots=True)
class Closing:
    """What a closing receipt says of a day.

    Args:
        made_at: Date and time, as it is printed.
        waiting, unknown, review: Over all days: what is still open when the day is closed.
        part_paid: Sales of that day of which a part came in.
        unclaimed: Payments made straight to the till that day which no sale has.
        last_hash: The end of the ledger's chain: a ledger that is rewritten later does not hold it any more.
    """

    shop: str
    till_label: str
    cashier: str
    day: str
    made_at: str
    sales: int
    paid_sales: int
    paid_cents: Cents
    waiting: int
    unknown: int
    review: int
    last_hash: str
    is_practice: bool = False
    unclaimed: int = 0
    unclaimed_cents: int = 0
    part_paid: int = 0

    @property
    def lookup_text(self) -> str:
        """The compact text of its QR code."""
        return f"POSZ1/{self.day.replace('-', '')}/{shillings_of(self.paid_cents)}/{self.last_hash}"
