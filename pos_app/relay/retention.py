"""Old mail goes by itself: what was read after days, what nobody read after weeks."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Final

from pos_app.errors import Outside
from pos_app.relay.store import Tills

_log = logging.getLogger("pos_app.relay.retention")
_DAY_MS: Final = 86_400_000
_EVERY_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long mail is kept, in days after it came."""

    read_days: int = 7
    unread_days: int = 35

    def purge(self, tills: Tills, now_ms: int) -> int:
        """Deletes what is too old; how many messages that were.

        Raises:
            Outside: ``relay.store``.
        """
        return tills.purge(
            read_before_ms=now_ms - self.read_days * _DAY_MS, unread_before_ms=now_ms - self.unread_days * _DAY_MS
        )


async def keep_tidy(tills: Tills, retention: Retention) -> None:
    """Purges at the start and every hour, beside the work."""
    while True:
        try:
            count = await asyncio.to_thread(retention.purge, tills, int(time.time() * 1000))
        except Outside as error:
            _log.warning("old mail could not be deleted: %s", error.code)
        else:
            if count:
                _log.info("%d old messages deleted", count)
        await asyncio.sleep(_EVERY_S)
