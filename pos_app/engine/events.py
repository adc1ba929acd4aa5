"""What the engine tells whoever runs it. Each is one frozen fact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pos_app.domain.attempt import Attempt, AttemptState
from pos_app.domain.commands import News
from pos_app.domain.till_payment import TillPayment


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


class Light(StrEnum):
    """Which part of the world a light is for."""

    MPESA = "mpesa"
    RELAY = "relay"
    PRINTER = "printer"
    LEDGER = "ledger"


class Status(StrEnum):
    """How it is."""

    OFF = "off"
    READY = "ready"
    BUSY = "busy"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class LightChanged:
    """A light and its words.

    Args:
        code: Why, for `pos_app.words.lights`.
        detail: A number or name for those words.
        at: A time for those words, ``10:14``.
    """

    light: Light
    status: Status
    code: str
    detail: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """What was asked of the engine cannot be done; nothing was recorded.

    Args:
        request: The number the asker gave.
    """

    request: int
    code: str
    params: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class RequestTaken:
    """What was asked of the engine is under way, and in the ledger.

    Args:
        attempt: The one it is about; None where it is about none.
    """

    request: int
    attempt: Attempt | None


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

    payment: TillPayment | None


@dataclass(frozen=True, slots=True)
class StraysChanged:
    """The messages that belong to no payment of this till are not as they were: one came, or some were settled."""


@dataclass(frozen=True, slots=True)
class Looked:
    """M-PESA was asked, or the relay read; it may have changed nothing."""


@dataclass(frozen=True, slots=True)
class PhoneChanged:
    """The practice customer's phone, as its screen is now.

    Args:
        shillings: Of the prompt that stands; None where none does.
        message: The newest SMS.
    """

    msisdn: str
    name: str
    shop: str
    shillings: int | None
    reference: str
    is_on: bool
    is_locked: bool
    wrong_pins: int
    balance_cents: int
    message: str
    result_code: str | None


EngineEvent = (
    AttemptChanged
    | Announced
    | LightChanged
    | RequestFailed
    | RequestTaken
    | EngineStarted
    | EngineFailed
    | Looked
    | PaymentArrived
    | StraysChanged
    | PhoneChanged
)
