"""Old mail goes by itself: what was read after days, what nobody read after weeks."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Final

from pos_app.common.errors import Outside
from pos_app.relay.store import TRUSTED, Devices

_log = logging.getLogger("pos_app.relay.retention")
_DAY_MS: Final = 86_400_000
_EVERY_S: Final = 3_600.0
_OFF_FOR_MS: Final = 2 * _DAY_MS
"""So long a relay may have been switched off without its clock being doubted."""
_HELD: Final = "held_ms"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long mail is kept, in days after it came; and how long a claim is."""

    read_days: int = 7
    unread_days: int = 35
    claim_days: int = 120

    def purge(self, devices: Devices, now_ms: int, *, passed_ms: int = 0) -> int:
        """Deletes what is too old; how many messages that were.

        Args:
            now_ms: By this machine's clock, which may be wrong.
            passed_ms: How much time has passed since the purge before, by a clock that cannot jump.

        Raises:
            Outside: ``relay.store``.
        """
        trusted_ms = self.trusted(devices, now_ms, passed_ms)
        return devices.purge(
            read_before_ms=trusted_ms - self.read_days * _DAY_MS,
            unread_before_ms=trusted_ms - self.unread_days * _DAY_MS,
            claims_before_ms=trusted_ms - self.claim_days * _DAY_MS,
        )

    def trusted(self, devices: Devices, now_ms: int, passed_ms: int) -> int:
        """The time that mail is judged by. A clock that jumped ahead is believed only after weeks of standing by it.

        Mail that nobody has read is gone for good when it is deleted: it must never go for a wrong clock.
        """
        known_ms, held_ms = devices.fact(TRUSTED), devices.fact(_HELD)
        if now_ms <= known_ms + passed_ms + _OFF_FOR_MS:
            known_ms, held_ms = now_ms, 0
        else:
            known_ms, held_ms = known_ms + passed_ms, held_ms + passed_ms
            if held_ms >= self.unread_days * _DAY_MS:
                known_ms, held_ms = now_ms, 0
        devices.set_fact(TRUSTED, known_ms)
        devices.set_fact(_HELD, held_ms)
        return known_ms


async def keep_tidy(devices: Devices, retention: Retention) -> None:
    """Purges at the start and every hour, beside the work."""
    before_s = time.monotonic()
    while True:
        now_s = time.monotonic()
        passed_ms, before_s = int((now_s - before_s) * 1000), now_s
        try:
            count = await asyncio.to_thread(retention.purge, devices, int(time.time() * 1000), passed_ms=passed_ms)
        except Outside as error:
            _log.warning("old mail could not be deleted: %s", error.code)
        else:
            if count:
                _log.info("%d old messages deleted", count)
        await asyncio.sleep(_EVERY_S)
