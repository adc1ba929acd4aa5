"""What the mailbox promises, over real HTTP, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from fakes.servers import Relay

from pos_app.common.errors import Mistake
from pos_app.common.http import AsyncHttpClient, HttpClient, HttpResponse, Request, Timeouts
from pos_app.common.mailbox import Pairing, read_pairing
from pos_app.common.tokens import token_digest
from pos_app.relay.store import PAGE

TOKEN = "T" * 22


def post(web: HttpClient, relay: Relay, body: bytes = b"{}", path: str = f"/c/till-1/{TOKEN}") -> HttpResponse:
    return web.send(Request("POST", relay.url + path, {"Content-Type": "application/json"}, body))


def inbox(web: HttpClient, relay: Relay, after: int | str = 0, wait: int = 0, credential: str = "") -> HttpResponse:
    bearer = credential or f"till-1.{relay.token}"
    return web.send(
        Request("GET", f"{relay.url}/v1/inbox?after={after}&wait={wait}", {"Authorization": f"Bearer {bearer}"})
    )


def test_stored_then_answered_then_read_by_cursor(relay: Relay, web: HttpClient) -> None:
    answer = post(web, relay, b"\x00 any bytes")
    assert (answer.status, json.loads(answer.body)) == (200, {"ResultCode": 0, "ResultDesc": "Accepted"})
    post(web, relay, b"two")
    page = json.loads(inbox(web, relay).body)
    assert [message["id"] for message in page["messages"]] == [1, 2]
    assert page["messages"][0]["token"] == token_digest(TOKEN).hex()
    assert json.loads(inbox(web, relay, after=page["cursor"]).body)["messages"] == []
    assert relay.store.devices()[0].position == 2


def test_a_long_poll_answers_as_soon_as_there_is_mail(relay: Relay, web: HttpClient) -> None:
    async def both() -> float:
        client = AsyncHttpClient(Timeouts(2, 10, 12), use_proxies=False)
        headers = {"Authorization": f"Bearer till-1.{relay.token}"}
        waiting = asyncio.create_task(client.send(Request("GET", f"{relay.url}/v1/inbox?after=0&wait=8", headers)))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        await client.send(Request("POST", f"{relay.url}/c/till-1/{TOKEN}", {}, b"x"))
        answer = await waiting
        await client.aclose()
        assert len(json.loads(answer.body)["messages"]) == 1
        return time.monotonic() - started

    assert asyncio.run(both()) < 4


def test_a_stream_of_events_resumes_at_its_cursor(relay: Relay, web: HttpClient) -> None:
    for number in range(3):
        post(web, relay, str(number).encode())

    async def read() -> list[int]:
        client = AsyncHttpClient(Timeouts(2, 10, 12), use_proxies=False)
        headers = {"Authorization": f"Bearer till-1.{relay.token}", "Accept": "text/event-stream", "Last-Event-ID": "1"}
        found: list[int] = []
        async with client.lines(Request("GET", f"{relay.url}/v1/inbox", headers)) as lines:
            async for line in lines:
                if line.startswith("id: "):
                    found.append(int(line[4:]))
                if len(found) == 2:
                    break
        await client.aclose()
        return found

    assert asyncio.run(read()) == [2, 3]


@pytest.mark.parametrize(
    "path", ["/c/nobody/" + TOKEN, "/c/till-1/short", "/c/till-1/" + "x" * 200, "/c/../etc/passwd", "/c/till-1", "/x"]
)
def test_unknown_addresses_are_not_found(relay: Relay, web: HttpClient, path: str) -> None:
    assert post(web, relay, path=path).status == 404
    assert json.loads(inbox(web, relay).body)["messages"] == []


def test_large_bodies_are_refused(relay: Relay, web: HttpClient) -> None:
    assert post(web, relay, b"x" * (64 * 1024 + 1)).status == 413
    assert post(web, relay, b"x" * (64 * 1024)).status == 200


@pytest.mark.parametrize("credential", ["till-1.wrong", "till-1.", "nobody.x", ".", "x", "till-1"])
def test_wrong_tokens_read_nothing(relay: Relay, web: HttpClient, credential: str) -> None:
    assert inbox(web, relay, credential=credential).status == 401


@pytest.mark.parametrize("after", ["x", "-1", str(1 << 70)])
def test_odd_cursors(relay: Relay, web: HttpClient, after: str) -> None:
    assert inbox(web, relay, after=after).status == 422


def test_a_till_reads_no_other_tills_mail_and_rotation_shuts_out(relay: Relay, web: HttpClient) -> None:
    other = relay.store.add_device("till-2")
    post(web, relay, b"for one")
    assert json.loads(inbox(web, relay, credential=f"till-2.{other}").body)["messages"] == []
    assert inbox(web, relay, credential=f"till-1.{other}").status == 401
    fresh = relay.store.rotate("till-1")
    assert inbox(web, relay).status == 401
    assert inbox(web, relay, credential=f"till-1.{fresh}").status == 200
    relay.store.revoke("till-1")
    assert inbox(web, relay, credential=f"till-1.{fresh}").status == 401
    assert post(web, relay).status == 404
    with pytest.raises(Mistake):
        relay.store.revoke("nobody")
    with pytest.raises(Mistake):
        relay.store.add_device("till-2")
    with pytest.raises(Mistake):
        relay.store.add_device("../x")


def test_purge_keeps_what_is_not_read_longer(relay: Relay, web: HttpClient) -> None:
    post(web, relay, b"read")
    post(web, relay, b"unread")
    inbox(web, relay, after=1)
    now = int(time.time() * 1000) + 1000
    assert relay.store.purge(read_before_ms=now, unread_before_ms=now - 60_000) == 1
    assert len(json.loads(inbox(web, relay, after=1).body)["messages"]) == 1
    assert relay.store.purge(read_before_ms=now, unread_before_ms=now) == 1


def test_pairing_lines() -> None:
    pairing = Pairing("https://relay.example", "till-1", "secret")
    assert read_pairing(f"  {pairing.line()}\n") == pairing
    assert "secret" not in repr(pairing)
    for bad in ("", "till1.", "till1.%%%", "till2.abc", pairing.line()[:-8], Pairing("u", "../x", "t").line()):
        with pytest.raises(Mistake):
            read_pairing(bad)


def test_a_page_says_whether_more_waits_behind_it(relay: Relay, web: HttpClient) -> None:
    for _ in range(PAGE):
        assert post(web, relay, b"x").status == 200
    pages = [json.loads(inbox(web, relay, after=after).body) for after in (0, 1, PAGE)]
    assert [(len(page["messages"]), page["more"]) for page in pages] == [(PAGE, True), (PAGE - 1, False), (0, False)]
    for number in range(20):
        assert post(web, relay, bytes([number]) * 60_000).status == 200
    page = json.loads(inbox(web, relay, after=PAGE).body)
    assert 0 < len(page["messages"]) < 20 and page["more"] is True


def test_a_page_is_never_more_than_a_till_takes(relay: Relay, web: HttpClient) -> None:
    for number in range(20):
        assert post(web, relay, bytes([number]) * 60_000).status == 200
    read, cursor = [], 0
    while messages := json.loads(inbox(web, relay, after=cursor).body)["messages"]:
        read += [message["id"] for message in messages]
        cursor = messages[-1]["id"]
    assert len(read) == 20 and len(set(read)) == 20
