"""The part of the ledger about payments made straight to the till. Within the writer's transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any, Final

from pos_app.common.clock import day_of
from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.ledger.integrity.encryption import Vault
from pos_app.ledger.rows import PAYMENT_COLUMNS, payment_of

KIND: Final = "till_payment"
AddEvent = Callable[[AttemptId, int, str, AttemptState, AttemptState, dict[str, Any]], None]


class PaymentBook:
    """Keeps payments and what each is used for.

    Args:
        add_event: Chains an event of an attempt.
    """

    def __init__(self, db: sqlite3.Connection, vault: Vault, add_event: AddEvent) -> None:
        self._db = db
        self._vault = vault
        self._add_event = add_event

    def keep(self, payment: C2bPayment, evidence: bytes, now_ms: int) -> bool:
        """Lists a payment, free; False for one that is listed already."""
        cursor = self._db.execute(
            "INSERT INTO till_payments (mpesa_code, amount_cents, day, paid_at_ms, received_at_ms, phone_last3,"
            " payer_sealed, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (mpesa_code) DO NOTHING",
            (
                payment.mpesa_code,
                payment.amount_cents,
                day_of(payment.paid_at_ms),
                payment.paid_at_ms,
                now_ms,
                payment.phone_last3,
                self._vault.seal(json.dumps([payment.first_name, payment.account]).encode()),
                evidence,
            ),
        )
        return cursor.rowcount == 1

    def find(self, mpesa_code: str) -> C2bPayment | None:
        """The payment with a code."""
        row = self._db.execute(f"{PAYMENT_COLUMNS} WHERE mpesa_code = ?", (mpesa_code,)).fetchone()
        return payment_of(row, self._vault) if row is not None else None

    def codes_of(self, sale_id: SaleId) -> list[str]:
        """The codes of the payments that pay a sale."""
        query = "SELECT mpesa_code FROM till_payments WHERE sale_id = ? AND use = 'pays' ORDER BY id"
        return [row[0] for row in self._db.execute(query, (sale_id,))]

    def use(self, payment: C2bPayment, use: Use, attempt: Attempt, now_ms: int, **why: str) -> None:
        """Notes what a payment is used for from now on, on the attempt and in the list.

        Args:
            attempt: Of the sale it is used for, or was.
            why: ``by`` and ``reason`` of a person.
        """
        details = {"mpesa_code": payment.mpesa_code, "amount_cents": payment.amount_cents, "use": use.value, **why}
        self._add_event(attempt.id, now_ms, KIND, attempt.state, attempt.state, details)
        sale_id = None if use is Use.FREE else attempt.sale_id
        self._db.execute(
            "UPDATE till_payments SET use = ?, sale_id = ? WHERE mpesa_code = ?",
            (use.value, sale_id, payment.mpesa_code),
        )

    def prove(self, attempt: Attempt, now_ms: int) -> C2bPayment | None:
        """The same money came twice to our knowledge: as this attempt's, and as a payment. It counts once.

        Returns:
            The payment as it was; None where there is none, or it was known to be the same.
        """
        payment = self.find(attempt.mpesa_code or "")
        if payment is None or payment.use not in (Use.FREE, Use.PAYS) or payment.sale_id not in (None, attempt.sale_id):
            return None
        self.use(payment, Use.PROVES, attempt, now_ms)
        return payment

    def is_taken(self, mpesa_code: str, sale_id: SaleId) -> bool:
        """Whether a code pays another sale, or another till's."""
        payment = self.find(mpesa_code)
        return payment is not None and (payment.use is Use.ELSEWHERE or payment.sale_id not in (None, sale_id))

    def take_elsewhere(self, mpesa_code: str, till: str) -> bool:
        """Another till reserved a payment, or (an empty name) gave it back; False where it is used here."""
        # No event tells it, since no sale of this till is meant: the ledger's key stands for it instead.
        sealed = self._vault.seal(elsewhere_note(mpesa_code, till)) if till else None
        changed = self._db.execute(
            "UPDATE till_payments SET use = ?, taken_by = ?, taken_sealed = ?"
            " WHERE mpesa_code = ? AND use IN ('', 'elsewhere')",
            (Use.ELSEWHERE.value if till else Use.FREE.value, till, sealed, mpesa_code),
        )
        return changed.rowcount == 1


def elsewhere_note(mpesa_code: str, till: str) -> bytes:
    """What is sealed beside a payment that another till has."""
    return json.dumps([mpesa_code, till]).encode()
