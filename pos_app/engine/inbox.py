"""Reads this till's mailbox at the relay: a callback changes its attempt within milliseconds."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pos_app.clock import Clock, to_eat
from pos_app.daraja import CallbackUnreadable, StkCallback
from pos_app.domain.events import CallbackArrived
from pos_app.domain.money import Cents, cents_of
from pos_app.engine.events import Light, LightChanged, Status
from pos_app.settings.effective import RelayAccess
from pos_app.web import Answer, AsyncWeb, MaybeSentError, NotSentError, Patience, Request

_log = logging.getLogger("pos_app.engine.inbox")
WAIT_S: Final = 25
LONGEST_PAUSE_S: Final = 30.0
_UNREADABLE_AMOUNT: Final = Cents(-1)
"""An amount that was named and cannot be read is another amount."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message of the mailbox.

    Args:
        kind: ``callback``, ``payment`` (made straight to the shop's number) or ``claim`` (of another till).
        digest: SHA-256 of the token in its address; empty for one that is no message.
        cursor: Its place.
    """

    kind: str
    digest: bytes
    body: bytes = field(repr=False)
    cursor: int


Take = Callable[[Mail], Awaitable[None]]


def mailbox_of(relay: RelayAccess) -> str:
    """The name under which the ledger keeps the cursor."""
    return f"{relay.url}#{relay.till}"


def read_callback(body: bytes) -> CallbackArrived | None:
    """A callback's body as an event; None where it cannot be read."""
    try:
        callback = StkCallback.parse(body)
    except CallbackUnreadable:
        return None
    amount = cents_of(callback.amount) if callback.amount is not None else None
    if amount is None and callback.has_amount:
        amount = _UNREADABLE_AMOUNT
    return CallbackArrived(
        callback.outcome, callback.merchant_request_id, callback.checkout_request_id, amount, callback.mpesa_code
    )


class Inbox:
    """Reads one mailbox, for as long as it runs.

    Args:
        take: Writes evidence, effect and cursor in one transaction.
        tell: Emits an event of the engine.
        looked: Called when everything that waited is read, or the relay turned out to be away.
    """

    def __init__(
        self,
        relay: RelayAccess,
        position: int,
        *,
        take: Take,
        tell: Callable[[LightChanged], None],
        looked: Callable[[], None],
        clock: Clock,
        use_proxies: bool,
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._position = position
        self._take = take
        self._tell = tell
        self._looked = looked
        self._heard_at = ""
        self.has_looked = False
        self._web = AsyncWeb(Patience(connect_s=10, read_s=WAIT_S + 15, total_s=WAIT_S + 30), use_proxies=use_proxies)

    async def run(self) -> None:
        """Reads until cancelled; a relay that is away is tried again, ever more slowly."""
        pause_s, wait, latency_ms = 1.0, 0, 0
        while True:
            asked_s = time.monotonic()
            try:
                answer = await self._web.send(self._request(wait))
                latency_ms = int((time.monotonic() - asked_s) * 1000)
                messages = self._messages(answer)
            except (NotSentError, MaybeSentError):
                messages = None
                self._tell(LightChanged(Light.RELAY, Status.BAD, "relay.unreachable"))
            if messages is not None and await self._deliver_all(messages):
                pause_s = 1.0
                if wait == 0:
                    self._tell_ready(latency_ms)
                # Whatever waited comes at once, page by page; only then is it worth waiting for more.
                wait = 0 if messages else WAIT_S
                if not messages:
                    self._note_look()
                continue
            self._note_look()
            wait = 0
            # Spread out: a relay that comes back is not run over by all its tills at once.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def aclose(self) -> None:
        await self._web.aclose()

    def _request(self, wait: int) -> Request:
        url = f"{self._relay.url}/v1/inbox?after={self._position}&wait={wait}"
        return Request("GET", url, {"Authorization": f"Bearer {self._relay.till}.{self._relay.token}"})

    def _messages(self, answer: Answer) -> list[Any] | None:
        if answer.status == 401:
            self._tell(LightChanged(Light.RELAY, Status.BAD, "relay.refused"))
            return None
        try:
            page = json.loads(answer.body) if answer.status == 200 else {}
            messages, is_reset = page["messages"], page.get("reset") is True
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            messages, is_reset = None, False
        if not isinstance(messages, list):
            self._tell(LightChanged(Light.RELAY, Status.BAD, "relay.not_understood"))
            return None
        if is_reset:
            # The mailbox began anew (restored, or moved): what it holds is read again, and known again by the ledger.
            _log.warning("the relay's mailbox began anew")
            self._position = 0
        return messages

    def _tell_ready(self, latency_ms: int) -> None:
        code = "relay.heard" if self._heard_at else "relay.ready"
        self._tell(LightChanged(Light.RELAY, Status.READY, code, str(latency_ms), self._heard_at))

    def _note_look(self) -> None:
        if not self.has_looked:
            self.has_looked = True
            self._looked()

    async def _deliver_all(self, messages: list[Any]) -> bool:
        """Takes each; False at the first that is none: it would come again at once, for ever."""
        for message in messages:
            if not await self._deliver(message):
                self._tell(LightChanged(Light.RELAY, Status.BAD, "relay.not_understood"))
                return False
        return True

    async def _deliver(self, message: Any) -> bool:
        try:
            position = int(message["id"])
        except (KeyError, TypeError, ValueError):
            _log.warning("the relay sent a message without a number")
            return False
        if position <= self._position:
            _log.warning("the relay sent message %s again", position)
            return False
        try:
            digest = bytes.fromhex(message["token"])
            body = base64.b64decode(message["body"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            # It has its place in the mailbox: kept as it came, and passed.
            digest, body = b"", json.dumps(message).encode()
        await self._take(Mail(str(message.get("kind", "callback")), digest, body, position))
        self._heard_at = to_eat(self._clock.now_ms()).strftime("%H:%M")
        self._position = position
        return True
