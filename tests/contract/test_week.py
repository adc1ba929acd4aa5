"""A week of the till, and what every command that reads it says afterwards.

The week is played once (`contract.week`); the first tests hold what came of it to the tables that were written by hand,
the others to golden files. `UPDATE_GOLDEN=1` writes those anew (`contract.golden`).
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from contract.golden import Names, files_under, hold
from contract.program import Ran, environment, run, run_all, side_by_side
from contract.week import (
    AFTER_THE_WEEK,
    DAYS,
    FRIDAY,
    MONDAY,
    NOBODY,
    SALES,
    SUNDAY,
    THURSDAY,
    TUESDAY,
    UNMATCHED,
    PlainServer,
    Played,
    Sale,
    code,
    phone_of,
    play,
)

Asked = dict[str, tuple[str, ...]]
"""Commands by the name of what they say."""
README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
FORMATS = ("csv", "json", "xlsx")
SPANS = {**{day: (day, day) for day in DAYS}, "week": (MONDAY, SUNDAY)}
JUST_AFTER_MIDNIGHT = f"{TUESDAY} 00:30:00"
"""In New York it is Monday then."""
EVENTS = {"EVENTS": r"(?<=, )\d+(?= events)|(?<=matukio )\d+|\d+(?= matukio)"}
"""How many events a ledger needs for a week is its own affair."""

FINDS: dict[str, tuple[str, ...]] = {
    "phone": ("0712345019",),
    "phone-of-the-second-prompt": ("+254 712 345 919",),
    "last-digits": ("022",),
    "reference": ("mwisho",),
    "code-of-a-prompt": (code(11),),
    "code-of-a-direct-payment": (code(18),),
    "code-that-another-till-has": (code(23),),
    "amount": ("250,000",),
    "receipt": (f"POS1/A0001/20260302/1/1/{code(1)}",),
    "on-a-day": ("A003", "--day", THURSDAY),
    "nothing": ("ZZZ",),
}


IN_WORDS = ("phone", "reference", "nothing")
# Each format for days of which something is told that no other day has.
WHOLE = (MONDAY, THURSDAY, "week")
WRITTEN = (
    *((name, fmt) for name in WHOLE for fmt in FORMATS),
    *((name, "json") for name in SPANS if name not in WHOLE),
    ("chosen", "csv"),
)
WORDS = (
    *(f"sales-{day}.{form}" for day in DAYS for form in ("json", "en", "sw")),
    *(f"find-{name}.json" for name in FINDS),
    *(f"find-{name}.{language}" for name in IN_WORDS for language in ("en", "sw")),
    "sales-today-in-kenya", "verify.en", "verify.sw", "verify-hash-of-another", "export-today-in-kenya", "export.sw",
    *(f"export-{name}.{fmt}.words" for name, fmt in WRITTEN),
)  # fmt: skip


class Views:
    """All that was asked about the week, once.

    Args:
        files: What the exports wrote, by span and format.
    """

    def __init__(self, played: Played) -> None:
        self.home = played.home
        self.names = Names({played.home: "HOME"}, EVENTS)
        self.env = environment(played.home)
        self.files: dict[tuple[str, str], Path] = {}
        self.ran: dict[str, Ran] = {}
        parts = {
            "en": self._in_english,
            "sw": self._in_kiswahili,
            "exports": self._export,
            "elsewhere": self._elsewhere,
        }
        for part in side_by_side(parts).values():
            self.ran |= part
        # Whichever test comes first: the end of this ledger's chain is HASH1.
        self.names(self.ran["verify.en"].out)

    def _ask(self, asked: Asked, *, at: str | None = None, **more: str) -> dict[str, Ran]:
        return dict(zip(asked, run_all(self.env | more, list(asked.values()), at=at), strict=True))

    def _in_english(self) -> dict[str, Ran]:
        asked: Asked = {f"sales-{day}.json": ("sales", "--day", day, "--json") for day in DAYS}
        asked |= {f"sales-{day}.en": ("sales", "--day", day) for day in DAYS}
        asked |= {f"find-{name}.json": ("sales", "--find", *words, "--json") for name, words in FINDS.items()}
        asked |= {f"find-{name}.en": ("sales", "--find", *FINDS[name]) for name in IN_WORDS}
        asked |= {"verify.en": ("verify",), "verify-hash-of-another": ("verify", "--hash", "00" * 32)}
        return self._ask(asked)

    def _in_kiswahili(self) -> dict[str, Ran]:
        asked: Asked = {f"sales-{day}.sw": ("sales", "--day", day) for day in DAYS}
        asked |= {f"find-{name}.sw": ("sales", "--find", *FINDS[name]) for name in IN_WORDS}
        return self._ask(asked | {"verify.sw": ("verify",)}, POS_APP_LANGUAGE="sw")

    def _elsewhere(self) -> dict[str, Ran]:
        asked: Asked = {"sales-today-in-kenya": ("sales",), "export-today-in-kenya": ("export", "--format", "json")}
        return self._ask(asked, at=JUST_AFTER_MIDNIGHT, TZ="America/New_York")

    def _export(self) -> dict[str, Ran]:
        asked: Asked = {}
        for name, fmt in WRITTEN:
            first, last = SPANS.get(name, (FRIDAY, FRIDAY))
            span = ("--day", first) if first == last else ("--day", first, "--to", last)
            chosen = ("--output", str(self.home / "chosen.csv")) if name == "chosen" else ()
            asked[f"export-{name}.{fmt}.words"] = ("export", *span, "--format", fmt, *chosen)
        told = self._ask(asked, at=AFTER_THE_WEEK)
        for key in WRITTEN:
            self.files[key] = Path(told[f"export-{key[0]}.{key[1]}.words"].out.strip())
        in_kiswahili: Asked = {"export.sw": ("export", "--day", THURSDAY)}
        return told | self._ask(in_kiswahili, at=AFTER_THE_WEEK, POS_APP_LANGUAGE="sw")

    def sales(self, day: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ran[f"sales-{day}.json"].out.splitlines()]

    def exported(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.files[name, "json"].read_text("utf-8"))
        return found


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="session")
def views(played: Played) -> Views:
    return Views(played)


# By hand


def test_the_table_has_all_that_can_become_of_a_sale() -> None:
    assert {sale.state for sale in SALES} == {"open", "part_paid", "paid", "overpaid", "voided"}
    assert {sale.prompt for sale in SALES} == {"paid", "declined", "rejected", "abandoned", "withdrawn"}
    assert [sale.sale for sale in SALES] == list(range(1, len(SALES) + 1))


@pytest.mark.parametrize("day", DAYS)
def test_the_sales_of_a_day_are_what_the_script_made_of_them(views: Views, day: str) -> None:
    found = [
        Sale(
            line["sale"], line["day"], line["created_at"][11:19], line["reference"], line["amount"], line["phone"],
            line["state"], line["received"], tuple(line["mpesa_codes"]), line["attempt_state"], line["outcome"],
            tuple(line["reasons"]),
        )
        for line in views.sales(day)
    ]  # fmt: skip
    assert found == [sale for sale in SALES if sale.day == day]
    assert all(line["review"] is bool(line["reasons"]) for line in views.sales(day))


@pytest.mark.parametrize("name", SPANS)
def test_the_sums_of_a_day_are_what_the_script_made_of_them(views: Views, name: str) -> None:
    first, last = SPANS[name]
    meant = [sale for sale in SALES if first <= sale.day <= last]
    unmatched = [sums for day, sums in UNMATCHED.items() if first <= day <= last]
    totals = views.exported(name)["totals"]
    assert {key: totals[key] for key in ("sales", "paid", "received", "unclaimed_payments", "unclaimed")} == {
        "sales": len(meant),
        "paid": sum(sale.received >= sale.amount for sale in meant),
        "received": sum(sale.received for sale in meant),
        "unclaimed_payments": sum(count for count, _ in unmatched),
        "unclaimed": sum(shillings for _, shillings in unmatched),
    }


@pytest.mark.parametrize("name", SPANS)
def test_the_rows_of_an_export_are_what_the_script_made_of_them(views: Views, name: str) -> None:
    first, last = SPANS[name]
    by_command = {SALES[-1].sale}
    wanted = [
        {
            "date": sale.day, "time": sale.time, "sale": sale.sale, "reference": sale.reference, "phone": sale.phone,
            "amount": sale.amount, "received": sale.received, "state": sale.state, "payment": sale.prompt,
            "mpesa_codes": " ".join(sale.codes), "needs_review": "yes" if sale.reasons else "no",
            "cashier": "" if sale.sale in by_command else "Asha", "till": "" if sale.sale in by_command else "Till 1",
        }
        for sale in SALES
        if first <= sale.day <= last
    ]  # fmt: skip
    rows = views.exported(name)["sales"]
    assert [{key: row[key] for key in wanted[0]} for row in rows] == wanted if wanted else rows == []


def test_the_week_in_shillings() -> None:
    """Added up by hand, once more: whoever changes the table changes this line too."""
    assert sum(sale.received for sale in SALES) == 257_231
    assert sum(sale.received >= sale.amount for sale in SALES) == 21


def test_every_format_tells_the_same_sales(views: Views) -> None:
    as_json = views.exported("week")["sales"]
    rows = list(csv.DictReader(io.StringIO(views.files["week", "csv"].read_text("utf-8-sig"))))
    names = list(as_json[0])
    assert [[str(row[name]) for name in names] for row in as_json] == [[row[name] for name in names] for row in rows]
    sheet = openpyxl.load_workbook(views.files["week", "xlsx"]).worksheets[0]
    cells = list(sheet.iter_rows(values_only=True))
    header = [str(cell) for cell in cells[0]]
    told = [dict(zip(header, row, strict=True)) for row in cells[1 : len(SALES) + 1]]
    assert [[row[name] or "" for name in names] for row in told] == [
        [row[name] or "" for name in names] for row in as_json
    ]


def test_a_process_for_itself_says_the_same(views: Views) -> None:
    for name in (f"sales-{MONDAY}.json", f"sales-{THURSDAY}.en"):
        among_others = views.ran[name]
        assert run(views.env, *among_others.words) == among_others


def test_the_command_line_sold_on_sunday(played: Played) -> None:
    assert played.sunday.code == 0
    assert [json.loads(line)["state"] for line in played.sunday.out.splitlines()] == ["sending", "pending", "paid"]


# To the letter


def test_the_lines_of_sunday(played: Played) -> None:
    hold("week/request-on-sunday.txt", played.sunday.transcript())


@pytest.mark.parametrize("name", WORDS)
def test_what_a_command_says(views: Views, name: str) -> None:
    hold(f"week/{name}.txt", views.names(views.ran[name].transcript()))


@pytest.mark.parametrize(("name", "fmt"), WRITTEN)
def test_what_an_export_writes(views: Views, name: str, fmt: str) -> None:
    file = views.files[name, fmt]
    text = _cells(file) if fmt == "xlsx" else file.read_bytes().decode("utf-8")
    hold(f"week/export-{name}.{fmt}{'.txt' if fmt == 'xlsx' else ''}", views.names(text))


def _cells(file: Path) -> str:
    """The first sheet of a workbook, a line a row; the others may be new."""
    sheet = openpyxl.load_workbook(file).worksheets[0]
    lines = [f"sheet {sheet.title!r}, header {sheet.oddHeader.center.text!r}, frozen at {sheet.freeze_panes}"]
    lines += [json.dumps(row, ensure_ascii=False, default=str) for row in sheet.iter_rows(values_only=True)]
    return "\n".join(lines) + "\n"


def test_each_export_carries_the_hash_that_verify_names(views: Views) -> None:
    found = re.search(r"\b[0-9a-f]{64}\b", views.ran["verify.en"].out)
    assert found is not None, "verify names no hash"
    assert views.exported("week")["ledger_hash"] == found[0]
    for row in csv.DictReader(io.StringIO(views.files["week", "csv"].read_text("utf-8-sig"))):
        assert row["ledger_hash"] == found[0]
    assert found[0] in _cells(views.files["week", "xlsx"])
    kept = run(views.env, "verify", "--hash", found[0])
    assert kept.code == 0
    hold("week/verify-hash.txt", re.sub(r"(?<=of event )\d+", "EVENTS1", views.names(kept.transcript())))


def test_a_csv_has_the_columns_that_readme_and_help_name(views: Views) -> None:
    header = views.files["week", "csv"].read_bytes().decode("utf-8-sig").partition("\r\n")[0].split(",")
    promised = re.search(r"amounts in shillings: `([^`]+)`, and in CSV `([^`]+)`", " ".join(README.split()))
    assert promised is not None
    assert header == [*promised[1].split(), *promised[2].split()]
    (told,) = (one.out for one in run_all(views.env, [("export", "--help")]))
    assert f"Columns: {', '.join(header)}." in " ".join(told.split())


def test_the_doctor_of_a_till_that_is_well_and_of_one_that_is_not(played: Played) -> None:
    with PlainServer() as mpesa:
        cases = {
            "well": {}, "wrong key": {"POS_APP_CONSUMER_KEY": "wrong"},
            "refused address": {"POS_APP_CALLBACK_URL": "https://shop.example/query"},
            "in Kiswahili": {"POS_APP_LANGUAGE": "sw"}, "nobody": {"POS_APP_BASE_URL": NOBODY},
        }  # fmt: skip
        env = environment(played.home, mpesa)
        ran = side_by_side({name: lambda more=more: run(env | more, "doctor") for name, more in cases.items()})  # type: ignore[misc]
    assert [one.code for one in ran.values()] == [0, 1, 1, 0, 1]
    told = "\n".join(f"# {name}\n{one.transcript()}" for name, one in ran.items())
    hold("week/doctor.txt", told)


def test_a_damaged_ledger_is_refused_by_every_command(played: Played, tmp_path: Path) -> None:
    shutil.copytree(played.home, tmp_path / "damaged")
    ledger = tmp_path / "damaged" / "sandbox" / "ledger.sqlite3"
    ledger.write_bytes(ledger.read_bytes()[:5000])
    env = environment(tmp_path / "damaged")
    commands = (("sales", "--day", MONDAY), ("export", "--day", MONDAY), ("verify",), ("follow",))
    told = run_all(env, commands)
    assert [one.code for one in told] == [2, 2, 2, 2]
    hold("week/damaged.txt", Names({tmp_path / "damaged": "HOME"})("\n".join(one.transcript() for one in told)))


def test_no_phone_is_shown_in_full(views: Views) -> None:
    said = "".join(one.out + one.err for name, one in views.ran.items() if not name.startswith("find-"))
    said += "".join(file.read_text("utf-8-sig") for (_, fmt), file in views.files.items() if fmt != "xlsx")
    assert "0712•••001" in said
    assert not [sale for sale in SALES if phone_of(sale.sale)[1:] in said]


def test_no_golden_file_is_of_nothing() -> None:
    wanted = {f"week/{name}.txt" for name in WORDS}
    wanted |= {f"week/export-{name}.{fmt}{'.txt' if fmt == 'xlsx' else ''}" for name, fmt in WRITTEN}
    wanted |= {f"week/{name}.txt" for name in ("request-on-sunday", "verify-hash", "doctor", "damaged")}
    assert files_under("week") == wanted
