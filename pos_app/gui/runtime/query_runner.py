"""Queries of the ledger, on a thread and a connection of their own: filters, totals, lists, exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject

from pos_app.common.errors import Outside, PosError
from pos_app.gui.runtime.job_runner import JobRunner, Report
from pos_app.gui.runtime.request import Request
from pos_app.ledger.queries.query import LongQuery, Query
from pos_app.ledger.reader import LedgerReader

R = TypeVar("R")


class LedgerSource:
    """The ledger as queries read it; none before a new shop's engine has made it.

    *Thread*: the queries'.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._reader: LedgerReader | None = None

    def answer(self, query: Query[R]) -> R:
        """What the ledger says.

        Raises:
            Outside: ``ledger.…``
        """
        reader = self._open()
        return query.without_ledger() if reader is None else query.read(reader)

    def answer_long(self, query: LongQuery[R], report: Report) -> R:
        """The same for a query that says how far it is."""
        reader = self._open()
        return query.without_ledger() if reader is None else query.read_reporting(reader, report)

    def _open(self) -> LedgerReader | None:
        if self._reader is None:
            try:
                self._reader = LedgerReader(self._ledger)
            except Outside as error:
                if error.code == "ledger.missing":
                    return None
                raise
        return self._reader

    def close(self) -> None:
        """Closes the connection; the next query opens another."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class QueryRunner(QObject):
    """Runs queries in the order they are asked for.

    Args:
        ledger: The ledger's file.
        unheard: Told of an error for which whoever asked did not ask to hear.
    """

    def __init__(self, ledger: Path, unheard: Callable[[PosError], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._source = LedgerSource(ledger)
        self.jobs = JobRunner("queries", unheard, self, at_end=self._source.close)

    def run(self, query: Query[R], *, owner: QObject) -> Request[R]:
        """Asks the ledger; the answer comes to the owner."""
        return self.jobs.run(partial(self._source.answer, query), owner=owner)

    def run_long(self, query: LongQuery[R], *, owner: QObject) -> Request[R]:
        """Asks for something that takes its time and says how far it is."""
        return self.jobs.run_reporting(partial(self._source.answer_long, query), owner=owner)

    def reopen(self) -> None:
        """Lets go of the connection: the ledger may have become one of a newer version."""
        self.jobs.run(self._source.close, owner=self)

    def close(self, within_s: float | None = None) -> bool:
        """Finishes the query that runs, drops the rest; False where it did not end in time."""
        return self.jobs.close(within_s)
