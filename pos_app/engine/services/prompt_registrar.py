"""Tells the relay which callbacks are this till's own, so that strangers can crowd out strangers only."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Final

from pos_app.common.http import AsyncHttpClient, MaybeSentError, NotSentError, Request, Timeouts
from pos_app.settings.effective import RelayAccess

_log = logging.getLogger("pos_app.engine.services.prompt_registrar")
MOST_AT_ONCE: Final = 200
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 60.0
OLD_RELAY_PAUSE_S: Final = 600.0
"""A relay that takes no names is asked again so much later: it may have been brought up to date."""


class PromptRegistrar:
    """Names the digests of prompts' tokens to the relay, in the background: no prompt waits for it.

    A callback whose prompt was not named is kept by the relay all the same, while there is room for strangers.
    """

    name = "prompt registrar"
    shows = None

    def __init__(self, relay: RelayAccess, *, use_proxies: bool) -> None:
        self._relay = relay
        self._waiting: dict[bytes, None] = {}
        self._changed = asyncio.Event()
        self._web = AsyncHttpClient(Timeouts(5, 10, 15), use_proxies=use_proxies)

    def add(self, digests: Iterable[bytes]) -> None:
        """These are live."""
        self._waiting.update(dict.fromkeys(digests))
        self._changed.set()

    async def aclose(self) -> None:
        await self._web.aclose()

    async def run(self) -> None:
        """Names what is added, until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            self._changed.clear()
            if not self._waiting:
                await self._changed.wait()
                continue
            batch = list(self._waiting)[:MOST_AT_ONCE]
            status = await self._name(batch)
            if status == 204:
                for digest in batch:
                    self._waiting.pop(digest, None)
                pause_s = FIRST_PAUSE_S
                continue
            if status in (404, 405):
                _log.warning("the relay is older than this till and takes no names of prompts")
                await asyncio.sleep(OLD_RELAY_PAUSE_S)
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _name(self, batch: list[bytes]) -> int:
        relay = self._relay
        headers = {"Authorization": f"Bearer {relay.till}.{relay.token}", "Content-Type": "application/json"}
        body = json.dumps([digest.hex() for digest in batch]).encode()
        try:
            return (await self._web.send(Request("PUT", f"{relay.url}/v1/prompts", headers, body))).status
        except (NotSentError, MaybeSentError):
            return 0
