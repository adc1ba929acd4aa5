"""Filters, totals and exports, on the reports thread with a connection of their own."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pos_app.common.clock import SystemClock, day_of
from pos_app.common.errors import Outside
from pos_app.domain.attempt import SaleId
from pos_app.domain.sale import SaleSummary
from pos_app.gui.payments.presenter import Known, TillInbox
from pos_app.gui.strays.presenter import StrayRow, row_of
from pos_app.ledger.export import Format, Progress, Written, changed_since_export, export
from pos_app.ledger.reader import Filter, LedgerReader
from pos_app.ledger.rows import EventRow, Totals

OPEN_SALES_MS: Final = 2 * 86_400_000
"""Sales that are older are not proposed for a payment of today."""

LOOKS_BACK_MS: Final = 31 * 86_400_000
"""Codes that are older are not offered for one that was misread."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the table should show.

    Args:
        asked: The number of the question; an older answer is thrown away.
    """

    asked: int
    ids: array[int]
    totals: Totals
    days: list[str]


@dataclass(frozen=True, slots=True)
class InFull:
    """One sale with all its events."""

    row: SaleSummary
    events: list[EventRow]


class Reports:
    """Reads the ledger for the window.

    *Thread*: the methods belong to the reports thread.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._reader: LedgerReader | None = None

    def _open(self) -> LedgerReader | None:
        if self._reader is None:
            try:
                self._reader = LedgerReader(self._ledger)
            except Outside as error:
                if error.code == "ledger.missing":
                    return None
                raise
        return self._reader

    def page(self, asked: int, day: str, only: Filter, search: str) -> Page:
        """The sales to show. A search looks through all days.

        Raises:
            Outside: ``ledger.…``
        """
        reader = self._open()
        if reader is None:
            return Page(asked, array("q"), Totals(day), [])
        every_day = bool(search.strip()) or only is Filter.NEEDS_YOU
        ids = reader.ids(day=None if every_day else day, only=only, search=search)
        return Page(asked, ids, reader.totals(day), reader.days())

    def in_full(self, sale_id: int) -> InFull:
        """One sale with its time line."""
        reader = self._open()
        if reader is None:
            raise Outside("ledger.missing")
        return InFull(reader.sale(SaleId(sale_id)), reader.timeline(SaleId(sale_id)))

    def till_inbox(self) -> TillInbox:
        """Payments made straight to the till that no sale has, and the sales they may be for."""
        reader = self._open()
        if reader is None:
            return TillInbox([], [], 0)
        since = day_of(SystemClock().now_ms() - OPEN_SALES_MS)
        return TillInbox(reader.free_payments(), reader.open_sales(since), reader.stray_count())

    def strays(self, *, with_settled: bool) -> list[StrayRow]:
        """Messages that belong to no payment of this till: those to settle, or all."""
        reader = self._open()
        found = reader.strays(with_settled=with_settled) if reader is not None else []
        return [row_of(stray) for stray in found]

    def known_code(self, mpesa_code: str) -> Known:
        """What the ledger knows of a code."""
        reader = self._open()
        if reader is None:
            return Known(mpesa_code, None, None)
        payment, sale = reader.payment(mpesa_code), reader.sale_by_code(mpesa_code)
        if sale is None and payment is not None and payment.sale_id is not None:
            sale = reader.sale(payment.sale_id)
        like = None
        if payment is None and sale is None:
            like = reader.looks_like(mpesa_code, SystemClock().now_ms() - LOOKS_BACK_MS)
        return Known(mpesa_code, payment, sale, like)

    def last_reference(self) -> str | None:
        """The reference of the newest sale."""
        reader = self._open()
        return reader.last_reference() if reader is not None else None

    def closing(self, day: str) -> tuple[Totals, str]:
        """The sums of a day and the end of the chain, for its closing receipt."""
        reader = self._open()
        if reader is None:
            return Totals(day), ""
        return reader.totals(day), reader.last_hash()

    def export(
        self,
        first_day: str,
        last_day: str,
        fmt: Format,
        target: Path,
        stop: threading.Event,
        report: Callable[[Progress], None],
    ) -> Written:
        """Writes an export; `stop` ends it."""
        reader = self._open()
        if reader is None:
            raise Outside("ledger.missing")

        def progressed(progress: Progress) -> bool:
            report(progress)
            return not stop.is_set()

        return export(reader, first_day, last_day, fmt, target, progressed)

    def changed_days(self) -> list[str]:
        """Days before today that somebody has a file of, and that have changed since."""
        reader = self._open()
        if reader is None:
            return []
        return changed_since_export(reader, day_of(SystemClock().now_ms()))

    def close(self) -> None:
        """Closes the connection."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
