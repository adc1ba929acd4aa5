"""Bugs to plant in the till and in its command line: to see that the torture notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pos_app.cli import sales as sales_command
from pos_app.cli import verify as verify_command
from pos_app.common import tokens
from pos_app.common.http import Leaving
from pos_app.domain.c2b.payment import C2bPayment
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.stk import events as ev
from pos_app.domain.stk import transitions
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.stk.facts import Facts
from pos_app.engine.commands import RequestStkPayment, Sender
from pos_app.engine.dispatcher import HANDLERS
from pos_app.engine.handlers import stk
from pos_app.engine.parts import Parts
from pos_app.engine.services import stk_sender
from pos_app.ledger.stores.transactions import TransactionStore
from pos_app.ledger.verify import Verdict
from pos_app.receipts.thermal_printer import ThermalPrinter


def plant(bug: str) -> None:
    """Plants one of `torture.steps.PLANTS`."""
    _PLANTERS[bug]()


def _resend() -> None:
    """A push that may have arrived is sent once more."""
    real = stk_sender.push

    async def twice(*what: Any) -> ev.Event:
        event = await real(*what)
        return await real(*what) if isinstance(event, ev.PushLost) else event

    vars(stk_sender)["push"] = twice


def _no_promise() -> None:
    """What was said about money keeps nobody from prompting again or voiding."""
    Attempt.speaks_of_money = property(lambda _self: False)  # type: ignore[assignment,method-assign]


def _late_journal() -> None:
    """A push leaves before anything is written down."""
    real = stk.request_payment

    async def late(command: RequestStkPayment, sender: Sender, parts: Parts) -> Attempt:
        draft = command.draft
        token = tokens.new_address_token()
        pretended = Attempt(0, 0, draft.amount_cents, draft.msisdn, "", draft.reference)  # type: ignore[arg-type]
        leaving = Leaving(time.monotonic() + 30, lambda: None)
        await stk_sender.push(parts.context.mpesa, parts.context.access, pretended, token, leaving)
        return await real(command, sender, parts)

    cast("dict[Any, Any]", HANDLERS)[RequestStkPayment] = late


def _forgets_payment() -> None:
    """What was paid straight to the till is read and never listed."""

    def arrive(self: TransactionStore, payment: C2bPayment, evidence: bytes, now_ms: int) -> bool:
        return False

    TransactionStore.arrive = arrive  # type: ignore[method-assign]


def _believes_amounts() -> None:
    """A callback with another amount than was asked for counts as proof."""
    real = transitions._callback_said_paid

    def believe(attempt: Attempt, event: ev.CallbackArrived, facts: Facts, now_ms: int) -> transitions.Decision:
        return real(attempt, replace(event, amount_cents=attempt.amount_cents), facts, now_ms)

    transitions._callback_said_paid = believe


def _blind_verify() -> None:
    """``pos-app verify`` finds nothing, whatever there is."""
    real: Callable[[Path], Verdict] = vars(verify_command)["verify"]

    def blind(ledger: Path) -> Verdict:
        return replace(real(ledger), findings=())

    vars(verify_command)["verify"] = blind


def _notes_torn() -> None:
    """A receipt of which half reached the printer counts as printed."""
    import socket

    def half(self: ThermalPrinter, content: bytes) -> None:
        with socket.create_connection((self._host, self._port)) as printer:
            printer.sendall(content[: len(content) // 2])

    ThermalPrinter._send = half  # type: ignore[method-assign]


def _hides_reviews() -> None:
    """``pos-app sales`` says of no sale that it is to check."""
    real = vars(sales_command)["sale_json"]

    def hide(row: SaleSummary) -> dict[str, Any]:
        return {**real(row), "review": False, "reasons": []}

    vars(sales_command)["sale_json"] = hide


_PLANTERS = {
    "resend": _resend,
    "late_journal": _late_journal,
    "no_promise": _no_promise,
    "forgets_payment": _forgets_payment,
    "believes_amounts": _believes_amounts,
    "blind_verify": _blind_verify,
    "notes_torn": _notes_torn,
    "hides_reviews": _hides_reviews,
}
