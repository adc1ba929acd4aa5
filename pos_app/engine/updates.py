"""What the engine tells the faces. Each update is one frozen fact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pos_app.domain.c2b.payment import C2bPayment
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.stk.effects import News


@dataclass(frozen=True, slots=True)
class AttemptChanged:
    """An attempt is not as it was. It is in the ledger already.

    Args:
        next_ask_in_s: Seconds to the next query; None where none is planned.
        resend_in_s: Seconds until M-PESA takes another prompt for this sale; None while there can be none.
        is_said_paid: "Paid" was said for its sale and is neither received nor settled: no new prompt, no void.
    """

    attempt: Attempt
    before: AttemptState | None
    next_ask_in_s: float | None = None
    resend_in_s: float | None = None
    is_said_paid: bool = False


@dataclass(frozen=True, slots=True)
class Announced:
    """Something the cashier should hear."""

    news: News
    attempt: Attempt


class Service(StrEnum):
    """A part of the world that the till needs, and whose status is shown."""

    MPESA = "mpesa"
    RELAY = "relay"
    PRINTER = "printer"
    LEDGER = "ledger"


class Health(StrEnum):
    """How a service fares."""

    OFF = "off"
    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class ServiceStatusChanged:
    """How a service fares now.

    Args:
        code: Why, for `pos_app.texts.service_status`.
        detail: A number or name for that text.
        at_ms: A time for that text.
    """

    service: Service
    health: Health
    code: str
    detail: str = ""
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class EngineStarted:
    """The engine follows what was left and takes requests.

    Args:
        following: How many attempts it found that may still be paid.
    """

    following: int


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """The engine could not start, or a part of it fell over."""

    code: str
    params: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class PaymentArrived:
    """The list of payments made straight to the till is not as it was.

    Args:
        payment: The one that came; None where one changed.
    """

    payment: C2bPayment | None


@dataclass(frozen=True, slots=True)
class MessagesChanged:
    """The messages that belong to no payment of this till are not as they were: one came, or some were settled."""


@dataclass(frozen=True, slots=True)
class MailboxBegun:
    """A new ledger reads its mailbox from here on.

    Args:
        passed_over: How many messages wait there for the ledger that was set aside.
        at_ms: From when on it reads.
    """

    passed_over: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Polled:
    """M-PESA was asked, or the relay read; it may have changed nothing."""


Update = (
    AttemptChanged
    | Announced
    | ServiceStatusChanged
    | EngineStarted
    | EngineFailed
    | Polled
    | PaymentArrived
    | MessagesChanged
    | MailboxBegun
)
