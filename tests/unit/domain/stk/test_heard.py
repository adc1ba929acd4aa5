"""What an attempt hears of its money by other ways, and how long that stands."""

from __future__ import annotations

import pytest
from unit.domain.stk.test_transitions import CANCELLED, PAID, TAKEN, Playbook, callback, pending

from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.domain.stk.attempt import Review
from pos_app.domain.stk.effects import Announce, AskSoon, News
from pos_app.domain.values.money import Cents

X, Y = "TKN7RT61SV", "TKN7RT61SY"
LOOK = Announce(News.NEEDS_YOU)


def weak(code: str = X) -> ev.CallbackArrived:
    return callback(amount=None, code=code)


def closed(*before: ev.Event) -> Playbook:
    return pending().hear(ev.QueryAnswered(CANCELLED)).is_now(S.DECLINED).hear(*before)


def test_one_code_with_two_amounts_is_for_a_person_and_rings_once() -> None:
    differs = ev.ConfirmationDiffers(X, Cents(30_000))
    paid = pending().hear(callback(), differs).is_now(S.PAID, Review.OTHER_AMOUNT)
    assert paid.effects == (LOOK,) and paid.hear(differs).effects == ()


def test_a_paid_attempt_hears_nothing_more_of_its_money() -> None:
    paid = pending().hear(weak(), ev.QueryAnswered(PAID), after_s=12).is_now(S.PAID)
    before = paid.attempt
    assert before.heard_code == X
    assert paid.hear(ev.HeardReceived(X), ev.HeardGivenBack(X)).attempt == before


@pytest.mark.parametrize("is_received", [True, False])
def test_given_up_it_stands_in_the_way_only_while_what_was_heard_is_not_received(is_received: bool) -> None:
    book = pending().hear(weak(), *([ev.HeardReceived(X)] if is_received else []))
    assert book.attempt.is_being_confirmed, "M-PESA is asked for the second voice all the same"
    given_up = book.hear(ev.DeadlinePassed(), ev.GivenUp("manager", "gone")).is_now(S.ABANDONED)
    assert given_up.attempt.speaks_of_money is not is_received
    assert (given_up.attempt.answers, given_up.attempt.settled_at_ms) == (0, given_up.now_ms)


def test_a_query_that_said_paid_is_not_ended_by_what_a_message_spoke_of() -> None:
    book = pending().hear(ev.QueryAnswered(PAID), ev.CallbackUnclear(None, X), ev.HeardReceived(X))
    assert book.hear(ev.DeadlinePassed(), ev.GivenUp("manager", "gone")).attempt.said_paid_at_ms is not None


def test_two_codes_for_one_prompt_are_a_contradiction() -> None:
    book = pending().hear(weak(), weak(Y)).is_now(S.PENDING, Review.CONTRADICTION)
    assert (book.attempt.heard_code, book.effects) == (X, (AskSoon(), LOOK))
    assert pending().hear(weak(), weak()).is_now(S.PENDING).attempt.heard_code == X, "the same once more"


def test_there_is_room_for_another_code_once_the_first_is_received() -> None:
    book = closed(weak(), ev.HeardReceived(X)).hear(ev.CallbackUnclear(None, Y))
    assert (book.attempt.heard_code, book.attempt.is_heard) == (Y, True)
    nameless = closed(weak(), ev.HeardReceived(X)).hear(ev.CallbackUnclear(None, None))
    assert (nameless.attempt.heard_code, nameless.attempt.is_heard) == (X, False), "what is received stays received"


@pytest.mark.parametrize("reason", [Review.OTHER_PROMPT, Review.CONTRADICTION])
def test_money_of_one_code_ends_nothing_that_spoke_of_other_money(reason: Review) -> None:
    other = callback(checkout="ws-2") if reason is Review.OTHER_PROMPT else ev.QueryAnswered(PAID)
    book = closed(other, ev.CallbackUnclear(None, X), ev.HeardReceived(X))
    assert book.attempt.review == {reason} and book.attempt.speaks_of_money


def test_a_voided_sale_keeps_no_code_that_a_customer_showed() -> None:
    book = closed(ev.CodeClaimed(X, "Asha"))
    assert book.attempt.claimed_code == X
    assert book.hear(ev.SaleVoided("Asha", "typed wrong")).attempt.claimed_code is None


def test_a_code_that_pays_another_sale_is_kept_as_heard() -> None:
    book = pending().hear(callback(), facts=TAKEN).is_now(S.PENDING, Review.CODE_REUSED)
    assert book.attempt.heard_code == X
