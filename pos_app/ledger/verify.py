"""Checks a ledger: file, chain and head, every row against its events, bodies, sums, the schema."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from pos_app.common.clock import EARLIEST_MS, EAT, day_of
from pos_app.common.errors import Outside
from pos_app.common.i18n import _
from pos_app.domain.c2b.payment import reservation_subject
from pos_app.domain.sales.tender import TenderKind
from pos_app.domain.values.money import cents_of
from pos_app.ledger.db import converting, key_beside, open_reader, schema_of, schema_of_version
from pos_app.ledger.event_codec import SET_COLUMNS, VERSION, OfSale, OfTransaction, Subject
from pos_app.ledger.integrity import hash_chain
from pos_app.ledger.integrity.chain_head import is_behind, read_head
from pos_app.ledger.integrity.encryption import Vault, open_vault
from pos_app.ledger.integrity.identity import are_its_facts, is_its_key
from pos_app.ledger.stores.messages import digest_of

_CLOCK_TOLERANCE_MS: Final = 60_000
_SALES: Final = (
    "SELECT s.id, s.event_id, s.reference, s.total_cents, s.day, s.made_at_ms, s.cashier, s.till_label,"
    " s.is_voided, s.has_receipt,"
    " s.received_cents, (SELECT max(a.id) FROM tenders t JOIN stk_attempts a ON a.tender_id = t.id"
    "  WHERE t.sale_id = s.id) IS s.last_attempt_id AS names_last_attempt,"
    " (SELECT coalesce(sum(amount_cents), 0) FROM tenders t WHERE t.sale_id = s.id AND t.state = 'received') AS summed"
    " FROM sales s ORDER BY s.id"
)
_ATTEMPTS: Final = (
    "SELECT a.id, a.event_id, t.sale_id, a.tender_id, t.amount_cents, t.made_at_ms,"  # noqa: S608 - our own names
    " a.phone_head || '•••' || a.phone_last3 AS phone,"
    f" a.phone_sealed, lower(hex(a.token_hash)) AS token, a.state, {', '.join(f'a.{name}' for name in SET_COLUMNS)}"
    " FROM stk_attempts a JOIN tenders t ON t.id = a.tender_id ORDER BY a.id"
)
_TRANSACTIONS: Final = (
    "SELECT m.id, m.event_id, m.mpesa_code, m.amount_cents, m.heard_at_ms, m.confirmed_at_ms, m.confirmed_cents, m.day,"
    " m.paid_at_ms, m.phone_last3, m.payer_sealed, lower(hex(m.evidence)) AS evidence,"
    " lower(hex(m.reservation)) AS reservation, m.reserved_by,"
    " m.merged_into, m.allocated_cents,"
    " (SELECT json_group_array(json_array(t.id, t.kind, t.sale_id, t.amount_cents, t.state, t.event_id,"
    "   CASE t.kind WHEN 'c2b' THEN t.made_at_ms END)) FROM tenders t"
    "  WHERE t.transaction_id = m.id) AS parts FROM mpesa_transactions m ORDER BY m.id"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit.

    Args:
        check: ``file``, ``schema``, ``key``, ``chain``, ``sale``, ``attempt``, ``transaction``, ``tender``,
            ``evidence``, ``payment`` or ``totals``.
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
        db.create_function("bytes_of", 1, _bytes_of, deterministic=True)
        db.execute("BEGIN")
        vault = _vault(db, path)
        findings = [*_file(db), *_key(db, path, vault), *_chain(db), *_head(db, path)]
        findings += [*_sales(db), *_attempts(db), *_transactions(db), *_tenders(db), *_evidence(db), *_totals(db)]
        findings += [*_phones(db, vault), *_bodies(db, vault), *_arrivals(db, vault), *_schema(db)]
        last = db.execute("SELECT hash FROM ledger_events ORDER BY id DESC LIMIT 1").fetchone()
        named = db.execute("SELECT value FROM ledger_facts WHERE name = 'environment'").fetchone()
        return Verdict(
            db.execute("SELECT count(*) FROM sales").fetchone()[0],
            db.execute("SELECT count(*) FROM ledger_events").fetchone()[0],
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
        row = db.execute("SELECT id FROM ledger_events WHERE substr(hash, 1, ?) = ?", (len(digest), digest)).fetchone()
    return row[0] if row is not None and len(digest) >= 8 else None


def _file(db: sqlite3.Connection) -> Iterator[Finding]:
    for (message,) in db.execute("PRAGMA integrity_check(10)"):
        if message != "ok":
            yield Finding("file", "-", message)
    for table, row, parent, _key in db.execute("PRAGMA foreign_key_check"):
        yield Finding("file", f"{table} {row}", _("points to nothing in {table}").format(table=parent))


def _schema(db: sqlite3.Connection) -> Iterator[Finding]:
    """Tables, indexes, triggers and sets are those that the migrations made: nothing else holds the rules."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    kept, told = schema_of(db), schema_of_version(version)
    for name in sorted(kept.keys() | told.keys()):
        if name not in kept:
            yield Finding("schema", name, _("is missing"))
        elif name not in told:
            yield Finding("schema", name, _("does not belong to a ledger"))
        elif kept[name] != told[name]:
            yield Finding("schema", name, _("was changed"))


def _facts(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT name, value FROM ledger_facts").fetchall())


def _vault(db: sqlite3.Connection, path: Path) -> Vault | None:
    """What opens what is sealed, where the ledger's own key stands beside it."""
    found = key_beside(path)
    if found is None:
        return None
    try:
        vault = open_vault(found, may_create=False)
    except Outside:
        return None
    return vault if is_its_key(vault, _facts(db)) else None


def _key(db: sqlite3.Connection, path: Path, vault: Vault | None) -> Iterator[Finding]:
    """The key beside it must be its own; a copy without one is looked at all the same."""
    facts, found = _facts(db), key_beside(path)
    if facts and found is not None and vault is None:
        yield Finding("key", found.name, _("is not the key of this ledger: one of the two was replaced"))
    if vault is not None and not are_its_facts(vault, facts):
        yield Finding("key", "ledger_facts", _("was changed"))


def _chain(db: sqlite3.Connection) -> Iterator[Finding]:
    previous, expected = hash_chain.FIRST, 1
    rows = db.execute(f"SELECT {hash_chain.EVENT_COLUMNS}, hash FROM ledger_events ORDER BY id")  # noqa: S608 - our own
    for row in rows:
        if row["id"] != expected:
            yield Finding("chain", f"event {expected}", _("is missing"))
            return
        if hash_chain.link(previous, tuple(row)[:-1]) != row["hash"]:
            yield Finding("chain", f"event {row['id']}", _("was changed, or one before it was removed or moved"))
            return
        if row["version"] != VERSION:
            yield Finding("chain", f"event {row['id']}", _("is of a form that this program does not know"))
        previous, expected = row["hash"], expected + 1


def _head(db: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    head = read_head(path)
    if head is not None and is_behind(db, head):
        yield Finding(
            "chain",
            f"event {head.event_id}",
            _("was written once and is gone: the end was cut off or the file replaced"),
        )


@dataclass(frozen=True, slots=True)
class _Event:
    """An event of a subject, as far as rows follow from it."""

    id: int
    sale_id: int | None
    at_ms: int
    kind: str
    to_state: str
    details: dict[str, Any]


Row = dict[str, Any]


def _told(db: sqlite3.Connection, subject: Subject) -> Iterator[tuple[int, list[_Event]]]:
    """The events of each thing of a kind."""
    rows = db.execute(
        "SELECT subject_id, id, sale_id, at_ms, kind, to_state, details FROM ledger_events WHERE subject = ?"
        " ORDER BY subject_id, id",
        (subject.value,),
    )
    for number, group in itertools.groupby(rows, lambda row: int(row["subject_id"])):
        yield (
            number,
            [
                _Event(row["id"], row["sale_id"], row["at_ms"], row["kind"], row["to_state"], _object(row["details"]))
                for row in group
            ],
        )


def _object(text: str) -> dict[str, Any]:
    """Details; nothing for what is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _bytes_of(text: object) -> bytes | None:
    """For SQLite before 3.41, which has no unhex()."""
    try:
        return bytes.fromhex(str(text)) if text else None
    except ValueError:
        return None


def _compare(
    subject: Subject,
    kept: Iterator[tuple[int, Row]],
    told: Iterator[tuple[int, list[_Event]]],
    replay: Callable[[list[_Event]], Row],
) -> Iterator[Finding]:
    """Each row must be what its events say it is."""
    check = _CHECKS[subject]
    waiting = next(told, None)
    for number, row in kept:
        name = f"{check} {number}"
        while waiting is not None and waiting[0] < number:
            yield Finding(check, f"{check} {waiting[0]}", _("is missing, its events are there"))
            waiting = next(told, None)
        if waiting is None or waiting[0] != number:
            yield Finding(check, name, _("has no events"))
            continue
        try:
            made = replay(waiting[1])
        except (KeyError, TypeError, ValueError, AttributeError):
            yield Finding(check, name, _("has events that say nothing of it"))
        else:
            yield from _differences(check, name, row, made | {"event_id": waiting[1][-1].id})
        waiting = next(told, None)
    while waiting is not None:
        yield Finding(check, f"{check} {waiting[0]}", _("is missing, its events are there"))
        waiting = next(told, None)


_CHECKS: Final = {Subject.SALE: "sale", Subject.ATTEMPT: "attempt", Subject.TRANSACTION: "transaction"}


def _sales(db: sqlite3.Connection) -> Iterator[Finding]:
    wrong: list[Finding] = []

    def rows() -> Iterator[tuple[int, Row]]:
        for row in db.execute(_SALES):
            kept = dict(row)
            number, received, summed = kept.pop("id"), kept.pop("received_cents"), kept.pop("summed")
            if not kept.pop("names_last_attempt"):
                wrong.append(Finding("sale", f"sale {number}", _("names another attempt than its last one")))
            if received != summed:
                text = _("received {kept}, its payments sum to {sum}").format(kept=received, sum=summed)
                wrong.append(Finding("sale", f"sale {number}", text))
            yield number, kept

    yield from _compare(Subject.SALE, rows(), _told(db, Subject.SALE), _sale_told)
    yield from wrong


def _sale_told(events: list[_Event]) -> Row:
    kinds = {event.kind for event in events}
    flags = {"is_voided": int(OfSale.VOIDED in kinds), "has_receipt": int(OfSale.RECEIPT in kinds)}
    return events[0].details | flags


def _attempts(db: sqlite3.Connection) -> Iterator[Finding]:
    def rows() -> Iterator[tuple[int, Row]]:
        for row in db.execute(_ATTEMPTS):
            kept = dict(row)
            kept["phone_sealed"] = hashlib.sha256(kept["phone_sealed"]).hexdigest()
            yield kept.pop("id"), kept

    yield from _compare(Subject.ATTEMPT, rows(), _told(db, Subject.ATTEMPT), _attempt_told)


def _attempt_told(events: list[_Event]) -> Row:
    first = events[0]
    made: Row = {"review": "", "heard_settled": 0, "said_by_callback": 0} | first.details
    made |= {"sale_id": first.sale_id, "tender_id": first.details.get("tender"), "made_at_ms": first.at_ms}
    for event in events:
        made |= event.details.get("set", {})
        made["state"] = event.to_state
    return made


def _transactions(db: sqlite3.Connection) -> Iterator[Finding]:
    """What is known of each, and which parts of it sales have or had."""
    wrong: list[Finding] = []

    def rows() -> Iterator[tuple[int, Row]]:
        for row in db.execute(_TRANSACTIONS):
            kept = dict(row)
            number, allocated = kept.pop("id"), kept.pop("allocated_cents")
            parts = {tender: tuple(part) for tender, *part in json.loads(kept["parts"])}
            summed = sum(part[2] for part in parts.values() if part[3] == "received")
            if allocated != summed:
                text = _("received {kept}, its payments sum to {sum}").format(kept=allocated, sum=summed)
                wrong.append(Finding("transaction", f"transaction {number}", text))
            kept["parts"] = parts
            kept["payer_sealed"] = kept["payer_sealed"] and hashlib.sha256(kept["payer_sealed"]).hexdigest()
            yield number, kept

    yield from _compare(Subject.TRANSACTION, rows(), _told(db, Subject.TRANSACTION), _transaction_told)
    yield from wrong


def _transaction_told(events: list[_Event]) -> Row:
    made: Row = {"heard_at_ms": events[0].at_ms, "reserved_by": "", "evidence": "", "reservation": ""}
    for event in events:
        details = event.details
        match event.kind:
            case OfTransaction.ARRIVED | OfTransaction.CONFIRMED:
                first = {"amount_cents": made.get("amount_cents", details["amount_cents"])}
                reservation = reservation_subject(details["mpesa_code"]).hex()
                confirmed = {"confirmed_at_ms": event.at_ms, "confirmed_cents": details["amount_cents"]}
                made |= details | first | confirmed | {"reservation": reservation}
            case OfTransaction.RESERVED_ELSEWHERE | OfTransaction.GIVEN_BACK:
                made["reserved_by"] = details["till"]
            case OfTransaction.MERGED:
                made["merged_into"] = details["into"]
            case OfTransaction.PAID | OfTransaction.CODE_FOLLOWED | OfTransaction.PROVED:
                made |= {"mpesa_code": details.get("mpesa_code"), "amount_cents": details["amount_cents"]}
    made["parts"] = _parts_told(events)
    return made


Part = tuple[str, int | None, int, str, int, int | None]


def _parts_told(events: list[_Event]) -> dict[int, Part]:
    """The tenders over a transaction.

    Returns:
        Kind, sale, amount and state of each, the event that changed it last, and when a payment was given.
    """
    parts: dict[int, Part] = {}
    for event in events:
        details = event.details
        released = details.get("released" if event.kind == OfTransaction.PROVED else "tender")
        if event.kind in (OfTransaction.DEALLOCATED, OfTransaction.PROVED) and released is not None:
            kind, sale, amount, _state, _event, given_ms = parts[released]
            parts[released] = (kind, sale, amount, "released", event.id, given_ms)
        if event.kind == OfTransaction.ALLOCATED:
            amount = details["amount_cents"]
            parts[details["tender"]] = (TenderKind.C2B.value, event.sale_id, amount, "received", event.id, event.at_ms)
        if event.kind in (OfTransaction.PAID, OfTransaction.PROVED):
            amount = details["amount_cents"]
            parts[details["tender"]] = (TenderKind.STK.value, event.sale_id, amount, "received", event.id, None)
        if event.kind == OfTransaction.MERGED:
            # Its tender stands over the other row.
            parts.clear()
    return parts


def _differences(check: str, name: str, kept: dict[str, Any], told: dict[str, Any]) -> Iterator[Finding]:
    for field, value in kept.items():
        if told.get(field) != value:
            yield Finding(
                check,
                name,
                _("{field} is {value}, its events say {told}").format(field=field, value=value, told=told.get(field)),
            )


def _tenders(db: sqlite3.Connection) -> Iterator[Finding]:
    """Each is a prompt or a part of a transaction: SQLite checks no conditions in a file that it only reads."""
    for row in db.execute(
        "SELECT t.id FROM tenders t LEFT JOIN stk_attempts a ON a.tender_id = t.id"
        " WHERE (t.kind = 'stk') <> (a.id IS NOT NULL)"
        " OR (t.state IN ('received', 'released')) <> (t.transaction_id IS NOT NULL) ORDER BY t.id"
    ):
        yield Finding("tender", f"tender {row[0]}", _("is neither a prompt nor a part of a payment"))


def _evidence(db: sqlite3.Connection) -> Iterator[Finding]:
    """What counted must still be there as it came, and nothing that came may be gone."""
    named = "CASE WHEN json_valid(e.details) THEN bytes_of(json_extract(e.details, '$.evidence')) END"
    for event_id, subject, number in db.execute(
        "SELECT e.id, e.subject, e.subject_id FROM ledger_events e"  # noqa: S608 - our own words
        f" WHERE {named} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM evidence v WHERE v.digest = {named}"
        "  AND v.received_at_ms = e.at_ms AND v.verdict = CASE e.kind WHEN 'callback' THEN 'read'"
        "  WHEN 'callback_unclear' THEN 'unreadable' ELSE 'payment' END"
        "  AND (e.subject <> 'attempt' OR v.attempt_id = e.subject_id)) ORDER BY e.id"
    ):
        check = _CHECKS[Subject(subject)]
        yield Finding(check, f"{check} {number}", _("the evidence of event {number} is gone").format(number=event_id))
    for table, check in (("evidence", "evidence"), ("tenders", "tender")):
        count, last = db.execute(f"SELECT count(*), coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608
        if count != last:
            row = db.execute(
                f"SELECT min(t.id) + 1 FROM (SELECT 0 AS id UNION ALL SELECT id FROM {table}) t"  # noqa: S608
                f" WHERE NOT EXISTS (SELECT 1 FROM {table} n WHERE n.id = t.id + 1)"
            ).fetchone()
            yield Finding(check, f"{check} {row[0]}", _("is missing: what came is never deleted"))


def _phones(db: sqlite3.Connection, vault: Vault | None) -> Iterator[Finding]:
    """Each phone is found by the index that its digits make: the waits before another prompt go by it."""
    if vault is None:
        return
    for number, index, sealed in db.execute("SELECT id, phone_index, phone_sealed FROM stk_attempts ORDER BY id"):
        phone = vault.open(sealed)
        if phone is None or vault.tail(phone.decode()) != index:
            yield Finding("attempt", f"attempt {number}", _("is not found by its phone"))


def _bodies(db: sqlite3.Connection, vault: Vault | None) -> Iterator[Finding]:
    """Each message is what its digest says, and stands at the attempt whose token it came with."""
    for number, verdict, digest, part_digest, token_digest, attempt_id, owner, sealed in db.execute(
        "SELECT v.id, v.verdict, v.digest, v.part_digest, v.token_digest, v.attempt_id, a.id, v.body_sealed"
        " FROM evidence v LEFT JOIN stk_attempts a ON a.token_hash = v.token_digest ORDER BY v.id"
    ):
        name = f"evidence {number}"
        if attempt_id != owner:
            yield Finding("evidence", name, _("came for another attempt than the one it stands at"))
            continue
        if vault is None:
            continue
        body = vault.open(sealed)
        told = digest if part_digest is None else part_digest
        if body is None or digest_of(token_digest, body) != told:
            yield Finding("evidence", name, _("is not what came ({verdict})").format(verdict=verdict))


def _arrivals(db: sqlite3.Connection, vault: Vault | None) -> Iterator[Finding]:
    """Each payment that came straight to the shop's number is in the chain as it came."""
    if vault is None:
        return
    chained = {}
    for row in db.execute(
        "SELECT at_ms, details FROM ledger_events WHERE subject = ? AND kind IN (?, ?)",
        (Subject.TRANSACTION.value, OfTransaction.ARRIVED.value, OfTransaction.CONFIRMED.value),
    ):
        details = _object(row["details"])
        chained[details.get("mpesa_code")] = (row["at_ms"], details)
    for digest, sealed in db.execute("SELECT digest, body_sealed FROM evidence WHERE verdict = 'payment' ORDER BY id"):
        told = _told_by(vault.open(sealed))
        if told is None:
            continue
        name = f"payment {told.mpesa_code}"
        if told.mpesa_code not in chained:
            yield Finding("payment", name, _("is missing, its evidence is there"))
            continue
        at_ms, details = chained[told.mpesa_code]
        if details.get("evidence") != digest.hex():
            # The same payment told once more, in other words.
            continue
        paid_at_ms = details.get("paid_at_ms")
        if details.get("amount_cents") != told.amount_cents or paid_at_ms not in (told.paid_at_ms, at_ms):
            yield Finding("payment", name, _("is not listed as it came"))
        elif paid_at_ms is None or details.get("day") != day_of(paid_at_ms):
            yield Finding("payment", name, _("is listed on another day than it came"))


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
    for event_id, at_ms in db.execute("SELECT id, at_ms FROM ledger_events ORDER BY id"):
        is_impossible = at_ms < EARLIEST_MS and not 0 < newest < EARLIEST_MS
        if is_impossible or at_ms < newest - _CLOCK_TOLERANCE_MS:
            yield Finding(
                "clock", f"event {event_id}", _("is dated before the one before it: the PC's clock was wrong")
            )
            newest = at_ms
        newest = max(newest, at_ms)


def _totals(db: sqlite3.Connection) -> Iterator[Finding]:
    counted = {
        row[0]: row[1:]
        for row in map(
            tuple,
            db.execute(
                "SELECT day, count(*), coalesce(sum(received_cents >= total_cents), 0),"
                " coalesce(sum(received_cents), 0) FROM sales GROUP BY day"
            ),
        )
    }
    totals = db.execute("SELECT day, sales, paid_sales, paid_cents FROM day_totals")
    kept = {row[0]: row[1:] for row in map(tuple, totals)}
    for day in sorted(counted.keys() | kept.keys()):
        if counted.get(day) != kept.get(day):
            yield Finding(
                "totals",
                f"day {day}",
                _("kept {kept}, the rows sum to {sum}").format(kept=kept.get(day), sum=counted.get(day)),
            )
