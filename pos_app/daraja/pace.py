"""A limiter: requests of one kind at least so far apart, however many want to go.

The sandbox answers 429 to the sixth query of a minute (docs/mpesa.md, 3.3).
"""

from __future__ import annotations

import asyncio
import time


class Pacer:
    """Lets one caller through per interval, in the order they came.

    Args:
        interval_s: The least time between two, in seconds.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = 0.0
        self._turn = asyncio.Lock()

    @property
    def wait_s(self) -> float:
        """How long the next caller would wait, in seconds."""
        return max(0.0, self._next_s - time.monotonic())

    async def acquire(self) -> None:
        """Waits for a turn."""
        async with self._turn:
            # Another caller may have slowed it down in the meantime, so the wait is looked at again.
            while (wait := self.wait_s) > 0:  # noqa: ASYNC110 - it waits for time, not for an event
                await asyncio.sleep(wait)
            self._next_s = time.monotonic() + self._interval_s

    def slow_down(self, after_s: float) -> None:
        """Lets nobody through for a while: M-PESA asked for it."""
        self._next_s = max(self._next_s, time.monotonic() + after_s)
