"""Wakes those who wait for a device's messages, and hands over what came where that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from pos_app.relay.store import Page

_UNSEEN: Final[Mapping[str, Page]] = {}


class MailboxNotifier:
    """One waiter for each request that waits."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Future[Page | None], int]] = {}

    def is_awaited(self, till: str) -> bool:
        """Whether somebody waits for a till's mail."""
        return till in self._waiting

    def notify(self, tills: Iterable[str], pages: Mapping[str, Page] = _UNSEEN) -> None:
        """Wakes the waiters of these tills. Call it in commit order: each page holds everything since the call before.

        A waiter that has read a page already is not woken by it.
        """
        for till in tills:
            page = pages.get(till)
            for waiter, position in self._waiting.get(till, {}).items():
                if not waiter.done() and (page is None or page.messages[-1].id > position):
                    waiter.set_result(page)

    def notify_all(self) -> None:
        """There may be mail for anybody."""
        self.notify(list(self._waiting))

    async def wait(
        self, till: str, position: int, timeout_s: float, has_mail: Callable[[], Awaitable[bool]]
    ) -> Page | None:
        """What came after a number; None where one must look: notified without a page, or not within the time."""
        waiter: asyncio.Future[Page | None] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(till, {})
        waiters[waiter] = position
        try:
            async with asyncio.timeout(timeout_s):
                # What came just before the waiter was set is found by looking once.
                if await has_mail():
                    return None
                page = await waiter
                if page is None:
                    return None
                return replace(page, messages=tuple(message for message in page.messages if message.id > position))
        except TimeoutError:
            return None
        finally:
            del waiters[waiter]
            if not waiters and self._waiting.get(till) is waiters:
                del self._waiting[till]
