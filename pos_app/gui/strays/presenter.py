"""What a message that belongs to no payment says, without Qt.

Such messages are not signed and may come from anybody: none of their words are
shown, only what is recognised in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pos_app.common.clock import to_eat
from pos_app.common.i18n import N_, _
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.domain.mpesa.unmatched_message import UnmatchedMessage
from pos_app.domain.values.money import Cents, cents_of, format_ksh
from pos_app.ledger.queries.query import Query
from pos_app.ledger.reader import LedgerReader

HEADINGS = (N_("Came"), N_("Amount"), N_("What it says"), N_("M-PESA code"))
_UNREADABLE = N_("cannot be read")
_NOT_TAKEN = N_("a payment straight to a number, which this till could not take")
_SEALED = N_("sealed: its key is not beside this ledger")
_PAID = N_("paid, for a prompt that is not in this ledger")
_NOT_PAID = N_("not paid, for a prompt that is not in this ledger")


@dataclass(frozen=True, slots=True)
class StrayRow:
    """One of them.

    Args:
        id: Its number among the evidence.
        settled_by: Who settled it, and how (``reason``); empty while nobody has.
    """

    id: int
    came_at_ms: int
    what: str
    amount_cents: Cents | None = None
    mpesa_code: str = ""
    settled_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UnmatchedMessages(Query[list[StrayRow]]):
    """Messages that belong to no payment of this till: those to settle, or all."""

    with_settled: bool = False

    def read(self, reader: LedgerReader) -> list[StrayRow]:
        return [row_of(message) for message in reader.strays(with_settled=self.with_settled)]

    def without_ledger(self) -> list[StrayRow]:
        return []


def row_of(stray: UnmatchedMessage) -> StrayRow:
    """What is recognised in it."""
    what, amount, mpesa_code = _recognised(stray)
    cents = cents_of(amount) if amount is not None else None
    return StrayRow(stray.id, stray.received_at_ms, what, cents, mpesa_code or "", stray.settled_by, stray.reason)


def _recognised(stray: UnmatchedMessage) -> tuple[str, Decimal | None, str | None]:
    from pos_app.daraja import C2bConfirmation, CallbackUnreadable, StkCallback  # noqa: PLC0415 - seldom wanted
    from pos_app.daraja.recognise import recognise  # noqa: PLC0415

    if stray.body is None:
        return _SEALED, None, None
    try:
        if stray.is_payment:
            payment = C2bConfirmation.parse(stray.body)
            return _NOT_TAKEN, payment.amount, payment.mpesa_code
        callback = StkCallback.parse(stray.body)
    except CallbackUnreadable:
        seen = recognise(stray.body)
        return _UNREADABLE, seen.amount, seen.mpesa_code
    is_paid = callback.outcome.kind is OutcomeKind.PAID
    return _PAID if is_paid else _NOT_PAID, callback.amount, callback.mpesa_code


def cells_of(row: StrayRow) -> tuple[str, ...]:
    """Its cells, under `HEADINGS`."""
    came = to_eat(row.came_at_ms).strftime("%d %b %H:%M")
    amount = format_ksh(row.amount_cents) if row.amount_cents is not None else ""
    what = _(row.what)
    if row.settled_by:
        what += " · " + _("Settled by {by}: {reason}").format(by=row.settled_by, reason=row.reason)
    return (came, amount, what, row.mpesa_code)
