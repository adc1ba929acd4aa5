"""What a query is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from pos_app.common.errors import Outside
from pos_app.ledger.reader import LedgerReader

R = TypeVar("R")


class Query(Generic[R]):
    """One question to the ledger, as frozen data. `R` is its answer."""

    def read(self, reader: LedgerReader) -> R:
        """The answer.

        *Thread*: whichever owns the reader.

        Raises:
            Outside: ``ledger.…``
        """
        raise NotImplementedError

    def without_ledger(self) -> R:
        """The answer of a shop that has sold nothing yet.

        Raises:
            Outside: ``ledger.missing``, where there is none.
        """
        raise Outside("ledger.missing")


class LongQuery(Query[R]):
    """A question that takes its time, and says how far it is."""

    def read(self, reader: LedgerReader) -> R:
        return self.read_reporting(reader, lambda _how_far: None)

    def read_reporting(self, reader: LedgerReader, report: Callable[[object], None]) -> R:
        """The answer; `report` is told now and then how far it is."""
        raise NotImplementedError
