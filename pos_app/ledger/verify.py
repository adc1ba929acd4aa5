"""Checks a ledger: the file, the hash chain, each attempt against its events, the totals against the rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pos_app.ledger import chain
from pos_app.ledger.db import converting, open_reader


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit.

    Args:
        check: ``file``, ``chain``, ``attempt``, ``sale`` or ``totals``.
        row: The first bad row, in the words of the database.
        found: What is wrong with it.
    """

    check: str
    row: str
    found: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check."""

    sales: int
    events: int
    last_hash: str
    findings: tuple[Finding, ...]


def verify(path: Path) -> Verdict:
    """Checks a ledger without changing it.

    Raises:
        Outside: where it cannot even be opened.
    """
    with closing(open_reader(path)) as db, converting(path):
        db.execute("BEGIN")
        findings = [*_file(db), *_chain(db), *_attempts(db), *_sales(db), *_totals(db)]
        last = db.execute("SELECT hash FROM attempt_events ORDER BY id DESC LIMIT 1").fetchone()
        return Verdict(
            db.execute("SELECT count(*) FROM sales").fetchone()[0],
            db.execute("SELECT count(*) FROM attempt_events").fetchone()[0],
            last[0].hex() if last is not None else "",
            tuple(findings),
        )


def _file(db: sqlite3.Connection) -> Iterator[Finding]:
    for (message,) in db.execute("PRAGMA integrity_check(10)"):
        if message != "ok":
            yield Finding("file", "-", message)
    for table, row, parent, _ in db.execute("PRAGMA foreign_key_check"):
        yield Finding("file", f"{table} {row}", f"points to nothing in {parent}")


def _chain(db: sqlite3.Connection) -> Iterator[Finding]:
    previous, expected = chain.FIRST, 1
    rows = db.execute(
        "SELECT id, attempt_id, at_ms, kind, from_state, to_state, details, hash FROM attempt_events ORDER BY id"
    )
    for row in rows:
        if row[0] != expected:
            yield Finding("chain", f"event {expected}", "is missing")
            return
        if chain.link(previous, *row[:7]) != row[7]:
            yield Finding("chain", f"event {row[0]}", "was changed, or one before it was removed or moved")
            return
        previous, expected = row[7], row[0] + 1


def _attempts(db: sqlite3.Connection) -> Iterator[Finding]:
    """Each attempt must be what its events say it is."""
    codes: dict[int, str] = {}
    states: dict[int, str] = {}
    first: dict[int, dict[str, object]] = {}
    for attempt_id, to_state, details in db.execute(
        "SELECT attempt_id, to_state, details FROM attempt_events ORDER BY id"
    ):
        said = json.loads(details)
        first.setdefault(attempt_id, said)
        states[attempt_id] = to_state
        if to_state == "paid" and said.get("mpesa_code") and attempt_id not in codes:
            codes[attempt_id] = said["mpesa_code"]
    for attempt_id, sale_id, amount, state, code, head, last3 in db.execute(
        "SELECT id, sale_id, amount_cents, state, mpesa_code, phone_head, phone_last3 FROM attempts ORDER BY id"
    ):
        said = first.get(attempt_id, {})
        row = f"attempt {attempt_id}"
        if not said:
            yield Finding("attempt", row, "has no events")
            continue
        for name, value in (("sale", sale_id), ("amount_cents", amount), ("phone", f"{head}•••{last3}")):
            if said.get(name) != value:
                yield Finding("attempt", row, f"{name} is {value}, its events say {said.get(name)}")
        if states[attempt_id] != state:
            yield Finding("attempt", row, f"state is {state}, its events say {states[attempt_id]}")
        if codes.get(attempt_id) != code:
            yield Finding("attempt", row, f"M-PESA code is {code}, its events say {codes.get(attempt_id)}")
    known = {attempt_id for (attempt_id,) in db.execute("SELECT id FROM attempts")}
    for attempt_id in sorted(first.keys() - known):
        yield Finding("attempt", f"attempt {attempt_id}", "is missing, its events are there")


def _sales(db: sqlite3.Connection) -> Iterator[Finding]:
    for row in db.execute(
        "SELECT s.id, s.reference, s.amount_cents, s.day, s.received_cents, s.created_at_ms,"
        " (SELECT coalesce(sum(amount_cents), 0) FROM attempts a WHERE a.sale_id = s.id AND a.state = 'paid'),"
        " (SELECT details FROM attempt_events e JOIN attempts a ON a.id = e.attempt_id"
        "  WHERE a.sale_id = s.id ORDER BY e.id LIMIT 1) FROM sales s ORDER BY s.id"
    ):
        sale_id, reference, amount, day, received, created, paid, details = row
        name = f"sale {sale_id}"
        if received != paid:
            yield Finding("sale", name, f"received {received}, its paid attempts sum to {paid}")
        if details is None:
            yield Finding("sale", name, "has no attempt")
            continue
        said = json.loads(details)
        for field, value in (
            ("reference", reference), ("amount_cents", amount), ("day", day), ("sold_at_ms", created)
        ):  # fmt: skip
            if said.get(field) != value:
                yield Finding("sale", name, f"{field} is {value}, its first event says {said.get(field)}")


def _totals(db: sqlite3.Connection) -> Iterator[Finding]:
    counted = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT day, count(*), coalesce(sum(received_cents > 0), 0), coalesce(sum(received_cents), 0)"
            " FROM sales GROUP BY day"
        )
    }
    kept = {row[0]: row[1:] for row in db.execute("SELECT day, sales, paid_sales, paid_cents FROM day_totals")}
    for day in sorted(counted.keys() | kept.keys()):
        if counted.get(day) != kept.get(day):
            yield Finding("totals", f"day {day}", f"kept {kept.get(day)}, the rows sum to {counted.get(day)}")
