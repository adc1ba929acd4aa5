"""Money that moved at M-PESA, one row for each code, and which sales have it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from pos_app.common.clock import day_of
from pos_app.domain.c2b.payment import C2bPayment, reservation_subject
from pos_app.domain.sales.tender import TenderKind
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.ledger.event_codec import SYSTEM, OfTransaction, Subject
from pos_app.ledger.integrity.encryption import Vault
from pos_app.ledger.rows import PAYMENTS, by_name, payment_of
from pos_app.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class _Row:
    """A transaction, and the tender that has it."""

    id: int
    mpesa_code: str | None
    is_confirmed: bool
    reserved_by: str
    tender_id: int | None
    tender_kind: str
    sale_id: SaleId | None


class TransactionStore:
    """The table of M-PESA transactions, and the tenders that are parts of them."""

    def __init__(self, unit: UnitOfWork, vault: Vault) -> None:
        self._unit = unit
        self._vault = vault

    # Payments made straight to the shop's number

    def arrive(self, payment: C2bPayment, evidence: bytes, now_ms: int) -> bool:
        """Keeps a payment that was confirmed; False for one that was before.

        Args:
            evidence: The digest of the message that brought it.
        """
        row = self._with_code(payment.mpesa_code)
        if row is not None and row.is_confirmed:
            return False
        payer = self._vault.seal(json.dumps([payment.first_name, payment.account]).encode())
        kept = {
            "mpesa_code": payment.mpesa_code,
            "amount_cents": payment.amount_cents,
            "day": day_of(payment.paid_at_ms),
            "paid_at_ms": payment.paid_at_ms,
            "phone_last3": payment.phone_last3,
            "payer_sealed": hashlib.sha256(payer).hexdigest(),
            "evidence": evidence.hex(),
        }
        told = (kept["day"], payment.paid_at_ms, payment.phone_last3)
        sealed = (payer, reservation_subject(payment.mpesa_code), evidence)
        if row is not None:
            event = self._note(row.id, row.sale_id, now_ms, OfTransaction.CONFIRMED, kept)
            self._unit.db.execute(
                "UPDATE mpesa_transactions SET confirmed_at_ms = ?, confirmed_cents = ?, day = ?, paid_at_ms = ?,"
                " phone_last3 = ?, payer_sealed = ?, reservation = ?, evidence = ?, event_id = ? WHERE id = ?",
                (now_ms, payment.amount_cents, *told, *sealed, event, row.id),
            )
            return True
        number = self._unit.next_id("mpesa_transactions")
        event = self._note(number, None, now_ms, OfTransaction.ARRIVED, kept)
        self._unit.db.execute(
            "INSERT INTO mpesa_transactions (id, mpesa_code, amount_cents, heard_at_ms, confirmed_at_ms,"
            " confirmed_cents, day, paid_at_ms, phone_last3, payer_sealed, reservation, evidence, event_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                payment.mpesa_code,
                payment.amount_cents,
                now_ms,
                now_ms,
                payment.amount_cents,
                *told,
                *sealed,
                event,
            ),
        )
        return True

    def payment(self, mpesa_code: str) -> C2bPayment | None:
        """The payment with a code, where it was confirmed as one to the shop's number."""
        found = self._unit.db.execute(f"{PAYMENTS} AND m.mpesa_code = ?", (mpesa_code,))
        return next((payment_of(row, self._vault) for row in by_name(found)), None)

    def codes_of(self, sale_id: SaleId) -> list[str]:
        """The codes of the payments that were given to a sale."""
        rows = self._unit.db.execute(
            "SELECT m.mpesa_code FROM tenders t JOIN mpesa_transactions m ON m.id = t.transaction_id"
            " WHERE t.sale_id = ? AND t.kind = 'c2b' AND t.state = 'received' ORDER BY t.id",
            (sale_id,),
        )
        return [row[0] for row in rows]

    def is_taken(self, mpesa_code: str, attempt: Attempt) -> bool:
        """Whether a code pays another prompt, another sale, or a sale of another till."""
        row = self._with_code(mpesa_code)
        if row is None:
            return False
        is_anothers = row.sale_id is not None and row.sale_id != attempt.sale_id
        return bool(row.reserved_by) or is_anothers or self._is_another_prompts(row, attempt)

    def _is_another_prompts(self, row: _Row, attempt: Attempt) -> bool:
        return row.tender_kind == TenderKind.STK and row.tender_id != self._tender_of(attempt.id)

    # Given to sales, and taken back

    def allocate(self, payment: C2bPayment, sale_id: SaleId, now_ms: int, by: str) -> None:
        """Gives a payment that nobody has to a sale."""
        row, tender = self._row(payment.mpesa_code), self._unit.next_id("tenders")
        details = {"mpesa_code": payment.mpesa_code, "amount_cents": payment.amount_cents, "tender": tender}
        event = self._note(row.id, sale_id, now_ms, OfTransaction.ALLOCATED, details, by)
        self._name_event(row.id, event)
        self._unit.db.execute(
            "INSERT INTO tenders (id, sale_id, kind, amount_cents, state, made_at_ms, transaction_id, event_id)"
            " VALUES (?, ?, 'c2b', ?, 'received', ?, ?, ?)",
            (tender, sale_id, payment.amount_cents, now_ms, row.id, event),
        )

    def deallocate(self, payment: C2bPayment, now_ms: int, by: str, reason: str) -> None:
        """Takes a payment back from the sale that has it."""
        row = self._row(payment.mpesa_code)
        details = {
            "mpesa_code": payment.mpesa_code,
            "amount_cents": payment.amount_cents,
            "tender": row.tender_id,
            "reason": reason,
        }
        event = self._note(row.id, row.sale_id, now_ms, OfTransaction.DEALLOCATED, details, by)
        self._name_event(row.id, event)
        self._release(row.tender_id, event)

    # The money of prompts

    def receive(self, after: Attempt, now_ms: int) -> C2bPayment | None:
        """A prompt was paid, or the code of its money followed: its tender stands over its transaction from now on.

        Returns:
            The payment in the list that was the same money, as it was; None where there was none.
        """
        listed = self._with_code(after.mpesa_code) if after.mpesa_code is not None else None
        codeless = self._under(self._tender_of(after.id))
        if codeless is not None and codeless.mpesa_code == after.mpesa_code:
            return None
        if listed is not None:
            return self._prove(listed, codeless, after, now_ms)
        details = {
            "mpesa_code": after.mpesa_code,
            "amount_cents": after.amount_cents,
            "tender": self._tender_of(after.id),
        }
        if codeless is not None:
            event = self._note(codeless.id, after.sale_id, now_ms, OfTransaction.CODE_FOLLOWED, details)
            self._unit.db.execute(
                "UPDATE mpesa_transactions SET mpesa_code = ?, event_id = ? WHERE id = ?",
                (after.mpesa_code, event, codeless.id),
            )
            return None
        number = self._unit.next_id("mpesa_transactions")
        event = self._note(number, after.sale_id, now_ms, OfTransaction.PAID, details)
        self._unit.db.execute(
            "INSERT INTO mpesa_transactions (id, mpesa_code, amount_cents, heard_at_ms, event_id)"
            " VALUES (?, ?, ?, ?, ?)",
            (number, after.mpesa_code, after.amount_cents, now_ms, event),
        )
        self._stand_over(after.id, number, event)
        return None

    def _prove(self, listed: _Row, codeless: _Row | None, attempt: Attempt, now_ms: int) -> C2bPayment | None:
        """The same money came twice to our knowledge: as this attempt's, and as a payment. It counts once."""
        payment = self.payment(attempt.mpesa_code or "")
        tender = self._tender_of(attempt.id)
        details = {
            "mpesa_code": attempt.mpesa_code,
            # What the prompt asked for: a confirmation that says otherwise is to check.
            "amount_cents": attempt.amount_cents,
            "tender": tender,
            "released": listed.tender_id,
        }
        event = self._note(listed.id, attempt.sale_id, now_ms, OfTransaction.PROVED, details)
        if listed.tender_id is not None:
            self._release(listed.tender_id, event)
        self._unit.db.execute(
            "UPDATE mpesa_transactions SET amount_cents = ?, event_id = ? WHERE id = ?",
            (attempt.amount_cents, event, listed.id),
        )
        self._stand_over(attempt.id, listed.id, event)
        if codeless is not None:
            merged = self._note(codeless.id, attempt.sale_id, now_ms, OfTransaction.MERGED, {"into": listed.id})
            self._unit.db.execute(
                "UPDATE mpesa_transactions SET merged_into = ?, event_id = ? WHERE id = ?",
                (listed.id, merged, codeless.id),
            )
        return payment

    def _stand_over(self, attempt_id: AttemptId, transaction_id: int, event: int) -> None:
        self._unit.db.execute(
            "UPDATE tenders SET state = 'received', transaction_id = ?, event_id = ? WHERE id = ?",
            (transaction_id, event, self._tender_of(attempt_id)),
        )

    def _release(self, tender_id: int | None, event: int) -> None:
        self._unit.db.execute("UPDATE tenders SET state = 'released', event_id = ? WHERE id = ?", (event, tender_id))

    def _name_event(self, transaction_id: int, event: int) -> None:
        """The row names the event that changed what sales have of it."""
        self._unit.db.execute("UPDATE mpesa_transactions SET event_id = ? WHERE id = ?", (event, transaction_id))

    # Other tills of the shop

    def reserve_elsewhere(self, mpesa_code: str, till: str, now_ms: int) -> None:
        """Another till reserved a payment, or (an empty name) gave it back; nothing where a sale here has it."""
        row = self._with_code(mpesa_code)
        if row is not None and row.is_confirmed and row.tender_id is None and row.reserved_by != till:
            kind = OfTransaction.RESERVED_ELSEWHERE if till else OfTransaction.GIVEN_BACK
            event = self._note(row.id, None, now_ms, kind, {"till": till})
            self._unit.db.execute(
                "UPDATE mpesa_transactions SET reserved_by = ?, event_id = ? WHERE id = ?", (till, event, row.id)
            )

    def code_of_reservation(self, subject: bytes) -> str | None:
        """The code that tills reserve under a name."""
        row = self._unit.db.execute(
            "SELECT mpesa_code FROM mpesa_transactions WHERE reservation = ?", (subject,)
        ).fetchone()
        return str(row[0]) if row is not None else None

    def codes_to_reserve(self, since_ms: int) -> list[tuple[AttemptId, str]]:
        """The codes that prompts were paid with since a time, and of which the relay has not confirmed anything."""
        rows = self._unit.db.execute(
            "SELECT a.id, m.mpesa_code FROM stk_attempts a JOIN tenders t ON t.id = a.tender_id"
            " JOIN mpesa_transactions m ON m.id = t.transaction_id"
            " WHERE a.state = 'paid' AND a.settled_at_ms >= ? AND m.mpesa_code IS NOT NULL AND NOT m.is_reserved"
            # Not in the table's own order: SQLite would read it from end to end.
            " ORDER BY +a.id",
            (since_ms,),
        )
        return [(AttemptId(row[0]), row[1]) for row in rows.fetchall()]

    def note_reserved(self, attempt_id: AttemptId) -> None:
        """The relay confirmed that the money of this attempt is this till's."""
        self._unit.db.execute(
            "UPDATE mpesa_transactions SET is_reserved = 1 WHERE mpesa_code IS NOT NULL AND id ="
            " (SELECT t.transaction_id FROM tenders t JOIN stk_attempts a ON a.tender_id = t.id WHERE a.id = ?)",
            (attempt_id,),
        )

    # Rows

    def _note(
        self, number: int, sale_id: int | None, now_ms: int, kind: OfTransaction, details: dict[str, Any], by: str = ""
    ) -> int:
        told = {name: value for name, value in details.items() if value is not None}
        return self._unit.add_event(Subject.TRANSACTION, number, sale_id, now_ms, kind, by or SYSTEM, told)

    def _row(self, mpesa_code: str) -> _Row:
        row = self._with_code(mpesa_code)
        assert row is not None
        return row

    def _with_code(self, mpesa_code: str) -> _Row | None:
        return self._one("m.mpesa_code = ?", mpesa_code)

    def _under(self, tender_id: int) -> _Row | None:
        """The transaction under a tender that is received."""
        return self._one("t.id = ?", tender_id)

    def _one(self, condition: str, value: int | str) -> _Row | None:
        row: sqlite3.Row | None = self._unit.db.execute(
            "SELECT m.id, m.mpesa_code, m.confirmed_at_ms IS NOT NULL, m.reserved_by, t.id, coalesce(t.kind, ''),"  # noqa: S608
            " t.sale_id FROM mpesa_transactions m"
            f" LEFT JOIN tenders t ON t.transaction_id = m.id AND t.state = 'received' WHERE {condition}",
            (value,),
        ).fetchone()
        return _Row(*row) if row is not None else None

    def _tender_of(self, attempt_id: AttemptId) -> int:
        row = self._unit.db.execute("SELECT tender_id FROM stk_attempts WHERE id = ?", (attempt_id,)).fetchone()
        return int(row[0])
