"""Ledgers of the first edition: what is open in one is listed, and it is set aside whole.

This program does not read sales from them. Setting one aside moves it with everything that belongs to it into a folder
of its own beside the place where the new ledger begins.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pos_app.common.errors import Mistake, Outside
from pos_app.common.files import sync_folder
from pos_app.common.paths import make_private
from pos_app.ledger.db import converting
from pos_app.ledger.edition import ASIDE, UNFINISHED, is_aside, is_first_edition, is_second_edition, unfinished
from pos_app.ledger.one_writer import only_writer

_MOST: Final = 500
_OPEN_PROMPTS: Final = (
    "SELECT s.reference, a.amount_cents, a.phone_head || '•••' || a.phone_last3, a.created_at_ms FROM attempts a"
    " JOIN sales s ON s.id = a.sale_id"
    " WHERE a.state IN ('ready', 'sending', 'pending', 'unknown') OR a.review <> ''"
    " OR (a.state <> 'paid' AND (a.said_paid_at_ms IS NOT NULL OR a.heard_code IS NOT NULL)) ORDER BY a.id LIMIT ?"
)
_FREE_PAYMENTS: Final = (
    "SELECT mpesa_code, amount_cents, '•••' || phone_last3, paid_at_ms FROM till_payments WHERE use = ''"
    " ORDER BY id LIMIT ?"
)


class MatterKind(StrEnum):
    """What stands open in an old ledger."""

    PROMPT = "prompt"
    """It may still be paid, or "paid" was said of it."""
    PAYMENT = "payment"
    """Made straight to the shop's number, and no sale has it."""


@dataclass(frozen=True, slots=True)
class OpenMatter:
    """Something in an old ledger that nobody knows the end of.

    Args:
        reference: Of the sale; the M-PESA code of a payment that no sale has.
        phone_masked: As far as it shows.
        at_ms: When it was asked for, or paid.
        kind: What it is.
    """

    reference: str
    amount_cents: int
    phone_masked: str
    at_ms: int
    kind: MatterKind


def open_matters(ledger: Path) -> list[OpenMatter]:
    """Open prompts and unmatched money of a ledger of the first edition, the oldest first; 500 of each at most.

    Raises:
        Outside: ``ledger.…``, where it cannot be read.
    """
    uri = f"{ledger.absolute().as_uri()}?mode=ro"
    with converting(ledger), closing(sqlite3.connect(uri, uri=True)) as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        prompts = db.execute(_OPEN_PROMPTS, (_MOST,)).fetchall()
        # The oldest ones have no list of payments.
        payments = db.execute(_FREE_PAYMENTS, (_MOST,)).fetchall() if "till_payments" in tables else []
    return [_matter(row, MatterKind.PROMPT) for row in prompts] + [_matter(row, MatterKind.PAYMENT) for row in payments]


def _matter(row: tuple[str, int, str, int], kind: MatterKind) -> OpenMatter:
    reference, amount_cents, phone_masked, at_ms = row
    return OpenMatter(reference, amount_cents, phone_masked, at_ms, kind)


def set_aside(ledger: Path, day: str) -> Path:
    """Moves a ledger of the first edition, with key, head and copies, into a folder of its own.

    Whatever cuts it short, doing it again finishes it: nothing is parted from what belongs to it.

    Args:
        day: Of today; names the folder.

    Returns:
        The folder.

    Raises:
        Mistake: ``first_edition.none`` where there is none; ``file.exists``: nothing is overwritten.
        Outside: ``ledger.in_use``; ``file.unwritable``.
    """
    with only_writer(ledger):
        begun = unfinished(ledger)
        if begun is None and not is_first_edition(ledger):
            raise Mistake("first_edition.none")
        try:
            folder = begun or _new_folder(ledger, day)
            make_private(folder)
            sync_folder(ledger.parent)
            _move(ledger, folder)
            sync_folder(folder)
            sync_folder(ledger.parent)
            whole = folder.with_suffix("")
            folder.rename(whole)
            sync_folder(ledger.parent)
        except OSError as error:
            raise Outside("file.unwritable", path=str(ledger.parent)) from error
    return whole


def _move(ledger: Path, folder: Path) -> None:
    """All that lies beside it. The ledger goes last: where it is gone, or this edition's lies there, all was moved."""
    if not ledger.exists() or is_second_edition(ledger):
        return
    for found in _belongings(ledger):
        target = folder / found.name
        if found.name == f"{ledger.name}-shm":
            # SQLite's own index of the WAL, made by whoever looked; the WAL makes it anew.
            found.unlink()
        elif not target.exists():
            found.replace(target)
        elif found.is_file() and found.stat().st_size == 0:
            # Made by whoever looked into the ledger after its own had been moved.
            found.unlink()
        else:
            raise Mistake("file.exists", path=str(target))


def was_set_aside(ledger: Path) -> bool:
    """Whether this ledger began in the place of one of the first edition."""
    return any(is_aside(found) for found in ledger.parent.glob(f"{ASIDE}-*"))


def _new_folder(ledger: Path, day: str) -> Path:
    names = (f"{ASIDE}-{day}" if number == 1 else f"{ASIDE}-{day}-{number}" for number in itertools.count(1))
    name = next(name for name in names if not os.path.lexists(ledger.parent / name))
    return ledger.parent / f"{name}{UNFINISHED}"


def _belongings(ledger: Path) -> list[Path]:
    """All that lies in its folder, which is its own: copies, key, head, what was exported, practice's relay.

    The ledger itself goes last. Locks stay, and ledgers that were set aside before.
    """
    found = (one for one in sorted(ledger.parent.iterdir()) if one.suffix != ".lock" and not one.name.startswith(ASIDE))
    return sorted(found, key=lambda one: one == ledger)
