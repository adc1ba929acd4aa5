"""Mail in one SQLite file, for one relay process."""

from __future__ import annotations

import asyncio
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pos_app.common.errors import Mistake, Outside
from pos_app.common.mailbox import MessageKind
from pos_app.common.paths import keep_private, touch_private
from pos_app.common.threads import in_thread
from pos_app.common.tokens import new_device_token, token_digest
from pos_app.relay.auth import check_name
from pos_app.relay.group_commit import LARGEST, GroupCommit
from pos_app.relay.notifier import MailboxNotifier
from pos_app.relay.store import (
    PAGE,
    TRUSTED,
    Claim,
    CrowdedOutError,
    Cursor,
    Device,
    IncomingMessage,
    Message,
    Page,
    StoreError,
    claim_notice,
    mark_of,
)
from pos_app.relay.strangers import DAY_MS, DayOf, Quota, Used, admit, prompt_of

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tills (
    name TEXT PRIMARY KEY, digest BLOB NOT NULL, created_at_ms INTEGER NOT NULL,
    is_revoked INTEGER NOT NULL DEFAULT 0, position INTEGER NOT NULL DEFAULT 0, seen_at_ms INTEGER,
    shop TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT, till TEXT NOT NULL REFERENCES tills (name),
    token_digest BLOB NOT NULL, body BLOB NOT NULL, received_at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL DEFAULT 'callback'
) STRICT;
CREATE TABLE IF NOT EXISTS payment_addresses (
    digest BLOB NOT NULL, shop TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (digest, shop)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mail_of_till ON mail (till, id);
CREATE INDEX IF NOT EXISTS mail_by_age ON mail (received_at_ms);
CREATE TABLE IF NOT EXISTS claims (
    shop TEXT NOT NULL, subject BLOB NOT NULL, till TEXT NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (shop, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prompts (
    till TEXT NOT NULL, digest BLOB NOT NULL, at_ms INTEGER NOT NULL, messages INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (till, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS prompts_by_age ON prompts (at_ms);
CREATE TABLE IF NOT EXISTS strangers (
    till TEXT NOT NULL, day INTEGER NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (till, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_OURS: Final = frozenset(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", _SCHEMA)) | {"sqlite_sequence"}
_ADD_SHOPS: Final = """
ALTER TABLE tills ADD COLUMN shop TEXT NOT NULL DEFAULT '';
UPDATE tills SET shop = name;
ALTER TABLE mail ADD COLUMN kind TEXT NOT NULL DEFAULT 'callback';
"""
_PUT: Final = (
    "INSERT INTO mail (till, token_digest, body, received_at_ms, kind)"
    " SELECT name, :digest, :body, :received_at_ms, :kind FROM tills"
)
_TO: Final = {
    MessageKind.CALLBACK: "name = :till",
    MessageKind.PAYMENT: "shop = (SELECT shop FROM payment_addresses WHERE digest = :digest AND shop ="
    " (SELECT shop FROM tills WHERE name = :till))",
    MessageKind.CLAIM: "shop = (SELECT shop FROM tills WHERE name = :till) AND name <> :till",
}
"""Whom each kind is for: `digest` is the token's, `till` the one it names. M-PESA keeps an address for good: payments
go to the shop of its till even when that till was shut out."""
_PURGE_AT_ONCE: Final = 2_000
_SEEN_EVERY_MS: Final = 60_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Written:
    """For whom a transaction wrote messages.

    Args:
        tills: One for each message.
        pages: The messages themselves, for those who wait, where that is known.
        leaves_gap: Somebody else may have written since the transaction before.
    """

    tills: Sequence[str]
    pages: dict[str, Page] = field(default_factory=dict)
    leaves_gap: bool = False


class SqliteStore:
    """A store of mail in one file.

    *Thread*: the mail belongs to one loop and has a thread that writes and one
    that reads; what is done about tills runs where it is called, on a connection
    of its own.

    Raises:
        Mistake: ``relay.no_mailbox``, ``relay.not_a_mailbox``.
        Outside: ``relay.store``.
    """

    def __init__(self, path: Path, quota: Quota | None = None, *, must_exist: bool = False) -> None:
        self._path = path
        self._quota = quota or Quota()
        try:
            _refuse_other_files(path, must_exist=must_exist)
            keep_private(path.parent)
            touch_private(path)
            self._write = self._connect()
            # Whole or not at all: a kill at the first start leaves no half of a mailbox.
            self._write.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            if not any(row[1] == "shop" for row in self._write.execute("PRAGMA table_info(tills)")):
                self._write.executescript(_ADD_SHOPS)
            facts = {"mailbox": secrets.randbits(62), TRUSTED: int(time.time() * 1000)}
            self._write.executemany(
                "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", facts.items()
            )
            self._identity = f"{self._fact(self._write, 'mailbox'):016x}"
            self._floor_ms = self._fact(self._write, TRUSTED)
            self._read = self._connect()
            # All it writes is how far a till has read. A power cut may forget that: the mail is read again.
            self._notes = self._connect()
            self._notes.execute("PRAGMA synchronous = NORMAL")
            self._manage = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise Outside("relay.store", path=str(path)) from error
        self._writer = ThreadPoolExecutor(1, "relay-write")
        self._reader = ThreadPoolExecutor(1, "relay-read")
        self._groups = GroupCommit(self._commit_soon)
        self._arrivals = MailboxNotifier()
        self._newest = 0
        self._has_failed = self._follows_failure = False

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def floor_ms(self) -> int:
        return self._floor_ms

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    async def start(self) -> None:
        """Leaves out the numbers that a process before may have handed over and not kept: those of one group.

        As after a commit that failed: the next transaction counts on from them, whenever there is room for it.
        """

        def leave_out() -> None:
            newest = self._write.execute("SELECT seq FROM sqlite_sequence WHERE name = 'mail'").fetchone()
            if newest is not None:
                self._newest, self._has_failed = newest[0] + LARGEST, True

        await self._run(self._writer, leave_out)

    async def stop(self) -> None:
        await self._groups.finish()

    def close(self) -> None:
        """Lets go of the file."""
        self._writer.shutdown()
        self._reader.shutdown()
        for connection in (self._write, self._notes, self._read, self._manage):
            connection.close()

    # Mail

    async def put(self, message: IncomingMessage) -> bool:
        return await self._groups.put(message)

    async def _commit_soon(self, group: Sequence[IncomingMessage]) -> list[bool | StoreError]:
        loop = asyncio.get_running_loop()
        return await self._run(self._writer, lambda: self._commit(group, loop))

    def _commit(self, group: Sequence[IncomingMessage], loop: asyncio.AbstractEventLoop) -> list[bool | StoreError]:
        """Writes a group, and tells those who wait; for each message whether it was for anybody."""
        digests: dict[str, bytes] = {}
        kept: list[tuple[str, ...]]
        with self._writing() as db:
            known = self._known(db, group)
            crowded = self._crowded_out(
                db, [one for one in group if one.kind is MessageKind.CALLBACK and one.till in known]
            )
            admitted = [one for one in group if id(one) not in crowded]
            if all(message.kind is MessageKind.CALLBACK for message in admitted):
                digests = known
                self._put_callbacks(db, [message for message in admitted if message.till in known])
                kept = [(message.till,) if message.till in known else () for message in admitted]
            else:
                kept = [self._put_one(db, message) for message in admitted]
            written = self._numbered([till for tills in kept for till in tills])
            if digests and not written.leaves_gap:
                written.pages.update(self._pages([one for one in admitted if one.till in digests], digests))
            if written.pages:
                # On its way to the till while the disk takes it (docs/decisions/0008); M-PESA is answered after.
                loop.call_soon_threadsafe(self._arrivals.notify, list(written.pages), written.pages)
        self._tell(written, loop)
        results = iter(kept)
        return [CrowdedOutError() if id(one) in crowded else bool(next(results)) for one in group]

    @staticmethod
    def _known(db: sqlite3.Connection, group: Sequence[IncomingMessage]) -> dict[str, bytes]:
        """The digest of the token of each till that is named, looked up once."""
        named = list({message.till for message in group})
        marks = ", ".join("?" * len(named))
        return dict(
            db.execute(f"SELECT name, digest FROM tills WHERE is_revoked = 0 AND name IN ({marks})", named)  # noqa: S608
        )

    def _crowded_out(self, db: sqlite3.Connection, incoming: Sequence[IncomingMessage]) -> set[int]:
        """Those for which strangers have left no room, by their identity; what the others use is noted."""
        if not incoming:
            return set()
        wanted = {prompt_of(message) for message in incoming}
        marks = ", ".join(["(?, ?)"] * len(wanted))
        named = {
            (row[0], row[1]): row[2]
            for row in db.execute(
                f"SELECT till, digest, messages FROM prompts WHERE (till, digest) IN (VALUES {marks})",  # noqa: S608
                [value for pair in wanted for value in pair],
            )
        }

        def used_on(day: DayOf) -> Used:
            row = db.execute("SELECT messages, bytes FROM strangers WHERE till = ? AND day = ?", day).fetchone()
            return Used(*row) if row is not None else Used()

        admission = admit(incoming, self._quota, named, used_on)
        db.executemany(
            "UPDATE prompts SET messages = messages + 1 WHERE till = ? AND digest = ?",
            [prompt_of(message) for message in incoming if prompt_of(message) in named],
        )
        db.executemany(
            "INSERT INTO strangers (till, day, messages, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (till, day)"
            " DO UPDATE SET messages = excluded.messages, bytes = excluded.bytes",
            [(*day, used.messages, used.size) for day, used in admission.used.items()],
        )
        return {id(message) for message, is_in in zip(incoming, admission.is_admitted, strict=True) if not is_in}

    def _tell(self, written: _Written, loop: asyncio.AbstractEventLoop) -> None:
        """Wakes those who wait. From the thread that writes, for every kind: in the order of the transactions."""
        # Who begins to wait after this was asked finds by looking what is committed.
        if written.leaves_gap or any(map(self._arrivals.is_awaited, written.tills)):
            loop.call_soon_threadsafe(self._ring, written)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes mail. A number that was handed over by one that failed is not given again."""
        self._follows_failure, self._has_failed = self._has_failed, True
        with self._transaction(self._write) as db:
            if self._follows_failure:
                db.execute(
                    "INSERT INTO sqlite_sequence (name, seq) SELECT 'mail', 0"
                    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'mail')"
                )
                db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'mail'", (self._newest,))
            yield db
        self._has_failed = False

    def _numbered(self, tills: Sequence[str]) -> _Written:
        """What this transaction wrote: a message for each of these, numbered one after the other."""
        if not tills:
            return _Written(tills, leaves_gap=self._follows_failure)
        before, self._newest = self._newest, self._write.execute("SELECT last_insert_rowid()").fetchone()[0]
        return _Written(tills, leaves_gap=self._follows_failure or self._newest - len(tills) != before)

    def _ring(self, written: _Written) -> None:
        if written.leaves_gap:
            # Somebody else wrote in between: for whom is not known.
            self._arrivals.notify_all()
        else:
            self._arrivals.notify(set(written.tills), written.pages)

    @staticmethod
    def _put_one(db: sqlite3.Connection, message: IncomingMessage) -> tuple[str, ...]:
        rows = db.execute(
            f"{_PUT} WHERE {_TO[message.kind]} AND is_revoked = 0 RETURNING till",
            {
                "digest": message.token_digest,
                "body": message.body,
                "received_at_ms": message.received_at_ms,
                "till": message.till,
                "kind": message.kind,
            },
        ).fetchall()
        return tuple(row[0] for row in rows)

    @staticmethod
    def _put_callbacks(db: sqlite3.Connection, incoming: Sequence[IncomingMessage]) -> None:
        """The same for callbacks alone, which is nearly all there is."""
        db.executemany(
            "INSERT INTO mail (till, token_digest, body, received_at_ms) VALUES (?, ?, ?, ?)",
            [(message.till, message.token_digest, message.body, message.received_at_ms) for message in incoming],
        )

    def _pages(self, incoming: Sequence[IncomingMessage], digests: dict[str, bytes]) -> dict[str, Page]:
        """What was written just now, for the tills that wait."""
        messages: dict[str, list[Message]] = {till: [] for till in digests if self._arrivals.is_awaited(till)}
        if messages:
            for number, message in enumerate(incoming, self._newest - len(incoming) + 1):
                if message.till in messages:
                    messages[message.till].append(
                        Message(number, message.token_digest, message.body, message.received_at_ms)
                    )
        return {till: Page(tuple(found), digest=digests[till]) for till, found in messages.items()}

    async def after(self, till: str, cursor: Cursor) -> Page:
        def read() -> tuple[Page, int]:
            is_reset = self._is_of_another_life(till, cursor)
            start = 0 if is_reset else cursor.id
            return self._page(till, start, is_reset=is_reset), start

        page, start = await self._run(self._reader, read)
        await self._note_seen(till, start)
        return page

    async def _note_seen(self, till: str, position: int) -> None:
        """That a till was there, once a minute, and how far it has read.

        Asked on the reader, which never waits for the disk's lock, and written on the writer, which has it.
        """
        now = int(time.time() * 1000)

        def is_news() -> bool:
            row = self._read.execute("SELECT position, coalesce(seen_at_ms, 0) FROM tills WHERE name = ?", (till,))
            known = row.fetchone()
            return known is not None and (known[0] < position or known[1] < now - _SEEN_EVERY_MS)

        def note() -> None:
            self._notes.execute(
                "UPDATE tills SET position = max(position, ?), seen_at_ms = ? WHERE name = ?", (position, now, till)
            )

        if await self._run(self._reader, is_news):
            await self._run(self._writer, note)

    def _is_of_another_life(self, till: str, cursor: Cursor) -> bool:
        if cursor.mailbox not in ("", self._identity):
            return True
        newest = self._read.execute("SELECT seq FROM sqlite_sequence WHERE name = 'mail'").fetchone()
        if cursor.id > max(self._newest, newest[0] if newest is not None else 0):
            return True
        row = self._read.execute(
            "SELECT till, token_digest, received_at_ms FROM mail WHERE id = ?", (cursor.id,)
        ).fetchone()
        # One that is gone was purged after it was read: then nothing can be told, and nothing is wrong.
        return bool(cursor.mark) and row is not None and (row[0], mark_of(*row[1:])) != (till, cursor.mark)

    def _page(self, till: str, position: int, *, is_reset: bool = False) -> Page:
        rows = self._read.execute(
            "SELECT id, token_digest, body, received_at_ms, kind FROM mail WHERE till = ? AND id > ?"
            " ORDER BY id LIMIT ?",
            (till, position, PAGE),
        ).fetchall()
        return Page(tuple(Message(*row) for row in rows), is_reset, self._digest_of(till))

    def _digest_of(self, till: str) -> bytes | None:
        row = self._read.execute("SELECT digest FROM tills WHERE name = ? AND is_revoked = 0", (till,)).fetchone()
        return row[0] if row is not None else None

    async def next(self, till: str, position: int, timeout_s: float) -> Page:
        def has_mail() -> bool:
            sql = "SELECT EXISTS (SELECT 1 FROM mail WHERE till = ? AND id > ?)"
            return bool(self._read.execute(sql, (till, position)).fetchone()[0])

        came = await self._arrivals.wait(till, position, timeout_s, lambda: self._run(self._reader, has_mail))
        if came is not None:
            return came
        await self._note_seen(till, 0)
        return await self._run(self._reader, lambda: self._page(till, position))

    async def device_digest(self, name: str) -> bytes | None:
        return await self._run(self._reader, lambda: self._digest_of(name))

    async def name_prompts(self, till: str, digests: Sequence[bytes], now_ms: int) -> None:
        def note() -> None:
            with self._transaction(self._write) as db:
                db.executemany(
                    "INSERT INTO prompts (till, digest, at_ms) SELECT name, ?, ? FROM tills WHERE name = ?"
                    " ON CONFLICT DO NOTHING",
                    [(digest, now_ms, till) for digest in digests],
                )

        await self._run(self._writer, note)

    async def expect_payments(self, till: str, token_digest: bytes, now_ms: int) -> None:
        def note() -> None:
            self._write.execute(
                "INSERT INTO payment_addresses (digest, shop, at_ms) SELECT ?, shop, ? FROM tills WHERE name = ?"
                " ON CONFLICT DO NOTHING",
                (token_digest, now_ms, till),
            )

        await self._run(self._writer, note)

    async def claim(self, till: str, subject: bytes) -> Claim | None:
        loop = asyncio.get_running_loop()

        def take() -> Claim | None:
            now_ms = int(time.time() * 1000)
            with self._writing() as db:
                is_new = db.execute(
                    "INSERT INTO claims (shop, subject, till, at_ms) SELECT shop, ?, name, ? FROM tills WHERE name = ?"
                    " AND is_revoked = 0 ON CONFLICT DO NOTHING",
                    (subject, now_ms, till),
                ).rowcount
                if is_new == 0:
                    db.execute(
                        "UPDATE claims SET at_ms = max(at_ms + 1, ?) WHERE subject = ? AND till = ?",
                        (now_ms, subject, till),
                    )
                told = self._tell_shop(db, till, subject, till) if is_new else []
                row = db.execute(
                    "SELECT till, at_ms FROM claims"
                    " WHERE subject = ? AND shop = (SELECT shop FROM tills WHERE name = ?)",
                    (subject, till),
                ).fetchone()
            self._tell(self._numbered(told), loop)
            return Claim(*row) if row is not None else None

        return await self._run(self._writer, take)

    async def release(self, till: str, subject: bytes, number: int) -> bool:
        loop = asyncio.get_running_loop()

        def give_back() -> bool:
            with self._writing() as db:
                gone = db.execute(
                    "DELETE FROM claims WHERE subject = ? AND till = ? AND at_ms = ?", (subject, till, number)
                )
                done = gone.rowcount == 1
                told = self._tell_shop(db, till, subject, "") if done else []
            self._tell(self._numbered(told), loop)
            return done

        return await self._run(self._writer, give_back)

    @classmethod
    def _tell_shop(cls, db: sqlite3.Connection, till: str, subject: bytes, holder: str) -> list[str]:
        now_ms = int(time.time() * 1000)
        return list(cls._put_one(db, IncomingMessage(till, subject, claim_notice(holder), now_ms, MessageKind.CLAIM)))

    @staticmethod
    async def _run(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await in_thread(thread, work)
        except sqlite3.Error as error:
            raise StoreError(type(error).__name__) from error

    # Devices

    def add_device(self, name: str, shop: str = "") -> str:
        token = new_device_token()
        try:
            with self._converting():
                self._manage.execute(
                    "INSERT INTO tills (name, digest, created_at_ms, shop) VALUES (?, ?, ?, ?)",
                    (
                        check_name(name),
                        token_digest(token),
                        int(time.time() * 1000),
                        check_name(shop) if shop else name,
                    ),
                )
        except sqlite3.IntegrityError:
            raise Mistake("relay.name_taken") from None
        return token

    def rotate(self, name: str) -> str:
        token = new_device_token()
        self._change("UPDATE tills SET digest = ?, is_revoked = 0 WHERE name = ?", token_digest(token), name)
        return token

    def revoke(self, name: str) -> None:
        self._change("UPDATE tills SET is_revoked = 1 WHERE name = ?", name)

    def devices(self) -> list[Device]:
        with self._converting():
            rows = self._manage.execute(
                "SELECT name, created_at_ms, is_revoked, position, (SELECT count(*) FROM mail WHERE till = name"
                " AND id > position), seen_at_ms, shop FROM tills ORDER BY name"
            ).fetchall()
        return [Device(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]

    def purge(self, *, read_before_ms: int, unread_before_ms: int, claims_before_ms: int = 0) -> int:
        deleted = 0
        with self._converting():
            self._manage.execute("DELETE FROM claims WHERE at_ms < ?", (claims_before_ms,))
            self._manage.execute("DELETE FROM prompts WHERE at_ms < ?", (unread_before_ms,))
            self._manage.execute("DELETE FROM strangers WHERE day < ?", (unread_before_ms // DAY_MS,))
            while True:
                # A little at a time: callbacks wait for nothing long.
                count = self._manage.execute(
                    "DELETE FROM mail WHERE id IN (SELECT m.id FROM mail m JOIN tills t ON t.name = m.till WHERE"
                    " m.received_at_ms < ? OR (m.received_at_ms < ? AND m.id <= t.position) LIMIT ?)",
                    (unread_before_ms, read_before_ms, _PURGE_AT_ONCE),
                ).rowcount
                deleted += count
                if count < _PURGE_AT_ONCE:
                    return deleted

    def fact(self, name: str) -> int:
        with self._converting():
            return self._fact(self._manage, name)

    def set_fact(self, name: str, value: int) -> None:
        with self._converting():
            self._manage.execute(
                "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    @staticmethod
    def _fact(connection: sqlite3.Connection, name: str) -> int:
        row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row is not None else 0

    def _change(self, sql: str, *values: object) -> None:
        with self._converting():
            if self._manage.execute(sql, values).rowcount != 1:
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


def _refuse_other_files(path: Path, *, must_exist: bool) -> None:
    """Nothing is written into a file that is no mailbox, and none is made by a command that only asks."""
    is_there = path.is_file() and path.stat().st_size > 0
    if not is_there:
        if must_exist:
            raise Mistake("relay.no_mailbox", path=str(path))
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5.0)) as db:
        try:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise Mistake("relay.not_a_mailbox", path=str(path)) from None
            raise
    if tables - _OURS and not {"tills", "mail"} <= tables:
        raise Mistake("relay.not_a_mailbox", path=str(path))
    if "tills" not in tables and must_exist:
        raise Mistake("relay.no_mailbox", path=str(path))
