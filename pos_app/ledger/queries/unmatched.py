"""Payments made straight to the till that no sale has, codes that customers show, and messages of nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pos_app.common.clock import day_of
from pos_app.domain.c2b.payment import C2bPayment, OpenSale
from pos_app.domain.sales.sale import SaleSummary
from pos_app.ledger.queries.query import Query
from pos_app.ledger.reader import LedgerReader

OPEN_SALES_MS: Final = 2 * 86_400_000
"""Sales that are older are not proposed for a payment of today."""
LOOKS_BACK_MS: Final = 31 * 86_400_000
"""Codes that are older are not offered for one that was misread."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What nobody has given to a sale yet.

    Args:
        sales: Open ones that a payment may be for.
        messages: How many messages belong to no payment of this till.
    """

    payments: list[C2bPayment]
    sales: list[OpenSale]
    messages: int


@dataclass(frozen=True, slots=True)
class UnmatchedPayments(Query[Unmatched]):
    """Payments made straight to the till that no sale has, and the sales they may be for."""

    now_ms: int

    def read(self, reader: LedgerReader) -> Unmatched:
        since = day_of(self.now_ms - OPEN_SALES_MS)
        return Unmatched(reader.free_payments(), reader.open_sales(since), reader.stray_count())

    def without_ledger(self) -> Unmatched:
        return Unmatched([], [], 0)


@dataclass(frozen=True, slots=True)
class CodeLookup:
    """What the ledger knows of a code that a customer shows.

    Args:
        payment: Received straight to the till.
        sale: That it pays, or that a prompt with this code paid.
        looks_like: Where neither is known: a code that did come, and that this one may be misread for.
    """

    mpesa_code: str
    payment: C2bPayment | None
    sale: SaleSummary | None
    looks_like: str | None = None


@dataclass(frozen=True, slots=True)
class LookUpCode(Query[CodeLookup]):
    """What the ledger knows of a code."""

    mpesa_code: str
    now_ms: int

    def read(self, reader: LedgerReader) -> CodeLookup:
        payment, sale = reader.payment(self.mpesa_code), reader.sale_by_code(self.mpesa_code)
        if sale is None and payment is not None and payment.sale_id is not None:
            sale = reader.sale(payment.sale_id)
        like = None
        if payment is None and sale is None:
            like = reader.looks_like(self.mpesa_code, self.now_ms - LOOKS_BACK_MS)
        return CodeLookup(self.mpesa_code, payment, sale, like)

    def without_ledger(self) -> CodeLookup:
        return CodeLookup(self.mpesa_code, None, None)
