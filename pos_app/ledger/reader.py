"""Reads the ledger: pages for the table, totals, search, a sale's time line. Never writes."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from pos_app.common.errors import Mistake, Outside
from pos_app.domain.c2b.payment import C2bPayment, OpenSale
from pos_app.domain.mpesa.mpesa_code import is_look_alike
from pos_app.domain.mpesa.unmatched_message import UnmatchedMessage
from pos_app.domain.sales.history import HistoryEntry
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.sales.totals import Totals
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.ledger.db import converting, key_file, open_reader
from pos_app.ledger.event_codec import TOLD_BY_ANOTHER
from pos_app.ledger.integrity.encryption import Vault, open_vault
from pos_app.ledger.rows import PAYMENTS, SUMMARIES, by_name, payment_of, summary_of


class Filter(StrEnum):
    """What the table shows."""

    ALL = "all"
    WAITING = "waiting"
    PAID = "paid"
    NOT_PAID = "not_paid"
    NEEDS_YOU = "needs_you"


_OF_ATTEMPTS: Final = "SELECT t.sale_id FROM stk_attempts a JOIN tenders t ON t.id = a.tender_id WHERE"
_NEEDS_YOU: Final = (
    f"{_OF_ATTEMPTS} a.review <> ''"
    f" UNION {_OF_ATTEMPTS} a.said_paid_at_ms IS NOT NULL AND a.state <> 'paid'"
    "  AND a.checkout_request_id IS NOT NULL AND a.state IN ('declined', 'abandoned', 'rejected')"
    f" UNION {_OF_ATTEMPTS} a.heard_code IS NOT NULL AND NOT a.heard_settled"
    "  AND a.state IN ('declined', 'abandoned', 'rejected', 'withdrawn')"
)
"""The sales that need a person: each part by an index of its own."""
_WHERE: Final[dict[Filter, str]] = {
    Filter.ALL: "1",
    Filter.WAITING: "a.state IN ('ready', 'sending', 'pending', 'unknown')",
    Filter.PAID: "s.received_cents >= s.total_cents",
    Filter.NOT_PAID: "s.received_cents < s.total_cents AND a.state IN"
    " ('declined', 'rejected', 'abandoned', 'withdrawn')",
    Filter.NEEDS_YOU: f"s.id IN ({_NEEDS_YOU})",
}
_STRAYS: Final = (
    "FROM evidence e LEFT JOIN settled_messages s ON s.evidence_id = e.id"
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
                if not found:
                    return array("q")
                conditions.append(f"s.id IN ({','.join('?' * len(found))})")
                values.extend(found)  # type: ignore[arg-type]
            rows = self._db.execute(
                "SELECT s.id FROM sales s JOIN stk_attempts a ON a.id = s.last_attempt_id"  # noqa: S608
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
                    summary_of,
                    by_name(self._db.execute(f"{SUMMARIES} WHERE s.id IN ({','.join('?' * len(ids))})", list(ids))),
                )
            }
        return [found[SaleId(sale_id)] for sale_id in ids if sale_id in found]

    def between(self, first_day: str, last_day: str) -> Iterator[SaleSummary]:
        """Every sale of a range of days, oldest first, one at a time."""
        with converting(self.path):
            rows = self._db.execute(f"{SUMMARIES} WHERE s.day BETWEEN ? AND ? ORDER BY s.id", (first_day, last_day))
            yield from map(summary_of, by_name(rows))

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
                self._ids("SELECT id FROM sales WHERE total_cents = ? ORDER BY id DESC LIMIT 1000", int(amount) * 100)
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
            "SELECT t.sale_id FROM mpesa_transactions m JOIN tenders t ON t.transaction_id = m.id"
            " WHERE m.mpesa_code >= ? AND m.mpesa_code < ? AND t.state = 'received' LIMIT 1000",
            low,
            low + "\uffff",
        )

    def _by_phone(self, digits: str) -> Iterator[int]:
        national = digits.removeprefix("254") if len(digits) > 9 or digits.startswith("254") else digits
        national = national.removeprefix("0")
        if len(digits) <= 3:
            # Each ending that fits is looked up: an index finds beginnings only.
            endings = [f"{before}{digits}" for before in _all_digits(3 - len(digits))]
            yield from self._ids(
                f"{_OF_ATTEMPTS} a.phone_last3 IN ({','.join('?' * len(endings))}) LIMIT 1000",
                *endings,
            )
        if 1 <= len(national) <= 3:
            head = "0" + national
            yield from self._ids(
                f"{_OF_ATTEMPTS} a.phone_head BETWEEN ? AND ? ORDER BY +a.id DESC LIMIT 1000", head, head + ":"
            )
        if len(national) >= 4:
            yield from self._by_sealed_phone(national)

    def _by_sealed_phone(self, national: str) -> Iterator[int]:
        vault = self._open_vault()
        if vault is None:
            return
        by_tail = self._db.execute(
            "SELECT t.sale_id, a.phone_sealed FROM stk_attempts a JOIN tenders t ON t.id = a.tender_id"
            " WHERE a.phone_index = ?",
            (vault.tail(national),),
        ).fetchall()
        for sale_id, sealed in by_tail:
            if (vault.open(sealed) or b"").endswith(national.encode()):
                yield sale_id
        # The beginning of a number, as it is typed: narrowed by the four digits that show.
        by_head = self._db.execute(
            "SELECT t.sale_id, a.phone_sealed FROM stk_attempts a JOIN tenders t ON t.id = a.tender_id"
            " WHERE a.phone_head = ? ORDER BY a.id DESC LIMIT 5000",
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
                "SELECT t.sale_id FROM mpesa_transactions m JOIN tenders t ON t.transaction_id = m.id"
                " WHERE m.mpesa_code = ? AND t.kind = 'stk' AND t.state = 'received'",
                (mpesa_code.strip().upper(),),
            ).fetchone()
        return self.sale(SaleId(row[0])) if row is not None else None

    def timeline(self, sale_id: SaleId) -> list[HistoryEntry]:
        """Every event of a sale, oldest first."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT id, at_ms, kind, actor, details FROM ledger_events WHERE sale_id = ? ORDER BY id", (sale_id,)
            ).fetchall()
        return [
            HistoryEntry(row["id"], row["at_ms"], row["kind"], row["actor"], json.loads(row["details"]))
            for row in rows
            if row["kind"] not in TOLD_BY_ANOTHER
        ]

    # Payments made straight to the till

    def free_payments(self) -> list[C2bPayment]:
        """The payments that nobody has given to a sale, newest first."""
        with converting(self.path):
            rows = self._db.execute(
                f"{PAYMENTS} AND m.reserved_by = '' AND m.allocated_cents = 0 ORDER BY m.paid_at_ms DESC LIMIT 500"
            )
            return [payment_of(row, self._open_vault()) for row in by_name(rows)]

    def unclaimed_between(self, first_day: str, last_day: str) -> tuple[int, int]:
        """How many payments of a range of days no sale has, and their sum in cents."""
        with converting(self.path):
            row = self._db.execute(
                "SELECT count(*), coalesce(sum(amount_cents), 0) FROM mpesa_transactions"
                " WHERE confirmed_at_ms IS NOT NULL AND reserved_by = '' AND allocated_cents = 0"
                " AND day BETWEEN ? AND ?",
                (first_day, last_day),
            ).fetchone()
        return row[0], row[1]

    def payment(self, mpesa_code: str) -> C2bPayment | None:
        """The payment with a code, whatever became of it."""
        with converting(self.path):
            rows = self._db.execute(f"{PAYMENTS} AND m.mpesa_code = ?", (mpesa_code,))
            return next((payment_of(row, self._open_vault()) for row in by_name(rows)), None)

    def environment(self) -> str:
        """Which M-PESA's sales these are: ``practice``, ``sandbox`` or ``production``."""
        with converting(self.path):
            row = self._db.execute("SELECT value FROM ledger_facts WHERE name = 'environment'").fetchone()
        return str(row[0])

    def looks_like(self, mpesa_code: str, since_ms: int) -> str | None:
        """A code of a time that one may be misread for, and that money came with; None for none."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT mpesa_code FROM mpesa_transactions WHERE mpesa_code IS NOT NULL AND heard_at_ms >= ?"
                # Not by the index of codes, which SQLite would read from end to end.
                " ORDER BY +mpesa_code",
                (since_ms,),
            )
            return next((code for (code,) in rows if code != mpesa_code and is_look_alike(code, mpesa_code)), None)

    def open_sales(self, since_day: str) -> list[OpenSale]:
        """Sales that a payment may be for: not paid in full, or paid at a prompt whose code has not come."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT s.id, s.reference, s.total_cents - s.received_cents, s.made_at_ms, a.phone_last3,"
                " (SELECT max(c.amount_cents) FROM tenders c CROSS JOIN mpesa_transactions m ON m.id = c.transaction_id"
                "  WHERE c.sale_id = s.id AND c.state = 'received' AND m.mpesa_code IS NULL) AS to_prove"
                " FROM sales s JOIN stk_attempts a ON a.id = s.last_attempt_id"
                # Its first one narrows the rows; a clock that stood wrong may have dated some of those behind it.
                " WHERE s.id >= (SELECT min(+id) FROM sales WHERE day >= :since) AND s.day >= :since AND"
                " (to_prove IS NOT NULL OR (s.received_cents < s.total_cents AND NOT s.is_voided))"
                " ORDER BY s.id DESC LIMIT 300",
                {"since": since_day},
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
                " FROM stk_attempts WHERE tender_state = 'pending'"
            ).fetchone()
        free, free_cents = self.unclaimed_between(day, day)
        with converting(self.path):
            review = self._db.execute(f"SELECT count(*) FROM ({_NEEDS_YOU})").fetchone()  # noqa: S608 - our own words
            part_paid = self._db.execute(
                "SELECT count(*) FROM sales WHERE day = ? AND received_cents > 0 AND received_cents < total_cents",
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
            row = self._db.execute("SELECT hash FROM ledger_events ORDER BY id DESC LIMIT 1").fetchone()
        return row[0].hex() if row is not None else ""


def _all_digits(count: int) -> list[str]:
    """Every number of so many digits, as text."""
    return [f"{number:0{count}d}" for number in range(10**count)] if count else [""]
