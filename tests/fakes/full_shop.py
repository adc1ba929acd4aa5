"""A ledger with full data: five hundred sales, seven-digit totals, the longest names, every state."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from fakes.recording import record_sale
from pos_app.domain.c2b.payment import C2bPayment
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk import events as ev
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.writer import LedgerWriter

PAID = Outcome(OutcomeKind.PAID, "0")
LONGEST_CASHIER = "Wanjikũ wa Kamau Njoroge"
LONGEST_PAYER = "Nyambura-Wambui"
LONGEST_TILL = "Kaunta ya nje namba 12"
OWN_WORDS = "A reason of M-PESA that no table knows, in many words"


FREE, STRAYS = 24, 24
"""Payments straight to the till that no sale has, and messages that belong to nothing."""


def fill(path: Path, environment: str, sales: int = 500) -> None:
    """Sells a day."""
    # A minute past midnight still has all of them on this day.
    until_ms = int(time.time() * 1000)
    with closing(LedgerWriter(path, environment)) as ledger:
        for number in range(sales):
            _sell(ledger, number, until_ms - (sales - number) * 10)
        for number in range(FREE):
            _pay_by_hand(ledger, sales + number, until_ms - number * 10)
        for number in range(STRAYS):
            ledger.take_callback(
                token_digest=b"e" * 32,
                body=b'{"Body": {"stkCallback": {"ResultDesc": "%s", "number": %d}}}'
                % (OWN_WORDS.encode() * 3, number),
                event=ev.CallbackUnclear(),
                now_ms=until_ms,
                cursor=Cursor("m", sales + FREE + number),
            )


def _sell(ledger: LedgerWriter, number: int, at_ms: int) -> None:
    draft = Draft(
        Cents(24_999_900 if number % 3 else 100_000), Msisdn(f"2547{number:08d}"), Reference(f"WWWWWWWW{number:04d}")
    )
    attempt = record_sale(
        ledger, draft, f"token-{number}", at_ms, cashier=LONGEST_CASHIER, till_label=LONGEST_TILL, anyway=True
    )
    ids = (f"m{number}", f"ws{number}")

    def hear(event: ev.Event) -> None:
        ledger.apply(attempt.id, event, at_ms)

    def callback(cents: int, code: str) -> None:
        hear(ev.CallbackArrived(PAID, *ids, Cents(cents), code))

    def query(kind: OutcomeKind, code: str) -> None:
        hear(ev.QueryAnswered(Outcome(kind, code)))

    hear(ev.SendRequested())
    hear(ev.PushAccepted(*ids, at_ms))
    match number % 12:
        case 5:
            hear(ev.QueryAnswered(PAID))
            hear(ev.QueryAnswered(PAID, apart_ms=20_000))
        case 6:
            query(OutcomeKind.INSUFFICIENT_FUNDS, "1")
        case 7:
            query(OutcomeKind.UNREACHABLE, "1037")
            hear(ev.QueryAnswered(PAID))
        case 8:
            query(OutcomeKind.CANCELLED, "1032")
            callback(100, f"TKX{number:07d}")
        case 9:
            query(OutcomeKind.CANCELLED, "1032")
            hear(ev.CallbackUnclear(None, None))
        case 10:
            query(OutcomeKind.CANCELLED, "1032")
            _pay_by_hand(ledger, number, at_ms)
            ledger.allocate_payment(f"TKP{number:07d}", attempt.sale_id, LONGEST_CASHIER, at_ms)
        case 11:
            hear(ev.CallbackArrived(Outcome(OutcomeKind.OTHER, "31337", OWN_WORDS, is_final=False), *ids, None, None))
        case _:
            callback(draft.amount_cents, f"TKN{number:07d}")


def _pay_by_hand(ledger: LedgerWriter, number: int, at_ms: int) -> None:
    payment = C2bPayment(f"TKP{number:07d}", Cents(24_999_900), at_ms, LONGEST_PAYER, "678", "")
    ledger.take_payment(
        token_digest=b"d" * 32, body=b"%d" % number, payment=payment, now_ms=at_ms, cursor=Cursor("m", number)
    )
