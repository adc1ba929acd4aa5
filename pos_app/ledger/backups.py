"""Copies of the ledger: made by hand and once a day, thinned out, and put back."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pos_app.common.errors import Mistake, Outside
from pos_app.common.files import sync_folder, write_private
from pos_app.common.paths import keep_private, make_private
from pos_app.ledger.db import copy_to, key_beside, key_file, key_of_copy, open_reader
from pos_app.ledger.edition import refuse_first_edition
from pos_app.ledger.integrity.chain_head import head_file, head_of, is_behind, read_head, write_head
from pos_app.ledger.integrity.encryption import open_vault
from pos_app.ledger.integrity.identity import is_its_key
from pos_app.ledger.one_writer import only_writer
from pos_app.ledger.verify import Verdict, verify

KEPT_DAYS: Final = 14
KEPT_MONTHS: Final = 12
_DAILY: Final = re.compile(r"day-([0-9]{4}-[0-9]{2}-[0-9]{2})\.sqlite3\Z")


def backup(ledger: Path, target: Path) -> None:
    """Writes a checked copy of the ledger, and its key beside it, while the till may go on.

    The key comes first: a copy without one is found useless only when it is needed.

    Raises:
        Mistake: ``file.exists``.
        Outside: ``ledger.…``, ``copy.bad`` or ``file.unwritable``.
    """
    if target.exists():
        raise Mistake("file.exists", path=str(target))
    with closing(open_reader(ledger)) as db:
        _copy_key(ledger, target)
        try:
            copy_to(db, target)
        except BaseException:
            key_of_copy(target).unlink(missing_ok=True)
            raise


def _copy_key(ledger: Path, copy: Path) -> None:
    target = key_of_copy(copy)
    try:
        key = key_file(ledger).read_bytes()
        make_private(target.parent)
    except OSError:
        raise Outside("file.unwritable", path=str(target)) from None
    write_private(target, key, code="file.unwritable")


def backup_of_day(ledger: Path, folder: Path, day: str) -> Path | None:
    """The copy of a day, if there is none yet; then the oldest are thinned out.

    Returns:
        The new copy; None where the day has one.

    Raises:
        Outside: as `backup`.
    """
    target = folder / f"day-{day}.sqlite3"
    if target.exists():
        if not key_of_copy(target).exists():
            _copy_key(ledger, target)
        return None
    with contextlib.suppress(OSError):
        # Where it cannot be made, writing the copy says so.
        keep_private(folder)
    backup(ledger, target)
    _thin_out(folder, day)
    return target


def _thin_out(folder: Path, today: str) -> None:
    """Keeps two weeks of days and the first copy of each of twelve months; other copies are never touched.

    Those of days to come were made by a clock that was ahead. They count for nothing, and wait until their day is past.
    """
    found_days = {found: _DAILY.match(found.name) for found in folder.iterdir()}
    past = {found: match.group(1) for found, match in found_days.items() if match and match.group(1) <= today}
    days = sorted(past, key=lambda found: past[found], reverse=True)
    first_of_month = {past[found][:7]: found for found in days}
    months = sorted(first_of_month, reverse=True)[:KEPT_MONTHS]
    kept = {*days[:KEPT_DAYS], *(first_of_month[month] for month in months)}
    for found in days:
        if found not in kept:
            with contextlib.suppress(OSError):
                found.unlink()
                key_of_copy(found).unlink(missing_ok=True)


def copies_in(folder: Path) -> list[Path]:
    """The copies there are, newest first."""
    if not folder.is_dir():
        return []
    return sorted(folder.glob("*.sqlite3"), key=lambda found: (found.stat().st_mtime_ns, found.name), reverse=True)


def last_good(folder: Path) -> Path | None:
    """The newest copy that is whole and fits together."""
    for found in copies_in(folder):
        with contextlib.suppress(Outside):
            if not verify(found).findings:
                return found
    return None


def check_copy(copy: Path, environment: str, *, even_if_changed: bool = False) -> Verdict:
    """Whether a copy may be put back.

    Raises:
        Mistake: ``file.missing``, ``copy.other_environment`` for another M-PESA's sales,
            ``copy.changed`` (row, found) where it does not fit together.
        Outside: ``copy.bad``; ``ledger.first_edition``.
    """
    if not copy.is_file():
        raise Mistake("file.missing", path=str(copy))
    try:
        verdict = verify(copy)
    except Outside as error:
        if error.code == "ledger.first_edition":
            raise
        raise Outside("copy.bad", path=str(copy)) from error
    if any(finding.check == "file" for finding in verdict.findings):
        raise Outside("copy.bad", path=str(copy))
    if verdict.environment != environment:
        raise Mistake("copy.other_environment", path=str(copy), found=verdict.environment, wanted=environment)
    if verdict.findings and not even_if_changed:
        first = verdict.findings[0]
        raise Mistake("copy.changed", path=str(copy), row=first.row, found=first.found)
    return verdict


def restore(copy: Path, ledger: Path, environment: str = "practice", *, even_if_changed: bool = False) -> Path | None:
    """Puts a copy in the ledger's place. What was there is kept beside it under another name.

    Killed at any moment and done again, it goes on where it was: what was there is never parted from its WAL.

    Returns:
        Where the old ledger is now; None where there was none.

    Raises:
        Mistake, Outside: as `check_copy` (then nothing was changed); ``copy.no_key`` for a copy that nothing opens;
            ``file.unwritable``; ``ledger.in_use``; ``ledger.first_edition`` for what lies there.
    """
    refuse_first_edition(ledger)
    check_copy(copy, environment, even_if_changed=even_if_changed)
    key = _key_for(copy, ledger)
    draft = ledger.with_name(ledger.name + ".restoring")
    try:
        make_private(ledger.parent)
    except OSError:
        raise Outside("file.unwritable", path=str(ledger)) from None
    with only_writer(ledger):
        try:
            with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as source:
                copy_to(source, draft)
            stamp = _stamp_of(ledger)
            kept = _put_aside(ledger, stamp)
            head_file(ledger).unlink(missing_ok=True)
            _restore_key(key, ledger, stamp)
            draft.replace(ledger)
            # From here on nothing is left to go on with.
            _note_of(ledger).unlink(missing_ok=True)
            sync_folder(ledger.parent)
            with closing(open_reader(ledger)) as db:
                write_head(ledger, head_of(db))
        except (OSError, sqlite3.Error) as error:
            raise Outside("file.unwritable", path=str(ledger)) from error
    return kept


def accept_missing_end(ledger: Path, environment: str = "practice") -> Missing:
    """Accepts a ledger whose end is missing as it is: the events that its head has seen are gone, and it goes on.

    Returns:
        What is missing.

    Raises:
        Mistake: ``copy.whole`` where nothing is missing; else as `check_copy`.
        Outside: ``ledger.…``
    """
    missing = missing_end(ledger)
    if missing is None:
        raise Mistake("copy.whole", path=str(ledger))
    check_copy(ledger, environment, even_if_changed=True)
    with only_writer(ledger), closing(open_reader(ledger)) as db:
        write_head(ledger, head_of(db))
    return missing


@dataclass(frozen=True, slots=True)
class Missing:
    """What a ledger lacks of what was written once.

    Args:
        has: Its newest event.
        had: The newest event that its head has seen.
        is_other: Another ledger, or another branch of it, and not only a shorter one.
    """

    has: int
    had: int
    is_other: bool


def missing_end(ledger: Path) -> Missing | None:
    """What the head beside a ledger knows and the ledger does not hold; None where nothing is missing.

    Raises:
        Outside: ``ledger.…``
    """
    before = read_head(ledger)
    with closing(open_reader(ledger)) as db:
        if before is None or not is_behind(db, before):
            return None
        now = head_of(db)
    is_other = now.ledger != before.ledger or now.event_id >= before.event_id
    return Missing(now.event_id, before.event_id, is_other)


def _key_for(copy: Path, ledger: Path) -> Path:
    """The key that opens a copy: its own beside it, else the ledger's of now where it fits.

    Raises:
        Mistake: ``copy.no_key`` (path, key).
    """
    with closing(open_reader(copy)) as db:
        facts = dict(db.execute("SELECT name, value FROM ledger_facts").fetchall())
    for found in (key_beside(copy), key_file(ledger)):
        if found is None or not found.is_file():
            continue
        with contextlib.suppress(Outside):
            # One that was never written to has no facts, and nothing sealed.
            if not facts or is_its_key(open_vault(found, may_create=False), facts):
                return found
    raise Mistake("copy.no_key", path=str(copy), key=str(key_of_copy(copy)))


def _note_of(ledger: Path) -> Path:
    """Holds the stamp of a restore until it is done."""
    return ledger.with_name(ledger.name + ".restore-note")


def _stamp_of(ledger: Path) -> str:
    """The stamp under which what was there is kept; that of a restore which was cut short goes on."""
    note = _note_of(ledger)
    with contextlib.suppress(OSError):
        found = note.read_text("ascii").strip()
        # With a ledger in place and one kept under that stamp, the restore of then was done but for its note.
        is_under_way = not (ledger.exists() and _kept_as(ledger, found).exists())
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", found) and is_under_way:
            return found
    stamp = _fresh_stamp(ledger)
    write_private(note, stamp.encode(), code="file.unwritable")
    return stamp


def _kept_as(ledger: Path, stamp: str) -> Path:
    return ledger.with_name(f"replaced-{stamp}-{ledger.name}")


def _fresh_stamp(ledger: Path) -> str:
    """One under which nothing is kept yet: what is kept is never overwritten."""
    at = datetime.now(UTC)
    while _kept_as(ledger, stamp := at.strftime("%Y%m%dT%H%M%SZ")).exists():
        at += timedelta(seconds=1)
    return stamp


def _put_aside(ledger: Path, stamp: str) -> Path | None:
    """Moves what is there under another name, its WAL with it. The WAL is emptied first where that can be done."""
    kept = _kept_as(ledger, stamp)
    if ledger.exists():
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(ledger, timeout=1.0)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    parts = [ledger.with_name(ledger.name + suffix) for suffix in ("", "-wal", "-shm")]
    for part, suffix in zip(parts, ("", "-wal", "-shm"), strict=True):
        target = kept.with_name(kept.name + suffix)
        if part.exists() and not target.exists():
            part.rename(target)
    sync_folder(ledger.parent)
    if not kept.exists():
        return None
    if key_file(ledger).is_file() and not key_of_copy(kept).exists():
        write_private(key_of_copy(kept), key_file(ledger).read_bytes(), code="file.unwritable")
    return kept


def _restore_key(source: Path, ledger: Path, stamp: str) -> None:
    target = key_file(ledger)
    if source == target:
        return
    key = source.read_bytes()
    if target.exists() and target.read_bytes() != key:
        target.rename(target.with_name(f"replaced-{stamp}-{target.name}"))
    write_private(target, key, code="file.unwritable")
