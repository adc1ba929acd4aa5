"""A sale: what is owed for one order, and what was received for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pos_app.domain.stk.attempt import Attempt, AttemptState, Review
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn


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
        received_cents: The sum of its paid attempts and of the payments that were given to it.
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


@dataclass(frozen=True, slots=True)
class SaleSummary:
    """A sale with its latest attempt: all that window, paper, command line and exports speak from.

    Args:
        codes: The M-PESA codes of all its paid attempts and of the payments that were given to it.
        review: Everything that needs a person, over all its attempts.
        has_receipt: A receipt was made of it: the next one is a copy.
        is_code_missing: One of its prompts was paid and M-PESA has not given the code yet.
        is_said_paid: "Paid" was said for one of its attempts and is neither received nor settled by a person.
    """

    sale: Sale
    attempt: Attempt
    codes: tuple[str, ...]
    review: frozenset[Review]
    has_receipt: bool = False
    is_code_missing: bool = False
    is_said_paid: bool = False

    @property
    def reasons(self) -> frozenset[Review]:
        """Why it needs a person; empty where it does not. A live prompt of which "paid" was said is asked for first."""
        is_said = self.is_said_paid and not self.review and not self.attempt.is_live
        return frozenset({Review.SAID_PAID}) if is_said else self.review

    @property
    def is_told_by_prompt(self) -> bool:
        """Whether its latest prompt says how it stands, rather than what it received."""
        state = self.sale.state
        return state is SaleState.OPEN or (state is SaleState.PART_PAID and self.attempt.is_live)

    @property
    def due_cents(self) -> Cents:
        """What is still to pay."""
        return Cents(max(0, self.sale.amount_cents - self.sale.received_cents))

    @property
    def excess_cents(self) -> Cents:
        """What came too much."""
        return Cents(max(0, self.sale.received_cents - self.sale.amount_cents))


def summarize(sale: Sale, attempts: Sequence[Attempt], direct_codes: Iterable[str] = ()) -> SaleSummary:
    """A sale as its attempts and the payments that were given to it make it.

    Args:
        attempts: All of them, the oldest first; at least one.
        direct_codes: The codes of the payments made straight to the shop's number that pay it.

    Returns:
        All but whether a receipt was made of it: no decision depends on that.
    """
    of_prompts = (attempt.mpesa_code for attempt in attempts)
    return SaleSummary(
        sale,
        attempts[-1],
        (*(code for code in of_prompts if code is not None), *direct_codes),
        frozenset().union(*(attempt.review for attempt in attempts)),
        is_code_missing=any(one.state is AttemptState.PAID and one.mpesa_code is None for one in attempts),
        is_said_paid=any(attempt.speaks_of_money for attempt in attempts),
    )


def summary_of(attempt: Attempt) -> SaleSummary:
    """What one attempt alone tells of its sale, where the ledger cannot be read at the moment: not its day."""
    is_paid = attempt.state is AttemptState.PAID
    received = attempt.amount_cents if is_paid else Cents(0)
    sale = Sale(
        attempt.sale_id, attempt.reference, attempt.amount_cents, received, "",
        attempt.created_at_ms,
    )  # fmt: skip
    codes = (attempt.mpesa_code,) if is_paid and attempt.mpesa_code is not None else ()
    return SaleSummary(
        sale, attempt, codes, attempt.review, is_code_missing=is_paid and not codes,
        is_said_paid=attempt.speaks_of_money,
    )  # fmt: skip


def sale_state(amount_cents: int, received_cents: int, *, is_voided: bool) -> SaleState:
    """The state that follows from the sums. Money received outweighs a void."""
    if received_cents > amount_cents:
        return SaleState.OVERPAID
    if received_cents == amount_cents:
        return SaleState.PAID
    if received_cents > 0:
        return SaleState.PART_PAID
    return SaleState.VOIDED if is_voided else SaleState.OPEN
