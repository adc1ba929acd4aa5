"""What faces ask of the ledger, with a ledger and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes.full_shop import fill

from pos_app.common.errors import Outside
from pos_app.domain.stk.attempt import AttemptState
from pos_app.domain.values.ids import SaleId
from pos_app.ledger.queries.query import Query
from pos_app.ledger.queries.sales import EndOfDay, FindSales, LastReference, SaleInFull, TotalsOfDay
from pos_app.ledger.queries.unmatched import LookUpCode, UnmatchedPayments
from pos_app.ledger.reader import Filter, LedgerReader

COUNT = 60


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[LedgerReader]:
    path = tmp_path / "ledger.sqlite3"
    fill(path, "practice", COUNT)
    with closing(LedgerReader(path)) as found:
        yield found


def newest(reader: LedgerReader) -> Any:
    return reader.sale(reader.ids(day=None)[0])


def test_sales_are_found_by_day_filter_and_search(reader: LedgerReader) -> None:
    row = newest(reader)
    day, other = row.sale.day, "2001-01-01"
    found = FindSales(day).read(reader)
    assert found.ids[0] == row.sale.id and found.totals == TotalsOfDay(day).read(reader)
    assert len(FindSales(other).read(reader).ids) == 0
    assert FindSales(other, search=row.sale.reference).read(reader).ids[0] == row.sale.id, "a search looks everywhere"
    to_check = FindSales(other, Filter.NEEDS_YOU).read(reader).ids
    assert len(to_check) and all(reader.sale(SaleId(one)).reasons for one in to_check), "and so does that filter"


def test_one_sale_in_full_and_the_last_reference(reader: LedgerReader) -> None:
    row = newest(reader)
    detail = SaleInFull(row.sale.id).read(reader)
    assert detail.row == row and detail.history[0].kind == "requested"
    assert LastReference().read(reader) == row.sale.reference
    end = EndOfDay(row.sale.day).read(reader)
    assert end.totals.sales == TotalsOfDay(row.sale.day).read(reader).sales and end.last_hash == reader.last_hash()


def test_codes_are_looked_up_and_one_that_is_misread_is_offered(reader: LedgerReader) -> None:
    now_ms = newest(reader).sale.created_at_ms
    rows = [reader.sale(SaleId(one)) for one in reader.ids(day=None)]
    paid = next(row for row in rows if row.attempt.state is AttemptState.PAID and row.codes)
    known = LookUpCode(paid.codes[0], now_ms).read(reader)
    assert known.sale == paid
    nothing = LookUpCode("ZZZZZZZZZZ", now_ms).read(reader)
    assert (nothing.payment, nothing.sale, nothing.looks_like) == (None, None, None)
    unmatched = UnmatchedPayments(now_ms).read(reader)
    assert unmatched.payments and unmatched.messages == reader.stray_count()
    free = unmatched.payments[0]
    assert LookUpCode(free.mpesa_code, now_ms).read(reader).payment == free


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (FindSales("2026-11-28"), lambda found: (len(found.ids), found.totals.sales) == (0, 0)),
        (TotalsOfDay("2026-11-28"), lambda found: found.day == "2026-11-28" and found.sales == 0),
        (LastReference(), lambda found: found is None),
        (EndOfDay("2026-11-28"), lambda found: found.last_hash == ""),
        (UnmatchedPayments(0), lambda found: (found.payments, found.sales, found.messages) == ([], [], 0)),
        (LookUpCode("TKN7RT61SV", 0), lambda found: found.payment is None and found.sale is None),
    ],
)
def test_a_shop_that_has_sold_nothing_is_no_error(query: Query[Any], answer: Any) -> None:
    assert answer(query.without_ledger())


def test_what_needs_a_ledger_says_so() -> None:
    with pytest.raises(Outside) as caught:
        SaleInFull(SaleId(1)).without_ledger()
    assert caught.value.code == "ledger.missing"


def test_a_question_without_an_answer_of_its_own_is_none() -> None:
    with pytest.raises(NotImplementedError):
        Query[int]().read(None)  # type: ignore[arg-type]
