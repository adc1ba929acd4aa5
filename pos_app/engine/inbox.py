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
from typing import Any, Final

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

Take = Callable[[bytes, bytes, CallbackArrived | None, int], Awaitable[None]]
"""Token digest, body, what it says, cursor."""


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
    """

    def __init__(
        self, relay: RelayAccess, position: int, *, take: Take, tell: Callable[[LightChanged], None], use_proxies: bool
    ) -> None:
        self._relay = relay
        self._position = position
        self._take = take
        self._tell = tell
        self._web = AsyncWeb(Patience(connect_s=10, read_s=WAIT_S + 15, total_s=WAIT_S + 30), use_proxies=use_proxies)

    async def run(self) -> None:
        """Reads until cancelled; a relay that is away is tried again, ever more slowly."""
        pause_s, wait = 1.0, 0
        while True:
            asked_s = time.monotonic()
            try:
                answer = await self._web.send(self._request(wait))
                messages = self._messages(answer)
            except (NotSentError, MaybeSentError):
                self._tell(LightChanged(Light.RELAY, Status.BAD, "relay.unreachable"))
            else:
                if messages is not None:
                    pause_s = 1.0
                    if wait == 0:
                        latency_ms = int((time.monotonic() - asked_s) * 1000)
                        self._tell(LightChanged(Light.RELAY, Status.READY, "relay.ready", str(latency_ms)))
                    wait = WAIT_S
                    for message in messages:
                        await self._deliver(message)
                    continue
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
            messages = json.loads(answer.body)["messages"] if answer.status == 200 else None
        except (ValueError, KeyError, TypeError, RecursionError):
            messages = None
        if not isinstance(messages, list):
            self._tell(LightChanged(Light.RELAY, Status.BAD, "relay.not_understood"))
            return None
        return messages

    async def _deliver(self, message: Any) -> None:
        try:
            position = int(message["id"])
            digest = bytes.fromhex(message["token"])
            body = base64.b64decode(message["body"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            _log.error("the relay sent a message that is none")
            return
        await self._take(digest, body, read_callback(body), position)
        self._position = max(self._position, position)
