"""A sale: what is owed for one order, and what was received for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pos_app.domain.attempt import Attempt, SaleId
from pos_app.domain.money import Cents
from pos_app.domain.phone import Msisdn
from pos_app.domain.reference import Reference
from pos_app.errors import Mistake


class SaleState(StrEnum):
    """Computed from what was received; the words are a contract of the command line."""

    OPEN = "open"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERPAID = "overpaid"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Draft:
    """A payment as the cashier asked for it, every field already checked."""

    amount_cents: Cents
    msisdn: Msisdn
    reference: Reference


@dataclass(frozen=True, slots=True)
class Sale:
    """One row of the day.

    Args:
        day: Business day, ``YYYY-MM-DD`` in East Africa Time.
        received_cents: The sum of its paid attempts.
    """

    id: SaleId
    reference: Reference
    amount_cents: Cents
    received_cents: Cents
    day: str
    created_at_ms: int
    cashier: str = ""
    till_label: str = ""
    is_voided: bool = False

    @property
    def state(self) -> SaleState:
        return sale_state(self.amount_cents, self.received_cents, is_voided=self.is_voided)


def sale_state(amount_cents: int, received_cents: int, *, is_voided: bool) -> SaleState:
    """The state that follows from the sums. Money received outweighs a void."""
    if received_cents > amount_cents:
        return SaleState.OVERPAID
    if received_cents == amount_cents:
        return SaleState.PAID
    if received_cents > 0:
        return SaleState.PART_PAID
    return SaleState.VOIDED if is_voided else SaleState.OPEN


def refuse_while_paid_is_said(attempts: Iterable[Attempt]) -> None:
    """The promise of a sale: no new prompt and no void while "paid" may have been said for any of its attempts.

    Proof ends it (the money is received), a payment with the code that was heard, or a person who settles it.

    Raises:
        Mistake: ``sale.said_paid``.
    """
    if is_said_paid(attempts):
        raise Mistake("sale.said_paid")


def is_said_paid(attempts: Iterable[Attempt]) -> bool:
    """Whether "paid" may have been said for any attempt of a sale, and is neither received nor settled."""
    return any(attempt.speaks_of_money for attempt in attempts)
