"""The engine's thread: a QThread whose run() is one asyncio loop."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QThread

from pos_app.common import faults
from pos_app.common.errors import Outside, PosError
from pos_app.common.threads import in_daemon_thread
from pos_app.domain.stk.schedule import LEAVES_WITHIN_MS
from pos_app.engine.commands import Command, Sender
from pos_app.engine.updates import EngineFailed
from pos_app.gui.runtime.bridge import Bridge
from pos_app.gui.runtime.request import Reply
from pos_app.installation.installation import Installation
from pos_app.practice.phone import PhoneCommand

if TYPE_CHECKING:
    import asyncio

    from pos_app.bootstrap import Runtime

_log = logging.getLogger("pos_app.gui.engine_thread")
STORE_ANSWERS_WITHIN_S = 20.0
"""A store may ask a person for its password first."""
Wish = Command[Any] | PhoneCommand


class EngineThread(QThread):
    """Runs an engine until it is told to stop.

    *Thread*: `execute`, `stop` from the GUI's. Everything the engine needs is
    imported here and not by the window, so that the window paints first.
    """

    def __init__(self, installation: Installation, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("engine")
        self._installation = installation
        self._bridge = bridge
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runtime: Runtime | None = None
        self._stop: asyncio.Event | None = None
        self._stop_wanted = False
        self._failed: PosError | None = None
        self._door = threading.Lock()
        """Between "is it up?" and what follows from the answer."""
        self._held: dict[int, tuple[float, Wish, Sender]] = {}
        self._kept: set[asyncio.Task[None]] = set()

    def execute(self, number: int, wish: Wish, sender: Sender) -> None:
        """Has the engine do something; its `Reply` has this number."""
        with self._door:
            loop, failed = self._loop, self._failed
            if failed is None and not self._stop_wanted and (loop is None or self._runtime is None):
                # Taken, and begun when the engine is up: a till that has just been started refuses nobody.
                self._held[number] = (time.monotonic(), wish, sender)
                return
        if failed is not None:
            self._bridge.post(Reply(number, error=failed))
        elif self._stop_wanted or loop is None or loop.is_closed():
            self._bridge.post(Reply(number, error=Outside("engine.starting")))
        else:
            loop.call_soon_threadsafe(self._begin, number, wish, sender)

    def is_held(self, number: int) -> bool:
        """Whether a command still waits for the engine to start."""
        return number in self._held

    def take_back(self, number: int) -> bool:
        """Drops a command that is still held; False where it has begun."""
        return self._held.pop(number, None) is not None

    def _begin_held(self) -> None:
        """What was asked for while the engine started; nothing that somebody wanted too long ago to still want it."""
        while self._held:
            number = next(iter(self._held))
            found = self._held.pop(number, None)
            if found is None:
                continue
            asked_s, wish, sender = found
            if time.monotonic() - asked_s > LEAVES_WITHIN_MS / 1000:
                self._bridge.post(Reply(number, error=Outside("engine.too_late")))
            else:
                self._begin(number, wish, sender)

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

    def _fail(self, error: PosError) -> None:
        """It is over, and every command from now on hears why."""
        with self._door:
            self._failed = error
        self._bridge.post(EngineFailed(error.code, error.params))
        for number in list(self._held):
            if self.take_back(number):
                self._bridge.post(Reply(number, error=error))

    async def _main(self) -> None:
        import asyncio  # noqa: PLC0415 - painted first, imported later

        from pos_app.bootstrap import Runtime  # noqa: PLC0415

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(_note_fault)
        try:
            async with asyncio.timeout(STORE_ANSWERS_WITHIN_S):
                access = await in_daemon_thread(self._installation.access, "password store")
            runtime = Runtime(self._installation, access, self._bridge.post)
        except TimeoutError:
            self._fail(Outside("secrets.no_answer"))
            return
        except Exception as error:  # noqa: BLE001 - a store may raise anything
            self._fail(faults.as_error(error, "start"))
            return
        try:
            await runtime.start()
            with self._door:
                self._runtime = runtime
            self._begin_held()
            if not self._stop_wanted:
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - the border of a thread
            self._fail(faults.as_error(error, "engine"))
        finally:
            self._runtime = None
            await runtime.stop()

    def _begin(self, number: int, wish: Wish, sender: Sender) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._do(number, wish, sender))
        # Kept until it is done: the loop itself holds tasks only weakly.
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def _do(self, number: int, wish: Wish, sender: Sender) -> None:
        runtime = self._runtime
        if runtime is None:
            self._bridge.post(Reply(number, error=Outside("engine.starting")))
            return
        try:
            result: object = None
            if isinstance(wish, Command):
                result = await runtime.execute(wish, sender)
            else:
                await runtime.use_phone(wish)
        except Exception as error:  # noqa: BLE001 - whoever asked is answered, whatever it was
            self._bridge.post(Reply(number, error=faults.as_error(error, "command")))
        else:
            self._bridge.post(Reply(number, result))


def _note_fault(_loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
    error = about.get("exception")
    if isinstance(error, BaseException):
        faults.note(error, "engine")
    else:
        _log.error("loop: %s", about.get("message", ""))
