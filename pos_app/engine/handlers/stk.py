"""Prompts: sent, sent again, asked about, withdrawn, given up; and the codes that customers show."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from pos_app.common.clock import CLOCK_TOLERANCE_MS, EARLIEST_MS, to_eat
from pos_app.common.errors import Mistake
from pos_app.common.tokens import new_address_token
from pos_app.domain.c2b.payment import Use
from pos_app.domain.mpesa.mpesa_code import parse_mpesa_code
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.engine.commands import (
    CheckNow,
    GiveUpAttempt,
    QuoteCode,
    RecheckClosed,
    RequestStkPayment,
    SendAgain,
    Sender,
    Withdraw,
)
from pos_app.engine.context import Context
from pos_app.engine.handlers.c2b import allocate_payment
from pos_app.engine.parts import Parts
from pos_app.ledger.writer import LedgerWriter

CLOCK_USELESS_MS: Final = 12 * 3_600_000
"""A clock that is off by more dates sales on another day."""


async def request_payment(command: RequestStkPayment, sender: Sender, parts: Parts) -> Attempt:
    """Records a sale and sends its prompt; returns when both are in the ledger, before any byte left.

    Raises:
        Mistake: ``sale.same_open``, ``sale.wait_…``, ``clock.…`` or ``settings.missing``.
        Outside: ``ledger.…``; then nothing was recorded and nothing is sent.
    """
    context, entered_s = parts.context, _entered_s(sender)
    await _refuse_wrong_clock(context)
    token, sales = new_address_token(), context.sales
    return await parts.sender.begin(
        partial(
            context.ledger.call,
            LedgerWriter.begin_sale,
            command.draft,
            token,
            context.clock.now_ms(),
            cashier=sales.cashier,
            till_label=sales.till_label,
            anyway=command.anyway,
        ),
        token,
        entered_s,
    )


async def send_again(command: SendAgain, sender: Sender, parts: Parts) -> Attempt:
    """Prompts again: the same attempt if it never left, else a new one once the old is settled.

    Raises:
        Mistake: ``sale.…`` or ``settings.missing``.
        Outside: ``ledger.…``
    """
    context, entered_s = parts.context, _entered_s(sender)
    await _refuse_wrong_clock(context)
    last = await context.ledger.call(LedgerWriter.last_attempt_of, command.sale_id)
    if last.state is AttemptState.READY:
        token = parts.sender.token_of(last.id)
        if token is not None and command.msisdn in (None, last.msisdn):
            try:
                return await _send_same(last, token, entered_s, parts)
            except Mistake as mistake:
                if mistake.code != "sale.other_due":
                    raise
    token = new_address_token()
    now_ms = context.clock.now_ms()
    again = partial(LedgerWriter.begin_attempt, msisdn=command.msisdn, by=sender.actor.name)
    write = partial(context.ledger.call, again, command.sale_id, token, now_ms)
    begun = await parts.sender.begin(write, token, entered_s)
    if last.state is AttemptState.READY:
        # It made room for the other.
        await parts.attempts.emit(await context.ledger.call(LedgerWriter.attempt, last.id), last.state)
    return begun


def _entered_s(sender: Sender) -> float:
    return time.monotonic() if sender.entered_s is None else sender.entered_s


async def _send_same(attempt: Attempt, token: str, entered_s: float, parts: Parts) -> Attempt:
    context, event = parts.context, ev.SendRequested()
    write = partial(context.ledger.call, LedgerWriter.apply, attempt.id, event, context.clock.now_ms(), context.timing)
    return await parts.sender.begin(write, token, entered_s)


async def _refuse_wrong_clock(context: Context) -> None:
    """Nothing is dated by a clock that is plainly wrong, unless M-PESA itself says that it is right.

    Raises:
        Mistake: ``settings.missing``; ``clock.behind`` (now, newest) or ``clock.wrong`` (now, right).
    """
    client = context.mpesa
    now_ms = context.clock.now_ms()
    newest_ms = max(await context.ledger.call(LedgerWriter.newest_event_ms), EARLIEST_MS)
    ahead_ms, is_behind = client.clock_ahead_ms, now_ms < newest_ms - CLOCK_TOLERANCE_MS
    tolerated_ms = CLOCK_TOLERANCE_MS if is_behind else CLOCK_USELESS_MS
    is_known = ahead_ms is not None or not is_behind
    if client.is_time_unsure or not is_known or abs(ahead_ms or 0) > tolerated_ms:
        # Nobody is refused over what was true before this PC slept, or was set right.
        ahead_ms = await client.ask_time()
        now_ms = context.clock.now_ms()
    if is_behind:
        if ahead_ms is None or abs(ahead_ms) > CLOCK_TOLERANCE_MS:
            raise Mistake("clock.behind", now=_spoken(now_ms), newest=_spoken(newest_ms))
    elif ahead_ms is not None and abs(ahead_ms) > CLOCK_USELESS_MS:
        raise Mistake("clock.wrong", now=_spoken(now_ms), right=_spoken(now_ms - ahead_ms))


def _spoken(at_ms: int) -> str:
    return to_eat(at_ms).strftime("%Y-%m-%d %H:%M")


async def check_now(command: CheckNow, _sender: Sender, parts: Parts) -> Attempt:
    """Asks M-PESA as soon as the limiter allows."""
    attempt = await parts.context.ledger.call(LedgerWriter.attempt, command.attempt_id)
    if parts.poller is not None:
        parts.poller.follow(attempt)
        parts.poller.ask_now(attempt)
    await parts.attempts.emit(attempt, attempt.state)
    return attempt


async def recheck_closed(_command: RecheckClosed, _sender: Sender, parts: Parts) -> None:
    """Asks at once for every closed attempt that would be asked about later: it may have been paid since."""
    if parts.poller is not None and not parts.context.recovery.is_forgetful:
        await parts.recheck.begin(parts.poller)


async def withdraw(command: Withdraw, _sender: Sender, parts: Parts) -> Attempt:
    """Takes back an attempt that never left, also one that is still on its way to leaving.

    Raises:
        Mistake: ``attempt.not_ready``: it has left.
    """
    await parts.sender.take_back(command.attempt_id)
    return (await parts.attempts.apply(command.attempt_id, ev.Withdrawn())).attempt


async def quote_code(command: QuoteCode, sender: Sender, parts: Parts) -> Attempt:
    """Notes a code that the customer shows; it proves nothing and is compared when proof comes.

    Raises:
        Mistake: ``claim.…``
    """
    mpesa_code = parse_mpesa_code(command.code)
    quoted = (await parts.attempts.apply(command.attempt_id, ev.CodeClaimed(mpesa_code, sender.actor.name))).attempt
    payment = await parts.context.ledger.call(LedgerWriter.payment, mpesa_code)
    if payment is not None and payment.use is Use.FREE:
        # The money has come already, straight to the till.
        return await allocate_payment(mpesa_code, quoted.sale_id, sender, parts)
    return quoted


async def give_up(command: GiveUpAttempt, sender: Sender, parts: Parts) -> Attempt:
    """Stops waiting for an attempt that is not known. Late proof still counts.

    Raises:
        Mistake: ``attempt.not_unknown``.
    """
    return (await parts.attempts.apply(command.attempt_id, ev.GivenUp(sender.actor.name, command.reason))).attempt
