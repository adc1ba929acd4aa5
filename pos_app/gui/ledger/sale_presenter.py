"""What can be done with a sale now, without Qt."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.domain.sales.sale import SaleState, SaleSummary
from pos_app.domain.stk.attempt import FOLLOWED, AttemptState

_CLAIMABLE = frozenset({AttemptState.PENDING, AttemptState.UNKNOWN, AttemptState.DECLINED, AttemptState.ABANDONED})
_CLOSED = frozenset({AttemptState.READY, AttemptState.DECLINED, AttemptState.REJECTED, AttemptState.ABANDONED})


@dataclass(frozen=True, slots=True)
class Possible:
    """Which actions a sale offers."""

    check: bool = False
    resend: bool = False
    withdraw: bool = False
    receipt: bool = False
    copy_code: bool = False
    claim: bool = False
    give_up: bool = False
    void: bool = False
    settle: bool = False


NOTHING = Possible()


def possible(row: SaleSummary) -> Possible:
    """What the cashier may do with a sale as it is."""
    attempt, sale = row.attempt, row.sale
    is_paid = bool(sale.received_cents)
    is_full = sale.received_cents >= sale.amount_cents
    is_voided = sale.state is SaleState.VOIDED
    return Possible(
        check=(attempt.state in FOLLOWED or attempt.speaks_of_money) and attempt.checkout_request_id is not None,
        resend=not is_full and not is_voided and not row.is_said_paid and attempt.state not in FOLLOWED,
        withdraw=attempt.state in (AttemptState.READY, AttemptState.SENDING),
        receipt=is_paid,
        copy_code=bool(row.codes),
        claim=not is_paid and attempt.state in _CLAIMABLE,
        give_up=attempt.state is AttemptState.UNKNOWN,
        void=not is_paid and not is_voided and not row.is_said_paid and attempt.state in _CLOSED,
        settle=bool(row.review) or row.is_said_paid,
    )
