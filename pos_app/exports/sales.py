"""The day for the accountant: CSV, XLSX or JSON, one row a sale.

Columns and their meaning are a contract; they stand in the README.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pos_app.common.clock import to_eat
from pos_app.common.files import whole_file
from pos_app.domain.sales.sale import SaleSummary
from pos_app.exports.exported_days import KEPT_DAYS, DayPrint, ExportedDays, print_of
from pos_app.ledger.reader import LedgerReader

COLUMNS: Final = (
    "date",
    "time",
    "sale",
    "reference",
    "phone",
    "amount",
    "received",
    "state",
    "payment",
    "mpesa_codes",
    "needs_review",
    "cashier",
    "till",
)
CSV_COLUMNS: Final = (*COLUMNS, "ledger_hash", "environment")
"""A CSV has no other place for the end of the ledger's chain, and for whose money it is: each row names them."""
NO_REAL_MONEY: Final = {"practice": "PRACTICE: no money moved", "sandbox": "SANDBOX: no real money"}
_NUMBERS: Final = frozenset({"sale", "amount", "received"})
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Format(StrEnum):
    """What the file is."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Written:
    """An export that is on the disk.

    Args:
        sales: How many it holds.
        last_hash: The end of the ledger's chain at that time, in hexadecimal; empty for a ledger without events.
    """

    sales: int
    last_hash: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is."""

    done: int
    total: int


class CancelledError(Exception):
    """The export was stopped; no file was left."""


def default_name(first_day: str, last_day: str, fmt: Format, environment: str = "production") -> str:
    """``sales-2026-11-23.csv``; ``PRACTICE-sales-…`` where no real money moved."""
    span = first_day if first_day == last_day else f"{first_day}-to-{last_day}"
    mark = f"{environment.upper()}-" if environment in NO_REAL_MONEY else ""
    return f"{mark}sales-{span}.{fmt}"


def export(
    reader: LedgerReader,
    first_day: str,
    last_day: str,
    fmt: Format,
    target: Path,
    on_progress: Callable[[Progress], bool] = lambda _progress: True,
) -> Written:
    """Writes the sales of a range of days.

    The file appears whole or not at all.

    Args:
        on_progress: Told now and then; answers False to stop.

    Raises:
        Outside: ``file.unwritable`` or ``ledger.…``.
        CancelledError: `on_progress` said so.
    """
    total = reader.count_between(first_day, last_day)
    # Before the first row is read: what comes in while the file is written is not in it, and counts as a change.
    prints = {day: DayPrint(reader.unclaimed_between(day, day)) for day in _last_days(first_day, last_day)}
    records = _printed(_counted(reader.between(first_day, last_day), total, on_progress), prints)
    unclaimed, unclaimed_cents = reader.unclaimed_between(first_day, last_day)
    frame = _Frame(first_day, last_day, reader.last_hash(), unclaimed, unclaimed_cents, reader.environment())
    with whole_file(target) as draft:
        count = _WRITERS[fmt](draft, records, frame)
    ExportedDays(reader.path).note(prints)
    return Written(count, frame.last_hash)


def changed_since_export(reader: LedgerReader, before_day: str) -> list[str]:
    """The days before one that were exported and are not any more what the file says, oldest first."""
    return [
        day
        for day, made in sorted(ExportedDays(reader.path).known().items())
        if day < before_day
        and made != print_of(map(record_of, reader.between(day, day)), reader.unclaimed_between(day, day))
    ]


def _last_days(first_day: str, last_day: str) -> list[str]:
    last = date.fromisoformat(last_day)
    days = [(last - timedelta(days=number)).isoformat() for number in range(KEPT_DAYS)]
    return [day for day in days if day >= first_day]


def _printed(records: Iterator[dict[str, Any]], prints: dict[str, DayPrint]) -> Iterator[dict[str, Any]]:
    for record in records:
        if record["date"] in prints:
            prints[record["date"]].add(record)
        yield record


def record_of(row: SaleSummary) -> dict[str, Any]:
    """One sale as the export words it; amounts in shillings."""
    sold = to_eat(row.sale.created_at_ms)
    return {
        "date": row.sale.day,
        "time": sold.strftime("%H:%M:%S"),
        "sale": row.sale.id,
        "reference": row.sale.reference,
        "phone": row.attempt.phone_masked,
        "amount": _shillings(row.sale.amount_cents),
        "received": _shillings(row.sale.received_cents),
        "state": row.sale.state.value,
        "payment": row.attempt.state.value,
        "mpesa_codes": " ".join(row.codes),
        "needs_review": "yes" if row.reasons else "no",
        "cashier": row.sale.cashier,
        "till": row.sale.till_label,
    }


@dataclass(frozen=True, slots=True)
class _Frame:
    first_day: str
    last_day: str
    last_hash: str
    unclaimed: int
    unclaimed_cents: int
    environment: str


def _counted(
    rows: Iterator[SaleSummary], total: int, on_progress: Callable[[Progress], bool]
) -> Iterator[dict[str, Any]]:
    for done, row in enumerate(rows):
        if done % 100 == 0 and not on_progress(Progress(done, total)):
            raise CancelledError
        yield record_of(row)
    on_progress(Progress(total, total))


def _shillings(cents: int) -> int | float:
    return cents // 100 if cents % 100 == 0 else cents / 100


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet will not run as a formula."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def _csv_lines(records: Iterator[dict[str, Any]], frame: _Frame) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for record in records:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        writer.writerow([*(safe_cell(record[name]) for name in COLUMNS), frame.last_hash, frame.environment])
    yield line.getvalue()


def _write_csv(draft: Path, records: Iterator[dict[str, Any]], frame: _Frame) -> int:
    count = -1
    # The mark at the start tells spreadsheets that it is UTF-8.
    with draft.open("w", encoding="utf-8-sig", newline="") as file:
        for line in _csv_lines(records, frame):
            file.write(line)
            count += 1
    return count


def _json_text(sales: list[dict[str, Any]], frame: _Frame) -> str:
    received = sum(sale["received"] for sale in sales)
    document = {
        "environment": frame.environment,
        "first_day": frame.first_day,
        "last_day": frame.last_day,
        "sales": sales,
        "totals": {
            "sales": len(sales),
            "paid": sum(sale["state"] in ("paid", "overpaid") for sale in sales),
            "received": received,
            "unclaimed_payments": frame.unclaimed,
            "unclaimed": _shillings(frame.unclaimed_cents),
        },
        "ledger_hash": frame.last_hash,
    }
    return json.dumps(document, ensure_ascii=False, indent=1)


def _write_json(draft: Path, records: Iterator[dict[str, Any]], frame: _Frame) -> int:
    sales = list(records)
    draft.write_text(_json_text(sales, frame) + "\n", encoding="utf-8")
    return len(sales)


def _write_xlsx(draft: Path, records: Iterator[dict[str, Any]], frame: _Frame) -> int:
    import xlsxwriter  # noqa: PLC0415 - 30 ms that only this format needs

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(draft), options) as book:
        mark = f"{frame.environment.upper()} " if frame.environment in NO_REAL_MONEY else ""
        sheet = book.add_worksheet(f"{mark}Sales")
        bold = book.add_format({"bold": True})
        money = book.add_format({"num_format": "#,##0"})
        bold_money = book.add_format({"num_format": "#,##0", "bold": True})
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(COLUMNS):
            sheet.set_column(column, column, 12)
            sheet.write_string(0, column, name, bold)
        count = 0
        for count, record in enumerate(records, start=1):
            for column, name in enumerate(COLUMNS):
                if name in _NUMBERS:
                    sheet.write_number(count, column, record[name], None if name == "sale" else money)
                else:
                    sheet.write_string(count, column, str(record[name]))
        last = count + 1
        sheet.write_string(last, 0, "Total", bold)
        for name in ("amount", "received"):
            column = COLUMNS.index(name)
            letter = chr(ord("A") + column)
            formula = f"=SUM({letter}2:{letter}{max(last, 2)})" if count else "=0"
            sheet.write_formula(last, column, formula, bold_money)
        # In the order of the rows: what was written is out of memory.
        sheet.write_string(last + 1, 0, f"Days {frame.first_day} to {frame.last_day}")
        sheet.write_string(last + 2, 0, f"Ledger hash {frame.last_hash or '-'}")
        sheet.write_string(last + 3, 0, f"Unmatched payments straight to the till: {frame.unclaimed}", bold)
        sheet.write_number(last + 3, COLUMNS.index("received"), _shillings(frame.unclaimed_cents), bold_money)
        if frame.environment in NO_REAL_MONEY:
            sheet.write_string(last + 4, 0, NO_REAL_MONEY[frame.environment], bold)
            # Seen first, and on each printed page.
            sheet.set_header(f"&C{NO_REAL_MONEY[frame.environment]}")
            sheet.set_tab_color("#B45309")
    return count


_WRITERS: Final[dict[Format, Callable[[Path, Iterator[dict[str, Any]], _Frame], int]]] = {
    Format.CSV: _write_csv,
    Format.XLSX: _write_xlsx,
    Format.JSON: _write_json,
}
