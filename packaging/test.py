"""Runs the tests by room, two rooms at a time, and says how long each took.

    packaging/test.py              every room, the tour on a virtual screen last
    packaging/test.py unit gui     these rooms

What a room printed comes whole when the room ends. After a room that fails no
other begins. A room is a folder of tests; pictures land in build/.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Final

HOUSE: Final = Path(__file__).resolve().parent.parent
PYTEST: Final = (".venv/bin/python", "-m", "pytest", "-q")
# Rooms that decide about money want every branch covered by their own tests: what of pos_app, and the floor in percent.
COVERED: Final = {
    "unit": ("domain", "100"),
    "daraja": ("daraja", "100"),
    "ledger": ("ledger", "99"),
    "exports": ("exports", "99"),
    "engine": ("engine", "97"),
}
# The long ones first: two lanes then end at about the same time.
ROOMS: Final = (
    *("unit", "gui", "e2e", "daraja", "engine", "torture", "install"),
    *("relay", "ledger", "contract", "exports", "receipts", "tour"),
)
# Two processors are what the machines that run this have; a tour by real keys wants the screen's whole attention.
LANES: Final = 2


def main() -> int:
    os.chdir(HOUSE)
    Path("build").mkdir(exist_ok=True)
    folders = {path.parent.name for path in Path("tests").glob("*/test_*.py")}
    if forgotten := folders - set(ROOMS):
        sys.exit(f"test: packaging/test.py does not know the rooms {', '.join(sorted(forgotten))}")
    rooms = sys.argv[1:] or list(ROOMS)
    if unknown := [room for room in rooms if room not in ROOMS]:
        sys.exit(f"test: no room is named {', '.join(unknown)}")
    return Run().rooms(rooms)


class Run:
    """One run of rooms: what failed, and the seconds of each."""

    def __init__(self) -> None:
        self._red: list[str] = []
        self._printing = Lock()
        self._seconds: dict[str, float] = {}

    def rooms(self, rooms: list[str]) -> int:
        """0 when every room was green, else 1."""
        began = time.monotonic()
        with ThreadPoolExecutor(LANES) as lanes:
            list(lanes.map(self._room, [room for room in rooms if room != "tour"]))
        if "tour" in rooms:
            self._room("tour")
        print("\ntime by room, two at a time:")
        for room, seconds in self._seconds.items():
            print(f"{seconds:8.0f} s  {room}")
        print(f"{time.monotonic() - began:8.0f} s  all", flush=True)
        if self._red:
            print(f"\nred: {', '.join(self._red)}", flush=True)
        return 1 if self._red else 0

    def _room(self, room: str) -> None:
        if self._red:
            return
        began = time.monotonic()
        done = subprocess.run(
            _command(room),
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONDONTWRITEBYTECODE": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        with self._printing:
            if done.returncode != 0:
                self._red.append(room)
            self._seconds[room] = time.monotonic() - began
            print(f"\n== {room}: {'green' if done.returncode == 0 else 'RED'}\n{done.stdout}", end="", flush=True)


def _command(room: str) -> list[str]:
    if room == "tour":
        return ["packaging/tour.sh"]
    if room in COVERED:
        source, floor = COVERED[room]
        return ["packaging/coverage.sh", source, f"tests/{room}", floor]
    return [*PYTEST, f"tests/{room}"]


if __name__ == "__main__":
    sys.exit(main())
