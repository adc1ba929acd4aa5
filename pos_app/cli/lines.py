"""The lines of `request`, `follow` and `sales`: JSON for programs, words for people."""

from __future__ import annotations

import json
import sys
from typing import Any

from pos_app.clock import to_eat
from pos_app.domain.attempt import Attempt
from pos_app.domain.money import format_ksh, shillings_of
from pos_app.i18n import _
from pos_app.ledger.rows import SaleRow
from pos_app.words.states import attempt_word, cashier_sentence, own_words, review_word


def say(text: str) -> None:
    """A line for a person or a program, out at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """One change of an attempt. The names are a contract."""
    outcome = attempt.outcome
    return {
        "sale": attempt.sale_id,
        "attempt": attempt.id,
        "state": attempt.state.value,
        "outcome": outcome.kind.value if outcome is not None else None,
        "code": outcome.code if outcome is not None else None,
        "mpesa_code": attempt.mpesa_code,
        "review": bool(attempt.review),
        "reasons": sorted(attempt.review),
        "reference": attempt.reference,
        "amount": shillings_of(attempt.amount_cents),
        "phone": attempt.phone_masked,
    }


def attempt_text(attempt: Attempt) -> str:
    """The same in words."""
    parts = [
        attempt.reference,
        format_ksh(attempt.amount_cents),
        attempt.phone_masked,
        attempt_word(attempt),
        attempt.mpesa_code or "",
        *(review_word(reason) for reason in sorted(attempt.review)),
    ]
    return "  ".join(part for part in parts if part)


def advice(attempt: Attempt) -> str:
    """What to do now, with M-PESA's own words where ours are not enough."""
    words = own_words(attempt)
    return cashier_sentence(attempt) + (f" ({words})" if words else "")


def sale_json(row: SaleRow) -> dict[str, Any]:
    """A sale of the ledger. The names are a contract."""
    return {
        "sale": row.sale.id,
        "reference": row.sale.reference,
        "amount": shillings_of(row.sale.amount_cents),
        "received": shillings_of(row.sale.received_cents),
        "phone": row.attempt.phone_masked,
        "state": row.sale.state.value,
        "attempt": row.attempt.id,
        "attempt_state": row.attempt.state.value,
        "outcome": row.attempt.outcome.kind.value if row.attempt.outcome is not None else None,
        "mpesa_codes": list(row.codes),
        "review": bool(row.review),
        "reasons": sorted(row.review),
        "day": row.sale.day,
        "created_at": to_eat(row.sale.created_at_ms).isoformat(timespec="milliseconds"),
    }


def sale_text(row: SaleRow) -> str:
    """The same in words, in columns."""
    sold = to_eat(row.sale.created_at_ms).strftime("%H:%M")
    codes = " ".join(row.codes) or "-"
    flag = "  " + _("NEEDS YOU") if row.review else ""
    return (
        f"{sold}  {row.sale.reference:<12}  {row.attempt.phone_masked}  {format_ksh(row.sale.amount_cents):>12}"
        f"  {attempt_word(row.attempt):<22}  {codes}{flag}"
    )


def as_line(document: dict[str, Any]) -> str:
    """One JSON object on one line."""
    return json.dumps(document, ensure_ascii=False)
