"""A loop whose time runs ahead whenever there is nothing to do: months of a till in minutes, over real sockets and files."""

from __future__ import annotations

import asyncio
import selectors
import types
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from pos_app.common import threads
from pos_app.common.clock import SystemClock

QUIET_S = 0.0001
QUIET_LOOKS = 2


class FastLoop(asyncio.SelectorEventLoop):
    """Jumps to its next timer once its sockets are quiet and no thread works for it.

    Whoever talks over those sockets lives in this loop too: nothing is on its way that it does not see.
    """

    def __init__(self) -> None:
        # This selector alone waits for less than a millisecond.
        super().__init__(selectors.SelectSelector())
        self.ahead_s = 0.0
        self._busy = 0
        real = self._selector.select

        def select(timeout: float | None = None) -> Any:
            looks = 0
            while True:
                ready = real(0 if timeout == 0 else QUIET_S)
                if ready or timeout == 0:
                    return ready
                looks = 0 if self._busy else looks + 1
                if looks >= QUIET_LOOKS:
                    break
            if timeout is not None:
                self.ahead_s += timeout
            return []

        self._selector.select = select  # type: ignore[method-assign]

    def time(self) -> float:
        return super().time() + self.ahead_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self._busy += 1
        future.add_done_callback(self._is_done)
        return future

    def _is_done(self, _future: object) -> None:
        self._busy -= 1

    async def in_thread(self, executor: Executor, work: Callable[[], Any]) -> Any:
        """As `pos_app.common.threads.in_thread`; time stands while it works."""
        self._busy += 1
        try:
            return await threads.in_thread(executor, work)
        finally:
            self._busy -= 1


class FastClock(SystemClock):
    """A PC's clock in a fast loop: it may be set, and the PC may sleep."""

    def __init__(self, loop: FastLoop) -> None:
        self._loop = loop
        self._slept_ms = 0
        self.wrong_ms = 0

    def sleep(self, seconds: float) -> None:
        """The lid is closed for so long: the world goes on, and the PC's monotonic clock stands."""
        self._slept_ms += int(seconds * 1000)

    def now_ms(self) -> int:
        return self._true_ms() + self.wrong_ms

    def monotonic_s(self) -> float:
        return self._loop.time()

    def _true_ms(self) -> int:
        return super().now_ms() + int(self._loop.ahead_s * 1000) + self._slept_ms

    def of_the_world(self) -> types.SimpleNamespace:
        """What stands for the module `time` in the rooms of the servers."""
        return types.SimpleNamespace(monotonic=self._loop.time, time=lambda: self._true_ms() / 1000)
