"""Ninety days of a till in minutes: weekends, midnights, sleeping PCs, clocks that are set, a router and a relay away for days.

Till, M-PESA and relay are the real ones and talk over real sockets; only their time is made to run (`fakes.fast_time`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.fast_time import FastClock, FastLoop
from fakes.people import Anyone, People
from fakes.till import access, draft

from pos_app.common import asgi_server, http, logs
from pos_app.common.asgi_server import LoopbackServer
from pos_app.common.errors import Mistake
from pos_app.common.tokens import new_address_token, token_digest
from pos_app.daraja import client as daraja_client
from pos_app.daraja import pace
from pos_app.domain.stk.schedule import DEFAULT_PACING
from pos_app.engine import attempts, ledger_thread, supervisor
from pos_app.engine.context import SalesContext
from pos_app.engine.engine import Engine
from pos_app.engine.handlers import stk
from pos_app.engine.services import code_reservations, daily_backup, prompt_registrar, relay_reader
from pos_app.engine.updates import EngineFailed, Update
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.verify import verify
from pos_app.practice.simulator import app as practice_app
from pos_app.practice.simulator import callbacks as practice_callbacks
from pos_app.practice.simulator import service as practice_service
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.server import PracticeServer
from pos_app.practice.simulator.service import PracticeMpesa
from pos_app.practice.simulator.shop import Shop, SimulatorOptions
from pos_app.relay import app as relay_app
from pos_app.relay import callbacks as relay_callbacks
from pos_app.relay import retention, store_sqlite
from pos_app.relay.store_sqlite import SqliteStore
from pos_app.settings.effective import RelayAccess

DAYS = int(os.environ.get("LONG_LIFE_DAYS", "90"))
DAY_S = 86_400.0
WITH_RELAY = range(8, 22)
RELAY_AWAY = range(14, 17)
ROUTER_AWAY = (5, 36, 37)
HABITS = (
    CustomerBehaviour.PAYS,
    CustomerBehaviour.PAYS,
    CustomerBehaviour.PAYS,
    CustomerBehaviour.CANCELS,
    CustomerBehaviour.WRONG_PIN,
    CustomerBehaviour.IGNORES,
)


class Street:
    """The shop, its M-PESA and its relay."""

    def __init__(self, folder: Path, loop: FastLoop, clock: FastClock) -> None:
        self.folder = folder
        self.loop = loop
        self.clock = clock
        self.chance = random.Random(20)
        self.mpesa = PracticeMpesa(Shop(), SimulatorOptions(habit_after_s=20.0))
        self.ledger = folder / "sandbox" / "ledger.sqlite3"
        self.failures: list[Update] = []
        self.seen = Counter[str]()
        self.day_number = 0
        self._engine: Engine | None = None
        self._sales = 0
        # Each of them within a fortnight, on no day that is like another.
        self._happenings = itertools.cycle(self.chance.sample(range(40), 40))

    async def build(self) -> None:
        """M-PESA and the relay go up, for good."""
        self.server = PracticeServer(self.mpesa)
        await self.server.start()
        self.store = SqliteStore(self.folder / "relay.sqlite3")
        self._token = self.store.add_device("till-1")
        await self.store.start()
        self.relay = LoopbackServer(relay_app.make_app(self.store))
        await self.relay.start()
        self._payments_token = new_address_token()
        await self.store.expect_payments("till-1", token_digest(self._payments_token), 0)

    async def tear_down(self) -> None:
        await self.server.stop()
        await self.relay.stop()
        await self.store.stop()
        self.store.close()

    def is_away(self, url: str) -> bool:
        """Whether nothing gets through to an address today."""
        if self.day_number in ROUTER_AWAY:
            return True
        return self.day_number in RELAY_AWAY and url.startswith(self.relay.url)

    async def open(self) -> None:
        with_relay = self.day_number in WITH_RELAY
        reached = access(self.server.url, pacing=DEFAULT_PACING)
        if with_relay:
            relay = RelayAccess(self.relay.url, "till-1", self._token)
            reached = replace(reached, relay=relay, callback_base=f"{self.relay.url}/c/till-1")
        self._engine = Engine(
            self.ledger, reached, SalesContext("Asha", "Till 1"), self._hear, authenticator=Anyone(), clock=self.clock
        )
        await self._engine.open()
        await self._engine.start()
        self.seen["starts"] += 1
        self._duties = {"status poller", "daily backup", "STK sender"}
        if with_relay:
            self._duties |= {"relay reader", "prompt registrar", "code reservations"}

    def _hear(self, event: Update) -> None:
        if isinstance(event, EngineFailed):
            self.failures.append(event)

    async def close(self) -> None:
        """The evening: no duty is dead, and nothing of the day's sales is held on to but what is still followed."""
        assert self._engine is not None
        names = {task.get_name() for task in self._engine._context.supervisor._tasks}
        assert names >= self._duties, f"a duty is dead: {names}"
        assert len(self._engine._context.supervisor._tasks) < 20, f"tasks that never end: {names}"
        await self._engine.stop()
        self._engine = None

    async def sell(self) -> None:
        assert self._engine is not None
        self._sales += 1
        phone = f"0700{self._sales:06d}"
        customer = self.mpesa.customer("254" + phone[1:])
        customer.habit, customer.habit_after_s = self.chance.choice(HABITS), self.chance.uniform(3, 50)
        try:
            await People(self._engine).request(draft(str(self.chance.randrange(1, 900)), phone, f"S{self._sales}"))
        except Mistake as mistake:
            self.seen[mistake.code] += 1

    async def live_through(self, number: int) -> None:
        """A day from midnight to midnight."""
        began_s, self.day_number = self.loop.time(), number
        self.clock.wrong_ms = 0
        urls = self.mpesa.records.confirmation_urls
        urls.clear()
        if number in WITH_RELAY:
            urls[Shop().paybill] = f"{self.relay.url}/p/till-1/{self._payments_token}"
        if number % 7 != 6:
            await self._work(began_s)
        await asyncio.sleep(max(0.0, began_s + DAY_S - self.loop.time()))

    async def _work(self, began_s: float) -> None:
        await asyncio.sleep(8 * 3600)
        await self.open()
        for _ in range(self.chance.randrange(3, 7)):
            await asyncio.sleep(self.chance.uniform(60, 5_000))
            await self.sell()
            await self._something_happens()
        if self.day_number in WITH_RELAY and self.day_number not in RELAY_AWAY:
            self.mpesa.pay_by_hand("254700000001", 55, reference="X")
        # Some evenings the last customer is still typing the PIN.
        await asyncio.sleep(self.chance.choice((5.0, 3_000.0)))
        if self.day_number % 7 == 4:
            # Over midnight, as a bar does.
            await asyncio.sleep(max(0.0, began_s + DAY_S + 1_800 - self.loop.time()))
            self.seen["midnights"] += 1
        await self.close()

    async def _something_happens(self) -> None:
        match next(self._happenings):
            case 0:
                # Over lunch, with a prompt out.
                self.clock.sleep(3_600)
                self.seen["slept"] += 1
            case 1:
                self.clock.wrong_ms = self.chance.choice((-40_000, 30_000))
                self.seen["clock set"] += 1
            case 2:
                # By a child, for a quarter of an hour.
                self.clock.wrong_ms = self.chance.choice((-7_200_000, 86_400_000))
                await self.sell()
                await asyncio.sleep(900)
                self.clock.wrong_ms = 0
                self.seen["clock wrong"] += 1
            case 3:
                await self.close()
                await self.open()
            case 4:
                self.mpesa.faults.order("query", "status", 2, status=503)
                self.mpesa.faults.order("token", "status", 1, status=503)
                self.seen["M-PESA ill"] += 1


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    loop = FastLoop()
    clock = FastClock(loop)
    street = Street(tmp_path, loop, clock)
    for module in (ledger_thread, store_sqlite):
        monkeypatch.setattr(module, "in_thread", loop.in_thread)
    rooms = (
        practice_app, practice_callbacks, practice_service, daraja_client, pace, relay_reader, attempts, supervisor, stk,
        code_reservations, prompt_registrar, daily_backup, relay_app,
        relay_callbacks, retention, store_sqlite,
    )  # fmt: skip
    for module in rooms:
        if hasattr(module, "time"):
            monkeypatch.setattr(module, "time", clock.of_the_world())
    # The servers' own heartbeat, ten times a second, is none of this.
    monkeypatch.setattr(asgi_server._QuietServer, "main_loop", _until_told)
    real_send = http.AsyncHttpClient._send

    async def send(self: Any, request: Any, departure: Any) -> Any:
        if street.is_away(request.url):
            raise httpx.ConnectError("the router is away")
        return await real_send(self, request, departure)

    monkeypatch.setattr(http.AsyncHttpClient, "_send", send)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.set_up(tmp_path / "logs")
    yield street
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _until_told(server: Any) -> None:
    while not server.should_exit:
        await asyncio.sleep(600)


@pytest.mark.timeout(900)
def test_ninety_days(street: Street) -> None:
    street.loop.run_until_complete(_live(street))
    assert street.failures == [], "something fell over"
    assert verify(street.ledger).findings == ()
    _takings_are_the_books(street)
    _nothing_grows_without_end(street)
    seen = street.seen
    assert seen["clock set"] and seen["clock wrong"] and seen["slept"] and seen["midnights"] and seen["M-PESA ill"], (
        seen
    )
    assert seen["clock.wrong"] + seen["clock.behind"], "a wrong clock was never refused: it proved nothing"


async def _live(street: Street) -> None:
    await street.build()
    for number in range(DAYS):
        await street.live_through(number)
    # What is owed a question has its answer, and then the till is at rest.
    street.clock.wrong_ms, street.day_number = 0, WITH_RELAY[0]
    await street.open()
    engine = street._engine
    assert engine is not None
    await People(engine).recheck_closed()
    await asyncio.sleep(2 * 3600)
    assert not [one for one in engine.following if one.checkout_request_id], "still asked for after two hours"
    assert not engine._parts.sender._departures, "tokens of what is long over are kept"
    await street.close()
    await street.tear_down()


def _takings_are_the_books(street: Street) -> None:
    books = street.mpesa.records.payments
    by_prompt = sum(payment.amount_cents for payment in books if payment.checkout_request_id)
    by_hand = sum(payment.amount_cents for payment in books if not payment.checkout_request_id)
    with closing(LedgerReader(street.ledger)) as reader:
        taken = sum(reader.totals(day).paid_cents for day in reader.days())
        unclaimed = sum(payment.amount_cents for payment in reader.free_payments())
        to_check = reader.totals(reader.days()[0]).review
    assert (taken, unclaimed, to_check) == (by_prompt, by_hand, 0), "takings are not M-PESA's books"
    assert by_prompt > 0 and by_hand > 0


def _nothing_grows_without_end(street: Street) -> None:
    with closing(LedgerReader(street.ledger)) as reader:
        histories = [len(reader.timeline(row.sale.id)) for row in reader.between("2000-01-01", "2999-12-31")]
        assert len(reader.days()) > DAYS * 0.7
    assert len(histories) > DAYS * 3 and max(histories) < 80, max(histories)
    copies = list((street.ledger.parent / "copies").glob("day-*.sqlite3"))
    assert 14 <= len(copies) <= 14 + 12, len(copies)
    written = [path.stat().st_size for path in (street.folder / "logs").iterdir()]
    assert written and len(written) <= logs.KEPT_FILES + 1 and max(written) <= logs.MAX_BYTES * 1.1
    assert sum(written) < 3_000 * DAYS, "the log says the same thing again and again"
    with closing(sqlite3.connect(street.folder / "relay.sqlite3")) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}
    assert sum(rows.values()) < 4 * len(histories), rows
