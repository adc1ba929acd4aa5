from dataclasses import replace

import pytest

from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.stk.schedule import (
    DAY_MS,
    HOUR_MS,
    WaitReason,
    first_byte_ms,
    is_to_be_checked,
    pause_ms,
    resend_wait,
)
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn

T = 1_800_000_000_000
PENDING = Attempt(
    AttemptId(1), SaleId(1), Cents(100), Msisdn("254712345678"), "", Reference("A1"),
    state=AttemptState.PENDING, checkout_request_id="ws-1", sent_at_ms=T,
)  # fmt: skip


def pause(answers: int, *, age_ms: int = 90 * DAY_MS, fresh: int = 3, **values: object) -> float | None:
    found = pause_ms(replace(PENDING, answers=answers, **values), age_ms=age_ms, fresh_answers=fresh)
    return None if found is None else found / 1000


def test_open_ones_are_asked_for_ever_more_seldom_and_never_given_up() -> None:
    assert [pause(answers) for answers in (0, 9, 10, 25, 26, 75, 76, 351, 352, 423, 424, 10_000)] == [
        12, 12, 30, 30, 60, 60, 300, 300, HOUR_MS / 1000, HOUR_MS / 1000, DAY_MS / 1000, DAY_MS / 1000,
    ]  # fmt: skip


def test_what_is_young_is_asked_for_often_however_many_answers_came() -> None:
    assert [pause(10_000, age_ms=age) for age in (0, 119_999, 120_000, 600_000, HOUR_MS, DAY_MS, 4 * DAY_MS)] == [
        12, 12, 30, 60, 300, 3600, DAY_MS / 1000,
    ]  # fmt: skip


def test_failed_questions_make_nothing_older() -> None:
    """Closed on Saturday, router late on Monday."""
    assert pause(3, asked_at_ms=T + 40 * HOUR_MS, asks=500) == 12


def test_after_a_start_three_answers_come_at_the_usual_pace() -> None:
    assert [pause(400, fresh=fresh, state=AttemptState.UNKNOWN) for fresh in (0, 2, 3)] == [12, 12, 3600]


def test_nothing_to_ask_with_or_for() -> None:
    assert pause(0, checkout_request_id=None) is None
    assert pause(0, sent_at_ms=None) is None
    for state in (AttemptState.READY, AttemptState.SENDING, AttemptState.WITHDRAWN, AttemptState.REJECTED):
        assert pause(0, state=state) is None


def test_a_decline_is_asked_about_until_one_answer_came_and_1037_ever_more_seldom() -> None:
    cancelled = {"state": AttemptState.DECLINED, "outcome": Outcome(OutcomeKind.CANCELLED, "1032")}
    assert [pause(answers, **cancelled) for answers in (0, 1)] == [12, None]
    unreachable = cancelled | {"outcome": Outcome(OutcomeKind.UNREACHABLE, "1037", may_turn_paid=True)}
    assert [pause(answers, **unreachable) for answers in (0, 1, 9, 10, 19, 20, 42, 43)] == [
        12, 60, 60, 300, 300, 3600, 3600, None,
    ]  # fmt: skip
    assert pause(1, state=AttemptState.ABANDONED) == 60


def test_whatever_is_closed_is_asked_about_while_paid_waits_for_its_second_voice() -> None:
    for state in (AttemptState.DECLINED, AttemptState.ABANDONED, AttemptState.REJECTED):
        assert pause(50, state=state, said_paid_at_ms=T) == 12


def test_a_payment_that_queries_alone_settled_is_asked_about_once_more_when_its_prompt_is_dead() -> None:
    paid = replace(PENDING, state=AttemptState.PAID, left_at_ms=T, answered_at_ms=T + 22_000)
    assert is_to_be_checked(paid) and pause_ms(paid, age_ms=0) == 12_000
    early = replace(paid, answers=1, answered_at_ms=T + 40_000)
    assert is_to_be_checked(early), "an answer before the prompt was dead proves nothing more"
    late = replace(paid, answers=1, answered_at_ms=T + 90_000)
    assert not is_to_be_checked(late) and pause_ms(late, age_ms=0) is None
    assert not is_to_be_checked(replace(early, answers=10)), "a clock that was set must not make it ask for ever"
    assert not is_to_be_checked(replace(paid, mpesa_code="TKN7RT61SV"))
    assert not is_to_be_checked(replace(paid, sent_at_ms=None))


@pytest.mark.parametrize(
    ("state", "left_at_ms", "expected"),
    [
        (AttemptState.PENDING, T + 700, T + 700),
        (AttemptState.UNKNOWN, None, T + 30_000),
        (AttemptState.SENDING, None, T + 30_000),
        (AttemptState.DECLINED, None, T),
    ],
)
def test_the_first_byte_is_when_it_left_or_at_the_latest_could_have(
    state: AttemptState, left_at_ms: int | None, expected: int
) -> None:
    assert first_byte_ms(replace(PENDING, state=state, left_at_ms=left_at_ms)) == expected


def test_what_stands_in_the_way_of_another_prompt() -> None:
    def wait(now_ms: int, **values: object) -> object:
        facts = {"has_live_attempt": False, "last_prompt_ms": None, "last_same_amount_ms": None} | values
        return resend_wait(now_ms, **facts)

    assert wait(T) is None
    live = wait(T, has_live_attempt=True, is_said_paid=True, last_prompt_ms=T)
    assert live is not None and (live.reason, live.until_ms) == (WaitReason.LIVE_ATTEMPT, None)
    said = wait(T, is_said_paid=True, last_prompt_ms=T)
    assert said is not None and (said.reason, said.until_ms) == (WaitReason.SAID_PAID, None)
    busy = wait(T + 59_999, last_prompt_ms=T)
    assert busy is not None and (busy.reason, busy.until_ms) == (WaitReason.PHONE_BUSY, T + 60_000)
    assert wait(T + 60_000, last_prompt_ms=T) is None
    same = wait(T + 59_999, last_prompt_ms=T, last_same_amount_ms=T)
    assert same is not None and (same.reason, same.until_ms) == (WaitReason.SAME_AMOUNT, T + 120_000)
    assert wait(T - 1, last_prompt_ms=T) is None, "a clock that was set back must not lock the phone"
