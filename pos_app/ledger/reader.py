"""Reads the ledger: pages for the table, totals, search, a sale's time line. Never writes."""

from __future__ import annotations

import json
import re
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from pos_app.common.errors import Mistake, Outside
from pos_app.domain.c2b.payment import C2bPayment, OpenSale
from pos_app.domain.mpesa.mpesa_code import is_look_alike
from pos_app.domain.mpesa.unmatched_message import UnmatchedMessage
from pos_app.domain.sales.history import HistoryEntry
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.sales.totals import Totals
from pos_app.domain.stk.attempt import AttemptState
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.ledger.db import converting, key_file, open_reader
from pos_app.ledger.integrity.encryption import Vault, open_vault
from pos_app.ledger.rows import (
    ATTEMPT_COLUMNS,
    NEEDS_YOU,
    PAYMENT_COLUMNS,
    SALE_COLUMNS,
    SALE_WIDTH,
    SPEAKS_OF_MONEY,
    attempt_of,
    payment_of,
    review_of,
    sale_of,
)


class Filter(StrEnum):
    """What the table shows."""

    ALL = "all"
    WAITING = "waiting"
    PAID = "paid"
    NOT_PAID = "not_paid"
    NEEDS_YOU = "needs_you"


_WHERE: dict[Filter, str] = {
    Filter.ALL: "1",
    Filter.WAITING: "a.state IN ('ready', 'sending', 'pending', 'unknown')",
    Filter.PAID: "s.received_cents >= s.amount_cents",
    Filter.NOT_PAID: "s.received_cents < s.amount_cents AND a.state IN"
    " ('declined', 'rejected', 'abandoned', 'withdrawn')",
    Filter.NEEDS_YOU: f"s.id IN ({NEEDS_YOU})",
}
_ROW_SQL = (
    f"SELECT {SALE_COLUMNS}, {ATTEMPT_COLUMNS},"  # noqa: S608
    " (SELECT group_concat(code) FROM (SELECT p.mpesa_code AS code FROM attempts p WHERE p.sale_id = s.id AND"
    "  p.mpesa_code IS NOT NULL UNION ALL SELECT p.mpesa_code FROM till_payments p WHERE p.sale_id = s.id AND"
    "  p.use = 'pays')),"
    " (SELECT group_concat(r.review) FROM attempts r WHERE r.sale_id = s.id AND r.review <> ''),"
    " EXISTS (SELECT 1 FROM attempts m JOIN attempt_events e ON e.attempt_id = m.id AND e.kind = 'receipt'"
    "  WHERE m.sale_id = s.id),"
    " EXISTS (SELECT 1 FROM attempts c WHERE c.sale_id = s.id AND c.state = 'paid' AND c.mpesa_code IS NULL),"
    f" EXISTS (SELECT 1 FROM attempts a WHERE a.sale_id = s.id AND {SPEAKS_OF_MONEY})"
    " FROM sales s JOIN attempts a ON a.id = s.last_attempt_id"
)


_STRAYS = (
    "FROM evidence e LEFT JOIN settled_strays s ON s.evidence_id = e.id"
    " WHERE e.attempt_id IS NULL AND e.verdict <> 'payment'"
)


class LedgerReader:
    """A read-only view of a ledger; works beside the writer and beside an open window.

    *Thread*: one at a time. The GUI has one for pages by key, the queries' thread another.

    Raises:
        Outside: as `pos_app.ledger.db.open_reader`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_reader(path)
        self._vault: Vault | None = None

    def close(self) -> None:
        self._db.close()

    def _open_vault(self) -> Vault | None:
        """The key, where it is there; without it phones stay masked and are found by what shows."""
        if self._vault is None:
            try:
                self._vault = open_vault(key_file(self.path), may_create=False)
            except Outside:
                return None
        return self._vault

    # Pages

    def ids(self, *, day: str | None, only: Filter = Filter.ALL, search: str = "") -> array[int]:
        """The sales of a day (or of all days), newest first, narrowed by state and search."""
        conditions, values = [_WHERE[only]], []
        if day is not None:
            conditions.append("s.day = ?")
            values.append(day)
        with converting(self.path):
            if search.strip():
                found = self._matching(search)
                conditions.append(f"s.id IN ({','.join('?' * len(found))})")
                values.extend(found)  # type: ignore[arg-type]
            rows = self._db.execute(
                "SELECT s.id FROM sales s JOIN attempts a ON a.id = s.last_attempt_id"  # noqa: S608
                f" WHERE {' AND '.join(conditions)} ORDER BY s.id DESC",
                values,
            )
            return array("q", (row[0] for row in rows))

    def rows(self, ids: Sequence[int]) -> list[SaleSummary]:
        """The sales with these ids, in their order; ids that are not there are left out."""
        if not ids:
            return []
        with converting(self.path):
            found = {
                row.sale.id: row
                for row in map(
                    _sale_row,
                    self._db.execute(f"{_ROW_SQL} WHERE s.id IN ({','.join('?' * len(ids))})", list(ids)),
                )
            }
        return [found[SaleId(sale_id)] for sale_id in ids if sale_id in found]

    def between(self, first_day: str, last_day: str) -> Iterator[SaleSummary]:
        """Every sale of a range of days, oldest first, one at a time."""
        with converting(self.path):
            rows = self._db.execute(f"{_ROW_SQL} WHERE s.day BETWEEN ? AND ? ORDER BY s.id", (first_day, last_day))
            for row in rows:
                yield _sale_row(row)

    def count_between(self, first_day: str, last_day: str) -> int:
        """How many sales a range of days has."""
        with converting(self.path):
            row = self._db.execute(
                "SELECT coalesce(sum(sales), 0) FROM day_totals WHERE day BETWEEN ? AND ?", (first_day, last_day)
            ).fetchone()
        return int(row[0])

    # Search

    def _matching(self, search: str) -> list[int]:
        """Sales whose reference, M-PESA code, amount or phone fits, at most a thousand, newest first."""
        text = search.strip()
        found: set[int] = set()
        found.update(self._by_text(text))
        digits = re.sub(r"[\s().+-]", "", text)
        if digits.isascii() and digits.isdigit():
            found.update(self._by_phone(digits))
        amount = re.sub(r"(?i)\A(ksh|kes)|[\s,]", "", text)
        if amount.isascii() and amount.isdigit() and len(amount) <= 9:
            found.update(
                self._ids("SELECT id FROM sales WHERE amount_cents = ? ORDER BY id DESC LIMIT 1000", int(amount) * 100)
            )
        return sorted(found, reverse=True)[:1000]

    def _by_text(self, text: str) -> Iterator[int]:
        prefix = re.sub(r"([\\%_])", r"\\\1", text) + "%"
        yield from self._ids(
            "SELECT id FROM sales WHERE reference LIKE ? ESCAPE '\\' ORDER BY id DESC LIMIT 1000", prefix
        )
        # Codes are upper case: a range on the index instead of a scan.
        low = text.upper()
        yield from self._ids(
            "SELECT sale_id FROM attempts WHERE mpesa_code >= ? AND mpesa_code < ? LIMIT 1000", low, low + "\uffff"
        )
        yield from self._ids(
            "SELECT sale_id FROM till_payments WHERE mpesa_code >= ? AND mpesa_code < ? AND sale_id IS NOT NULL"
            " LIMIT 1000",
            low,
            low + "\uffff",
        )

    def _by_phone(self, digits: str) -> Iterator[int]:
        national = digits.removeprefix("254") if len(digits) > 9 or digits.startswith("254") else digits
        national = national.removeprefix("0")
        if len(digits) <= 3:
            yield from self._ids("SELECT sale_id FROM attempts WHERE phone_last3 LIKE ? LIMIT 1000", "%" + digits)
        if 1 <= len(national) <= 3:
            head = ("0" + national).ljust(4, "_")
            yield from self._ids(
                "SELECT sale_id FROM attempts WHERE phone_head LIKE ? ORDER BY id DESC LIMIT 1000", head
            )
        if len(national) >= 4:
            yield from self._by_sealed_phone(national)

    def _by_sealed_phone(self, national: str) -> Iterator[int]:
        vault = self._open_vault()
        if vault is None:
            return
        by_tail = self._db.execute(
            "SELECT sale_id, phone_sealed FROM attempts WHERE phone_tail = ?", (vault.tail(national),)
        ).fetchall()
        for sale_id, sealed in by_tail:
            if (vault.open(sealed) or b"").endswith(national.encode()):
                yield sale_id
        # The beginning of a number, as it is typed: narrowed by the four digits that show.
        by_head = self._db.execute(
            "SELECT sale_id, phone_sealed FROM attempts WHERE phone_head = ? ORDER BY id DESC LIMIT 5000",
            ("0" + national[:3],),
        ).fetchall()
        for sale_id, sealed in by_head:
            if (vault.open(sealed) or b"").startswith(b"254" + national.encode()):
                yield sale_id

    def _ids(self, sql: str, *values: str | int) -> Iterator[int]:
        return (row[0] for row in self._db.execute(sql, values).fetchall())

    # One sale

    def sale(self, sale_id: SaleId) -> SaleSummary:
        """One sale.

        Raises:
            Mistake: ``sale.not_found``.
        """
        found = self.rows([sale_id])
        if not found:
            raise Mistake("sale.not_found")
        return found[0]

    def sale_by_code(self, mpesa_code: str) -> SaleSummary | None:
        """The sale that an M-PESA code paid."""
        with converting(self.path):
            row = self._db.execute(
                "SELECT sale_id FROM attempts WHERE mpesa_code = ?", (mpesa_code.strip().upper(),)
            ).fetchone()
        return self.sale(SaleId(row[0])) if row is not None else None

    def timeline(self, sale_id: SaleId) -> list[HistoryEntry]:
        """Every event of a sale, oldest first."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT e.id, e.attempt_id, e.at_ms, e.kind, e.from_state, e.to_state, e.details FROM attempt_events e"
                " JOIN attempts a ON a.id = e.attempt_id WHERE a.sale_id = ? ORDER BY e.id",
                (sale_id,),
            ).fetchall()
        return [
            HistoryEntry(
                row[0],
                AttemptId(row[1]),
                row[2],
                row[3],
                AttemptState(row[4]),
                AttemptState(row[5]),
                json.loads(row[6]),
            )
            for row in rows
        ]

    # Payments made straight to the till

    def free_payments(self) -> list[C2bPayment]:
        """The payments that nobody has given to a sale, newest first."""
        with converting(self.path):
            rows = self._db.execute(f"{PAYMENT_COLUMNS} WHERE use = '' ORDER BY paid_at_ms DESC LIMIT 500").fetchall()
        return [payment_of(row, self._open_vault()) for row in rows]

    def unclaimed_between(self, first_day: str, last_day: str) -> tuple[int, int]:
        """How many payments of a range of days no sale has, and their sum in cents."""
        with converting(self.path):
            row = self._db.execute(
                "SELECT count(*), coalesce(sum(amount_cents), 0) FROM till_payments WHERE use = ''"
                " AND day BETWEEN ? AND ?",
                (first_day, last_day),
            ).fetchone()
        return row[0], row[1]

    def payment(self, mpesa_code: str) -> C2bPayment | None:
        """The payment with a code, whatever became of it."""
        with converting(self.path):
            row = self._db.execute(f"{PAYMENT_COLUMNS} WHERE mpesa_code = ?", (mpesa_code,)).fetchone()
        return payment_of(row, self._open_vault()) if row is not None else None

    def environment(self) -> str:
        """Which M-PESA's sales these are: ``practice``, ``sandbox`` or ``production``."""
        with converting(self.path):
            row = self._db.execute("SELECT value FROM facts WHERE name = 'environment'").fetchone()
        return str(row[0])

    def looks_like(self, mpesa_code: str, since_ms: int) -> str | None:
        """A code of a time that one may be misread for, and that money came with; None for none."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT mpesa_code FROM till_payments WHERE received_at_ms >= :since UNION"
                " SELECT mpesa_code FROM attempts WHERE mpesa_code IS NOT NULL AND settled_at_ms >= :since",
                {"since": since_ms},
            )
            return next((code for (code,) in rows if code != mpesa_code and is_look_alike(code, mpesa_code)), None)

    def open_sales(self, since_day: str) -> list[OpenSale]:
        """Sales that a payment may be for: not paid in full, or paid at a prompt whose code has not come."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT s.id, s.reference, s.amount_cents - s.received_cents, s.created_at_ms, a.phone_last3,"
                " (SELECT max(c.amount_cents) FROM attempts c WHERE c.sale_id = s.id AND c.state = 'paid' AND"
                "  c.mpesa_code IS NULL) AS to_prove"
                " FROM sales s JOIN attempts a ON a.id = s.last_attempt_id WHERE s.day >= ? AND"
                " (to_prove IS NOT NULL OR (s.received_cents < s.amount_cents AND NOT s.is_voided))"
                " ORDER BY s.id DESC LIMIT 300",
                (since_day,),
            ).fetchall()
        return [
            OpenSale(SaleId(row[0]), Reference(row[1]), Cents(row[5] if row[5] is not None else row[2]), row[3], row[4])
            for row in rows
        ]

    # Messages that belong to no payment

    def stray_count(self) -> int:
        """How many of them nobody has settled."""
        with converting(self.path):
            row = self._db.execute(f"SELECT count(*) {_STRAYS} AND s.evidence_id IS NULL").fetchone()
        return int(row[0])

    def strays(self, *, with_settled: bool = False) -> list[UnmatchedMessage]:
        """Them, newest first, five hundred at most: those that nobody has settled, or all."""
        narrowed = "" if with_settled else " AND s.evidence_id IS NULL"
        with converting(self.path):
            rows = self._db.execute(
                "SELECT e.id, e.received_at_ms, e.body_sealed, e.verdict, coalesce(s.settled_by, ''),"
                f" coalesce(s.reason, '') {_STRAYS}{narrowed} ORDER BY e.id DESC LIMIT 500"
            ).fetchall()
        vault = self._open_vault()
        return [
            UnmatchedMessage(
                row[0],
                row[1],
                vault.open(row[2]) if vault is not None else None,
                row[3] == "unreadable payment",
                *row[4:],
            )
            for row in rows
        ]

    # Sums

    def totals(self, day: str) -> Totals:
        """The numbers of a day, with what is open over all days."""
        with converting(self.path):
            kept = self._db.execute(
                "SELECT sales, paid_sales, paid_cents FROM day_totals WHERE day = ?", (day,)
            ).fetchone() or (0, 0, 0)
            live = self._db.execute(
                "SELECT coalesce(sum(state IN ('sending', 'pending')), 0), coalesce(sum(state = 'unknown'), 0)"
                " FROM attempts WHERE state IN ('ready', 'sending', 'pending', 'unknown')"
            ).fetchone()
        free, free_cents = self.unclaimed_between(day, day)
        with converting(self.path):
            review = self._db.execute(f"SELECT count(*) FROM ({NEEDS_YOU})").fetchone()  # noqa: S608 - our own words
            part_paid = self._db.execute(
                "SELECT count(*) FROM sales WHERE day = ? AND received_cents > 0 AND received_cents < amount_cents",
                (day,),
            ).fetchone()
        return Totals(
            day,
            sales=kept[0],
            paid_sales=kept[1],
            paid_cents=Cents(kept[2]),
            waiting=live[0],
            unknown=live[1],
            review=review[0],
            unclaimed=free,
            unclaimed_cents=Cents(free_cents),
            strays=self.stray_count(),
            part_paid=part_paid[0],
        )

    def days(self) -> list[str]:
        """The days that have sales, newest first."""
        with converting(self.path):
            return [row[0] for row in self._db.execute("SELECT day FROM day_totals ORDER BY day DESC")]

    def last_reference(self) -> str | None:
        """The reference of the newest sale."""
        with converting(self.path):
            row = self._db.execute("SELECT reference FROM sales ORDER BY id DESC LIMIT 1").fetchone()
        return row[0] if row is not None else None

    def last_hash(self) -> str:
        """The end of the hash chain, in hexadecimal; empty for a ledger without events."""
        with converting(self.path):
            row = self._db.execute("SELECT hash FROM attempt_events ORDER BY id DESC LIMIT 1").fetchone()
        return row[0].hex() if row is not None else ""


def _sale_row(row: tuple[object, ...] | sqlite3.Row) -> SaleSummary:
    plain = tuple(row)
    codes, review = str(plain[-5] or ""), str(plain[-4] or "")
    return SaleSummary(
        sale_of(plain[:SALE_WIDTH]),
        attempt_of(plain[SALE_WIDTH:-5]),
        tuple(code for code in codes.split(",") if code),
        review_of(review),
        has_receipt=bool(plain[-3]),
        is_code_missing=bool(plain[-2]),
        is_said_paid=bool(plain[-1]),
    )
