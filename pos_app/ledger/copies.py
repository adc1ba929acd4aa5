"""Copies of the ledger: made by hand and once a day, thinned out, and put back."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pos_app.errors import Mistake, Outside
from pos_app.ledger.db import copy_to, key_beside, key_file, key_of_copy, open_reader
from pos_app.ledger.head import head_file, head_of, write_head
from pos_app.ledger.verify import Verdict, verify
from pos_app.paths import make_private

KEPT_DAYS: Final = 14
KEPT_MONTHS: Final = 12
_DAILY: Final = re.compile(r"day-([0-9]{4}-[0-9]{2})-[0-9]{2}\.sqlite3\Z")


def backup(ledger: Path, target: Path) -> None:
    """Writes a checked copy of the ledger, and its key beside it, while the till may go on.

    Raises:
        Mistake: ``file.exists``.
        Outside: ``ledger.…``, ``copy.bad`` or ``file.unwritable``.
    """
    if target.exists():
        raise Mistake("file.exists", path=str(target))
    with closing(open_reader(ledger)) as db:
        copy_to(db, target)
    try:
        shutil.copyfile(key_file(ledger), key_of_copy(target))
        key_of_copy(target).chmod(0o600)
    except OSError:
        raise Outside("file.unwritable", path=str(key_of_copy(target))) from None


def backup_of_day(ledger: Path, folder: Path, day: str) -> Path | None:
    """The copy of a day, if there is none yet; then the oldest are thinned out.

    Returns:
        The new copy; None where the day has one.

    Raises:
        Outside: as `backup`.
    """
    target = folder / f"day-{day}.sqlite3"
    if target.exists():
        return None
    backup(ledger, target)
    _thin_out(folder)
    return target


def _thin_out(folder: Path) -> None:
    """Keeps two weeks of days and the first copy of each of twelve months; other copies are never touched."""
    days = sorted((found for found in folder.iterdir() if _DAILY.match(found.name)), reverse=True)
    first_of_month = {found.name[4:11]: found for found in days}
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
        Outside: ``copy.bad``.
    """
    if not copy.is_file():
        raise Mistake("file.missing", path=str(copy))
    try:
        verdict = verify(copy)
    except Outside as error:
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

    Returns:
        Where the old ledger is now; None where there was none.

    Raises:
        Mistake, Outside: as `check_copy` (then nothing was changed); ``file.unwritable``.
    """
    check_copy(copy, environment, even_if_changed=even_if_changed)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    draft = ledger.with_name(ledger.name + ".restoring")
    try:
        make_private(ledger.parent)
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as source:
            copy_to(source, draft)
        kept = _put_aside(ledger, stamp)
        head_file(ledger).unlink(missing_ok=True)
        _restore_key(copy, ledger, stamp)
        draft.replace(ledger)
        with closing(open_reader(ledger)) as db:
            write_head(ledger, head_of(db))
    except (OSError, sqlite3.Error) as error:
        raise Outside("file.unwritable", path=str(ledger)) from error
    return kept


def _put_aside(ledger: Path, stamp: str) -> Path | None:
    if not ledger.exists():
        return None
    kept = ledger.with_name(f"replaced-{stamp}-{ledger.name}")
    for suffix in ("-wal", "-shm", ""):
        part = ledger.with_name(ledger.name + suffix)
        if part.exists():
            part.rename(kept.with_name(kept.name + suffix))
    if key_file(ledger).is_file():
        shutil.copyfile(key_file(ledger), key_of_copy(kept))
        key_of_copy(kept).chmod(0o600)
    return kept


def _restore_key(copy: Path, ledger: Path, stamp: str) -> None:
    source, target = key_beside(copy), key_file(ledger)
    if source is None or source == target:
        return
    if target.exists() and target.read_bytes() != source.read_bytes():
        target.rename(target.with_name(f"replaced-{stamp}-{target.name}"))
    shutil.copyfile(source, target)
    target.chmod(0o600)
