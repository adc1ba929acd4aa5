"""What a sale allows, what its next prompt asks for, and which money is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from unit.domain.stk.test_transitions import Playbook

from pos_app.common.errors import Mistake
from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.sales import rules
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import Allocation, CodeFacts, CodeOwner, allowed_actions, refusal
from pos_app.domain.sales.sale import Draft, Sale, SaleSummary, summarize
from pos_app.domain.stk import events as ev
from pos_app.domain.stk import transitions
from pos_app.domain.stk.attempt import Attempt, AttemptState, Review
from pos_app.domain.stk.facts import NO_FACTS, Facts
from pos_app.domain.stk.schedule import Wait, WaitReason
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn

S, A = AttemptState, SaleAction
CODE = "TKN7RT61SV"
PAYMENT = C2bPayment(CODE, Cents(10_000), 1_795_000_000_000, "Njeri", "678")
OTHER = CodeOwner(SaleId(2), Reference("B0002"), 1_795_000_000_000)


def attempt(state: S = S.DECLINED, number: int = 1, **values: object) -> Attempt:
    """A prompt over KSh 100."""
    return replace(Playbook(state=state, checkout_request_id="ws-1").attempt, id=AttemptId(number), **values)


def sale(*attempts: Attempt, received: int = 0, voided: bool = False, total: int = 10_000) -> SaleSummary:
    owed = Sale(SaleId(1), Reference("A0001"), Cents(total), Cents(received), "2026-11-28", 0, is_voided=voided)
    return summarize(owed, attempts or (attempt(),))


# What a sale allows

OPEN = {A.SEND_AGAIN}
ALLOWED: dict[S, set[SaleAction]] = {
    S.READY: OPEN | {A.WITHDRAW, A.VOID},
    S.SENDING: {A.WITHDRAW, A.CHECK_NOW},
    S.PENDING: {A.CHECK_NOW, A.QUOTE_CODE},
    S.UNKNOWN: {A.CHECK_NOW, A.QUOTE_CODE, A.GIVE_UP},
    S.DECLINED: OPEN | {A.QUOTE_CODE, A.VOID},
    S.ABANDONED: OPEN | {A.QUOTE_CODE, A.VOID},
    S.REJECTED: OPEN | {A.VOID},
    S.WITHDRAWN: OPEN | {A.VOID},
}


@pytest.mark.parametrize("state", [state for state in S if state is not S.PAID])
def test_what_may_be_done_while_nothing_was_received(state: S) -> None:
    assert allowed_actions(sale(attempt(state))) == ALLOWED[state]


def test_what_may_be_done_with_what_was_received() -> None:
    paid = attempt(S.PAID, mpesa_code=CODE)
    assert allowed_actions(sale(paid, received=10_000)) == {A.MAKE_RECEIPT, A.COPY_CODE}
    part = sale(attempt(), received=4_000)
    assert allowed_actions(part) == OPEN | {A.MAKE_RECEIPT, A.QUOTE_CODE}
    assert refusal(A.VOID, part) == refusal(A.VOID, sale(attempt(), received=1)) == "sale.not_voidable"
    assert refusal(A.SEND_AGAIN, sale(paid, received=10_000)) == "sale.already_paid"
    no_code = allowed_actions(sale(attempt(S.PAID), received=10_000))
    assert no_code == {A.MAKE_RECEIPT}


def test_a_voided_sale_takes_nothing_more() -> None:
    voided = sale(voided=True)
    assert allowed_actions(voided) == frozenset()
    assert [refusal(action, voided) for action in (A.SEND_AGAIN, A.QUOTE_CODE, A.VOID)] == [
        "sale.voided", "sale.voided", "sale.not_voidable",
    ]  # fmt: skip
    late = sale(attempt(S.DECLINED), received=4_000, voided=True)
    assert allowed_actions(late) == {A.MAKE_RECEIPT}, "money that came late for it is a person's to give back"


def test_what_was_heard_of_money_stands_in_the_way_until_a_person_settles_it() -> None:
    heard = attempt(S.DECLINED, review=frozenset({Review.OTHER_AMOUNT}), heard_code=CODE)
    for attempts in ((heard,), (heard, attempt(S.DECLINED, 2)), (attempt(), attempt(S.DECLINED, 2, heard_code=CODE))):
        allowed = allowed_actions(sale(*attempts))
        assert not allowed & {A.SEND_AGAIN, A.VOID} and A.SETTLE_REVIEW in allowed
        assert refusal(A.SEND_AGAIN, sale(*attempts)) == refusal(A.VOID, sale(*attempts)) == "sale.said_paid"
    assert A.CHECK_NOW in allowed_actions(sale(heard)), "M-PESA may be asked about what is closed"
    nothing_to_ask_with = attempt(S.DECLINED, review=frozenset({Review.SAID_PAID}), checkout_request_id=None)
    assert A.CHECK_NOW not in allowed_actions(sale(nothing_to_ask_with))


WISHES = {
    A.GIVE_UP: ev.GivenUp("Asha", "gone"), A.VOID: ev.SaleVoided("Asha", "gone"), A.WITHDRAW: ev.Withdrawn(),
    A.QUOTE_CODE: ev.CodeClaimed(CODE, "Asha"),
}  # fmt: skip


@pytest.mark.parametrize("action", WISHES)
@pytest.mark.parametrize("state", [state for state in S if state is not S.PAID])
def test_what_is_offered_is_not_refused_and_what_is_refused_is_not_offered(state: S, action: SaleAction) -> None:
    before = attempt(state)
    # What never left is withdrawn first; what is just leaving is held back first.
    first = {A.VOID: {S.READY: S.WITHDRAWN}, A.WITHDRAW: {S.SENDING: S.READY}}.get(action, {}).get(state)
    at_hand = replace(before, state=first) if first is not None else before
    code = refusal(action, sale(before))
    if code is None:
        transitions.step(at_hand, WISHES[action], NO_FACTS, 1)
        return
    with pytest.raises(Mistake) as caught:
        transitions.step(at_hand, WISHES[action], NO_FACTS, 1)
    assert caught.value.code == code


def test_ensure_refuses_with_the_reason() -> None:
    rules.ensure(A.SEND_AGAIN, sale())
    with pytest.raises(Mistake) as caught:
        rules.ensure(A.SEND_AGAIN, sale(attempt(S.PENDING)))
    assert caught.value.code == "sale.live_attempt"


# Prompts


def test_the_next_prompt_asks_for_the_rest_of_the_same_phone_unless_told_otherwise() -> None:
    half = sale(attempt(), received=4_050)
    assert rules.next_prompt(half) == Draft(Cents(6_000), Msisdn("254712345678"), Reference("A0001"))
    assert rules.next_prompt(half, Msisdn("254700000001")).msisdn == "254700000001"
    for wants_none, code in ((sale(received=10_000), "sale.already_paid"), (sale(voided=True), "sale.voided")):
        with pytest.raises(Mistake) as caught:
            rules.next_prompt(wants_none)
        assert caught.value.code == code


def test_what_waited_to_be_sent_asks_for_what_is_due_or_not_at_all() -> None:
    waiting = attempt(S.READY)
    rules.refuse_sending(sale(waiting), waiting)
    said = attempt(S.DECLINED, 2, said_paid_at_ms=1)
    for now, code in (
        (sale(waiting, received=5_000), "sale.other_due"),
        (sale(waiting, received=10_000), "sale.already_paid"),
        (sale(waiting, voided=True), "sale.voided"),
        (sale(said, waiting), "sale.said_paid"),
    ):
        with pytest.raises(Mistake) as caught:
            rules.refuse_sending(now, waiting)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("wait", "code", "seconds"),
    [
        (Wait(WaitReason.SAID_PAID, None), "sale.said_paid", None),
        (Wait(WaitReason.LIVE_ATTEMPT, None), "sale.live_attempt", None),
        (Wait(WaitReason.LIVE_ATTEMPT, 61_000), "sale.live_attempt", None),
        (Wait(WaitReason.PHONE_BUSY, 61_000), "sale.wait_phone", 60),
        (Wait(WaitReason.SAME_AMOUNT, 1_001), "sale.wait_same_amount", 1),
        (Wait(WaitReason.SAME_AMOUNT, 1_000), "sale.wait_same_amount", 1),
        (Wait(WaitReason.SAME_AMOUNT, 2_001), "sale.wait_same_amount", 2),
    ],
)
def test_a_wait_is_refused_with_the_seconds_that_are_left(wait: Wait, code: str, seconds: int | None) -> None:
    with pytest.raises(Mistake) as caught:
        rules.refuse_wait(wait, 1_000)
    assert (caught.value.code, caught.value.params.get("seconds")) == (code, seconds)
    rules.refuse_wait(None, 1_000)


# Codes and payments made straight to the shop's number


def given(code: CodeFacts, of: SaleSummary, attempts: Sequence[Attempt] = ()) -> Allocation:
    return rules.allocate(rules.free_payment(code), code.heard_by, of, attempts or (of.attempt,))


def refused(code: CodeFacts, of: SaleSummary, attempts: tuple[Attempt, ...] = ()) -> tuple[str, dict[str, object]]:
    with pytest.raises(Mistake) as caught:
        given(code, of, attempts)
    return caught.value.code, dict(caught.value.params)


def test_a_payment_that_is_not_free_is_given_to_nobody() -> None:
    where = {"reference": "B0002", "at_ms": 1_795_000_000_000}
    used = replace(PAYMENT, use=Use.PAYS, sale_id=SaleId(2))
    assert refused(CodeFacts(None), sale()) == ("payment.unknown", {})
    assert refused(CodeFacts(used, OTHER), sale()) == ("payment.used", where)
    elsewhere = CodeFacts(replace(PAYMENT, use=Use.ELSEWHERE, taken_by="Till 2"))
    assert refused(elsewhere, sale()) == ("payment.elsewhere", {"till": "Till 2"})
    assert refused(CodeFacts(PAYMENT, heard_by=OTHER), sale()) == ("payment.used", where)


def test_a_payment_is_given_to_a_sale_that_wants_money() -> None:
    assert given(CodeFacts(PAYMENT), sale(), [attempt()]) == Allocation(True, ())
    assert refused(CodeFacts(PAYMENT), sale(voided=True)) == ("sale.voided", {})
    assert refused(CodeFacts(PAYMENT), sale(attempt(S.PAID, mpesa_code="X"), received=10_000)) == (
        "sale.already_paid", {},
    )  # fmt: skip


def test_too_much_is_flagged_on_the_latest_prompt() -> None:
    first, last = attempt(S.DECLINED, 1), attempt(S.DECLINED, 2)
    exact = sale(first, last, received=4_000, total=14_000)
    assert given(CodeFacts(PAYMENT), exact, [first, last]).events == ()
    over = sale(first, last, received=4_001, total=14_000)
    assert given(CodeFacts(PAYMENT), over, [first, last]).events == ((2, ev.TooMuchReceived()),)


def test_what_a_message_had_spoken_of_is_answered_by_its_payment() -> None:
    heard, other = attempt(S.DECLINED, 1, heard_code=CODE), attempt(S.DECLINED, 2, heard_code="OTHERCODE1")
    decision = given(CodeFacts(PAYMENT), sale(heard, other), [heard, other])
    assert decision == Allocation(True, ((1, ev.HeardReceived(CODE)),))


def test_for_a_prompt_that_was_paid_without_a_code_it_is_the_proof() -> None:
    twin = attempt(S.PAID, 2)
    paid = sale(attempt(), twin, received=10_000)
    proof = Allocation(False, ((2, ev.TwinArrived(CODE)),))
    assert given(CodeFacts(PAYMENT), paid, [attempt(), twin]) == proof
    for other in (replace(twin, mpesa_code="OTHERCODE1"), replace(twin, amount_cents=Cents(9_900))):
        assert refused(CodeFacts(PAYMENT), paid, (attempt(), other)) == ("sale.already_paid", {})
    late = sale(twin, received=10_000, voided=True)
    assert given(CodeFacts(PAYMENT), late, (twin,)) == Allocation(False, ((2, ev.TwinArrived(CODE)),)), (
        "late proof counts"
    )


GIVEN = replace(PAYMENT, use=Use.PAYS, sale_id=SaleId(1))


def test_taken_back_it_is_missing_again() -> None:
    heard, spoken, silent = attempt(number=1, heard_code=CODE), attempt(number=2), attempt(number=3)
    decision = rules.deallocate(GIVEN, sale(received=10_000), [heard, spoken, silent], frozenset({AttemptId(2)}))
    assert decision == Allocation(True, ((1, ev.HeardGivenBack(CODE)), (2, ev.HeardGivenBack(CODE))))


@pytest.mark.parametrize(("received", "ends"), [(20_000, True), (20_001, False)])
def test_too_much_ends_when_enough_is_taken_back(received: int, ends: bool) -> None:
    flagged = attempt(number=1, review=frozenset({Review.PAID_TOO_MUCH}))
    decision = rules.deallocate(GIVEN, sale(received=received), [flagged, attempt(number=2)], frozenset())
    assert decision.events == (((1, ev.TooMuchGivenBack()),) if ends else ())


@pytest.mark.parametrize("reason", [Review.PAID_TOO_MUCH, Review.PAID_TWICE])
@pytest.mark.parametrize(("received", "ends"), [(10_000, True), (10_001, False)])
def test_money_that_turns_out_to_be_the_same_is_too_much_no_more(received: int, ends: bool, reason: Review) -> None:
    flagged, proved = attempt(number=1, review=frozenset({reason})), attempt(S.PAID, 2, mpesa_code=CODE)
    events = rules.after_proof(PAYMENT, proved, sale(received=received).sale, [flagged, proved])
    assert events == (((1, ev.TooMuchGivenBack()),) if ends else ())


def test_one_code_with_two_amounts_is_for_a_person() -> None:
    proved, other = attempt(S.PAID, 2, mpesa_code=CODE), replace(PAYMENT, amount_cents=Cents(30_000))
    events = rules.after_proof(other, proved, sale(received=10_000).sale, [proved])
    assert events == ((2, ev.ConfirmationDiffers(CODE, Cents(30_000))),)


@pytest.mark.parametrize(
    ("payment", "code"),
    [
        (None, "payment.unknown"),
        (PAYMENT, "payment.not_attached"),
        (replace(GIVEN, use=Use.PROVES), "payment.not_attached"),
    ],
)
def test_only_what_was_given_is_taken_back(payment: C2bPayment | None, code: str) -> None:
    with pytest.raises(Mistake) as caught:
        rules.given_payment(payment)
    assert caught.value.code == code
    assert rules.given_payment(GIVEN) == (GIVEN, 1)


def test_a_code_that_a_customer_shows_serves_one_sale() -> None:
    for free in (CodeFacts(None), CodeFacts(PAYMENT), CodeFacts(GIVEN, CodeOwner(SaleId(1), Reference("A0001"), 5))):
        rules.refuse_quoted_code(free, SaleId(1), None)
    elsewhere = replace(PAYMENT, use=Use.ELSEWHERE, taken_by="Till 2")
    for code, used_by, expected in (
        (CodeFacts(replace(GIVEN, sale_id=SaleId(2)), OTHER), None, "payment.used"),
        (CodeFacts(elsewhere), None, "payment.elsewhere"),
        (CodeFacts(None), replace(OTHER, sale_id=SaleId(1)), "claim.noted"),
        (CodeFacts(None), OTHER, "claim.used"),
    ):
        with pytest.raises(Mistake) as caught:
            rules.refuse_quoted_code(code, SaleId(1), used_by)
        assert caught.value.code == expected
    assert caught.value.params == {"reference": "B0002", "at_ms": 1_795_000_000_000}


def test_what_is_listed_and_can_be_given_is_not_settled_as_not_there() -> None:
    heard, twin = attempt(heard_code=CODE), attempt(S.PAID, 2)
    for of, attempts in ((sale(heard), [heard]), (sale(heard, twin, received=10_000), [heard, twin])):
        with pytest.raises(Mistake) as caught:
            rules.refuse_settling(CodeFacts(PAYMENT), of, heard, attempts)
        assert (caught.value.code, caught.value.params) == ("review.listed", {"mpesa_code": CODE})
    for of, about, code in (
        (sale(heard, received=10_000), heard, CodeFacts(PAYMENT)),
        (sale(heard, voided=True), heard, CodeFacts(PAYMENT)),
        (sale(heard), replace(heard, heard_settled=True), CodeFacts(PAYMENT)),
        (sale(heard), replace(heard, state=S.PAID), CodeFacts(PAYMENT)),
        (sale(heard), heard, CodeFacts(None)),
        (sale(heard), heard, CodeFacts(GIVEN, OTHER)),
        (sale(heard), heard, CodeFacts(PAYMENT, heard_by=OTHER)),
    ):
        rules.refuse_settling(code, of, about, [about])


@pytest.mark.parametrize(
    ("received", "state", "listed", "own", "too_much"),
    [
        (0, S.PENDING, None, None, False),
        (1, S.PENDING, None, None, True),
        (10_000, S.PENDING, GIVEN, CODE, False),
        (10_001, S.PENDING, GIVEN, CODE, True),
        (10_000, S.PENDING, PAYMENT, None, True),
        (10_000, S.PENDING, replace(GIVEN, sale_id=SaleId(2)), None, True),
        (10_000, S.PENDING, replace(GIVEN, amount_cents=Cents(9_900)), None, True),
        (10_000, S.PENDING, replace(GIVEN, use=Use.PROVES), None, True),
        (10_000, S.PAID, GIVEN, None, False),
        (10_001, S.PAID, None, None, True),
    ],
)
def test_what_a_decision_must_know(
    received: int, state: S, listed: C2bPayment | None, own: str | None, too_much: bool
) -> None:
    taken = frozenset({"OTHERCODE1"})
    facts = rules.facts_for(attempt(state), sale(received=received).sale, taken, listed)
    assert facts == Facts(taken, own, too_much)


def test_a_summary_is_made_of_all_prompts_and_payments() -> None:
    first = attempt(S.DECLINED, 1, review=frozenset({Review.CONTRADICTION}))
    second = attempt(S.PAID, 2, mpesa_code=CODE, review=frozenset({Review.PAID_LATE}))
    owed = sale().sale
    made = summarize(owed, [first, second], ["DIRECT0001"])
    assert (made.attempt, made.codes) == (second, (CODE, "DIRECT0001"))
    assert made.review == {Review.CONTRADICTION, Review.PAID_LATE}
    assert (made.is_said_paid, made.is_code_missing) == (True, False)
    assert summarize(owed, [second, replace(second, mpesa_code=None)]).is_code_missing
    assert not summarize(owed, [attempt(S.DECLINED)]).is_code_missing
