"""Fills a ledger quickly, with sales of today: nobody measures this.

python tests/perf/fill.py HOME ROWS             paid sales, in practice
python tests/perf/fill.py HOME ROWS waiting     prompts that wait for their callbacks, in the sandbox
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk import events as ev
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.writer import LedgerWriter


def fill(home: Path, rows: int, *, is_paid: bool) -> None:
    environment = "practice" if is_paid else "sandbox"
    now_ms = time.time_ns() // 1_000_000
    with closing(LedgerWriter(home / environment / "ledger.sqlite3", environment)) as ledger:
        ledger._unit.db.execute("PRAGMA synchronous = OFF")
        for number in range(rows):
            at_ms = now_ms - (rows - number)
            draft = Draft(Cents((number % 900 + 1) * 100), Msisdn(f"2547{number:08d}"), Reference(f"R{number}"))
            attempt = ledger.begin_sale(draft, f"token-{number:016d}", at_ms, cashier="Asha").attempt
            ids = (f"m-{number}", f"ws_CO_{number}")
            ledger.apply(attempt.id, ev.PushAccepted(*ids), at_ms)
            if is_paid:
                proof = ev.CallbackArrived(Outcome(OutcomeKind.PAID, "0"), *ids, draft.amount_cents, f"C{number:09d}")
                ledger.apply(attempt.id, proof, at_ms)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]), is_paid=sys.argv[3:] != ["waiting"])
