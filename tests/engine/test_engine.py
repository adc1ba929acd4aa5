"""The engine over real HTTP: whatever falls between the till and M-PESA, ledger and books agree."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from fakes.people import People
from fakes.servers import Canned, Loop, Mpesa, Relay
from fakes.till import FAST, Till, draft

from pos_app.bootstrap import Runtime
from pos_app.common.errors import Mistake, Outside
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.domain.stk.attempt import Review
from pos_app.domain.stk.effects import News
from pos_app.domain.stk.schedule import Pacing
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.relay_messages import read_callback
from pos_app.engine.updates import Announced, EngineFailed, Health, Service, ServiceStatusChanged
from pos_app.installation.installation import Installation
from pos_app.ledger.verify import verify
from pos_app.practice.phone import CancelPrompt, EnterPin, PhoneChanged, PhoneCommand, SetPower, SetWallet, UnlockPhone
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.settings.effective import RelayAccess
from pos_app.settings.model import Environment

SLOW = Pacing(first_ms=60_000, interval_ms=60_000, confirm_gap_ms=60_000)


def test_paid_by_callback_in_a_moment(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay, pacing=SLOW) as till:
        attempt = till.request()
        paid = till.until_state(attempt, S.PAID)
        assert paid.mpesa_code == mpesa.records.payments[0].mpesa_code
        assert till.states(attempt) == ["sending", "pending", "paid"]
        assert [event.news for event in till.events if isinstance(event, Announced)] == [News.PAID]
        assert mpesa.records.queries_seen == 0
    assert verify(till.path).findings == ()


def test_paid_by_two_queries_without_any_callback(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        attempt = till.request()
        assert till.until_state(attempt, S.PAID).mpesa_code is None
        assert mpesa.records.queries_seen >= 2


@pytest.mark.parametrize(
    ("customer", "kind"),
    [
        ({"habit": CustomerBehaviour.CANCELS}, OutcomeKind.CANCELLED),
        ({"habit": CustomerBehaviour.WRONG_PIN}, OutcomeKind.WRONG_PIN),
        ({"balance_cents": 0}, OutcomeKind.INSUFFICIENT_FUNDS),
        ({"is_locked": True}, OutcomeKind.PIN_LOCKED),
        ({"spent_today_cents": 50_000_000}, OutcomeKind.DAILY_LIMIT),
        ({"is_on": False}, OutcomeKind.UNREACHABLE),
        ({"habit": CustomerBehaviour.IGNORES}, OutcomeKind.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("by_relay", [True, False])
def test_declined_with_its_reason(
    tmp_path: Path, customer: dict[str, object], kind: OutcomeKind, by_relay: bool
) -> None:
    with Mpesa(speed=60) as mpesa, Relay(tmp_path) as relay:
        mpesa.customer("254712345678", **customer)
        with Till(tmp_path, mpesa, relay if by_relay else None, pacing=SLOW if by_relay else FAST) as till:
            declined = till.until_state(till.request(), S.DECLINED)
    assert declined.outcome is not None and declined.outcome.kind is kind
    assert mpesa.records.payments == []


@pytest.mark.parametrize("fault", ["accept_lost", "half"])
def test_the_answer_is_lost_and_the_callback_finds_its_attempt_by_its_token(tmp_path: Path, fault: str) -> None:
    with Mpesa(habit_after_s=20.0) as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        mpesa.fault("push", fault)
        attempt = till.request()
        till.until_state(attempt, S.UNKNOWN)
        with pytest.raises(Mistake):
            till.run(till.people.send_again(till.attempt(attempt).sale_id))
        paid = till.until_state(attempt, S.PAID)
        assert paid.mpesa_code == mpesa.records.payments[0].mpesa_code
        assert mpesa.records.pushes_seen == 1
        assert not paid.review


@pytest.mark.parametrize(
    ("fault", "options"),
    [("reset", {}), ("status", {"status": 502}), ("html", {}), ("empty", {}), ("json", {}),
     ("error", {"code": "500.003.02", "text": "System is busy."}), ("accept_lost", {})],
)  # fmt: skip
def test_silence_and_nonsense_are_not_known_and_never_sent_again(
    tmp_path: Path, fault: str, options: dict[str, object]
) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("push", fault, **options)
        attempt = till.request()
        till.until_state(attempt, S.UNKNOWN)
        seen = mpesa.records.pushes_seen
        time.sleep(0.5)
        assert mpesa.records.pushes_seen == seen <= 1
        assert till.attempt(attempt).state is S.UNKNOWN
    assert verify(till.path).findings == ()


def test_nobody_there_is_ready_again_and_goes_once_somebody_is(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        mpesa.fault("token", "reset")
        attempt = till.request()
        ready = till.until_state(attempt, S.READY)
        assert ready.outcome is not None and ready.outcome.kind is OutcomeKind.NO_CONNECTION
        assert mpesa.records.pushes_seen == 0
        bad = [
            event for event in till.events if isinstance(event, ServiceStatusChanged) and event.service is Service.MPESA
        ]
        assert bad[-1].health is Health.DOWN
        till.run(till.people.send_again(ready.sale_id))
        till.until_state(attempt, S.PAID)
        assert mpesa.records.pushes_seen == 1


@pytest.mark.parametrize(
    ("fault", "options", "kind"),
    [("throttle", {}, OutcomeKind.THROTTLED), ("refuse_token", {"times": 9}, OutcomeKind.WRONG_CREDENTIALS),
     ("error", {"status": 400, "code": "400.002.02", "text": "Bad Request - Invalid PhoneNumber"}, OutcomeKind.BAD_REQUEST)],
)  # fmt: skip
def test_a_refusal_is_rejected(tmp_path: Path, fault: str, options: dict[str, object], kind: OutcomeKind) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("push", fault, **options)
        assert till.until_state(till.request(), S.REJECTED).outcome.kind is kind


def test_queries_that_fail_settle_nothing(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        for kind in ("throttle", "html", "empty", "reset", "refuse_token"):
            mpesa.fault("query", kind)
        for form in (1, 2, 3):
            mpesa.fault("query", "pending", form=form)
        mpesa.fault("query", "result", code="31337", text="new")
        attempt = till.request()
        till.until_state(attempt, S.PAID, 20)
        assert till.states(attempt) == ["sending", "pending", "paid"]
        assert mpesa.mpesa.faults.as_json() == []


def test_paid_before_the_pin_then_cancelled(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.CANCELS, habit_after_s=30.0) as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("query", "result", code="0", text="early")
        attempt = till.request()
        declined = till.until_state(attempt, S.DECLINED)
        assert S.PAID.value not in till.states(attempt)
        assert not declined.review


@pytest.mark.parametrize(
    ("altered", "review"),
    [({"amount": 9.0}, Review.OTHER_AMOUNT), ({"checkout_request_id": "ws_CO_other"}, Review.OTHER_PROMPT)],
)
def test_a_callback_that_does_not_fit_goes_to_a_person_and_queries_settle(
    tmp_path: Path, altered: dict[str, object], review: Review
) -> None:
    with (
        Mpesa() as mpesa,
        Relay(tmp_path) as relay,
        Till(tmp_path, mpesa, relay, pacing=Pacing(3000, 100, 150)) as till,
    ):
        mpesa.fault("callback", "alter", **altered)
        attempt = till.request()
        paid = till.until_state(attempt, S.PAID)
        assert paid.review == {review}
        assert paid.mpesa_code is None
        till.run(till.people.settle_review(paid.sale_id, "statement agrees"))
        assert not till.attempt(attempt).review


def test_callbacks_doubled_lost_late_forged(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        mpesa.fault("callback", "double")
        mpesa.fault("callback", "lose")
        mpesa.fault("callback", "delay", seconds=20)
        mpesa.fault("callback", "alter", token="A" * 22)
        attempts = [till.request(phone=f"071234560{number}", reference=f"A{number}") for number in range(4)]
        for attempt in attempts:
            till.until_state(attempt, S.PAID)
        till.until(attempts[2], lambda attempt: attempt.mpesa_code is not None)
    assert verify(till.path).findings == ()
    assert len(mpesa.records.payments) == 4


def test_a_restart_takes_up_what_was_left(tmp_path: Path) -> None:
    with Mpesa(habit_after_s=40.0) as mpesa, Relay(tmp_path) as relay:
        with Till(tmp_path, mpesa, relay) as till:
            pending = till.request()
            till.until_state(pending, S.PENDING)
            mpesa.fault("push", "accept_never")
            sending = till.request(phone="0722000000", reference="A2")
            while mpesa.records.pushes_seen < 2:
                time.sleep(0.01)
        with Till(tmp_path, mpesa, relay) as again:
            assert again.until(sending, lambda _attempt: True).state in (S.UNKNOWN, S.PAID)
            again.until_state(pending, S.PAID)
            again.until_state(sending, S.PAID)
        assert mpesa.records.pushes_seen == 2


def test_several_wait_together_and_share_one_limiter(tmp_path: Path) -> None:
    with Mpesa(spacing_s=2.0) as mpesa, Till(tmp_path, mpesa, pacing=Pacing(100, 120, 150)) as till:
        attempts = [till.request(phone=f"07123456{number:02d}", reference=f"A{number}") for number in range(6)]
        for attempt in attempts:
            till.until_state(attempt, S.PAID, 30)
        throttled = [
            event
            for event in till.events
            if isinstance(event, ServiceStatusChanged) and event.code == "mpesa.throttled"
        ]
        assert not throttled


def test_a_late_success_after_1037(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("query", "result", code="1037", text="DS timeout user cannot be reached")
        attempt = till.request()
        till.until_state(attempt, S.DECLINED)
        assert till.until_state(attempt, S.PAID).review == {Review.PAID_LATE}


def test_the_relay_away_does_not_stop_selling(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        relay.run(relay.server.stop())
        till.until_state(till.request(), S.PAID)


def test_a_wrong_clock_is_said(tmp_path: Path) -> None:
    with Mpesa(date_skew_s=3 * 3600) as mpesa, Till(tmp_path, mpesa) as till:
        till.until_state(till.request(), S.PAID)
        codes = {event.code for event in till.events if isinstance(event, ServiceStatusChanged)}
        assert "mpesa.clock" in codes


def test_stopped_before_a_byte_of_the_push_left_it_is_not_unknown(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("token", "never")
        attempt = till.request()
        till.until(attempt, lambda _attempt: not mpesa.mpesa.faults.as_json())
    ready = till.attempt(attempt)
    assert ready is not None and ready.state is S.READY
    assert mpesa.records.pushes_seen == 0


@pytest.mark.parametrize("by_mail", [True, False])
def test_what_was_closed_is_asked_about_again_and_the_mailbox_read_before_it_rests(
    tmp_path: Path, by_mail: bool
) -> None:
    once = Pacing(first_ms=50, interval_ms=60_000, confirm_gap_ms=60_000)
    with Mpesa(habit=CustomerBehaviour.WAITS, callback_after_s=0.0) as mpesa, Relay(tmp_path) as relay:
        with Till(tmp_path, mpesa, relay, pacing=once) as till:
            mpesa.fault("query", "result", code="1037", text="DS timeout user cannot be reached")
            late = till.request()
            till.until_state(late, S.DECLINED)
        if not by_mail:
            mpesa.fault("callback", "lose")
        mpesa.pays()
        while not mpesa.records.callbacks:
            time.sleep(0.01)
        with Till(tmp_path, mpesa, relay, pacing=SLOW if by_mail else FAST) as till:
            if not by_mail:
                till.run(till.people.recheck_closed())
            ends = time.monotonic() + 10
            while not till.engine.is_at_rest:
                assert time.monotonic() < ends
                time.sleep(0.01)
            paid = till.attempt(late)
            assert paid is not None and (paid.state, paid.review) == (S.PAID, {Review.PAID_LATE})


def test_a_query_that_answers_for_another_prompt_settles_nothing(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Till(tmp_path, mpesa) as till:
        other = {"ResponseCode": "0", "CheckoutRequestID": "ws_CO_other", "ResultCode": "0", "ResultDesc": "paid"}
        mpesa.fault("query", "json", times=8, body=other)
        attempt = till.request()
        till.until(attempt, lambda _attempt: not mpesa.mpesa.faults.as_json())
        assert till.states(attempt) == ["sending", "pending"]


def test_a_code_nobody_knows_is_told_in_mpesas_own_words(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("query", "result", times=99, code="31337", text="A new reason")
        attempt = till.request()
        odd = till.until(attempt, lambda attempt: attempt.outcome is not None)
        assert (odd.state, odd.outcome.code, odd.outcome.text) == (S.PENDING, "31337", "A new reason")


def test_a_claim_a_void_and_a_receipt_are_written_down(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.CANCELS) as mpesa, Till(tmp_path, mpesa) as till:
        attempt = till.request()
        sale = till.until_state(attempt, S.DECLINED).sale_id
        claimed = till.run(till.people.quote_code(attempt, "tkn7rt61sv Confirmed. Ksh10"))
        assert claimed.claimed_code == "TKN7RT61SV"
        for wrong in ("", "hello", "1234567890"):
            with pytest.raises(Mistake):
                till.run(till.people.quote_code(attempt, wrong))
        till.run(till.people.note_receipt(sale, "pdf"))
        till.run(till.people.void(sale, "typed wrong"))
        with pytest.raises(Mistake):
            till.run(till.people.send_again(sale))
    assert verify(till.path).findings == ()


@pytest.mark.parametrize(
    "mail",
    [
        {"messages": [{"token": "00", "body": ""}]},
        {"messages": [{"id": 1, "token": "zz", "body": "??"}]},
        {"messages": ["x"]},
        {"messages": 3},
    ],
)
def test_a_relay_that_sends_nonsense_is_not_asked_without_a_pause(tmp_path: Path, mail: object) -> None:
    with Mpesa() as mpesa, Canned(json.dumps(mail).encode()) as relay:
        reached = RelayAccess(relay.url, "till-1", "token")
        with Till(tmp_path, mpesa, relay_access=reached) as till:
            till.until_state(till.request(), S.PAID)
            # Two more checks of the prompt's clock: long enough for a relay that is asked without a pause.
            before = relay.count
            time.sleep(0.5)
            assert relay.count - before <= 3


# Practice, as the program brings it


class PracticeTill(Till):
    """A till with the practice M-PESA inside, as the window starts it."""

    def __init__(self, home: Path, *, customers_pay: bool = False) -> None:
        super().__init__(home, "")
        self.installation = Installation()
        self.installation.settings.shop.name = "Mama Njeri"
        self._access = replace(
            self._access, environment=Environment.PRACTICE, base_url=None, runs_practice=True, consumer_key="",
            consumer_secret="", shortcode="", passkey="",
        )  # fmt: skip
        self._customers_pay = customers_pay

    def __enter__(self) -> Self:
        Loop.__enter__(self)
        self.runtime = Runtime(self.installation, self._access, self.events.append, customers_pay=self._customers_pay)
        self.run(self.runtime.start())
        self.engine = self.runtime.engine
        self.people = People(self.engine)
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.runtime.stop())
        Loop.__exit__(self)

    def use(self, command: PhoneCommand) -> None:
        self.run(self.runtime.use_phone(command))

    def phone(self) -> PhoneChanged:
        return next(event for event in reversed(self.events) if isinstance(event, PhoneChanged))


def test_practice_brings_its_own_mpesa_relay_and_customer(home: Path) -> None:
    msisdn = "254712345678"
    with PracticeTill(home) as till:
        attempt = till.request()
        till.until_state(attempt, S.PENDING)
        till.use(SetWallet(msisdn, 0))
        assert (till.phone().shillings, till.phone().shop, till.phone().balance_cents) == (10, "Mama Njeri", 0)
        till.use(EnterPin(msisdn, "1234"))
        assert till.until_state(attempt, S.DECLINED).outcome.kind is OutcomeKind.INSUFFICIENT_FUNDS
        till.use(SetWallet(msisdn, 10_000))
        till.use(SetPower(msisdn, is_on=False))
        assert not till.phone().is_on
        till.use(SetPower(msisdn, is_on=True))
        other = till.request(phone="0722000000", reference="A2", amount="20")
        till.until_state(other, S.PENDING)
        till.use(CancelPrompt("254722000000"))
        till.until_state(other, S.DECLINED)
        for _ in range(3):
            till.call(lambda: till.runtime.practice.mpesa.customer(msisdn).enter_pin("9999"))
        till.use(UnlockPhone(msisdn))
        assert not till.phone().is_locked
        till.run(till.people.recheck_closed())
        assert till.engine.is_at_rest


def test_a_second_practice_on_the_same_ledger_is_refused_before_it_touches_the_first_ones_relay(home: Path) -> None:
    with PracticeTill(home, customers_pay=True) as till:
        second = Runtime(Installation(), till._access, lambda _update: None)
        with pytest.raises(Outside) as caught:
            till.run(second.start())
        till.run(second.stop())
        assert caught.value.code == "ledger.in_use" and second.practice is None
        paid = till.until_state(till.request(), S.PAID)
        assert paid.mpesa_code is not None, "its relay's token was changed under it"


def test_a_ledger_that_is_refused_gets_no_relay_beside_it(home: Path) -> None:
    folder = home / "practice"
    folder.mkdir(parents=True)
    (folder / "ledger.sqlite3").write_bytes(b"junk" * 2000)
    till = PracticeTill(home)
    with pytest.raises(Outside):
        till.__enter__()
    till.run(till.runtime.stop())
    Loop.__exit__(till)
    assert not (folder / "relay.sqlite3").exists()


def test_what_practice_left_open_is_given_up_at_the_next_start(home: Path) -> None:
    with PracticeTill(home) as till:
        pending = till.request()
        till.until_state(pending, S.PENDING)
    with PracticeTill(home, customers_pay=True) as again:
        assert again.attempt(pending).state is S.ABANDONED
        again.until_state(again.request(phone="0722000000", reference="A2"), S.PAID)
    with PracticeTill(home) as third:
        assert third.engine.following == []


def test_practice_against_a_server_of_ones_own(home: Path) -> None:
    with Mpesa() as mpesa:
        till = PracticeTill(home)
        till._access = replace(
            till._access, base_url=mpesa.url, runs_practice=False, callback_base="https://x.invalid/c/t"
        )
        with till:
            till.until_state(till.request(), S.PAID)


# What a person may ask for, and when


def test_without_an_account_nothing_is_sent_and_the_reason_is_said(tmp_path: Path) -> None:
    with Till(tmp_path, "http://127.0.0.1:9", passkey="") as till:
        for wish in (till.people.request(draft()), till.people.send_again(1)):
            with pytest.raises(Mistake) as caught:
                till.run(wish)
            assert caught.value.code == "settings.missing"
        light = next(
            event for event in till.events if isinstance(event, ServiceStatusChanged) and event.service is Service.MPESA
        )
        assert (light.code, light.detail) == ("mpesa.missing", "passkey")
        till.run(till.people.recheck_closed())


def test_what_never_left_is_sent_to_another_phone_withdrawn_or_voided(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        # However many of the three share a token that is asked for: none gets one until all three are back.
        mpesa.fault("token", "reset", times=1000)
        first, second, third = (till.request(phone=f"071234560{number}", reference=f"A{number}") for number in range(3))
        for attempt in (first, second, third):
            till.until_state(attempt, S.READY)
        mpesa.call(mpesa.mpesa.faults.clear)
        moved = till.run(till.people.send_again(till.attempt(first).sale_id, "254722000000"))
        assert till.attempt(first).state is S.WITHDRAWN
        till.until_state(moved.id, S.PAID)
        assert till.run(till.people.withdraw(second)).state is S.WITHDRAWN
        till.run(till.people.void(till.attempt(third).sale_id, "typed wrong"))
        assert till.attempt(third).state is S.WITHDRAWN
    with Till(tmp_path, "http://127.0.0.1:9") as left:
        late = left.request(reference="A9")
        left.until_state(late, S.READY)
    with Till(tmp_path, "http://127.0.0.1:9") as again:
        assert again.attempt(late).state is S.WITHDRAWN


def test_check_now_give_up_and_settle(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Till(tmp_path, mpesa, pacing=SLOW) as till:
        attempt = till.request()
        till.until_state(attempt, S.PENDING)
        till.run(till.people.check_now(attempt))
        till.until(attempt, lambda _attempt: mpesa.records.queries_seen > 0)
        with pytest.raises(Mistake):
            till.run(till.people.give_up(attempt, "left"))
        mpesa.fault("push", "accept_lost")
        lost = till.request(phone="0722000000", reference="A2")
        till.until_state(lost, S.UNKNOWN)
        till.run(till.people.check_now(lost))
        assert till.run(till.people.give_up(lost, "left")).state is S.ABANDONED
        with pytest.raises(Mistake) as caught:
            till.run(till.people.settle_review(till.attempt(lost).sale_id, "nothing to settle"))
        assert caught.value.code == "review.nothing"


def test_a_prompt_that_nobody_answers_for_is_unknown_after_its_deadline(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("pos_app.engine.services.status_poller.DEADLINE_MS", 300)
    with Mpesa(habit=CustomerBehaviour.WAITS, prompt_life_s=9999.0) as mpesa, Till(tmp_path, mpesa) as till:
        attempt = till.request()
        till.until_state(attempt, S.UNKNOWN)
        mpesa.pays()
        till.until_state(attempt, S.PAID)


def test_mpesa_away_while_it_is_asked_and_an_answer_that_is_neither(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("push", "json", body={"ResponseCode": "9", "ResponseDescription": "odd"})
        odd = till.until_state(till.request(), S.UNKNOWN)
        assert (odd.outcome.kind, odd.outcome.text) == (OutcomeKind.OTHER, "odd")
        waiting = till.request(phone="0722000000", reference="A2")
        till.until_state(waiting, S.PENDING)
        mpesa.run(mpesa.server.stop())
        till.until(waiting, lambda _attempt: Health.DOWN in [light.health for light in lights_of(till, Service.MPESA)])


def lights_of(till: Till, light: Service) -> list[ServiceStatusChanged]:
    return [event for event in till.events if isinstance(event, ServiceStatusChanged) and event.service is light]


def test_a_request_that_the_library_refuses_never_left(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa, shortcode="12") as till:
        assert till.until_state(till.request(), S.READY).outcome.kind is OutcomeKind.BAD_REQUEST
        assert mpesa.records.pushes_seen == 0


@pytest.mark.logs_errors
def test_facts_wait_for_a_disk_that_is_full_and_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pos_app.engine.attempts.RETRY_WRITE_S", 0.05)
    with Mpesa(habit_after_s=20.0) as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        attempt = till.request()
        till.until_state(attempt, S.PENDING)
        writer = till.engine._context.ledger._writer
        assert writer is not None
        pages = writer._unit.db.execute("PRAGMA page_count").fetchone()[0]

        def fill() -> None:
            writer._unit.db.execute(f"PRAGMA max_page_count = {pages}")
            writer._unit.db.execute("CREATE TABLE IF NOT EXISTS filler (x)")

        with contextlib.suppress(Exception):
            till.engine._context.ledger._executor.submit(fill).result()
        free = till.engine._context.ledger._executor.submit(
            lambda: writer._unit.db.execute("PRAGMA freelist_count").fetchone()
        ).result()
        till.engine._context.ledger._executor.submit(lambda: writer._unit.db.execute("PRAGMA query_only = ON")).result()
        ends = time.monotonic() + 10
        while not any(light.health is Health.DOWN for light in lights_of(till, Service.LEDGER)):
            assert time.monotonic() < ends, free
            time.sleep(0.01)
        till.engine._context.ledger._executor.submit(
            lambda: writer._unit.db.execute("PRAGMA query_only = OFF")
        ).result()
        till.engine._context.ledger._executor.submit(
            lambda: writer._unit.db.execute("PRAGMA max_page_count = 1000000")
        ).result()
        till.until_state(attempt, S.PAID)
        assert lights_of(till, Service.LEDGER)[-1].health is Health.OK


@pytest.mark.logs_errors
def test_a_part_that_falls_over_is_seen_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def fall(error: Exception) -> None:
        raise error

    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        till.call(lambda: till.engine._context.supervisor.spawn(fall(ZeroDivisionError()), "a part"))
        till.call(lambda: till.engine._context.supervisor.spawn(fall(Mistake("some.code")), "another"))
        till.until_state(till.request(), S.PAID)
        failed = {event.code for event in till.events if isinstance(event, EngineFailed)}
        assert failed == {"engine.bug", "some.code"}


def test_an_engine_that_never_started_stops_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "ledger.sqlite3").write_bytes(b"no ledger")
    till = Till(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(Outside):
        till.__enter__()
    till.run(till.engine.stop())
    Loop.__exit__(till)


def test_a_copy_that_cannot_be_made_is_said_and_stops_no_sale(tmp_path: Path) -> None:
    copies_folder = tmp_path / "sandbox" / "copies"
    copies_folder.parent.mkdir(parents=True)
    copies_folder.write_text("a file where the folder should be")
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        till.until_state(till.request(), S.PAID)
        ends = time.monotonic() + 10
        while not any(light.code == "ledger.no_copy" for light in lights_of(till, Service.LEDGER)):
            assert time.monotonic() < ends
            time.sleep(0.01)


def test_a_push_that_was_stopped_before_its_first_step_is_ready(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:

        async def ask_and_stop() -> AttemptId:
            # Its push is taken up in a later turn of the loop, and there is none any more.
            attempt = await till.people.request(draft())
            await till.engine._context.supervisor.cancel()
            return attempt.id

        attempt = till.run(ask_and_stop())
    assert till.attempt(attempt).state is S.READY
    assert mpesa.records.pushes_seen == 0


@pytest.mark.parametrize(("status", "code"), [(401, "relay.refused"), (500, "relay.not_understood")])
def test_a_relay_that_refuses_is_said(tmp_path: Path, status: int, code: str) -> None:
    with Mpesa() as mpesa, Canned(b"", status) as relay:
        with Till(tmp_path, mpesa, relay_access=RelayAccess(relay.url, "till-1", "token")) as till:
            till.until_state(till.request(), S.PAID)
            assert code in {light.code for light in lights_of(till, Service.RELAY)}


def test_a_relay_that_repeats_itself_is_read_once(tmp_path: Path) -> None:
    mail = {"messages": [{"id": 1, "token": "00" * 32, "body": "e30="}]}
    with Mpesa() as mpesa, Canned(json.dumps(mail).encode()) as relay:
        with Till(tmp_path, mpesa, relay_access=RelayAccess(relay.url, "till-1", "token")) as till:
            till.until_state(till.request(), S.PAID)
            assert "relay.not_understood" in {light.code for light in lights_of(till, Service.RELAY)}
            assert relay.count <= 5


def test_a_callback_whose_amount_cannot_be_read_names_another_amount() -> None:
    items = [{"Name": "Amount", "Value": "ten"}, {"Name": "MpesaReceiptNumber", "Value": "TKN7RT61SV"}]
    body = {"Body": {"stkCallback": {"ResultCode": 0, "CallbackMetadata": {"Item": items}}}}
    event = read_callback(json.dumps(body).encode())
    assert event is not None and event.amount_cents == -1
