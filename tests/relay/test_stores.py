"""Which store an address names, and who may make one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from pos_app.common.errors import Mistake, Outside
from pos_app.relay.store_sqlite import _SCHEMA
from pos_app.relay.stores import is_postgres, open_store


def test_where_there_is_no_mailbox_none_is_made_by_asking(database: str) -> None:
    with pytest.raises(Mistake) as caught:
        open_store(database, must_exist=True)
    assert caught.value.code == "relay.no_mailbox"
    if is_postgres(database):
        with psycopg.connect(database) as connection:
            tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert tables == (0,)
    else:
        assert not Path(database).exists()
    with closing(open_store(database)) as store:
        store.add_device("front")
    with closing(open_store(database, must_exist=True)) as store:
        assert [till.name for till in store.devices()] == ["front"]


def test_a_first_start_that_was_killed_half_way_is_finished_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.execute(_SCHEMA.partition(";")[0])
        db.commit()
    with closing(open_store(str(path))) as store:
        store.add_device("front")
        assert [till.name for till in store.devices()] == ["front"]


@pytest.mark.parametrize("marks", ["p@w", "p/w", "p@w/x", "@", "w@w@w"])
def test_a_password_with_marks_of_addresses_is_refused_before_its_rest_is_shown_as_a_host(marks: str) -> None:
    with pytest.raises(Mistake) as caught:
        open_store(f"postgresql://relay:{marks}@127.0.0.1/relay")
    assert caught.value.code == "relay.address" and not caught.value.params


@pytest.mark.parametrize(
    "address", ["postgresql://relay:p%40w@127.0.0.1:1/relay", "postgresql://relay:p#w@127.0.0.1:1/relay",
                "postgresql:///relay?host=/nowhere/x@y", "postgresql://127.0.0.1:1/relay?application_name=a@b"],
)  # fmt: skip
def test_addresses_that_hold_no_such_password_are_dialled(address: str) -> None:
    with pytest.raises(Outside) as caught:
        open_store(address)
    assert caught.value.code == "relay.postgres"
