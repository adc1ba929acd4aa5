"""One till per installation: a lock on the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import filelock

from pos_app.common.errors import Mistake, Outside
from pos_app.common.paths import Home, make_private


@contextmanager
def only_one(home: Home) -> Iterator[None]:
    """Holds the installation's lock. The system lets go of it when the process ends, however it ends.

    Raises:
        Mistake: ``ledger.in_use``.
        Outside: ``ledger.read_only``.
    """
    try:
        make_private(home.data)
        lock = filelock.FileLock(home.lock_file, timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise Mistake("ledger.in_use") from None
    except (OSError, NotImplementedError):
        raise Outside("ledger.read_only", path=str(home.data), copies="") from None
    try:
        yield
    finally:
        lock.release()
