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
    named = db.execute("SELECT value FROM facts WHERE name = 'ledger'").fetchone()
    last = db.execute("SELECT id, hash FROM attempt_events ORDER BY id DESC LIMIT 1").fetchone()
    event_id, digest = last if last is not None else (0, b"")
    return Head(named[0] if named is not None else "", event_id, digest.hex())


def write_head(ledger: Path, head: Head) -> None:
    """Puts the head beside the ledger. Where it cannot be written, the ledger counts all the same."""
    target = head_file(ledger)
    draft = target.with_name(target.name + ".part")
    with contextlib.suppress(OSError):
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump([head.ledger, head.event_id, head.hash_hex], file)
        draft.replace(target)


def read_head(ledger: Path) -> Head | None:
    """The head beside a ledger; None where there is none, or a power cut left half of one."""
    try:
        name, event_id, hash_hex = json.loads(head_file(ledger).read_text("ascii"))
    except (OSError, ValueError, TypeError):
        return None
    return Head(name, event_id, hash_hex) if isinstance(event_id, int) else None


def is_behind(db: sqlite3.Connection, head: Head) -> bool:
    """Whether a ledger lacks what its head has seen: its end was cut off, or it is another file."""
    now = head_of(db)
    if now.ledger != head.ledger:
        return True
    if head.event_id == 0:
        return False
    row = db.execute("SELECT hash FROM attempt_events WHERE id = ?", (head.event_id,)).fetchone()
    return row is None or row[0].hex() != head.hash_hex
