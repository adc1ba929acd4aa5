"""Waiting for mail: woken at once, resumed after a cut, shut out while waiting, begun anew after a restore."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fakes.servers import Relay

from pos_app.common.http import AsyncHttpClient, HttpClient, Request, Timeouts
from pos_app.relay import app, store_postgres, store_sqlite
from pos_app.relay.store import Cursor

TOKEN = "T" * 22


@asynccontextmanager
async def stream(relay: Relay, after: int = 0) -> AsyncIterator[AsyncIterator[str]]:
    client = AsyncHttpClient(Timeouts(2, 20, 30), use_proxies=False)
    headers = {"Authorization": f"Bearer till-1.{relay.token}", "Accept": "text/event-stream"}
    async with client.lines(Request("GET", f"{relay.url}/v1/inbox?after={after}", headers)) as lines:
        yield lines
    await client.aclose()


def put(relay: Relay, body: bytes) -> None:
    client = HttpClient(Timeouts(2, 10, 12), use_proxies=False)
    assert client.send(Request("POST", f"{relay.url}/c/till-1/{TOKEN}", {}, body)).status == 200
    client.close()


async def first(lines: AsyncIterator[str], start: str) -> str:
    async for line in lines:
        if line.startswith(start):
            return line
    return ""


def test_a_stream_wakes_for_each_message_and_keeps_itself_alive(relay: Relay, monkeypatch) -> None:
    monkeypatch.setattr(app, "KEEP_ALIVE_S", 0.2)

    async def read() -> None:
        async with asyncio.timeout(20), stream(relay) as lines:
            assert await first(lines, ": still here")
            for number in range(1, 4):
                await asyncio.to_thread(put, relay, b"x")
                assert await first(lines, "id: ") == f"id: {number}"

    asyncio.run(read())


def test_a_till_that_is_shut_out_hears_nothing_more(relay: Relay) -> None:
    async def read() -> None:
        async with asyncio.timeout(20), stream(relay) as lines:
            await first(lines, "retry")
            fresh = relay.store.rotate("till-1")
            await asyncio.to_thread(put, relay, b"secret")
            assert await first(lines, "id: ") == "", "the stream ended without a message"
            relay.token = fresh
        async with asyncio.timeout(20), stream(relay) as lines:
            assert await first(lines, "id: ") == "id: 1"

    asyncio.run(read())


def test_a_poll_that_waits_while_its_till_is_shut_out_is_refused(relay: Relay) -> None:
    async def both() -> int:
        client = AsyncHttpClient(Timeouts(2, 20, 30), use_proxies=False)
        headers = {"Authorization": f"Bearer till-1.{relay.token}"}
        waiting = asyncio.create_task(client.send(Request("GET", f"{relay.url}/v1/inbox?after=0&wait=20", headers)))
        while b"relay_tills_waiting 1.0" not in (await client.send(Request("GET", f"{relay.url}/metrics"))).body:
            await asyncio.sleep(0.01)
        relay.store.rotate("till-1")
        await asyncio.to_thread(put, relay, b"secret")
        answer = await waiting
        await client.aclose()
        assert b"messages" not in answer.body
        return answer.status

    assert asyncio.run(both()) == 401


def test_a_cursor_of_another_life_is_told_and_nothing_is_missed(relay: Relay, web: HttpClient) -> None:
    put(relay, b"first of the new life")

    def read(after: int) -> dict:
        headers = {"Authorization": f"Bearer till-1.{relay.token}"}
        return json.loads(web.send(Request("GET", f"{relay.url}/v1/inbox?after={after}", headers)).body)

    page = read(4_812)
    assert page["reset"] is True and [one["id"] for one in page["messages"]] == [1] and page["cursor"] == 1
    assert relay.store.devices()[0].position == 0, "a wrong cursor acknowledges nothing"
    assert read(0)["reset"] is False
    kept = {"till": "till-1", "mailbox": relay.store.identity, "cursor": 1, "reset": False, "more": False}
    assert read(1) == {**kept, "messages": []}

    async def streamed() -> str:
        async with asyncio.timeout(20), stream(relay, after=4_812) as lines:
            assert await first(lines, "event: reset")
            return await first(lines, "id: ")

    assert asyncio.run(streamed()) == "id: 1"


def test_a_new_life_that_has_overtaken_the_cursor_is_told_by_the_mark(relay: Relay, web: HttpClient) -> None:
    for number in range(3):
        put(relay, b"%d" % number)

    def read(after: int, mark: str) -> dict:
        headers = {"Authorization": f"Bearer till-1.{relay.token}"}
        return json.loads(web.send(Request("GET", f"{relay.url}/v1/inbox?after={after}&mark={mark}", headers)).body)

    marks = {one["id"]: one["mark"] for one in read(0, "")["messages"]}
    assert (read(2, "an-earlier-life")["reset"], len(read(2, "an-earlier-life")["messages"])) == (True, 3)
    assert relay.store.devices()[0].position == 0, "a wrong cursor acknowledges nothing"
    page = read(2, marks[2])
    assert (page["reset"], [one["id"] for one in page["messages"]]) == (False, [3])
    assert relay.store.purge(read_before_ms=1 << 61, unread_before_ms=0) == 2
    assert read(2, "whatever")["reset"] is False, "what was purged can tell nothing"


def test_mail_that_was_purged_wakes_nobody(relay: Relay) -> None:
    """A new till at an old mailbox waits: it is not told at once, again and again, that there is nothing."""
    put(relay, b"x")
    assert relay.store.purge(read_before_ms=1 << 61, unread_before_ms=1 << 61) == 1
    began = time.monotonic()
    page = relay.run(relay.store.next("till-1", 0, 0.5))
    assert page.messages == () and time.monotonic() - began >= 0.5


def test_a_till_that_only_listens_is_seen(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    for store in (store_sqlite, store_postgres):
        monkeypatch.setattr(store, "_SEEN_EVERY_MS", -60_000)
    relay.run(relay.store.after("till-1", Cursor()))
    before = relay.store.devices()[0].seen_at_ms
    time.sleep(0.005)
    relay.run(relay.store.next("till-1", 0, 0.01))
    after = relay.store.devices()[0].seen_at_ms
    assert before is not None and after is not None and after > before


def test_metrics_count_and_name_nobody(relay: Relay, web: HttpClient) -> None:
    put(relay, b"x")
    web.send(Request("POST", f"{relay.url}/c/nobody/{TOKEN}", {}, b"x"))
    text = web.send(Request("GET", f"{relay.url}/metrics")).body.decode()
    assert 'relay_callbacks_total{outcome="kept"} 1.0' in text
    assert 'relay_callbacks_total{outcome="unknown"} 1.0' in text
    assert "relay_callback_seconds_count 2.0" in text
    assert "till-1" not in text and TOKEN not in text and "nobody" not in text
    behind_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
    assert web.send(Request("GET", f"{relay.url}/metrics", behind_a_proxy)).status == 404


def test_answers_on_a_kept_connection_are_not_held_back(relay: Relay) -> None:
    """Without it each takes 40 ms: the two parts of an answer wait for each other's receipt."""
    host, _, port = relay.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        taken = [one.transport.get_extra_info("socket") for one in relay.server._server.server_state.connections]
        assert [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in taken] == [1]
