"""Sales: what is owed, and whether it was taken back."""

from __future__ import annotations

from typing import Any

from pos_app.common.clock import day_of
from pos_app.common.errors import Mistake
from pos_app.domain.sales.sale import Draft, Sale
from pos_app.domain.values.ids import SaleId
from pos_app.ledger.event_codec import SYSTEM, OfSale, Subject
from pos_app.ledger.rows import SALE_COLUMNS, by_name, sale_of
from pos_app.ledger.unit_of_work import UnitOfWork


class SaleStore:
    """The table of sales."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def add(self, draft: Draft, now_ms: int, cashier: str, till_label: str) -> SaleId:
        """A new sale of today."""
        number = self._unit.next_id("sales")
        kept = {
            "reference": draft.reference,
            "total_cents": draft.amount_cents,
            "day": day_of(now_ms),
            "made_at_ms": now_ms,
            "cashier": cashier,
            "till_label": till_label,
        }
        event = self._unit.add_event(Subject.SALE, number, number, now_ms, OfSale.MADE, cashier or SYSTEM, kept)
        self._unit.db.execute(
            "INSERT INTO sales (id, reference, total_cents, day, made_at_ms, cashier, till_label, event_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, *kept.values(), event),
        )
        return SaleId(number)

    def change(self, sale_id: SaleId, kind: OfSale, now_ms: int, actor: str, details: dict[str, Any]) -> None:
        """Notes that a sale was voided, or that a receipt was made of it."""
        event = self._unit.add_event(Subject.SALE, sale_id, sale_id, now_ms, kind, actor, details)
        column = "is_voided" if kind is OfSale.VOIDED else "has_receipt"
        self._unit.db.execute(
            f"UPDATE sales SET {column} = 1, event_id = ? WHERE id = ?",  # noqa: S608 - our own names
            (event, sale_id),
        )

    def get(self, sale_id: SaleId) -> Sale:
        """One sale.

        Raises:
            Mistake: ``sale.not_found``.
        """
        found = self._unit.db.execute(
            f"SELECT {SALE_COLUMNS} FROM sales s WHERE s.id = ?",  # noqa: S608 - our own names
            (sale_id,),
        )
        for row in by_name(found):
            return sale_of(row)
        raise Mistake("sale.not_found")
