"""Reads this till's mailbox at the relay: a callback changes its attempt within milliseconds."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pos_app.common.clock import Clock
from pos_app.common.http import (
    EXPIRED,
    NOT_YET_VALID,
    AsyncHttpClient,
    HttpResponse,
    MaybeSentError,
    NotSentError,
    Request,
    Timeouts,
)
from pos_app.engine.relay_messages import RelayMessage, read_message
from pos_app.engine.updates import Health, Service, ServiceStatusChanged
from pos_app.ledger.stores.messages import Cursor
from pos_app.settings.effective import RelayAccess

_log = logging.getLogger("pos_app.engine.services.relay_reader")
WAIT_S: Final = 25
LONGEST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_WHILE_WELL_S: Final = 3.0
"""Where the relay answers and only the waiting for more breaks off: mail is asked for often."""
STREAM_OPENS_WITHIN_S: Final = 15.0
"""A stream says something at once; where nothing comes, somebody in between collects it first."""
ACKNOWLEDGE_AFTER_S: Final = 10.0
"""What a stream brought is acknowledged by asking again, this long after the first of it."""
STREAM_AGAIN_AFTER_S: Final = 600.0
"""Where none came through, pages are asked for so long."""
BARREN_STREAMS: Final = 3
"""So many that broke one after the other, and brought nothing, are as good as none."""
ROUND_LASTS_S: Final = 5.0
"""One that was shorter, and brought nothing, is not followed by the next at once."""
LONGEST_IDENTITY: Final = 64
_OF_A_STREAM: Final = (":", "retry:", "id:", "event:", "data:")

Take = Callable[[RelayMessage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a new ledger's mail begins, in a mailbox that another one read before.

    Args:
        since_ms: What the relay had before that is passed over.
        note: Told how far the mailbox was read then, and how many messages were passed over.
    """

    since_ms: int
    note: Callable[[Cursor, int], Awaitable[None]]

    def is_anothers(self, mail: RelayMessage) -> bool:
        """Whether a message came before the new ledger began; one that does not say when is the new one's."""
        return mail.received_at_ms is not None and mail.received_at_ms < self.since_ms


def mailbox_of(relay: RelayAccess) -> str:
    """The name under which the ledger keeps the cursor."""
    return f"{relay.url}#{relay.till}"


class RelayReader:
    """Reads one mailbox, for as long as it runs: all that waits, page by page, then a stream of what comes.

    Args:
        cursor: How far the ledger has it.
        beginning: Where some of what waits is another ledger's.
        take: Writes evidence, effect and cursor in one transaction.
        show_status: Shows how the relay fares.
        on_polled: Called when everything that waited is read, or the relay turned out to be away.
    """

    name = "relay reader"
    shows = Service.RELAY

    def __init__(
        self,
        relay: RelayAccess,
        cursor: Cursor,
        *,
        take: Take,
        beginning: Beginning | None = None,
        show_status: Callable[[ServiceStatusChanged], None],
        on_polled: Callable[[], None],
        clock: Clock,
        use_proxies: bool,
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._cursor = cursor
        self._take = take
        self._beginning = beginning
        self._passed_over = 0
        self._show_status = show_status
        self._on_polled = on_polled
        self._heard_at_ms: int | None = None
        self._latency_ms = 0
        self._pages_until_s = 0.0
        self._barren = 0
        self._has_begun_anew = False
        self._identity = cursor.identity
        self.has_looked = False
        patience = Timeouts(connect_s=10, read_s=WAIT_S + 15, total_s=WAIT_S + 30)
        self._web = AsyncHttpClient(patience, use_proxies=use_proxies)

    async def run(self) -> None:
        """Reads until cancelled; a relay that is away is tried again, ever more slowly."""
        pause_s = 1.0
        while True:
            began_s, before = time.monotonic(), self._cursor
            has_answered = await self._read_what_waits()
            self._note_look()
            is_well = has_answered and await self._wait_for_more()
            has_moved = self._cursor != before and not self._has_begun_anew
            if has_moved or (is_well and time.monotonic() - began_s >= ROUND_LASTS_S):
                pause_s = 1.0
                continue
            pause_s = min(pause_s, LONGEST_PAUSE_WHILE_WELL_S if has_answered else LONGEST_PAUSE_S)
            # Spread out: a relay that comes back is not run over by all its tills at once.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            pause_s *= 2

    async def aclose(self) -> None:
        await self._web.aclose()

    async def _read_what_waits(self) -> bool:
        """All of it, page by page; False where the relay is not to be had."""
        self._has_begun_anew = False
        while (has_more := await self._read_page(0)) is not None:
            if not has_more:
                if self._beginning is not None:
                    await self._beginning.note(self._cursor, self._passed_over)
                    self._beginning = None
                return True
        return False

    async def _wait_for_more(self) -> bool:
        """Reads what comes; False where it broke."""
        if time.monotonic() >= self._pages_until_s:
            before = self._cursor
            is_well = await self._follow_stream()
            self._barren = 0 if is_well or self._cursor != before else self._barren + 1
            if self._barren >= BARREN_STREAMS:
                self._use_pages()
            return is_well
        return await self._read_page(WAIT_S) is not None

    async def _read_page(self, wait_s: int) -> bool | None:
        """Whether more waits behind it; None where it could not be had, or not be read."""
        asked_s = time.monotonic()
        try:
            answer = await self._web.send(self._request(f"&wait={wait_s}"))
        except (NotSentError, MaybeSentError) as error:
            is_clock = error.params.get("kind") in (NOT_YET_VALID, EXPIRED)
            self._show_status(
                ServiceStatusChanged(Service.RELAY, Health.DOWN, "relay.clock" if is_clock else "relay.unreachable")
            )
            return None
        latency_ms = int((time.monotonic() - asked_s) * 1000)
        page = self._page_of(answer)
        if page is None:
            return None
        for message in page["messages"]:
            if not await self._deliver(message):
                return None
        if wait_s == 0:
            self._latency_ms = latency_ms
            self._show_ready()
        return bool(page["messages"]) and page.get("more") is not False

    async def _follow_stream(self) -> bool:
        """Reads a stream until it is time to acknowledge; False where it broke."""
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(STREAM_OPENS_WITHIN_S):
                        stream = self._web.lines(self._request("", Accept="text/event-stream"))
                        lines = await stack.enter_async_context(stream)
                        first = await anext(lines, "")
                except TimeoutError:
                    first = ""
                if not first.startswith(_OF_A_STREAM):
                    self._use_pages()
                    return True
                return await self._read_stream(first, lines)
        except (NotSentError, MaybeSentError):
            return False

    def _use_pages(self) -> None:
        _log.warning("no stream comes through from the relay: asking for pages instead")
        self._pages_until_s, self._barren = time.monotonic() + STREAM_AGAIN_AFTER_S, 0

    async def _read_stream(self, line: str | None, lines: AsyncIterator[str]) -> bool:
        due_s: float | None = None
        while line is not None and line != "event: reset":
            if line.startswith("data: "):
                if not await self._deliver(_message(line.removeprefix("data: "))):
                    return False
                self._show_ready()
                due_s = due_s or time.monotonic() + ACKNOWLEDGE_AFTER_S
            line = await _line(lines, due_s)
        return True

    def _request(self, more: str, **headers: str) -> Request:
        cursor, relay = self._cursor, self._relay
        mark = f"&mark={quote(cursor.mark)}" if cursor.mark else ""
        identity = f"&mailbox={quote(cursor.identity)}" if cursor.identity else ""
        url = f"{relay.url}/v1/inbox?after={cursor.position}{mark}{identity}{more}"
        return Request("GET", url, {"Authorization": f"Bearer {relay.till}.{relay.token}", **headers})

    def _page_of(self, answer: HttpResponse) -> Any:
        """The page, or None where it is none."""
        if answer.status == 401:
            self._show_status(ServiceStatusChanged(Service.RELAY, Health.DOWN, "relay.refused"))
            return None
        page: Any
        try:
            page = json.loads(answer.body) if answer.status == 200 else None
        except (ValueError, RecursionError):
            page = None
        is_page = isinstance(page, dict) and isinstance(page.get("messages"), list)
        is_new = is_page and page.get("reset") is True
        if not is_page or (is_new and self._has_begun_anew):
            # One that begins anew again and again is none either.
            self._show_status(ServiceStatusChanged(Service.RELAY, Health.DOWN, "relay.not_understood"))
            return None
        if is_new:
            # The mailbox began anew (restored, or moved): what it holds is read again, and known again by the ledger.
            _log.warning("the relay's mailbox began anew")
            self._has_begun_anew = True
            self._cursor = Cursor(self._cursor.mailbox, 0)
        self._identity = _text(page.get("mailbox"))[:LONGEST_IDENTITY]
        return page

    def _show_ready(self) -> None:
        code = "relay.heard" if self._heard_at_ms is not None else "relay.ready"
        latency = str(self._latency_ms)
        self._show_status(ServiceStatusChanged(Service.RELAY, Health.OK, code, latency, self._heard_at_ms))

    def _note_look(self) -> None:
        if not self.has_looked:
            self.has_looked = True
            self._on_polled()

    async def _deliver(self, message: Any) -> bool:
        """Takes it; False where it is none, or none that is new: it would come again at once, for ever."""
        mail = read_message(message, self._cursor.mailbox, self._identity)
        if mail is None or mail.cursor.position <= self._cursor.position:
            _log.warning("the relay sent something else than the next message")
            self._show_status(ServiceStatusChanged(Service.RELAY, Health.DOWN, "relay.not_understood"))
            return False
        if self._beginning is not None and self._beginning.is_anothers(mail):
            self._passed_over += 1
        else:
            await self._take(mail)
            self._heard_at_ms = self._clock.now_ms() // 60_000 * 60_000
        self._cursor = mail.cursor
        return True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


async def _line(lines: AsyncIterator[str], due_s: float | None) -> str | None:
    """The next line; None at the end, or when it is time. Only the waiting ends then, never the work on a message."""
    try:
        async with asyncio.timeout(max(0.0, due_s - time.monotonic()) if due_s is not None else None):
            return await anext(lines, None)
    except TimeoutError:
        return None


def _message(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
