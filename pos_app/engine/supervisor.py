"""Runs the background duties: one that falls over begins again and says so, and no error passes in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from pos_app.common.clock import Clock
from pos_app.common.errors import PosError
from pos_app.engine import updates
from pos_app.engine.status_board import StatusBoard

_log = logging.getLogger("pos_app.engine")
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Before a service that fell over begins again."""


class BackgroundService(Protocol):
    """One duty, for as long as the till runs."""

    @property
    def name(self) -> str:
        """Its name in the log, and in what is said where it falls over."""

    @property
    def shows(self) -> updates.Service | None:
        """Whose status shows that it fell over; None for nobody's."""

    async def run(self) -> None:
        """Works until it is cancelled."""

    async def aclose(self) -> None:
        """Lets go of what it holds."""


class Supervisor:
    """Starts services and single tasks, and ends them.

    Args:
        emit: Tells what fell over.
    """

    def __init__(self, clock: Clock, board: StatusBoard, emit: Callable[[updates.Update], None]) -> None:
        self._clock = clock
        self._board = board
        self._emit = emit
        self._tasks: set[asyncio.Task[None]] = set()
        self._services: list[BackgroundService] = []

    def start(self, service: BackgroundService) -> None:
        """Runs a service from now on."""
        self._services.append(service)
        self.spawn(self._keep_up(service), service.name)

    async def _keep_up(self, service: BackgroundService) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = self._clock.monotonic_s()
            try:
                await service.run()
            except Exception:  # noqa: BLE001 - a border: it becomes visible, is logged, and work goes on
                _log.exception("%s fell over and begins again", service.name)
            else:
                return
            if self._clock.monotonic_s() - began_s > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            self._emit(updates.EngineFailed("engine.part_again", {"part": service.name}))
            if service.shows is not None:
                self._board.show(
                    updates.ServiceStatusChanged(service.shows, updates.Health.DOWN, "engine.part_again", service.name)
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Starts a task of its own."""
        task = asyncio.create_task(self._watch(work, name), name=name)
        self._tasks.add(task)

        def done(_task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            # A task that is cancelled before its first step never awaited its work.
            work.close()

        task.add_done_callback(done)
        return task

    async def _watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """The one place where an unexpected error is caught: it becomes visible, and is logged."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except PosError as error:
            _log.error("%s: %s", name, error)
            self._emit(updates.EngineFailed(error.code, error.params))
        except Exception:  # noqa: BLE001 - the one place, and it hides nothing
            _log.exception("%s fell over", name)
            self._emit(updates.EngineFailed("engine.bug", {"part": name}))

    async def cancel(self) -> None:
        """Ends all that runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Lets go of what the services hold; one that cannot is in the log, and keeps no other from it."""
        for service in self._services:
            try:
                await service.aclose()
            except Exception:  # noqa: BLE001 - the end of everything: all is tried
                _log.exception("%s did not close", service.name)
        self._services.clear()
