"""Sales: which ones a page shows, the totals of a day, one in full."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from pos_app.domain.sales.history import HistoryEntry
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.sales.totals import Totals
from pos_app.domain.values.ids import SaleId
from pos_app.ledger.queries.query import Query
from pos_app.ledger.reader import Filter, LedgerReader


@dataclass(frozen=True, slots=True)
class SalesFound:
    """Which sales there are, newest first, and the totals of the day that is chosen."""

    ids: array[int]
    totals: Totals


@dataclass(frozen=True, slots=True)
class FindSales(Query[SalesFound]):
    """The sales of a day. A search looks through all days, and so does the filter of those to check."""

    day: str
    only: Filter = Filter.ALL
    search: str = ""

    def read(self, reader: LedgerReader) -> SalesFound:
        every_day = bool(self.search.strip()) or self.only is Filter.NEEDS_YOU
        ids = reader.ids(day=None if every_day else self.day, only=self.only, search=self.search)
        return SalesFound(ids, reader.totals(self.day))

    def without_ledger(self) -> SalesFound:
        return SalesFound(array("q"), Totals(self.day))


@dataclass(frozen=True, slots=True)
class TotalsOfDay(Query[Totals]):
    """The sums of a day."""

    day: str

    def read(self, reader: LedgerReader) -> Totals:
        return reader.totals(self.day)

    def without_ledger(self) -> Totals:
        return Totals(self.day)


@dataclass(frozen=True, slots=True)
class SaleDetail:
    """One sale with its history."""

    row: SaleSummary
    history: list[HistoryEntry]


@dataclass(frozen=True, slots=True)
class SaleInFull(Query[SaleDetail]):
    """One sale with all that happened to it."""

    sale_id: SaleId

    def read(self, reader: LedgerReader) -> SaleDetail:
        return SaleDetail(reader.sale(self.sale_id), reader.timeline(self.sale_id))


@dataclass(frozen=True, slots=True)
class LastReference(Query[str | None]):
    """The order reference of the newest sale; None where there is none."""

    def read(self, reader: LedgerReader) -> str | None:
        return reader.last_reference()

    def without_ledger(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class DayEnd:
    """The sums of a day and the end of the ledger's chain, in hexadecimal."""

    totals: Totals
    last_hash: str


@dataclass(frozen=True, slots=True)
class EndOfDay(Query[DayEnd]):
    """What a closing receipt says of a day."""

    day: str

    def read(self, reader: LedgerReader) -> DayEnd:
        return DayEnd(reader.totals(self.day), reader.last_hash())

    def without_ledger(self) -> DayEnd:
        return DayEnd(Totals(self.day), "")
