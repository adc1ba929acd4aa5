"""Checks a ledger: the file, the hash chain and its head, each attempt against its events, the totals."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pos_app.domain.attempt import AttemptState
from pos_app.errors import Outside
from pos_app.i18n import _
from pos_app.ledger import chain
from pos_app.ledger.db import converting, key_beside, open_reader
from pos_app.ledger.describe import SET_COLUMNS
from pos_app.ledger.head import is_behind, read_head
from pos_app.ledger.vault import KEY_CHECK, open_vault

_ATTEMPTS: Final = (
    "SELECT id, sale_id, amount_cents, phone_head || '•••' || phone_last3, phone_sealed,"  # noqa: S608 - our own names
    f" lower(hex(token_hash)), created_at_ms, state, {', '.join(SET_COLUMNS)} FROM attempts ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit.

    Args:
        check: ``file``, ``key``, ``chain``, ``attempt``, ``sale`` or ``totals``.
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
    environment: str
    findings: tuple[Finding, ...]


def verify(path: Path) -> Verdict:
    """Checks a ledger without changing it.

    Raises:
        Outside: where it cannot even be opened.
    """
    with closing(open_reader(path)) as db, converting(path):
        db.execute("BEGIN")
        findings = [*_file(db), *_key(db, path), *_chain(db), *_head(db, path)]
        findings += [*_attempts(db), *_sales(db), *_evidence(db), *_payments(db), *_totals(db)]
        last = db.execute("SELECT hash FROM attempt_events ORDER BY id DESC LIMIT 1").fetchone()
        named = db.execute("SELECT value FROM facts WHERE name = 'environment'").fetchone()
        return Verdict(
            db.execute("SELECT count(*) FROM sales").fetchone()[0],
            db.execute("SELECT count(*) FROM attempt_events").fetchone()[0],
            last[0].hex() if last is not None else "",
            named[0] if named is not None else "",
            tuple(findings),
        )


def holds_hash(path: Path, hash_hex: str) -> int | None:
    """The event that has a hash which an earlier export or closing receipt shows; None where none has.

    Raises:
        Outside: where it cannot be opened.
    """
    try:
        digest = bytes.fromhex(hash_hex)
    except ValueError:
        return None
    with closing(open_reader(path)) as db, converting(path):
        # An export may show the beginning only: the rest must fit all the same.
        row = db.execute("SELECT id FROM attempt_events WHERE substr(hash, 1, ?) = ?", (len(digest), digest)).fetchone()
    return row[0] if row is not None and len(digest) >= 8 else None


def _file(db: sqlite3.Connection) -> Iterator[Finding]:
    for (message,) in db.execute("PRAGMA integrity_check(10)"):
        if message != "ok":
            yield Finding("file", "-", message)
    for table, row, parent, _key in db.execute("PRAGMA foreign_key_check"):
        yield Finding("file", f"{table} {row}", _("points to nothing in {table}").format(table=parent))


def _key(db: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    """The key beside it must be its own; a copy without one is looked at all the same."""
    row = db.execute("SELECT value FROM facts WHERE name = 'key'").fetchone()
    found = key_beside(path)
    if row is None or found is None:
        return
    try:
        fits = open_vault(found, may_create=False).open(bytes.fromhex(row[0])) == KEY_CHECK
    except (Outside, ValueError):
        fits = False
    if not fits:
        yield Finding("key", found.name, _("is not the key of this ledger: one of the two was replaced"))


def _chain(db: sqlite3.Connection) -> Iterator[Finding]:
    previous, expected = chain.FIRST, 1
    rows = db.execute(
        "SELECT id, attempt_id, at_ms, kind, from_state, to_state, details, hash FROM attempt_events ORDER BY id"
    )
    for row in rows:
        if row[0] != expected:
            yield Finding("chain", f"event {expected}", _("is missing"))
            return
        if chain.link(previous, *row[:7]) != row[7]:
            yield Finding("chain", f"event {row[0]}", _("was changed, or one before it was removed or moved"))
            return
        previous, expected = row[7], row[0] + 1


def _head(db: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    head = read_head(path)
    if head is not None and is_behind(db, head):
        yield Finding(
            "chain",
            f"event {head.event_id}",
            _("was written once and is gone: the end was cut off or the file replaced"),
        )


def _attempts(db: sqlite3.Connection) -> Iterator[Finding]:
    """Each attempt must be what its events say it is."""
    events = db.execute("SELECT attempt_id, to_state, details FROM attempt_events ORDER BY attempt_id, id")
    told = ((attempt_id, list(rows)) for attempt_id, rows in itertools.groupby(events, lambda row: row[0]))
    waiting = next(told, None)
    for row in db.execute(_ATTEMPTS):
        name = f"attempt {row[0]}"
        while waiting is not None and waiting[0] < row[0]:
            yield Finding("attempt", f"attempt {waiting[0]}", _("is missing, its events are there"))
            waiting = next(told, None)
        if waiting is None or waiting[0] != row[0]:
            yield Finding("attempt", name, _("has no events"))
            continue
        asked = ("sale", "amount_cents", "phone", "phone_sealed", "token", "created_at_ms")
        kept = dict(zip(asked, row[1:7], strict=True))
        kept["phone_sealed"] = hashlib.sha256(kept["phone_sealed"]).hexdigest()
        kept |= {"state": row[7]} | dict(zip(SET_COLUMNS, row[8:], strict=True))
        yield from _differences("attempt", name, kept, _replayed(waiting[1]))
        waiting = next(told, None)
    while waiting is not None:
        yield Finding("attempt", f"attempt {waiting[0]}", _("is missing, its events are there"))
        waiting = next(told, None)


def _replayed(events: list[tuple[int, str, str]]) -> dict[str, Any]:
    """An attempt as its events make it."""
    asked: dict[str, Any] = json.loads(events[0][2])
    made: dict[str, Any] = {
        "sale": asked.get("sale"),
        "amount_cents": asked.get("amount_cents"),
        "phone": asked.get("phone"),
        "phone_sealed": asked.get("phone_sealed"),
        "token": asked.get("token"),
        "created_at_ms": asked.get("created_at_ms"),
        "state": AttemptState.READY.value,
        "review": "",
    }
    for _attempt_id, to_state, details in events:
        made |= json.loads(details).get("set", {})
        made["state"] = to_state
    return made


def _differences(check: str, name: str, kept: dict[str, Any], told: dict[str, Any]) -> Iterator[Finding]:
    for field, value in kept.items():
        if told.get(field) != value:
            yield Finding(
                check,
                name,
                _("{field} is {value}, its events say {told}").format(field=field, value=value, told=told.get(field)),
            )


def _sales(db: sqlite3.Connection) -> Iterator[Finding]:
    for row in db.execute(
        "SELECT s.id, s.reference, s.amount_cents, s.day, s.created_at_ms, s.cashier, s.till_label, s.received_cents,"
        " s.is_voided, s.last_attempt_id,"
        " (SELECT coalesce(sum(amount_cents), 0) FROM attempts a WHERE a.sale_id = s.id AND a.state = 'paid')"
        " + (SELECT coalesce(sum(amount_cents), 0) FROM till_payments p WHERE p.sale_id = s.id AND p.use = 'pays'),"
        " EXISTS (SELECT 1 FROM attempt_events e JOIN attempts a ON a.id = e.attempt_id"
        "  WHERE a.sale_id = s.id AND e.kind = 'voided'),"
        " (SELECT max(id) FROM attempts a WHERE a.sale_id = s.id),"
        " (SELECT details FROM attempt_events e JOIN attempts a ON a.id = e.attempt_id"
        "  WHERE a.sale_id = s.id ORDER BY e.id LIMIT 1) FROM sales s ORDER BY s.id"
    ):
        name = f"sale {row[0]}"
        if row[13] is None:
            yield Finding("sale", name, _("has no attempt"))
            continue
        said = json.loads(row[13])
        fields = ("reference", "amount_cents", "day", "sold_at_ms", "cashier", "till_label")
        yield from _differences("sale", name, dict(zip(fields, row[1:7], strict=True)), said)
        if row[7] != row[10]:
            yield Finding(
                "sale", name, _("received {kept}, its payments sum to {sum}").format(kept=row[7], sum=row[10])
            )
        if row[8] != row[11]:
            yield Finding(
                "sale",
                name,
                _("{field} is {value}, its events say {told}").format(field="voided", value=row[8], told=row[11]),
            )
        if row[9] != row[12]:
            yield Finding(
                "sale", name, _("its last attempt is {last}, it names {named}").format(last=row[12], named=row[9])
            )


def _evidence(db: sqlite3.Connection) -> Iterator[Finding]:
    """A callback that counted must still be there as it came."""
    for event_id, attempt_id in db.execute(
        "SELECT e.id, e.attempt_id FROM attempt_events e WHERE e.kind = 'callback' AND NOT EXISTS"
        " (SELECT 1 FROM evidence v WHERE v.attempt_id = e.attempt_id"
        "  AND lower(hex(v.digest)) = json_extract(e.details, '$.evidence'))"
        " AND json_extract(e.details, '$.evidence') IS NOT NULL ORDER BY e.id"
    ):
        yield Finding(
            "attempt", f"attempt {attempt_id}", _("the evidence of event {number} is gone").format(number=event_id)
        )


def _payments(db: sqlite3.Connection) -> Iterator[Finding]:
    """What a payment is used for is what its last event says, and it came as its evidence shows."""
    used = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT json_extract(e.details, '$.mpesa_code'), json_extract(e.details, '$.use'),"
            " json_extract(e.details, '$.amount_cents'), a.sale_id, max(e.id) FROM attempt_events e"
            " JOIN attempts a ON a.id = e.attempt_id WHERE e.kind = 'till_payment' GROUP BY 1"
        )
    }
    for code, amount, use, sale_id, has_evidence in db.execute(
        "SELECT mpesa_code, amount_cents, use, sale_id,"
        " EXISTS (SELECT 1 FROM evidence v WHERE v.digest = p.evidence) FROM till_payments p ORDER BY id"
    ):
        name = f"payment {code}"
        said, said_amount, said_sale, _last = used.pop(code, ("", amount, None, 0))
        if not has_evidence:
            yield Finding("payment", name, _("its evidence is gone"))
        kept = {"use": "" if use == "elsewhere" else use, "amount_cents": amount, "sale": sale_id}
        told = {"use": said, "amount_cents": said_amount, "sale": said_sale if said else None}
        yield from _differences("payment", name, kept, told)
    for code in used:
        yield Finding("payment", f"payment {code}", _("is missing, its events are there"))


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
            yield Finding(
                "totals",
                f"day {day}",
                _("kept {kept}, the rows sum to {sum}").format(kept=kept.get(day), sum=counted.get(day)),
            )
