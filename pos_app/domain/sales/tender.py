"""A tender: one way in which a part of a sale is paid."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pos_app.domain.stk.attempt import AttemptState


class TenderKind(StrEnum):
    """How the money comes."""

    STK = "stk"
    """By a prompt; the tender's detail is one attempt."""
    C2B = "c2b"
    """By a payment that was made straight to the shop's number."""


class TenderState(StrEnum):
    """Where the money of a tender stands."""

    PENDING = "pending"
    RECEIVED = "received"
    FAILED = "failed"
    RELEASED = "released"
    """The money came, and is this sale's no longer."""


_OF_ATTEMPT: Final = {
    AttemptState.READY: TenderState.PENDING,
    AttemptState.SENDING: TenderState.PENDING,
    AttemptState.PENDING: TenderState.PENDING,
    AttemptState.UNKNOWN: TenderState.PENDING,
    AttemptState.PAID: TenderState.RECEIVED,
    AttemptState.DECLINED: TenderState.FAILED,
    AttemptState.REJECTED: TenderState.FAILED,
    AttemptState.ABANDONED: TenderState.FAILED,
    AttemptState.WITHDRAWN: TenderState.FAILED,
}


def tender_state_of(attempt: AttemptState) -> TenderState:
    """The state of a prompt's tender, which follows from its attempt's alone."""
    return _OF_ATTEMPT[attempt]
