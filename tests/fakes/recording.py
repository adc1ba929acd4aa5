"""Sales and attempts that are written and not sent: the state in which the till leaves only what never left."""

from __future__ import annotations

from typing import Any

from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.writer import LedgerWriter


def record_sale(
    writer: LedgerWriter, draft: Draft, token: str, now_ms: int, *, cashier: str = "", till_label: str = "", **how: Any
) -> Attempt:
    """A new sale with its first attempt, *ready*."""
    with writer._unit.transaction():
        return writer._add_sale(draft, token, now_ms, cashier, till_label, anyway=how.get("anyway", False))


def record_attempt(
    writer: LedgerWriter, sale_id: SaleId, token: str, now_ms: int, *, msisdn: Msisdn | None = None
) -> Attempt:
    """Another attempt of a sale, *ready*."""
    with writer._unit.transaction():
        return writer._add_another(sale_id, token, now_ms, msisdn)
