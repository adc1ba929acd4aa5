"""What the ledger gives to readers: plain frozen rows, and their mapping from SQL."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Sale
from pos_app.domain.stk.attempt import OF_MONEY, Attempt, AttemptState, Review
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.integrity.encryption import Vault

ATTEMPT_COLUMNS: Final = (
    "a.id, a.sale_id, a.amount_cents, a.phone_head, a.phone_last3, s.reference, a.state, a.merchant_request_id,"
    " a.checkout_request_id, a.mpesa_code, a.heard_code, a.outcome_kind, a.outcome_code, a.outcome_text,"
    " a.outcome_is_final, a.outcome_may_turn, a.created_at_ms, a.sent_at_ms, a.settled_at_ms, a.asked_at_ms, a.asks,"
    " a.said_paid_at_ms, a.said_failed_at_ms, a.review, a.claimed_code, a.phone_sealed, a.left_at_ms,"
    " a.heard_settled, a.answered_at_ms, a.answers, a.said_by_callback"
)
_OF_MONEY: Final = " OR ".join(f"',' || a.review || ',' LIKE '%,{reason},%'" for reason in sorted(OF_MONEY))
SPEAKS_OF_MONEY: Final = (
    "(a.state <> 'paid' AND (a.said_paid_at_ms IS NOT NULL OR (a.heard_code IS NOT NULL AND NOT a.heard_settled)"
    f" OR {_OF_MONEY}))"
)
"""`Attempt.speaks_of_money` for queries over many sales; a test holds the two together."""
NEEDS_YOU: Final = (
    "SELECT sale_id FROM attempts WHERE review <> ''"
    " UNION SELECT sale_id FROM attempts WHERE checkout_request_id IS NOT NULL"
    "  AND (answers = 0 OR said_paid_at_ms IS NOT NULL) AND state IN ('declined', 'abandoned', 'rejected', 'paid')"
    "  AND said_paid_at_ms IS NOT NULL AND state <> 'paid'"
    " UNION SELECT sale_id FROM attempts WHERE heard_code IS NOT NULL AND NOT heard_settled"
    "  AND state IN ('declined', 'abandoned', 'rejected', 'withdrawn')"
)
"""The sales that need a person: each part by an index of its own."""
SALE_COLUMNS: Final = (
    "s.id, s.reference, s.amount_cents, s.received_cents, s.day, s.created_at_ms, s.cashier, s.till_label, s.is_voided"
)
SALE_WIDTH: Final = 9
PHONE_SEALED: Final = 25
"""Where the sealed phone stands in a row of `ATTEMPT_COLUMNS`."""


PAYMENT_COLUMNS: Final = (
    "SELECT mpesa_code, amount_cents, paid_at_ms, payer_sealed, phone_last3, use, sale_id, taken_by FROM till_payments"
)


def payment_of(row: tuple[Any, ...] | sqlite3.Row, vault: Vault | None) -> C2bPayment:
    """A payment from the columns of `PAYMENT_COLUMNS`; name and account stay sealed without the key."""
    payer = vault.open(row[3]) if vault is not None else None
    first_name, account = json.loads(payer) if payer is not None else ("", "")
    sale_id = SaleId(row[6]) if row[6] is not None else None
    return C2bPayment(row[0], Cents(row[1]), row[2], first_name, row[4], account, Use(row[5]), sale_id, row[7])


def attempt_of(row: tuple[Any, ...] | sqlite3.Row, msisdn: str = "") -> Attempt:
    """An attempt from the columns of `ATTEMPT_COLUMNS`."""
    outcome = None
    if row[11] is not None:
        outcome = Outcome(OutcomeKind(row[11]), row[12], row[13], is_final=bool(row[14]), may_turn_paid=bool(row[15]))
    return Attempt(
        id=AttemptId(row[0]),
        sale_id=SaleId(row[1]),
        amount_cents=Cents(row[2]),
        msisdn=Msisdn(msisdn),
        phone_masked=f"{row[3]}•••{row[4]}",
        reference=Reference(row[5]),
        state=AttemptState(row[6]),
        merchant_request_id=row[7],
        checkout_request_id=row[8],
        mpesa_code=row[9],
        heard_code=row[10],
        outcome=outcome,
        created_at_ms=row[16],
        sent_at_ms=row[17],
        settled_at_ms=row[18],
        asked_at_ms=row[19],
        asks=row[20],
        said_paid_at_ms=row[21],
        said_failed_at_ms=row[22],
        review=review_of(row[23]),
        claimed_code=row[24],
        left_at_ms=row[26],
        heard_settled=bool(row[27]),
        answered_at_ms=row[28],
        answers=row[29],
        is_said_by_callback=bool(row[30]),
    )


def sale_of(row: tuple[Any, ...] | sqlite3.Row) -> Sale:
    """A sale from the columns of `SALE_COLUMNS`."""
    return Sale(
        id=SaleId(row[0]),
        reference=Reference(row[1]),
        amount_cents=Cents(row[2]),
        received_cents=Cents(row[3]),
        day=row[4],
        created_at_ms=row[5],
        cashier=row[6],
        till_label=row[7],
        is_voided=bool(row[8]),
    )


def review_of(text: str) -> frozenset[Review]:
    """The reasons kept in a column."""
    return frozenset(Review(word) for word in text.split(",") if word)
