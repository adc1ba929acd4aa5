"""Everything that decides about a sale: what it allows, what a prompt asks for, which money is its own.

Pure: whoever calls loads the sale first and stores what was decided. Buttons show what `allowed_actions` names; whoever
changes something asks `ensure`, which goes by the same refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pos_app.common.errors import Mistake
from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.sale import Draft, Sale, SaleSummary
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import FOLLOWED, OF_TOO_MUCH, Attempt, AttemptState
from pos_app.domain.stk.facts import Facts
from pos_app.domain.stk.schedule import Wait, WaitReason
from pos_app.domain.stk.transitions import allows
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import whole_shillings
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn

A = SaleAction


# What a sale allows


def allowed_actions(sale: SaleSummary) -> frozenset[SaleAction]:
    """What a person may do with a sale as it is."""
    changes = (action for action in _REFUSALS if refusal(action, sale) is None)
    return frozenset((*changes, *(action for action, is_shown in _LOOKS.items() if is_shown(sale))))


def refusal(action: SaleAction, sale: SaleSummary) -> str | None:
    """Why a sale does not allow a change: a mistake's code, or None where it does.

    Args:
        action: One that changes something.
    """
    return _REFUSALS[action](sale)


def ensure(action: SaleAction, sale: SaleSummary) -> None:
    """Refuses a change that a sale does not allow.

    Raises:
        Mistake: the code that `refusal` gives.
    """
    code = refusal(action, sale)
    if code is not None:
        raise Mistake(code)


def _more_money(sale: SaleSummary) -> str | None:
    """Why a sale wants no more money."""
    if sale.sale.is_voided:
        return "sale.voided"
    return "sale.already_paid" if sale.due_cents == 0 else None


def _send_again(sale: SaleSummary) -> str | None:
    if sale.attempt.state in FOLLOWED:
        return _more_money(sale) or "sale.live_attempt"
    return _more_money(sale) or ("sale.said_paid" if sale.is_said_paid else None)


def _withdraw(sale: SaleSummary) -> str | None:
    # One that is being sent can still be held back, for as long as no byte has left.
    is_at_hand = sale.attempt.state in (AttemptState.READY, AttemptState.SENDING)
    return None if is_at_hand else "attempt.not_ready"


def _void(sale: SaleSummary) -> str | None:
    if sale.sale.received_cents > 0 or sale.sale.is_voided:
        return "sale.not_voidable"
    if sale.is_said_paid:
        return "sale.said_paid"
    # What never left is withdrawn with it.
    is_ready = sale.attempt.state is AttemptState.READY
    return None if is_ready or allows(sale.attempt, ev.SaleVoided) else "sale.not_voidable"


def _quote_code(sale: SaleSummary) -> str | None:
    return _more_money(sale) if allows(sale.attempt, ev.CodeClaimed) else "claim.not_open"


_REFUSALS: Final[dict[SaleAction, Callable[[SaleSummary], str | None]]] = {
    A.SEND_AGAIN: _send_again,
    A.WITHDRAW: _withdraw,
    A.QUOTE_CODE: _quote_code,
    A.GIVE_UP: lambda sale: None if allows(sale.attempt, ev.GivenUp) else "attempt.not_unknown",
    A.VOID: _void,
    A.SETTLE_REVIEW: lambda sale: None if sale.review or sale.is_said_paid else "review.nothing",
}


def _can_ask(sale: SaleSummary) -> bool:
    attempt = sale.attempt
    may_have_paid = attempt.state in FOLLOWED or attempt.speaks_of_money
    return may_have_paid and attempt.checkout_request_id is not None


_LOOKS: Final[dict[SaleAction, Callable[[SaleSummary], bool]]] = {
    A.CHECK_NOW: _can_ask,
    A.MAKE_RECEIPT: lambda sale: sale.sale.received_cents > 0,
    A.COPY_CODE: lambda sale: bool(sale.codes),
}
"""What changes nothing about the sale: nobody is refused who asks for it all the same."""


# Prompts


def next_prompt(sale: SaleSummary, msisdn: Msisdn | None = None) -> Draft:
    """What another prompt of a sale asks for: what is still due, of the same phone unless told otherwise.

    Raises:
        Mistake: ``sale.voided``, ``.already_paid``.
    """
    code = _more_money(sale)
    if code is not None:
        raise Mistake(code)
    # Whatever came in by other ways is not asked for again.
    return Draft(whole_shillings(sale.due_cents), msisdn or sale.attempt.msisdn, sale.sale.reference)


def refuse_sending(sale: SaleSummary, attempt: Attempt) -> None:
    """A prompt that waited to be sent asks for what is still due, and for nothing when the sale needs nothing.

    Raises:
        Mistake: ``sale.said_paid``, ``.voided``, ``.already_paid``, ``.other_due``.
    """
    if sale.is_said_paid:
        raise Mistake("sale.said_paid")
    if next_prompt(sale).amount_cents != attempt.amount_cents:
        raise Mistake("sale.other_due")


def refuse_wait(wait: Wait | None, now_ms: int) -> None:
    """Refuses a prompt while something stands in its way.

    Raises:
        Mistake: ``sale.said_paid``, ``.live_attempt``, ``.wait_phone`` or ``.wait_same_amount`` (seconds).
    """
    if wait is None:
        return
    if wait.reason is WaitReason.SAID_PAID:
        raise Mistake("sale.said_paid")
    if wait.reason is WaitReason.LIVE_ATTEMPT or wait.until_ms is None:
        raise Mistake("sale.live_attempt")
    seconds = max(1, -(-(wait.until_ms - now_ms) // 1000))
    same = wait.reason is WaitReason.SAME_AMOUNT
    raise Mistake("sale.wait_same_amount" if same else "sale.wait_phone", seconds=seconds)


# Codes and payments made straight to the shop's number


@dataclass(frozen=True, slots=True)
class CodeOwner:
    """The sale that has an M-PESA code already, and since when."""

    sale_id: SaleId
    reference: Reference
    at_ms: int


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What the ledger knows of an M-PESA code.

    Args:
        payment: The payment with this code in the till's own list.
        used_by: The sale that the payment was given to.
        heard_by: Another sale whose message named this code, and which it may still turn out to pay.
    """

    payment: C2bPayment | None
    used_by: CodeOwner | None = None
    heard_by: CodeOwner | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """What follows from giving a payment to a sale, or from taking it back.

    Args:
        is_more_money: False where it is the second proof of money that the sale has already.
        events: For which attempts of the sale, and in which order.
    """

    is_more_money: bool
    events: tuple[tuple[AttemptId, ev.Event], ...]


def free_payment(code: CodeFacts) -> C2bPayment:
    """The payment with a code, where nobody uses it.

    Raises:
        Mistake: ``payment.unknown``, ``.used`` (reference, at_ms) or ``.elsewhere`` (till).
    """
    payment = code.payment
    if payment is None:
        raise Mistake("payment.unknown")
    if payment.use is Use.ELSEWHERE:
        raise Mistake("payment.elsewhere", till=payment.taken_by)
    if code.used_by is not None:
        raise Mistake("payment.used", reference=code.used_by.reference, at_ms=code.used_by.at_ms)
    return payment


def given_payment(payment: C2bPayment | None) -> tuple[C2bPayment, SaleId]:
    """The payment with a code and the sale that it was given to.

    Raises:
        Mistake: ``payment.unknown`` or ``.not_attached``.
    """
    if payment is None:
        raise Mistake("payment.unknown")
    if payment.use is not Use.PAYS or payment.sale_id is None:
        raise Mistake("payment.not_attached")
    return payment, payment.sale_id


def allocate(
    payment: C2bPayment, heard_by: CodeOwner | None, sale: SaleSummary, attempts: Sequence[Attempt]
) -> Allocation:
    """Gives a payment to a sale. For a prompt that was paid without a code it is the proof, not more money.

    Args:
        payment: One that is free.
        heard_by: Another sale whose message named its code.
        attempts: All of the sale's, the oldest first. Late proof counts for one that was voided too.

    Raises:
        Mistake: ``payment.used`` where another sale heard of it; ``sale.voided``, ``.already_paid``.
    """
    if heard_by is not None:
        raise Mistake("payment.used", reference=heard_by.reference, at_ms=heard_by.at_ms)
    for attempt in attempts:
        is_code_missing = attempt.state is AttemptState.PAID and attempt.mpesa_code is None
        if is_code_missing and attempt.amount_cents == payment.amount_cents:
            return Allocation(is_more_money=False, events=((attempt.id, ev.TwinArrived(payment.mpesa_code)),))
    wants_none = _more_money(sale)
    if wants_none is not None:
        raise Mistake(wants_none)
    # What a message had spoken of is received now: it stands in the way of nothing.
    heard = [
        (attempt.id, ev.HeardReceived(payment.mpesa_code))
        for attempt in attempts
        if attempt.heard_code == payment.mpesa_code
    ]
    is_too_much = payment.amount_cents > sale.due_cents
    too_much = [(sale.attempt.id, ev.TooMuchReceived())] if is_too_much else []
    return Allocation(is_more_money=True, events=(*heard, *too_much))


def deallocate(
    payment: C2bPayment, sale: SaleSummary, attempts: Sequence[Attempt], spoken_of: frozenset[AttemptId]
) -> Allocation:
    """Takes a payment back from the sale that it was given to; it is free again.

    Args:
        sale: As it stands with the payment.
        spoken_of: The attempts whose messages had named the payment, and were answered by giving it.
    """
    # What a message had spoken of is not received any more.
    heard = [
        (attempt.id, ev.HeardGivenBack(payment.mpesa_code))
        for attempt in attempts
        if attempt.heard_code == payment.mpesa_code or attempt.id in spoken_of
    ]
    received = sale.sale.received_cents - payment.amount_cents
    return Allocation(is_more_money=True, events=(*heard, *_enough(received, sale.sale, attempts)))


def after_proof(
    payment: C2bPayment, proved: Attempt, sale: Sale, attempts: Sequence[Attempt]
) -> tuple[tuple[AttemptId, ev.Event], ...]:
    """What follows when a payment in the list turns out to be an attempt's own money, which counts once from now on.

    Args:
        payment: As it was listed.
        proved: The attempt with its code.
        sale: As it stands now.
    """
    differs = (
        [(proved.id, ev.ConfirmationDiffers(payment.mpesa_code, payment.amount_cents))]
        if payment.amount_cents != proved.amount_cents
        else []
    )
    return (*differs, *_enough(sale.received_cents, sale, attempts))


def _enough(received_cents: int, sale: Sale, attempts: Sequence[Attempt]) -> list[tuple[AttemptId, ev.Event]]:
    """For whom "too much" ends, once a sale has so much."""
    if received_cents > sale.amount_cents:
        return []
    return [(attempt.id, ev.TooMuchGivenBack()) for attempt in attempts if attempt.review & OF_TOO_MUCH]


def refuse_quoted_code(code: CodeFacts, sale_id: SaleId, used_by: CodeOwner | None) -> None:
    """A code serves one sale only, whether it paid it or is quoted for it.

    Args:
        sale_id: The sale it is quoted for.
        used_by: Another prompt's sale, which the code paid or is quoted for. It may be the same sale.

    Raises:
        Mistake: as `free_payment`; ``claim.noted`` for this sale already; ``claim.used`` (reference, at_ms).
    """
    if code.payment is not None and code.payment.use is not Use.FREE and code.payment.sale_id != sale_id:
        free_payment(code)
    if used_by is not None and used_by.sale_id == sale_id:
        raise Mistake("claim.noted")
    if used_by is not None:
        raise Mistake("claim.used", reference=used_by.reference, at_ms=used_by.at_ms)


def refuse_settling(code: CodeFacts, sale: SaleSummary, attempt: Attempt, attempts: Sequence[Attempt]) -> None:
    """What stands in the till's own list, and can be given to the sale, nobody settles as "not there".

    Args:
        code: Of the code that the attempt heard.
        attempts: All of the sale's, the oldest first.

    Raises:
        Mistake: ``review.listed`` (mpesa_code).
    """
    if attempt.state is AttemptState.PAID or not attempt.is_heard:
        return
    try:
        payment = free_payment(code)
        allocate(payment, code.heard_by, sale, attempts)
    except Mistake:
        # Where two sales heard one code neither can be given its money, and a person must settle it.
        return
    raise Mistake("review.listed", mpesa_code=payment.mpesa_code)


def facts_for(attempt: Attempt, sale: Sale, taken: frozenset[str], listed: C2bPayment | None) -> Facts:
    """What a decision about an attempt must know of the sale and of codes.

    Args:
        taken: Of the codes in question, those that pay another attempt, another sale or another till.
        listed: The payment in the till's own list with the likeliest code of the attempt's money.
    """
    is_paid = attempt.state is AttemptState.PAID
    is_own = (
        listed is not None
        and not is_paid
        and listed.use is Use.PAYS
        and (listed.sale_id, listed.amount_cents) == (attempt.sale_id, attempt.amount_cents)
    )
    # Its own money that a person had given to the sale counts once.
    of_its_own = attempt.amount_cents if is_paid or is_own else 0
    is_too_much = sale.received_cents - of_its_own + attempt.amount_cents > sale.amount_cents
    return Facts(taken, listed.mpesa_code if listed is not None and is_own else None, is_too_much)
