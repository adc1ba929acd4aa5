"""A copy of the ledger every day, beside the selling."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pos_app.common.clock import Clock, day_of
from pos_app.common.errors import PosError
from pos_app.engine.updates import Health, Service, ServiceStatusChanged
from pos_app.ledger.backups import backup_of_day

_log = logging.getLogger("pos_app.engine.services.daily_backup")
LOOK_EVERY_S: Final = 600.0


class DailyBackup:
    """Makes each day's copy.

    Args:
        show_status: Shows how the ledger fares.
    """

    name = "daily backup"
    shows = Service.LEDGER

    def __init__(self, ledger: Path, clock: Clock, show_status: Callable[[ServiceStatusChanged], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._show_status = show_status

    async def aclose(self) -> None:
        """Holds nothing between two copies."""

    async def run(self) -> None:
        """Looks now and then, until cancelled. A copy that fails is said, tried again, and stops no sale."""
        while True:
            await self._look(day_of(self._clock.now_ms()))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, day: str) -> None:
        try:
            # With a connection of its own, on a thread of its own: nobody waits for it.
            made = await asyncio.to_thread(backup_of_day, self._ledger, self._ledger.parent / "copies", day)
        except PosError as error:
            _log.warning("the copy of %s was not made: %s", day, error.code)
            self._show_status(ServiceStatusChanged(Service.LEDGER, Health.DEGRADED, "ledger.no_copy"))
        else:
            if made is not None:
                _log.info("the copy of %s is made", day)
                self._show_status(ServiceStatusChanged(Service.LEDGER, Health.OK, "ledger.ready"))
