"""A storm of callbacks while relay, till and PostgreSQL are killed with -9 and the network fails.

    make torture-relay                                 10,000 callbacks on each database, in storms of 1,000
    python tests/torture/storm.py --callbacks 600 --database sqlite --seed 7

A callback whose answer was lost is sent again, as some say M-PESA does: up to a few times. In the end:

* every callback that was answered 200 stands in the till's ledger, exactly once;
* every shilling of them stands as paid, and nothing stands as paid that was not sent;
* the chain of hashes holds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from e2e.program import environment  # noqa: E402
from fakes.fault_proxy import FaultProxy  # noqa: E402
from fakes.postgres import Postgres  # noqa: E402
from torture.relay_process import STEPS  # noqa: E402

from pos_app.domain import events as ev  # noqa: E402
from pos_app.domain.money import parse_amount  # noqa: E402
from pos_app.domain.phone import parse_phone  # noqa: E402
from pos_app.domain.reference import parse_reference  # noqa: E402
from pos_app.domain.sale import Draft  # noqa: E402
from pos_app.ledger.verify import verify  # noqa: E402
from pos_app.ledger.writer import LedgerWriter, token_hash  # noqa: E402
from pos_app.relay.stores import open_store  # noqa: E402
from pos_app.web import AsyncWeb, MaybeSentError, NotSentError, Patience, Request, Web  # noqa: E402

TILL = "till-1"
SENDERS = 12
TRIES = 8
AT_ONCE = 1_000
"""Callbacks of one storm: a till that starts looks at each open prompt, and must come to read before it is killed."""
KILLED_WHILE_STARTING = 0.2
CALLBACKS_A_KILL = 30
"""The sending waits for the weather: on a fast machine all would be sent before anything was killed."""
CALLBACK_PATIENCE = Patience(connect_s=2, read_s=3, total_s=5)


@dataclass
class Result:
    """What a storm did and found."""

    promised: int = 0
    sent: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    network: Counter[str] = field(default_factory=Counter)
    streamed: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Sums up."""
        self.promised, self.sent, self.streamed = (
            self.promised + other.promised, self.sent + other.sent, self.streamed + other.streamed,
        )  # fmt: skip
        for mine, theirs in ((self.kills, other.kills), (self.steps, other.steps), (self.network, other.network)):
            mine.update(theirs)
        self.violations += other.violations


def body_of(number: int, shillings: int) -> bytes:
    items = [
        {"Name": "Amount", "Value": float(shillings)}, {"Name": "MpesaReceiptNumber", "Value": f"T{number:09d}"},
        {"Name": "Balance"}, {"Name": "PhoneNumber", "Value": 254700000000 + number},
    ]  # fmt: skip
    callback = {
        "MerchantRequestID": f"m-{number}", "CheckoutRequestID": f"ws_CO_{number}", "ResultCode": 0, "ResultDesc": "ok",
        "CallbackMetadata": {"Item": items},
    }  # fmt: skip
    return json.dumps({"Body": {"stkCallback": callback}}).encode()


class Storm:
    """One till, one or two relays, their database, and the weather."""

    def __init__(
        self, folder: Path, database: str, callbacks: int, seed: int, postgres: Postgres | None, *, planted: bool
    ) -> None:
        self._folder, self._database, self._postgres = folder, database, postgres
        self._callbacks = callbacks
        self._plant = ["--plant"] if planted else []
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._relays: list[subprocess.Popen[bytes]] = []
        self._till: subprocess.Popen[bytes] | None = None
        self._tokens = [f"{seed}-token-{number:012d}" for number in range(callbacks)]
        self._promised: set[int] = set()
        self.result = Result()

    def run(self) -> Result:
        store = open_store(self._database)
        token = store.add_till(TILL)
        store.close()
        self._sell()
        # The last ones come when all is well again: by a stream, for nothing cuts it.
        calm_from = self._callbacks * 9 // 10
        ports = [_free_port() for _ in range(2 if self._postgres is not None else 1)]
        self._ports = ports
        with contextlib.ExitStack() as stack:
            proxies = [
                stack.enter_context(FaultProxy(port, share=0.1, seed=self._random.randrange(1 << 30))) for port in ports
            ]
            line = stack.enter_context(FaultProxy(ports[-1], share=0.04, seed=self._random.randrange(1 << 30)))
            for number in range(len(ports)):
                self._relays.append(self._start_relay(number, calm=False))
            self._env = environment(self._folder / "home", "http://127.0.0.1:9") | {
                "POS_APP_RELAY_URL": line.url, "POS_APP_RELAY_TILL": TILL, "POS_APP_RELAY_TOKEN": token,
                "POS_APP_QUERY_INTERVAL_S": "5", "POS_APP_FIRST_QUERY_S": "600",
                "PYTHONPATH": os.pathsep.join(str(HERE.parents[number]) for number in (1, 2)),
            }  # fmt: skip
            self._till = self._start_till()
            weather = threading.Thread(target=self._weather)
            weather.start()
            try:
                asyncio.run(self._send_all([proxy.url for proxy in proxies], range(calm_from)))
            finally:
                self._over.set()
                weather.join()
            self._calm_down([*proxies, line])
            asyncio.run(self._send_all([proxy.url for proxy in proxies], range(calm_from, self._callbacks)))
            self._until_read()
            for proxy in (*proxies, line):
                self.result.network.update(proxy.met)
            self.result.streamed = line.streamed
            for process in (*self._relays, self._till):
                process.kill()
                process.wait()
        self.result.promised, self.result.sent = len(self._promised), self._callbacks
        self._check()
        return self.result

    def _sell(self) -> None:
        """Prompts that are out, one for each callback to come."""
        now_ms = int(time.time() * 1000)
        with closing(LedgerWriter(self._ledger, "sandbox")) as ledger:
            for number, token in enumerate(self._tokens):
                draft = Draft(
                    parse_amount(str(number % 900 + 1)), parse_phone(f"0700{number:06d}"), parse_reference(f"T{number}")
                )
                attempt = ledger.record_sale(draft, token, now_ms)
                ledger.apply(attempt.id, ev.SendRequested(), now_ms)
                ledger.apply(attempt.id, ev.PushAccepted(f"m-{number}", f"ws_CO_{number}"), now_ms)

    @property
    def _ledger(self) -> Path:
        return self._folder / "home" / "sandbox" / "ledger.sqlite3"

    def _start_relay(self, number: int, *, calm: bool) -> subprocess.Popen[bytes]:
        step = "random" if calm else self._random.choice(STEPS)
        self.result.steps[step] += not calm
        words = [
            sys.executable, str(HERE.with_name("relay_process.py")), "--step", step, "--passes",
            str(self._random.randrange(300)), *self._plant, "serve", "--port", str(self._ports[number]), "--database", self._database,
        ]  # fmt: skip
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _start_till(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, str(HERE.with_name("till.py")), "listen"]
        return subprocess.Popen(words, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # Weather

    def _weather(self) -> None:
        while not self._over.wait(self._random.uniform(0.5, 1.6)):
            for number, relay in enumerate(self._relays):
                if relay.poll() is not None:
                    self.result.kills["relay"] += 1
                    self._relays[number] = self._start_relay(number, calm=False)
            what = self._random.random()
            if what < 0.3 and self._till is not None:
                self._till.kill()
                self._till.wait()
                self.result.kills["till"] += 1
                self._till = self._start_till()
            elif what < 0.45 and self._postgres is not None:
                self._postgres.restart()
                self.result.kills["postgres"] += 1
            else:
                number = self._random.randrange(len(self._relays))
                # Mostly one that is up: on a slow machine none ever would be, and nothing would be sent.
                if self._random.random() < KILLED_WHILE_STARTING or _is_up(self._ports[number]):
                    self._relays[number].kill()

    def _calm_down(self, proxies: list[FaultProxy]) -> None:
        """Everything runs, nothing fails: the till reads what is left."""
        for proxy in proxies:
            proxy.share = 0.0
        for number, relay in enumerate(self._relays):
            relay.kill()
            relay.wait()
            self._relays[number] = self._start_relay(number, calm=True)
        assert self._till is not None
        self._till.kill()
        self._till.wait()
        for port in self._ports:
            _until_up(port)
        self._till = self._start_till()
        self._until_read()

    def _until_read(self) -> None:
        ends = time.monotonic() + 180
        while self._waiting() and time.monotonic() < ends:
            time.sleep(0.1)

    def _waiting(self) -> int:
        with closing(open_store(self._database)) as store:
            return store.tills()[0].waiting

    # M-PESA

    async def _send_all(self, urls: list[str], these: range) -> None:
        web = AsyncWeb(CALLBACK_PATIENCE, use_proxies=False)
        numbers = iter(these)

        async def send(numbers: Iterator[int]) -> None:
            for number in numbers:
                while not self._over.is_set() and self.result.kills.total() < number // CALLBACKS_A_KILL:
                    await asyncio.sleep(0.05)
                for _ in range(TRIES):
                    url = f"{self._random.choice(urls)}/c/{TILL}/{self._tokens[number]}"
                    try:
                        answer = await web.send(Request("POST", url, {}, body_of(number, number % 900 + 1)))
                    except (NotSentError, MaybeSentError):
                        await asyncio.sleep(self._random.uniform(0.05, 0.3))
                        continue
                    if answer.status == 200:
                        self._promised.add(number)
                        break

        await asyncio.gather(*(send(numbers) for _ in range(SENDERS)))
        await web.aclose()

    # The check

    def _check(self) -> None:
        say = self.result.violations.append
        with closing(sqlite3.connect(self._ledger)) as db:
            evidence = Counter(row[0] for row in db.execute("SELECT digest FROM evidence"))
            paid = dict(db.execute("SELECT token_hash, mpesa_code FROM attempts WHERE state = 'paid'"))
            received, totals = db.execute(
                "SELECT (SELECT sum(received_cents) FROM sales), (SELECT sum(paid_cents) FROM day_totals)"
            ).fetchone()
        for number in self._promised:
            digest = token_hash(self._tokens[number])
            body = body_of(number, number % 900 + 1)
            if evidence[hashlib.sha256(digest + body).digest()] != 1:
                say(f"callback {number} was answered 200 and is not in the ledger")
            if paid.get(digest) != f"T{number:09d}":
                say(f"callback {number} was answered 200 and its sale is not paid by it")
        known = {token_hash(token): number % 900 + 1 for number, token in enumerate(self._tokens)}
        sum_paid = sum(known[digest] for digest in paid) * 100
        if not received == totals == sum_paid:
            say(f"the sums differ: {received}, {totals}, {sum_paid}")
        for finding in verify(self._ledger).findings:
            say(f"verify: {finding}")


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _is_up(port: int) -> bool:
    with closing(Web(Patience(1, 2, 3), use_proxies=False)) as web:
        try:
            return web.send(Request("GET", f"http://127.0.0.1:{port}/healthz")).status == 200
        except (NotSentError, MaybeSentError):
            return False


def _until_up(port: int) -> None:
    ends = time.monotonic() + 60
    while not _is_up(port):
        assert time.monotonic() < ends, "the relay does not come up"
        time.sleep(0.05)


def storm(database: str, callbacks: int, seed: int, *, planted: bool = False) -> Result:
    """One storm on ``sqlite`` or ``postgres``."""
    with tempfile.TemporaryDirectory(prefix="storm-") as folder, contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Postgres()) if database == "postgres" else None
        address = postgres.new_database() if postgres is not None else str(Path(folder) / "relay.sqlite3")
        return Storm(Path(folder), address, callbacks, seed, postgres, planted=planted).run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--callbacks", type=int, default=10_000)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--plant", action="store_true", help="a relay that answers before it stores: must be noticed")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    failed = False
    for database in ("sqlite", "postgres") if arguments.database == "both" else (arguments.database,):
        started = time.monotonic()
        result = Result()
        for number, first in enumerate(range(0, arguments.callbacks, AT_ONCE)):
            size = min(AT_ONCE, arguments.callbacks - first)
            result.add(storm(database, size, arguments.seed + number, planted=arguments.plant))
            print(f"{database}: {result.promised} of {result.sent}, {len(result.violations)} violations", flush=True)
        print(f"{database}, from seed {arguments.seed}, {time.monotonic() - started:.0f} s")
        print(f"  callbacks: {result.sent} sent, {result.promised} answered 200, {result.streamed} came by a stream")
        print(f"  kills: {dict(result.kills)}, relays' steps {dict(result.steps)}")
        print(f"  faults of the network: {dict(result.network)}")
        print(f"  violations: {len(result.violations)}")
        for violation in result.violations[:20]:
            print(f"    {violation}")
        failed |= bool(result.violations)
    sys.exit(failed)


if __name__ == "__main__":
    main()
