"""The till's way to its mail: a stream, pages where no stream comes through, and what it says it has."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from fakes.servers import Bare, Mpesa, Relay
from fakes.till import Till
from torture.storm import body_of

from pos_app.common.http import MAX_BODY_BYTES, HttpClient, Request, Timeouts
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.domain.stk.schedule import Pacing
from pos_app.engine.services import relay_reader
from pos_app.engine.updates import EngineFailed, Service, ServiceStatusChanged
from pos_app.ledger.writer import LedgerWriter
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.settings.effective import RelayAccess

SLOW = Pacing(first_ms=60_000, interval_ms=60_000, confirm_gap_ms=60_000)


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


BREAK = b"broken off"


class Mailbox:
    """A relay as a till sees it, with one message that comes later, and streams as the network lets them through.

    Args:
        stream: What becomes of one: a list of parts that are sent, of which None means that nothing more comes, and
            BREAK that it breaks off.
        status: Of the first stream; those after it are answered 200.
        holds_head: Whether not even the head of a stream comes.
        is_new: Whether each page says that the mailbox began anew.
        has_more: Whether each page says that more waits behind it.
    """

    def __init__(
        self,
        *stream: bytes | None,
        status: int = 200,
        holds_head: bool = False,
        is_new: bool = False,
        has_more: bool = False,
    ) -> None:
        self.pages: list[dict[str, list[str]]] = []
        self.streams = 0
        self.has_mail = False
        self._stream = stream
        self._status = status
        self._holds_head = holds_head
        self._is_new = is_new
        self._has_more = has_more

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] != "/v1/inbox":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        asked = parse_qs(scope["query_string"].decode())
        if b"text/event-stream" in dict(scope["headers"])[b"accept"]:
            self.streams += 1
            await self._send_stream(send)
            return
        self.pages.append(asked)
        if asked.get("wait", ["0"]) != ["0"] and not self.has_mail:
            await asyncio.sleep(0.05)
        messages = [self.message(1)] if self.has_mail and (asked["after"] == ["0"] or self._is_new) else []
        body = json.dumps({"messages": messages, "reset": self._is_new, "more": self._has_more}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def _send_stream(self, send: Any) -> None:
        if self._holds_head:
            await asyncio.Event().wait()
        status = self._status if self.streams == 1 else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        for part in self._stream if status == 200 else ():
            if part is None:
                await asyncio.Event().wait()
            if part == BREAK:
                raise ConnectionError("broken off")
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    @staticmethod
    def message(number: int) -> dict[str, object]:
        body = base64.b64encode(b"{}").decode()
        return {"id": number, "mark": "m" * 16, "kind": "callback", "token": "00" * 32, "body": body}

    @classmethod
    def event(cls, number: int) -> bytes:
        return f"id: {number}\ndata: {json.dumps(cls.message(number))}\n\n".encode()


def reading(folder: Path, relay: Bare) -> Till:
    return Till(folder, "http://127.0.0.1:9", relay_access=RelayAccess(relay.url, "till-1", "token"))


def position(till: Till) -> int:
    cursor = till.run(
        till.engine._context.ledger.call(LedgerWriter.cursor, till.engine._parts.relay_reader._cursor.mailbox)
    )
    return int(cursor.position)


@pytest.mark.parametrize(
    "mailbox",
    [
        Mailbox(b"", None), Mailbox(holds_head=True), Mailbox(b'{"messages": []}', None), Mailbox(),
        Mailbox(b"<html>proxy</html>\n", None),
    ],
)  # fmt: skip
def test_where_no_stream_comes_through_pages_bring_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    monkeypatch.setattr(relay_reader, "STREAM_OPENS_WITHIN_S", 0.3)
    with Bare(mailbox) as relay, reading(tmp_path, relay) as till:
        until(lambda: any("wait" in asked and asked["wait"] == ["25"] for asked in mailbox.pages))
        mailbox.has_mail = True
        until(lambda: position(till) == 1)
        until(lambda: mailbox.pages[-1]["after"] == ["1"])
        assert mailbox.pages[-1]["mark"] == ["m" * 16]
        assert mailbox.streams == 1


def test_a_stream_is_tried_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_reader, "STREAM_AGAIN_AFTER_S", 0.5)
    mailbox = Mailbox()
    with Bare(mailbox) as relay, reading(tmp_path, relay):
        until(lambda: mailbox.streams >= 2)


def test_one_refused_stream_is_no_reason_to_give_them_up(tmp_path: Path) -> None:
    mailbox = Mailbox(b"retry: 2000\n\n", Mailbox.event(1), None, status=503)
    with Bare(mailbox) as relay, reading(tmp_path, relay) as till:
        until(lambda: position(till) == 1)
        assert mailbox.streams == 2


@pytest.mark.logs_errors
def test_streams_that_break_off_again_and_again_are_replaced_by_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_reader, "LONGEST_PAUSE_WHILE_WELL_S", 0.05)
    mailbox = Mailbox(b"retry: 2000\n\n", BREAK)
    with Bare(mailbox) as relay, reading(tmp_path, relay) as till:
        until(lambda: any(asked.get("wait") == ["25"] for asked in mailbox.pages))
        assert mailbox.streams == relay_reader.BARREN_STREAMS
        mailbox.has_mail = True
        until(lambda: position(till) == 1)


@pytest.mark.logs_errors
def test_what_came_before_a_stream_broke_off_is_kept_and_it_is_opened_again(tmp_path: Path) -> None:
    mailbox = Mailbox(b"retry: 2000\n\n", Mailbox.event(1), BREAK)
    with Bare(mailbox) as relay, reading(tmp_path, relay) as till:
        until(lambda: mailbox.streams >= 2)
        assert position(till) == 1
        assert not [event for event in till.events if isinstance(event, EngineFailed)]


@pytest.mark.parametrize(
    "mailbox",
    [
        pytest.param(Mailbox(b"event: reset\ndata: {}\n\n"), id="every stream is of another life"),
        pytest.param(Mailbox(b"retry: 2000\n\n"), id="every stream ends at once"),
        pytest.param(Mailbox(is_new=True), id="every page is of another life"),
        pytest.param(Mailbox(has_more=True), id="more is promised and never comes"),
    ],
)
def test_a_relay_that_leads_nowhere_is_not_asked_without_a_pause(tmp_path: Path, mailbox: Mailbox) -> None:
    mailbox.has_mail = mailbox._is_new
    with Bare(mailbox) as relay, reading(tmp_path, relay) as till:
        until(lambda: till.engine._parts.relay_reader.has_looked and mailbox.pages)
        time.sleep(1.5)
        assert len(mailbox.pages) <= 8 and mailbox.streams <= 4


def test_what_a_stream_brought_is_acknowledged_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_reader, "ACKNOWLEDGE_AFTER_S", 0.2)
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        till.until_state(till.request(), S.PAID)
        until(lambda: relay.store.devices()[0].waiting == 0)
        codes = [
            event.code
            for event in till.events
            if isinstance(event, ServiceStatusChanged) and event.service is Service.RELAY
        ]
        assert codes[-1] == "relay.heard" and "relay.not_understood" not in codes


@pytest.mark.parametrize(
    "bad", [b"data: {not json}\n\n", b"data: 3\n\n", b'data: {"id": 0}\n\n', b"data: " + b"[" * 100_000 + b"\n\n"]
)
def test_nonsense_in_a_stream_is_said_and_what_came_before_is_kept(tmp_path: Path, bad: bytes) -> None:
    mailbox = Mailbox(b"retry: 2000\n\n", Mailbox.event(1), bad, None)
    with Bare(mailbox) as relay, reading(tmp_path, relay) as till:
        until(lambda: "relay.not_understood" in [getattr(event, "code", "") for event in till.events])
        assert position(till) == 1


def test_a_line_without_end_is_not_collected(tmp_path: Path) -> None:
    endless = [b"data: "] + [b"x" * 65_536] * (MAX_BODY_BYTES // 65_536 + 1)
    mailbox = Mailbox(b"retry: 2000\n\n", *endless, None)
    with Bare(mailbox) as relay, reading(tmp_path, relay):
        until(lambda: mailbox.streams >= 2)


def test_a_mailbox_that_began_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    """The relay was set up afresh under its old name, and its numbers have overtaken those that the till had read."""

    web = HttpClient(Timeouts(2, 10, 12), use_proxies=False)

    def strange(relay: Relay) -> None:
        assert web.send(Request("POST", f"{relay.url}/c/till-1/nobodys-token", {}, b"{}")).status == 200

    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa:
        with Relay(tmp_path / "old") as relay, Till(tmp_path, mpesa, relay, pacing=SLOW) as till:
            strange(relay)
            until(lambda: position(till) == 1)
            attempt = till.request()
            till.until_state(attempt, S.PENDING)
            port = int(relay.url.rpartition(":")[2])
        with Relay(tmp_path / "new", port=port) as relay:
            mpesa.pays()
            until(lambda: relay.store.devices()[0].waiting == 1)
            strange(relay)
            with Till(tmp_path, mpesa, relay, pacing=SLOW) as till:
                till.until_state(attempt, S.PAID)
                until(lambda: position(till) == 2)
    web.close()


@pytest.mark.parametrize(
    ("kind", "verdict", "state"), [("callback", "read", S.PAID), ("refund", "unreadable", S.UNKNOWN)]
)
def test_a_kind_that_the_till_does_not_know_is_evidence_and_no_callback(
    tmp_path: Path, kind: str, verdict: str, state: S
) -> None:
    mailbox = Mailbox()
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Bare(mailbox) as relay:
        access = RelayAccess(relay.url, "till-1", "token")
        with Till(tmp_path, mpesa, relay_access=access, pacing=SLOW) as till:
            mpesa.fault("push", "accept_lost")
            attempt = till.request(amount="7")
            till.until_state(attempt, S.UNKNOWN)
            digest = till.run(till.engine._context.ledger.call(LedgerWriter.live_token_digests))[0].hex()
            body = base64.b64encode(body_of(1, 7)).decode()
            mailbox.message = lambda number: {"id": number, "kind": kind, "token": digest, "body": body}  # type: ignore[method-assign]
            mailbox.has_mail = True
            until(lambda: position(till) == 1)
            assert till.attempt(attempt).state is state
    with closing(sqlite3.connect(till.path)) as db:
        assert db.execute("SELECT verdict FROM evidence").fetchall() == [(verdict,)]
