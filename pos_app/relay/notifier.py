"""Wakes those who wait for a till's mail, and hands them what came where that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from pos_app.relay.store import Page

_UNSEEN: Final[Mapping[str, Page]] = {}


class MailboxNotifier:
    """One bell for each that waits."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Future[Page | None], int]] = {}

    def is_awaited(self, till: str) -> bool:
        """Whether somebody waits for a till's mail."""
        return till in self._waiting

    def notify(self, tills: Iterable[str], pages: Mapping[str, Page] = _UNSEEN) -> None:
        """There is mail for these. In the order of the transactions: a page holds all that came since the ring before.

        Who has read a page already is not woken by it.
        """
        for till in tills:
            page = pages.get(till)
            for bell, position in self._waiting.get(till, {}).items():
                if not bell.done() and (page is None or page.messages[-1].id > position):
                    bell.set_result(page)

    def notify_all(self) -> None:
        """There may be mail for anybody."""
        self.notify(list(self._waiting))

    async def wait(
        self, till: str, position: int, timeout_s: float, has_mail: Callable[[], Awaitable[bool]]
    ) -> Page | None:
        """What came after a number; None where one must look: it rang without saying, or nothing rang for a time."""
        bell: asyncio.Future[Page | None] = asyncio.get_running_loop().create_future()
        bells = self._waiting.setdefault(till, {})
        bells[bell] = position
        try:
            async with asyncio.timeout(timeout_s):
                # What came just before the bell hung is found by looking once.
                if await has_mail():
                    return None
                page = await bell
                if page is None:
                    return None
                return replace(page, messages=tuple(message for message in page.messages if message.id > position))
        except TimeoutError:
            return None
        finally:
            del bells[bell]
            if not bells and self._waiting.get(till) is bells:
                del self._waiting[till]
