"""One change of the ledger: all of it is on the disk, with its events in the chain, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pos_app.ledger.db import converting, problem
from pos_app.ledger.event_codec import VERSION, Subject
from pos_app.ledger.integrity import hash_chain
from pos_app.ledger.integrity.chain_head import Head, HeadFile, head_of, is_behind, read_head


class UnitOfWork:
    """Transactions and the chain. One at a time, and stores work within it.

    Args:
        db: A writer's connection; this closes it.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.db = db
        self._path = path
        self._head_file = HeadFile(path)
        self._head = Head("", 0, "")

    def check_head(self) -> None:
        """Compares the chain with the head beside the file, which knows how far it was written.

        Raises:
            Outside: ``ledger.replaced``.
        """
        before = read_head(self._path)
        if before is not None and is_behind(self.db, before):
            raise problem("ledger.replaced", self._path)
        self._head = head_of(self.db)
        if self._head != before:
            self._head_file.write(self._head)

    def close(self) -> None:
        """Closes the file; everything is on the disk already."""
        self.db.close()
        self._head_file.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is written within is on the disk at the end, or nothing of it after an error.

        Raises:
            Outside: ``ledger.…``
        """
        before = self._head
        with converting(self._path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                self._head = before
                # On a full disk SQLite may have rolled back by itself.
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
        if self._head != before:
            self._head_file.write(self._head)

    def add_event(
        self,
        subject: Subject,
        subject_id: int,
        sale_id: int | None,
        at_ms: int,
        kind: str,
        actor: str,
        details: dict[str, Any],
        *,
        from_state: str = "",
        to_state: str = "",
    ) -> int:
        """Chains an event; the rows that it changes are written after it.

        Args:
            sale_id: Whose history shows it.

        Returns:
            Its number.
        """
        last = self.db.execute("SELECT id, hash FROM ledger_events ORDER BY id DESC LIMIT 1").fetchone()
        event_id, previous = (last[0] + 1, last[1]) if last is not None else (1, hash_chain.FIRST)
        values = (
            event_id,
            subject.value,
            subject_id,
            sale_id,
            at_ms,
            str(kind),
            VERSION,
            actor,
            from_state,
            to_state,
            hash_chain.canonical(details),
        )
        digest = hash_chain.link(previous, values)
        self.db.execute(
            f"INSERT INTO ledger_events ({hash_chain.EVENT_COLUMNS}, hash)"  # noqa: S608 - our own names
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, digest),
        )
        self._head = Head(self._head.ledger, event_id, digest.hex())
        return event_id

    def next_id(self, table: str) -> int:
        """The number that the next row of a table gets: its event names it before it is there."""
        row = self.db.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()  # noqa: S608 - our own names
        return int(row[0])
