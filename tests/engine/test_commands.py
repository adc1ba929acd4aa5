"""The one door for commands: actor, permission, handler, reply; and the supervisor behind it."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from fakes.people import Anyone
from fakes.servers import Mpesa
from fakes.till import Till, draft

from pos_app.bootstrap import PinAuthenticator
from pos_app.common.errors import Bug, Mistake
from pos_app.domain.staff.actor import CASHIER, MANAGER, Actor, Role
from pos_app.domain.staff.permission import GRANTED, Permission
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.engine import commands, dispatcher, supervisor
from pos_app.engine.commands import Command, GiveUpAttempt, RequestStkPayment, Sender, SettleReview
from pos_app.engine.updates import EngineFailed, Health, Service, ServiceStatusChanged
from pos_app.installation.installation import Installation

ALL_COMMANDS = [
    found
    for _name, found in inspect.getmembers(commands, inspect.isclass)
    if issubclass(found, Command) and found is not Command
]


def test_every_command_has_its_handler_and_is_frozen_data() -> None:
    assert set(ALL_COMMANDS) == set(dispatcher.HANDLERS), "a command that nobody handles, or a handler of no command"
    for command in ALL_COMMANDS:
        assert command.__dataclass_params__.frozen and dataclasses.is_dataclass(command), command


def test_who_may_send_what_is_a_table_and_changes_here_too() -> None:
    assert dict(commands.REQUIRED_PERMISSION) == {
        GiveUpAttempt: Permission.GIVE_UP,
        SettleReview: Permission.SETTLE,
    }
    assert {role: set(granted) for role, granted in GRANTED.items()} == {
        Role.CASHIER: set(),
        Role.MANAGER: {Permission.GIVE_UP, Permission.SETTLE},
        Role.SYSTEM: set(),
    }


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda command: command.__name__)
def test_each_handler_takes_its_command_and_brings_its_reply(command: type[Command[Any]]) -> None:
    (reply,) = get_args(command.__orig_bases__[0])
    hints = get_type_hints(dispatcher.HANDLERS[command])
    first = next(iter(hints.values()))
    assert (first, hints["return"]) == (command, type(None) if reply is None else reply)


def test_a_pin_is_shown_by_no_repr() -> None:
    assert "4711" not in repr(Sender(MANAGER, "4711"))


class Refuses(Anyone):
    """Knows no PIN, and counts who was asked about."""

    def __init__(self) -> None:
        self.asked: list[Sender] = []

    async def check(self, sender: Sender) -> None:
        self.asked.append(sender)
        raise Mistake("manager.wrong_pin")


def test_the_permission_is_checked_before_anything_is_done(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        mpesa.fault("push", "accept_lost")
        lost = till.until_state(till.request(), S.UNKNOWN)
        refuses = till.engine._dispatcher._authenticator = Refuses()
        wishes = (GiveUpAttempt(lost.id, "left"), SettleReview(lost.sale_id, "not there"))
        for wish in wishes:
            with pytest.raises(Mistake) as caught:
                till.run(till.engine.execute(wish, Sender(CASHIER, "0000")))
            assert caught.value.code == "permission.missing"
        assert refuses.asked == [], "a cashier's PIN opens nothing"
        for wish in wishes:
            with pytest.raises(Mistake) as caught:
                till.run(till.engine.execute(wish, Sender(MANAGER, "1234")))
            assert caught.value.code == "manager.wrong_pin"
        assert till.attempt(lost.id).state is S.UNKNOWN
        till.engine._dispatcher._authenticator = Anyone()
        given_up = till.run(till.engine.execute(wishes[0], Sender(Actor("Njeri", MANAGER.role), "1234")))
        assert given_up.state is S.ABANDONED


def test_the_managers_pin_is_checked_where_commands_are_carried_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POS_APP_ENVIRONMENT", "practice")
    authenticator = PinAuthenticator(Installation())
    asyncio.run(authenticator.check(Sender(MANAGER, "0000")))
    with pytest.raises(Mistake) as caught:
        asyncio.run(authenticator.check(Sender(MANAGER, "1111")))
    assert caught.value.code == "manager.wrong_pin"


@pytest.mark.logs_errors
def test_what_no_handler_expected_is_a_bug_that_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def falls(*_: Any) -> None:
        raise ZeroDivisionError

    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        monkeypatch.setitem(dispatcher.HANDLERS, RequestStkPayment, falls)
        with pytest.raises(Bug) as caught:
            till.run(till.engine.execute(RequestStkPayment(draft())))
        assert (caught.value.code, caught.value.params["kind"]) == ("program.fault", "ZeroDivisionError")
        monkeypatch.delitem(dispatcher.HANDLERS, RequestStkPayment)
        with pytest.raises(Bug) as unknown:
            till.run(till.engine.execute(RequestStkPayment(draft())))
        assert unknown.value.code == "command.unknown"


def test_enter_to_sending_is_one_transaction(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        commits: list[str] = []
        writer = till.engine._context.ledger._writer
        writer._unit.db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        attempt = till.run(till.people.request(draft()))
        assert (attempt.state, len(commits)) == (S.SENDING, 1)
        till.until_state(attempt.id, S.PAID)


class Falls:
    """A service that falls over twice, then works."""

    name = "a part"
    shows = Service.RELAY

    def __init__(self) -> None:
        self.runs = 0
        self.works = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.runs < 3:
            raise OSError
        self.works.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.works.clear()


@pytest.mark.logs_errors
def test_a_service_that_falls_over_begins_again_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        service = till.call(Falls)
        till.call(lambda: till.engine._context.supervisor.start(service))
        till.run(asyncio.wait_for(service.works.wait(), 10))
        assert service.runs == 3
        said = [one.params for one in till.events if isinstance(one, EngineFailed)]
        assert said == [{"part": "a part"}] * 2
        told = [one for one in till.events if isinstance(one, ServiceStatusChanged) and one.health is Health.DOWN]
        assert [(one.service, one.code) for one in told] == [(Service.RELAY, "engine.part_again")]
        till.until_state(till.request(), S.PAID)
    assert not service.works.is_set(), "it was not asked to lay down what it holds"
