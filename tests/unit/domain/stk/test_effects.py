"""What a step leaves behind besides the state: what follows, when it was, whose prompt it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.domain.stk.test_transitions import (
    ACCEPTED,
    CANCELLED,
    LOST,
    ODD,
    PAID,
    PENDING,
    TAKEN,
    Playbook,
    callback,
    pending,
    sent,
)

from pos_app.common.errors import Mistake
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.domain.stk.attempt import Review
from pos_app.domain.stk.effects import Announce, AskSoon, Effect, News
from pos_app.domain.stk.facts import NO_FACTS
from pos_app.domain.stk.transitions import step

ASK, LOOK = AskSoon(), Announce(News.NEEDS_YOU)
QUERY_PAID, QUERY_FAILED = ev.QueryAnswered(PAID), ev.QueryAnswered(CANCELLED)
REFUSED = ev.PushRefused(Outcome(OutcomeKind.OTHER, "400.002.02"))


@pytest.mark.parametrize(
    ("before", "event", "follows"),
    [
        ([ACCEPTED], callback(), (Announce(News.PAID),)),
        ([ACCEPTED], callback(CANCELLED, code=None, amount=None), (Announce(News.NOT_PAID),)),
        ([ACCEPTED], QUERY_FAILED, (Announce(News.NOT_PAID),)),
        ([], REFUSED, (Announce(News.NOT_PAID),)),
        ([ACCEPTED], callback(amount=99), (ASK, LOOK)),
        ([ACCEPTED, callback(amount=99)], callback(amount=99), (ASK,)),
        ([ACCEPTED], callback(checkout="ws-2"), (ASK, LOOK)),
        ([callback(checkout="ws-2", amount=None)], ACCEPTED, (ASK, LOOK)),
        ([ACCEPTED], callback(amount=None), (ASK,)),
        ([ACCEPTED], callback(ODD), (ASK,)),
        ([ACCEPTED], callback(CANCELLED, checkout=None), (ASK,)),
        ([ACCEPTED, QUERY_PAID], QUERY_FAILED, (ASK, LOOK)),
        ([ACCEPTED, callback()], QUERY_FAILED, (LOOK,)),
        ([ACCEPTED, callback()], callback(code="TKN7RT61SX"), (LOOK,)),
        ([ACCEPTED, QUERY_FAILED], callback(), (Announce(News.PAID), LOOK)),
        ([LOST], ev.CodeClaimed("TKN7RT61SV", "Asha"), (ASK,)),
        ([LOST], ACCEPTED, ()),
        ([ACCEPTED], QUERY_PAID, ()),
    ],
)
def test_what_follows(before: list[ev.Event], event: ev.Event, follows: tuple[Effect, ...]) -> None:
    assert sent().hear(*before).hear(event).effects == follows


def test_a_code_that_pays_another_sale_is_asked_about_and_looked_at() -> None:
    assert pending().hear(callback(), facts=TAKEN).effects == (ASK, LOOK)


@pytest.mark.parametrize(
    ("before", "event", "state"),
    [
        ([ACCEPTED], callback(), S.PAID),
        ([ACCEPTED], QUERY_FAILED, S.DECLINED),
        ([], REFUSED, S.REJECTED),
        ([LOST], ev.GivenUp("Asha", "gone"), S.ABANDONED),
    ],
)
def test_the_moment_it_was_settled_is_kept(before: list[ev.Event], event: ev.Event, state: S) -> None:
    book = sent().hear(*before).hear(event).is_now(state)
    assert book.attempt.settled_at_ms == book.now_ms


def test_a_withdrawn_payment_was_settled_then() -> None:
    book = Playbook().hear(ev.Withdrawn())
    assert book.attempt.settled_at_ms == book.now_ms


def test_two_queries_that_agree_settle_at_the_second_and_exactly_at_the_gap() -> None:
    book = pending().hear(QUERY_PAID).hear(QUERY_PAID, after_s=9.999).is_now(S.PENDING)
    book = pending().hear(QUERY_PAID).hear(QUERY_PAID, after_s=10).is_now(S.PAID)
    assert book.attempt.settled_at_ms == book.now_ms


def test_questions_are_counted_and_dated() -> None:
    book = pending().hear(ev.Asked(), ev.Asked())
    assert (book.attempt.asks, book.attempt.asked_at_ms) == (2, book.now_ms)


@pytest.mark.parametrize("event", [ACCEPTED, callback(), ev.PushLost(ODD, "m-1", "ws-1")])
def test_both_ids_of_the_prompt_are_kept(event: ev.Event) -> None:
    attempt = sent().hear(event).attempt
    assert (attempt.merchant_request_id, attempt.checkout_request_id) == ("m-1", "ws-1")


@pytest.mark.parametrize("event", [callback(checkout=None), ev.PushLost(ODD)])
def test_an_answer_without_ids_takes_none_away(event: ev.Event) -> None:
    attempt = pending().hear(event).attempt
    assert (attempt.merchant_request_id, attempt.checkout_request_id) == ("m-1", "ws-1")


def test_an_accepted_push_ends_the_word_that_no_answer_came() -> None:
    assert sent().hear(LOST).attempt.outcome == LOST.outcome
    assert sent().hear(LOST, ACCEPTED).is_now(S.PENDING).attempt.outcome is None


def test_a_final_no_forgets_what_was_said_before() -> None:
    book = (
        pending().hear(QUERY_PAID, QUERY_FAILED).hear(QUERY_FAILED, after_s=11).is_now(S.DECLINED, Review.CONTRADICTION)
    )
    assert (book.attempt.said_paid_at_ms, book.attempt.said_failed_at_ms) == (None, None)


@pytest.mark.parametrize("event", [REFUSED, ev.PushNotSent(Outcome(OutcomeKind.NO_CONNECTION))])
def test_why_nothing_left_or_was_refused_is_kept(event: ev.PushRefused | ev.PushNotSent) -> None:
    assert sent().hear(event).attempt.outcome == event.outcome


def test_sending_anew_forgets_why_it_did_not_leave() -> None:
    book = sent().hear(ev.PushNotSent(Outcome(OutcomeKind.NO_CONNECTION)), ev.SendRequested()).is_now(S.SENDING)
    assert book.attempt.outcome is None


def test_a_no_by_callback_is_dated_too() -> None:
    book = pending().hear(callback(CANCELLED, code=None, amount=None)).is_now(S.DECLINED)
    assert book.attempt.settled_at_ms == book.now_ms


def test_paid_then_failed_once_closed_must_be_said_twice_again() -> None:
    book = Playbook(state=S.ABANDONED, checkout_request_id="ws-1", sent_at_ms=1)
    book.hear(QUERY_PAID, QUERY_FAILED).is_now(S.ABANDONED, Review.CONTRADICTION)
    book.hear(QUERY_PAID, after_s=60).is_now(S.ABANDONED, Review.CONTRADICTION)


def test_an_answer_that_settles_nothing_keeps_the_reason_of_an_unknown() -> None:
    book = sent().hear(ev.PushLost(LOST.outcome, "m-1", "ws-1"), ev.QueryAnswered(PENDING)).is_now(S.UNKNOWN)
    assert book.attempt.outcome == LOST.outcome


@pytest.mark.parametrize(
    ("book", "event", "code"),
    [
        (pending(), ev.Withdrawn(), "attempt.not_ready"),
        (pending(), ev.GivenUp("Asha", "gone"), "attempt.not_unknown"),
        (pending(), ev.SaleVoided("Asha", "returned"), "sale.not_voidable"),
    ],
)
def test_a_wish_that_is_refused_names_its_mistake_and_the_state(book: Playbook, event: ev.Event, code: str) -> None:
    with pytest.raises(Mistake) as told:
        book.hear(event)
    assert (told.value.code, told.value.params["state"]) == (code, book.attempt.state)


def test_a_twin_brings_the_code_that_was_still_to_follow_and_nothing_else() -> None:
    twin = ev.TwinArrived("TKN7RT61SV")
    waiting = pending().attempt
    assert step(waiting, twin, NO_FACTS, 9).attempt == waiting, "a confirmation alone says nothing of this prompt"
    paid = step(step(waiting, QUERY_PAID, NO_FACTS, 10).attempt, QUERY_PAID, NO_FACTS, 20_000).attempt
    assert paid.state is S.PAID and paid.mpesa_code is None
    known = step(paid, twin, NO_FACTS, 30_000)
    assert (known.attempt.mpesa_code, known.attempt.review, known.effects) == ("TKN7RT61SV", frozenset(), ())
    assert step(known.attempt, ev.TwinArrived("ANOTHER001"), NO_FACTS, 40_000).attempt == known.attempt
    claimed = step(replace(paid, claimed_code="OTHER00001"), twin, NO_FACTS, 30_000)
    assert claimed.attempt.review == {Review.OTHER_CLAIM}


def test_a_code_that_another_till_used_is_for_a_person() -> None:
    paid = pending().hear(callback()).attempt
    flagged = step(paid, ev.CodeUsedElsewhere("back"), NO_FACTS, 9)
    assert (flagged.attempt.state, flagged.attempt.review) == (S.PAID, {Review.CODE_REUSED})
    assert flagged.effects == (LOOK,)


@pytest.mark.parametrize("code", ["00", "0.0", " 0 ", "-0", "0e0"])
def test_what_may_be_another_spelling_of_paid_declines_nothing(code: str) -> None:
    likely = Outcome(OutcomeKind.OTHER, code, is_final=False)
    book = pending().hear(callback(likely, code=None, amount=None)).is_now(S.PENDING, Review.UNREADABLE)
    assert book.effects == (ASK, LOOK)
    book.hear(ev.QueryAnswered(likely), ev.QueryAnswered(likely)).is_now(S.PENDING, Review.UNREADABLE)


def test_a_querys_paid_before_an_end_that_no_table_knows_is_for_a_person() -> None:
    odd = callback(ODD, code=None, amount=None)
    book = pending().hear(QUERY_PAID, odd).is_now(S.UNKNOWN).hear(ev.QueryAnswered(ODD))
    assert Review.SAID_PAID in book.attempt.review and book.attempt.said_paid_at_ms is None


def test_an_answer_that_does_not_say_whether_a_payment_stands_leaves_the_question_owed() -> None:
    book = pending().hear(callback()).hear(ev.QueryAnswered(PAID)).is_now(S.PAID)
    assert book.attempt.answered_at_ms == book.now_ms
    assert book.hear(ev.QueryAnswered(PENDING)).is_now(S.PAID).attempt.answered_at_ms is None


def test_money_that_is_given_back_is_heard_of_again() -> None:
    code = "TKN7RT61SV"
    back = Playbook(state=S.DECLINED).hear(ev.HeardGivenBack(code)).is_now(S.DECLINED, Review.SAID_PAID)
    assert back.attempt.heard_code == code and back.attempt.speaks_of_money
    live = pending().hear(ev.HeardGivenBack(code)).is_now(S.PENDING)
    assert live.hear(QUERY_FAILED).attempt.speaks_of_money, "once the prompt is closed it stands in the way"
    paid = pending().hear(callback(code="TKN7RT61SX"))
    assert paid.hear(ev.HeardGivenBack(code)).is_now(S.PAID).attempt.review == frozenset()
    other = pending().hear(QUERY_FAILED, callback(amount=99, code="TKN7RT61SX"))
    both = other.hear(ev.HeardGivenBack(code)).is_now(S.DECLINED, Review.OTHER_AMOUNT, Review.SAID_PAID)
    assert both.attempt.heard_code == "TKN7RT61SX", "there is room for one; the other is for a person all the same"
    received = other.hear(ev.ReviewSettled("Asha", "x"), ev.HeardGivenBack(code)).attempt
    assert received.heard_code == code
