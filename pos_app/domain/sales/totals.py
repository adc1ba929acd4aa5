"""The sums of a day, as faces and paper show them."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.domain.values.money import NOTHING, Cents


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers above the table. Waiting, unknown and review count over all days.

    Args:
        part_paid: Sales of that day of which a part came in.
        unclaimed: Payments made straight to the till that day which nobody gave to a sale.
        strays: Messages that belong to no payment of this till, over all days.
    """

    day: str
    sales: int = 0
    paid_sales: int = 0
    paid_cents: Cents = NOTHING
    waiting: int = 0
    unknown: int = 0
    review: int = 0
    unclaimed: int = 0
    unclaimed_cents: Cents = NOTHING
    strays: int = 0
    part_paid: int = 0
