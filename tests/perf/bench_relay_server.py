"""Servers for the relay's benchmark, each in a process of its own: the relay, and floors that do the least that must be done.

python tests/perf/bench_relay_server.py KIND DATABASE     prints its address
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from pos_app.common.asgi_server import LoopbackServer  # noqa: E402
from pos_app.relay import group_commit  # noqa: E402
from pos_app.relay.app import make_app  # noqa: E402
from pos_app.relay.group_commit import GroupCommit  # noqa: E402
from pos_app.relay.protocol import ImpatientProtocol  # noqa: E402
from pos_app.relay.store import IncomingMessage  # noqa: E402
from pos_app.relay.stores import open_store  # noqa: E402

OK = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}


async def read_body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


class SqliteFloor:
    """One table, one insert, one commit; in groups or one by one."""

    def __init__(self, path: str, largest: int) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE mail (id INTEGER PRIMARY KEY, body BLOB)")
        self._thread = ThreadPoolExecutor(1)
        self._groups = GroupCommit(self._commit, largest)

    async def start(self) -> None:
        return

    async def _commit(self, group: Sequence[IncomingMessage]) -> list[bool]:
        def write() -> None:
            self._db.execute("BEGIN IMMEDIATE")
            for letter in group:
                self._db.execute("INSERT INTO mail (body) VALUES (?)", (letter.body,))
            self._db.execute("COMMIT")

        await asyncio.get_running_loop().run_in_executor(self._thread, write)
        return [True] * len(group)

    async def keep(self, body: bytes) -> None:
        await self._groups.put(IncomingMessage("", b"", body, 0))

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        await self.keep(await read_body(receive))
        await send(OK)
        await send({"type": "http.response.body", "body": b"{}"})


class PostgresFloor(SqliteFloor):
    """The same in PostgreSQL, over one connection."""

    def __init__(self, address: str, largest: int) -> None:
        self._address = address
        self._groups = GroupCommit(self._commit, largest)

    async def start(self) -> None:
        import psycopg

        self._connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
        await self._connection.execute(
            "CREATE TABLE IF NOT EXISTS floor_mail (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)"
        )

    async def _commit(self, group: Sequence[IncomingMessage]) -> list[bool]:
        async with self._connection.transaction():
            await self._connection.execute(
                "INSERT INTO floor_mail (body) SELECT * FROM unnest(%b::bytea[])", ([letter.body for letter in group],)
            )
        return [True] * len(group)


class Echo:
    """What is posted goes to the one who listens; first onto the disk, if a place there is given."""

    def __init__(self, database: str) -> None:
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._disk = SqliteFloor(database, 1) if database else None

    async def start(self) -> None:
        return

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            body = await read_body(receive)
            if self._disk is not None:
                await self._disk.keep(body)
            for queue in self._listeners:
                queue.put_nowait(body)
            await send(OK)
            await send({"type": "http.response.body", "body": b"{}"})
            return
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._listeners.add(queue)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b": here\n\n", "more_body": True})
        while True:
            event = b"data: " + await queue.get() + b"\n\n"
            await send({"type": "http.response.body", "body": event, "more_body": True})


async def main(kind: str, database: str) -> None:
    what, _, how = kind.partition("-")
    largest = 1 if how == "single" else group_commit.LARGEST
    if what == "relay":
        store: Any = open_store(database)
        store._groups._largest = largest
        await store.start()
        app: Any = make_app(store)
    else:
        makers = {"sqlite": SqliteFloor, "postgres": PostgresFloor}
        app = Echo(database) if what == "echo" else makers[what](database, largest)
        await app.start()
    server = LoopbackServer(app, http=ImpatientProtocol, backlog=4096)
    await server.start()
    print(json.dumps({"url": server.url}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
