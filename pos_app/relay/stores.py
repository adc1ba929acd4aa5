"""Which store an address names."""

from __future__ import annotations

from pathlib import Path

from pos_app.common.errors import Mistake
from pos_app.relay.store import Store
from pos_app.relay.store_sqlite import SqliteStore


def is_postgres(address: str) -> bool:
    """Whether an address names a PostgreSQL database, and not a file."""
    return address.startswith(("postgresql://", "postgres://"))


def open_store(address: str, *, must_exist: bool = False) -> Store:
    """Opens the store of an address: a file's path, or ``postgresql://…``.

    Args:
        must_exist: For what only reads or changes: nothing is made where there is no mailbox.

    Raises:
        Mistake: ``relay.no_postgres`` where its library is not installed, ``relay.no_mailbox`` where there must be
            one, ``relay.not_a_mailbox`` for a file that is something else, ``relay.address`` for a password that an
            address cannot hold as it is.
        Outside: ``relay.store``, ``relay.postgres``.
    """
    if not is_postgres(address):
        return SqliteStore(Path(address).expanduser(), must_exist=must_exist)
    try:
        from pos_app.relay.store_postgres import PostgresStore  # noqa: PLC0415 - only where it is used
    except ImportError:
        raise Mistake("relay.no_postgres") from None
    return PostgresStore(address, must_exist=must_exist)
