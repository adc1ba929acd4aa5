"""Which days somebody has a file of, and as what: a day that has changed since is named.

Money that comes after midnight for a sale of the evening belongs to that evening; whoever has exported it holds a file
that is not the ledger's any more.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Final

from pos_app.errors import Outside
from pos_app.files import write_private
from pos_app.ledger.reader import LedgerReader

KEPT_DAYS: Final = 400
Sums = list[int]
"""Sales, paid and part paid ones, shillings' cents, and what came straight to the till and has no sale."""


class ExportedDays:
    """The days that were exported from one ledger, in a file beside it; without that file none was.

    Args:
        ledger: The ledger's file.
    """

    def __init__(self, ledger: Path) -> None:
        self._file = ledger.with_name("exported.json")

    def note(self, reader: LedgerReader, first_day: str, last_day: str) -> None:
        """These days were exported as they are now. An export that cannot be noted is an export all the same."""
        days = self._read() | {day: _sums(reader, day) for day in reader.days() if first_day <= day <= last_day}
        kept = {day: days[day] for day in sorted(days)[-KEPT_DAYS:]}
        with contextlib.suppress(Outside):
            write_private(self._file, json.dumps(kept).encode(), code="file.unwritable")

    def changed(self, reader: LedgerReader, before_day: str) -> list[str]:
        """The exported days before a day that are not as they were exported, oldest first."""
        return [day for day, sums in sorted(self._read().items()) if day < before_day and _sums(reader, day) != sums]

    def _read(self) -> dict[str, Sums]:
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _sums(reader: LedgerReader, day: str) -> Sums:
    totals = reader.totals(day)
    return [
        totals.sales,
        totals.paid_sales,
        totals.part_paid,
        totals.paid_cents,
        totals.unclaimed,
        totals.unclaimed_cents,
    ]
