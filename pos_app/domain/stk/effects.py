"""What the engine must do after a decision is in the ledger, and after its commit alone. Imperative."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SendPush:
    """Send the STK push, once."""


@dataclass(frozen=True, slots=True)
class AskSoon:
    """Ask M-PESA for the result as soon as the limiter allows."""


class News(StrEnum):
    """What the cashier should hear."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    NEEDS_YOU = "needs_you"


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the cashier, by sound and in the card of the current payment."""

    news: News


Effect = SendPush | AskSoon | Announce
