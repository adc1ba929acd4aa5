"""An attempt: one STK prompt for one sale."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pos_app.domain.mpesa.outcome import Outcome
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn


class AttemptState(StrEnum):
    """Where an attempt stands. The words are a contract of the command line."""

    READY = "ready"
    SENDING = "sending"
    PENDING = "pending"
    PAID = "paid"
    DECLINED = "declined"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"
    WITHDRAWN = "withdrawn"


S = AttemptState

LIVE: frozenset[AttemptState] = frozenset({S.READY, S.SENDING, S.PENDING, S.UNKNOWN})
"""A sale may have one attempt at most in these states; the ledger enforces it."""

FOLLOWED: frozenset[AttemptState] = frozenset({S.SENDING, S.PENDING, S.UNKNOWN})
"""Bytes may have left: money may move without us."""

LEGAL: frozenset[tuple[AttemptState, AttemptState]] = frozenset(
    {
        (S.READY, S.SENDING),
        (S.READY, S.WITHDRAWN),
        (S.SENDING, S.READY),
        (S.SENDING, S.PENDING),
        (S.SENDING, S.REJECTED),
        (S.SENDING, S.UNKNOWN),
        (S.SENDING, S.PAID),
        (S.SENDING, S.DECLINED),
        (S.PENDING, S.PAID),
        (S.PENDING, S.DECLINED),
        (S.PENDING, S.UNKNOWN),
        (S.UNKNOWN, S.PENDING),
        (S.UNKNOWN, S.PAID),
        (S.UNKNOWN, S.DECLINED),
        (S.UNKNOWN, S.ABANDONED),
        (S.DECLINED, S.PAID),
        (S.REJECTED, S.PAID),
        (S.ABANDONED, S.PAID),
    }
)
"""Every change of state there is; the ledger holds the same pairs as a foreign key."""


class Review(StrEnum):
    """Why an attempt needs a person to look at it."""

    OTHER_AMOUNT = "other_amount"
    OTHER_PROMPT = "other_prompt"
    CONTRADICTION = "contradiction"
    CODE_REUSED = "code_reused"
    SECOND_CODE = "second_code"
    OTHER_CLAIM = "other_claim"
    PAID_LATE = "paid_late"
    PAID_TWICE = "paid_twice"
    PAID_TOO_MUCH = "paid_too_much"
    SAID_PAID = "said_paid"
    UNREADABLE = "unreadable"


OF_MONEY: frozenset[Review] = frozenset(
    {
        Review.OTHER_AMOUNT,
        Review.OTHER_PROMPT,
        Review.CONTRADICTION,
        Review.CODE_REUSED,
        Review.SAID_PAID,
        Review.UNREADABLE,
    }
)
"""Reasons that speak of money which may have moved without being received here."""

OF_TOO_MUCH: frozenset[Review] = frozenset({Review.PAID_TOO_MUCH, Review.PAID_TWICE})
"""Reasons that end when the sale has no more than it asks for."""

UNCERTAIN_CODE: frozenset[Review] = frozenset({Review.OTHER_AMOUNT, Review.UNREADABLE})
"""Reasons why a code that was heard is shown to a person, and proves nothing when the prompt turns out to be paid."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One STK prompt and all that is known of it.

    Args:
        msisdn: The phone that is asked, in full; empty where the reader may not know it.
        sent_at_ms: When the push was journalled, just before its bytes left.
        left_at_ms: When its first byte left, as far as the engine could note it; the waits count from here.
        asked_at_ms: When M-PESA was last asked for the result.
        answered_at_ms: When it last answered such a question, whatever it said.
        answers: How many questions it answered since the attempt was sent or, once it is closed or paid, since then.
        said_paid_at_ms: The first of the agreeing answers "paid" that carried no code.
        is_said_by_callback: That first one was a callback's, which M-PESA sends at the end and once.
        said_failed_at_ms: A failure that contradicts an earlier "paid".
        heard_code: An M-PESA code from a callback that did not prove everything.
        heard_settled: That code's money was received by another way, or a person settled it.
        claimed_code: An M-PESA code that the customer showed; it proves nothing by itself.
    """

    id: AttemptId
    sale_id: SaleId
    amount_cents: Cents
    msisdn: Msisdn
    phone_masked: str
    reference: Reference
    state: AttemptState = AttemptState.READY
    merchant_request_id: str | None = None
    checkout_request_id: str | None = None
    mpesa_code: str | None = None
    heard_code: str | None = None
    heard_settled: bool = False
    claimed_code: str | None = None
    outcome: Outcome | None = None
    created_at_ms: int = 0
    sent_at_ms: int | None = None
    left_at_ms: int | None = None
    settled_at_ms: int | None = None
    asked_at_ms: int | None = None
    asks: int = 0
    answered_at_ms: int | None = None
    answers: int = 0
    said_paid_at_ms: int | None = None
    is_said_by_callback: bool = False
    said_failed_at_ms: int | None = None
    review: frozenset[Review] = field(default_factory=frozenset)

    @property
    def is_live(self) -> bool:
        """Whether it blocks another attempt of its sale."""
        return self.state in LIVE

    @property
    def is_being_confirmed(self) -> bool:
        """Whether M-PESA said "paid" once and must say so again."""
        return self.said_paid_at_ms is not None and self.state is not AttemptState.PAID

    @property
    def speaks_of_money(self) -> bool:
        """Whether something heard about it speaks of money that is neither received nor settled by a person.

        While it does, no prompt goes out for its sale and nobody voids it (`pos_app.domain.sales.rules`).
        """
        if self.state is AttemptState.PAID:
            return False
        return self.is_heard or self.said_paid_at_ms is not None or bool(self.review & OF_MONEY)

    @property
    def is_heard(self) -> bool:
        """Whether a message named an M-PESA code for it whose money is neither received nor settled by a person."""
        return self.heard_code is not None and not self.heard_settled

    @property
    def sure_code(self) -> str | None:
        """The code that was heard, where it would do for proof once the prompt turns out to be paid."""
        return None if self.review & UNCERTAIN_CODE else self.heard_code
