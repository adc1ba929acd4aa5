"""What `request` and `follow` print and end with, and what every other command ends with, case by case.

Each case has an installation, an M-PESA and a few processes of its own. Its exit codes stand here, by hand, in the
order of its commands; its lines in a golden file. `UPDATE_GOLDEN=1` writes those anew (`contract.golden`).
"""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from contract.golden import Names, files_under, hold
from contract.program import Ran, environment, ran, run, run_all, side_by_side, start
from contract.week import MONDAY, NOBODY, PlainServer, code
from fakes.servers import Relay

from pos_app.practice.simulator.customers import CustomerBehaviour

PHONE, MSISDN = "0712345678", "254712345678"
A_SALE = ("request", "1250", PHONE, "--reference", "A0044")


@dataclass(slots=True)
class Case:
    """One installation and what was said there."""

    home: Path
    told: list[Ran] = field(default_factory=list)

    @contextlib.contextmanager
    def mpesa(self, habit: CustomerBehaviour = CustomerBehaviour.WAITS) -> Iterator[PlainServer]:
        with PlainServer(habit=habit) as mpesa:
            yield mpesa

    def run(self, env: dict[str, str], *words: str) -> Ran:
        self.told.append(run(env, *words))
        return self.told[-1]


def by_callback(case: Case) -> None:
    case.home.mkdir()
    with case.mpesa(CustomerBehaviour.PAYS) as mpesa, Relay(case.home) as relay:
        env = environment(case.home, mpesa, relay, POS_APP_FIRST_QUERY_S="60")
        case.run(env, *A_SALE, "--json")
        case.run(env, "request", "1", "+254 712-000-111")
        mpesa.customer("254112000222", habit=CustomerBehaviour.WAITS)
        case.run(env | {"POS_APP_LANGUAGE": "sw"}, "request", "250,000", "0112000222", "--wait", "0")


def by_queries(case: Case) -> None:
    with case.mpesa(CustomerBehaviour.PAYS) as mpesa:
        env = environment(case.home, mpesa)
        case.run(env, *A_SALE, "--json")
        case.run(env | {"POS_APP_LANGUAGE": "sw"}, "request", "30", "0712000111")


def not_paid(case: Case) -> None:
    """Each in a home of its own: the next start asks once more about what was declined, and says so."""
    with case.mpesa(CustomerBehaviour.CANCELS) as mpesa:
        case.run(environment(case.home / "1", mpesa), *A_SALE, "--json")
        mpesa.customer("254712000001", habit=CustomerBehaviour.WRONG_PIN)
        case.run(environment(case.home / "2", mpesa), "request", "10", "0712000001", "--json")
        mpesa.customer("254712000002", habit=CustomerBehaviour.PAYS, balance_cents=0)
        case.run(environment(case.home / "3", mpesa), "request", "10", "0712000002", "--json")
        mpesa.customer("254712000003", is_locked=True)
        case.run(environment(case.home / "4", mpesa), "request", "10", "0712000003", "--json")
        case.run(environment(case.home / "5", mpesa, POS_APP_LANGUAGE="sw"), "request", "12", "0712000005")


def not_sent(case: Case) -> None:
    with case.mpesa() as mpesa:
        env = environment(case.home, mpesa)
        mpesa.fault("push", "error", status=400, code="400.002.02", text="Bad Request - Invalid PhoneNumber")
        case.run(env, *A_SALE, "--json")
        mpesa.fault("push", "throttle")
        case.run(env, "request", "10", "0712000001", "--json")
    case.run(environment(case.home, NOBODY), "request", "10", "0712000003", "--json")


def not_known(case: Case) -> None:
    """The push is lost before M-PESA reads it: nobody can ever be asked."""
    with case.mpesa() as mpesa:
        env = environment(case.home, mpesa)
        mpesa.fault("push", "reset")
        case.run(env, *A_SALE, "--json", "--wait", "0")
        # The same sale typed in anew, another one to the same phone, and the first after all.
        case.run(env, *A_SALE)
        case.run(env, "request", "1250", PHONE, "--reference", "A0045", "--wait", "0")
        case.run(env, "follow", "--json", "--wait", "0")
        case.run(env | {"POS_APP_LANGUAGE": "sw"}, "follow", "--wait", "0")


def left_open(case: Case) -> None:
    with case.mpesa() as mpesa:
        env = environment(case.home, mpesa)
        case.run(env, *A_SALE, "--json", "--wait", "0")
        case.run(env, "follow", "--json", "--wait", "0")
        mpesa.pays(MSISDN)
        case.run(env, "follow", "--json")


def left_open_then_declined(case: Case) -> None:
    with case.mpesa() as mpesa:
        env = environment(case.home, mpesa)
        case.run(env, *A_SALE, "--json", "--wait", "0")
        assert mpesa.call(lambda: mpesa.mpesa.cancel(MSISDN)) == "1032"
        case.run(env, "follow", "--json")


def paid_late(case: Case) -> None:
    """1037 from the query while the prompt still stands; the customer pays when the till is closed."""
    with case.mpesa() as mpesa:
        env = environment(case.home, mpesa)
        mpesa.mpesa.says[MSISDN] = "1037"  # type: ignore[attr-defined]
        case.run(env, *A_SALE, "--json")
        del mpesa.mpesa.says[MSISDN]  # type: ignore[attr-defined]
        mpesa.pays(MSISDN)
        case.run(env, "follow", "--json")


def in_use(case: Case) -> None:
    """The till is open: readers work beside it, nothing else does. A polite end leaves the prompt open."""
    with case.mpesa() as mpesa:
        env = environment(case.home, mpesa)
        holder = start(env, *A_SALE, "--json")
        assert holder.stdout is not None
        first = [holder.stdout.readline() for _ in range(2)]
        assert json.loads(first[1])["state"] == "pending"
        case.run(env, "request", "10", "0712000001", "--json")
        case.run(env | {"POS_APP_LANGUAGE": "sw"}, "follow")
        case.run(env, "restore", "--accept-missing-end")
        case.told += run_all(env, [("sales", "--find", "A0044"), ("verify",), ("backup", str(case.home / "copy"))])
        holder.send_signal(signal.SIGTERM)
        rest, err = holder.communicate(timeout=30)
        case.told.append(ran((*A_SALE, "--json"), holder.returncode, "".join(first) + rest, err))


def nothing_there(case: Case) -> None:
    env = environment(case.home, NOBODY)
    copy = str(case.home / "none")
    commands = (("sales",), ("sales", "--json"), ("follow",), ("follow", "--json"), ("export",), ("verify",),
                ("backup", copy), ("restore", copy), ("relay", "list"))  # fmt: skip
    case.told += run_all(env, commands, at=f"{MONDAY} 12:00:00")


def not_set_up(case: Case) -> None:
    env = environment(case.home) | {"POS_APP_ENVIRONMENT": "production"}
    case.run(env, *A_SALE, "--json")
    case.run(environment(case.home, NOBODY) | {"POS_APP_ENVIRONMENT": "moon"}, *A_SALE)
    case.run(environment(case.home, NOBODY) | {"POS_APP_FIRST_QUERY_S": "soon"}, *A_SALE)


def unreadable_settings(case: Case) -> None:
    case.home.mkdir()
    (case.home / "settings.toml").write_text("format = 1\n[shop\n")
    env = environment(case.home, NOBODY)
    copy = str(case.home / "copy")
    commands = (A_SALE, ("follow",), ("sales", "--json"), ("export",), ("verify",), ("backup", copy), ("doctor",))
    case.told += run_all(env, commands)
    case.told += run_all(env | {"POS_APP_LANGUAGE": "sw"}, [A_SALE])


def wrong_use(case: Case) -> None:
    env = environment(case.home, NOBODY)
    commands = (
        ("request",), ("request", "10"), ("request", "0", PHONE), ("request", "-5", PHONE), ("request", "1.5", PHONE),
        ("request", "250001", PHONE), ("request", "abc", PHONE), ("request", "10", "0712"),
        ("request", "10", "+255712345678"), ("request", "10", "0202222222"),
        ("request", "10", PHONE, "--reference", "A" * 13), ("request", "10", PHONE, "--reference", "A-1"),
        ("request", "10", PHONE, "--wait", "x"), ("request", "10", PHONE, "--unknown"), ("sales", "--day", "2026-13-40"),
        ("export", "--day", "yesterday"), ("follow", "--wait", "-1"), ("restore",), ("relay", "revoke", "nobody"),
    )  # fmt: skip
    case.told += run_all(env, commands)
    case.told += run_all(env | {"POS_APP_LANGUAGE": "sw"}, [("request", "0", PHONE), ("request", "10", "0712")])
    assert not (case.home / "sandbox").exists(), "wrong use left something"


def copies(case: Case) -> None:
    with case.mpesa(CustomerBehaviour.PAYS) as mpesa:
        env = environment(case.home, mpesa)
        case.run(env, *A_SALE, "--json")
    copy = str(case.home / "copy")
    case.told += run_all(
        env, [("backup", copy), ("backup", copy), ("restore", copy), ("restore", copy, "--accept-missing-end")]
    )


def mailbox(case: Case) -> None:
    database = ("--database", str(case.home / "mail.sqlite3"))
    case.home.mkdir()
    case.told += run_all(
        environment(case.home),
        [
            ("relay", "add-till", "shop-1", "--json", *database), ("relay", "add-till", "shop-1", "--json", *database),
            ("relay", "add-till", "shop-2", "--shop", "duka", "--url", "https://relay.example", "--json", *database),
            ("relay", "rotate", "shop-1", "--json", *database), ("relay", "list", "--json", *database),
            ("relay", "purge", *database), ("relay", "revoke", "shop-1", *database),
            ("relay", "revoke", "nobody", *database), ("relay", "list", *database),
        ],
    )  # fmt: skip


CASES: dict[Callable[[Case], None], list[int]] = {
    by_callback: [0, 0, 3],
    by_queries: [0, 0],
    not_paid: [1, 1, 1, 1, 1],
    not_sent: [1, 1, 1],
    not_known: [3, 2, 2, 3, 3],
    left_open: [3, 3, 0],
    left_open_then_declined: [3, 1],
    paid_late: [1, 0],
    in_use: [2, 2, 2, 0, 0, 0, 3],
    nothing_there: [0, 0, 0, 0, 2, 2, 2, 2, 2],
    not_set_up: [2, 2, 2],
    unreadable_settings: [2, 2, 2, 2, 2, 2, 1, 2],
    wrong_use: [2] * 21,
    copies: [0, 0, 2, 0, 2],
    mailbox: [0, 2, 0, 0, 0, 0, 0, 2, 0],
}
MORE = {
    "EVENTS": r"(?<=, )\d+(?= events)",
    "TOKEN": r"(?<=\"token\": \")[\w-]{20,}",
    "PAIRING": r"(?<=\"pairing\": \")[^\"]{20,}",
    "STAMP": r"\b\d{8}T\d{6}Z",
    "SECONDS": r"(?<=Wait )\d+(?= s)",
    "TIME": r"(?m)^\d\d:\d\d(?=  )",
}


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("lines")

    def play(case: Callable[[Case], None]) -> Case:
        played = Case(folder / case.__name__)
        case(played)
        return played

    return side_by_side({case.__name__: lambda case=case: play(case) for case in CASES})  # type: ignore[misc]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_exit_codes(told: dict[str, Case], case: Callable[[Case], None]) -> None:
    assert [one.code for one in told[case.__name__].told] == CASES[case]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_is_said(told: dict[str, Case], case: Callable[[Case], None]) -> None:
    played = told[case.__name__]
    names = Names({played.home: "HOME"}, MORE)
    hold(f"lines/{case.__name__}.txt", names("\n".join(one.transcript() for one in played.told)))


@pytest.mark.parametrize(
    ("case", "number", "states"),
    [
        (by_callback, 0, ["sending", "pending", "paid"]),
        (by_queries, 0, ["sending", "pending", "paid"]),
        (not_paid, 0, ["sending", "pending", "declined"]),
        (not_sent, 0, ["sending", "rejected"]),
        (not_sent, 2, ["sending", "ready"]),
        (not_known, 0, ["sending", "unknown"]),
        (left_open, 0, ["sending", "pending"]),
        (left_open, 1, ["pending"]),
        (left_open, 2, ["pending", "paid"]),
        (left_open_then_declined, 1, ["pending", "declined"]),
        (paid_late, 1, ["declined", "paid"]),
        (in_use, 6, ["sending", "pending"]),
    ],
)  # fmt: skip
def test_the_states_of_the_lines(
    told: dict[str, Case], case: Callable[[Case], None], number: int, states: list[str]
) -> None:
    assert [json.loads(line)["state"] for line in told[case.__name__].told[number].out.splitlines()] == states


def test_codes_stand_where_money_came_with_one(told: dict[str, Case]) -> None:
    by_code = json.loads(told["by_callback"].told[0].out.splitlines()[-1])
    without = json.loads(told["by_queries"].told[0].out.splitlines()[-1])
    late = json.loads(told["paid_late"].told[1].out.splitlines()[-1])
    assert (by_code["mpesa_code"], by_code["review"]) == (code(1), False)
    assert (without["mpesa_code"], without["review"]) == (None, False)
    assert (late["mpesa_code"], late["review"], late["reasons"]) == (None, True, ["paid_late"])


def test_no_golden_file_is_of_no_case() -> None:
    assert files_under("lines") == {f"lines/{case.__name__}.txt" for case in CASES}
