"""How an attempt moves: the whole of "never guess about money", in one pure function.

The rules, with their reasons, stand in the design (section 5):

* nothing is paid but by a callback that proves itself, or by two queries that agree;
* nothing is declined but by M-PESA's own final word;
* silence and nonsense are *unknown*;
* late proof always wins, and paid is final;
* what contradicts goes to a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from pos_app.domain import events as ev
from pos_app.domain.attempt import LEGAL, Attempt, AttemptState, Review
from pos_app.domain.commands import Announce, AskSoon, Command, News, SendPush
from pos_app.domain.outcome import Outcome, OutcomeKind
from pos_app.errors import Bug, Mistake

S = AttemptState


@dataclass(frozen=True, slots=True)
class Rules:
    """Times the decisions depend on, in milliseconds."""

    confirm_gap_ms: int = 10_000


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Decision:
    """The attempt as it is now, and what to do once that is in the ledger."""

    attempt: Attempt
    commands: tuple[Command, ...] = ()


def step(attempt: Attempt, event: ev.Event, now_ms: int, rules: Rules = DEFAULT_RULES) -> Decision:
    """Decides what an event means for an attempt.

    Args:
        attempt: As the ledger has it.
        event: What happened.
        now_ms: When, in milliseconds since 1970.
        rules: The times to judge by.

    Returns:
        The attempt after it and the commands that follow. Facts that change nothing
        give back the same attempt.

    Raises:
        Mistake: a person asked for what the state does not allow (``attempt.not_…``).
        Bug: the program did.
    """
    decision = _decide(attempt, event, now_ms, rules)
    before, after = attempt.state, decision.attempt.state
    if before is not after and (before, after) not in LEGAL:
        raise Bug("flow.illegal", before=before, after=after)
    return decision


def _decide(attempt: Attempt, event: ev.Event, now_ms: int, rules: Rules) -> Decision:
    match event:
        case ev.PushAccepted() | ev.PushNotSent() | ev.PushRefused() | ev.PushLost():
            return _on_push(attempt, event, now_ms)
        case ev.QueryAnswered():
            return _on_query(attempt, event.outcome, now_ms, rules)
        case ev.CallbackArrived():
            return _on_callback(attempt, event, now_ms)
        case ev.TwinArrived(code):
            is_wanted = attempt.state is S.PAID and attempt.mpesa_code is None
            return _code_followed(attempt, code) if is_wanted else Decision(attempt)
        case ev.CodeUsedElsewhere():
            return _for_review(attempt, Review.CODE_REUSED)
        case ev.Asked():
            return Decision(replace(attempt, asked_at_ms=now_ms, asks=attempt.asks + 1))
        case ev.Restarted():
            return Decision(replace(attempt, state=S.UNKNOWN) if attempt.state is S.SENDING else attempt)
        case ev.DeadlinePassed():
            return Decision(replace(attempt, state=S.UNKNOWN) if attempt.state is S.PENDING else attempt)
        case _:
            return _on_wish(attempt, event, now_ms)


Wish = ev.SendRequested | ev.Withdrawn | ev.GivenUp | ev.CodeClaimed | ev.SaleVoided | ev.ReceiptMade | ev.ReviewSettled


_ALLOWED: dict[type[Wish], tuple[frozenset[AttemptState], str]] = {
    ev.SendRequested: (frozenset({S.READY}), "attempt.not_ready"),
    ev.Withdrawn: (frozenset({S.READY}), "attempt.not_ready"),
    ev.GivenUp: (frozenset({S.UNKNOWN}), "attempt.not_unknown"),
    ev.CodeClaimed: (frozenset({S.PENDING, S.UNKNOWN, S.DECLINED, S.ABANDONED}), "claim.not_open"),
    ev.SaleVoided: (frozenset({S.DECLINED, S.REJECTED, S.ABANDONED, S.WITHDRAWN}), "sale.not_voidable"),
}
"""In which states a person may ask for something, and the mistake in all others."""


def _on_wish(attempt: Attempt, event: Wish, now_ms: int) -> Decision:
    """What a person asked for; refused where the state does not allow it."""
    allowed, mistake = _ALLOWED.get(type(event), (None, ""))
    if allowed is not None and attempt.state not in allowed:
        raise Mistake(mistake, state=attempt.state)
    match event:
        case ev.SendRequested():
            return Decision(replace(attempt, state=S.SENDING, sent_at_ms=now_ms, outcome=None), (SendPush(),))
        case ev.Withdrawn():
            return Decision(replace(attempt, state=S.WITHDRAWN, settled_at_ms=now_ms))
        case ev.GivenUp():
            return Decision(replace(attempt, state=S.ABANDONED, settled_at_ms=now_ms))
        case ev.CodeClaimed():
            # Kept beside what M-PESA says, never in its place.
            return Decision(replace(attempt, claimed_code=event.code), (AskSoon(),))
        case ev.SaleVoided():
            if attempt.paid_elsewhere:
                raise Mistake("sale.not_voidable", state=attempt.state)
            return Decision(attempt)
        case ev.ReceiptMade():
            return Decision(attempt)
        case ev.ReviewSettled():
            return Decision(replace(attempt, review=frozenset()))
        case _:
            assert_never(event)


PushEvent = ev.PushAccepted | ev.PushNotSent | ev.PushRefused | ev.PushLost


def _on_push(attempt: Attempt, event: PushEvent, now_ms: int) -> Decision:
    """The answer to the push, or its absence. The callback may have been faster."""
    match event:
        case ev.PushAccepted():
            return _on_accepted(attempt, event)
        case ev.PushNotSent():
            if attempt.state is S.SENDING:
                return Decision(replace(attempt, state=S.READY, sent_at_ms=None, outcome=event.outcome))
            return _contradicted(attempt)
        case ev.PushRefused():
            if attempt.state is S.SENDING:
                refused = replace(attempt, state=S.REJECTED, outcome=event.outcome, settled_at_ms=now_ms)
                return Decision(refused, (Announce(News.NOT_PAID),))
            return _contradicted(attempt)
        case ev.PushLost():
            known = replace(
                attempt,
                merchant_request_id=attempt.merchant_request_id or event.merchant_request_id,
                checkout_request_id=attempt.checkout_request_id or event.checkout_request_id,
            )
            if attempt.state is S.SENDING:
                return Decision(replace(known, state=S.UNKNOWN, outcome=event.outcome))
            return Decision(known)
        case _:
            assert_never(event)


def _on_accepted(attempt: Attempt, event: ev.PushAccepted) -> Decision:
    if attempt.checkout_request_id not in (None, event.checkout_request_id):
        # A callback with our token named another prompt: whose money is it?
        return _for_review(attempt, Review.OTHER_PROMPT, AskSoon())
    known = replace(
        attempt,
        merchant_request_id=event.merchant_request_id,
        checkout_request_id=event.checkout_request_id,
    )
    if attempt.state in (S.SENDING, S.UNKNOWN):
        known = replace(known, state=S.PENDING, outcome=None)
    return Decision(known)


def _on_query(attempt: Attempt, outcome: Outcome, now_ms: int, rules: Rules) -> Decision:
    if attempt.state in (S.READY, S.WITHDRAWN):
        return Decision(attempt)
    if outcome.kind is OutcomeKind.PAID:
        return _query_said_paid(attempt, now_ms, rules)
    if not outcome.is_final:
        return Decision(_not_settled_by(attempt, outcome))
    return _query_said_failed(attempt, outcome, now_ms, rules)


def _not_settled_by(attempt: Attempt, outcome: Outcome) -> Attempt:
    """An answer that settles nothing: "still processing", or a code that is not in the tables."""
    # "Paid" followed by "still processing": the first was early, as one source reports.
    unsettled = replace(attempt, said_paid_at_ms=None)
    if attempt.state not in (S.PENDING, S.UNKNOWN):
        return unsettled
    if outcome.kind is OutcomeKind.OTHER:
        # What the tables do not know is shown in M-PESA's own words, and nobody concludes anything from it.
        return replace(unsettled, outcome=outcome)
    was_odd = attempt.outcome is not None and attempt.outcome.kind is OutcomeKind.OTHER
    return replace(unsettled, outcome=None) if was_odd else unsettled


def _query_said_paid(attempt: Attempt, now_ms: int, rules: Rules) -> Decision:
    if attempt.state is S.PAID:
        return Decision(attempt)
    if attempt.said_failed_at_ms is not None:
        return _contradicted(attempt)
    if attempt.state is S.DECLINED and not (attempt.outcome and attempt.outcome.may_turn_paid):
        return _contradicted(attempt)
    if attempt.said_paid_at_ms is None:
        return Decision(replace(attempt, said_paid_at_ms=now_ms))
    if abs(now_ms - attempt.said_paid_at_ms) < rules.confirm_gap_ms:
        return Decision(attempt)
    return _paid(attempt, attempt.heard_code, now_ms)


def _query_said_failed(attempt: Attempt, outcome: Outcome, now_ms: int, rules: Rules) -> Decision:
    if attempt.state is S.PAID:
        return _contradicted(attempt)
    if attempt.state not in (S.PENDING, S.UNKNOWN):
        return Decision(replace(attempt, said_paid_at_ms=None))
    if attempt.said_paid_at_ms is not None:
        return _failed_after_paid(attempt, now_ms)
    if attempt.said_failed_at_ms is not None and abs(now_ms - attempt.said_failed_at_ms) < rules.confirm_gap_ms:
        return Decision(attempt)
    return _declined(attempt, outcome, now_ms)


def _on_callback(attempt: Attempt, event: ev.CallbackArrived, now_ms: int) -> Decision:
    if attempt.state in (S.READY, S.WITHDRAWN):
        # Nothing of ours can have caused it: keep it as evidence, let a person look.
        return _for_review(attempt, Review.OTHER_PROMPT)
    if not event.outcome.is_final:
        return Decision(attempt, (AskSoon(),))
    if _names_another_prompt(attempt, event):
        return _for_review(attempt, Review.OTHER_PROMPT, AskSoon())
    known = replace(
        attempt,
        merchant_request_id=attempt.merchant_request_id or event.merchant_request_id,
        checkout_request_id=attempt.checkout_request_id or event.checkout_request_id,
    )
    if event.outcome.kind is OutcomeKind.PAID:
        return _callback_said_paid(known, event, now_ms)
    return _callback_said_failed(known, event, now_ms)


def _names_another_prompt(attempt: Attempt, event: ev.CallbackArrived) -> bool:
    pairs = (
        (attempt.checkout_request_id, event.checkout_request_id),
        (attempt.merchant_request_id, event.merchant_request_id),
    )
    return any(ours is not None and theirs is not None and ours != theirs for ours, theirs in pairs)


def _callback_said_paid(attempt: Attempt, event: ev.CallbackArrived, now_ms: int) -> Decision:
    if event.amount_cents is not None and event.amount_cents != attempt.amount_cents:
        return _for_review(attempt, Review.OTHER_AMOUNT, AskSoon())
    if event.code_taken:
        return _for_review(attempt, Review.CODE_REUSED, AskSoon())
    if attempt.state is S.PAID:
        if attempt.mpesa_code is None:
            return _code_followed(attempt, event.mpesa_code)
        if event.mpesa_code not in (None, attempt.mpesa_code):
            return _for_review(attempt, Review.SECOND_CODE)
        return Decision(attempt)
    if event.amount_cents is None or event.checkout_request_id is None:
        # It has our token but does not prove amount and prompt: one voice of the two that must agree.
        heard = replace(
            attempt,
            heard_code=event.mpesa_code or attempt.heard_code,
            said_paid_at_ms=attempt.said_paid_at_ms or now_ms,
        )
        return Decision(heard, (AskSoon(),))
    return _paid(attempt, event.mpesa_code, now_ms)


def _callback_said_failed(attempt: Attempt, event: ev.CallbackArrived, now_ms: int) -> Decision:
    if attempt.state is S.PAID:
        return _contradicted(attempt)
    if attempt.state not in (S.SENDING, S.PENDING, S.UNKNOWN):
        return Decision(attempt)
    if attempt.said_paid_at_ms is not None:
        return _failed_after_paid(attempt, now_ms)
    if event.checkout_request_id is None and attempt.checkout_request_id is not None:
        return Decision(attempt, (AskSoon(),))
    return _declined(attempt, event.outcome, now_ms)


def _code_followed(attempt: Attempt, mpesa_code: str | None) -> Decision:
    """The code of a payment that two queries had proved before."""
    known = replace(attempt, mpesa_code=mpesa_code)
    if _claim_differs(attempt, mpesa_code):
        return _for_review(known, Review.OTHER_CLAIM)
    return Decision(known)


def _claim_differs(attempt: Attempt, mpesa_code: str | None) -> bool:
    return None not in (attempt.claimed_code, mpesa_code) and attempt.claimed_code != mpesa_code


def _paid(attempt: Attempt, mpesa_code: str | None, now_ms: int) -> Decision:
    review = set(attempt.review)
    if _claim_differs(attempt, mpesa_code):
        review.add(Review.OTHER_CLAIM)
    if attempt.state in (S.DECLINED, S.REJECTED, S.ABANDONED):
        review.add(Review.PAID_LATE)
    if attempt.paid_elsewhere:
        review.add(Review.PAID_TWICE)
    paid = replace(
        attempt,
        state=S.PAID,
        mpesa_code=mpesa_code,
        outcome=Outcome(OutcomeKind.PAID, "0"),
        settled_at_ms=now_ms,
        review=frozenset(review),
    )
    news = (Announce(News.PAID), Announce(News.NEEDS_YOU)) if review else (Announce(News.PAID),)
    return Decision(paid, news)


def _declined(attempt: Attempt, outcome: Outcome, now_ms: int) -> Decision:
    declined = replace(
        attempt,
        state=S.DECLINED,
        outcome=outcome,
        settled_at_ms=now_ms,
        said_paid_at_ms=None,
        said_failed_at_ms=None,
    )
    return Decision(declined, (Announce(News.NOT_PAID),))


def _failed_after_paid(attempt: Attempt, now_ms: int) -> Decision:
    """M-PESA said paid once and now failed: nobody knows until it agrees with itself."""
    unsure = replace(attempt, said_paid_at_ms=None, said_failed_at_ms=now_ms)
    if unsure.state in (S.SENDING, S.PENDING):
        unsure = replace(unsure, state=S.UNKNOWN)
    return _for_review(unsure, Review.CONTRADICTION, AskSoon())


def _contradicted(attempt: Attempt) -> Decision:
    return _for_review(attempt, Review.CONTRADICTION)


def _for_review(attempt: Attempt, reason: Review, *commands: Command) -> Decision:
    if reason in attempt.review:
        return Decision(attempt, commands)
    flagged = replace(attempt, review=attempt.review | {reason})
    return Decision(flagged, (*commands, Announce(News.NEEDS_YOU)))
