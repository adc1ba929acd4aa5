"""What a person wants, as data: one frozen command each. The window, the command line and tests speak them alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from pos_app.domain.sales.sale import Draft
from pos_app.domain.staff.actor import CASHIER, Actor
from pos_app.domain.staff.permission import Permission
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.phone import Msisdn

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Command(Generic[R]):
    """A wish. `R` is what its reply brings."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a command, and what proves it.

    Args:
        pin: Of the actor, where the command wants a permission.
        entered_s: When the actor wanted it, in monotonic seconds; None for now. A prompt leaves soon after that,
            or not at all.
    """

    actor: Actor = CASHIER
    pin: str = field(default="", repr=False)
    entered_s: float | None = None


NOBODY_IN_PARTICULAR: Final = Sender()
"""A cashier without a name."""


# Sales and their prompts


@dataclass(frozen=True, slots=True)
class RequestStkPayment(Command[Attempt]):
    """Record a sale and prompt its customer.

    Args:
        anyway: Although a sale with this phone, amount and reference is not known yet.
    """

    draft: Draft
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class SendAgain(Command[Attempt]):
    """Prompt the customer of a sale again.

    Args:
        msisdn: Another phone; None for the same.
    """

    sale_id: SaleId
    msisdn: Msisdn | None = None


@dataclass(frozen=True, slots=True)
class CheckNow(Command[Attempt]):
    """Ask M-PESA for the result of a prompt as soon as the limiter allows."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class Withdraw(Command[Attempt]):
    """Take back a prompt that never left, also one that is still on its way to leaving."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class QuoteCode(Command[Attempt]):
    """Note a code that the customer shows: no proof, and compared when proof comes."""

    attempt_id: AttemptId
    code: str


@dataclass(frozen=True, slots=True)
class GiveUpAttempt(Command[Attempt]):
    """Stop waiting for a prompt whose end nobody knows. Late proof still counts."""

    attempt_id: AttemptId
    reason: str


@dataclass(frozen=True, slots=True)
class RecheckClosed(Command[None]):
    """Ask at once for every closed prompt that would be asked about later."""


@dataclass(frozen=True, slots=True)
class VoidSale(Command[Attempt]):
    """Take back a sale that is not paid."""

    sale_id: SaleId
    reason: str


@dataclass(frozen=True, slots=True)
class SettleReview(Command[None]):
    """Note that a person settled what needed one. What was heard stays in the history."""

    sale_id: SaleId
    reason: str


# Payments made straight to the till, and messages of nobody


@dataclass(frozen=True, slots=True)
class AllocatePayment(Command[Attempt]):
    """Give a payment that was made straight to the till to a sale."""

    mpesa_code: str
    sale_id: SaleId


@dataclass(frozen=True, slots=True)
class DeallocatePayment(Command[Attempt]):
    """Take such a payment back from its sale."""

    mpesa_code: str
    reason: str


@dataclass(frozen=True, slots=True)
class C2bRegistration:
    """What became of a registration.

    Args:
        is_good: Payments come to this shop's mailbox from now on.
        is_taken: Another system has registered the number before.
        text: M-PESA's own words, where it refused.
    """

    is_good: bool
    is_taken: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class RegisterC2bUrls(Command[C2bRegistration]):
    """Have M-PESA send the payments of the shop's number to its mailbox."""


@dataclass(frozen=True, slots=True)
class ResolveMessages(Command[None]):
    """Note what a person did about messages that belong to no payment.

    Args:
        evidence: Their numbers in the ledger.
        reason: What was done.
    """

    evidence: Sequence[int]
    reason: str


# Paper


@dataclass(frozen=True, slots=True)
class NoteReceipt(Command[Attempt]):
    """Note that a receipt was made: the next one is a copy.

    Args:
        how: ``paper`` or ``pdf``.
    """

    sale_id: SaleId
    how: str


REQUIRED_PERMISSION: Final[Mapping[type[Command[Any]], Permission]] = {
    GiveUpAttempt: Permission.GIVE_UP,
    SettleReview: Permission.SETTLE,
}
"""The commands that not everybody may send."""
