"""Power cuts: tills killed with -9 at random moments and at each named step, over a network that fails.

    make torture                          1,000 kills
    python tests/torture/run.py --kills 60 --seed 7

After the kills each till is let alone to follow what it left; then its ledger is
held against M-PESA's own books:

* every paid shilling stands as paid, once, and nothing else does; or as to check, where M-PESA contradicted itself
  or a person settled it otherwise;
* no attempt was pushed twice;
* no sale that was accepted is missing;
* no sale has a receipt that no printer got whole;
* no sale was prompted again, or voided, while "paid" was said of it and neither received nor settled by a person;
* what came straight to the till is listed, once, and pays one sale at most;
* what was paid and what came sum up to what the sales and the list say that they have;
* the totals equal the rows, and the chain of hashes holds.
"""

from __future__ import annotations

import argparse
import itertools
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from e2e.program import PROGRAM, environment  # noqa: E402
from fakes.fault_proxy import FaultProxy  # noqa: E402
from fakes.network_printer import NetworkPrinter  # noqa: E402
from fakes.servers import Mpesa, Relay  # noqa: E402
from torture.till import PLANTS, STEPS  # noqa: E402

from pos_app.domain.attempt import OF_MONEY  # noqa: E402
from pos_app.engine.sender import new_token  # noqa: E402
from pos_app.ledger.verify import verify  # noqa: E402
from pos_app.ledger.writer import token_hash  # noqa: E402
from pos_app.practice.customers import Habit  # noqa: E402
from pos_app.practice.shop import PRACTICE_SHORTCODE  # noqa: E402

TILL = [sys.executable, str(HERE.with_name("till.py"))]
MPESA_FAULTS = (
    ("push", "accept_lost", {}), ("push", "half", {}), ("push", "status", {"status": 503}), ("push", "throttle", {}),
    ("push", "refuse_token", {}), ("query", "throttle", {}), ("query", "html", {}), ("query", "pending", {"form": 3}),
    ("callback", "double", {}), ("callback", "delay", {"seconds": 5}), ("callback", "reorder", {}),
    ("token", "status", {"status": 503}), ("callback", "alter", {"drop": ["Amount"]}),
    ("callback", "alter", {"amount": 1.5}), ("query", "result", {"code": "1037", "text": "DS timeout"}),
    ("query", "result", {"code": "1037", "text": "DS timeout"}), ("push", "status", {"status": 504}),
)  # fmt: skip
BY_PEOPLE = ("given_up", "voided", "review_settled", "till_payment", "withdrawn")
PRINTED_WITHIN_S = 8.0
"""From a start until somebody has paid and the first receipt is under way, on a slow machine."""
HABITS = (Habit.PAYS, Habit.PAYS, Habit.PAYS, Habit.CANCELS, Habit.WRONG_PIN, Habit.IGNORES)


def is_to_check(attempt: Any) -> bool:
    """Whether it stands before a person as something that speaks of money."""
    return bool(
        set(attempt["review"].split(",")) & OF_MONEY
        or attempt["said_paid_at_ms"] is not None
        or (attempt["heard_code"] is not None and not attempt["heard_settled"])
    )


class Shop:
    """One till with its M-PESA, its relay and its bad network."""

    def __init__(self, folder: Path, seed: int, plant: str | None, *, faults: float) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._plant = plant
        self._share = faults
        self.accepted: set[int] = set()
        self.steps: Counter[str] = Counter()
        self.violations: list[str] = []
        self.kills = 0
        self.people = Counter[str]()
        self.to_check: dict[str, int] = {}
        self._started = threading.Event()
        self._number = 0
        self._copies = itertools.count()

    def run(self, kills: int) -> None:
        """Kills, follows, checks."""
        with (
            Mpesa(speed=40.0, habit=Habit.PAYS, callback_after_s=1.0) as self.mpesa,
            Relay(self._folder) as relay,
            FaultProxy(
                int(self.mpesa.url.rpartition(":")[2]), share=self._share, seed=self._random.random()
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
            for number in range(kills):
                if number % 3 == 0:
                    self._somebody_pays_by_hand()
                self._kill_one(STEPS[number % len(STEPS)])
                if number % 40 == 39:
                    self._follow_and_check()
            self._follow_and_check()

    def _expect_payments(self, relay: Relay) -> None:
        """The shop's number is registered: what customers pay by hand comes through the relay."""
        token = new_token()
        relay.run(relay.store.expect_payments("till-1", token_hash(token), 0))
        urls = self.mpesa.books.confirmation_urls
        self.mpesa.call(lambda: urls.__setitem__(PRACTICE_SHORTCODE, f"{relay.url}/p/till-1/{token}"))

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
            lines.join()
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
            if "accepted" in said:
                self.accepted.add(said["accepted"])
            self._started.set()
        self._started.set()

    def _follow_and_check(self) -> None:
        self.network.share, share = 0.0, self.network.share
        self.mpesa.call(self.mpesa.mpesa.faults.clear)
        self._until_settled()
        # None was overtaken any more: M-PESA sends what it has.
        self.mpesa.run(self.mpesa.mpesa.release_callbacks())
        done = subprocess.run(
            [*TILL, "follow"], env=self._env, capture_output=True, text=True, timeout=120, check=False
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
        prompts = self.mpesa.books.prompts.values()
        return not any(prompt.is_open for prompt in prompts) and not self.mpesa.mpesa._tasks

    def _check(self) -> None:
        ledger = self._folder / "home" / "sandbox" / "ledger.sqlite3"
        self._say(f"verify: {finding}" for finding in verify(ledger).findings)
        with closing(sqlite3.connect(ledger)) as db:
            db.row_factory = sqlite3.Row
            attempts = {row["token_hash"]: row for row in db.execute("SELECT * FROM attempts")}
            sales = {row["id"] for row in db.execute("SELECT id FROM sales")}
            listed = {row[0] for row in db.execute("SELECT mpesa_code FROM till_payments")}
            settled = {
                row[0] for row in db.execute("SELECT attempt_id FROM attempt_events WHERE kind = 'review_settled'")
            }
            noted = db.execute("SELECT count(*) FROM attempt_events WHERE kind = 'receipt'").fetchone()[0]
        if noted > self.printer.whole:
            self._say([f"{noted} receipts are noted and {self.printer.whole} were printed"])
        prompts = self.mpesa.books.prompts
        paid = {one.checkout_request_id: one for one in self.mpesa.books.payments if one.checkout_request_id}
        self.to_check.clear()
        for checkout, payment in paid.items():
            found = attempts.get(token_hash(prompts[checkout].callback_url.rpartition("/")[2]))
            if found is None:
                self._say([f"KSh {payment.amount_cents // 100} were paid and no sale knows of it"])
            elif found["state"] != "paid" and (
                is_to_check(found)
                # A person settled it as not there, and was wrong: its money stands in the list all the same.
                or (found["id"] in settled and payment.mpesa_code in listed)
            ):
                # A person finds it: where M-PESA contradicted itself, nothing more is to be wished.
                self.to_check[checkout] = payment.amount_cents
            elif (found["state"], found["amount_cents"]) != ("paid", payment.amount_cents):
                became = [one["outcome"] for one in self.mpesa.books.callbacks if one["CheckoutRequestID"] == checkout]
                asked_by = "CheckoutRequestID" if found["checkout_request_id"] else "nothing"
                words = f"attempt {found['id']} was paid and stands as {found['state']}"
                self._say([f"{words} (callbacks: {became}, could be asked by {asked_by})"])
        self._check_the_other_way(attempts, paid)
        self._check_by_hand(ledger)
        self._check_promise(ledger)
        self._say(f"sale {sale} was accepted and is missing" for sale in self.accepted - sales)
        twice = [address for address, count in Counter(self.mpesa.books.push_addresses).items() if count > 1]
        self._say("an attempt was pushed twice" for _ in twice)

    def _check_the_other_way(self, attempts: dict[bytes, Any], paid: dict[str, Any]) -> None:
        standing = [row for row in attempts.values() if row["state"] == "paid"]
        self._say(
            f"attempt {row['id']} stands as paid and nobody paid"
            for row in standing
            if row["checkout_request_id"] not in paid
        )
        expected = sum(one.amount_cents for one in paid.values()) - sum(self.to_check.values())
        if sum(row["amount_cents"] for row in standing) != expected:
            self._say(["the ledger's sum is not the sum of M-PESA's books"])

    def _check_by_hand(self, ledger: Path) -> None:
        by_hand = {one.mpesa_code: one.amount_cents for one in self.mpesa.books.payments if not one.checkout_request_id}
        with closing(sqlite3.connect(ledger)) as db:
            rows = db.execute("SELECT mpesa_code, amount_cents, use FROM till_payments").fetchall()
            received = db.execute("SELECT sum(received_cents) FROM sales").fetchone()[0] or 0
            by_prompts = db.execute("SELECT sum(amount_cents) FROM attempts WHERE state = 'paid'").fetchone()[0] or 0
            days = db.execute("SELECT sum(paid_cents) FROM day_totals").fetchone()[0] or 0
        listed = {code: cents for code, cents, use in rows if use != "proves"}
        self._say(
            f"KSh {cents // 100} came by hand and are not listed"
            for code, cents in by_hand.items()
            if listed.get(code) != cents
        )
        given = sum(cents for _, cents, use in rows if use == "pays")
        if not received == days == by_prompts + given:
            self._say([f"received {received}, days {days}, prompts {by_prompts} and payments {given}"])

    def _check_promise(self, ledger: Path) -> None:
        """By the events alone: what was said of a sale before each prompt and each void."""
        with closing(sqlite3.connect(ledger)) as db:
            rows = db.execute(
                "SELECT a.sale_id, e.attempt_id, e.kind, e.from_state, e.to_state, e.details FROM attempt_events e"
                " JOIN attempts a ON a.id = e.attempt_id ORDER BY e.id"
            ).fetchall()
        said: dict[int, dict[int, set[str]]] = {}
        for sale, attempt, kind, before, after, text in rows:
            details = json.loads(text)
            words = said.setdefault(sale, {}).setdefault(attempt, set())
            is_open = before in ("ready", "sending", "pending", "unknown")
            if kind in ("sending", "voided") and any(said[sale].values()):
                self._say(
                    [f"sale {sale} was {'prompted again' if kind == 'sending' else 'voided'} after paid was said"]
                )
            if after == "paid" or kind == "review_settled":
                words.clear()
            elif kind == "till_payment" and details["use"] == "pays":
                for each in said[sale].values():
                    each.discard(details["mpesa_code"])
            elif kind == "callback" and details["outcome"] == "paid":
                words.add(details.get("mpesa_code") or "?")
            elif kind == "query" and details["outcome"] == "paid" and not is_open:
                words.add("?")
        kinds = Counter(row[2] for row in rows)
        self.people = Counter({kind: kinds[kind] for kind in BY_PEOPLE})
        self.people["sent again"] = kinds["sending"] - len({row[0] for row in rows if row[2] == "sending"})

    def _say(self, found: Any) -> None:
        for violation in found:
            if violation not in self.violations:
                self.violations.append(violation)


def torture(kills: int, *, seed: int, tills: int = 2, plant: str | None = None, faults: float = 0.15) -> list[Shop]:
    """Runs some tills side by side; what each of them went through."""
    with tempfile.TemporaryDirectory(prefix="torture-") as folder, ThreadPoolExecutor(tills) as workers:
        shops = []
        for number in range(tills):
            home = Path(folder) / f"shop-{number}"
            home.mkdir()
            shops.append(Shop(home, seed + number, plant, faults=faults))
        list(workers.map(lambda shop: shop.run(-(-kills // tills)), shops))
    return shops


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--tills", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--faults", type=float, default=0.15, help="share of connections that meet a fault")
    parser.add_argument("--plant", choices=PLANTS, help="a bug that must be noticed")
    arguments = parser.parse_args()
    started = time.monotonic()
    shops = torture(
        arguments.kills, seed=arguments.seed, tills=arguments.tills, plant=arguments.plant, faults=arguments.faults
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
          f"{sum(len(shop.mpesa.books.payments) for shop in shops)}, "
          f"pushes seen: {sum(shop.mpesa.books.pushes_seen for shop in shops)}")  # fmt: skip
    print(
        f"receipts: {sum(shop.printer.whole for shop in shops)} whole, {sum(shop.printer.torn for shop in shops)} torn"
    )
    people: Counter[str] = Counter()
    for shop in shops:
        people.update(shop.people)
    print(f"to check, for M-PESA contradicted itself or people settled it: {sum(len(shop.to_check) for shop in shops)}")
    print("people: " + "  ".join(f"{name} {count}" for name, count in people.items()))
    print(f"violations: {len(violations)}")
    for violation in violations[:20]:
        print(f"  {violation}")
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()
