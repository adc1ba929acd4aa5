"""The head: how far the chain of events went, kept beside the ledger.

A chain shows what was changed in its middle. That its end was cut off, or that
an older file was put in its place, only somebody outside the file can tell. The
head is written after each commit and not forced to the disk: after a power cut
it may lag behind the ledger, and never runs ahead of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_READINGS: Final = 5
_LINE_BYTES: Final = 127
"""Of every line, however short: what was there before is always overwritten to its end."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event of a ledger.

    Args:
        ledger: The ledger's own random name.
        event_id: Number of the event; 0 for none.
        hash_hex: Its link of the chain.
    """

    ledger: str
    event_id: int
    hash_hex: str


def head_file(ledger: Path) -> Path:
    """Where the head of a ledger stands."""
    return ledger.with_name(ledger.stem + ".head")


def head_of(db: sqlite3.Connection) -> Head:
    """The head as the ledger itself has it."""
    named = db.execute("SELECT value FROM ledger_facts WHERE name = 'ledger'").fetchone()
    last = db.execute("SELECT id, hash FROM ledger_events ORDER BY id DESC LIMIT 1").fetchone()
    event_id, digest = last if last is not None else (0, b"")
    return Head(named[0] if named is not None else "", event_id, digest.hex())


class HeadFile:
    """The head beside a ledger, kept open and overwritten in place: one short write after each commit.

    Where it cannot be written, the ledger counts all the same.
    """

    def __init__(self, ledger: Path) -> None:
        self._path = head_file(ledger)
        self._handle: int | None = None

    def write(self, head: Head) -> None:
        """Puts the head beside the ledger."""
        line = json.dumps([head.ledger, head.event_id, head.hash_hex]).ljust(_LINE_BYTES) + "\n"
        with contextlib.suppress(OSError):
            handle = self._opened()
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, line.encode("ascii"))

    def _opened(self) -> int:
        """The file that stands beside the ledger now: somebody may have taken the one before away."""
        if self._handle is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._handle), self._path.stat()):
                    return self._handle
            self.close()
        self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        return self._handle

    def close(self) -> None:
        """Lets go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def write_head(ledger: Path, head: Head) -> None:
    """Puts the head beside a ledger that nobody has open."""
    file = HeadFile(ledger)
    file.write(head)
    file.close()


def read_head(ledger: Path) -> Head | None:
    """The head beside a ledger; None where there is none, or a power cut left half of one."""
    try:
        name, event_id, hash_hex = json.loads(_whole(head_file(ledger)))
    except (OSError, ValueError, TypeError):
        return None
    return Head(name, event_id, hash_hex) if isinstance(event_id, int) else None


def _whole(file: Path) -> bytes:
    """What two readings agree on: a till may be writing it."""
    seen = b""
    for _ in range(_READINGS):
        before, seen = seen, file.read_bytes()
        if seen == before:
            break
    return seen


def is_behind(db: sqlite3.Connection, head: Head) -> bool:
    """Whether a ledger lacks what its head has seen: its end was cut off, or it is another file."""
    now = head_of(db)
    if now.ledger != head.ledger:
        return True
    if head.event_id == 0:
        return False
    row = db.execute("SELECT hash FROM ledger_events WHERE id = ?", (head.event_id,)).fetchone()
    return row is None or row[0].hex() != head.hash_hex
