"""Every fault that can fall between the till and M-PESA: real processes, real servers.

Each row orders its faults, takes one payment with `pos-app request`, lets `pos-app
follow` do what the next start would do, and then holds together the ledger, M-PESA's
own books, the number of pushes M-PESA saw, and the words the cashier read.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from e2e.program import Ran, environment, run
from fakes.servers import Mpesa, Relay

from pos_app.daraja.codes import RESULTS
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.texts.outcomes import words_of

PHONE, MSISDN = "0712345678", "254712345678"
LOCK = "Unable to lock subscriber, a transaction is already in process for the current subscriber"


@dataclass(frozen=True)
class Row:
    """One row of the matrix.

    Args:
        faults: What is ordered: target, fault, and how.
        options: How M-PESA behaves beside them (`SimulatorOptions`).
        ends: The state in the end; ``paid`` must be what M-PESA's books say.
        pushes: How many pushes M-PESA saw.
        words: What the cashier reads at the end of the request.
        review: Reasons why it needs a person; more may come with them, none without.
        relay: Whether callbacks reach the till.
    """

    faults: tuple[tuple[str, str, dict[str, Any]], ...]
    ends: str
    pushes: int = 1
    words: str = ""
    review: tuple[str, ...] = ()
    relay: bool = True
    habit: CustomerBehaviour = CustomerBehaviour.PAYS
    options: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


def push(fault: str, **options: Any) -> tuple[str, str, dict[str, Any]]:
    return ("push", fault, options)


def error(status: int, code: str, text: str) -> tuple[str, str, dict[str, Any]]:
    return push("error", status=status, code=code, text=text)


def query(fault: str, **options: Any) -> tuple[str, str, dict[str, Any]]:
    return ("query", fault, options)


def callback(fault: str, **options: Any) -> tuple[str, str, dict[str, Any]]:
    return ("callback", fault, options)


LOST = (callback("lose"),)
SLOW = {"POS_APP_FIRST_QUERY_S": "30"}
UNKNOWN = "do not charge again"
CANCEL = {"code": 1032, "text": "Request cancelled by user"}

ROWS = {
    # The callback
    "callback before the push's answer": Row(
        (push("late", seconds=1.2),), "paid", options={"callback_after_s": 0.0, "habit_after_s": 0.0}
    ),
    "callback twice": Row((callback("double"),), "paid", env=SLOW),
    "callback minutes late": Row((callback("delay", seconds=120),), "paid"),
    "no callback at all": Row(LOST, "paid"),
    "callback for another amount": Row(
        (callback("alter", amount=9.0),), "paid", review=("other_amount",), env={"POS_APP_FIRST_QUERY_S": "1"}
    ),
    "callback with another CheckoutRequestID": Row(
        (callback("alter", checkout_request_id="ws_CO_other"),), "paid", review=("other_prompt",),
        env={"POS_APP_FIRST_QUERY_S": "1"},
    ),
    "callback with a forged token": Row((callback("alter", token="f" * 32),), "paid"),
    "callback without Balance's value": Row((callback("alter", drop=["Balance"]),), "paid", env=SLOW),
    "callback without an amount": Row((callback("alter", drop=["Amount"]),), "paid"),
    "callback with a masked phone": Row((callback("alter", phone="254712***678"),), "paid", env=SLOW),
    "callback with a code as text": Row((callback("alter", code="0"),), "paid", env=SLOW),
    "callback says cancelled, query says paid": Row(
        (callback("alter", **CANCEL),), "declined", review=("contradiction",), env=SLOW
    ),
    "query says cancelled, callback says paid": Row(
        (callback("delay", seconds=20), query("result", code="1032", text="Request cancelled by user")), "paid",
        review=("paid_late",),
    ),
    # The push
    "push answered late": Row((push("late", seconds=1.0),), "paid"),
    "push answered half": Row((push("half"),), "paid"),
    "push reset after it was taken": Row((push("accept_lost"),), "paid"),
    "push reset, callback lost": Row((push("accept_lost"), *LOST), "unknown", words=UNKNOWN),
    "push reset before it was read": Row((push("reset"),), "unknown", 0, UNKNOWN),
    "push 502": Row((push("status", status=502),), "unknown", 0, UNKNOWN),
    "push 503": Row((push("status", status=503),), "unknown", 0, UNKNOWN),
    "push 504": Row((push("status", status=504),), "unknown", 0, UNKNOWN),
    "push 500.003.02 busy": Row((error(500, "500.003.02", "System is busy. Please try again."),), "unknown", 0, UNKNOWN),
    "push: HTML of the firewall": Row((push("html"),), "unknown", 0, UNKNOWN),
    "push: HTML with 403": Row((push("html", status=403),), "unknown", 0, UNKNOWN),
    "push: empty": Row((push("empty"),), "unknown", 0, UNKNOWN),
    "push: unknown JSON": Row((push("json"),), "unknown", 0, UNKNOWN),
    "push: SOAP as JSON": Row((push("json", body={"Envelope": {"Body": {"Fault": {"faultstring": "x"}}}}),), "unknown", 0, UNKNOWN),
    "push: token refused once": Row((push("refuse_token"),), "paid"),
    "push: token refused for ever": Row((push("refuse_token", times=9),), "rejected", 0, "set-up is wrong"),
    "push: 401 for ever": Row(
        (push("error", times=9, status=401, code="401.002.01", text="Error Occurred - Invalid Access Token"),),
        "rejected", 0, "set-up is wrong",
    ),
    "push 429": Row((push("throttle"),), "rejected", 0, "Wait a minute"),
    "push: spike arrest": Row((error(500, "500.003.02", "Error Occurred: Spike Arrest Violation"),), "rejected", 0, "Wait a minute"),
    "push: unable to lock subscriber": Row((error(500, "500.001.1001", LOCK),), "rejected", 0, "one to two minutes"),
    "push: bad request": Row((error(400, "400.002.02", "Bad Request - Invalid PhoneNumber"),), "rejected", 0, "Invalid PhoneNumber"),
    "push: merchant does not exist": Row((error(500, "500.001.1001", "Merchant does not exist"),), "rejected", 0, "set-up is wrong"),
    "token refused": Row((), "withdrawn", 0, "set-up is wrong", env={"POS_APP_CONSUMER_SECRET": "wrong"}),
    "token: firewall": Row((("token", "html", {"times": 9}),), "withdrawn", 0, "nothing was sent"),
    # The query, with no callback to help
    "query 429": Row((*LOST, query("throttle")), "paid"),
    "query: spike arrest": Row((*LOST, query("error", status=500, code="500.003.02", text="Spike Arrest Violation")), "paid"),
    "query: HTML, empty, reset, half": Row((*LOST, query("html"), query("empty"), query("reset"), query("half")), "paid"),
    "query: pending form 1 for long": Row((*LOST, query("pending", form=1, times=6)), "paid"),
    "query: pending form 2 for long": Row((*LOST, query("pending", form=2, times=6)), "paid"),
    "query: pending form 3 for long": Row((*LOST, query("pending", form=3, times=6)), "paid"),
    "query: token refused in mid-poll": Row((*LOST, query("refuse_token", times=2)), "paid"),
    "query: a code nobody knows": Row((*LOST, query("result", code="31337", text="new", times=2)), "paid"),
    "query: another prompt's answer": Row(
        (*LOST, query("json", times=2, body={"ResponseCode": "0", "CheckoutRequestID": "ws_other", "ResultCode": "1"})), "paid"
    ),
    "query says paid before the PIN": Row(
        (query("result", code="0", text="early"),), "declined", habit=CustomerBehaviour.CANCELS, options={"habit_after_s": 15.0}
    ),
    "1037, then a late success": Row(
        (*LOST, query("result", code="1037", text="DS timeout user cannot be reached")), "paid", review=("paid_late",)
    ),
}  # fmt: skip


def until_callbacks_have_gone(mpesa: Mpesa) -> None:
    ends = time.monotonic() + 15
    while mpesa.mpesa._tasks and time.monotonic() < ends:
        time.sleep(0.02)


def settle(env: dict[str, str], wait: str) -> Ran:
    """What the next start does; what never left is withdrawn by it."""
    return run(env, "follow", "--json", "--wait", wait)


@pytest.mark.parametrize("name", list(ROWS))
def test_row(name: str, home: Path, tmp_path: Path) -> None:
    row = ROWS[name]
    options = {"speed": 20.0, "habit_after_s": 2.0, "indexed_after_s": 0.0} | row.options
    with Mpesa(habit=row.habit, **options) as mpesa, Relay(tmp_path) as relay:
        for target, fault, how in row.faults:
            mpesa.fault(target, fault, **how)
        env = environment(home, mpesa, relay if row.relay else None) | row.env
        # What stays unknown is waited for in vain: a little is enough.
        wait = "2" if row.ends == "unknown" else "8"
        asked = run(env, "request", "10", PHONE, "--wait", wait)
        if row.words:
            assert row.words in asked.err
        until_callbacks_have_gone(mpesa)
        settle(env, wait)
        sale = run(env, "sales", "--json").last
        assert sale["attempt_state"] == row.ends, (asked.out, asked.err)
        assert set(row.review) <= set(sale["reasons"]) and bool(row.review) == sale["review"]
        assert mpesa.records.pushes_seen == row.pushes
        assert len(set(mpesa.records.push_addresses)) == len(mpesa.records.push_addresses)
        holds_together(mpesa, sale, row.ends)
        assert run(env, "verify").code == 0


def holds_together(mpesa: Mpesa, sale: dict[str, Any], ends: str) -> None:
    """What the ledger says was received is what M-PESA's books say, or nobody claims to know."""
    received = mpesa.records.received_cents() // 100
    if ends == "paid":
        assert sale["received"] == received == 10
        codes = [payment.mpesa_code for payment in mpesa.records.payments]
        assert sale["mpesa_codes"] in (codes, [])
    else:
        assert sale["received"] == 0
        # Money that moved without the ledger knowing is said to be unknown, or is with a person already.
        assert received == 0 or ends == "unknown" or sale["review"]


@pytest.mark.parametrize("code", sorted(set(RESULTS) - {"0", "4999"}))
def test_each_result_code_in_words(code: str, home: Path, tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.CANCELS) as mpesa, Relay(tmp_path) as relay:
        number: int | str = int(code) if code.isdigit() else code
        mpesa.fault("callback", "alter", code=number, text="M-PESA's words")
        mpesa.fault("query", "result", code=code, text="M-PESA's words", times=99)
        asked = run(environment(home, mpesa, relay) | SLOW, "request", "10", PHONE)
        assert asked.code == 1
        words = words_of(RESULTS[code])
        assert words.word in asked.out and words.cashier in asked.err
        assert words.customer and words.meaning


def test_nobody_there(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for number, url in enumerate((refused, "https://nobody.invalid")):
        ran = run(environment(home, url), "request", "10", f"071234567{number}", "--json")
        assert (ran.code, ran.last["state"], ran.last["outcome"]) == (1, "ready", "no_connection")


def test_tls_and_proxy_errors_never_left(home: Path) -> None:
    with Mpesa() as mpesa:
        tls = environment(home, mpesa.url.replace("http://127.0.0.1", "https://127.0.0.1"))
        ran = run(tls, "request", "10", PHONE, "--json")
        assert (ran.code, ran.last["state"]) == (1, "ready")
        proxied = environment(home, "https://mpesa.invalid", HTTPS_PROXY="http://127.0.0.1:9")
        ran = run(proxied, "request", "10", "0722000000", "--json")
        assert (ran.code, ran.last["state"]) == (1, "ready")
        assert mpesa.records.pushes_seen == 0


def test_two_attempts_of_one_sale_both_paid(home: Path, tmp_path: Path) -> None:
    """The first was declined as not reached, the second paid; then the first is paid after all."""
    from fakes.till import Till

    from pos_app.domain.stk.attempt import AttemptState, Review
    from pos_app.domain.stk.schedule import Pacing

    slow = Pacing(60_000, 60_000, 60_000)
    with (
        Mpesa(habit=CustomerBehaviour.WAITS, callback_after_s=0.0, same_amount_s=0.0) as mpesa,
        Relay(tmp_path) as relay,
    ):
        with Till(tmp_path, mpesa, relay, pacing=Pacing(50, 60_000, 60_000)) as till:
            mpesa.fault("query", "result", code="1037", text="DS timeout user cannot be reached")
            first = till.request()
            sale = till.until_state(first, AttemptState.DECLINED).sale_id
            second = till.run(till.people.send_again(sale, "254722000000"))
            till.until_state(second.id, AttemptState.PENDING)
            mpesa.pays("254722000000")
            till.until_state(second.id, AttemptState.PAID)
            mpesa.pays()
            late = till.until_state(first, AttemptState.PAID)
            assert late.review == {Review.PAID_TWICE, Review.PAID_LATE}
        with Till(tmp_path, mpesa, relay, pacing=slow) as again:
            assert again.engine.following == []
        assert (mpesa.records.pushes_seen, mpesa.records.received_cents()) == (2, 2000)


def test_a_second_sale_for_the_same_phone_and_amount_waits(home: Path) -> None:
    with Mpesa() as mpesa:
        env = environment(home, mpesa)
        assert run(env, "request", "10", PHONE).code == 0
        refused = run(env, "request", "10", PHONE)
        assert refused.code == 2 and "two minutes" in refused.err
        refused = run(env, "request", "11", PHONE)
        assert refused.code == 2 and "a minute" in refused.err
        assert mpesa.records.pushes_seen == 1


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_a_pc_in_another_time_zone(home: Path, zone: str) -> None:
    from datetime import UTC, datetime, timedelta

    with Mpesa() as mpesa:
        env = environment(home, mpesa, TZ=zone)
        assert run(env, "request", "10", PHONE).code == 0
        sale = run(env, "sales", "--json").last
        sold = datetime.fromisoformat(sale["created_at"])
        assert sold.utcoffset() == timedelta(hours=3)
        assert abs(sold - datetime.now(UTC)) < timedelta(minutes=2)


@pytest.mark.parametrize("back_h", [5, -5], ids=["set-back", "slept-or-set-forward"])
def test_a_clock_that_is_set_or_a_pc_that_slept_while_it_waits(tmp_path: Path, back_h: int) -> None:
    """The wait for the next question is counted, not read off the wall: the payment made meanwhile is seen."""
    from fakes.till import Till

    from pos_app.common.clock import SystemClock
    from pos_app.domain.stk.attempt import AttemptState

    class Stepping(SystemClock):
        back_ms = 0

        def now_ms(self) -> int:
            return super().now_ms() - self.back_ms

    clock = Stepping()
    with Mpesa(habit=CustomerBehaviour.WAITS, indexed_after_s=0.0) as mpesa:
        till = Till(tmp_path, mpesa)
        till.clock = clock
        with till:
            attempt = till.request()
            till.until_state(attempt, AttemptState.PENDING)
            mpesa.pays()
            clock.back_ms = back_h * 3_600_000
            till.until_state(attempt, AttemptState.PAID)


def test_a_token_that_ends_in_mid_poll(home: Path) -> None:
    with Mpesa(token_life_s=30.0, habit_after_s=60.0, speed=20.0) as mpesa:
        assert run(environment(home, mpesa), "request", "10", PHONE, "--json").code == 0
        assert mpesa.records.tokens_given >= 2
