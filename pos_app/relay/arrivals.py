"""Wakes those who wait for a till's mail, and hands them what came where that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from pos_app.relay.store import Page

_UNSEEN: Final[Mapping[str, Page]] = {}


class Arrivals:
    """One bell for each that waits."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[Page | None]]] = {}

    def is_awaited(self, till: str) -> bool:
        """Whether somebody waits for a till's mail."""
        return till in self._waiting

    def ring(self, tills: Iterable[str], pages: Mapping[str, Page] = _UNSEEN) -> None:
        """There is mail for these. In the order of the commits: a page holds all that came since the ring before."""
        for till in tills:
            for bell in self._waiting.get(till, ()):
                if not bell.done():
                    bell.set_result(pages.get(till))

    def ring_all(self) -> None:
        """There may be mail for anybody."""
        self.ring(list(self._waiting))

    async def wait(
        self, till: str, position: int, timeout_s: float, has_mail: Callable[[], Awaitable[bool]]
    ) -> Page | None:
        """What came after a number; None where one must look: it rang without saying, or nothing rang for a time."""
        bell: asyncio.Future[Page | None] = asyncio.get_running_loop().create_future()
        bells = self._waiting.setdefault(till, set())
        bells.add(bell)
        try:
            async with asyncio.timeout(timeout_s):
                # What came just before the bell hung is found by looking once.
                if await has_mail():
                    return None
                page = await bell
                fresh = tuple(message for message in page.messages if message.id > position) if page is not None else ()
                # One that rang for what had been read before may have drowned another: look.
                return replace(page, messages=fresh) if page is not None and fresh else None
        except TimeoutError:
            return None
        finally:
            bells.discard(bell)
            if not bells and self._waiting.get(till) is bells:
                del self._waiting[till]
