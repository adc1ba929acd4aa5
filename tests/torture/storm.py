"""A storm of callbacks while relay, till and PostgreSQL are killed with -9 and the network fails.

    make torture-relay                                 10,000 callbacks on each database, in storms of 1,000
    python tests/torture/storm.py --callbacks 600 --database sqlite --seed 7

A callback whose answer was lost is sent again, as some say M-PESA does: up to a few times. In the end:

* every callback that was answered 200 pays its sale in the till's ledger, exactly once;
* every shilling of them stands as paid, and nothing stands as paid that was not sent;
* the sums agree, and the chain of hashes holds.

The till is judged by what its command line says (`torture.oracle`), never by its inside.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
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
from torture.callbacks import body_of, code_of, reference_of, shillings_of, token_of  # noqa: E402
from torture.oracle import CommandLine, read_ledger  # noqa: E402
from torture.steps import RELAY_STEPS  # noqa: E402

from pos_app.common.http import AsyncHttpClient, HttpClient, MaybeSentError, NotSentError, Request, Timeouts  # noqa: E402
from pos_app.relay.stores import open_store  # noqa: E402

TILL = "till-1"
SENDERS = 12
TRIES = 8
AT_ONCE = 1_000
"""Callbacks of one storm: a till that starts looks at each open prompt, and must come to read before it is killed."""
KILLED_WHILE_STARTING = 0.2
CALLBACKS_A_KILL = 30
"""The sending waits for the weather: on a fast machine all would be sent before anything was killed."""
CALLBACK_PATIENCE = Timeouts(connect_s=2, read_s=3, total_s=5)


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
        self._seed = seed
        self._promised: set[int] = set()
        self._sent: set[int] = set()
        self.result = Result()

    def run(self) -> Result:
        store = open_store(self._database)
        token = store.add_device(TILL)
        store.close()
        self._env = environment(self._folder / "home", "http://127.0.0.1:9") | {
            "PYTHONPATH": os.pathsep.join(str(HERE.parents[number]) for number in (1, 2))
        }
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
            self._env |= {
                "POS_APP_RELAY_URL": line.url, "POS_APP_RELAY_TILL": TILL, "POS_APP_RELAY_TOKEN": token,
                "POS_APP_QUERY_INTERVAL_S": "5", "POS_APP_FIRST_QUERY_S": "600",
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
        words = [sys.executable, str(HERE.with_name("open_prompts.py")), "--count", str(self._callbacks)]
        subprocess.run([*words, "--seed", str(self._seed)], env=self._env, check=True)

    def _start_relay(self, number: int, *, calm: bool) -> subprocess.Popen[bytes]:
        step = "random" if calm else self._random.choice(RELAY_STEPS)
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
            return store.devices()[0].waiting

    # M-PESA

    async def _send_all(self, urls: list[str], these: range) -> None:
        web = AsyncHttpClient(CALLBACK_PATIENCE, use_proxies=False)
        numbers = iter(these)

        async def send(numbers: Iterator[int]) -> None:
            for number in numbers:
                while not self._over.is_set() and self.result.kills.total() < number // CALLBACKS_A_KILL:
                    await asyncio.sleep(0.05)
                self._sent.add(number)
                for _ in range(TRIES):
                    url = f"{self._random.choice(urls)}/c/{TILL}/{token_of(self._seed, number)}"
                    try:
                        answer = await web.send(Request("POST", url, {}, body_of(number, shillings_of(number))))
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
        with CommandLine(self._env) as run:
            ledger = read_ledger(run)
        for finding in ledger.failures:
            say(finding)
        for line in ledger.verdict:
            say(f"verify: {line}")
        by_reference = {row["reference"]: row for row in ledger.sales.values()}
        having = Counter(code for row in ledger.sales.values() for code in row["mpesa_codes"])
        for number in self._promised:
            row = by_reference.get(reference_of(number))
            if having[code_of(number)] != 1:
                say(f"callback {number} was answered 200 and is not in the ledger")
            if row is None or row["mpesa_codes"] != [code_of(number)] or row["state"] != "paid":
                say(f"callback {number} was answered 200 and its sale is not paid by it")
        # One that was sent and whose answer was lost may stand as paid: by its own code and amount.
        own = {reference_of(number): (code_of(number), shillings_of(number)) for number in self._sent}
        for reference, row in by_reference.items():
            code, shillings = own.get(reference, ("", 0))
            is_paid = bool(row["mpesa_codes"] or row["received"])
            if is_paid and (row["mpesa_codes"], row["received"]) != ([code], shillings):
                say(f"sale {row['sale']} stands as paid by {row['mpesa_codes']}, and that was not sent")
        if len(ledger.sales) != self._callbacks:
            say(f"{self._callbacks} sales were made and {len(ledger.sales)} are there")
        if ledger.totals and ledger.totals["unclaimed_payments"]:
            say("payments are listed that nobody made")


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _is_up(port: int) -> bool:
    with closing(HttpClient(Timeouts(1, 2, 3), use_proxies=False)) as web:
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
