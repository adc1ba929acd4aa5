"""What can happen to an attempt. Past tense: each is a fact when it arrives."""

from __future__ import annotations

from dataclasses import dataclass

from first_edition.domain.money import Cents
from first_edition.domain.outcome import Outcome


@dataclass(frozen=True, slots=True)
class SendRequested:
    """The cashier pressed Enter (or Send again on an attempt that never left)."""


@dataclass(frozen=True, slots=True)
class PushAccepted:
    """M-PESA queued the prompt.

    Args:
        left_at_ms: When the first byte of the push left.
    """

    merchant_request_id: str
    checkout_request_id: str
    left_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PushNotSent:
    """No byte of the push left the machine."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PushRefused:
    """M-PESA or its gateway refused the request; there is no prompt."""

    outcome: Outcome
    left_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PushLost:
    """Bytes may have left and no trusted answer came.

    Args:
        checkout_request_id: Known where an answer came that could not be trusted otherwise.
    """

    outcome: Outcome
    merchant_request_id: str | None = None
    checkout_request_id: str | None = None
    left_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Restarted:
    """The program came back and found the attempt as it is."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """Nobody knows the result long after the prompt must have ended."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A status query is about to leave."""


@dataclass(frozen=True, slots=True)
class QueryAnswered:
    """M-PESA answered a status query. Such an answer never carries an M-PESA code.

    Args:
        apart_ms: How long after the first "paid" the question left, by a clock that cannot jump and counts from the
            program's start; None where "paid" was not said before.
    """

    outcome: Outcome
    apart_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QueryRefused:
    """M-PESA answered a status query by refusing it: an answer that says nothing of the payment."""


@dataclass(frozen=True, slots=True)
class CallbackArrived:
    """A callback with this attempt's own token in its address.

    Args:
        code_taken: Whether the ledger holds its M-PESA code for another attempt.
    """

    outcome: Outcome
    merchant_request_id: str | None = None
    checkout_request_id: str | None = None
    amount_cents: Cents | None = None
    mpesa_code: str | None = None
    code_taken: bool = False


@dataclass(frozen=True, slots=True)
class CallbackUnclear:
    """A message with this attempt's own token that cannot be read, or not for certain where it speaks of money.

    Args:
        amount_cents: What was recognised as an amount; None for nothing, or for several.
        mpesa_code: What was recognised as an M-PESA code; the same.
        checkout_request_id: Of the prompt that it names: M-PESA can be asked by it.
    """

    amount_cents: Cents | None = None
    mpesa_code: str | None = None
    checkout_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class HeardReceived:
    """The money that a message had spoken of is received: its payment was given to the sale."""

    mpesa_code: str


@dataclass(frozen=True, slots=True)
class HeardGivenBack:
    """That payment was taken back from the sale: what the message had spoken of is not received any more."""

    mpesa_code: str


@dataclass(frozen=True, slots=True)
class TwinArrived:
    """The confirmation of the same money came by another way, with the M-PESA code."""

    mpesa_code: str


@dataclass(frozen=True, slots=True)
class ConfirmationDiffers:
    """M-PESA confirmed its code as a payment straight to the till as well, and with another amount."""

    mpesa_code: str
    amount_cents: Cents


@dataclass(frozen=True, slots=True)
class TooMuchReceived:
    """With a payment made straight to the till its sale has received more than it asks for."""


@dataclass(frozen=True, slots=True)
class TooMuchGivenBack:
    """That payment is its sale's no more."""


@dataclass(frozen=True, slots=True)
class CodeUsedElsewhere:
    """Another till of the shop has used this attempt's M-PESA code for a sale of its own."""

    till: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A manager stopped waiting. It cancels nothing at M-PESA."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An attempt that never left was taken back."""


@dataclass(frozen=True, slots=True)
class CodeClaimed:
    """The customer showed an M-PESA code. It is compared when proof arrives, and proves nothing."""

    code: str
    by: str


@dataclass(frozen=True, slots=True)
class SaleVoided:
    """The sale was taken back: nothing was received and nothing can be on its way."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiptMade:
    """A receipt went to paper or into a file: the next one is a copy.

    Args:
        how: ``paper`` or ``pdf``.
    """

    how: str


@dataclass(frozen=True, slots=True)
class ReviewSettled:
    """A person looked at it and settled it."""

    by: str
    reason: str


Event = (
    SendRequested
    | PushAccepted
    | PushNotSent
    | PushRefused
    | PushLost
    | Restarted
    | DeadlinePassed
    | Asked
    | QueryAnswered
    | QueryRefused
    | CallbackArrived
    | CallbackUnclear
    | HeardReceived
    | HeardGivenBack
    | TwinArrived
    | ConfirmationDiffers
    | TooMuchReceived
    | TooMuchGivenBack
    | CodeUsedElsewhere
    | GivenUp
    | Withdrawn
    | CodeClaimed
    | SaleVoided
    | ReceiptMade
    | ReviewSettled
)
