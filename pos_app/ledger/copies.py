"""Copies of the ledger, and putting one back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pos_app.errors import Mistake, Outside
from pos_app.ledger.db import copy_to, key_file, open_reader
from pos_app.ledger.verify import verify
from pos_app.paths import make_private


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
        shutil.copyfile(key_file(ledger), _key_of_copy(target))
        _key_of_copy(target).chmod(0o600)
    except OSError:
        raise Outside("file.unwritable", path=str(_key_of_copy(target))) from None


def restore(copy: Path, ledger: Path) -> Path | None:
    """Puts a copy in the ledger's place. What was there is kept beside it under another name.

    Returns:
        Where the old ledger is now; None where there was none.

    Raises:
        Mistake: ``file.missing``.
        Outside: ``copy.bad`` (then nothing was changed) or ``file.unwritable``.
    """
    if not copy.is_file():
        raise Mistake("file.missing", path=str(copy))
    _refuse_bad(copy)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept: Path | None = None
    draft = ledger.with_name(ledger.name + ".restoring")
    try:
        make_private(ledger.parent)
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as source:
            copy_to(source, draft)
        if ledger.exists():
            kept = ledger.with_name(f"replaced-{stamp}-{ledger.name}")
            for suffix in ("-wal", "-shm", ""):
                part = ledger.with_name(ledger.name + suffix)
                if part.exists():
                    part.rename(kept.with_name(kept.name + suffix))
        draft.replace(ledger)
        _restore_key(copy, ledger, stamp)
    except (OSError, sqlite3.Error) as error:
        raise Outside("file.unwritable", path=str(ledger)) from error
    return kept


def _key_of_copy(copy: Path) -> Path:
    return copy.with_name(copy.name + ".key")


def _restore_key(copy: Path, ledger: Path, stamp: str) -> None:
    source, target = _key_of_copy(copy), key_file(ledger)
    if not source.is_file():
        return
    if target.exists() and target.read_bytes() != source.read_bytes():
        target.rename(target.with_name(f"replaced-{stamp}-{target.name}"))
    shutil.copyfile(source, target)
    target.chmod(0o600)


def _refuse_bad(copy: Path) -> None:
    try:
        findings = verify(copy).findings
    except Outside as error:
        raise Outside("copy.bad", path=str(copy)) from error
    if any(finding.check == "file" for finding in findings):
        raise Outside("copy.bad", path=str(copy))
