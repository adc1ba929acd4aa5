"""What doctor and settings check before anybody pays: real servers, no window."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.servers import Canned, Mpesa, Relay

from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.installation.checks import PrinterCheck, RelayCheck, check_connection, check_printer, check_relay
from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_SECRET
from pos_app.settings.effective import RelayAccess
from pos_app.settings.model import Environment


def test_a_connection_that_works_says_how_wrong_this_clock_is() -> None:
    with Mpesa(date_skew_s=-600) as mpesa:
        found = check_connection(PRACTICE_KEY, PRACTICE_SECRET, Environment.SANDBOX, mpesa.url)
    assert (found.problem, found.is_reached, found.minutes_wrong) == (None, True, 10)


def test_a_clock_that_is_right_and_one_that_is_not_known() -> None:
    with Mpesa() as mpesa:
        assert check_connection(PRACTICE_KEY, PRACTICE_SECRET, Environment.SANDBOX, mpesa.url).minutes_wrong == 0


@pytest.mark.parametrize(
    ("key", "is_there", "problem", "is_reached"),
    [("wrong", True, OutcomeKind.WRONG_CREDENTIALS, True), (PRACTICE_KEY, False, OutcomeKind.NO_CONNECTION, False)],
)
def test_why_there_is_no_token(key: str, is_there: bool, problem: OutcomeKind, is_reached: bool) -> None:
    with Mpesa() as mpesa:
        url = mpesa.url if is_there else "http://127.0.0.1:9"
        found = check_connection(key, PRACTICE_SECRET, Environment.SANDBOX, url)
    assert (found.problem, found.is_reached) == (problem, is_reached)


def test_a_relay_that_knows_the_till_one_that_does_not_and_none(tmp_path: Path) -> None:
    with Relay(tmp_path) as relay:
        assert check_relay(RelayAccess(relay.url, "till-1", relay.token)) is RelayCheck.KNOWS_US
        assert check_relay(RelayAccess(relay.url, "till-1", "guessed")) is RelayCheck.REFUSES
    with Canned(b"", 500) as broken:
        assert check_relay(RelayAccess(broken.url, "till-1", "x")) is RelayCheck.REFUSES
    assert check_relay(RelayAccess("http://127.0.0.1:9", "till-1", "x")) is RelayCheck.UNREACHABLE


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", PrinterCheck.NONE), ("escpos:192.168.1.5", PrinterCheck.SET), ("escpos:/dev/usb/lp0", PrinterCheck.SET),
        ("escpos:", PrinterCheck.WRONG_ADDRESS), ("escpos:host:port", PrinterCheck.WRONG_ADDRESS),
        ("EPSON TM-T20", PrinterCheck.SET),
    ],
)  # fmt: skip
def test_a_printer_is_set_or_its_address_can_be_none(name: str, found: PrinterCheck) -> None:
    assert check_printer(name) is found
