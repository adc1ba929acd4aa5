"""Every question to the ledger goes by an index: a year of sales makes none of them slower."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.full_shop import fill

from pos_app.common.tokens import token_digest
from pos_app.domain.c2b.payment import C2bPayment, reservation_subject
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk import events as ev
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.queries.sales import EndOfDay, FindSales, LastReference, SaleInFull, TotalsOfDay
from pos_app.ledger.queries.unmatched import LookUpCode, UnmatchedPayments
from pos_app.ledger.reader import Filter, LedgerReader
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.writer import LedgerWriter

GROWING = "sales|tenders|stk_attempts|mpesa_transactions|ledger_events|evidence"
NOT_NULL = re.compile(r"\(mpesa_code>\?\)")
# A whole small index: what is open, to check or free at the moment, however old the ledger is.
OF_THE_MOMENT = {
    "attempts_live", "attempts_for_review", "attempts_never_answered", "attempts_said_paid",
    "transactions_without_code", "attempts_by_heard", "transactions_free",
    "evidence_of_nobody", "one_live_prompt",
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite3"
    fill(path, "practice", 60)
    return path


def scans(path: Path, statements: set[str]) -> Iterator[str]:
    """What of the growing tables is read from end to end."""
    with closing(sqlite3.connect(path)) as db:
        for sql in sorted(statements):
            named = {alias or table for table, alias in re.findall(rf"\b({GROWING})\b(?: ([a-z])\b)?", sql)}
            for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}"):
                found = re.match(r"(SCAN|SEARCH) (\w+)(?: USING (?:COVERING )?INDEX (\w+) ?(.*))?", step)
                if found is None or found.group(2) not in named or _is_of_one_row(sql):
                    continue
                how, _alias, index, terms = found.groups()
                # A search without terms, or for all that is not NULL, reads everything as well.
                is_search = how == "SEARCH" and ("PRIMARY KEY" in step or terms) and not NOT_NULL.search(terms or "")
                if index not in OF_THE_MOMENT and not is_search:
                    yield f"{step}\n{sql}"


def _is_of_one_row(sql: str) -> bool:
    """The newest row of a table, by its own order."""
    return (
        sql.endswith("ORDER BY id DESC LIMIT 1")
        or re.match(r"SELECT coalesce\(max\(id\), 0\) \+ 1 FROM \w+$", sql) is not None
    )


def test_no_question_of_a_face_reads_a_table_from_end_to_end(path: Path) -> None:
    statements: set[str] = set()
    with closing(LedgerReader(path)) as reader:
        row = reader.sale(SaleId(1))
        day, code, now_ms = row.sale.day, "TKN7RT61SV", row.sale.created_at_ms
        reader._db.set_trace_callback(statements.add)
        for only in Filter:
            found = FindSales(day, only).read(reader)
            reader.rows(found.ids[:200])
        for search in ("A0001", code, "1250", "0712345678", "678", "07", "0712345"):
            FindSales(day, search=search).read(reader)
        for query in (
            TotalsOfDay(day), SaleInFull(SaleId(1)), LastReference(), EndOfDay(day), LookUpCode(code, now_ms),
            UnmatchedPayments(now_ms),
        ):  # fmt: skip
            query.read(reader)
        list(reader.between(day, day))
        reader.count_between(day, day)
        reader.strays()
        reader.days()
    assert len(statements) > 40
    assert list(scans(path, statements)) == []


def test_no_change_reads_a_table_from_end_to_end(path: Path) -> None:
    statements: set[str] = set()
    with closing(LedgerWriter(path)) as ledger:
        now_ms = ledger.newest_event_ms() + 3_600_000
        ledger._unit.db.set_trace_callback(statements.add)
        draft = Draft(Cents(77_700), Msisdn("254799000001"), Reference("NEW1"))
        begun = ledger.begin_sale(draft, "token-new", now_ms)
        ledger.apply(begun.attempt.id, ev.PushAccepted("m", "ws-new", now_ms), now_ms)
        ledger.apply(begun.attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), now_ms + 1)
        payment = C2bPayment("TKN7RT61ZZ", Cents(77_700), now_ms, "Njeri", "678", "NEW1")
        ledger.take_payment(
            token_digest=token_digest("c2b"), body=b"{}", payment=payment, now_ms=now_ms, cursor=Cursor("r", 1)
        )
        ledger.allocate_payment(payment.mpesa_code, begun.attempt.sale_id, "Asha", now_ms)
        ledger.deallocate_payment(payment.mpesa_code, "Asha", "x", now_ms)
        ledger.note_reservation(reservation_subject(payment.mpesa_code), "till-2", now_ms, Cursor("r", 2))
        ledger.begin_attempt(begun.attempt.sale_id, "token-more", now_ms + 600_000)
        event = ev.CallbackArrived(Outcome(OutcomeKind.PAID, "0"), "m", "ws-new", Cents(77_700), "TKN7RT61ZY")
        ledger.take_callback(
            token_digest=token_digest("token-new"), body=b"c", event=event, now_ms=now_ms, cursor=Cursor("r", 3)
        )
        ledger.pass_over(token_digest("nobody"), b"x", now_ms, Cursor("r", 4))
        ledger.to_follow(now_ms)
        ledger.codes_to_reserve(now_ms)
        ledger.live_token_digests()
        ledger.left_ready()
        ledger.for_review(begun.attempt.sale_id)
    chosen = {sql for sql in statements if re.match(r"SELECT|UPDATE|INSERT", sql)}
    assert len(chosen) > 50
    assert list(scans(path, chosen)) == []
