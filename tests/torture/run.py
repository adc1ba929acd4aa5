"""Power cuts: tills killed with -9 at random moments and at each named step, over a network that fails.

    make torture                          1,000 kills
    python tests/torture/run.py --kills 60 --seed 7

After the kills each till is let alone to follow what it left; then what its command line says is held against
M-PESA's own records (`torture.oracle`, which knows nothing of the till's inside):

* every paid shilling stands as paid, once, and nothing else does; or as to check, where M-PESA contradicted itself
  or a person settled it otherwise;
* no attempt was pushed twice;
* no sale that was accepted is missing, or has another amount or reference;
* no sale has a receipt that no printer got whole;
* no sale was prompted again, or voided, while "paid" was said of it and neither received nor settled by a person:
  by looks at the sales all the while;
* a callback that names another amount than was asked for is to check;
* what pays no sale is listed, once, and pays one sale at most;
* what was paid and what came sum up to what the sales and the list say that they have;
* the totals equal the rows, the chain of hashes holds, and what checks it can say no.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from e2e.program import PROGRAM, environment  # noqa: E402
from fakes.fault_proxy import FaultProxy  # noqa: E402
from fakes.network_printer import NetworkPrinter  # noqa: E402
from fakes.servers import Mpesa, Relay  # noqa: E402
from torture.oracle import CommandLine, MpesaRecords, Paid, Said, Samples, judge, read_ledger, try_verify  # noqa: E402
from torture.steps import PLANTS, STEPS  # noqa: E402

from pos_app.practice.simulator.customers import CustomerBehaviour  # noqa: E402
from pos_app.practice.simulator.shop import PRACTICE_SHORTCODE  # noqa: E402

TILL = [sys.executable, str(HERE.with_name("till.py"))]
MPESA_FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("push", "accept_lost", {}), ("push", "half", {}), ("push", "status", {"status": 503}), ("push", "throttle", {}),
    ("push", "refuse_token", {}), ("query", "throttle", {}), ("query", "html", {}), ("query", "pending", {"form": 3}),
    ("callback", "double", {}), ("callback", "delay", {"seconds": 5}), ("callback", "reorder", {}),
    ("token", "status", {"status": 503}), ("callback", "alter", {"drop": ["Amount"]}),
    ("callback", "alter", {"amount": 1.5}), ("query", "result", {"code": "1037", "text": "DS timeout"}),
    ("query", "result", {"code": "1037", "text": "DS timeout"}), ("push", "status", {"status": 504}),
)  # fmt: skip
BY_PEOPLE = ("given_up", "voided", "review_settled", "till_payment", "withdrawn", "sent again")
PRINTED_WITHIN_S = 8.0
"""From a start until somebody has paid and the first receipt is under way, on a slow machine."""
HABITS = (
    CustomerBehaviour.PAYS,
    CustomerBehaviour.PAYS,
    CustomerBehaviour.PAYS,
    CustomerBehaviour.CANCELS,
    CustomerBehaviour.WRONG_PIN,
    CustomerBehaviour.IGNORES,
)


class Shop:
    """One till with its M-PESA, its relay and its bad network."""

    def __init__(
        self, folder: Path, seed: int, plant: str | None, *, faults: float, contradictions: float = 0.0
    ) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._plant = plant
        self._share = faults
        self._contradictions = contradictions
        self.said = Said()
        self.steps: Counter[str] = Counter()
        self.violations: list[str] = []
        self.kills = 0
        self.people = Counter[str]()
        self.to_check: dict[str, float] = {}
        self.looks = 0
        self._other_amounts: set[str] = set()
        self._started = threading.Event()
        self._number = 0
        self._copies = itertools.count()

    def run(self, kills: int) -> None:
        """Kills, follows, checks."""
        with (
            Mpesa(speed=40.0, habit=CustomerBehaviour.PAYS, callback_after_s=1.0) as self.mpesa,
            Relay(self._folder) as relay,
            FaultProxy(
                int(self.mpesa.url.rpartition(":")[2]), share=self._share, seed=self._random.randrange(1 << 30)
            ) as network,
            NetworkPrinter() as self.printer,
        ):
            self.network = network
            self._env = environment(self._folder / "home", self.mpesa, relay) | {
                "POS_APP_BASE_URL": network.url,
                "POS_APP_QUERY_INTERVAL_S": "0.05",
                "TORTURE_PRINTER": f"escpos:127.0.0.1:{self.printer.port}",
                "PYTHONPATH": os.pathsep.join(str(HERE.parents[number]) for number in (1, 2)),
            }
            self._expect_payments(relay)
            self._note_other_amounts()
            with CommandLine(self._env, self._plant) as self._command_line:
                self._samples = Samples(self._command_line)
                for number in range(kills):
                    if number % 3 == 0:
                        self._somebody_pays_by_hand()
                    self._kill_one(STEPS[number % len(STEPS)])
                    if number % 40 == 39:
                        self._follow_and_check()
                self._follow_and_check()
                self._try_verify()
                self.looks = self._samples.count

    @property
    def accepted(self) -> set[int]:
        return set(self.said.accepted)

    def _expect_payments(self, relay: Relay) -> None:
        """The shop's number is registered: what customers pay by hand comes through the relay."""
        token = secrets.token_hex(16)
        relay.run(relay.store.expect_payments("till-1", hashlib.sha256(token.encode()).digest(), 0))
        urls = self.mpesa.records.confirmation_urls
        self.mpesa.call(lambda: urls.__setitem__(PRACTICE_SHORTCODE, f"{relay.url}/p/till-1/{token}"))

    def _note_other_amounts(self) -> None:
        """Of every callback that is taken: did it name another amount than its prompt?"""
        sender = self.mpesa.mpesa._callbacks
        real = sender._note

        def note(body: dict[str, Any], outcome: str) -> None:
            callback = body["Body"]["stkCallback"]
            checkout = callback["CheckoutRequestID"]
            items = callback.get("CallbackMetadata", {}).get("Item", [])
            asked = self.mpesa.records.prompts[checkout].amount_cents / 100
            if outcome == "200" and any(one["Name"] == "Amount" and one["Value"] != asked for one in items):
                self._other_amounts.add(checkout)
            real(body, outcome)

        sender._note = note  # type: ignore[method-assign]

    def _somebody_pays_by_hand(self) -> None:
        shillings = self._random.choice((1, 5, 20, 100, self._number % 900 + 1))
        phone = f"254700{self._random.randrange(self._number + 1):06d}"
        self.mpesa.call(lambda: self.mpesa.mpesa.pay_by_hand(phone, shillings, reference="T1"))

    def _put_back(self) -> None:
        """A copy is made and put back, as a person does who moves to another PC."""
        copy = self._folder / f"copy-{next(self._copies)}.sqlite3"
        for words in (("backup", str(copy)), ("restore", str(copy))):
            done = subprocess.run(
                [*PROGRAM, *words], env=self._env, capture_output=True, text=True, timeout=60, check=False
            )
            if done.returncode != 0:
                self._say([f"{words[0]} failed: {done.stderr[-300:]}"])

    def _kill_one(self, step: str) -> None:
        self.steps[step] += 1
        for target, kind, options in self._random.sample(MPESA_FAULTS, 5):
            self.mpesa.fault(target, kind, **options)
        if self._contradictions and self._random.random() < self._contradictions:
            self.mpesa.fault("callback", "alter", times=3, amount=1.5)
            self.mpesa.fault("query", "result", times=20, code="1037", text="DS timeout")
        sales = 6
        for phone in range(self._number, self._number + sales):
            self.mpesa.customer(
                f"254700{phone:06d}", habit=self._random.choice(HABITS), habit_after_s=self._random.uniform(0, 20)
            )
        # A receipt takes its time on a slow machine: the first or the second is torn off, not the seventh.
        passes = self._random.randrange(2 if step == "printing" else 8)
        words = ["sell", "--step", step, "--passes", str(passes), "--first", str(self._number)]
        if self._plant:
            words += ["--plant", self._plant]
        self._number += sales
        self._started.clear()
        with subprocess.Popen(
            [*TILL, *words], env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as till:
            lines = threading.Thread(target=self._read, args=(till,))
            lines.start()
            looks = threading.Thread(target=self._samples.while_true, args=(lambda: till.poll() is None,))
            looks.start()
            if step == "random":
                # Some while it starts.
                self._started.wait(self._random.choice((self._random.uniform(0.0, 1.2), 20.0)))
                ends = time.monotonic() + self._random.uniform(0.0, 0.6)
            else:
                self._started.wait(20)
                ends = time.monotonic() + (PRINTED_WITHIN_S if step == "printing" else 1.5)
            while till.poll() is None and time.monotonic() < ends:
                time.sleep(0.005)
            till.kill()
            till.wait()
            lines.join()
            looks.join()
            self.said.died(time.monotonic())
            self.kills += 1
            assert till.stderr is not None
            errors = till.stderr.read()
            if "Traceback" in errors:
                self.violations.append(f"the till fell over: {errors[-600:]}")

    def _read(self, till: subprocess.Popen[str]) -> None:
        assert till.stdout is not None
        for line in till.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                # Killed in the middle of a line.
                continue
            self.said.hear(said)
            self._started.set()
        self._started.set()

    def _follow_and_check(self) -> None:
        self.network.share, share = 0.0, self.network.share
        self.mpesa.call(self.mpesa.mpesa.faults.clear)
        self._until_settled()
        # None was overtaken any more: M-PESA sends what it has.
        self.mpesa.run(self.mpesa.mpesa.release_callbacks())
        self._samples.take()
        done = subprocess.run(
            [*TILL, "follow", *(["--plant", self._plant] if self._plant else [])],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            self.violations.append(f"following failed: {done.stderr[-600:]}")
        self.network.share = share
        self._check()
        self._put_back()

    def _until_settled(self) -> None:
        """Until what dead tills sent has arrived, every prompt has ended and every callback has gone."""
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            if self.network.on_the_way == 0 and self.mpesa.call(self._has_settled):
                return
            time.sleep(0.05)
        self._say(["M-PESA did not come to rest: nothing can be proved"])

    def _has_settled(self) -> bool:
        prompts = self.mpesa.records.prompts.values()
        return not any(prompt.is_open for prompt in prompts) and not self.mpesa.mpesa._tasks

    def _check(self) -> None:
        self._samples.take()
        records = self.mpesa.call(self._books)
        found, self.to_check = judge(read_ledger(self._command_line), records, self.said, self.printer.whole)
        self._say([*found, *self._samples.judge(records, self.said)])
        people = self.said.people()
        self.people = Counter({name: people[name] for name in BY_PEOPLE})

    def _books(self) -> MpesaRecords:
        records = self.mpesa.records
        payments = [
            Paid(one.mpesa_code, one.amount_cents / 100, one.checkout_request_id, one.reference)
            for one in records.payments
        ]
        return MpesaRecords(
            {paid.code: paid for paid in payments},
            tuple(records.push_addresses),
            frozenset(self._other_amounts),
            {checkout: prompt.reference for checkout, prompt in records.prompts.items()},
        )

    def _try_verify(self) -> None:
        codes = [paid.code for paid in self.mpesa.call(self._books).payments.values()]
        self._say(try_verify(self._command_line, self._env, self._plant, codes))

    def _say(self, found: Any) -> None:
        for violation in found:
            if violation not in self.violations:
                self.violations.append(violation)


def torture(
    kills: int,
    *,
    seed: int,
    tills: int = 2,
    plant: str | None = None,
    faults: float = 0.15,
    contradictions: float = 0.0,
) -> list[Shop]:
    """Runs some tills side by side; what each of them went through.

    Args:
        faults: Share of connections that meet a fault.
        contradictions: Share of runs in which M-PESA names other amounts and says "failed" of what was paid.
    """
    with tempfile.TemporaryDirectory(prefix="torture-") as folder, ThreadPoolExecutor(tills) as workers:
        shops = []
        for number in range(tills):
            home = Path(folder) / f"shop-{number}"
            home.mkdir()
            shops.append(Shop(home, seed + number, plant, faults=faults, contradictions=contradictions))
        list(workers.map(lambda shop: shop.run(-(-kills // tills)), shops))
    return shops


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--tills", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--faults", type=float, default=0.15, help="share of connections that meet a fault")
    parser.add_argument(
        "--contradictions", type=float, default=0.0, help="share of runs in which M-PESA contradicts itself"
    )
    parser.add_argument("--plant", choices=PLANTS, help="a bug that must be noticed")
    arguments = parser.parse_args()
    started = time.monotonic()
    shops = torture(
        arguments.kills,
        seed=arguments.seed,
        tills=arguments.tills,
        plant=arguments.plant,
        faults=arguments.faults,
        contradictions=arguments.contradictions,
    )
    steps: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for shop in shops:
        steps.update(shop.steps)
        faults.update(shop.network.met)
    violations = [violation for shop in shops for violation in shop.violations]
    print(f"seed {arguments.seed}, {len(shops)} tills, {time.monotonic() - started:.0f} s")
    print(
        f"kills: {sum(shop.kills for shop in shops)}  " + "  ".join(f"{name} {count}" for name, count in steps.items())
    )
    print(
        f"faults of the network: {sum(faults.values())}  "
        + "  ".join(f"{name} {count}" for name, count in faults.items())
    )
    print(f"sales accepted: {sum(len(shop.accepted) for shop in shops)}, paid at M-PESA: "
          f"{sum(len(shop.mpesa.records.payments) for shop in shops)}, "
          f"pushes seen: {sum(shop.mpesa.records.pushes_seen for shop in shops)}")  # fmt: skip
    print(
        f"receipts: {sum(shop.printer.whole for shop in shops)} whole, {sum(shop.printer.torn for shop in shops)} torn"
    )
    people: Counter[str] = Counter()
    for shop in shops:
        people.update(shop.people)
    print(f"to check, for M-PESA contradicted itself or people settled it: {sum(len(shop.to_check) for shop in shops)}")
    print(f"looks at the sales: {sum(shop.looks for shop in shops)}")
    print("people: " + "  ".join(f"{name} {count}" for name, count in people.items()))
    print(f"violations: {len(violations)}")
    for violation in violations[:20]:
        print(f"  {violation}")
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()
