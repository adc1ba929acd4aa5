from dataclasses import replace

from pos_app.domain.attempt import Attempt, AttemptId, AttemptState, SaleId
from pos_app.domain.money import Cents
from pos_app.domain.outcome import Outcome, OutcomeKind
from pos_app.domain.phone import Msisdn
from pos_app.domain.reference import Reference
from pos_app.domain.schedule import WaitReason, next_ask_ms, resend_wait

T = 1_800_000_000_000
PENDING = Attempt(
    AttemptId(1), SaleId(1), Cents(100), Msisdn("254712345678"), "", Reference("A1"),
    state=AttemptState.PENDING, checkout_request_id="ws-1", sent_at_ms=T,
)  # fmt: skip


def after(asked_s: float, **values: object) -> int | None:
    asked = replace(PENDING, asked_at_ms=T + int(asked_s * 1000), **values)
    due = next_ask_ms(asked)
    return None if due is None else (due - T) // 1000


def test_first_after_ten_seconds_then_twelve_apart_then_slower_for_a_day() -> None:
    assert next_ask_ms(PENDING) == T + 10_000
    assert after(10) == 22
    assert after(119) == 131
    assert after(121) == 151
    assert after(700) == 760
    assert after(4000) == 4300
    assert after(86_401) is None


def test_nothing_to_ask_with_or_for() -> None:
    assert next_ask_ms(replace(PENDING, checkout_request_id=None)) is None
    for state in (AttemptState.READY, AttemptState.SENDING, AttemptState.PAID, AttemptState.REJECTED):
        assert next_ask_ms(replace(PENDING, state=state)) is None


def test_paid_is_confirmed_ten_seconds_later() -> None:
    assert after(10, said_paid_at_ms=T + 10_500) == 20


def test_a_decline_is_asked_about_once_more_and_1037_ever_more_seldom_for_a_day() -> None:
    cancelled = {
        "state": AttemptState.DECLINED,
        "outcome": Outcome(OutcomeKind.CANCELLED, "1032"),
        "settled_at_ms": T + 20_000,
    }
    assert after(10, **cancelled) == 30
    assert after(30, **cancelled) is None
    unreachable = cancelled | {"outcome": Outcome(OutcomeKind.UNREACHABLE, "1037", may_turn_paid=True)}
    assert after(32, **unreachable) == 92
    assert after(720, **unreachable) == 720 + 300
    assert after(3700, **unreachable) == 3700 + 3600
    assert after(86_421, **unreachable) is None


def test_what_was_given_up_is_still_asked_about() -> None:
    given_up = {"state": AttemptState.ABANDONED, "settled_at_ms": T + 600_000}
    assert after(500, **given_up) == 610
    assert after(612, **given_up) == 672
    assert after(87_001, **given_up) is None


def test_sending_again_waits_for_mpesas_own_rules() -> None:
    def wait(now_s: int, prompt_s: int | None, same_s: int | None, *, live: bool = False):
        return resend_wait(
            T + now_s * 1000,
            has_live_attempt=live,
            last_prompt_ms=None if prompt_s is None else T + prompt_s * 1000,
            last_same_amount_ms=None if same_s is None else T + same_s * 1000,
        )

    assert wait(10, None, None) is None
    assert wait(10, 0, None).reason is WaitReason.PHONE_BUSY
    assert wait(10, 0, None).until_ms == T + 60_000
    assert wait(10, 0, 0).until_ms == T + 120_000
    assert wait(121, 0, 0) is None
    assert wait(10, 0, 0, live=True).reason is WaitReason.LIVE_ATTEMPT
    # A clock that was set back does not lock the phone.
    assert wait(-3600, 0, 0) is None


def test_a_closed_attempt_that_was_said_paid_is_confirmed_soon() -> None:
    said = {"state": AttemptState.ABANDONED, "settled_at_ms": T, "said_paid_at_ms": T + 60_000}
    assert after(60, **said) == 72
