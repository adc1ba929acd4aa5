"""A copy of the ledger every day, beside the selling."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pos_app.common.clock import Clock, day_of
from pos_app.common.errors import TillError
from pos_app.engine.events import Light, LightChanged, Status
from pos_app.ledger.copies import backup_of_day

_log = logging.getLogger("pos_app.engine.copies")
LOOK_EVERY_S: Final = 600.0


async def keep_copies(ledger: Path, clock: Clock, tell: Callable[[LightChanged], None]) -> None:
    """Makes each day's copy, until cancelled. One that fails is said, tried again, and stops no sale."""
    while True:
        day = day_of(clock.now_ms())
        try:
            # With a connection of its own, on a thread of its own: nobody waits for it.
            made = await asyncio.to_thread(backup_of_day, ledger, ledger.parent / "copies", day)
        except TillError as error:
            _log.warning("the copy of %s was not made: %s", day, error.code)
            tell(LightChanged(Light.LEDGER, Status.BUSY, "ledger.no_copy"))
        else:
            if made is not None:
                _log.info("the copy of %s is made", day)
                tell(LightChanged(Light.LEDGER, Status.READY, "ledger.ready"))
        await asyncio.sleep(LOOK_EVERY_S)
