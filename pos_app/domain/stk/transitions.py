"""How an attempt moves: the whole of "never guess about money", in one pure function.

The rules, with their reasons, stand in the design (section 5):

* nothing is paid but by a callback that proves itself, or by two queries that agree;
* nothing is declined but by M-PESA's own final word;
* silence and nonsense are *unknown*;
* late proof always wins, and paid is final;
* what contradicts goes to a person;
* while "paid" was said and is neither proved nor settled by a person, nothing is sent again and nothing is voided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from pos_app.common.errors import Bug, Mistake
from pos_app.domain.mpesa.mpesa_code import is_look_alike
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import LEGAL, OF_MONEY, OF_TOO_MUCH, Attempt, AttemptState, Review
from pos_app.domain.stk.effects import Announce, AskSoon, Effect, News, SendPush
from pos_app.domain.stk.facts import Facts

S = AttemptState


@dataclass(frozen=True, slots=True)
class Timing:
    """Times the decisions depend on, in milliseconds."""

    confirm_gap_ms: int = 10_000


DEFAULT_TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Decision:
    """The attempt as it is now, and what to do once that is in the ledger."""

    attempt: Attempt
    effects: tuple[Effect, ...] = ()


def step(attempt: Attempt, event: ev.Event, facts: Facts, now_ms: int, timing: Timing = DEFAULT_TIMING) -> Decision:
    """Decides what an event means for an attempt: the whole decision.

    Args:
        attempt: As the ledger has it.
        event: What happened.
        facts: What the ledger knows beside it, of the codes that `codes_in_question` names.
        now_ms: When, in milliseconds since 1970.
        timing: The times to judge by.

    Returns:
        The attempt after it and the effects that follow. Facts that change nothing
        give back the same attempt.

    Raises:
        Mistake: a person asked for what the state does not allow (``attempt.not_…``).
        Bug: the program did.
    """
    decision = _decide(attempt, event, facts, now_ms, timing)
    before, after = attempt.state, decision.attempt.state
    if before is not after and (before, after) not in LEGAL:
        raise Bug("attempt.illegal", before=before, after=after)
    return decision


def _decide(attempt: Attempt, event: ev.Event, facts: Facts, now_ms: int, timing: Timing) -> Decision:
    match event:
        case ev.PushAccepted() | ev.PushNotSent() | ev.PushRefused() | ev.PushLost():
            return _on_push(attempt, event, now_ms)
        case ev.Asked():
            return Decision(replace(attempt, asked_at_ms=now_ms, asks=attempt.asks + 1))
        case ev.QueryAnswered():
            return _on_query(_answered(attempt, now_ms), event, facts, now_ms, timing)
        case ev.QueryRefused():
            # It says nothing of what is closed or paid: the question that is owed for that stays owed.
            is_open = attempt.state in (S.PENDING, S.UNKNOWN)
            return Decision(_answered(attempt, now_ms) if is_open else attempt)
        case ev.CallbackArrived():
            return _on_callback(attempt, event, facts, now_ms)
        case _ if isinstance(event, OtherNews):
            return _on_other_news(attempt, event, facts)
        case ev.Restarted():
            return Decision(replace(attempt, state=S.UNKNOWN) if attempt.state is S.SENDING else attempt)
        case ev.DeadlinePassed():
            return Decision(replace(attempt, state=S.UNKNOWN) if attempt.state is S.PENDING else attempt)
        case _:
            return _on_wish(attempt, event, now_ms)


OtherNews = (
    ev.CallbackUnclear
    | ev.HeardReceived
    | ev.HeardGivenBack
    | ev.TwinArrived
    | ev.ConfirmationDiffers
    | ev.TooMuchReceived
    | ev.TooMuchGivenBack
    | ev.CodeUsedElsewhere
)


def _on_other_news(attempt: Attempt, event: OtherNews, facts: Facts) -> Decision:
    """What was heard of its money by another way than its own query and callback."""
    match event:
        case ev.CallbackUnclear():
            return _on_unclear_callback(attempt, event)
        case ev.HeardReceived(code):
            return Decision(_heard_is_received(attempt) if attempt.heard_code == code else attempt)
        case ev.HeardGivenBack(code):
            return _heard_is_given_back(attempt, code)
        case ev.TwinArrived(code):
            is_wanted = attempt.state is S.PAID and attempt.mpesa_code is None
            return _code_followed(attempt, code, facts) if is_wanted else Decision(attempt)
        case ev.ConfirmationDiffers():
            return _for_review(attempt, Review.OTHER_AMOUNT)
        case ev.TooMuchReceived():
            return _for_review(attempt, Review.PAID_TOO_MUCH)
        case ev.TooMuchGivenBack():
            return Decision(replace(attempt, review=attempt.review - OF_TOO_MUCH))
        case ev.CodeUsedElsewhere():
            return _for_review(attempt, Review.CODE_REUSED)
        case _:
            assert_never(event)


Wish = ev.SendRequested | ev.Withdrawn | ev.GivenUp | ev.CodeClaimed | ev.SaleVoided | ev.ReceiptMade | ev.ReviewSettled


_ALLOWED: dict[type[Wish], tuple[frozenset[AttemptState], str]] = {
    ev.SendRequested: (frozenset({S.READY}), "attempt.not_ready"),
    ev.Withdrawn: (frozenset({S.READY}), "attempt.not_ready"),
    ev.GivenUp: (frozenset({S.UNKNOWN}), "attempt.not_unknown"),
    ev.CodeClaimed: (frozenset({S.PENDING, S.UNKNOWN, S.DECLINED, S.ABANDONED}), "claim.not_open"),
    ev.SaleVoided: (frozenset({S.DECLINED, S.REJECTED, S.ABANDONED, S.WITHDRAWN}), "sale.not_voidable"),
}
"""In which states a person may ask for something, and the mistake in all others."""


def allows(attempt: Attempt, wish: type[Wish]) -> bool:
    """Whether the state of an attempt lets a person ask for something."""
    allowed, _ = _ALLOWED.get(wish, (None, ""))
    return allowed is None or attempt.state in allowed


def _on_wish(attempt: Attempt, event: Wish, now_ms: int) -> Decision:
    """What a person asked for; refused where the state does not allow it."""
    _refuse_wish(attempt, event)
    match event:
        case ev.SendRequested():
            return Decision(replace(attempt, state=S.SENDING, sent_at_ms=now_ms, outcome=None), (SendPush(),))
        case ev.Withdrawn():
            return Decision(replace(attempt, state=S.WITHDRAWN, settled_at_ms=now_ms))
        case ev.GivenUp():
            return Decision(_given_up(attempt, now_ms))
        case ev.CodeClaimed():
            # Kept beside what M-PESA says, never in its place.
            return Decision(replace(attempt, claimed_code=event.code), (AskSoon(),))
        case ev.SaleVoided():
            # The code that a customer showed for it is free for the sale that comes in its place.
            return Decision(replace(attempt, claimed_code=None))
        case ev.ReceiptMade():
            return Decision(attempt)
        case ev.ReviewSettled():
            return Decision(_settled(attempt))
        case _:
            assert_never(event)


def _refuse_wish(attempt: Attempt, event: Wish) -> None:
    if not allows(attempt, type(event)):
        raise Mistake(_ALLOWED[type(event)][1], state=attempt.state)
    if isinstance(event, (ev.SendRequested, ev.SaleVoided)) and attempt.speaks_of_money:
        raise Mistake("sale.said_paid")


def _given_up(attempt: Attempt, now_ms: int) -> Attempt:
    given_up = replace(attempt, state=S.ABANDONED, settled_at_ms=now_ms, answers=0)
    if attempt.heard_settled and attempt.is_said_by_callback:
        # What that callback spoke of is received: it stands in the way of nothing.
        return replace(given_up, said_paid_at_ms=None)
    return given_up


def _heard_is_received(attempt: Attempt) -> Attempt:
    """The money of its heard code came by another way. An open prompt keeps what it heard: that may be what pays it."""
    if attempt.state is S.PAID:
        return attempt
    if attempt.is_live:
        return replace(attempt, heard_settled=True)
    settled = _heard_is_settled(attempt)
    # What spoke of other money than this code's is still for a person.
    return replace(settled, review=settled.review | (attempt.review & {Review.OTHER_PROMPT, Review.CONTRADICTION}))


def _heard_is_given_back(attempt: Attempt, mpesa_code: str) -> Decision:
    """That money is not received any more: what was heard stands again, in the way of a new prompt and of a void."""
    if attempt.state is S.PAID:
        return Decision(attempt)
    is_room = attempt.heard_code in (None, mpesa_code) or attempt.heard_settled
    heard = replace(attempt, heard_code=mpesa_code, heard_settled=False) if is_room else attempt
    return Decision(heard) if attempt.is_live else _for_review(heard, Review.SAID_PAID)


def _settled(attempt: Attempt) -> Attempt:
    """A person looked. What was heard stays in the events, and whatever is heard from now on counts anew."""
    if not attempt.is_live:
        return replace(_heard_is_settled(attempt), review=frozenset())
    # What M-PESA said once of an open prompt still waits for the second voice.
    return replace(attempt, heard_code=attempt.sure_code, review=frozenset())


def _heard_is_settled(attempt: Attempt) -> Attempt:
    """Its money was received by another way, or a person settled it. A sure code stays: late proof may need it."""
    return replace(
        attempt,
        heard_code=attempt.sure_code,
        heard_settled=attempt.sure_code is not None,
        said_paid_at_ms=None,
        review=attempt.review - OF_MONEY,
    )


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
            known = replace(attempt, left_at_ms=event.left_at_ms)
            if attempt.state is not S.SENDING:
                return _contradicted(known)
            refused = replace(known, state=S.REJECTED, outcome=event.outcome, settled_at_ms=now_ms, answers=0)
            if not refused.speaks_of_money:
                return Decision(refused, (Announce(News.NOT_PAID),))
            return _for_review(refused, Review.CONTRADICTION, AskSoon())
        case ev.PushLost():
            known = replace(
                attempt,
                left_at_ms=event.left_at_ms,
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
        state = S.UNKNOWN if attempt.state is S.SENDING else attempt.state
        other = replace(attempt, state=state, left_at_ms=event.left_at_ms)
        return _for_review(other, Review.OTHER_PROMPT, AskSoon())
    known = replace(
        attempt,
        left_at_ms=event.left_at_ms,
        merchant_request_id=event.merchant_request_id,
        checkout_request_id=event.checkout_request_id,
    )
    if attempt.state in (S.SENDING, S.UNKNOWN) and not _ended_oddly(attempt):
        known = replace(known, state=S.PENDING, outcome=None)
    return Decision(known)


def _ended_oddly(attempt: Attempt) -> bool:
    """Whether a callback reported an end that no table knows: nobody waits for a PIN any more."""
    outcome = attempt.outcome
    return outcome is not None and outcome.kind is OutcomeKind.OTHER and outcome.is_final


def _answered(attempt: Attempt, now_ms: int) -> Attempt:
    return replace(attempt, answered_at_ms=now_ms, answers=attempt.answers + 1)


def _on_query(attempt: Attempt, event: ev.QueryAnswered, facts: Facts, now_ms: int, timing: Timing) -> Decision:
    outcome = event.outcome
    if attempt.state in (S.READY, S.WITHDRAWN):
        return Decision(attempt)
    if outcome.kind is OutcomeKind.PAID:
        return _query_said_paid(attempt, event, facts, now_ms, timing)
    if not outcome.is_final:
        return _not_settled_by(attempt, outcome, now_ms)
    return _query_said_failed(attempt, outcome, now_ms, timing)


def _not_settled_by(attempt: Attempt, outcome: Outcome, now_ms: int) -> Decision:
    """An answer that settles nothing: "still processing", or a code that is not in the tables."""
    if attempt.state is S.PAID:
        # It was asked whether the payment stands, and this does not say so: the question stays owed, for a while.
        return Decision(replace(attempt, answered_at_ms=None))
    if attempt.state not in (S.PENDING, S.UNKNOWN):
        if attempt.said_paid_at_ms is None:
            return Decision(attempt)
        # A closed attempt of which "paid" was said and not said again: only a person can say what that was.
        return _for_review(replace(attempt, said_paid_at_ms=None), Review.SAID_PAID)
    if _ended_oddly(attempt):
        return _after_an_odd_end(attempt, outcome, now_ms)
    # A query's "paid" followed by "still processing" was early, as one source reports. A callback's is not: M-PESA
    # reports once, at the end.
    said_paid_at_ms = attempt.said_paid_at_ms if attempt.is_said_by_callback else None
    return Decision(_unsettled(replace(attempt, said_paid_at_ms=said_paid_at_ms), outcome))


def _after_an_odd_end(attempt: Attempt, outcome: Outcome, now_ms: int) -> Decision:
    """A query that says what the callback said makes two voices of it; any other answer changes nothing."""
    heard = attempt.outcome
    if attempt.said_paid_at_ms is not None and not attempt.is_said_by_callback:
        # A query's "paid" before an end that no table knows: neither is the last word.
        return _for_review(replace(attempt, said_paid_at_ms=None), Review.SAID_PAID)
    if heard is None or (outcome.kind, outcome.code) != (heard.kind, heard.code) or attempt.speaks_of_money:
        return Decision(attempt)
    return _declined(attempt, heard, now_ms)


def _unsettled(unsettled: Attempt, outcome: Outcome) -> Attempt:
    if outcome.kind is OutcomeKind.OTHER:
        # What the tables do not know is shown in M-PESA's own words, and nobody concludes anything from it.
        return replace(unsettled, outcome=outcome)
    was_odd = unsettled.outcome is not None and unsettled.outcome.kind is OutcomeKind.OTHER
    return replace(unsettled, outcome=None) if was_odd else unsettled


def _query_said_paid(attempt: Attempt, event: ev.QueryAnswered, facts: Facts, now_ms: int, timing: Timing) -> Decision:
    if attempt.state is S.PAID:
        return Decision(attempt)
    if attempt.said_failed_at_ms is not None:
        return _contradicted(attempt)
    if attempt.state is S.DECLINED and not (attempt.outcome and attempt.outcome.may_turn_paid):
        return _contradicted(attempt)
    if attempt.said_paid_at_ms is None:
        return Decision(replace(attempt, said_paid_at_ms=now_ms))
    apart_ms = event.apart_ms if event.apart_ms is not None else abs(now_ms - attempt.said_paid_at_ms)
    if apart_ms < timing.confirm_gap_ms:
        return Decision(attempt)
    return _paid(attempt, attempt.sure_code, facts, now_ms)


def _query_said_failed(attempt: Attempt, outcome: Outcome, now_ms: int, timing: Timing) -> Decision:
    if attempt.state is S.PAID:
        return _contradicted(attempt)
    if attempt.state not in (S.PENDING, S.UNKNOWN):
        if attempt.said_paid_at_ms is None:
            return Decision(attempt)
        return _contradicted(replace(attempt, said_paid_at_ms=None))
    if _was_said_paid(attempt):
        return _failed_after_paid(attempt, now_ms)
    if attempt.said_failed_at_ms is not None and abs(now_ms - attempt.said_failed_at_ms) < timing.confirm_gap_ms:
        return Decision(attempt)
    return _declined(attempt, outcome, now_ms)


def _was_said_paid(attempt: Attempt) -> bool:
    """Whether a failure that is said now contradicts what was said before, and is the first to do so."""
    return attempt.said_paid_at_ms is not None or (attempt.is_heard and attempt.said_failed_at_ms is None)


def _on_unclear_callback(attempt: Attempt, event: ev.CallbackUnclear) -> Decision:
    """Our token, and something that cannot be read: M-PESA is asked, a person sees what was recognised."""
    if attempt.state is S.PAID and event.mpesa_code in (None, attempt.mpesa_code):
        return Decision(attempt)
    if attempt.state in (S.READY, S.WITHDRAWN):
        return _for_review(attempt, Review.UNREADABLE)
    attempt = replace(attempt, checkout_request_id=attempt.checkout_request_id or event.checkout_request_id)
    return _for_review(_with_heard(attempt, event.mpesa_code), Review.UNREADABLE, AskSoon())


def _with_heard(attempt: Attempt, mpesa_code: str | None) -> Attempt:
    """With a code that proves nothing by itself; the first one that was heard stays until its money is settled."""
    if attempt.state is S.PAID or mpesa_code is None:
        return attempt
    return replace(attempt, heard_code=attempt.heard_code if attempt.is_heard else mpesa_code, heard_settled=False)


def _on_callback(attempt: Attempt, event: ev.CallbackArrived, facts: Facts, now_ms: int) -> Decision:
    if attempt.state in (S.READY, S.WITHDRAWN):
        # Nothing of ours can have caused it: keep it as evidence, let a person look.
        return _for_review(attempt, Review.OTHER_PROMPT)
    if _names_another_prompt(attempt, event):
        return _for_review(attempt, Review.OTHER_PROMPT, AskSoon())
    known = replace(
        attempt,
        merchant_request_id=attempt.merchant_request_id or event.merchant_request_id,
        checkout_request_id=attempt.checkout_request_id or event.checkout_request_id,
    )
    if event.outcome.kind is OutcomeKind.PAID:
        return _callback_said_paid(known, event, facts, now_ms)
    if not event.outcome.is_final:
        return _callback_said_something(known, event.outcome)
    return _callback_said_failed(known, event, now_ms)


def _callback_said_something(attempt: Attempt, outcome: Outcome) -> Decision:
    """A result code that no table knows: not known, in M-PESA's own words, until a query says more."""
    if outcome.kind is OutcomeKind.OTHER and _looks_like_zero(outcome.code):
        return _on_unclear_callback(attempt, ev.CallbackUnclear())
    if outcome.kind is not OutcomeKind.OTHER or attempt.state not in (S.SENDING, S.PENDING, S.UNKNOWN):
        return Decision(attempt, (AskSoon(),))
    # M-PESA reports once, at the end: that it is over is known, and nothing else.
    ended = replace(attempt, state=S.UNKNOWN, outcome=replace(outcome, is_final=True))
    return Decision(ended, (AskSoon(),))


def _names_another_prompt(attempt: Attempt, event: ev.CallbackArrived) -> bool:
    pairs = (
        (attempt.checkout_request_id, event.checkout_request_id),
        (attempt.merchant_request_id, event.merchant_request_id),
    )
    return any(ours is not None and theirs is not None and ours != theirs for ours, theirs in pairs)


def _looks_like_zero(code: str) -> bool:
    """Whether a code may be another spelling of "paid", and is none of "not paid"."""
    return bool(code.strip()) and set(code.strip()) <= set("0.+-eE") and "0" in code


def _callback_said_paid(attempt: Attempt, event: ev.CallbackArrived, facts: Facts, now_ms: int) -> Decision:
    if event.amount_cents is not None and event.amount_cents != attempt.amount_cents:
        return _for_review(_with_heard(attempt, event.mpesa_code), Review.OTHER_AMOUNT, AskSoon())
    if event.mpesa_code in facts.taken_codes:
        return _for_review(_with_heard(attempt, event.mpesa_code), Review.CODE_REUSED, AskSoon())
    if attempt.state is S.PAID:
        if attempt.mpesa_code is None:
            return _code_followed(attempt, event.mpesa_code, facts)
        if event.mpesa_code not in (None, attempt.mpesa_code):
            return _for_review(attempt, Review.SECOND_CODE)
        return Decision(attempt)
    if event.amount_cents is None or event.checkout_request_id is None:
        # It has our token but does not prove amount and prompt: one voice of the two that must agree.
        heard = replace(
            _with_heard(attempt, event.mpesa_code),
            said_paid_at_ms=attempt.said_paid_at_ms or now_ms,
            is_said_by_callback=True,
        )
        if event.mpesa_code not in (None, heard.heard_code):
            # Two codes for one prompt: neither is believed without a person.
            return _for_review(heard, Review.CONTRADICTION, AskSoon())
        if attempt.is_live:
            return Decision(heard, (AskSoon(),))
        return _for_review(heard, Review.SAID_PAID, AskSoon())
    return _paid(attempt, event.mpesa_code, facts, now_ms)


def _callback_said_failed(attempt: Attempt, event: ev.CallbackArrived, now_ms: int) -> Decision:
    if attempt.state is S.PAID:
        return _contradicted(attempt)
    if attempt.state not in (S.SENDING, S.PENDING, S.UNKNOWN):
        return Decision(attempt)
    if _was_said_paid(attempt):
        return _failed_after_paid(attempt, now_ms)
    if event.checkout_request_id is None and attempt.checkout_request_id is not None:
        return Decision(attempt, (AskSoon(),))
    return _declined(attempt, event.outcome, now_ms)


def _code_followed(attempt: Attempt, mpesa_code: str | None, facts: Facts) -> Decision:
    """The code of a payment that two queries had proved before."""
    code, reasons = _proper_code(attempt, mpesa_code, facts)
    known = replace(attempt, mpesa_code=code, review=attempt.review | reasons)
    return Decision(known, (Announce(News.NEEDS_YOU),) if reasons - attempt.review else ())


def _proper_code(attempt: Attempt, mpesa_code: str | None, facts: Facts) -> tuple[str | None, frozenset[Review]]:
    """The code to note for a payment, and what of it a person must look at."""
    reasons = {Review.OTHER_CLAIM} if _claim_differs(attempt, mpesa_code) else set()
    if mpesa_code not in facts.taken_codes:
        return mpesa_code, frozenset(reasons)
    # It was heard before, and has been given to another sale since.
    return None, frozenset(reasons | {Review.CODE_REUSED})


def _claim_differs(attempt: Attempt, mpesa_code: str | None) -> bool:
    if attempt.claimed_code is None or mpesa_code is None:
        return False
    # An O that was read for a 0 is the customer's own, proper code.
    return not is_look_alike(attempt.claimed_code, mpesa_code)


def _paid(attempt: Attempt, mpesa_code: str | None, facts: Facts, now_ms: int) -> Decision:
    # Where no code was told, its own message had named one whose money the sale has already: it is the same.
    code, reasons = _proper_code(attempt, mpesa_code or facts.own_code, facts)
    review = (attempt.review - {Review.SAID_PAID}) | reasons
    if attempt.state in (S.DECLINED, S.REJECTED, S.ABANDONED):
        review |= {Review.PAID_LATE}
    if facts.is_too_much:
        review |= {Review.PAID_TWICE}
    paid = replace(
        attempt,
        state=S.PAID,
        mpesa_code=code,
        outcome=Outcome(OutcomeKind.PAID, "0"),
        settled_at_ms=now_ms,
        answers=0,
        review=review,
    )
    news = (Announce(News.PAID), Announce(News.NEEDS_YOU)) if review else (Announce(News.PAID),)
    return Decision(paid, news)


def _declined(attempt: Attempt, outcome: Outcome, now_ms: int) -> Decision:
    declined = replace(
        attempt,
        state=S.DECLINED,
        outcome=outcome,
        settled_at_ms=now_ms,
        answers=0,
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


def _for_review(attempt: Attempt, reason: Review, *effects: Effect) -> Decision:
    if reason in attempt.review:
        return Decision(attempt, effects)
    flagged = replace(attempt, review=attempt.review | {reason})
    return Decision(flagged, (*effects, Announce(News.NEEDS_YOU)))
