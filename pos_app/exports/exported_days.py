"""Which days somebody has a file of, and as what: so that a day that has changed since can be named.

Money that comes after midnight for a sale of the evening belongs to that evening; whoever has exported it holds a file
that is not the ledger's any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pos_app.common.errors import Outside
from pos_app.common.files import write_private

KEPT_DAYS: Final = 62
"""Two months: by then an accountant has closed the books."""


_FINGERPRINTED: Final = (
    "date", "time", "sale", "reference", "phone", "amount", "received", "state", "payment", "mpesa_codes",
    "needs_review", "cashier", "till",
)  # fmt: skip
"""What counts as a change of a day. A column that comes later is none: files that were made before it are no other."""


class DayPrint:
    """A fingerprint of all that an export says of one day.

    Args:
        unclaimed: How many payments straight to the till had no sale, and their cents.
    """

    def __init__(self, unclaimed: tuple[int, int]) -> None:
        self._digest = hashlib.sha256(repr(unclaimed).encode())

    def add(self, record: Mapping[str, Any]) -> None:
        """One more row of that day."""
        known = {name: record[name] for name in _FINGERPRINTED}
        self._digest.update(json.dumps(known, sort_keys=True).encode())

    def __str__(self) -> str:
        return self._digest.hexdigest()


class ExportedDays:
    """The days that were exported from one ledger, in a file beside it; without that file none was.

    Args:
        ledger: The ledger's file.
    """

    def __init__(self, ledger: Path) -> None:
        self._file = ledger.with_name("exported.json")

    def note(self, days: Mapping[str, DayPrint]) -> None:
        """These days were exported, and so. An export that cannot be noted is an export all the same."""
        known = self.known() | {day: str(made) for day, made in days.items()}
        kept = {day: known[day] for day in sorted(known)[-KEPT_DAYS:]}
        with contextlib.suppress(Outside):
            write_private(self._file, json.dumps(kept).encode(), code="file.unwritable")

    def known(self) -> dict[str, str]:
        """Each exported day with its fingerprint."""
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def print_of(records: Iterable[Mapping[str, Any]], unclaimed: tuple[int, int]) -> str:
    """The fingerprint of a day as it is now."""
    made = DayPrint(unclaimed)
    for record in records:
        made.add(record)
    return str(made)
