"""A message is on its way to a till that waits while the disk still takes it; where the disk does not, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pos_app.common.tokens import token_digest
from pos_app.relay.store import Cursor, IncomingMessage, Message, Page, StoreError
from pos_app.relay.store_sqlite import SqliteStore

TILL = "till-1"


def letter(body: bytes, at_ms: int = 0) -> IncomingMessage:
    return IncomingMessage(TILL, token_digest("T" * 22), body, at_ms)


def cursor_of(message: Message) -> Cursor:
    return Cursor(message.id, message.mark)


def with_store(path: Path, work: Callable[[SqliteStore], Awaitable[Any]], *, is_served: bool = True) -> Any:
    async def run(store: SqliteStore) -> Any:
        async with asyncio.timeout(20):
            if is_served:
                await store.start()
            return await work(store)

    with closing(SqliteStore(path)) as store:
        if not store.devices():
            store.add_device(TILL)
        return asyncio.run(run(store))


async def waiting(store: SqliteStore, position: int) -> asyncio.Task[Page]:
    """Somebody who waits, and has looked."""
    looked = asyncio.Event()
    run = store._run

    async def seen(thread: Any, work: Any) -> Any:
        found = await run(thread, work)
        looked.set()
        return found

    store._run = seen
    task = asyncio.create_task(store.next(TILL, position, 10))
    await looked.wait()
    store._run = run
    return task


class SlowDisk:
    """A connection whose commits take until they are let go."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.go_on = threading.Event()

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            assert self.go_on.wait(10)
        return self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@contextmanager
def no_room() -> Iterator[None]:
    """No file may grow: what a full disk does to a commit."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def hand_over_and_fail(store: SqliteStore, body: bytes, position: int) -> Message:
    """What a till got whose letter could not be kept."""
    task = await waiting(store, position)
    with no_room(), pytest.raises(StoreError):
        await store.put(letter(body))
    (message,) = (await task).messages
    assert message.body == body
    return message


def test_it_is_handed_over_before_the_disk_has_it_and_answered_after(tmp_path: Path) -> None:
    async def work(store: SqliteStore) -> None:
        disk = store._write = SlowDisk(store._write)
        task = await waiting(store, 0)
        put = asyncio.create_task(store.put(letter(b"paid")))
        (message,) = (await task).messages
        assert message.body == b"paid"
        assert not put.done(), "M-PESA is told nothing that the disk has not"
        asks_on = asyncio.create_task(store.after(TILL, cursor_of(message)))
        await asyncio.sleep(0)
        # There is one reader: when this is through, the page was read.
        await store._run(store._reader, lambda: None)
        disk.go_on.set()
        assert await put
        assert not (await asks_on).is_reset, "a till that asks on in the meantime is ahead of nothing"
        assert [one.body for one in (await store.after(TILL, Cursor())).messages] == [b"paid"]

    with_store(tmp_path / "relay.sqlite3", work)


def test_who_begins_to_wait_while_the_disk_takes_it_is_woken_by_its_commit(tmp_path: Path) -> None:
    async def work(store: SqliteStore) -> list[bytes]:
        disk = store._write = SlowDisk(store._write)
        first = await waiting(store, 0)
        put = asyncio.create_task(store.put(letter(b"paid")))
        await first
        second = await waiting(store, 0)
        assert not second.done()
        disk.go_on.set()
        assert await put
        # It would look by itself after ten seconds.
        return [message.body for message in (await asyncio.wait_for(second, 5)).messages]

    assert with_store(tmp_path / "relay.sqlite3", work) == [b"paid"]


@pytest.mark.parametrize("kept_before", [0, 3])
def test_a_number_that_was_handed_over_and_not_kept_is_not_given_again(tmp_path: Path, kept_before: int) -> None:
    async def work(store: SqliteStore) -> None:
        for number in range(kept_before):
            await store.put(letter(b"before", number))
        lost = await hand_over_and_fail(store, b"not kept", kept_before)
        task = await waiting(store, lost.id)
        await store.put(letter(b"next"))
        (following,) = (await task).messages
        assert (following.body, following.id > lost.id) == (b"next", True)
        page = await store.after(TILL, cursor_of(lost))
        assert not page.is_reset
        assert [message.body for message in page.messages] == [b"next"]

    with_store(tmp_path / "relay.sqlite3", work)


@pytest.mark.parametrize("comes_first", [b"", b"came since"])
def test_a_relay_that_died_before_the_disk_had_it_leaves_its_number_out(tmp_path: Path, comes_first: bytes) -> None:
    lost, page = die_and_go_on(tmp_path, comes_first, is_served=True)
    assert not page.is_reset, "nothing that the till has is read again"
    assert [message.body for message in page.messages] == [*filter(None, [comes_first])]
    assert all(message.id > lost.id for message in page.messages)


@pytest.mark.parametrize("comes_first", [b"", b"under its number"])
def test_where_the_number_is_given_again_all_the_same_the_mark_tells(tmp_path: Path, comes_first: bytes) -> None:
    """By a program of before, on the same file."""
    lost, page = die_and_go_on(tmp_path, comes_first, is_served=False)
    assert page.is_reset
    assert [message.body for message in page.messages] == [b"kept", *filter(None, [comes_first])]
    assert not comes_first or page.messages[-1].id == lost.id


def die_and_go_on(folder: Path, comes_first: bytes, *, is_served: bool) -> tuple[Message, Page]:
    """What a till got before its relay died with it uncommitted, and what the next relay has for that till."""
    path = folder / "relay.sqlite3"

    async def fall_over(store: SqliteStore) -> Message:
        await store.put(letter(b"kept"))
        return await hand_over_and_fail(store, b"not kept", 1)

    lost: Message = with_store(path, fall_over)

    async def go_on(store: SqliteStore) -> Page:
        if comes_first:
            await store.put(letter(comes_first, 1))
        return await store.after(TILL, cursor_of(lost))

    return lost, with_store(path, go_on, is_served=is_served)


@pytest.mark.parametrize("is_given_back", [False, True])
def test_what_the_shop_is_told_is_never_overtaken_by_a_callback(tmp_path: Path, is_given_back: bool) -> None:
    """Both are in the queue of the thread that writes while the loop is busy: they are heard of in one turn of it."""

    async def work(store: SqliteStore) -> list[int]:
        store.add_device("other", TILL)
        claim = await store.claim("other", token_digest("code")) if is_given_back else None
        await store.put(letter(b"read before"))
        position = (await store.after(TILL, Cursor())).messages[-1].id
        task = await waiting(store, position)
        told = (
            store.release("other", token_digest("code"), claim.number)
            if claim is not None
            else store.claim("other", token_digest("code"))
        )
        has_begun, both_are_queued = threading.Event(), threading.Event()
        store._writer.submit(lambda: (has_begun.set(), both_are_queued.wait(10)))
        has_begun.wait(10)
        jobs = [asyncio.ensure_future(told), asyncio.ensure_future(store.put(letter(b"second")))]
        while store._writer._work_queue.qsize() < 2:
            await asyncio.sleep(0)
        both_are_queued.set()
        # The loop is held up until the thread is through with them.
        store._writer.submit(lambda: None).result()
        got = [message.id - position for message in (await task).messages]
        if len(got) == 1:
            got += [message.id - position for message in (await store.next(TILL, position + got[0], 5)).messages]
        await asyncio.gather(*jobs)
        return got

    assert with_store(tmp_path / "relay.sqlite3", work) == [1, 2]


def test_a_relay_starts_while_there_is_no_room_and_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite3"
    with_store(path, lambda store: store.put(letter(b"kept")))

    async def work(store: SqliteStore) -> list[bytes]:
        with no_room():
            await store.start()
            page = await store._run(store._reader, lambda: store._page(TILL, 0))
            with pytest.raises(StoreError):
                await store.put(letter(b"no room"))
        assert await store.put(letter(b"room again"))
        return [message.body for message in (*page.messages, *(await store.after(TILL, Cursor())).messages)]

    assert with_store(path, work, is_served=False) == [b"kept", b"kept", b"room again"]


def test_what_another_process_wrote_before_a_commit_failed_is_looked_for(tmp_path: Path) -> None:
    async def work(store: SqliteStore) -> list[bytes]:
        await store.put(letter(b"read before"))
        task = await waiting(store, 1)
        with closing(SqliteStore(tmp_path / "relay.sqlite3")) as other:
            await other.put(letter(b"the other's"))
        with no_room(), pytest.raises(StoreError):
            await store.put(letter(b"not kept"))
        await store.put(letter(b"next"))
        return [message.body for message in (await asyncio.wait_for(task, 5)).messages]

    assert with_store(tmp_path / "relay.sqlite3", work) == [b"the other's", b"next"]


class PoorDisk:
    """A connection of whose commits some fail, as chance has it."""

    def __init__(self, connection: Any, chance: random.Random) -> None:
        self._connection = connection
        self._chance = chance
        self.failures = 0

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT" and self._chance.random() < 0.15:
            self.failures += 1
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_fails_and_whoever_is_late_every_stream_brings_all_there_is_in_order(
    tmp_path: Path, seed: int
) -> None:
    """Three tills of a shop with two streams each; callbacks and claims side by side; a loop that is often busy."""
    chance = random.Random(seed)
    names = [TILL, "second", "third"]

    async def stream(store: SqliteStore, till: str, seen: list[Message]) -> None:
        page = await store.after(till, Cursor())
        while True:
            seen += page.messages
            # Nobody looks by himself in time: a ring that is missed is a message that is missed.
            page = await store.next(till, seen[-1].id if seen else 0, 600)

    async def post(store: SqliteStore, promised: dict[str, set[bytes]], number: int) -> None:
        await asyncio.sleep(chance.uniform(0, 0.5))
        if chance.random() < 0.3:
            # The loop has something else to do: what the threads say piles up.
            time.sleep(chance.uniform(0, 0.004))  # noqa: ASYNC251 - it is meant to hold up the loop
        till, body = chance.choice(names), str(number).encode()
        with contextlib.suppress(StoreError):
            if chance.random() < 0.2:
                claim = await store.claim(till, token_digest(str(number % 5)))
                if claim is not None and claim.till == till:
                    await store.release(till, token_digest(str(number % 5)), claim.number)
            elif await store.put(IncomingMessage(till, token_digest("T" * 22), body, number)):
                promised[till].add(body)

    async def work(store: SqliteStore) -> None:
        for name in names[1:]:
            store.add_device(name, TILL)
        disk = store._write = PoorDisk(store._write, chance)
        promised: dict[str, set[bytes]] = {name: set() for name in names}
        seen: list[tuple[str, list[Message]]] = [(name, []) for name in names for _ in range(2)]
        streams = [asyncio.create_task(stream(store, name, found)) for name, found in seen]
        await asyncio.gather(*(post(store, promised, number) for number in range(500)))
        assert disk.failures > 5, "it proved nothing"
        kept = {
            name: [row[0] for row in store._read.execute("SELECT id FROM mail WHERE till = ?", (name,))]
            for name in names
        }
        async with asyncio.timeout(5):
            while any(not set(kept[name]) <= {message.id for message in found} for name, found in seen):
                await asyncio.sleep(0.01)
        for name, found in seen:
            ids = [message.id for message in found]
            assert ids == sorted(set(ids))
            assert promised[name] <= {message.body for message in found}
        for task in streams:
            task.cancel()

    with_store(tmp_path / "relay.sqlite3", work)
