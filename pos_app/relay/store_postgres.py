"""Mail in PostgreSQL, for any number of relay processes: each serves any till.

A till's messages are numbered one after the other under a lock on its row, which
is held until the commit: no reader can ever see number 6 before number 5.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from pos_app.common.errors import Mistake, Outside
from pos_app.common.mailbox import MessageKind
from pos_app.common.redact import keep_secret, redact
from pos_app.common.tokens import new_device_token, token_digest
from pos_app.relay.auth import check_name
from pos_app.relay.group_commit import GroupCommit
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
from pos_app.relay.strangers import DAY_MS, DayOf, Quota, Used, admit, day_of, prompt_of

_log = logging.getLogger("pos_app.relay.store")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tills (
    name text PRIMARY KEY, shop text NOT NULL, digest bytea NOT NULL, created_at_ms bigint NOT NULL,
    is_revoked boolean NOT NULL DEFAULT false, position bigint NOT NULL DEFAULT 0, seen_at_ms bigint,
    newest bigint NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS mail (
    till text NOT NULL REFERENCES tills (name), id bigint NOT NULL, token_digest bytea NOT NULL, body bytea NOT NULL,
    received_at_ms bigint NOT NULL, kind text NOT NULL, PRIMARY KEY (till, id)
);
CREATE TABLE IF NOT EXISTS payment_addresses (
    digest bytea NOT NULL, shop text NOT NULL, at_ms bigint NOT NULL, PRIMARY KEY (digest, shop)
);
CREATE INDEX IF NOT EXISTS mail_by_age ON mail (received_at_ms);
CREATE INDEX IF NOT EXISTS tills_of_shop ON tills (shop);
CREATE TABLE IF NOT EXISTS claims (
    shop text NOT NULL, subject bytea NOT NULL, till text NOT NULL, at_ms bigint NOT NULL, PRIMARY KEY (shop, subject)
);
CREATE TABLE IF NOT EXISTS prompts (
    till text NOT NULL, digest bytea NOT NULL, at_ms bigint NOT NULL, messages bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (till, digest)
);
CREATE INDEX IF NOT EXISTS prompts_by_age ON prompts (at_ms);
CREATE TABLE IF NOT EXISTS strangers (
    till text NOT NULL, day bigint NOT NULL, messages bigint NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (till, day)
);
CREATE TABLE IF NOT EXISTS facts (name text PRIMARY KEY, value bigint NOT NULL);
"""
# Kept beside the tables: these statements have been run.
_SCHEMA_MARK: Final = int.from_bytes(hashlib.sha256(_SCHEMA.encode()).digest()[:7], "big")
_CHANNEL: Final = "pos_app_relay"
_PUT_CALLBACKS: Final = f"""
WITH incoming AS (
    SELECT * FROM unnest(%b::text[], %b::bytea[], %b::bytea[], %b::bigint[])
        WITH ORDINALITY AS l (till, token_digest, body, received_at_ms, number)
), locked AS (
    SELECT name, newest FROM tills WHERE NOT is_revoked AND name IN (SELECT till FROM incoming) ORDER BY name FOR UPDATE
), numbered AS (
    SELECT l.*, t.newest + row_number() OVER (PARTITION BY l.till ORDER BY l.number) AS id
    FROM incoming l JOIN locked t ON t.name = l.till
), kept AS (
    INSERT INTO mail (till, id, token_digest, body, received_at_ms, kind)
    SELECT till, id, token_digest, body, received_at_ms, '{MessageKind.CALLBACK}' FROM numbered
), moved AS (
    UPDATE tills SET newest = n.newest FROM (SELECT till, max(id) AS newest FROM numbered GROUP BY till) n
    WHERE tills.name = n.till RETURNING pg_notify('{_CHANNEL}', tills.name)
)
SELECT number, (SELECT count(*) FROM moved) FROM numbered
"""  # noqa: S608 - our own words
_SCHEMA_LOCK: Final = 7_263_911
_SEEN_EVERY_MS: Final = 60_000
_READERS: Final = 4
_WITHIN_S: Final = 5.0
_TRIES_WITHIN_S: Final = 8.0
_LISTEN_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Reader:
    """What the store knows of a till that reads; of an unknown one, nothing."""

    newest: int = 0
    position: int = 0
    seen_at_ms: int = 0
    digest: bytes | None = None


class PostgresStore:
    """A store of mail in a PostgreSQL database.

    *Thread*: the mail belongs to one loop; what is done about tills runs where it
    is called.

    Args:
        address: ``postgresql://…`` or libpq's ``name=value`` words.

    Raises:
        Mistake: ``relay.no_mailbox``; ``relay.address`` for a password that an address cannot hold as it is.
        Outside: ``relay.postgres``.
    """

    def __init__(self, address: str, quota: Quota | None = None, *, must_exist: bool = False) -> None:
        self._quota = quota or Quota()
        try:
            self._address = make_conninfo(address, connect_timeout=5, application_name="pos-app relay")
            shown = psycopg.conninfo.conninfo_to_dict(address)
        except psycopg.Error as error:
            raise Outside("relay.postgres", server="", detail=type(error).__name__) from error
        for secret in (shown.get("password"), os.environ.get("PGPASSWORD")):
            keep_secret(str(secret or ""))
        host, name = str(shown.get("host") or ""), str(shown.get("dbname") or "")
        if "@" in name or ("@" in host and not host.startswith("/")):
            # A mark of addresses within a password ended it early: the rest of it was taken for a host or a name.
            raise Mistake("relay.address")
        self._server = str(shown.get("host") or shown.get("hostaddr") or "local")
        with self._manage() as connection:
            if must_exist and connection.execute("SELECT to_regclass('tills'), to_regclass('mail')").fetchone() == (
                None,
                None,
            ):
                raise Mistake("relay.no_mailbox", path=f"PostgreSQL ({self._server})")
            if not self._has_tables(connection):
                self._make_tables(connection)
        self._identity = f"{self.fact('mailbox'):016x}"
        self._floor_ms = self.fact(TRUSTED)
        self._arrivals = MailboxNotifier()
        self._groups = GroupCommit(self._commit_surely)
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] | None = None
        self._listener: asyncio.Task[None] | None = None

    @staticmethod
    def _has_tables(connection: psycopg.Connection[Any]) -> bool:
        """Whether the tables are this program's. Only then nothing waits for those who write now."""
        if connection.execute("SELECT to_regclass('facts')").fetchone() == (None,):
            return False
        found = connection.execute("SELECT value FROM facts WHERE name = 'schema'").fetchone()
        return found == (_SCHEMA_MARK,)

    @staticmethod
    def _make_tables(connection: psycopg.Connection[Any]) -> None:
        """Makes what is missing, once for each change of the tables.

        An index waits for all who write, and they may come to wait for it:
        PostgreSQL then ends one of the two. Writers try again, and so does this.
        """
        for is_last in (False,) * 4 + (True,):
            try:
                with connection.transaction():
                    # Processes that start together make the tables one after the other.
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
                    connection.execute(_SCHEMA)
                    for name, value in (("mailbox", secrets.randbits(62)), (TRUSTED, int(time.time() * 1000))):
                        connection.execute(
                            "INSERT INTO facts (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, value)
                        )
                    connection.execute(
                        "INSERT INTO facts (name, value) VALUES ('schema', %s) ON CONFLICT (name)"
                        " DO UPDATE SET value = excluded.value",
                        (_SCHEMA_MARK,),
                    )
            except psycopg.errors.DeadlockDetected:
                if is_last:
                    raise
            else:
                return

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def floor_ms(self) -> int:
        return self._floor_ms

    async def start(self) -> None:
        self._pool = AsyncConnectionPool(
            self._address,
            min_size=1,
            max_size=_READERS + 1,
            timeout=_WITHIN_S,
            open=False,
            kwargs={"autocommit": True},
        )
        await self._pool.open()
        self._listener = asyncio.create_task(self._listen(), name="relay listener")

    async def stop(self) -> None:
        await self._groups.finish()
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        if self._pool is not None:
            await self._pool.close()

    def close(self) -> None:
        """Nothing is held between calls."""

    # Mail

    async def put(self, message: IncomingMessage) -> bool:
        return await self._groups.put(message)

    async def _commit_surely(self, group: Sequence[IncomingMessage]) -> list[bool | StoreError]:
        """Tries again over a restart of the server. A group that was kept after all comes twice: the till sees that."""
        ends = time.monotonic() + _TRIES_WITHIN_S
        while True:
            try:
                return await self._commit(group)
            except StoreError:
                if time.monotonic() > ends:
                    raise
                await asyncio.sleep(0.2)

    async def _commit(self, group: Sequence[IncomingMessage]) -> list[bool | StoreError]:
        async with self._connection() as connection:
            callbacks = [message for message in group if message.kind is MessageKind.CALLBACK]
            named = await self._named(connection, callbacks)
            own = [
                message
                for message in callbacks
                if named.get(prompt_of(message), self._quota.of_a_prompt) < self._quota.of_a_prompt
            ]
            if len(own) == len(group):
                return list(await self._write_callbacks(connection, group))
            async with connection.transaction():
                crowded = await self._crowded_out(connection, callbacks, named)
                admitted = [message for message in group if id(message) not in crowded]
                results = iter(await self._write(connection, admitted))
            return [CrowdedOutError() if id(one) in crowded else next(results) for one in group]

    @staticmethod
    async def _named(
        connection: psycopg.AsyncConnection[Any], incoming: Sequence[IncomingMessage]
    ) -> dict[tuple[str, bytes], int]:
        """How many messages came before for each of their prompts that its till has named; counts these as well."""
        if not incoming:
            return {}
        found = await connection.execute(
            "WITH wanted AS (SELECT till, digest, count(*) AS came"
            "  FROM unnest(%b::text[], %b::bytea[]) AS w (till, digest) GROUP BY till, digest ORDER BY till, digest)"
            " UPDATE prompts p SET messages = messages + came FROM wanted w"
            " WHERE p.till = w.till AND p.digest = w.digest"
            " RETURNING p.till, p.digest, p.messages - w.came",
            ([message.till for message in incoming], [message.token_digest for message in incoming]),
        )
        return {(row[0], bytes(row[1])): int(row[2]) for row in await found.fetchall()}

    async def _crowded_out(
        self,
        connection: psycopg.AsyncConnection[Any],
        incoming: Sequence[IncomingMessage],
        named: dict[tuple[str, bytes], int],
    ) -> set[int]:
        """Those for which strangers have left no room, by their identity; what the others use is noted."""
        found = await connection.execute(
            "SELECT name FROM tills WHERE name = ANY(%s) AND NOT is_revoked", ([message.till for message in incoming],)
        )
        known = {row[0] for row in await found.fetchall()}
        meant = [message for message in incoming if message.till in known]
        days = sorted({day_of(message) for message in meant})
        used: dict[DayOf, Used] = {}
        for day in days:
            # Its row is locked until the commit: processes share one quota.
            await connection.execute(
                "INSERT INTO strangers (till, day, messages, bytes) VALUES (%s, %s, 0, 0) ON CONFLICT DO NOTHING", day
            )
            row = await (
                await connection.execute(
                    "SELECT messages, bytes FROM strangers WHERE till = %s AND day = %s FOR UPDATE", day
                )
            ).fetchone()
            used[day] = Used(*row) if row is not None else Used()
        admission = admit(meant, self._quota, named, used.__getitem__)
        for day, now in admission.used.items():
            await connection.execute(
                "UPDATE strangers SET messages = %s, bytes = %s WHERE till = %s AND day = %s",
                (now.messages, now.size, *day),
            )
        return {id(message) for message, is_in in zip(meant, admission.is_admitted, strict=True) if not is_in}

    @staticmethod
    async def _write_callbacks(
        connection: psycopg.AsyncConnection[Any], group: Sequence[IncomingMessage]
    ) -> list[bool]:
        """The same for callbacks alone, which is nearly all there is: one statement, one way to the server."""
        found = await connection.execute(
            _PUT_CALLBACKS,
            (
                [message.till for message in group],
                [message.token_digest for message in group],
                [message.body for message in group],
                [message.received_at_ms for message in group],
            ),
        )
        kept = {row[0] for row in await found.fetchall()}
        return [number in kept for number in range(1, len(group) + 1)]

    async def _write(self, connection: psycopg.AsyncConnection[Any], group: Sequence[IncomingMessage]) -> list[bool]:
        """Numbers and keeps messages, and notifies; for each whether somebody is meant by it."""
        shops, newest = await self._lock(connection, group)
        expected = await self._expected(connection, group)
        rows: list[tuple[str, int, bytes, bytes, int, str]] = []
        results = []
        for message in group:
            shop = shops.get(message.till)
            # M-PESA keeps an address for good: payments go to the shop of its till even when that was shut out.
            to = [name for name in _meant_by(message, shop, shops) if name in newest] if shop is not None else []
            if message.kind is MessageKind.PAYMENT and (message.token_digest, shop) not in expected:
                to = []
            results.append(bool(to))
            for name in to:
                newest[name] += 1
                rows.append(
                    (name, newest[name], message.token_digest, message.body, message.received_at_ms, str(message.kind))
                )
        if rows:
            changed = sorted({row[0] for row in rows})
            await connection.execute(
                "INSERT INTO mail (till, id, token_digest, body, received_at_ms, kind) SELECT * FROM unnest(%b::text[],"
                " %b::bigint[], %b::bytea[], %b::bytea[], %b::bigint[], %b::text[])",
                [list(column) for column in zip(*rows, strict=True)],
            )
            await connection.execute(
                "UPDATE tills SET newest = n.newest FROM unnest(%b::text[], %b::bigint[]) AS n (name, newest)"
                " WHERE tills.name = n.name",
                (changed, [newest[name] for name in changed]),
            )
            await connection.execute("SELECT pg_notify(%s, name) FROM unnest(%s::text[]) AS name", (_CHANNEL, changed))
        return results

    @staticmethod
    async def _lock(
        connection: psycopg.AsyncConnection[Any], group: Sequence[IncomingMessage]
    ) -> tuple[dict[str, str], dict[str, int]]:
        """The shop of each till that is meant, or may be, and its newest number, locked until the commit."""
        named = sorted({message.till for message in group})
        of_shops = sorted({message.till for message in group if message.kind is not MessageKind.CALLBACK})
        found = await connection.execute(
            # In one order: two processes that number the same tills never wait for each other in a ring.
            "SELECT name, shop, newest, is_revoked FROM tills WHERE name = ANY(%s) OR shop IN"
            " (SELECT shop FROM tills WHERE name = ANY(%s)) ORDER BY name FOR UPDATE",
            (named, of_shops),
        )
        rows = await found.fetchall()
        return {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows if not row[3]}

    @staticmethod
    async def _expected(
        connection: psycopg.AsyncConnection[Any], group: Sequence[IncomingMessage]
    ) -> set[tuple[bytes, str | None]]:
        digests = [message.token_digest for message in group if message.kind is MessageKind.PAYMENT]
        if not digests:
            return set()
        found = await connection.execute(
            "SELECT digest, shop FROM payment_addresses WHERE digest = ANY(%s)", (digests,)
        )
        return {(bytes(row[0]), row[1]) for row in await found.fetchall()}

    async def after(self, till: str, cursor: Cursor) -> Page:
        async with self._connection() as connection:
            reader = await self._reader(connection, till)
            is_another = cursor.mailbox not in ("", self._identity)
            is_reset = (
                is_another or cursor.id > reader.newest or await self._is_of_another_life(connection, till, cursor)
            )
            start = 0 if is_reset else cursor.id
            await self._note_seen(connection, till, reader, start)
            messages = await self._messages(connection, till, start) if start < reader.newest else ()
        return Page(messages, is_reset, reader.digest)

    async def next(self, till: str, position: int, timeout_s: float) -> Page:
        async def has_mail() -> bool:
            async with self._connection() as connection:
                # By the messages themselves: the newest may have been purged, and then it never comes.
                found = await connection.execute(
                    "SELECT EXISTS (SELECT FROM mail WHERE till = %s AND id > %s)", (till, position)
                )
                row = await found.fetchone()
            return bool(row and row[0])

        await self._arrivals.wait(till, position, timeout_s, has_mail)
        async with self._connection() as connection:
            reader = await self._reader(connection, till)
            await self._note_seen(connection, till, reader, 0)
            messages = await self._messages(connection, till, position)
        return Page(messages, digest=reader.digest)

    @staticmethod
    async def _reader(connection: psycopg.AsyncConnection[Any], till: str) -> _Reader:
        found = await connection.execute(
            "SELECT newest, position, coalesce(seen_at_ms, 0), CASE WHEN is_revoked THEN NULL ELSE digest END"
            " FROM tills WHERE name = %s",
            (till,),
        )
        row = await found.fetchone()
        if row is None:
            return _Reader()
        return _Reader(row[0], row[1], row[2], bytes(row[3]) if row[3] is not None else None)

    @staticmethod
    async def _note_seen(connection: psycopg.AsyncConnection[Any], till: str, reader: _Reader, position: int) -> None:
        """That a till was there, once a minute, and how far it has read."""
        now = int(time.time() * 1000)
        if reader.position < position or reader.seen_at_ms < now - _SEEN_EVERY_MS:
            await connection.execute(
                # Not waited for until it is on the disk: a power cut may forget it, and the mail is read again.
                "WITH soon AS (SELECT set_config('synchronous_commit', 'off', true) AS is_off) UPDATE tills"
                " SET position = greatest(position, %s), seen_at_ms = %s FROM soon WHERE name = %s",
                (position, now, till),
            )

    @staticmethod
    async def _is_of_another_life(connection: psycopg.AsyncConnection[Any], till: str, cursor: Cursor) -> bool:
        if not cursor.mark:
            return False
        found = await connection.execute(
            "SELECT token_digest, received_at_ms FROM mail WHERE till = %s AND id = %s", (till, cursor.id)
        )
        row = await found.fetchone()
        # One that is gone was purged after it was read: then nothing can be told, and nothing is wrong.
        return row is not None and mark_of(bytes(row[0]), row[1]) != cursor.mark

    @staticmethod
    async def _messages(connection: psycopg.AsyncConnection[Any], till: str, position: int) -> tuple[Message, ...]:
        found = await connection.execute(
            "SELECT id, token_digest, body, received_at_ms, kind FROM mail WHERE till = %s AND id > %s"
            " ORDER BY id LIMIT %s",
            (till, position, PAGE),
            binary=True,
        )
        return tuple(Message(*row) for row in await found.fetchall())

    async def _listen(self) -> None:
        """Hears of mail that any process took; after a cut everybody looks once."""
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    if self._pool is not None:
                        # After a restart of the server the others are dead too: found here, not by a till.
                        await self._pool.check()
                    self._arrivals.notify_all()
                    async for heard in connection.notifies():
                        self._arrivals.notify((heard.payload,))
            except (psycopg.Error, OSError) as error:
                _log.warning("the database is away: %s", type(error).__name__)
                await asyncio.sleep(_LISTEN_AGAIN_S)

    async def device_digest(self, name: str) -> bytes | None:
        async with self._connection() as connection:
            row = await (
                await connection.execute("SELECT digest FROM tills WHERE name = %s AND NOT is_revoked", (name,))
            ).fetchone()
        return bytes(row[0]) if row is not None else None

    async def name_prompts(self, till: str, digests: Sequence[bytes], now_ms: int) -> None:
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO prompts (till, digest, at_ms) SELECT t.name, d.digest, %s FROM tills t,"
                " unnest(%s::bytea[]) AS d (digest) WHERE t.name = %s ON CONFLICT DO NOTHING",
                (now_ms, list(digests), till),
            )

    async def expect_payments(self, till: str, token_digest: bytes, now_ms: int) -> None:
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO payment_addresses (digest, shop, at_ms) SELECT %s, shop, %s FROM tills WHERE name = %s"
                " ON CONFLICT DO NOTHING",
                (token_digest, now_ms, till),
            )

    async def claim(self, till: str, subject: bytes) -> Claim | None:
        now_ms = int(time.time() * 1000)
        async with self._connection() as connection, connection.transaction():
            taken = await connection.execute(
                "INSERT INTO claims (shop, subject, till, at_ms) SELECT shop, %s, name, %s FROM tills WHERE name = %s"
                " AND NOT is_revoked ON CONFLICT DO NOTHING",
                (subject, now_ms, till),
            )
            if taken.rowcount == 1:
                await self._write(connection, [_notice(till, subject, till)])
            else:
                await connection.execute(
                    "UPDATE claims SET at_ms = greatest(at_ms + 1, %s) WHERE subject = %s AND till = %s",
                    (now_ms, subject, till),
                )
            row = await (
                await connection.execute(
                    "SELECT c.till, c.at_ms FROM claims c JOIN tills t ON t.shop = c.shop WHERE t.name = %s"
                    " AND c.subject = %s",
                    (till, subject),
                )
            ).fetchone()
        return Claim(*row) if row is not None else None

    async def release(self, till: str, subject: bytes, number: int) -> bool:
        async with self._connection() as connection, connection.transaction():
            gone = await connection.execute(
                "DELETE FROM claims WHERE subject = %s AND till = %s AND at_ms = %s", (subject, till, number)
            )
            if gone.rowcount == 1:
                await self._write(connection, [_notice(till, subject, "")])
        return gone.rowcount == 1

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        assert self._pool is not None, "start() comes first"
        try:
            async with asyncio.timeout(_WITHIN_S), self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout, TimeoutError, OSError) as error:
            raise StoreError(type(error).__name__) from error

    # Devices

    def add_device(self, name: str, shop: str = "") -> str:
        token = new_device_token()
        try:
            with self._manage() as connection:
                connection.execute(
                    "INSERT INTO tills (name, shop, digest, created_at_ms) VALUES (%s, %s, %s, %s)",
                    (
                        check_name(name),
                        check_name(shop) if shop else name,
                        token_digest(token),
                        int(time.time() * 1000),
                    ),
                )
        except psycopg.errors.UniqueViolation:
            raise Mistake("relay.name_taken") from None
        return token

    def rotate(self, name: str) -> str:
        token = new_device_token()
        self._change("UPDATE tills SET digest = %s, is_revoked = false WHERE name = %s", token_digest(token), name)
        return token

    def revoke(self, name: str) -> None:
        self._change("UPDATE tills SET is_revoked = true WHERE name = %s", name)

    def devices(self) -> list[Device]:
        with self._manage() as connection:
            rows = connection.execute(
                "SELECT name, created_at_ms, is_revoked, position, (SELECT count(*) FROM mail WHERE till = name"
                " AND id > position), seen_at_ms, shop FROM tills ORDER BY name"
            ).fetchall()
        return [Device(*row) for row in rows]

    def purge(self, *, read_before_ms: int, unread_before_ms: int, claims_before_ms: int = 0) -> int:
        with self._manage() as connection:
            connection.execute("DELETE FROM claims WHERE at_ms < %s", (claims_before_ms,))
            connection.execute("DELETE FROM prompts WHERE at_ms < %s", (unread_before_ms,))
            connection.execute("DELETE FROM strangers WHERE day < %s", (unread_before_ms // DAY_MS,))
            return connection.execute(
                "DELETE FROM mail USING tills WHERE tills.name = mail.till AND (received_at_ms < %s OR"
                " (received_at_ms < %s AND id <= position))",
                (unread_before_ms, read_before_ms),
            ).rowcount

    def fact(self, name: str) -> int:
        with self._manage() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = %s", (name,)).fetchone()
        return int(row[0]) if row is not None else 0

    def set_fact(self, name: str, value: int) -> None:
        with self._manage() as connection:
            connection.execute(
                "INSERT INTO facts (name, value) VALUES (%s, %s) ON CONFLICT (name)"
                " DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def _change(self, sql: str, *values: object) -> None:
        with self._manage() as connection:
            if connection.execute(sql, values).rowcount != 1:
                raise Mistake("relay.unknown_till")

    @contextmanager
    def _manage(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with psycopg.connect(self._address) as connection:
                yield connection
        except psycopg.errors.UniqueViolation:
            raise
        except psycopg.Error as error:
            detail = redact(str(error).strip().partition("\n")[0]) or type(error).__name__
            raise Outside("relay.postgres", server=self._server, detail=detail) from error


def _notice(till: str, subject: bytes, holder: str) -> IncomingMessage:
    return IncomingMessage(till, subject, claim_notice(holder), int(time.time() * 1000), MessageKind.CLAIM)


def _meant_by(message: IncomingMessage, shop: str, shops: dict[str, str]) -> list[str]:
    """The tills that a message is for."""
    if message.kind is MessageKind.CALLBACK:
        return [message.till]
    is_notice = message.kind is MessageKind.CLAIM
    return sorted(name for name, of in shops.items() if of == shop and not (is_notice and name == message.till))
