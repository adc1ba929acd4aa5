"""Whatever is written by hand into a ledger with every outcome, in whatever column, is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes.full_shop import fill
from fakes.tampering import tampering

from pos_app.ledger.verify import verify

# What is no evidence: when M-PESA was asked, what the relay was told, how far a mailbox is read, what strangers left.
NO_EVIDENCE = {"asked_at_ms", "asks", "answered_at_ms", "answers", "is_reserved"}
NO_TABLE_OF_EVIDENCE = {"cursors", "strangers", "settled_messages"}
# Of messages that no event names, and of a number that only tells rows apart.
KNOWN = {("evidence", "id"), ("evidence", "received_at_ms"), ("evidence", "verdict")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite3"
    fill(path, "practice", 40)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    assert verify(path).findings == ()
    return path


def columns(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'")
    for (table,) in tables.fetchall():
        for _number, column, *_rest in db.execute(f"PRAGMA table_info({table})").fetchall():
            if table not in NO_TABLE_OF_EVIDENCE and column not in NO_EVIDENCE and (table, column) not in KNOWN:
                yield table, column


def another(value: Any) -> list[Any]:
    """What somebody might write in a value's place."""
    if value is None:
        return [1, "x"]
    if isinstance(value, bytes):
        return [None, value[::-1] if value != value[::-1] else value + b"x", b""]
    return [None, value + 1, 0 if value else 7] if isinstance(value, int) else [None, value + "x", ""]


def test_each_is_found(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    (tmp_path / "ledger.key").write_bytes(whole.with_name("ledger.key").read_bytes())
    body, missed, tried = whole.read_bytes(), [], 0
    with closing(sqlite3.connect(f"file:{whole}?mode=ro", uri=True)) as db:
        todo = list(columns(db))
        kept = {
            (table, column): db.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone() for table, column in todo
        }
    for table, column in todo:
        if kept[table, column] is None:
            continue
        for value in another(kept[table, column][0]):
            if value == kept[table, column][0]:
                continue
            path.write_bytes(body)
            with tampering(path) as forged:
                try:
                    is_first = f"rowid = (SELECT rowid FROM {table} LIMIT 1)"
                    where = is_first if _has_rowid(forged, table) else f"{column} = :old"
                    given = {"new": value, "old": kept[table, column][0]}
                    forged.execute(f"UPDATE {table} SET {column} = :new WHERE {where}", given)
                except sqlite3.Error:
                    # Not even then: a NOT NULL, or a key that is there.
                    continue
            tried += 1
            if not verify(path).findings:
                missed.append((table, column, kept[table, column][0], value))
    assert tried > 150 and missed == []


def _has_rowid(db: sqlite3.Connection, table: str) -> bool:
    (sql,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return "WITHOUT ROWID" not in sql
