"""From the ledger's rows to what the domain knows, by the names of columns."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Sale, SaleSummary
from pos_app.domain.sales.tender import TenderKind
from pos_app.domain.stk.attempt import OF_MONEY, Attempt, AttemptState, Review
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.integrity.encryption import Vault

Row = dict[str, Any]


def by_name(cursor: sqlite3.Cursor) -> Iterator[Row]:
    """What a cursor finds, by the names of columns: `sqlite3.Row` compares every name it is asked for one by one."""
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


ATTEMPT_COLUMNS: Final = (
    "a.id AS attempt_id, a.state, a.phone_head, a.phone_last3, a.phone_sealed, a.merchant_request_id,"
    " a.checkout_request_id, a.heard_code, a.heard_settled, a.claimed_code, a.outcome_kind, a.outcome_code,"
    " a.outcome_text, a.outcome_is_final, a.outcome_may_turn, a.sent_at_ms, a.left_at_ms, a.settled_at_ms,"
    " a.said_paid_at_ms, a.said_by_callback, a.said_failed_at_ms, a.review, a.asked_at_ms, a.asks, a.answered_at_ms,"
    " a.answers, t.sale_id, t.amount_cents, t.made_at_ms AS requested_at_ms, m.mpesa_code, s.reference"
)
ATTEMPTS: Final = (
    f"SELECT {ATTEMPT_COLUMNS} FROM stk_attempts a JOIN tenders t ON t.id = a.tender_id"  # noqa: S608 - our own names
    " JOIN sales s ON s.id = t.sale_id LEFT JOIN mpesa_transactions m ON m.id = t.transaction_id"
)
_OF_MONEY: Final = " OR ".join(f"',' || a.review || ',' LIKE '%,{reason},%'" for reason in sorted(OF_MONEY))
SPEAKS_OF_MONEY: Final = (
    "(a.state <> 'paid' AND (a.said_paid_at_ms IS NOT NULL OR (a.heard_code IS NOT NULL AND NOT a.heard_settled)"
    f" OR {_OF_MONEY}))"
)
"""`Attempt.speaks_of_money` for queries over many sales; a test holds the two together."""
SALE_COLUMNS: Final = (
    "s.id AS of_sale, s.reference, s.total_cents, s.received_cents, s.day, s.made_at_ms, s.cashier, s.till_label,"
    " s.is_voided, s.has_receipt"
)
SUMMARIES: Final = (
    f"SELECT {SALE_COLUMNS}, {ATTEMPT_COLUMNS},"  # noqa: S608 - our own names
    " (SELECT group_concat(code) FROM (SELECT p.mpesa_code AS code FROM tenders r JOIN mpesa_transactions p"
    "  ON p.id = r.transaction_id WHERE r.sale_id = s.id AND r.state = 'received' AND p.mpesa_code IS NOT NULL"
    "  ORDER BY r.kind <> 'stk', r.id)) AS codes,"
    " (SELECT group_concat(v.review) FROM tenders r JOIN stk_attempts v ON v.tender_id = r.id"
    "  WHERE r.sale_id = s.id AND v.review <> '') AS reviews,"
    # In this order: SQLite would begin with every transaction that has no code.
    " EXISTS (SELECT 1 FROM tenders r CROSS JOIN mpesa_transactions p ON p.id = r.transaction_id"
    "  WHERE r.sale_id = s.id AND r.state = 'received' AND p.mpesa_code IS NULL) AS is_code_missing,"
    " EXISTS (SELECT 1 FROM tenders r JOIN stk_attempts a ON a.tender_id = r.id"
    f"  WHERE r.sale_id = s.id AND {SPEAKS_OF_MONEY}) AS is_said_paid"
    " FROM sales s JOIN stk_attempts a ON a.id = s.last_attempt_id JOIN tenders t ON t.id = a.tender_id"
    " LEFT JOIN mpesa_transactions m ON m.id = t.transaction_id"
)
PAYMENTS: Final = (
    "SELECT m.mpesa_code, m.confirmed_cents, m.paid_at_ms, m.phone_last3, m.payer_sealed, m.reserved_by, t.sale_id,"
    " t.kind AS tender_kind FROM mpesa_transactions m"
    " LEFT JOIN tenders t ON t.transaction_id = m.id AND t.state = 'received'"
    " WHERE m.confirmed_at_ms IS NOT NULL"
)
"""Payments that were confirmed as made straight to the shop's number, with the sale that has each."""


def attempt_of(row: Row, vault: Vault | None = None) -> Attempt:
    """An attempt; without the key its phone stays masked."""
    outcome = None
    if row["outcome_kind"] is not None:
        outcome = Outcome(
            OutcomeKind(row["outcome_kind"]),
            row["outcome_code"],
            row["outcome_text"],
            is_final=bool(row["outcome_is_final"]),
            may_turn_paid=bool(row["outcome_may_turn"]),
        )
    msisdn = (vault.open(row["phone_sealed"]) or b"").decode() if vault is not None else ""
    return Attempt(
        id=AttemptId(row["attempt_id"]),
        sale_id=SaleId(row["sale_id"]),
        amount_cents=Cents(row["amount_cents"]),
        msisdn=Msisdn(msisdn),
        phone_masked=f"{row['phone_head']}•••{row['phone_last3']}",
        reference=Reference(row["reference"]),
        state=AttemptState(row["state"]),
        merchant_request_id=row["merchant_request_id"],
        checkout_request_id=row["checkout_request_id"],
        mpesa_code=row["mpesa_code"],
        heard_code=row["heard_code"],
        outcome=outcome,
        created_at_ms=row["requested_at_ms"],
        sent_at_ms=row["sent_at_ms"],
        settled_at_ms=row["settled_at_ms"],
        asked_at_ms=row["asked_at_ms"],
        asks=row["asks"],
        said_paid_at_ms=row["said_paid_at_ms"],
        said_failed_at_ms=row["said_failed_at_ms"],
        review=review_of(row["review"]),
        claimed_code=row["claimed_code"],
        left_at_ms=row["left_at_ms"],
        heard_settled=bool(row["heard_settled"]),
        answered_at_ms=row["answered_at_ms"],
        answers=row["answers"],
        is_said_by_callback=bool(row["said_by_callback"]),
    )


def sale_of(row: Row) -> Sale:
    """A sale."""
    return Sale(
        id=SaleId(row["of_sale"]),
        reference=Reference(row["reference"]),
        amount_cents=Cents(row["total_cents"]),
        received_cents=Cents(row["received_cents"]),
        day=row["day"],
        created_at_ms=row["made_at_ms"],
        cashier=row["cashier"],
        till_label=row["till_label"],
        is_voided=bool(row["is_voided"]),
    )


def summary_of(row: Row) -> SaleSummary:
    """A sale with its latest attempt, its phone masked."""
    return SaleSummary(
        sale_of(row),
        attempt_of(row),
        tuple(code for code in (row["codes"] or "").split(",") if code),
        review_of(row["reviews"] or ""),
        has_receipt=bool(row["has_receipt"]),
        is_code_missing=bool(row["is_code_missing"]),
        is_said_paid=bool(row["is_said_paid"]),
    )


def payment_of(row: Row, vault: Vault | None) -> C2bPayment:
    """A payment made straight to the shop's number; name and account stay sealed without the key."""
    payer: Any = vault.open(row["payer_sealed"]) if vault is not None else None
    first_name, account = json.loads(payer) if payer is not None else ("", "")
    if row["reserved_by"]:
        use = Use.ELSEWHERE
    elif row["tender_kind"] is None:
        use = Use.FREE
    else:
        # Under a prompt it is that prompt's own money.
        use = Use.PROVES if row["tender_kind"] == TenderKind.STK else Use.PAYS
    return C2bPayment(
        row["mpesa_code"],
        Cents(row["confirmed_cents"]),
        row["paid_at_ms"],
        first_name,
        row["phone_last3"],
        account,
        use,
        SaleId(row["sale_id"]) if row["sale_id"] is not None else None,
        row["reserved_by"],
    )


def review_of(text: str) -> frozenset[Review]:
    """The reasons kept in a column."""
    return frozenset(Review(word) for word in text.split(",") if word)
