"""The folder of a till that the first edition wrote: a live prompt, money without a sale, fourteen copies."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

KEPT: Final = Path(__file__).resolve().parents[1] / "kept"
LEDGER: Final = "ledger.sqlite3"


def make_old_home(folder: Path) -> Path:
    """Makes it, as a power cut left it: the last of it stands in the WAL alone.

    Returns:
        The ledger.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "written"
    written.mkdir()
    with closing(sqlite3.connect(written / LEDGER, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript((KEPT / "first-edition.sql").read_text("utf-8"))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("UPDATE day_totals SET day = day")
        for name in (LEDGER, f"{LEDGER}-wal"):
            (folder / name).write_bytes((written / name).read_bytes())
    for left in written.iterdir():
        left.unlink()
    written.rmdir()
    (folder / "ledger.key").write_bytes(b"K" * 32)
    (folder / "ledger.head").write_bytes(b'["name", 11, ""]')
    (folder / "exported.json").write_bytes(b"{}")
    copies = folder / "copies"
    copies.mkdir()
    for number in range(1, 15):
        copy = copies / f"day-2026-11-{number:02d}.sqlite3"
        with closing(sqlite3.connect(copy)) as db:
            db.executescript((KEPT / "first-edition.sql").read_text("utf-8"))
        copy.with_name(copy.name + ".key").write_bytes(b"K" * 32)
    return folder / LEDGER


def all_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes, but for locks and SQLite's own index of a WAL."""
    found = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith((".lock", "-shm")))
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}
