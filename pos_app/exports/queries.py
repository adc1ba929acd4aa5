"""Files for the accountant, and which of them say no more what the ledger says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pos_app.exports.sales import CancelledError, Format, Progress, Written, changed_since_export, export
from pos_app.ledger.queries.query import LongQuery, Query
from pos_app.ledger.reader import LedgerReader


@dataclass(frozen=True, slots=True)
class ExportSales(LongQuery[Written | None]):
    """Writes the sales of a range of days; reports `Progress`; None where it was stopped, and no file is left.

    Args:
        stop: Set from any thread, it ends the export.
    """

    first_day: str
    last_day: str
    fmt: Format
    target: Path
    stop: threading.Event = field(default_factory=threading.Event, compare=False)

    def read_reporting(self, reader: LedgerReader, report: Callable[[object], None]) -> Written | None:
        def progressed(progress: Progress) -> bool:
            report(progress)
            return not self.stop.is_set()

        try:
            return export(reader, self.first_day, self.last_day, self.fmt, self.target, progressed)
        except CancelledError:
            return None


@dataclass(frozen=True, slots=True)
class ChangedDays(Query[list[str]]):
    """The days before one that somebody has a file of, and that have changed since."""

    before_day: str

    def read(self, reader: LedgerReader) -> list[str]:
        return changed_since_export(reader, self.before_day)

    def without_ledger(self) -> list[str]:
        return []
