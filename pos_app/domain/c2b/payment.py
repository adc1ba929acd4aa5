"""Payments made straight to the till number, and which sale each is likely for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference

NEAR_MS: Final = 15 * 60 * 1000


class Use(StrEnum):
    """What became of a payment."""

    FREE = ""
    """No sale has it."""
    PAYS = "pays"
    """A cashier gave it to a sale."""
    PROVES = "proves"
    """It is the second proof of a prompt that was paid: the same money, with the same code."""
    ELSEWHERE = "elsewhere"
    """Another till of the shop has reserved it."""


@dataclass(frozen=True, slots=True)
class C2bPayment:
    """Somebody paid the shop's number.

    Args:
        paid_at_ms: When, as M-PESA says.
        phone_last3: All that masking leaves of the phone; may be empty.
        account: What the customer typed as the account (paybill only).
        sale_id: The sale it pays or proves.
        taken_by: The till that has reserved it, where that was another.
    """

    mpesa_code: str
    amount_cents: Cents
    paid_at_ms: int
    first_name: str = ""
    phone_last3: str = ""
    account: str = ""
    use: Use = Use.FREE
    sale_id: SaleId | None = None
    taken_by: str = ""

    @property
    def phone_masked(self) -> str:
        """``•••678``, or nothing."""
        return f"•••{self.phone_last3}" if self.phone_last3 else ""


def reservation_subject(mpesa_code: str) -> bytes:
    """Under which name the tills of a shop reserve a payment at their relay: no token in an address can spell it."""
    return hashlib.sha256(f"claim:{mpesa_code}".encode()).digest()


class Sign(StrEnum):
    """Why a payment may be for a sale, the strongest first."""

    REFERENCE = "reference"
    AMOUNT = "amount"
    PHONE = "phone"
    TIME = "time"


_WEIGHTS: Final = {Sign.REFERENCE: 8, Sign.AMOUNT: 4, Sign.PHONE: 2, Sign.TIME: 1}


@dataclass(frozen=True, slots=True)
class OpenSale:
    """A sale that is not paid in full, as far as matching needs it.

    Args:
        due_cents: What is still to pay.
        phone_last3: Of the phone that was prompted.
    """

    id: SaleId
    reference: Reference
    due_cents: Cents
    created_at_ms: int
    phone_last3: str


@dataclass(frozen=True, slots=True)
class Match:
    """A sale that a payment may be for.

    Args:
        minutes_apart: Between the sale and the payment.
        is_sale_later: Whether it was typed in after the money had come.
    """

    sale: OpenSale
    signs: frozenset[Sign]
    minutes_apart: int
    is_sale_later: bool = False


def rank(payment: C2bPayment, sales: Sequence[OpenSale]) -> list[Match]:
    """The open sales, the likeliest first: by account, amount, last digits, then by how near in time.

    It only ever proposes: which sale was paid is for a person to say.
    """

    def match(sale: OpenSale) -> Match:
        apart_ms = abs(payment.paid_at_ms - sale.created_at_ms)
        signs = {
            Sign.REFERENCE: payment.account.upper() == sale.reference.upper(),
            Sign.AMOUNT: payment.amount_cents == sale.due_cents,
            Sign.PHONE: bool(payment.phone_last3) and payment.phone_last3 == sale.phone_last3,
            Sign.TIME: apart_ms <= NEAR_MS,
        }
        held = frozenset(sign for sign, holds in signs.items() if holds)
        return Match(sale, held, apart_ms // 60_000, is_sale_later=sale.created_at_ms > payment.paid_at_ms)

    matches = [match(sale) for sale in sales]
    return sorted(
        matches,
        key=lambda found: (
            -sum(_WEIGHTS[sign] for sign in found.signs),
            found.minutes_apart,
            -found.sale.id,
        ),
    )
