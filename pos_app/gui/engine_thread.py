"""The engine's thread: a QThread whose run() is one asyncio loop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QThread

from pos_app.common import faults
from pos_app.common.errors import Outside, TillError
from pos_app.common.threads import in_daemon_thread
from pos_app.domain.attempt import Attempt
from pos_app.domain.schedule import LEAVES_WITHIN_MS
from pos_app.engine.events import EngineFailed, RequestFailed, RequestTaken
from pos_app.gui.bridge import Bridge
from pos_app.gui.installation import Installation

if TYPE_CHECKING:
    import asyncio

    from pos_app.engine.engine import Engine

_log = logging.getLogger("pos_app.gui.engine_thread")
STORE_ANSWERS_WITHIN_S = 20.0
"""A store may ask a person for its password first."""
Work = Callable[["Engine"], Awaitable[Attempt | None]]
Ask = Callable[[Work, Callable[[RequestTaken | RequestFailed], None]], object]
"""Has the engine do something, and hears how it went."""


class EngineThread(QThread):
    """Runs an engine until it is told to stop.

    *Thread*: `ask`, `stop` from the GUI's. Everything the engine needs is
    imported here and not by the window, so that the window paints first.
    """

    def __init__(self, installation: Installation, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("engine")
        self._installation = installation
        self._bridge = bridge
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._stop: asyncio.Event | None = None
        self._stop_wanted = False
        self._asked = 0
        self._failed: TillError | None = None
        self._door = threading.Lock()
        """Between "is it up?" and what follows from the answer."""
        self._held: dict[int, tuple[float, Work]] = {}
        self._kept: set[asyncio.Task[None]] = set()

    def ask(self, work: Work) -> int:
        """Has the engine do something; the answer comes as `RequestTaken` or `RequestFailed` with this number."""
        self._asked += 1
        number = self._asked
        with self._door:
            loop, failed = self._loop, self._failed
            if failed is None and not self._stop_wanted and (loop is None or self._engine is None):
                # Taken, and begun when the engine is up: a till that has just been started refuses nobody.
                self._held[number] = (time.monotonic(), work)
                return number
        if failed is not None:
            self._bridge.post(RequestFailed(number, failed.code, failed.params))
        elif self._stop_wanted or loop is None or loop.is_closed():
            self._bridge.post(RequestFailed(number, "engine.starting", {}))
        else:
            loop.call_soon_threadsafe(self._begin, number, work)
        return number

    def is_held(self, number: int) -> bool:
        """Whether a request still waits for the engine to start."""
        return number in self._held

    def take_back(self, number: int) -> bool:
        """Drops a request that is still held; False where it has begun."""
        return self._held.pop(number, None) is not None

    def _begin_held(self) -> None:
        """What was asked for while the engine started; nothing that somebody wanted too long ago to still want it."""
        while self._held:
            number = next(iter(self._held))
            found = self._held.pop(number, None)
            if found is None:
                continue
            asked_s, work = found
            if time.monotonic() - asked_s > LEAVES_WITHIN_MS / 1000:
                self._bridge.post(RequestFailed(number, "engine.too_late", {}))
            else:
                self._begin(number, work)

    def stop(self) -> None:
        """Stops the engine; what is on its way is written down first. Returns at once: see `wait`."""
        self._stop_wanted = True
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    def run(self) -> None:
        import asyncio  # noqa: PLC0415 - painted first, imported later

        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001 - the border of a thread: nothing ends in silence
            self._fail(faults.as_error(error, "engine"))

    def _fail(self, error: TillError) -> None:
        """It is over, and every request from now on hears why."""
        with self._door:
            self._failed = error
        self._bridge.post(EngineFailed(error.code, error.params))
        for number in list(self._held):
            if self.take_back(number):
                self._bridge.post(RequestFailed(number, error.code, error.params))

    async def _main(self) -> None:
        import asyncio  # noqa: PLC0415 - painted first, imported later

        from pos_app.engine.engine import Counter, Engine  # noqa: PLC0415

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(_note_fault)
        shop = self._installation.settings.shop
        try:
            async with asyncio.timeout(STORE_ANSWERS_WITHIN_S):
                access = await in_daemon_thread(self._installation.access, "password store")
            engine = Engine(
                self._installation.ledger,
                access,
                Counter(shop.cashier, shop.till_label, shop.name),
                self._bridge.post,
            )
        except TimeoutError:
            self._fail(Outside("secrets.no_answer"))
            return
        except Exception as error:  # noqa: BLE001 - a store may raise anything
            self._fail(faults.as_error(error, "start"))
            return
        try:
            await engine.start()
            with self._door:
                self._engine = engine
            self._begin_held()
            if not self._stop_wanted:
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - the border of a thread
            self._fail(faults.as_error(error, "engine"))
        finally:
            self._engine = None
            await engine.stop()

    def _begin(self, number: int, work: Work) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._do(number, work))
        # Kept until it is done: the loop itself holds tasks only weakly.
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def _do(self, number: int, work: Work) -> None:
        engine = self._engine
        if engine is None:
            self._bridge.post(RequestFailed(number, "engine.starting", {}))
            return
        try:
            attempt = await work(engine)
        except Exception as error:  # noqa: BLE001 - whoever asked is answered, whatever it was
            told = faults.as_error(error, "request")
            self._bridge.post(RequestFailed(number, told.code, told.params))
        else:
            self._bridge.post(RequestTaken(number, attempt))


def _note_fault(_loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
    error = about.get("exception")
    if isinstance(error, BaseException):
        faults.note(error, "engine")
    else:
        _log.error("loop: %s", about.get("message", ""))
