"""Every promise of the mailbox is held on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.postgres import Postgres
from fakes.servers import Relay

from pos_app.common.http import HttpClient, Timeouts


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return str(tmp_path / "relay.sqlite3")
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def relay(tmp_path: Path, database: str) -> Iterator[Relay]:
    with Relay(tmp_path, database) as running:
        yield running


@pytest.fixture
def web() -> Iterator[HttpClient]:
    opened = HttpClient(Timeouts(2, 10, 12), use_proxies=False)
    yield opened
    opened.close()
