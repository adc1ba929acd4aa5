"""The only place that reads the time.

Instants are whole milliseconds since 1970 (``*_ms``). Everything a person or
M-PESA reads is East Africa Time by zone, whatever the PC is set to: M-PESA
refuses timestamps of another zone in some reports (docs/mpesa.md, 2.1).
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

# Kenya keeps UTC+3 all year and has done so since 1960: a fixed offset needs no zone database.
EAT = timezone(timedelta(hours=3), "EAT")

EARLIEST_MS = 1_767_214_800_000
"""The first day of 2026 in Kenya: this program is younger, and a clock that shows less is wrong."""

CLOCK_TOLERANCE_MS = 60_000
"""A clock that is wrong by no more is right."""


class Clock(Protocol):
    """What the engine needs to know of time."""

    def now_ms(self) -> int:
        """Wall time in milliseconds since 1970; may step when the PC's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never step back; only differences mean anything."""
        ...


class SystemClock:
    """The PC's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


def to_eat(at_ms: int) -> datetime:
    """The instant as an aware East Africa Time datetime."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(EAT)


def day_of(at_ms: int) -> str:
    """The business day (``YYYY-MM-DD``, East Africa Time) an instant belongs to."""
    return to_eat(at_ms).strftime("%Y-%m-%d")


def minutes_wrong(ahead_ms: int | None) -> int:
    """By how many minutes a clock is wrong; 0 for right.

    Args:
        ahead_ms: How far it is before the right one; None where nobody said what time it is.
    """
    return round(ahead_ms / 60_000) if ahead_ms is not None and abs(ahead_ms) > CLOCK_TOLERANCE_MS else 0


def parse_day(text: str) -> date:
    """Reads ``YYYY-MM-DD``.

    Raises:
        ValueError: for anything else.
    """
    if len(text) != 10 or not text.isascii():
        raise ValueError(text)
    return date.fromisoformat(text)


def mpesa_timestamp(at_ms: int) -> str:
    """``YYYYMMDDHHmmss`` in East Africa Time, as M-PESA wants it (docs/mpesa.md, 2.1)."""
    return to_eat(at_ms).strftime("%Y%m%d%H%M%S")
