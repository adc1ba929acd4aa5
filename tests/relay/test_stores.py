"""Which store an address names, and who may make one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from pos_app.errors import Mistake
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
        store.add_till("front")
    with closing(open_store(database, must_exist=True)) as store:
        assert [till.name for till in store.tills()] == ["front"]
