"""Several relay processes over one PostgreSQL, and PostgreSQL killed under load."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from fakes.postgres import Postgres
from fakes.servers import Relay

from pos_app.common.http import AsyncHttpClient, MaybeSentError, NotSentError, Request, Timeouts
from pos_app.relay.store import Cursor, IncomingMessage, StoreError
from pos_app.relay.store_postgres import PostgresStore

TOKEN = "T" * 22


@pytest.fixture
def address(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def two(tmp_path: Path, address: str) -> Iterator[tuple[Relay, Relay]]:
    with Relay(tmp_path, address) as first, Relay(tmp_path, address, till=None) as second:
        second.token = first.token
        yield first, second


def test_a_callback_at_one_process_wakes_a_till_at_the_other(two: tuple[Relay, Relay]) -> None:
    first, second = two

    async def both() -> list[int]:
        client = AsyncHttpClient(Timeouts(2, 60, 70), use_proxies=False)
        headers = {"Authorization": f"Bearer till-1.{first.token}"}
        waiting = asyncio.create_task(client.send(Request("GET", f"{second.url}/v1/inbox?after=0&wait=50", headers)))
        while b"relay_tills_waiting 1.0" not in (await client.send(Request("GET", f"{second.url}/metrics"))).body:
            await asyncio.sleep(0.01)
        await client.send(Request("POST", f"{first.url}/c/till-1/{TOKEN}", {}, b"x"))
        # It would end by itself, after its 50 s: woken it must be.
        async with asyncio.timeout(25):
            page = json.loads((await waiting).body)
        # The stream goes on at the other process, where it was cut.
        await client.send(Request("POST", f"{second.url}/c/till-1/{TOKEN}", {}, b"y"))
        more = json.loads(
            (await client.send(Request("GET", f"{first.url}/v1/inbox?after={page['cursor']}", headers))).body
        )
        await client.aclose()
        return [one["id"] for one in page["messages"] + more["messages"]]

    assert asyncio.run(both()) == [1, 2]


def test_a_store_opens_while_others_write(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that stand are left alone: to make an index, PostgreSQL waits for every writer, and they for it."""
    PostgresStore(address).add_device("till-1")
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=2s")
    with psycopg.connect(address) as writer:
        writer.execute("UPDATE tills SET newest = 1")
        writer.execute(
            "INSERT INTO mail (till, id, token_digest, body, received_at_ms, kind) VALUES ('till-1', 1, '', '', 0, 'x')"
        )
        writer.execute("INSERT INTO prompts (till, digest, at_ms) VALUES ('till-1', '', 0)")
        assert [till.name for till in PostgresStore(address, must_exist=True).devices()] == ["till-1"]


def test_tables_of_an_older_relay_get_what_is_new(address: str) -> None:
    PostgresStore(address).add_device("till-1")
    with psycopg.connect(address) as older:
        older.execute("DROP INDEX mail_by_age")
        older.execute("DELETE FROM facts WHERE name = 'schema'")
    PostgresStore(address)
    with psycopg.connect(address) as now:
        assert now.execute("SELECT to_regclass('mail_by_age')").fetchone() == ("mail_by_age",)


def test_a_reader_never_passes_a_message_that_is_committed_later(address: str) -> None:
    """Two writers number the same tills; whoever reads along the cursor misses none."""
    stores = [PostgresStore(address), PostgresStore(address)]
    tills = [f"till-{number}" for number in range(5)]
    for till in tills:
        stores[0].add_device(till)
    sent_each = 400

    async def run() -> dict[str, list[int]]:
        for store in stores:
            await store.start()
        done = asyncio.Event()
        seen: dict[str, list[int]] = {till: [] for till in tills}

        async def read(till: str) -> None:
            cursor = 0
            while True:
                was_done = done.is_set()
                page = await stores[0].after(till, Cursor(cursor))
                seen[till] += [int(message.body) for message in page.messages]
                cursor = page.messages[-1].id if page.messages else cursor
                if was_done and not page.messages:
                    return

        async def write(store: PostgresStore, start: int) -> None:
            letters = [
                IncomingMessage(till, b"d", str(start + number).encode(), 0)
                for number in range(sent_each)
                for till in tills
            ]
            await asyncio.gather(*(store.put(letter) for letter in letters))

        readers = [asyncio.create_task(read(till)) for till in tills]
        await asyncio.gather(*(write(store, number * sent_each) for number, store in enumerate(stores)))
        done.set()
        await asyncio.gather(*readers)
        for store in stores:
            await store.stop()
        return seen

    seen = asyncio.run(run())
    for till in tills:
        assert sorted(seen[till]) == list(range(2 * sent_each)), till


def test_postgresql_killed_under_load_loses_nothing_that_was_promised(postgres: Postgres, tmp_path: Path) -> None:
    address = postgres.new_database()
    with Relay(tmp_path, address) as relay:

        async def load() -> set[str]:
            client = AsyncHttpClient(Timeouts(5, 30, 40), use_proxies=False)
            promised: set[str] = set()
            stop = asyncio.Event()

            async def send(worker: int) -> None:
                number = 0
                while not stop.is_set():
                    name, number = f"{worker}-{number}", number + 1
                    try:
                        answer = await client.send(Request("POST", f"{relay.url}/c/till-1/{TOKEN}", {}, name.encode()))
                    except (NotSentError, MaybeSentError):
                        continue
                    if answer.status == 200:
                        promised.add(name)

            workers = [asyncio.create_task(send(worker)) for worker in range(8)]
            for _ in range(2):
                before = len(promised)
                while len(promised) < before + 100:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(postgres.restart)
            before = len(promised)
            while len(promised) < before + 100:
                await asyncio.sleep(0.01)
            stop.set()
            await asyncio.gather(*workers)
            await client.aclose()
            return promised

        promised = asyncio.run(load())
        kept: set[str] = set()

        async def read_all() -> None:
            cursor = 0
            while page := (await relay.store.after("till-1", Cursor(cursor))).messages:
                kept.update(message.body.decode() for message in page)
                cursor = page[-1].id

        relay.run(read_all())
    assert len(promised) >= 300 and promised <= kept


@pytest.mark.logs_errors
def test_a_database_that_stays_away_promises_nothing(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pos_app.relay.store_postgres._TRIES_WITHIN_S", 0.5)
    monkeypatch.setattr("pos_app.relay.store_postgres._WITHIN_S", 0.5)
    store = PostgresStore(postgres.new_database())
    store.add_device("till-1")

    async def run() -> None:
        await store.start()
        assert await store.put(IncomingMessage("till-1", b"d", b"before", 0))
        postgres.kill()
        try:
            with pytest.raises(StoreError):
                await store.put(IncomingMessage("till-1", b"d", b"never promised", 0))
            with pytest.raises(StoreError):
                await store.after("till-1", Cursor())
        finally:
            await asyncio.to_thread(postgres.start)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await store.put(IncomingMessage("till-1", b"d", b"after", 0))
                    break
                except StoreError:
                    await asyncio.sleep(0.05)
        bodies = [message.body for message in (await store.after("till-1", Cursor())).messages]
        assert bodies[0] == b"before" and bodies[-1] == b"after"
        await store.stop()

    asyncio.run(run())
