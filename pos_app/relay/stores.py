"""Which store an address names."""

from __future__ import annotations

from pathlib import Path

from pos_app.errors import Mistake
from pos_app.relay.store import Store
from pos_app.relay.store_sqlite import SqliteStore


def is_postgres(address: str) -> bool:
    """Whether an address names a PostgreSQL database, and not a file."""
    return address.startswith(("postgresql://", "postgres://"))


def open_store(address: str) -> Store:
    """Opens the store of an address: a file's path, or ``postgresql://…``.

    Raises:
        Mistake: ``relay.no_postgres`` where its library is not installed.
        Outside: ``relay.store``.
    """
    if not is_postgres(address):
        return SqliteStore(Path(address).expanduser())
    try:
        from pos_app.relay.store_postgres import PostgresStore  # noqa: PLC0415 - only where it is used
    except ImportError:
        raise Mistake("relay.no_postgres") from None
    return PostgresStore(address)
