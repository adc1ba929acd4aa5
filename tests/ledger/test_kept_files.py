"""A ledger of each schema that is out is kept here as it was written: this program opens it, whole, and goes on with it."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from pos_app.domain.c2b.payment import Use
from pos_app.domain.sales.sale import SaleState
from pos_app.domain.stk.attempt import AttemptState
from pos_app.domain.values.ids import SaleId
from pos_app.ledger.db import key_file, key_of_copy, migrations
from pos_app.ledger.edition import FIRST_VERSION
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter

KEPT = Path(__file__).resolve().parents[1] / "kept"
VERSIONS = [number for number, _sql in migrations()]


@pytest.fixture(params=VERSIONS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    kept, path = KEPT / f"ledger-{request.param}.sqlite3", tmp_path / "ledger.sqlite3"
    shutil.copy(kept, path)
    shutil.copy(key_of_copy(kept), key_file(path))
    return path


def test_there_is_one_of_each_schema() -> None:
    assert VERSIONS[0] == FIRST_VERSION
    assert {f"ledger-{number}.sqlite3" for number in VERSIONS} == {found.name for found in KEPT.glob("*.sqlite3")}


def test_it_is_read_as_it_was_written(path: Path) -> None:
    with closing(LedgerReader(path)) as reader:
        states = [reader.sale(SaleId(number)).sale.state for number in (1, 2, 3, 4)]
        assert states == [SaleState.PAID, SaleState.PAID, SaleState.PAID, SaleState.OPEN]
        given, elsewhere = reader.payment("TKN7RT61SV"), reader.payment("TKN7RT61SW")
        assert given is not None and (given.use, given.sale_id, given.first_name) == (Use.PAYS, 3, "Njeri")
        assert elsewhere is not None and (elsewhere.use, elsewhere.taken_by) == (Use.ELSEWHERE, "back")
        told = [(entry.kind, entry.actor) for entry in reader.timeline(SaleId(3))]
        assert told[-2:] == [("allocated", "Asha"), ("receipt", "system")]
        assert list(reader.ids(day=None, search="0700000004")) == [4]


def test_it_is_whole_and_goes_on(path: Path) -> None:
    assert verify(path).findings == ()
    with closing(LedgerWriter(path)) as ledger:
        (open_one,) = [one for one in ledger.to_follow(0) if one.state is AttemptState.PENDING]
        assert (open_one.sale_id, open_one.msisdn) == (4, "254700000004")
        ledger.deallocate_payment("TKN7RT61SV", "Asha", "wrong sale", ledger.newest_event_ms())
    assert verify(path).findings == ()
