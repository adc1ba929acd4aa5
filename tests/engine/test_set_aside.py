"""A new ledger in the place of one of the first edition: it begins at its mailbox's end and says so."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TypeVar

import pytest
from fakes.old_home import make_old_home
from fakes.servers import Mpesa, Relay
from fakes.till import Till

from pos_app.bootstrap import Runtime
from pos_app.common.http import HttpClient, Request, Timeouts
from pos_app.common.tokens import new_address_token, token_digest
from pos_app.domain.stk.attempt import AttemptState
from pos_app.engine.updates import MailboxBegun, PaymentArrived, Polled
from pos_app.installation.installation import Installation
from pos_app.ledger import first_edition, writer
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.writer import LedgerWriter
from pos_app.practice.simulator.shop import PRACTICE_SHORTCODE

DAY = "2026-11-29"
U = TypeVar("U")


class Street:
    """Whoever writes to the relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._web = HttpClient(Timeouts(2, 10, 12), use_proxies=False)
        self._address = new_address_token()
        relay.run(relay.store.expect_payments("till-1", token_digest(self._address), 0))

    def callback(self, body: bytes) -> None:
        self._post(f"c/till-1/{'T' * 22}", body)

    def pay(self, code: str) -> None:
        self._post(f"p/till-1/{self._address}", confirmation(code))

    def _post(self, path: str, body: bytes) -> None:
        assert self._web.send(Request("POST", f"{self._relay.url}/{path}", {}, body)).status == 200


def heard(till: Till, kind: type[U]) -> U:
    """The first update of a kind."""
    ends = time.monotonic() + 20
    while not (found := [update for update in till.events if isinstance(update, kind)]):
        assert time.monotonic() < ends, till.events
        time.sleep(0.01)
    return found[0]


def confirmation(code: str) -> bytes:
    paid = {"TransID": code, "TransAmount": "250.00", "TransTime": "20261129110000"}
    return json.dumps(paid | {"BusinessShortCode": PRACTICE_SHORTCODE}).encode()


@pytest.fixture(autouse=True)
def clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came a moment before the new ledger began is the old one's."""
    monkeypatch.setattr(writer, "CLOCKS_APART_MS", 0)


def test_what_waits_in_the_mailbox_is_of_the_old_one_and_what_comes_is_of_the_new(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        ledger, street = make_old_home(tmp_path / "sandbox"), Street(relay)
        for number in range(250):
            street.callback(b"%d" % number)
        street.pay("TKN7RT61S1")
        first_edition.set_aside(ledger, DAY)
        with Till(tmp_path, mpesa, relay) as till:
            assert heard(till, MailboxBegun).passed_over == 251
            street.pay("TKN7RT61S2")
            arrived = heard(till, PaymentArrived)
            assert arrived.payment is not None and arrived.payment.mpesa_code == "TKN7RT61S2"
            till.until_state(till.request(), AttemptState.PAID)
        with Till(tmp_path, mpesa, relay) as till:
            heard(till, Polled)
            assert not [one for one in till.events if isinstance(one, MailboxBegun)], "once"
    reader = LedgerReader(ledger)
    assert [one.mpesa_code for one in reader.free_payments()] == ["TKN7RT61S2"] and reader.stray_count() == 0
    reader.close()


def test_what_came_since_the_new_one_began_is_its_own_however_late_it_reads(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        ledger, street = make_old_home(tmp_path / "sandbox"), Street(relay)
        street.pay("TKN7RT61S1")
        first_edition.set_aside(ledger, DAY)
        # It sells while its relay is away.
        LedgerWriter(ledger, "sandbox").close()
        street.pay("TKN7RT61S2")
        with Till(tmp_path, mpesa, relay) as till:
            assert heard(till, MailboxBegun).passed_over == 1
            arrived = heard(till, PaymentArrived)
            assert arrived.payment is not None and arrived.payment.mpesa_code == "TKN7RT61S2"


def test_a_mailbox_that_is_empty_has_nothing_to_pass_over(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        ledger = make_old_home(tmp_path / "sandbox")
        first_edition.set_aside(ledger, DAY)
        with Till(tmp_path, mpesa, relay) as till:
            assert heard(till, MailboxBegun).passed_over == 0
            till.until_state(till.request(), AttemptState.PAID)


def test_practice_makes_room_by_itself_with_its_relay() -> None:
    installation = Installation()
    make_old_home(installation.ledger.parent)
    (installation.ledger.parent / "relay.sqlite3").write_bytes(b"not a database")

    async def start_and_stop() -> None:
        runtime = Runtime(installation, installation.access(), lambda _update: None)
        await runtime.start()
        await runtime.stop()

    asyncio.run(start_and_stop())
    folder = next(installation.ledger.parent.glob("first-edition-*"))
    assert (folder / "relay.sqlite3").read_bytes() == b"not a database"
    assert len(list((folder / "copies").glob("*.sqlite3"))) == 14
    reader = LedgerReader(installation.ledger)
    assert reader.environment() == "practice"
    reader.close()
