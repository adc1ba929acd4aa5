"""Never guess, as a stranger to the code meets it: real processes against a second voice of M-PESA."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from e2e.program import PROGRAM, environment, run
from fakes.scripted import ACCEPTED, PROCESSING, Said, Scripted, result, says
from fakes.servers import Mpesa

from pos_app.practice.simulator.customers import CustomerBehaviour

PAGE = b"<html>504 Gateway Time-out: rate limit or quota exceeded</html>"
SALE = ("request", "20", "0712345600", "--reference")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (504, PAGE),
        (503, PAGE),
        (500, b'{"Envelope":{"Body":{"Fault":{"faultstring":"quota"}}}}'),
        (408, b'{"errorCode":"408.1"}'),
    ],
)
def test_after_a_gateways_page_nobody_is_prompted_twice(home: Path, status: int, body: bytes) -> None:
    with Scripted(push=says(Said(body, status))) as mpesa:
        env = environment(home, mpesa.url)
        first = run(env, *SALE, "GW504", "--wait", "1", "--json")
        assert (first.code, first.last["state"]) == (3, "unknown")
        again = run(env, *SALE, "SECOND", "--wait", "1")
        assert again.code == 2 and "Wait" in again.err
        assert len(mpesa.asked["push"]) == 1


def test_the_same_sale_again_is_refused_unless_told_anyway(home: Path) -> None:
    with Scripted(query=says(Said(PROCESSING, 500))) as mpesa:
        env = environment(home, mpesa.url)
        assert run(env, *SALE, "A0044", "--wait", "1").code == 3
        again = run(env, *SALE, "A0044", "--wait", "1")
        assert again.code == 2
        assert "A0044 for this phone and amount is not confirmed yet" in again.err
        anyway = run(env, *SALE, "A0044", "--wait", "1", "--anyway")
        assert anyway.code == 2 and "Wait" in anyway.err, "M-PESA's own two minutes hold all the same"
        assert len(mpesa.asked["push"]) == 1


def test_an_accepted_push_with_odd_words_is_followed_to_its_end(home: Path) -> None:
    push = says(Said(ACCEPTED | {"CustomerMessage": None, "ResponseDescription": [1]}, 201))
    with Scripted(push=push, query=says(result("1032"))) as mpesa:
        done = run(environment(home, mpesa.url), *SALE, "B1", "--wait", "20", "--json")
        assert (done.code, done.last["state"]) == (1, "declined")


@pytest.mark.parametrize("spelled", ["00", "0.0", " 0 "])
def test_what_only_looks_like_zero_is_not_paid(home: Path, spelled: str) -> None:
    with Scripted(query=says(result(spelled))) as mpesa:
        done = run(environment(home, mpesa.url), *SALE, "B2", "--wait", "2", "--json")
        assert done.code == 3 and "paid" not in [line["state"] for line in done.lines]


def test_paid_without_a_code_says_so_in_every_word(home: Path) -> None:
    with Scripted(query=says(result("0"))) as mpesa:
        env = environment(home, mpesa.url)
        done = run(env, *SALE, "B3", "--wait", "20")
        assert done.code == 0 and "code to follow" in done.out and "code" in done.err
        assert "code to follow" in run(env, "sales").out


def test_a_clock_of_2010_is_said_in_plain_words_and_dates_nothing(home: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.PAYS) as mpesa:
        env = environment(home, mpesa)
        assert run(env, *SALE, "B4", "--json").code == 0
        env = environment(home, "http://127.0.0.1:9")
        # The program's own clock, as a PC without a battery has it.
        script = (
            "import sys, time; real = time.time_ns; time.time_ns = lambda: real() - 16 * 365 * 86400 * 10**9;"
            " from pos_app.__main__ import main; sys.argv[0] = 'pos-app'; sys.exit(main())"
        )
        done = subprocess.run(
            [PROGRAM[0], "-c", script, "request", "30", "0712345601", "--reference", "B5"],
            env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2 and "clock" in done.stderr, done.stderr
        assert "B5" not in run(environment(home, mpesa), "sales").out


def test_a_missing_end_is_explained_and_can_be_accepted(home: Path) -> None:
    with Mpesa() as mpesa:
        env = environment(home, mpesa)
        assert run(env, *SALE, "C1", "--json").code == 0
        ledger = home / "sandbox" / "ledger.sqlite3"
        early = ledger.read_bytes()
        assert run(env, "request", "21", "0712345601", "--reference", "C2", "--json").code == 0
        ledger.write_bytes(early)
        broken = run(env, "request", "22", "0712345602", "--reference", "C3")
        assert broken.code != 0 and "--accept-missing-end" in broken.err
        assert run(env, "restore", "--accept-missing-end", str(ledger)).code == 2
        assert run(env, "restore").code == 2
        accepted = run(env, "restore", "--accept-missing-end")
        assert accepted.code == 0 and "are gone" in accepted.out and "statement" in accepted.out
        assert run(env, "restore", "--accept-missing-end").code == 2, "nothing is missing any more"
        assert run(env, "verify").code == 0
        assert run(env, "request", "23", "0712345603", "--reference", "C4", "--json").code == 0


def test_a_till_that_lies_on_a_share_is_open_in_one_place_only(home: Path, tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa:
        env = environment(home, mpesa)
        first = subprocess.Popen(
            [*PROGRAM, *SALE, "D1", "--wait", "20", "--json"], env=env, stdout=subprocess.PIPE, text=True
        )
        try:
            assert first.stdout is not None
            first.stdout.readline()
            other = tmp_path / "other-home"
            other.mkdir()
            (other / "sandbox").symlink_to(home / "sandbox")
            second = run(environment(other, mpesa), "request", "21", "0712345601", "--reference", "D2")
            assert second.code != 0 and "already open" in second.err
        finally:
            first.terminate()
            first.wait(timeout=20)
            first.stdout.close()


def test_a_kept_alive_minute_is_not_needed_to_know_what_time_it_is(home: Path) -> None:
    """The Timestamp is M-PESA's time where that is known, whatever this PC's zone or clock."""
    with Scripted(query=says(result("1032"))) as mpesa:
        env = environment(home, mpesa.url) | {"TZ": "America/New_York"}
        run(env, *SALE, "E1", "--wait", "10", "--json")
        stamp = json.loads(json.dumps(mpesa.asked["push"][0].body))["Timestamp"]
    eat = time.strftime("%Y%m%d%H%M", time.gmtime(time.time() + 3 * 3600))
    assert stamp[:11] == eat[:11]
