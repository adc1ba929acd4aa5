"""Mail in one SQLite file. Messages that arrive together share a commit."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pos_app.errors import Mistake, Outside
from pos_app.paths import make_private
from pos_app.relay.auth import check_name, digest, new_token
from pos_app.relay.store import Message, StoreError, TillRow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tills (
    name TEXT PRIMARY KEY, digest BLOB NOT NULL, created_at_ms INTEGER NOT NULL,
    is_revoked INTEGER NOT NULL DEFAULT 0, position INTEGER NOT NULL DEFAULT 0, seen_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT, till TEXT NOT NULL REFERENCES tills (name),
    token_digest BLOB NOT NULL, body BLOB NOT NULL, received_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS mail_of_till ON mail (till, id);
"""
_LARGEST_GROUP = 200
_SEEN_EVERY_MS = 60_000


@dataclass(slots=True)
class _Letter:
    till: str
    token_digest: bytes
    body: bytes
    received_at_ms: int
    loop: asyncio.AbstractEventLoop
    kept: asyncio.Future[bool]


class SqliteStore:
    """A store of mail in one file.

    *Thread*: `put`, `after` and `wait` from one loop; the file has a thread that
    writes and one that reads.

    Raises:
        Outside: ``relay.store``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            make_private(path.parent)
            self._write = self._connect()
            self._write.executescript(_SCHEMA)
            path.chmod(0o600)
            self._read = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise Outside("relay.store", path=str(path)) from error
        self._reader = ThreadPoolExecutor(1, "relay-read")
        self._letters: queue.SimpleQueue[_Letter | None] = queue.SimpleQueue()
        self._arrivals: dict[str, asyncio.Event] = {}
        self._writer = threading.Thread(target=self._write_letters, name="relay-write", daemon=True)
        self._writer.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def close(self) -> None:
        """Writes what is on its way, then closes."""
        self._letters.put(None)
        self._writer.join(timeout=10)
        self._reader.shutdown()
        self._write.close()
        self._read.close()

    # Mail

    async def put(self, till: str, token_digest: bytes, body: bytes, received_at_ms: int) -> bool:
        loop = asyncio.get_running_loop()
        letter = _Letter(till, token_digest, body, received_at_ms, loop, loop.create_future())
        self._letters.put(letter)
        kept = await letter.kept
        if kept:
            self._arrivals.setdefault(till, asyncio.Event()).set()
        return kept

    def _write_letters(self) -> None:
        while True:
            letter = self._letters.get()
            if letter is None:
                return
            group, is_last = [letter], False
            while len(group) < _LARGEST_GROUP:
                try:
                    more = self._letters.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    is_last = True
                    break
                group.append(more)
            self._commit(group)
            if is_last:
                return

    def _commit(self, group: list[_Letter]) -> None:
        results: list[bool] = []
        failure: Exception | None = None
        try:
            with self._transaction(self._write) as db:
                for letter in group:
                    cursor = db.execute(
                        "INSERT INTO mail (till, token_digest, body, received_at_ms)"
                        " SELECT name, ?, ?, ? FROM tills WHERE name = ? AND is_revoked = 0",
                        (letter.token_digest, letter.body, letter.received_at_ms, letter.till),
                    )
                    results.append(cursor.rowcount == 1)
        except sqlite3.Error as error:
            failure = StoreError(type(error).__name__)
        for index, letter in enumerate(group):
            result = None if failure is not None else results[index]
            letter.loop.call_soon_threadsafe(_resolve, letter.kept, result, failure)

    async def after(self, till: str, position: int, limit: int) -> list[Message]:
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._after, till, position, limit)

    def _after(self, till: str, position: int, limit: int) -> list[Message]:
        try:
            now = int(time.time() * 1000)
            self._read.execute(
                "UPDATE tills SET position = max(position, ?), seen_at_ms = ?"
                " WHERE name = ? AND (position < ? OR coalesce(seen_at_ms, 0) < ?)",
                (position, now, till, position, now - _SEEN_EVERY_MS),
            )
            rows = self._read.execute(
                "SELECT id, token_digest, body, received_at_ms FROM mail WHERE till = ? AND id > ? ORDER BY id LIMIT ?",
                (till, position, limit),
            ).fetchall()
        except sqlite3.Error as error:
            raise StoreError(type(error).__name__) from error
        return [Message(*row) for row in rows]

    async def wait(self, till: str, position: int, timeout_s: float) -> None:
        arrival = self._arrivals.setdefault(till, asyncio.Event())
        arrival.clear()
        if await self.after(till, position, 1):
            return
        try:
            async with asyncio.timeout(timeout_s):
                await arrival.wait()
        except TimeoutError:
            return

    async def till_digest(self, name: str) -> bytes | None:
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._till_digest, name)

    def _till_digest(self, name: str) -> bytes | None:
        try:
            row = self._read.execute("SELECT digest FROM tills WHERE name = ? AND is_revoked = 0", (name,)).fetchone()
        except sqlite3.Error as error:
            raise StoreError(type(error).__name__) from error
        return row[0] if row is not None else None

    # Tills

    def add_till(self, name: str) -> str:
        """Adds a till and returns its token, which is not shown again.

        Raises:
            Mistake: ``relay.till_name`` or ``relay.name_taken``.
        """
        token = new_token()
        try:
            with self._converting():
                self._write.execute(
                    "INSERT INTO tills (name, digest, created_at_ms) VALUES (?, ?, ?)",
                    (check_name(name), digest(token), int(time.time() * 1000)),
                )
        except sqlite3.IntegrityError:
            raise Mistake("relay.name_taken") from None
        return token

    def rotate(self, name: str) -> str:
        """Gives a till a new token; the old one stops at once.

        Raises:
            Mistake: ``relay.unknown_till``.
        """
        token = new_token()
        self._change("UPDATE tills SET digest = ?, is_revoked = 0 WHERE name = ?", digest(token), name)
        return token

    def revoke(self, name: str) -> None:
        """Shuts a till out; its mail stays until it is purged.

        Raises:
            Mistake: ``relay.unknown_till``.
        """
        self._change("UPDATE tills SET is_revoked = 1 WHERE name = ?", name)

    def tills(self) -> list[TillRow]:
        """Every till, by name."""
        with self._converting():
            rows = self._write.execute(
                "SELECT name, created_at_ms, is_revoked, position,"
                " (SELECT count(*) FROM mail WHERE till = name AND id > position), seen_at_ms FROM tills ORDER BY name"
            ).fetchall()
        return [TillRow(row[0], row[1], bool(row[2]), row[3], row[4], row[5]) for row in rows]

    def purge(self, *, read_before_ms: int, unread_before_ms: int) -> int:
        """Deletes read mail that is older than one time and unread mail older than another."""
        with self._converting(), self._transaction(self._write) as db:
            cursor = db.execute(
                "DELETE FROM mail WHERE received_at_ms < ? OR (received_at_ms < ? AND"
                " id <= (SELECT position FROM tills WHERE name = mail.till))",
                (unread_before_ms, read_before_ms),
            )
            return cursor.rowcount

    def _change(self, sql: str, *values: object) -> None:
        with self._converting():
            if self._write.execute(sql, values).rowcount != 1:
                raise Mistake("relay.unknown_till")

    @contextmanager
    def _converting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise Outside("relay.store", path=str(self._path)) from error

    @staticmethod
    @contextmanager
    def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _resolve(kept: asyncio.Future[bool], result: bool | None, failure: Exception | None) -> None:
    if kept.done():
        return
    if failure is not None:
        kept.set_exception(failure)
    else:
        kept.set_result(bool(result))
