"""Checks a ledger: the file, the hash chain and its head, each attempt against its events, the totals."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from pos_app.common.clock import EARLIEST_MS, EAT, day_of
from pos_app.common.errors import Outside
from pos_app.common.i18n import _
from pos_app.domain.stk.attempt import AttemptState
from pos_app.domain.values.money import cents_of
from pos_app.ledger.db import converting, key_beside, open_reader, schema_of, schema_of_version
from pos_app.ledger.describe import SET_COLUMNS
from pos_app.ledger.integrity import hash_chain
from pos_app.ledger.integrity.chain_head import is_behind, read_head
from pos_app.ledger.integrity.encryption import KEY_CHECK, Vault, open_vault
from pos_app.ledger.payment_book import elsewhere_note

_PAID_IN_FULL_SINCE: Final = 4
_CLOCK_TOLERANCE_MS: Final = 60_000
_ATTEMPTS: Final = (
    "SELECT id, sale_id, amount_cents, phone_head || '•••' || phone_last3, phone_sealed,"  # noqa: S608 - our own names
    f" lower(hex(token_hash)), created_at_ms, state, {', '.join(SET_COLUMNS)} FROM attempts ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit.

    Args:
        check: ``file``, ``schema``, ``key``, ``chain``, ``attempt``, ``sale``, ``evidence``, ``payment`` or ``totals``.
        row: The first bad row, in the words of the database.
        found: What is wrong with it.
    """

    check: str
    row: str
    found: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check.

    Args:
        findings: What does not fit.
        notes: What fits and is odd all the same: a clock that stood wrong while sales were dated by it.
    """

    sales: int
    events: int
    last_hash: str
    environment: str
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()


def verify(path: Path) -> Verdict:
    """Checks a ledger without changing it.

    Raises:
        Outside: where it cannot even be opened.
    """
    with closing(open_reader(path)) as db, converting(path):
        db.execute("BEGIN")
        vault = _vault(db, path)
        findings = [*_file(db), *_key(db, path, vault), *_chain(db), *_head(db, path)]
        findings += [*_attempts(db), *_sales(db), *_evidence(db), *_payments(db), *_totals(db)]
        findings += [*_bodies(db, vault), *_arrivals(db, vault), *_schema(db)]
        last = db.execute("SELECT hash FROM attempt_events ORDER BY id DESC LIMIT 1").fetchone()
        named = db.execute("SELECT value FROM facts WHERE name = 'environment'").fetchone()
        return Verdict(
            db.execute("SELECT count(*) FROM sales").fetchone()[0],
            db.execute("SELECT count(*) FROM attempt_events").fetchone()[0],
            last[0].hex() if last is not None else "",
            named[0] if named is not None else "",
            tuple(findings),
            tuple(_clock(db)),
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


def _schema(db: sqlite3.Connection) -> Iterator[Finding]:
    """Tables, indexes and triggers are those that the migrations made: without them nothing holds the rules."""
    kept = schema_of(db)
    told = schema_of_version(db.execute("PRAGMA user_version").fetchone()[0])
    for name in sorted(kept.keys() | told.keys()):
        if name not in kept:
            yield Finding("schema", name, _("is missing"))
        elif name not in told:
            yield Finding("schema", name, _("does not belong to a ledger"))
        elif kept[name] != told[name]:
            yield Finding("schema", name, _("was changed"))


def _vault(db: sqlite3.Connection, path: Path) -> Vault | None:
    """What opens what is sealed, where the ledger's own key stands beside it."""
    row = db.execute("SELECT value FROM facts WHERE name = 'key'").fetchone()
    found = key_beside(path)
    if row is None or found is None:
        return None
    try:
        vault = open_vault(found, may_create=False)
        return vault if vault.open(bytes.fromhex(row[0])) == KEY_CHECK else None
    except (Outside, ValueError):
        return None


def _key(db: sqlite3.Connection, path: Path, vault: Vault | None) -> Iterator[Finding]:
    """The key beside it must be its own; a copy without one is looked at all the same."""
    found = key_beside(path)
    has_one = db.execute("SELECT 1 FROM facts WHERE name = 'key'").fetchone() is not None
    if found is not None and has_one and vault is None:
        yield Finding("key", found.name, _("is not the key of this ledger: one of the two was replaced"))


def _chain(db: sqlite3.Connection) -> Iterator[Finding]:
    previous, expected = hash_chain.FIRST, 1
    rows = db.execute(
        "SELECT id, attempt_id, at_ms, kind, from_state, to_state, details, hash FROM attempt_events ORDER BY id"
    )
    for row in rows:
        if row[0] != expected:
            yield Finding("chain", f"event {expected}", _("is missing"))
            return
        if hash_chain.link(previous, *row[:7]) != row[7]:
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
        "heard_settled": 0,
        "said_by_callback": 0,
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
    """A callback that counted must still be there as it came, and nothing that came may be gone."""
    for event_id, attempt_id in db.execute(
        "SELECT e.id, e.attempt_id FROM attempt_events e WHERE e.kind IN ('callback', 'callback_unclear')"
        " AND json_extract(e.details, '$.evidence') IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM evidence v WHERE v.attempt_id = e.attempt_id"
        "  AND lower(hex(v.digest)) = json_extract(e.details, '$.evidence')) ORDER BY e.id"
    ):
        yield Finding(
            "attempt", f"attempt {attempt_id}", _("the evidence of event {number} is gone").format(number=event_id)
        )
    for table, check in (("evidence", "evidence"), ("till_payments", "payment")):
        count, last = db.execute(f"SELECT count(*), coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608
        if count != last:
            row = db.execute(
                f"SELECT min(t.id) + 1 FROM (SELECT 0 AS id UNION ALL SELECT id FROM {table}) t"  # noqa: S608
                f" WHERE NOT EXISTS (SELECT 1 FROM {table} n WHERE n.id = t.id + 1)"
            ).fetchone()
            yield Finding(check, f"{check} {row[0]}", _("is missing: what came is never deleted"))


def _bodies(db: sqlite3.Connection, vault: Vault | None) -> Iterator[Finding]:
    """Each message is what its digest says, and its token is that of its attempt."""
    for number, verdict, digest, part_digest, token_digest, token_hash, sealed in db.execute(
        "SELECT v.id, v.verdict, v.digest, v.part_digest, v.token_digest, a.token_hash, v.body_sealed"
        " FROM evidence v LEFT JOIN attempts a ON a.id = v.attempt_id ORDER BY v.id"
    ):
        name = f"evidence {number}"
        if token_hash is not None and token_digest not in (None, token_hash):
            yield Finding("evidence", name, _("came for another attempt than the one it stands at"))
            continue
        token = token_digest or token_hash
        if vault is None or token is None:
            continue
        body = vault.open(sealed)
        if body is None or hashlib.sha256(token + body).digest() != (part_digest or digest):
            yield Finding("evidence", name, _("is not what came ({verdict})").format(verdict=verdict))


def _arrivals(db: sqlite3.Connection, vault: Vault | None) -> Iterator[Finding]:
    """Each payment that came straight to the till is listed as it came; one that another till has was not hidden."""
    if vault is None:
        return
    is_sealed = db.execute("SELECT 1 FROM facts WHERE name = 'elsewhere_sealed'").fetchone() is not None
    kept = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT mpesa_code, amount_cents, day, paid_at_ms, received_at_ms, use, taken_by, taken_sealed, evidence"
            " FROM till_payments"
        )
    }
    for digest, sealed in db.execute("SELECT digest, body_sealed FROM evidence WHERE verdict = 'payment' ORDER BY id"):
        told = _told_by(vault.open(sealed))
        if told is None:
            continue
        name = f"payment {told.mpesa_code}"
        if told.mpesa_code not in kept:
            yield Finding("payment", name, _("is missing, its evidence is there"))
            continue
        amount, day, paid_at_ms, received_at_ms, *_use, evidence = kept[told.mpesa_code]
        if evidence != digest:
            # The same payment told once more, in other words.
            continue
        if amount != told.amount_cents or paid_at_ms not in (told.paid_at_ms, received_at_ms):
            yield Finding("payment", name, _("is not listed as it came"))
        elif day != day_of(paid_at_ms):
            yield Finding("payment", name, _("is listed on another day than it came"))
    for code, (*_what, use, taken_by, taken_sealed, _evidence_digest) in kept.items():
        if use == "elsewhere" and is_sealed and vault.open(taken_sealed or b"") != elsewhere_note(code, taken_by):
            yield Finding("payment", f"payment {code}", _("is said to be another till's, and no till said so"))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a confirmation says."""

    mpesa_code: str
    amount_cents: int | None
    paid_at_ms: int | None


def _told_by(body: bytes | None) -> _Told | None:
    try:
        fields = json.loads(body or b"", parse_float=Decimal)
        code = str(fields["TransID"]).strip().upper()
        amount = cents_of(Decimal(str(fields["TransAmount"]).strip().replace(",", "")))
    except (ValueError, KeyError, TypeError, RecursionError, InvalidOperation):
        return None
    try:
        at = datetime.strptime(str(fields.get("TransTime", "")).strip(), "%Y%m%d%H%M%S").replace(tzinfo=EAT)
        paid_at_ms: int | None = int(at.timestamp() * 1000)
    except ValueError:
        paid_at_ms = None
    return _Told(code, amount, paid_at_ms)


def _clock(db: sqlite3.Connection) -> Iterator[Finding]:
    """Where the PC's clock went back while the ledger was written, or stood before there was such a program."""
    newest = 0
    for event_id, at_ms in db.execute("SELECT id, at_ms FROM attempt_events ORDER BY id"):
        is_impossible = at_ms < EARLIEST_MS and not 0 < newest < EARLIEST_MS
        if is_impossible or at_ms < newest - _CLOCK_TOLERANCE_MS:
            yield Finding(
                "clock", f"event {event_id}", _("is dated before the one before it: the PC's clock was wrong")
            )
            newest = at_ms
        newest = max(newest, at_ms)


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
    version = db.execute("PRAGMA user_version").fetchone()[0]
    # Before, a sale counted as paid with its first shilling.
    is_paid = "received_cents >= amount_cents" if version >= _PAID_IN_FULL_SINCE else "received_cents > 0"
    counted = {
        row[0]: row[1:]
        for row in db.execute(
            f"SELECT day, count(*), coalesce(sum({is_paid}), 0), coalesce(sum(received_cents), 0)"  # noqa: S608
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
