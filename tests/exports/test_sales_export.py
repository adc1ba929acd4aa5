"""Every cell of an export, and what stands around the rows."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from fakes.recording import record_sale
from ledger.test_c2b_payments import DAY, PAYMENT, T, arrive, callback, prompt
from ledger.test_ledger import DAY as SOLD_DAY
from ledger.test_ledger import T as SOLD_MS
from ledger.test_ledger import draft, sell

from pos_app.common.errors import Outside
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.money import Cents
from pos_app.exports.sales import (
    COLUMNS,
    CancelledError,
    Format,
    Progress,
    Written,
    changed_since_export,
    default_name,
    export,
)
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter

CANCELLED = Outcome(OutcomeKind.CANCELLED, "1032")
ANOTHER_DAY_MS = 3 * 86_400_000


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A sale paid by two payments of which one has cents, one paid twice, one cancelled; two payments unmatched."""
    path = tmp_path / "ledger.sqlite3"
    with closing(LedgerWriter(path, "production")) as ledger:
        first, second, third = (prompt(ledger, number) for number in (1, 2, 3))
        for attempt in (first, third):
            ledger.apply(attempt.id, ev.QueryAnswered(CANCELLED), T)
        for position, (code, cents) in enumerate(
            (("TKN7RT61SA", 9_950), ("TKN7RT61SB", 15_050), ("TKN7RT61SC", 77)), 1
        ):
            payment = replace(PAYMENT, mpesa_code=code, amount_cents=Cents(cents))
            arrive(ledger, payment, code.encode(), position)
            if code != "TKN7RT61SC":
                ledger.allocate_payment(code, first.sale_id, "Asha", T)
        late = replace(PAYMENT, mpesa_code="TKN7RT61SD", paid_at_ms=T + ANOTHER_DAY_MS)
        arrive(ledger, late, b"late", 9)
        ledger.apply(second.id, callback(second, "OTHER00001"), T)
    return path


def written(path: Path, fmt: Format, target: Path) -> tuple[Written, list[Progress]]:
    told: list[Progress] = []
    with closing(LedgerReader(path)) as reader:
        done = export(reader, DAY, DAY, fmt, target, lambda progress: told.append(progress) is None)
    return done, told


def test_csv_json_and_progress(shop: Path, tmp_path: Path) -> None:
    done, told = written(shop, Format.CSV, tmp_path / "day.csv")
    last_hash = verify(shop).last_hash
    assert done == Written(3, last_hash) and told == [Progress(0, 3), Progress(3, 3)]
    raw = (tmp_path / "day.csv").read_bytes()
    assert raw.count(b"\r\n") == 4 and b"\r\r" not in raw
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert [row["received"] for row in rows] == ["250", "250", "0"]
    assert [row["mpesa_codes"] for row in rows] == ["TKN7RT61SA TKN7RT61SB", "OTHER00001", ""]
    assert [(row["state"], row["payment"]) for row in rows] == [
        ("paid", "declined"),
        ("paid", "paid"),
        ("open", "declined"),
    ]
    assert {(row["date"], row["environment"]) for row in rows} == {(DAY, "production")}
    hours, minutes, seconds = rows[0]["time"].split(":")
    assert (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) == (T // 1000 + 3 * 3600) % 86_400
    written(shop, Format.JSON, tmp_path / "day.json")
    document = json.loads((tmp_path / "day.json").read_text("utf-8"))
    assert {name: document[name] for name in ("first_day", "last_day", "environment", "ledger_hash")} == {
        "first_day": DAY, "last_day": DAY, "environment": "production", "ledger_hash": last_hash,
    }  # fmt: skip
    assert document["totals"] == {"sales": 3, "paid": 2, "received": 500, "unclaimed_payments": 1, "unclaimed": 0.77}
    assert document["sales"][0]["phone"] == "0700•••001" and "•" in (tmp_path / "day.json").read_text("utf-8")


def test_every_row_of_the_workbook(shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "day.xlsx"
    written(shop, Format.XLSX, target)
    sheet = openpyxl.load_workbook(target).active
    assert sheet.title == "Sales" and sheet.freeze_panes == "A2"
    assert tuple(cell.value for cell in sheet[1]) == COLUMNS and all(cell.font.bold for cell in sheet[1])
    amount, received, number = (COLUMNS.index(name) for name in ("amount", "received", "sale"))
    for row in range(2, 5):
        assert sheet.cell(row, received + 1).number_format == "#,##0"
        assert sheet.cell(row, number + 1).number_format == "General"
    assert [sheet.cell(row, amount + 1).value for row in (2, 3, 4)] == [250, 250, 250]
    total = {cell.column: cell for cell in sheet[5] if cell.value is not None}
    assert {column: cell.value for column, cell in total.items()} == {
        1: "Total", amount + 1: "=SUM(F2:F4)", received + 1: "=SUM(G2:G4)",
    }  # fmt: skip
    assert all(cell.font.bold for cell in total.values()) and total[amount + 1].number_format == "#,##0"
    assert [sheet.cell(row, 1).value for row in (6, 7, 8, 9)] == [
        f"Days {DAY} to {DAY}", f"Ledger hash {verify(shop).last_hash}", "Unmatched payments straight to the till: 1", None,
    ]  # fmt: skip
    assert sheet.cell(8, received + 1).value == 0.77 and sheet.cell(8, 1).font.bold


def test_a_day_without_sales_is_a_file_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    LedgerWriter(path, "sandbox").close()
    for fmt in Format:
        assert written(path, fmt, tmp_path / f"empty.{fmt}")[0] == Written(0, "")
    sheet = openpyxl.load_workbook(tmp_path / "empty.xlsx").active
    texts = [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert texts[len(COLUMNS) :] == [
        "Total", "=0", "=0", f"Days {DAY} to {DAY}", "Ledger hash -", "Unmatched payments straight to the till: 0", 0,
        "SANDBOX: no real money",
    ]  # fmt: skip


EVENING = 1_795_812_000_000
"""2026-11-27, 23:40 in Kenya."""


def exported(reader: LedgerReader, first: str, last: str, target: Path) -> None:
    export(reader, first, last, Format.CSV, target)


def prompted(writer: LedgerWriter) -> Attempt:
    """A sale of the evening whose prompt is out."""
    sold = record_sale(writer, draft(), "token-1", EVENING)
    for event in (ev.SendRequested(), ev.PushAccepted("m", "ws", EVENING)):
        writer.apply(sold.id, event, EVENING)
    return sold


def test_a_day_that_changed_after_it_was_exported_is_named_until_it_is_exported_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(LedgerWriter(path, "practice")) as writer, closing(LedgerReader(path)) as reader:
        assert changed_since_export(reader, "2026-11-28") == []
        sold = prompted(writer)
        writer.apply(sold.id, ev.DeadlinePassed(), EVENING)
        exported(reader, "2026-11-27", "2026-11-28", tmp_path / "evening.csv")
        assert changed_since_export(reader, "2026-11-28") == []
        paid = ev.CallbackArrived(Outcome(OutcomeKind.PAID, "0"), "m", "ws", sold.amount_cents, "TKN7RT61SV")
        writer.apply(sold.id, paid, EVENING + 30 * 60_000)
        assert changed_since_export(reader, "2026-11-28") == ["2026-11-27"]
        assert changed_since_export(reader, "2026-11-27") == [], "a day that is not over changes, and nobody wonders"
        exported(reader, "2026-11-27", "2026-11-27", tmp_path / "again.csv")
        assert changed_since_export(reader, "2026-11-28") == []
        (tmp_path / "exported.json").write_text("torn off")
        assert changed_since_export(reader, "2026-11-28") == [], "what cannot be read is as if nothing was exported"


def test_a_change_without_money_and_a_payment_without_a_sale_change_a_day_too(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(LedgerWriter(path, "practice")) as writer, closing(LedgerReader(path)) as reader:
        sold = prompted(writer)
        exported(reader, "2026-11-26", "2026-11-27", tmp_path / "evening.csv")
        writer.apply(sold.id, ev.QueryAnswered(CANCELLED), EVENING + 1000)
        assert changed_since_export(reader, "2026-11-28") == ["2026-11-27"]
        quiet_day = replace(PAYMENT, mpesa_code="TKN7RT61SX", paid_at_ms=EVENING - 86_400_000)
        arrive(writer, quiet_day, b"late", 1)
        assert changed_since_export(reader, "2026-11-28") == ["2026-11-26", "2026-11-27"]


def test_money_that_comes_while_the_file_is_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(LedgerWriter(path, "practice")) as writer, closing(LedgerReader(path)) as reader:
        sold = prompted(writer)
        paid = ev.CallbackArrived(Outcome(OutcomeKind.PAID, "0"), "m", "ws", sold.amount_cents, "TKN7RT61SV")

        def pay_at_the_end(progress: Progress) -> bool:
            if progress.done == progress.total:
                writer.apply(sold.id, paid, EVENING)
            return True

        export(reader, "2026-11-27", "2026-11-27", Format.CSV, tmp_path / "day.csv", pay_at_the_end)
        assert ",pending," in (tmp_path / "day.csv").read_text("utf-8")
        assert changed_since_export(reader, "2026-11-28") == ["2026-11-27"]


def test_what_a_ledger_becomes_in_each_format(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger = LedgerWriter(path)
    sell(ledger, 1, code="CODEAAAAAA", shillings=1250)
    sell(ledger, 2)
    dangerous = record_sale(
        ledger, draft(7, "254799000000", "A0003"), "t3", SOLD_MS, cashier="=HYPERLINK(1)", till_label="@x"
    )
    ledger.apply(dangerous.id, ev.Withdrawn(), SOLD_MS)
    with closing(LedgerReader(path)) as reader:
        targets = {fmt: tmp_path / f"day.{fmt}" for fmt in Format}
        last_hash = verify(path).last_hash
        for fmt, target in targets.items():
            assert export(reader, SOLD_DAY, SOLD_DAY, fmt, target) == Written(3, last_hash)
        raw = targets[Format.CSV].read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
        assert tuple(rows[0]) == (*COLUMNS, "ledger_hash", "environment")
        assert {row["environment"] for row in rows} == {"practice"}
        assert {row["ledger_hash"] for row in rows} == {last_hash}
        assert (rows[0]["amount"], rows[0]["state"], rows[0]["mpesa_codes"], rows[0]["phone"]) == (
            "1250",
            "paid",
            "CODEAAAAAA",
            "0700•••001",
        )
        assert (rows[2]["cashier"], rows[2]["till"]) == ("'=HYPERLINK(1)", "'@x")
        sheet = openpyxl.load_workbook(targets[Format.XLSX]).active
        texts = [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
        assert f"Days {SOLD_DAY} to {SOLD_DAY}" in texts and f"Ledger hash {last_hash}" in texts
        assert "PRACTICE: no money moved" in texts and sheet.title == "PRACTICE Sales"
        assert sheet["F2"].value == 1250
        assert sheet["F5"].value == "=SUM(F2:F4)"
        assert sheet["L4"].value == "=HYPERLINK(1)" and sheet["L4"].data_type == "s"
        document = json.loads(targets[Format.JSON].read_text("utf-8"))
        assert document["totals"] == {
            "sales": 3, "paid": 1, "received": 1250, "unclaimed_payments": 0, "unclaimed": 0,
        }  # fmt: skip
        assert document["ledger_hash"] == last_hash and document["environment"] == "practice"
        with pytest.raises(CancelledError):
            export(reader, SOLD_DAY, SOLD_DAY, Format.CSV, tmp_path / "never.csv", lambda _progress: False)
        with pytest.raises(Outside):
            export(reader, SOLD_DAY, SOLD_DAY, Format.CSV, tmp_path / "day.csv" / "x.csv")
    ledger.close()
    assert not list(tmp_path.glob(".*part")) and not (tmp_path / "never.csv").exists()


def test_the_names_of_exports() -> None:
    assert default_name("2026-11-23", "2026-11-23", Format.CSV) == "sales-2026-11-23.csv"
    assert default_name("2026-11-23", "2026-11-23", Format.CSV, "practice") == "PRACTICE-sales-2026-11-23.csv"
    assert default_name("2026-11-01", "2026-11-30", Format.XLSX) == "sales-2026-11-01-to-2026-11-30.xlsx"
