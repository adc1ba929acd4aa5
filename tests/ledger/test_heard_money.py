"""What was heard of money blocks until it is received or settled, and one payment is one payment however it was told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ledger.test_c2b_payments import PAID, PAYMENT, T, arrive, callback, prompt, sale, totals

from pos_app.common.errors import Mistake
from pos_app.domain.c2b.payment import Use
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import allowed_actions, refusal
from pos_app.domain.sales.sale import Draft, SaleState
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState, Review
from pos_app.domain.stk.effects import Announce, News
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.reader import Filter, LedgerReader
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter

X, Y = PAYMENT.mpesa_code, "TKN7RT61SY"
CANCELLED = ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032"))
EXPIRED = ev.QueryAnswered(Outcome(OutcomeKind.UNREACHABLE, "1037", may_turn_paid=True))
LOOK = Announce(News.NEEDS_YOU)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[LedgerWriter]:
    with closing(LedgerWriter(path)) as opened:
        yield opened
        assert verify(path).findings == ()


def hear(ledger: LedgerWriter, attempt: Attempt, *events: ev.Event, at: int = T) -> Attempt:
    for number, event in enumerate(events):
        attempt = ledger.apply(attempt.id, event, at + number * 20_000).attempt
    return attempt


def weak(attempt: Attempt, code: str = X) -> ev.CallbackArrived:
    return replace(callback(attempt, code), amount_cents=None)


def paid_by_queries(ledger: LedgerWriter, attempt: Attempt) -> Attempt:
    return hear(ledger, attempt, ev.QueryAnswered(PAID), ev.QueryAnswered(PAID))


def unclear(code: str) -> ev.CallbackUnclear:
    return ev.CallbackUnclear(None, code)


def give(ledger: LedgerWriter, code: str, of: Attempt) -> None:
    ledger.allocate_payment(code, of.sale_id, "Asha", T)


def back(ledger: LedgerWriter, code: str) -> None:
    ledger.deallocate_payment(code, "Asha", "given by mistake", T)


def refused(ledger: LedgerWriter, code: str, of: Attempt) -> str:
    with pytest.raises(Mistake) as caught:
        give(ledger, code, of)
    return caught.value.code


def blocks(path: Path, sale_id: SaleId) -> bool:
    found = sale(path, sale_id)
    return found.is_said_paid and not allowed_actions(found) & {SaleAction.SEND_AGAIN, SaleAction.VOID}


def test_late_proof_of_a_voided_sale_is_its_own_and_nobody_elses_money(ledger: LedgerWriter, path: Path) -> None:
    attempt = hear(ledger, prompt(ledger, 1), EXPIRED)
    ledger.void_sale(attempt.sale_id, "manager", "gone", T)
    paid_by_queries(ledger, attempt)
    arrive(ledger)
    with closing(LedgerReader(path)) as reader:
        assert [one.id for one in reader.open_sales("")] == [attempt.sale_id], "whose code is missing"
    give(ledger, X, attempt)
    assert ledger.attempt(attempt.id).mpesa_code == X and totals(path) == (1, 25_000, 0, 0)


@pytest.mark.parametrize("event", ["unclear", "weak"])
def test_what_an_open_prompt_heard_is_back_when_its_money_is_given_back(
    ledger: LedgerWriter, path: Path, event: str
) -> None:
    attempt = prompt(ledger, 1)
    hear(ledger, attempt, unclear(X) if event == "unclear" else weak(attempt))
    arrive(ledger)
    give(ledger, X, attempt)
    if sale(path).review:
        ledger.settle_review(attempt.sale_id, "manager", "received", T)
    back(ledger, X)
    hear(ledger, attempt, CANCELLED, CANCELLED, at=T + 60_000)
    assert ledger.attempt(attempt.id).state is AttemptState.DECLINED
    assert blocks(path, attempt.sale_id)


def test_what_is_received_blocks_nothing_once_the_prompt_is_given_up(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1, 1_000)
    hear(ledger, attempt, weak(attempt))
    arrive(ledger)
    give(ledger, X, attempt)
    hear(ledger, attempt, ev.DeadlinePassed(), ev.GivenUp("manager", "gone"))
    found = sale(path)
    assert found.sale.state is SaleState.PART_PAID
    assert refusal(SaleAction.SEND_AGAIN, found) is None


def test_a_second_code_does_not_make_the_first_forgotten(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1, 1_000)
    hear(ledger, attempt, unclear(X), CANCELLED, CANCELLED)
    arrive(ledger, replace(PAYMENT, amount_cents=Cents(60_000)))
    give(ledger, X, attempt)
    hear(ledger, attempt, weak(attempt, Y))
    ledger.settle_review(attempt.sale_id, "manager", "looked for the second: not there", T)
    back(ledger, X)
    assert blocks(path, attempt.sale_id), "the first is not received any more"


def test_two_codes_for_one_prompt_are_for_a_person_and_the_first_stays(ledger: LedgerWriter, path: Path) -> None:
    attempt, other = prompt(ledger, 1), prompt(ledger, 2)
    told = ledger.apply(hear(ledger, attempt, weak(attempt)).id, weak(attempt, Y), T)
    assert Review.CONTRADICTION in told.attempt.review and LOOK in told.effects
    arrive(ledger)
    assert refused(ledger, X, other) == "payment.used", "it may be the first one's"


def test_a_message_about_another_code_after_the_first_was_received(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1, 1_000)
    hear(ledger, attempt, unclear(X), CANCELLED)
    arrive(ledger)
    give(ledger, X, attempt)
    assert hear(ledger, attempt, unclear(Y)).heard_code == Y
    arrive(ledger, replace(PAYMENT, mpesa_code=Y), b"2", 2)
    with pytest.raises(Mistake) as caught:
        ledger.settle_review(attempt.sale_id, "manager", "not there", T)
    assert caught.value.code == "review.listed"


def test_money_of_one_code_leaves_what_spoke_of_other_money(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1, 1_000)
    other_prompt = replace(callback(attempt, Y), checkout_request_id="ws-99")
    hear(ledger, attempt, CANCELLED, other_prompt, unclear(X))
    arrive(ledger)
    give(ledger, X, attempt)
    assert ledger.attempt(attempt.id).review == {Review.OTHER_PROMPT}
    assert refusal(SaleAction.SEND_AGAIN, sale(path)) == "sale.said_paid"


def test_a_code_that_pays_another_sale_by_mistake_is_remembered(ledger: LedgerWriter, path: Path) -> None:
    attempt, other = prompt(ledger, 1), prompt(ledger, 2)
    arrive(ledger)
    give(ledger, X, other)
    assert hear(ledger, attempt, callback(attempt)).review == {Review.CODE_REUSED}
    back(ledger, X)
    assert refused(ledger, X, other) == "payment.used", "its own prompt has proved it"
    with pytest.raises(Mistake) as caught:
        ledger.settle_review(attempt.sale_id, "manager", "not there", T)
    assert caught.value.code == "review.listed"
    give(ledger, X, attempt)
    paid = paid_by_queries(ledger, attempt)
    assert (paid.mpesa_code, totals(path)) == (X, (1, 25_000, 0, 0))
    assert Review.PAID_TWICE not in paid.review


@pytest.mark.parametrize("end", ["voided", "paid by the next prompt"])
def test_a_code_that_was_heard_for_a_sale_that_wants_nothing_is_free(
    ledger: LedgerWriter, path: Path, end: str
) -> None:
    attempt = prompt(ledger, 1)
    hear(ledger, attempt, weak(attempt), CANCELLED, CANCELLED)
    ledger.settle_review(attempt.sale_id, "manager", "not in the statement", T)
    if end == "voided":
        ledger.void_sale(attempt.sale_id, "manager", "gone", T)
    else:
        again = ledger.begin_attempt(attempt.sale_id, "token-again", T + 600_000).attempt
        hear(ledger, again, ev.PushAccepted("m9", "ws9"), ev.CallbackArrived(PAID, "m9", "ws9", again.amount_cents, Y))
    other = prompt(ledger, 2)
    arrive(ledger)
    give(ledger, X, other)
    assert sale(path, other.sale_id).sale.state is SaleState.PAID


def test_paid_twice_ends_when_it_turns_out_to_be_one_payment(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    give(ledger, X, attempt)
    assert Review.PAID_TWICE in paid_by_queries(ledger, attempt).review and totals(path) == (1, 50_000, 0, 0)
    merged = ledger.apply(attempt.id, callback(attempt), T + 90_000).attempt
    assert (merged.mpesa_code, merged.review, totals(path)) == (X, frozenset(), (1, 25_000, 0, 0))


def test_paid_twice_ends_when_the_other_payment_is_taken_back(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    give(ledger, X, attempt)
    assert Review.PAID_TWICE in hear(ledger, attempt, callback(attempt, Y)).review
    back(ledger, X)
    assert ledger.attempt(attempt.id).review == frozenset() and sale(path).sale.state is SaleState.PAID


@pytest.mark.parametrize("first", ["callback", "payment", "payment, given"])
def test_one_code_with_two_amounts_is_to_check(ledger: LedgerWriter, path: Path, first: str) -> None:
    attempt, listed = prompt(ledger, 1), replace(PAYMENT, amount_cents=Cents(30_000))
    if first == "callback":
        hear(ledger, attempt, callback(attempt))
        taken = arrive(ledger, listed)
        assert taken.proved is not None and taken.proved.effects == (LOOK,)
    else:
        arrive(ledger, listed)
        if first == "payment, given":
            give(ledger, X, attempt)
        assert LOOK in ledger.apply(attempt.id, callback(attempt), T).effects
    now = ledger.attempt(attempt.id)
    assert (now.state, now.review) == (AttemptState.PAID, {Review.OTHER_AMOUNT})
    assert totals(path) == (1, 25_000, 0, 0) and sale(path).reasons == {Review.OTHER_AMOUNT}


def test_a_payment_that_is_told_again_with_another_amount_is_shown(ledger: LedgerWriter, path: Path) -> None:
    arrive(ledger)
    assert arrive(ledger, PAYMENT, b"the same in other words", 2).payment is None
    assert arrive(ledger, replace(PAYMENT, amount_cents=Cents(90_000)), b"900", 3).payment is None
    with closing(LedgerReader(path)) as reader:
        shown = reader.strays()
        assert [(one.body, one.is_payment) for one in shown] == [(b"900", True)]
    assert totals(path) == (0, 0, 1, 25_000)


def test_a_code_that_was_shown_for_a_voided_sale_goes_to_the_one_in_its_place(ledger: LedgerWriter) -> None:
    attempt = hear(ledger, prompt(ledger, 1), CANCELLED, ev.CodeClaimed(X, "Asha"))
    again = ledger.begin_attempt(attempt.sale_id, "token-again", T + 600_000).attempt
    hear(ledger, again, ev.PushAccepted("m9", "ws9"), CANCELLED)
    with pytest.raises(Mistake) as caught:
        ledger.apply(again.id, ev.CodeClaimed(X, "Asha"), T)
    assert caught.value.code == "claim.noted", "it stands at this sale already"
    voided = hear(ledger, prompt(ledger, 2), CANCELLED, ev.CodeClaimed(Y, "Asha"))
    ledger.void_sale(voided.sale_id, "Asha", "typed wrong", T)
    other = prompt(ledger, 3)
    hear(ledger, other, ev.CodeClaimed(Y, "Asha"))
    assert arrive(ledger, replace(PAYMENT, mpesa_code=Y)).quoted_for == other.sale_id


def test_a_prompt_that_never_left_and_was_heard_of_is_found_among_those_to_check(
    ledger: LedgerWriter, path: Path
) -> None:
    draft = Draft(Cents(25_000), Msisdn("254700000001"), Reference("A0001"))
    attempt = ledger.begin_sale(draft, "token-1", T).attempt
    early = ev.CallbackArrived(PAID, "m1", "ws1", None, X)
    hear(ledger, attempt, early, ev.PushNotSent(Outcome(OutcomeKind.NO_CONNECTION)), ev.Withdrawn())
    with closing(LedgerReader(path)) as reader:
        assert list(reader.ids(day=None, only=Filter.NEEDS_YOU)) == [attempt.sale_id]


def test_what_another_till_has_stays_its(ledger: LedgerWriter) -> None:
    arrive(ledger)
    ledger.lose_payment(X, "Till 2", T)
    attempt = prompt(ledger, 1)
    assert hear(ledger, attempt, callback(attempt)).review == {Review.CODE_REUSED}
    assert ledger.attempt(attempt.id).heard_code == X
    kept = ledger.payment(X)
    assert kept is not None and kept.use is Use.ELSEWHERE
