"""What closing leaves behind, at whatever moment it comes, and whatever falls over with it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes.servers import Mpesa
from fakes.till import Till, draft

from pos_app import bootstrap
from pos_app.bootstrap import PinAuthenticator
from pos_app.common.errors import Mistake, Outside
from pos_app.domain.staff.actor import CASHIER, MANAGER
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.domain.stk.attempt import SaleId
from pos_app.engine.commands import CheckNow, RequestStkPayment, Sender
from pos_app.engine.services.stk_sender import StkSender
from pos_app.engine.updates import Update
from pos_app.installation.installation import Installation
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.writer import LedgerWriter
from pos_app.practice.simulator.customers import CustomerBehaviour


def slowly(monkeypatch: pytest.MonkeyPatch, method: str, gate: threading.Event) -> threading.Event:
    """A write that waits for a gate; set once it has begun."""
    real, begun = getattr(LedgerWriter, method), threading.Event()

    def wait(self: LedgerWriter, *args: Any, **kwargs: Any) -> Any:
        begun.set()
        assert gate.wait(10)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(LedgerWriter, method, wait)
    return begun


def failing(monkeypatch: pytest.MonkeyPatch, is_meant: Callable[[ev.Event], bool], times: int = 1) -> list[ev.Event]:
    """A disk that is full for some events, so many times."""
    real, failed = LedgerWriter.apply, []

    def fail(self: LedgerWriter, attempt_id: Any, event: ev.Event, *args: Any, **kwargs: Any) -> Any:
        if is_meant(event) and len(failed) < times:
            failed.append(event)
            raise Outside("ledger.full", path="x")
        return real(self, attempt_id, event, *args, **kwargs)

    monkeypatch.setattr(LedgerWriter, "apply", fail)
    return failed


def state_in_ledger(till: Till, sale: int = 1) -> Any:
    with closing(LedgerReader(till.path)) as reader:
        return reader.sale(SaleId(sale)).attempt


def test_closing_while_enter_is_written_leaves_a_prompt_that_was_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    with Mpesa() as mpesa:
        with Till(tmp_path, mpesa) as till:
            begun = slowly(monkeypatch, "begin_sale", gate)
            asked = asyncio.run_coroutine_threadsafe(till.people.request(draft()), till.loop)
            assert begun.wait(5)
            stopped = asyncio.run_coroutine_threadsafe(till.engine.stop(), till.loop)
            time.sleep(0.1)
            assert not stopped.done(), "it closed over a write that is under way"
            gate.set()
            stopped.result(10)
            asked.exception(10)
        assert state_in_ledger(till).state is S.READY and mpesa.records.pushes_seen == 0
        with Till(tmp_path, mpesa) as again:
            assert again.engine.following == []
        assert state_in_ledger(till).state is S.WITHDRAWN


@pytest.mark.logs_errors
def test_an_answer_that_waits_for_the_disk_is_written_when_the_till_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa:
        with Till(tmp_path, mpesa) as till:
            failed = failing(monkeypatch, lambda event: isinstance(event, ev.PushAccepted))
            till.request()
            ends = time.monotonic() + 10
            while not failed:
                assert time.monotonic() < ends
                time.sleep(0.01)
        kept = state_in_ledger(till)
    assert kept.state is S.PENDING and kept.checkout_request_id is not None


@pytest.mark.logs_errors
def test_what_is_taken_back_on_a_full_disk_is_taken_back_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_app.engine.attempts.RETRY_WRITE_S", 0.05)
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("token", "never")
        attempt = till.request()
        till.until(attempt, lambda _attempt: not mpesa.mpesa.faults.as_json())
        failed = failing(monkeypatch, lambda event: isinstance(event, ev.PushNotSent), times=2)
        assert till.run(till.people.withdraw(attempt)).state is S.WITHDRAWN
        assert len(failed) == 2 and mpesa.records.pushes_seen == 0


class Raises:
    """A service that cannot be closed."""

    name = "a part"
    shows = None

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        raise OSError


@pytest.mark.logs_errors
def test_what_cannot_be_closed_keeps_nothing_else_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mpesa() as mpesa:
        with Till(tmp_path, mpesa) as till:
            till.call(lambda: till.engine._context.supervisor.start(Raises()))
            # Two that wait for a sender that does not run any more, and a disk that is full for the first.
            till.run(till.engine._context.supervisor.cancel())
            for number in (1, 2):
                till.request(phone=f"071234567{number}", reference=f"A{number}")
            failing(monkeypatch, lambda event: isinstance(event, ev.PushNotSent))
            till.run(till.engine.stop())
            till.run(till.engine.stop())
            states = {state_in_ledger(till, sale).state for sale in (1, 2)}
            assert states == {S.SENDING, S.READY}, "the one that could be written was"
        with Till(tmp_path, mpesa):
            assert mpesa.records.pushes_seen == 0


def test_after_the_end_a_command_is_refused_in_words(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        attempt = till.until_state(till.request(), S.PAID)
        till.run(till.engine.stop())
        for command in (RequestStkPayment(draft()), CheckNow(attempt.id)):
            with pytest.raises(Outside) as caught:
                till.run(till.engine.execute(command))
            assert caught.value.code == "engine.stopping"


def test_a_prompt_that_was_wanted_too_long_ago_does_not_leave(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        sender = Sender(CASHIER, entered_s=time.monotonic() - 31)
        attempt = till.run(till.engine.execute(RequestStkPayment(draft()), sender))
        ready = till.until_state(attempt.id, S.READY)
        assert ready.outcome is not None and mpesa.records.pushes_seen == 0


class FallsOver(list[Update]):
    """A face that keeps what it is told, and cannot bear it."""

    def append(self, update: Update) -> None:
        super().append(update)
        raise ZeroDivisionError


@pytest.mark.logs_errors
def test_a_face_that_falls_over_stops_no_payment(tmp_path: Path) -> None:
    with Mpesa() as mpesa:
        till = Till(tmp_path, mpesa)
        till.events = FallsOver()
        with till:
            till.until_state(till.request(), S.PAID)


@pytest.mark.logs_errors
def test_a_disk_that_fails_behind_a_write_makes_it_no_second_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = LedgerWriter.wait_of, []

    def fail(self: LedgerWriter, *args: Any) -> Any:
        if not failed:
            failed.append(args)
            raise Outside("ledger.full", path="x")
        return real(self, *args)

    monkeypatch.setattr(LedgerWriter, "wait_of", fail)
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("push", "error", status=400, code="400.002.02", text="Bad Request")
        refused = till.until_state(till.request(), S.REJECTED)
    assert failed and refused.review == frozenset()


def test_a_password_store_that_hangs_holds_up_nothing_but_whoever_asked_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(bootstrap, "STORE_ANSWERS_WITHIN_S", 0.2)
    monkeypatch.setattr(bootstrap, "check_pin", lambda *_: gate.wait(30))
    authenticator = PinAuthenticator(Installation())
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        asked = [
            asyncio.run_coroutine_threadsafe(authenticator.check(Sender(MANAGER, "1")), till.loop) for _ in range(6)
        ]
        till.until_state(till.request(), S.PAID)
        for one in asked:
            assert isinstance(one.exception(10), Outside)
    gate.set()


def test_a_refusal_of_what_nobody_waits_for_any_more_is_no_fault(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:

        async def ask_and_leave() -> None:
            sender: StkSender = till.engine._parts.sender

            async def refuse() -> Any:
                await asyncio.sleep(0)
                raise Mistake("sale.voided")

            waits = asyncio.create_task(sender.begin(refuse, "token", 0.0))
            await asyncio.sleep(0)
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)

        till.run(ask_and_leave())
