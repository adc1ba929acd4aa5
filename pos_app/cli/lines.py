"""The lines of `request`, `follow` and `sales`: JSON for programs, words for people."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any, TextIO

from pos_app.common.clock import to_eat
from pos_app.common.i18n import _
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.money import format_ksh, shillings_of
from pos_app.texts.states import attempt_word, cashier_sentence, own_words, review_word, words_of_sale


class OutputLostError(Exception):
    """Nobody takes our lines any more.

    Args:
        is_gone: Whoever read them went away, as ``head`` does; else the disk is full, say.
    """

    def __init__(self, *, is_gone: bool) -> None:
        super().__init__()
        self.is_gone = is_gone


def prepare_output() -> None:
    """What a terminal's alphabet does not have is spelled out instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_line(text: str) -> None:
    """A line for a person or a program, out at once.

    Raises:
        OutputLostError: it could not be written; nothing after it will be tried.
    """
    if sys.stdout is None:
        return
    try:
        print(text, flush=True)
    except OSError as error:
        _give_up(sys.stdout)
        sys.stdout = None
        raise OutputLostError(is_gone=isinstance(error, BrokenPipeError)) from None


def print_error(text: str) -> None:
    """A line on standard error; where that is gone too there is nobody to tell."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)
        sys.stderr = None


def _give_up(stream: TextIO) -> None:
    """Sends what is still in the buffer nowhere, so that the end of the process does not fail over it."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


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


def sale_json(row: SaleSummary) -> dict[str, Any]:
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
        "review": bool(row.reasons),
        "reasons": sorted(row.reasons),
        "day": row.sale.day,
        "created_at": to_eat(row.sale.created_at_ms).isoformat(timespec="milliseconds"),
    }


def sale_text(row: SaleSummary) -> str:
    """The same in words, in columns."""
    sold = to_eat(row.sale.created_at_ms).strftime("%H:%M")
    codes = " ".join(row.codes) or "-"
    flag = "  " + _("TO CHECK") if row.reasons else ""
    return (
        f"{sold}  {row.sale.reference:<12}  {row.attempt.phone_masked}  {format_ksh(row.sale.amount_cents):>12}"
        f"  {words_of_sale(row).word:<22}  {codes}{flag}"
    )


def as_line(document: dict[str, Any]) -> str:
    """One JSON object on one line, in ASCII: it passes through any terminal and any pipe."""
    return json.dumps(document)
