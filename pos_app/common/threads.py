"""Work in a thread, awaited from a loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

R = TypeVar("R")


async def in_thread(executor: Executor, work: Callable[[], R]) -> R:
    """Runs it there; a caller that is cancelled does not undo what is being done.

    As `asyncio.loop.run_in_executor` under a `asyncio.shield`, by one turn of the loop instead of three.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def succeed(result: R) -> None:
        if not done.done():
            done.set_result(result)

    def fail(error: BaseException) -> None:
        if not done.done():
            done.set_exception(error)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            loop.call_soon_threadsafe(fail, error)
        else:
            loop.call_soon_threadsafe(succeed, result)

    executor.submit(run)
    return await done


async def in_daemon_thread(work: Callable[[], R], name: str) -> R:
    """Runs it in a thread that keeps no process alive: for what may wait for ever, as a store that asks a person."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if done.done() else settle())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            failed = error
            tell(lambda: done.set_exception(failed))
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
