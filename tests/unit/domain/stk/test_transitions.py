"""Conversations written as playbooks: events in, state and news out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pos_app.common.errors import Mistake
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState, Review
from pos_app.domain.stk.effects import Announce, AskSoon, Effect, News, SendPush
from pos_app.domain.stk.facts import NO_FACTS, Facts, codes_in_question
from pos_app.domain.stk.transitions import Timing, step
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn

S = AttemptState
PAID = Outcome(OutcomeKind.PAID, "0")
CANCELLED = Outcome(OutcomeKind.CANCELLED, "1032")
UNREACHABLE = Outcome(OutcomeKind.UNREACHABLE, "1037", may_turn_paid=True)
PENDING = Outcome(OutcomeKind.STILL_PROCESSING, "4999", is_final=False)
ODD = Outcome(OutcomeKind.OTHER, "77", is_final=False)
LOST = ev.PushLost(Outcome(OutcomeKind.NO_ANSWER, is_final=False))
ACCEPTED = ev.PushAccepted("m-1", "ws-1")
TIMING = Timing(confirm_gap_ms=10_000)
TAKEN = Facts(taken_codes=frozenset({"TKN7RT61SV"}))
TOO_MUCH = Facts(is_too_much=True)


def callback(
    outcome: Outcome = PAID,
    *,
    code: str | None = "TKN7RT61SV",
    amount: int | None = 100,
    checkout: str | None = "ws-1",
    **more: object,
) -> ev.CallbackArrived:
    return ev.CallbackArrived(outcome, "m-1", checkout, None if amount is None else Cents(amount * 100), code, **more)  # type: ignore[arg-type]


class Playbook:
    """A conversation with one attempt; a second passes between two events."""

    def __init__(self, **values: object) -> None:
        self.attempt = Attempt(
            AttemptId(1),
            SaleId(1),
            Cents(10_000),
            Msisdn("254712345678"),
            "0712•••678",
            Reference("A0001"),
            **values,  # type: ignore[arg-type]
        )
        self.now_ms = 1_000_000
        self.effects: tuple[Effect, ...] = ()

    def hear(self, *events: ev.Event, after_s: float = 1, facts: Facts = NO_FACTS) -> Playbook:
        for event in events:
            self.now_ms += int(after_s * 1000)
            decision = step(self.attempt, event, facts, self.now_ms, TIMING)
            self.attempt, self.effects = decision.attempt, decision.effects
        return self

    def is_now(self, state: AttemptState, *review: Review) -> Playbook:
        assert self.attempt.state is state
        assert self.attempt.review == frozenset(review)
        return self


def sent() -> Playbook:
    return Playbook().hear(ev.SendRequested())


def pending() -> Playbook:
    return sent().hear(ACCEPTED)


def test_sending_is_written_before_it_is_done() -> None:
    book = sent().is_now(S.SENDING)
    assert book.effects == (SendPush(),)
    assert book.attempt.sent_at_ms == book.now_ms


def test_paid_by_callback() -> None:
    book = pending().hear(callback()).is_now(S.PAID)
    assert book.attempt.mpesa_code == "TKN7RT61SV"
    assert book.effects == (Announce(News.PAID),)


def test_callback_before_the_answer_of_the_push() -> None:
    book = sent().hear(callback()).is_now(S.PAID).hear(ACCEPTED).is_now(S.PAID)
    assert book.attempt.checkout_request_id == "ws-1"


def test_callback_finds_an_attempt_whose_answer_was_lost() -> None:
    book = sent().hear(LOST).is_now(S.UNKNOWN).hear(callback()).is_now(S.PAID)
    assert book.attempt.checkout_request_id == "ws-1"


def test_a_query_that_says_paid_is_provisional() -> None:
    book = pending().hear(ev.QueryAnswered(PAID)).is_now(S.PENDING)
    assert book.attempt.is_being_confirmed
    book.hear(ev.QueryAnswered(PAID), after_s=3).is_now(S.PENDING)
    book.hear(ev.QueryAnswered(PAID), after_s=8).is_now(S.PAID)
    assert book.attempt.mpesa_code is None
    assert book.hear(callback()).is_now(S.PAID).attempt.mpesa_code == "TKN7RT61SV"


def test_paid_before_the_pin_is_forgotten_when_it_is_still_processing() -> None:
    book = pending().hear(ev.QueryAnswered(PAID), ev.QueryAnswered(PENDING), after_s=12)
    assert not book.attempt.is_being_confirmed
    book.hear(ev.QueryAnswered(PAID)).is_now(S.PENDING)


@pytest.mark.parametrize("event", [ev.QueryAnswered(CANCELLED), callback(CANCELLED, code=None, amount=None)])
def test_declined_by_an_explicit_word_only(event: ev.Event) -> None:
    book = pending().hear(event).is_now(S.DECLINED)
    assert book.attempt.outcome == CANCELLED
    assert book.effects == (Announce(News.NOT_PAID),)


@pytest.mark.parametrize("outcome", [PENDING, ODD])
def test_what_is_not_final_settles_nothing(outcome: Outcome) -> None:
    pending().hear(ev.QueryAnswered(outcome)).is_now(S.PENDING)
    book = pending().hear(callback(outcome, code=None, amount=None))
    book.is_now(S.UNKNOWN if outcome is ODD else S.PENDING)
    assert book.effects == (AskSoon(),)


def test_an_end_that_no_table_knows_is_declined_only_when_a_query_agrees() -> None:
    def ended() -> Playbook:
        return pending().hear(callback(ODD, code=None, amount=None)).is_now(S.UNKNOWN)

    book = ended()
    assert (book.attempt.outcome.code, book.attempt.outcome.text) == (ODD.code, ODD.text), "M-PESA's own words"
    other = replace(ODD, code="8888")
    book.hear(ev.QueryAnswered(PENDING), ev.QueryAnswered(other), ev.QueryRefused()).is_now(S.UNKNOWN)
    assert book.attempt.outcome.code == ODD.code
    book.hear(ev.QueryAnswered(ODD)).is_now(S.DECLINED)
    ended().hear(ev.QueryAnswered(CANCELLED)).is_now(S.DECLINED)
    ended().hear(ev.QueryAnswered(PAID)).hear(ev.QueryAnswered(PAID), after_s=12).is_now(S.PAID)
    # The callback beat the answer to the push: nobody waits for a PIN any more.
    early = Playbook(state=S.SENDING, sent_at_ms=1).hear(callback(ODD, code=None, amount=None))
    early.hear(ev.PushAccepted("m-1", "ws-1")).is_now(S.UNKNOWN)
    assert early.attempt.checkout_request_id == "ws-1"
    # What nobody but a query said is no end.
    pending().hear(ev.QueryAnswered(ODD), ev.QueryAnswered(ODD)).is_now(S.PENDING)


def test_a_code_that_nobody_knows_is_kept_in_its_own_words_and_concludes_nothing() -> None:
    book = pending().hear(ev.QueryAnswered(ODD)).is_now(S.PENDING)
    assert book.attempt.outcome == ODD
    assert book.hear(ev.QueryAnswered(PENDING)).attempt.outcome is None
    book.hear(ev.QueryAnswered(ODD), ev.DeadlinePassed()).is_now(S.UNKNOWN)
    assert book.hear(callback()).is_now(S.PAID).attempt.outcome == PAID


def test_a_code_that_the_customer_shows_is_compared_when_proof_comes() -> None:
    book = pending().hear(ev.DeadlinePassed(), ev.CodeClaimed("TKN7RT61SV", "Asha")).is_now(S.UNKNOWN)
    assert book.effects == (AskSoon(),)
    book.hear(callback()).is_now(S.PAID)
    pending().hear(ev.CodeClaimed("FAKECODE11", "Asha"), callback()).is_now(S.PAID, Review.OTHER_CLAIM)
    later = pending().hear(
        ev.CodeClaimed("FAKECODE11", "Asha"), ev.QueryAnswered(PAID), ev.QueryAnswered(PAID), after_s=12
    )
    later.is_now(S.PAID).hear(callback()).is_now(S.PAID, Review.OTHER_CLAIM)
    with pytest.raises(Mistake):
        pending().hear(callback(), ev.CodeClaimed("TKN7RT61SV", "Asha"))


def test_a_sale_is_voided_only_where_no_money_can_come() -> None:
    pending().hear(callback(CANCELLED, code=None), ev.SaleVoided("Asha", "left")).is_now(S.DECLINED)
    for book in (Playbook(), sent(), pending(), pending().hear(callback())):
        with pytest.raises(Mistake):
            book.hear(ev.SaleVoided("Asha", "left"))


def test_not_sent_goes_back_to_ready_and_refused_is_rejected() -> None:
    book = sent().hear(ev.PushNotSent(Outcome(OutcomeKind.NO_CONNECTION))).is_now(S.READY)
    assert book.attempt.sent_at_ms is None
    book.hear(ev.SendRequested()).is_now(S.SENDING)
    sent().hear(ev.PushRefused(Outcome(OutcomeKind.WRONG_PASSKEY))).is_now(S.REJECTED)


def test_a_restart_makes_sending_unknown_and_leaves_the_rest() -> None:
    sent().hear(ev.Restarted()).is_now(S.UNKNOWN)
    pending().hear(ev.Restarted()).is_now(S.PENDING)
    pending().hear(ev.DeadlinePassed()).is_now(S.UNKNOWN).hear(ACCEPTED).is_now(S.PENDING)


def test_late_proof_always_wins() -> None:
    pending().hear(callback(CANCELLED, code=None)).hear(callback()).is_now(S.PAID, Review.PAID_LATE)
    book = pending().hear(ev.DeadlinePassed(), ev.GivenUp("Njeri", "left")).is_now(S.ABANDONED)
    book.hear(callback()).is_now(S.PAID, Review.PAID_LATE)
    assert Announce(News.NEEDS_YOU) in book.effects
    sent().hear(ev.PushRefused(Outcome(OutcomeKind.LINE_BUSY)), callback()).is_now(S.PAID, Review.PAID_LATE)


def test_a_late_success_by_query_counts_where_it_has_been_seen_and_only_there() -> None:
    book = pending().hear(ev.QueryAnswered(UNREACHABLE)).is_now(S.DECLINED)
    book.hear(ev.QueryAnswered(PAID), ev.QueryAnswered(PAID), after_s=12).is_now(S.PAID, Review.PAID_LATE)
    book = pending().hear(callback(CANCELLED, code=None)).is_now(S.DECLINED)
    book.hear(ev.QueryAnswered(PAID), ev.QueryAnswered(PAID), after_s=12).is_now(S.DECLINED, Review.CONTRADICTION)


def test_contradictions_go_to_a_person_and_nobody_guesses() -> None:
    book = (
        pending().hear(ev.QueryAnswered(PAID), callback(CANCELLED, code=None)).is_now(S.UNKNOWN, Review.CONTRADICTION)
    )
    book.hear(ev.QueryAnswered(PAID), ev.QueryAnswered(PAID), after_s=20).is_now(S.UNKNOWN, Review.CONTRADICTION)
    book.hear(ev.QueryAnswered(CANCELLED), after_s=20).is_now(S.DECLINED, Review.CONTRADICTION)
    pending().hear(callback(), ev.QueryAnswered(PAID)).is_now(S.PAID)
    pending().hear(callback(), ev.QueryAnswered(CANCELLED)).is_now(S.PAID, Review.CONTRADICTION)
    pending().hear(callback(), callback(CANCELLED, code=None)).is_now(S.PAID, Review.CONTRADICTION)


def test_a_contradiction_needs_a_second_voice_later() -> None:
    book = pending().hear(ev.QueryAnswered(PAID), ev.QueryAnswered(CANCELLED)).is_now(S.UNKNOWN, Review.CONTRADICTION)
    book.hear(ev.QueryAnswered(CANCELLED), after_s=2).is_now(S.UNKNOWN, Review.CONTRADICTION)
    book.hear(ev.QueryAnswered(CANCELLED), after_s=9).is_now(S.DECLINED, Review.CONTRADICTION)


def test_callbacks_that_do_not_prove_themselves() -> None:
    pending().hear(callback(amount=99)).is_now(S.PENDING, Review.OTHER_AMOUNT)
    pending().hear(callback(checkout="ws-2")).is_now(S.PENDING, Review.OTHER_PROMPT)
    pending().hear(callback(), facts=TAKEN).is_now(S.PENDING, Review.CODE_REUSED)
    book = pending().hear(callback(amount=None)).is_now(S.PENDING)
    assert book.attempt.is_being_confirmed
    assert book.hear(ev.QueryAnswered(PAID), after_s=11).is_now(S.PAID).attempt.mpesa_code == "TKN7RT61SV"
    Playbook().hear(callback()).is_now(S.READY, Review.OTHER_PROMPT)


def test_the_answer_names_another_prompt_than_the_callback_did() -> None:
    sent().hear(callback(), ev.PushAccepted("m-1", "ws-9")).is_now(S.PAID, Review.OTHER_PROMPT)


def test_duplicates_change_nothing_and_a_second_code_shows() -> None:
    book = pending().hear(callback())
    before = book.attempt
    assert book.hear(callback()).attempt == before
    book.hear(callback(code="OTHERCODE1")).is_now(S.PAID, Review.SECOND_CODE)


def test_paid_twice() -> None:
    book = pending().hear(callback(), facts=TOO_MUCH)
    book.is_now(S.PAID, Review.PAID_TWICE)
    book.hear(ev.ReviewSettled("Njeri", "paid back")).is_now(S.PAID)


def test_a_code_that_was_heard_and_given_to_another_sale_since_is_not_noted() -> None:
    heard = pending().hear(callback(amount=None))
    book = heard.hear(ev.QueryAnswered(PAID), after_s=12, facts=TAKEN).is_now(S.PAID, Review.CODE_REUSED)
    assert book.attempt.mpesa_code is None
    assert book.effects == (Announce(News.PAID), Announce(News.NEEDS_YOU))
    without = pending().hear(ev.QueryAnswered(PAID), ev.QueryAnswered(PAID), after_s=12).is_now(S.PAID)
    late = without.hear(ev.TwinArrived("TKN7RT61SV"), facts=TAKEN).is_now(S.PAID, Review.CODE_REUSED)
    assert (late.attempt.mpesa_code, late.effects) == (None, (Announce(News.NEEDS_YOU),))
    assert late.hear(ev.TwinArrived("TKN7RT61SV"), facts=TAKEN).effects == ()


def test_its_own_money_that_was_taken_from_the_list_brings_its_code() -> None:
    own = Facts(own_code="TKN7RT61SV")
    unclear = pending().hear(ev.CallbackUnclear(None, "TKN7RT61SV"))
    assert unclear.attempt.sure_code is None
    paid = unclear.hear(ev.QueryAnswered(PAID), ev.QueryAnswered(PAID), after_s=12, facts=own)
    assert paid.is_now(S.PAID, Review.UNREADABLE).attempt.mpesa_code == "TKN7RT61SV"
    # What M-PESA tells goes before what was found here.
    assert pending().hear(callback(code="OTHERCODE1"), facts=own).attempt.mpesa_code == "OTHERCODE1"


def test_which_codes_a_decision_may_depend_on() -> None:
    heard = pending().hear(callback(amount=None, code="HEARDCODE1")).attempt
    assert codes_in_question(heard, callback()) == ("TKN7RT61SV", "HEARDCODE1")
    assert codes_in_question(heard, ev.TwinArrived("TWINCODE01")) == ("TWINCODE01", "HEARDCODE1")
    assert codes_in_question(heard, callback(code="HEARDCODE1")) == ("HEARDCODE1",)
    assert codes_in_question(heard, ev.QueryAnswered(PAID)) == ("HEARDCODE1",)
    assert codes_in_question(pending().attempt, callback(code=None)) == ()


def test_a_refusal_after_a_callback_is_a_contradiction() -> None:
    sent().hear(callback(), ev.PushRefused(Outcome(OutcomeKind.BAD_REQUEST))).is_now(S.PAID, Review.CONTRADICTION)
    sent().hear(callback(), LOST).is_now(S.PAID)


@pytest.mark.parametrize("event", [ev.SendRequested(), ev.Withdrawn(), ev.GivenUp("x", "y")])
def test_what_a_person_may_not_do(event: ev.Event) -> None:
    with pytest.raises(Mistake):
        pending().hear(event)
    assert Playbook().hear(ev.Withdrawn()).attempt.state is S.WITHDRAWN


def test_facts_that_change_nothing() -> None:
    ready = Playbook()
    assert ready.hear(ev.QueryAnswered(PAID)).attempt.state is S.READY
    # Failed by a callback that names no prompt, where we know ours: M-PESA is asked instead.
    book = pending().hear(callback(CANCELLED, code=None, checkout=None)).is_now(S.PENDING)
    assert book.effects == (AskSoon(),)
    assert pending().hear(ev.ReceiptMade("pdf")).is_now(S.PENDING).effects == ()
    known = pending().hear(callback(CANCELLED, code=None)).is_now(S.DECLINED)
    assert known.hear(callback(CANCELLED, code=None)).is_now(S.DECLINED).effects == ()


def test_a_contradiction_while_it_is_unknown_stays_unknown() -> None:
    book = pending().hear(ev.DeadlinePassed(), ev.QueryAnswered(PAID)).is_now(S.UNKNOWN)
    book.hear(callback(CANCELLED, code=None)).is_now(S.UNKNOWN, Review.CONTRADICTION)


@pytest.mark.parametrize("code", [None, "TKN7RT61SV"])
def test_a_message_that_is_not_clear_adds_nothing_to_what_is_paid_by_the_same_code(code: str | None) -> None:
    book = pending().hear(callback()).is_now(S.PAID)
    before = book.attempt
    assert book.hear(ev.CallbackUnclear(None, code)).attempt == before and book.effects == ()


def test_a_message_that_is_not_clear_and_names_another_code_is_for_a_person() -> None:
    pending().hear(callback()).hear(ev.CallbackUnclear(None, "TKN7RT99XX")).is_now(S.PAID, Review.UNREADABLE)
