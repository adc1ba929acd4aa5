"""Opens the ledger's file: pragmas, migrations, and a refusal for what is not ours to change."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final

from pos_app.common.errors import Outside
from pos_app.common.files import sync_folder
from pos_app.common.paths import keep_private, make_private, touch_private
from pos_app.ledger.edition import APPLICATION_ID, refuse_first_edition

BUSY_TIMEOUT_S: Final = 5.0
QUICK_CHECK_BELOW_BYTES: Final = 32 << 20
_HEADER_BYTES: Final = 100

_CODES: Final = {
    sqlite3.SQLITE_NOTADB: "ledger.damaged",
    sqlite3.SQLITE_CORRUPT: "ledger.damaged",
    sqlite3.SQLITE_READONLY: "ledger.read_only",
    sqlite3.SQLITE_PERM: "ledger.read_only",
    sqlite3.SQLITE_FULL: "ledger.disk_full",
    sqlite3.SQLITE_BUSY: "ledger.locked",
    sqlite3.SQLITE_LOCKED: "ledger.locked",
}
_DISK_FULL_IO: Final = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_SHMSIZE)


@contextmanager
def converting(path: Path) -> Iterator[None]:
    """The one converter of what sqlite3 raises; faults of our own SQL pass through.

    Raises:
        Outside: ``ledger.…``, with the path of the file.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise
        raise problem(_name_of(code), path) from error


def _name_of(code: int) -> str:
    if code in _DISK_FULL_IO:
        return "ledger.disk_full"
    return _CODES.get(code & 0xFF, "ledger.unreadable")


def problem(code: str, path: Path) -> Outside:
    """An error about this ledger, naming its copies too."""
    return Outside(code, path=str(path), copies=str(path.parent / "copies"))


def open_writer(path: Path) -> sqlite3.Connection:
    """Opens the ledger for the one thread that writes it, creating or migrating it where needed.

    Before a migration a copy goes to ``copies/``. A file that is newer, foreign,
    damaged or gone is refused and left as it is: an empty ledger is never
    started in place of one that was there.

    Raises:
        Outside: ``ledger.newer``, ``.first_edition``, ``.foreign``, ``.damaged``, ``.read_only``, ``.disk_full``,
            ``.locked``, ``.vanished`` or ``.unreadable``.
    """
    refuse_first_edition(path)
    if not path.exists() and key_file(path).exists():
        raise problem("ledger.vanished", path)
    try:
        keep_private(path.parent)
        _refuse_truncated(path)
        touch_private(path)
    except OSError:
        raise problem("ledger.read_only", path) from None
    with converting(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            _refuse_foreign(connection, path)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            _migrate(connection, path)
            _check(connection, path)
            # A first write tells a read-only file now and not in the middle of a sale.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE cursors SET position = position WHERE mailbox = ''")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Opens the ledger read-only; works beside an open till.

    Raises:
        Outside: as `open_writer`; ``ledger.missing`` where there is none.
    """
    if not path.exists():
        raise problem("ledger.vanished" if key_file(path).exists() else "ledger.missing", path)
    refuse_first_edition(path)
    _refuse_truncated(path)
    with converting(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if _refuse_foreign(connection, path) == 0:
                raise problem("ledger.missing", path)
            connection.row_factory = sqlite3.Row
        except BaseException:
            connection.close()
            raise
    return connection


def key_file(path: Path) -> Path:
    """The key to the sealed phone numbers, beside the ledger."""
    return path.with_name("ledger.key")


def key_of_copy(copy: Path) -> Path:
    """The same beside a copy."""
    return copy.with_name(copy.name + ".key")


def key_beside(path: Path) -> Path | None:
    """The key that stands beside a ledger or a copy."""
    return next((found for found in (key_of_copy(path), key_file(path)) if found.is_file()), None)


def migrations() -> list[tuple[int, str]]:
    """Number and SQL of every schema file, in order."""
    folder = resources.files("pos_app.ledger") / "schema"
    files = sorted(file.name for file in folder.iterdir() if re.fullmatch(r"[0-9]{4}_\w+\.sql", file.name))
    return [(int(name[:4]), (folder / name).read_text("utf-8")) for name in files]


_SETS: Final = ("tender_kinds", "event_kinds", "attempt_states", "legal_transitions")


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Everything that a database is made of, by name: tables, indexes, triggers, and the rows of the sets."""
    rows = connection.execute(
        "SELECT type || ' ' || name, sql FROM main.sqlite_schema"
        " WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_'"
    )
    made = {row[0]: " ".join(row[1].split()) for row in rows}
    for name in _SETS:
        if f"table {name}" in made:
            content = connection.execute(f"SELECT * FROM {name}")  # noqa: S608 - our own names
            made[f"rows of {name}"] = repr(sorted(map(tuple, content)))
    return made


def schema_of_version(version: int) -> dict[str, str]:
    """The same as the migrations make it."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        for number, sql in migrations():
            if number <= version:
                fresh.executescript(sql)
        return schema_of(fresh)


def newest_version() -> int:
    """The schema this program writes."""
    return migrations()[-1][0]


def _refuse_truncated(path: Path) -> None:
    """A main file shorter than its own header says is a ruin, unless a WAL still holds the rest."""
    try:
        size = path.stat().st_size
        if size == 0 and not key_file(path).exists():
            # Made a moment before the power went, and nothing was ever in it.
            return
        if size == 0:
            raise problem("ledger.damaged", path)
        wal = path.with_name(path.name + "-wal")
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError:
        raise problem("ledger.unreadable", path) from None
    if not header.startswith(b"SQLite format 3\0"):
        raise problem("ledger.damaged", path)
    page_size = int.from_bytes(header[16:18], "big") or 65536
    pages = int.from_bytes(header[28:32], "big")
    has_wal = wal.exists() and wal.stat().st_size > 0
    if size < max(page_size * pages, _HEADER_BYTES) and not has_wal:
        raise problem("ledger.damaged", path)


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application not in (0, APPLICATION_ID) or (application == 0 and tables > 0):
        raise problem("ledger.foreign", path)
    if version > newest_version():
        raise problem("ledger.newer", path)
    return version


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    todo = [(number, sql) for number, sql in migrations() if number > version]
    if not todo:
        return
    if version > 0:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        copy_to(connection, path.parent / "copies" / f"before-version-{todo[0][0]}-{stamp}.sqlite3")
    for number, sql in todo:
        # executescript commits what is open, so the transaction stands inside the script.
        connection.executescript(
            f"BEGIN EXCLUSIVE;\n{sql}\nPRAGMA application_id = {APPLICATION_ID};\n"
            f"PRAGMA user_version = {number};\nCOMMIT;"
        )


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size < QUICK_CHECK_BELOW_BYTES:
        found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise problem("ledger.damaged", path)


def copy_to(connection: sqlite3.Connection, target: Path) -> None:
    """Writes a copy by SQLite's backup API, checks it, then gives it its name.

    Raises:
        Outside: ``file.unwritable`` or ``copy.bad``.
    """
    draft = target.with_name(target.name + ".part")
    try:
        make_private(target.parent)
        draft.unlink(missing_ok=True)
        touch_private(draft)
        with closing(sqlite3.connect(draft)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            good = copy.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
        if good:
            draft.chmod(0o600)
            draft.replace(target)
            sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise Outside("file.unwritable", path=str(target)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    if not good:
        raise Outside("copy.bad", path=str(target))
