"""Never guess, a second time: the engine against a second voice of M-PESA, late prompts, odd letters and old questions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engine.test_inbox import until
from fakes.scripted import ACCEPTED, Said, Scripted, result, says
from fakes.servers import Bare, Mpesa, Relay
from fakes.till import FAST, Till, draft
from torture.fuzz import mutate

from pos_app.common.clock import SystemClock
from pos_app.common.errors import Mistake
from pos_app.common.http import HttpClient, Request, Timeouts
from pos_app.common.tokens import token_digest
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.domain.stk import schedule
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.domain.stk.attempt import Review
from pos_app.domain.stk.effects import News
from pos_app.domain.stk.schedule import Pacing
from pos_app.domain.values.ids import AttemptId
from pos_app.engine import message_intake, supervisor
from pos_app.engine.services import status_poller as poller_module
from pos_app.engine.services import stk_sender
from pos_app.engine.services.relay_reader import RelayReader, mailbox_of
from pos_app.engine.updates import Announced, AttemptChanged, EngineFailed, Health, Service, ServiceStatusChanged
from pos_app.gui.strays.presenter import row_of
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.verify import verify
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.settings.effective import RelayAccess

GATEWAY = b"<html>504: upstream timed out; rate limit or quota exceeded</html>"
CANCELLED = result("1032", "Request cancelled by user")
UNREACHABLE = result("1037", "DS timeout user cannot be reached")


class Moved(SystemClock):
    """A PC's clock that may be set."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


def events_of(till: Till, kind: type) -> list[Any]:
    return [event for event in till.events if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("values", "kind", "shortcode", "party_b"),
    [
        ({}, "CustomerPayBillOnline", "174379", "174379"),
        ({"shortcode": "600001", "till_number": "600002"}, "CustomerBuyGoodsOnline", "600001", "600002"),
    ],
)  # fmt: skip
def test_a_prompt_names_the_sale_the_customer_and_the_shops_number(
    tmp_path: Path, values: dict[str, Any], kind: str, shortcode: str, party_b: str
) -> None:
    with Scripted() as mpesa, Till(tmp_path, mpesa.url, **values) as till:
        till.until_state(till.request(amount="1250", reference="A0044"), S.PENDING)
        body = mpesa.asked["push"][0].body
    wanted = {
        "TransactionType": kind, "BusinessShortCode": shortcode, "PartyB": party_b, "Amount": 1250,
        "PartyA": "254712345678", "PhoneNumber": "254712345678", "AccountReference": "A0044", "TransactionDesc": "A0044",
    }  # fmt: skip
    assert {name: body[name] for name in wanted} == wanted


def test_a_page_of_a_gateway_is_never_a_reason_to_prompt_again(tmp_path: Path) -> None:
    with Scripted(push=says(Said(GATEWAY, 504))) as mpesa, Till(tmp_path, mpesa.url) as till:
        attempt = till.request()
        assert till.until_state(attempt, S.UNKNOWN).outcome.kind is OutcomeKind.INTERNAL_ERROR
        with pytest.raises(Mistake) as caught:
            till.run(till.people.send_again(till.attempt(attempt).sale_id))
        assert caught.value.code == "sale.live_attempt"
        with pytest.raises(Mistake) as caught:
            till.request()
        assert caught.value.code == "sale.same_open"
        assert len(mpesa.asked["push"]) == 1


@pytest.mark.parametrize("query", [UNREACHABLE, CANCELLED])
def test_paid_that_was_said_after_the_end_stands_in_the_way_of_everything(tmp_path: Path, query: Said) -> None:
    with Scripted(query=says(query, result("0"), Said(b"", 503))) as mpesa, Till(tmp_path, mpesa.url) as till:
        attempt = till.request()
        said = till.until(attempt, lambda found: found.state is S.DECLINED and found.speaks_of_money)
        changes = [change for change in events_of(till, AttemptChanged) if change.attempt.speaks_of_money]
        assert changes[-1].is_said_paid and changes[-1].resend_in_s is None
        for wish in (till.people.send_again(said.sale_id), till.people.void(said.sale_id, "gone")):
            with pytest.raises(Mistake) as caught:
                till.run(wish)
            assert caught.value.code == "sale.said_paid"
        with closing(LedgerReader(till.path)) as reader:
            assert reader.sale(said.sale_id).is_said_paid
        with pytest.raises(Mistake) as caught:
            till.run(till.people.settle_review(said.sale_id, "  "))
        assert caught.value.code == "review.no_reason"
        till.run(till.people.settle_review(said.sale_id, "not in the statement"))
        till.run(till.people.void(said.sale_id, "gone"))
        assert len(mpesa.asked["push"]) == 1


def test_an_accepted_push_with_odd_words_is_asked_for(tmp_path: Path) -> None:
    push = says(Said(ACCEPTED | {"CustomerMessage": None}))
    with Scripted(push=push, query=says(CANCELLED)) as mpesa, Till(tmp_path, mpesa.url) as till:
        till.until_state(till.request(), S.DECLINED)


def test_the_numbers_of_an_unclear_answer_are_asked_with(tmp_path: Path) -> None:
    push = says(Said(ACCEPTED | {"ResponseCode": "1"}))
    with Scripted(push=push, query=says(CANCELLED)) as mpesa, Till(tmp_path, mpesa.url) as till:
        declined = till.until_state(till.request(), S.DECLINED)
        assert declined.checkout_request_id == ACCEPTED["CheckoutRequestID"]
        assert till.states(declined.id) == ["sending", "unknown", "declined"]


def test_an_early_zero_is_asked_about_once_more_when_the_prompt_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (schedule, poller_module):
        monkeypatch.setattr(module, "SURELY_DEAD_MS", 1_500)
    with Scripted(query=lambda number: result("0") if number < 2 else CANCELLED) as mpesa:
        with Till(tmp_path, mpesa.url) as till:
            attempt = till.request()
            paid = till.until_state(attempt, S.PAID)
            assert paid.review == frozenset()
            to_check = till.until(attempt, lambda found: bool(found.review))
            assert (to_check.state, to_check.review) == (S.PAID, {Review.CONTRADICTION})
            assert News.NEEDS_YOU in [said.news for said in events_of(till, Announced)], "it rings"
            count = len(mpesa.asked["query"])
            assert count <= 5, "one more question, not many"
            assert to_check.answered_at_ms - to_check.left_at_ms >= 1_500
        with Till(tmp_path, mpesa.url) as again:
            assert again.engine.following == []


def test_a_question_that_is_refused_stays_owed_and_is_asked_ever_more_seldom(tmp_path: Path) -> None:
    asked_s: list[float] = []
    refused = Said(
        {"requestId": "1", "errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Shortcode"}, 400
    )

    def answer(number: int) -> Said:
        asked_s.append(time.monotonic())
        return CANCELLED if number == 0 else refused

    with Scripted(query=answer) as mpesa, Till(tmp_path, mpesa.url) as till:
        attempt = till.request()
        till.until_state(attempt, S.DECLINED)
        until(lambda: len(asked_s) >= 6)
        pauses = [after - before for before, after in pairwise(asked_s)]
        assert pauses[-1] > 8 * FAST.interval_ms / 1000, "a question that is always refused is not asked for ever"
        assert till.attempt(attempt).answers == 0


def test_an_unknown_end_is_not_known_and_told_in_mpesas_words(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        attempt = till.request()
        till.until_state(attempt, S.PENDING)
        token = mpesa.records.prompts[till.attempt(attempt).checkout_request_id].callback_url.rpartition("/")[2]
        body = {"Body": {"stkCallback": {"ResultCode": 31337, "ResultDesc": "A new reason"}}}
        post(relay, json.dumps(body).encode(), token)
        found = till.until_state(attempt, S.UNKNOWN)
        assert (found.outcome.code, found.outcome.text) == ("31337", "A new reason")
        mpesa.fault("query", "result", times=99, code="31337", text="A new reason")
        till.until_state(attempt, S.DECLINED)


def post(relay: Relay, body: bytes, token: str, kind: str = "c") -> int:
    with closing(HttpClient(Timeouts(2, 10, 12), use_proxies=False)) as web:
        return web.send(Request("POST", f"{relay.url}/{kind}/till-1/{token}", {}, body)).status


NASTY = [
    b'{"Body":{"stkCallback":{"ResultCode":0,"CallbackMetadata":{"Item":[{"Name":"Amount","Value":1E+999999999}]}}}}',
    b'{"TransID":"TKN7RT61SV","TransAmount":1E+999999999,"BusinessShortCode":"174379","TransTime":"99999999999999"}',
    b"[" * 60_000, b"\x00\xff" * 3_000, b"", b'{"Body":' * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("body", NASTY, ids=range(len(NASTY)))
def test_no_letter_stops_the_mailbox(tmp_path: Path, body: bytes) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        for number in range(2):
            assert post(relay, body, f"0123456789abcdef{number}") == 200
            paid = till.until_state(till.request(phone=f"070000000{number}", reference=f"A{number}"), S.PAID)
            till.until(paid.id, lambda found: found.mpesa_code is not None)
        assert not events_of(till, EngineFailed)
        with closing(LedgerReader(till.path)) as reader:
            assert reader.stray_count() == 2
            assert [row_of(stray).id for stray in reader.strays()], "and its row can be shown"
    assert verify(till.path).findings == ()


def test_whatever_strangers_send_the_mailbox_outlives_it(tmp_path: Path) -> None:
    """The fuzz drives the inbox that must outlive its letters, also those with a token of ours."""
    chance = random.Random(11)
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        attempt = till.request()
        till.until_state(attempt, S.PENDING)
        address = mpesa.records.prompts[till.attempt(attempt).checkout_request_id].callback_url
        tokens = [address.rpartition("/")[2], "0123456789abcdef"]
        relay.run(relay.store.expect_payments("till-1", token_digest("payments-token"), 0))
        for number in range(200):
            if number % 3 == 2:
                post(relay, mutate(chance), "payments-token", "p")
            else:
                post(relay, mutate(chance), tokens[number % 3])
        newest = relay.store._read.execute("SELECT max(id) FROM mail").fetchone()[0]
        until(
            lambda: (
                till.run(till.engine._context.ledger.call(lambda writer: writer.cursor(writer_mailbox(till)))).position
                >= newest
            )
        )
        assert not events_of(till, EngineFailed)
    findings = verify(till.path).findings
    assert findings == ()


def writer_mailbox(till: Till) -> str:
    relay = till._access.relay
    assert relay is not None
    return mailbox_of(relay)


@pytest.mark.logs_errors
def test_a_message_that_its_reader_falls_over_is_kept_and_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = message_intake.read_callback

    def falls(body: bytes) -> object:
        if body == b"poison":
            raise ZeroDivisionError
        return real(body)

    monkeypatch.setattr(message_intake, "read_callback", falls)
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        post(relay, b"poison", "0123456789abcdef")
        paid = till.until_state(till.request(), S.PAID)
        till.until(paid.id, lambda found: found.mpesa_code is not None)
        assert "engine.message" in [failed.code for failed in events_of(till, EngineFailed)]
        with closing(LedgerReader(till.path)) as reader:
            assert reader.stray_count() == 1


@pytest.mark.logs_errors
def test_a_duty_that_falls_over_says_so_and_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    fallen: list[str] = []

    def once(owner: type, name: str) -> None:
        real = getattr(owner, name)

        async def falls(self: Any) -> None:
            if owner.__name__ not in fallen:
                fallen.append(owner.__name__)
                raise ZeroDivisionError
            await real(self)

        monkeypatch.setattr(owner, name, falls)

    once(poller_module.StatusPoller, "run")
    once(RelayReader, "run")
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        paid = till.until_state(till.request(), S.PAID)
        till.until(paid.id, lambda found: found.mpesa_code is not None)
        said = [failed.params["part"] for failed in events_of(till, EngineFailed)]
        assert sorted(said) == ["relay reader", "status poller"]
        lights = [(light.service, light.health, light.code) for light in events_of(till, ServiceStatusChanged)]
        for light in (Service.MPESA, Service.RELAY):
            assert (light, Health.DOWN, "engine.part_again") in lights, "a light stayed green over a dead duty"


# Asking


def test_the_counter_comes_before_the_backlog(tmp_path: Path) -> None:
    """Forty payments that nobody knows, and a customer who waits."""
    slow = Pacing(first_ms=100, interval_ms=150, confirm_gap_ms=150)
    with Mpesa(habit=CustomerBehaviour.IGNORES, speed=1.0) as mpesa:
        with Till(tmp_path, mpesa) as till:
            for number in range(40):
                till.request(phone=f"07000000{number:02d}", reference=f"B{number}")
            until(lambda: len(till.engine.following) == 40)
        clock = Moved(5 * 3_600_000)
        with _till_by(clock, tmp_path, mpesa, pacing=slow) as till:
            until(lambda: mpesa.records.queries_seen > 3)
            mpesa.customer("254712345678", habit=CustomerBehaviour.PAYS, habit_after_s=0.2)
            asked_before = mpesa.records.queries_seen
            attempt = till.request()
            till.until_state(attempt, S.PAID)
            assert mpesa.records.queries_seen - asked_before < 20, "it waited behind the backlog"


@contextlib.contextmanager
def _till_by(
    clock: SystemClock, folder: Path, mpesa: Mpesa | str, relay: Relay | None = None, **values: Any
) -> Iterator[Till]:
    till = Till(folder, mpesa, relay, **values)
    till.clock = clock
    with till as running:
        yield running


def test_who_is_to_be_confirmed_is_asked_for_first(tmp_path: Path) -> None:
    order: list[str] = []

    def query(number: int) -> Said:
        order.append(mpesa.asked["query"][-1].body["CheckoutRequestID"])
        first = order[-1] == "ws-1"
        return result("0") if first and order.count("ws-1") == 1 else Said({"ResultCode": "4999"})

    push = lambda number: Said(ACCEPTED | {"CheckoutRequestID": f"ws-{number + 1}"})
    pacing = Pacing(first_ms=50, interval_ms=120, confirm_gap_ms=100)
    with Scripted(push=push, query=query) as mpesa, Till(tmp_path, mpesa.url, pacing=pacing) as till:
        for number in range(4):
            till.request(phone=f"07000000{number:02d}", reference=f"C{number}")
        until(lambda: order.count("ws-1") >= 2)
        between = order[order.index("ws-1") + 1 : order.index("ws-1", order.index("ws-1") + 1)]
        assert len(between) <= 1, "the second voice waited behind others"


def test_asking_goes_on_after_a_weekend_with_the_router_away(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.PAYS) as mpesa:
        mpesa.fault("callback", "lose", times=9)
        with Till(tmp_path, mpesa, pacing=Pacing(60_000, 60_000, 150)) as till:
            attempt = till.request()
            till.until_state(attempt, S.PENDING)
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            with _till_by(Moved(38 * 3_600_000), tmp_path, away) as till:
                till.until(attempt, lambda found: found.asks >= 2)
        with _till_by(Moved(39 * 3_600_000), tmp_path, mpesa) as till:
            till.until_state(attempt, S.PAID)


def test_check_now_always_asks(tmp_path: Path) -> None:
    with Scripted(query=says(CANCELLED)) as mpesa, Till(tmp_path, mpesa.url) as till:
        attempt = till.request()
        till.until(attempt, lambda found: found.state is S.DECLINED and found.answers >= 1)
        before = len(mpesa.asked["query"])
        mpesa.scripts["query"] = says(result("0"))
        till.run(till.people.check_now(attempt))
        until(lambda: len(mpesa.asked["query"]) > before)
        till.until(attempt, lambda found: Review.CONTRADICTION in found.review)


def test_a_clock_put_right_by_a_day_in_mid_payment_changes_nothing(tmp_path: Path) -> None:
    clock = Moved()
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, _till_by(clock, tmp_path, mpesa) as till:
        attempt = till.request()
        till.until(attempt, lambda found: found.asks >= 1)
        clock.ahead_ms = 400 * 86_400_000
        asks = till.attempt(attempt).asks
        till.until(attempt, lambda found: found.asks >= asks + 3)
        mpesa.fault("callback", "lose", times=9)
        mpesa.pays()
        till.until_state(attempt, S.PAID)


def test_a_throttled_query_without_a_word_of_when_slows_down_by_five_turns(tmp_path: Path) -> None:
    at: list[float] = []

    def query(_number: int) -> Said:
        at.append(time.monotonic())
        return Said(b"", 429) if len(at) == 1 else CANCELLED

    with Scripted(query=query) as mpesa, Till(tmp_path, mpesa.url, pacing=Pacing(50, 200, 100)) as till:
        till.until_state(till.request(), S.DECLINED)
    assert at[1] - at[0] >= 1.0


# Late prompts


def test_what_has_not_begun_to_leave_is_not_sent_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stk_sender, "LEAVES_WITHIN_MS", 600)
    with Scripted(token=says(Said({}, after_s=20))) as mpesa, Till(tmp_path, mpesa.url) as till:
        began = time.monotonic()
        wanted = [till.request(phone=f"07000000{number:02d}", reference=f"D{number}") for number in range(4)]
        for attempt in wanted:
            ready = till.until_state(attempt, S.READY)
            assert (ready.outcome.kind, ready.sent_at_ms) == (OutcomeKind.TOO_LATE, None)
        assert time.monotonic() - began < 5, "one after the other"
        assert mpesa.asked["push"] == []


def test_the_cashier_takes_back_what_has_not_left(tmp_path: Path) -> None:
    with Scripted(token=says(Said({}, after_s=20))) as mpesa, Till(tmp_path, mpesa.url) as till:
        attempt = till.request()
        until(lambda: mpesa.asked["token"])
        assert till.run(till.people.withdraw(attempt)).state is S.WITHDRAWN
        assert mpesa.asked["push"] == []

        # Before its task had its first step.
        async def at_once() -> S:
            second = await till.people.request(draft(phone="0700000001", reference="E1"))
            return (await till.people.withdraw(second.id)).state

        assert till.run(at_once()) is S.WITHDRAWN


def test_what_has_left_is_not_taken_back(tmp_path: Path) -> None:
    with Scripted(push=says(Said(ACCEPTED, after_s=0.7))) as mpesa, Till(tmp_path, mpesa.url) as till:
        attempt = till.request()
        until(lambda: mpesa.asked["push"])
        with pytest.raises(Mistake) as caught:
            till.run(till.people.withdraw(attempt))
        assert caught.value.code == "attempt.not_ready"
        pending = till.until_state(attempt, S.PENDING)
        assert pending.left_at_ms >= pending.sent_at_ms


# Clocks


@pytest.mark.parametrize("years", [-16, -1])
def test_nothing_is_dated_by_a_clock_that_is_plainly_wrong(tmp_path: Path, years: int) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        till.until_state(till.request(), S.PAID)
    with _till_by(Moved(years * 365 * 86_400_000), tmp_path, "http://127.0.0.1:9") as till:
        with pytest.raises(Mistake) as caught:
            till.request(phone="0700000001", reference="F1")
    assert caught.value.code == "clock.behind"
    with closing(LedgerReader(till.path)) as reader:
        assert len(reader.days()) == 1


def test_a_clock_that_mpesa_calls_right_is_right_whatever_the_ledger_says(tmp_path: Path) -> None:
    with Mpesa() as mpesa:
        with _till_by(Moved(90 * 86_400_000), tmp_path, "http://127.0.0.1:9") as till:
            till.until_state(till.request(), S.READY)
        with Till(tmp_path, mpesa) as till:
            till.until_state(till.request(phone="0700000001", reference="G1"), S.PAID)


def test_a_clock_on_another_day_than_mpesas_is_said_before_the_next_sale(tmp_path: Path) -> None:
    with Mpesa() as mpesa, _till_by(Moved(20 * 3_600_000), tmp_path, mpesa) as till:
        attempt = till.request()
        until(lambda: "mpesa.clock" in [light.code for light in events_of(till, ServiceStatusChanged)])
        with pytest.raises(Mistake) as caught:
            till.request(phone="0700000001", reference="H1")
        assert caught.value.code == "clock.wrong"
        assert attempt == AttemptId(1)


def test_a_pc_that_slept_asks_what_time_it_is_and_refuses_nobody(tmp_path: Path) -> None:
    clock = Moved()

    def date() -> bytes:
        return formatdate(clock.now_ms() / 1000, usegmt=True).encode()

    token = {"access_token": "t", "expires_in": "3599"}
    with (
        Scripted(token=lambda _: Said(token, headers=((b"date", date()),)), push=says(Said(ACCEPTED))) as mpesa,
        _till_by(clock, tmp_path, mpesa.url) as till,
    ):
        till.until_state(till.request(), S.PENDING)
        clock.ahead_ms = 20 * 3_600_000
        till.until_state(till.request(phone="0700000001", reference="H2"), S.PENDING)
        assert len(mpesa.asked["token"]) == 2


# The cashier before the machinery


def test_a_cashiers_request_does_not_wait_behind_the_tills_own(tmp_path: Path) -> None:
    """The relay takes a second for each claim; a hundred of them are under way."""
    claims: list[str] = []

    async def relay(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        status, body = 200, b'{"messages": [], "more": false}'
        if "/claims/" in scope["path"]:
            claims.append(scope["path"])
            await asyncio.sleep(1.0)
            body = b'{"till": "till-1", "claim": 1}'
        elif scope["path"] == "/v1/prompts":
            status = 204
        elif b"wait=25" in scope["query_string"] or dict(scope["headers"]).get(b"accept") == b"text/event-stream":
            await asyncio.sleep(30)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"" if status == 204 else body})

    with Mpesa() as mpesa, Bare(relay) as served:
        reached = RelayAccess(served.url, "till-1", "token")
        with Till(tmp_path, mpesa, relay_access=reached) as till:
            for number in range(30):
                till.loop.call_soon_threadsafe(
                    till.engine._parts.reservations.reserve_for_prompt, AttemptId(1), f"CODE{number:06d}"
                )
            until(lambda: len(claims) >= 4)
            began = time.monotonic()
            with pytest.raises(Mistake) as caught:
                till.run(till.people.allocate("TKN7RT61SV", 1))
            assert caught.value.code == "payment.unknown"
            assert time.monotonic() - began < 4, "it waited behind the machinery"
            assert len(claims) < 30


def test_what_the_relay_confirmed_is_not_claimed_again_after_a_start(tmp_path: Path) -> None:
    puts: list[str] = []

    class Counting(Relay):
        async def begin(self) -> Any:
            server = await super().begin()
            real = self.store.claim

            async def claim(till: str, subject: bytes) -> Any:
                puts.append(till)
                return await real(till, subject)

            self.store.claim = claim
            return server

    with Mpesa() as mpesa, Counting(tmp_path) as relay:
        with Till(tmp_path, mpesa, relay) as till:
            paid = till.until_state(till.request(), S.PAID)
            till.until(paid.id, lambda found: found.mpesa_code is not None)
            until(lambda: len(puts) == 1)
            until(lambda: till.run(till.engine._context.ledger.call(lambda writer: writer.codes_to_reserve(0))) == [])
        with Till(tmp_path, mpesa, relay) as till:
            until(lambda: till.engine.is_at_rest)
        assert len(puts) == 1


def test_a_tills_own_prompts_are_named_at_the_relay_and_no_prompt_waits_for_it(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        till.until_state(till.request(), S.PENDING)
        count: Callable[[], int] = lambda: relay.store._manage.execute("SELECT count(*) FROM prompts").fetchone()[0]
        until(lambda: count() == 1)


def test_an_old_relay_that_takes_no_names_is_asked_once(tmp_path: Path) -> None:
    asked: list[str] = []

    async def relay(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.append(scope["path"])
        status = 404 if scope["path"] == "/v1/prompts" else 503
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with Mpesa() as mpesa, Bare(relay) as served:
        with Till(tmp_path, mpesa, relay_access=RelayAccess(served.url, "till-1", "token"), pacing=FAST) as till:
            for number in range(3):
                till.until_state(till.request(phone=f"070000000{number}", reference=f"I{number}"), S.PAID)
            assert asked.count("/v1/prompts") == 1
