"""Wakes those who wait for a till's mail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable


class Arrivals:
    """One bell a till, for as long as somebody waits for it."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def ring(self, tills: Iterable[str]) -> None:
        """There is mail for these."""
        for till in tills:
            for bell in self._waiting.get(till, ()):
                if not bell.done():
                    bell.set_result(None)

    def ring_all(self) -> None:
        """There may be mail for anybody."""
        self.ring(list(self._waiting))

    async def wait(self, till: str, timeout_s: float, has_mail: Callable[[], Awaitable[bool]]) -> None:
        """Returns when it rings, when there was mail before it could, or after a time."""
        bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        bells = self._waiting.setdefault(till, set())
        bells.add(bell)
        try:
            async with asyncio.timeout(timeout_s):
                # What came just before the bell hung is found by looking once.
                if not await has_mail():
                    await bell
        except TimeoutError:
            return
        finally:
            bells.discard(bell)
            if not bells and self._waiting.get(till) is bells:
                del self._waiting[till]
