"""Which edition of the ledger a file is, told before anything is written or locked."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from pos_app.common.errors import Outside

APPLICATION_ID: Final = 0x504F5331
FIRST_VERSION: Final = 100
"""Of the second edition. Ledgers of the first one are refused in words, and set aside (`first_edition`)."""
ASIDE: Final = "first-edition"
UNFINISHED: Final = ".part"
_NAME: Final = re.compile(rf"{ASIDE}-[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(-[0-9]+)?({re.escape(UNFINISHED)})?")
_HEADER_BYTES: Final = 100


def is_first_edition(ledger: Path) -> bool:
    """Whether a file is a ledger of the first edition."""
    return 0 < _version_of(ledger) < FIRST_VERSION


def is_second_edition(ledger: Path) -> bool:
    """Whether a file is a ledger of this edition."""
    return _version_of(ledger) >= FIRST_VERSION


def is_aside(folder: Path) -> bool:
    """Whether a folder holds a ledger that was set aside, whole or so far."""
    return folder.is_dir() and _NAME.fullmatch(folder.name) is not None


def unfinished(ledger: Path) -> Path | None:
    """The folder into which a ledger was being moved when that was cut short."""
    found = sorted(one for one in ledger.parent.glob(f"{ASIDE}-*{UNFINISHED}") if is_aside(one))
    return found[0] if found else None


def is_to_be_set_aside(ledger: Path) -> bool:
    """Whether a ledger of the first edition lies here, or was being moved away when that was cut short."""
    return is_first_edition(ledger) or (unfinished(ledger) is not None and not is_second_edition(ledger))


def refuse_first_edition(ledger: Path) -> None:
    """Refuses it in words, also where setting it aside was cut short.

    Raises:
        Outside: ``ledger.first_edition``.
    """
    if is_to_be_set_aside(ledger):
        raise Outside("ledger.first_edition", path=str(ledger), copies=str(ledger.parent / "copies"))


def _version_of(ledger: Path) -> int:
    """The schema that a ledger of ours has; 0 where that cannot be told, or it is none."""
    try:
        with ledger.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return 0
    application, version = int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")
    if application == 0:
        # A new file whose first page still stands in the WAL alone.
        application, version = _said_by_wal(ledger)
    return version if application == APPLICATION_ID else 0


def _said_by_wal(ledger: Path) -> tuple[int, int]:
    wal = ledger.with_name(ledger.name + "-wal")
    try:
        if wal.stat().st_size == 0:
            return 0, 0
        with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as db:
            application = db.execute("PRAGMA application_id").fetchone()[0]
            return application, db.execute("PRAGMA user_version").fetchone()[0]
    except (OSError, sqlite3.Error):
        return 0, 0
