"""Ctrl+C and a polite end of the process, heard inside a running loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable


def on_stop(action: Callable[[], None]) -> None:
    """Does something when the process is asked to end, instead of ending it."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        # Windows has no such handlers: there Ctrl+C ends the loop.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, action)


async def until_stopped() -> None:
    """Returns when the process is asked to end."""
    stopped = asyncio.Event()
    on_stop(stopped.set)
    await stopped.wait()
