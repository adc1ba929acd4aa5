"""Who waits for mail is woken by every ring, whenever it falls, and never handed less than all there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from pos_app.common.tokens import token_digest
from pos_app.relay.notifier import MailboxNotifier
from pos_app.relay.store import Cursor, IncomingMessage, Message, Page
from pos_app.relay.store_sqlite import SqliteStore

TILL = "till-1"


def page(*ids: int) -> dict[str, Page]:
    return {TILL: Page(tuple(Message(number, b"d" * 32, b"x", 0) for number in ids), digest=b"now")}


def waited(
    position: int, during: Callable[[MailboxNotifier], None], *, has_mail: bool = False
) -> list[int] | str | None:
    """The numbers handed over; None for "look"; "late" where nothing rang in time."""

    async def wait() -> list[int] | str | None:
        arrivals = MailboxNotifier()

        async def look() -> bool:
            # While the database is asked, the loop goes on: whatever rings then must be heard.
            during(arrivals)
            return has_mail

        began = asyncio.get_running_loop().time()
        found = await arrivals.wait(TILL, position, 0.2, look)
        assert not arrivals.is_awaited(TILL), "nobody waits any more"
        if found is None and asyncio.get_running_loop().time() - began >= 0.2:
            return "late"
        return [message.id for message in found.messages] if found is not None else None

    return asyncio.run(wait())


def test_what_rings_while_the_database_is_asked_is_handed_over() -> None:
    assert waited(0, lambda arrivals: arrivals.notify([TILL], page(1, 2))) == [1, 2]
    assert waited(0, lambda arrivals: arrivals.notify([TILL])) is None
    assert waited(0, lambda arrivals: arrivals.notify_all()) is None
    assert waited(0, lambda arrivals: arrivals.notify(["another"], page(1))) == "late"
    assert waited(0, lambda _arrivals: None) == "late"


def test_what_the_database_has_already_is_looked_for_and_not_handed_over() -> None:
    assert waited(0, lambda arrivals: arrivals.notify([TILL], page(2)), has_mail=True) is None


def test_a_ring_for_what_was_read_before_hides_no_other() -> None:
    def both(arrivals: MailboxNotifier) -> None:
        arrivals.notify([TILL], page(1))
        arrivals.notify([TILL], page(2))

    assert waited(1, both) == [2]
    assert waited(1, lambda arrivals: arrivals.notify([TILL], page(1, 2))) == [2]
    assert waited(2, lambda arrivals: arrivals.notify([TILL], page(1, 2))) == "late"


def letter(body: bytes, till: str = TILL) -> IncomingMessage:
    return IncomingMessage(till, token_digest("T" * 22), body, 0)


def with_stores(folder: Path, work: Callable[[SqliteStore, SqliteStore], Awaitable[list[bytes]]]) -> list[bytes]:
    async def run(first: SqliteStore, second: SqliteStore) -> list[bytes]:
        async with asyncio.timeout(20):
            return await work(first, second)

    path = folder / "relay.sqlite3"
    with closing(SqliteStore(path)) as first, closing(SqliteStore(path)) as second:
        first.add_device(TILL)
        first.add_device("another")
        return asyncio.run(run(first, second))


async def waiting(store: SqliteStore, position: int) -> asyncio.Task[Page]:
    """Somebody who waits, and has looked."""
    task = asyncio.create_task(store.next(TILL, position, 10))
    while not store._arrivals.is_awaited(TILL):
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    return task


def test_what_is_kept_is_handed_to_who_waits_without_another_look(tmp_path: Path) -> None:
    async def work(store: SqliteStore, _other: SqliteStore) -> list[bytes]:
        found = []
        await store.put(letter(b"first"))
        for number, body in enumerate((b"second", b"third"), 1):
            task = await waiting(store, number)
            # Whoever looked again would fall over.
            looked, store._page = store._page, None
            await store.put(letter(body))
            found += [message.body for message in (await task).messages]
            store._page = looked
        return found

    assert with_stores(tmp_path, work) == [b"second", b"third"]


def test_a_second_process_on_one_file_makes_nobody_miss_anything(tmp_path: Path) -> None:
    """It is not meant to be; where it is (two services started by mistake), mail comes late, never not."""

    async def work(store: SqliteStore, other: SqliteStore) -> list[bytes]:
        await store.put(letter(b"read before"))
        task = await waiting(store, (await store.after(TILL, Cursor())).messages[-1].id)
        await other.put(letter(b"kept by the other"))
        # It is this one's letter for another till that shows that a number lies between.
        await store.put(letter(b"for another till", "another"))
        # It would look by itself after ten seconds.
        found = [message.body for message in (await asyncio.wait_for(task, 5)).messages]
        task = await waiting(store, 2)
        await store.put(letter(b"kept by this one"))
        return [*found, *(message.body for message in (await asyncio.wait_for(task, 5)).messages)]

    assert with_stores(tmp_path, work) == [b"kept by the other", b"kept by this one"]


def test_a_till_that_waits_holds_up_nobody_while_others_write(tmp_path: Path) -> None:
    """To note that it was there would need the lock of whoever writes; it was noted a moment ago."""

    async def work(store: SqliteStore, _other: SqliteStore) -> list[bytes]:
        await store.after(TILL, Cursor())
        store._manage.execute("BEGIN IMMEDIATE")
        page = await store.next(TILL, 0, 0.01)
        store._manage.execute("ROLLBACK")
        return [message.body for message in page.messages]

    assert with_stores(tmp_path, work) == []
