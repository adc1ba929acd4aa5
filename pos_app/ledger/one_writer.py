"""One writer a ledger, wherever its file lies: the lock stands beside the ledger, not beside the settings.

Two installations whose folders are one (a share, a link, a synchronised folder) must not both write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from pos_app.common.errors import Outside
from pos_app.common.paths import keep_private


def lock_file(ledger: Path) -> Path:
    """The lock of a ledger."""
    return ledger.resolve().with_suffix(".lock")


def hold(ledger: Path) -> filelock.BaseFileLock:
    """Takes a ledger's lock; whoever holds it lets go by `release`, or by ending, however that happens.

    Raises:
        Outside: ``ledger.in_use``, or ``ledger.read_only`` where no lock can be made.
    """
    try:
        keep_private(ledger.parent)
        lock = filelock.FileLock(lock_file(ledger), timeout=0, mode=0o600)
        lock.acquire()
    except filelock.Timeout:
        raise Outside("ledger.in_use") from None
    except (OSError, NotImplementedError):
        raise Outside("ledger.read_only", path=str(ledger), copies="") from None
    return lock


@contextmanager
def only_writer(ledger: Path) -> Iterator[None]:
    """Holds a ledger's lock for a while; raises as `hold`."""
    lock = hold(ledger)
    try:
        yield
    finally:
        lock.release()
