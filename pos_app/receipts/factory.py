"""Receipts from sales: what stands on paper, before anybody knows which paper."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.common.clock import to_eat
from pos_app.common.i18n import _
from pos_app.domain.printing.receipt import Closing, Receipt
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.sales.totals import Totals
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference


@dataclass(frozen=True, slots=True)
class ReceiptHead:
    """The shop's own words on its paper."""

    shop: str = ""
    till_label: str = ""
    cashier: str = ""
    header: str = ""
    footer: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptFactory:
    """Makes receipts of one shop.

    Args:
        is_practice: No money moved, and the paper says so.
    """

    head: ReceiptHead
    is_practice: bool

    def receipt_of(self, row: SaleSummary, *, is_copy: bool) -> Receipt:
        """The receipt for a sale.

        Args:
            is_copy: Whether one was made before.
        """
        head = self.head
        return Receipt(
            shop=head.shop,
            till_label=row.sale.till_label or head.till_label,
            cashier=row.sale.cashier,
            header=head.header,
            footer=head.footer,
            day=row.sale.day,
            time=to_eat(row.sale.created_at_ms).strftime("%H:%M"),
            sale=row.sale.id,
            reference=row.sale.reference,
            phone_masked=row.attempt.phone_masked,
            amount_cents=row.sale.amount_cents,
            received_cents=row.sale.received_cents,
            mpesa_codes=row.codes,
            is_code_to_follow=row.is_code_missing,
            is_copy=is_copy,
            is_practice=self.is_practice,
        )

    def test_receipt(self, now_ms: int) -> Receipt:
        """A receipt of no sale, to see whether the printer prints and nothing is cut."""
        head, now = self.head, to_eat(now_ms)
        return Receipt(
            shop=head.shop or _("Your shop"),
            till_label=head.till_label,
            cashier=head.cashier,
            header=head.header,
            footer=head.footer,
            day=now.strftime("%Y-%m-%d"),
            time=now.strftime("%H:%M"),
            sale=0,
            reference=Reference("TEST"),
            phone_masked="0700•••000",
            amount_cents=Cents(25_000_000),
            received_cents=Cents(25_000_000),
            mpesa_codes=("TESTCODE00",),
            is_practice=True,
        )

    def closing_of(self, totals: Totals, last_hash: str, now_ms: int) -> Closing:
        """The closing receipt of a day.

        Args:
            last_hash: The end of the ledger's chain, in hexadecimal.
        """
        head = self.head
        return Closing(
            head.shop, head.till_label, head.cashier, totals.day, to_eat(now_ms).strftime("%Y-%m-%d %H:%M"),
            totals.sales, totals.paid_sales, totals.paid_cents, totals.waiting, totals.unknown, totals.review,
            last_hash, self.is_practice, totals.unclaimed, totals.unclaimed_cents, totals.part_paid,
        )  # fmt: skip
