"""Exports as faces ask for them: with progress, stopped, and compared with files of before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.full_shop import fill
from fakes.recording import record_sale
from ledger.test_queries import COUNT, newest

from pos_app.common.errors import Outside
from pos_app.domain.sales.sale import Draft
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.exports.queries import ChangedDays, ExportSales
from pos_app.exports.sales import Format, Progress
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.writer import LedgerWriter


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[LedgerReader]:
    path = tmp_path / "ledger.sqlite3"
    fill(path, "practice", COUNT)
    with closing(LedgerReader(path)) as found:
        yield found


def test_an_export_says_how_far_it_is_and_stops_when_it_is_told(reader: LedgerReader, tmp_path: Path) -> None:
    reported: list[Progress] = []
    query = ExportSales("2000-01-01", "2999-12-31", Format.JSON, tmp_path / "all.json")
    written = query.read_reporting(reader, reported.append)
    assert written is not None and written.sales == COUNT == len(json.loads(query.target.read_text())["sales"])
    assert reported[0].done == 0 and reported[-1] == Progress(COUNT, COUNT)
    stopped = ExportSales("2000-01-01", "2999-12-31", Format.CSV, tmp_path / "none.csv")
    stopped.stop.set()
    assert stopped.read(reader) is None and not stopped.target.exists()


def test_days_that_changed_since_their_export(reader: LedgerReader, tmp_path: Path) -> None:
    row = newest(reader)
    day = row.sale.day
    ExportSales(day, day, Format.CSV, tmp_path / "day.csv").read(reader)
    assert ChangedDays("2999-12-31").read(reader) == []
    with closing(LedgerWriter(reader.path)) as ledger:
        draft = Draft(Cents(25_000), Msisdn("254712345678"), Reference("LATE1"))
        record_sale(ledger, draft, "token-late", row.sale.created_at_ms, anyway=True)
    assert ChangedDays("2999-12-31").read(reader) == [day]
    assert ChangedDays(day).read(reader) == [], "days before one, not the day itself"


def test_a_shop_that_has_sold_nothing() -> None:
    assert ChangedDays("2026-11-28").without_ledger() == []
    with pytest.raises(Outside) as caught:
        ExportSales("2026-11-28", "2026-11-28", Format.CSV, Path("x")).without_ledger()
    assert caught.value.code == "ledger.missing"
