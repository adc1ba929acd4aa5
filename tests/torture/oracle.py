"""The torture's judge. It knows the till by its contract alone, never by its inside.

What it reads:

* ``pos-app sales --json``, ``pos-app export --format json`` and ``pos-app verify``, run as processes;
* M-PESA's own records, and what M-PESA sent and was answered;
* what the tortured till printed: sales it accepted, acts of people before and after each, receipts before each note;
* how many receipts the printer got whole.

Sales and prompts are joined by their reference, which no two sales of the torture share.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve()
EAST_AFRICA = timezone(timedelta(hours=3))

OF_MONEY = frozenset({"other_amount", "other_prompt", "contradiction", "code_reused", "said_paid", "unreadable"})
"""Reasons of a sale, in the words of the contract, that speak of money which may have moved."""
SETTLES = frozenset({"review_settled", "attach"})
"""Acts of people that end what was said of money: looked and not there, or received by another way."""
LOOKS_APART_S = 0.15
PAID_IN_FULL = frozenset({"paid", "overpaid"})

Row = dict[str, Any]


class CommandLine:
    """``pos-app``, one command after the other in a process that stays.

    *Thread*: any; one command at a time.
    """

    def __init__(self, env: dict[str, str], plant: str | None = None) -> None:
        words = [sys.executable, str(HERE.with_name("command_line.py")), *(["--plant", plant] if plant else [])]
        # What it logs in passing is nobody's to read, and must not fill a pipe.
        self._process = subprocess.Popen(
            words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._one = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of one command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one:
            print(json.dumps(words), file=self._process.stdin, flush=True)
            said = json.loads(self._process.stdout.readline())
        return said["code"], said["out"], said["err"]


@dataclass(frozen=True)
class Ledger:
    """All that the till says of its ledger.

    Args:
        sales: By their number, every day's.
        totals: Of the export over all days.
        verdict: What ``verify`` found; empty where all is well.
        failures: What could not be read, or says two things.
    """

    sales: dict[int, Row]
    totals: dict[str, Any]
    verdict: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def read_ledger(run: CommandLine) -> Ledger:
    """Reads sales, export and verdict."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        file = Path(folder) / "all.json"
        days = ("--day", "2000-01-01", "--to", "2999-12-31")
        code, _, err = run("export", *days, "--format", "json", "--output", str(file))
        if code != 0:
            return Ledger({}, {}, failures=(f"export ended with {code}: {err[-300:]}",))
        document = json.loads(file.read_text(encoding="utf-8"))
    sales: dict[int, Row] = {}
    for day in sorted({row["date"] for row in document["sales"]}):
        code, out, err = run("sales", "--json", "--day", day)
        if code != 0:
            failures.append(f"sales ended with {code}: {err[-300:]}")
        sales.update({row["sale"]: row for row in map(json.loads, out.splitlines())})
    failures += _two_readings(sales, document)
    code, out, err = run("verify")
    lines = [line for line in (out + err).splitlines() if not line.startswith("Note:")]
    if code == 0 and len(lines) == 1 and lines[0].startswith(f"All is well: {len(sales)} sales"):
        lines = []
    return Ledger(sales, document["totals"], tuple(lines) if lines or code == 0 else (f"ended with {code}",),
                  tuple(failures))  # fmt: skip


def _two_readings(sales: dict[int, Row], document: dict[str, Any]) -> Iterator[str]:
    """The export and the list of sales must say the same, and the totals what the rows say."""
    exported = {row["sale"]: row for row in document["sales"]}
    if exported.keys() != sales.keys():
        yield f"only one of sales and export has {sorted(exported.keys() ^ sales.keys())[:5]}"
    for number in exported.keys() & sales.keys():
        ours, theirs = sales[number], exported[number]
        same = ("reference", "amount", "received", "state")
        if any(ours[name] != theirs[name] for name in same) or theirs["mpesa_codes"] != " ".join(ours["mpesa_codes"]):
            yield f"sales and export differ about sale {number}"
    totals = document["totals"]
    if totals["received"] != sum(row["received"] for row in sales.values()):
        yield f"the export's total {totals['received']} is not the sum of the sales"
    if totals["paid"] != sum(row["state"] in PAID_IN_FULL for row in sales.values()):
        yield f"the export counts {totals['paid']} paid sales and lists others"
    for number, row in sales.items():
        if row["state"] != _state_of(row):
            yield f"sale {number} has {row['received']} of {row['amount']} and stands as {row['state']}"


def _state_of(row: Row) -> str:
    """What the sums say; where nothing was received a sale may be voided."""
    if row["received"] >= row["amount"]:
        return "overpaid" if row["received"] > row["amount"] else "paid"
    if row["received"] > 0:
        return "part_paid"
    return "voided" if row["state"] == "voided" else "open"


@dataclass
class Act:
    """Something that a person did, or tried to do, to a sale.

    Args:
        ends_s: When it was over, or its till was dead; none of both so far is for ever.
        was_done: None where the till died in the middle of it, or nobody knows.
    """

    what: str
    sale: int
    begins_s: float
    ends_s: float = float("inf")
    was_done: bool | None = None


@dataclass(frozen=True)
class Sample:
    """Sales, all or one, as they stood at a moment between two times."""

    begins_s: float
    ends_s: float
    sales: dict[int, Row]


class Said:
    """What the tills of one shop printed.

    *Thread*: `hear` and `died` in turn, the rest between runs.
    """

    def __init__(self) -> None:
        self.accepted: dict[int, Row] = {}
        self.receipts: list[int] = []
        self.acts: list[Act] = []
        self.looks: list[Sample] = []
        self._now: Act | None = None

    def hear(self, line: Row) -> None:
        """A line of a till."""
        if "accepted" in line:
            self.accepted[line["accepted"]] = line
        elif "receipt" in line:
            self.receipts.append(line["receipt"])
        elif "act" in line:
            self._now = Act(line["act"], line["sale"], line["at"])
            self.acts.append(self._now)
            # Whoever acts has looked just before.
            self.looks.append(Sample(line["looked"], line["at"], {line["sale"]: line["row"]}))
        elif "acted" in line and self._now is not None:
            # What failed outside of the till's own rules may have been done all the same.
            self._now.was_done = {"done": True, "refused": False}.get(line["acted"])
            self._now.ends_s = line["at"]
            self._now = None

    def died(self, at_s: float) -> None:
        """The till is dead: whatever it was at is over."""
        if self._now is not None:
            self._now.ends_s = at_s
            self._now = None

    def people(self) -> Counter[str]:
        """How often people did what; what a dead till was at does not count."""
        names = {"attach": "till_payment", "detach": "till_payment"}
        return Counter(names.get(act.what, act.what) for act in self.acts if act.was_done)

    def touched(self, sale: int, acts: frozenset[str], since_s: float = 0.0, until_s: float = float("inf")) -> bool:
        """Whether one of these acts may have been done to a sale in a time."""
        return any(
            act.sale == sale and act.what in acts and act.was_done is not False
            and act.ends_s >= since_s and act.begins_s <= until_s
            for act in self.acts
        )  # fmt: skip


@dataclass(frozen=True)
class Paid:
    """Money that moved, by M-PESA's records; in shillings.

    Args:
        checkout: The prompt that it answers; empty for what was paid by hand.
    """

    code: str
    shillings: float
    checkout: str
    reference: str


@dataclass(frozen=True)
class MpesaRecords:
    """What M-PESA knows.

    Args:
        payments: By their code.
        addresses: Of every push that it saw.
        other_amounts: The prompts for which it told the till another amount than was paid.
        references: Of each prompt.
    """

    payments: dict[str, Paid]
    addresses: tuple[str, ...] = ()
    other_amounts: frozenset[str] = frozenset()
    references: dict[str, str] = field(default_factory=dict)


def judge(ledger: Ledger, records: MpesaRecords, said: Said, whole_receipts: int) -> tuple[list[str], dict[str, float]]:
    """Holds a ledger that has come to rest against the records.

    Returns:
        What is wrong, and what is to check: codes of paid prompts that no sale received, with their shillings.
    """
    found = [*ledger.failures, *(f"verify: {line}" for line in ledger.verdict)]
    found += _on_accepted(ledger, said)
    found += ["an attempt was pushed twice" for count in Counter(records.addresses).values() if count > 1]
    found += _on_receipts(ledger, said, whole_receipts)
    found += _on_codes(ledger, records, said)
    to_check: dict[str, float] = {}
    found += _on_prompts(ledger, records, said, to_check)
    found += _on_other_amounts(ledger, records, said)
    found += _on_list(ledger, records)
    return found, to_check


def _on_accepted(ledger: Ledger, said: Said) -> Iterator[str]:
    for number, line in said.accepted.items():
        row = ledger.sales.get(number)
        if row is None:
            yield f"sale {number} was accepted and is missing"
        elif (row["reference"], row["amount"]) != (line["reference"], line["amount"]):
            yield f"sale {number} was accepted with another reference or amount"


def _on_receipts(ledger: Ledger, said: Said, whole: int) -> Iterator[str]:
    if len(said.receipts) > whole:
        yield f"{len(said.receipts)} receipts are noted and {whole} were printed"
    for number in set(said.receipts):
        if number in ledger.sales and not ledger.sales[number]["received"]:
            yield f"sale {number} has a receipt and received nothing"


def _on_codes(ledger: Ledger, records: MpesaRecords, said: Said) -> Iterator[str]:
    """Each code pays one sale at most, and was paid; another's prompt pays a sale only where a person said so."""
    having = Counter(code for row in ledger.sales.values() for code in row["mpesa_codes"])
    yield from (f"{code} pays {count} sales" for code, count in having.items() if count > 1)
    for number, row in ledger.sales.items():
        for code in row["mpesa_codes"]:
            paid = records.payments.get(code)
            is_own = paid is not None and bool(paid.checkout) and paid.reference == row["reference"]
            if paid is None:
                yield f"sale {number} stands as paid by {code} and nobody paid"
            elif not is_own and not said.touched(number, frozenset({"attach"})):
                yield f"sale {number} has {code}, which nobody gave to it"


def _received(row: Row, records: MpesaRecords) -> float:
    """What the codes of a sale brought; the rest of what it received has no code yet."""
    return sum(records.payments[code].shillings for code in row["mpesa_codes"] if code in records.payments)


def _on_prompts(ledger: Ledger, records: MpesaRecords, said: Said, to_check: dict[str, float]) -> Iterator[str]:
    """Each prompt that was paid is received by its sale, or to check, or a person settled it; nothing else is received."""
    by_reference: dict[str, list[Row]] = {}
    for row in ledger.sales.values():
        by_reference.setdefault(row["reference"], []).append(row)
    yield from (f"{len(rows)} sales have the reference {name}" for name, rows in by_reference.items() if len(rows) > 1)
    prompts: dict[str, list[Paid]] = {}
    for paid in records.payments.values():
        if paid.checkout:
            prompts.setdefault(paid.reference, []).append(paid)
    for reference, all_paid in prompts.items():
        if reference not in by_reference:
            yield f"KSh {sum(paid.shillings for paid in all_paid):g} were paid for {reference} and no sale knows of it"
    for reference, (row, *_) in by_reference.items():
        without = [paid for paid in prompts.get(reference, []) if paid.code not in row["mpesa_codes"]]
        uncoded = row["received"] - _received(row, records)
        # Where M-PESA named another amount a prompt may stand as paid without its code beside that very code, given to
        # the sale by a person: nobody but a person can tell that this is one payment.
        is_shown = "paid_twice" in row["reasons"] or said.touched(row["sale"], frozenset({"review_settled"}))
        is_given = is_shown and said.touched(row["sale"], frozenset({"attach"}))
        again = [paid for paid in prompts.get(reference, []) if paid.code in row["mpesa_codes"] and is_given]
        received = _adding_up_to([*without, *again], uncoded)
        if received is None:
            yield f"sale {row['sale']} stands as paid and nobody paid: KSh {uncoded:g} have no payment"
            received = []
        to_check.update({f"{paid.code} again": paid.shillings for paid in received if paid in again})
        for paid in without:
            if paid in received:
                # Two queries proved it; its code is to follow.
                continue
            is_seen = bool(set(row["reasons"]) & OF_MONEY)
            # A person settled it as not there, and was wrong: its money stands in the list all the same.
            if is_seen or said.touched(row["sale"], frozenset({"review_settled"})):
                to_check[paid.code] = paid.shillings
            else:
                words = f"KSh {paid.shillings:g} were paid for sale {row['sale']} by {paid.code}"
                yield f"{words} and it stands as {row['state']}, its prompt as {row['attempt_state']}"


def _adding_up_to(paid: Sequence[Paid], shillings: float) -> list[Paid] | None:
    """Which of these payments make up a sum; None for none."""
    for count in range(len(paid) + 1):
        for some in itertools.combinations(paid, count):
            if sum(one.shillings for one in some) == shillings:
                return list(some)
    return None


def _on_other_amounts(ledger: Ledger, records: MpesaRecords, said: Said) -> Iterator[str]:
    """A callback with an amount that was not asked for is no proof: a person sees it."""
    by_reference = {row["reference"]: row for row in ledger.sales.values()}
    for checkout in records.other_amounts:
        row = by_reference.get(records.references[checkout])
        if row is not None and "other_amount" not in row["reasons"] and not said.touched(row["sale"], SETTLES):
            yield f"M-PESA named another amount for sale {row['sale']}, and it is not to check"


def _on_list(ledger: Ledger, records: MpesaRecords) -> Iterator[str]:
    """Whatever pays no sale stands in the list of payments that nobody claimed, by hand or not, and nothing else."""
    codes = {code for row in ledger.sales.values() for code in row["mpesa_codes"]}
    unclaimed = [paid.shillings for code, paid in records.payments.items() if code not in codes]
    if not ledger.totals:
        return
    listed = (ledger.totals["unclaimed_payments"], ledger.totals["unclaimed"])
    if listed != (len(unclaimed), sum(unclaimed)):
        yield (
            f"{len(unclaimed)} payments, KSh {sum(unclaimed):g}, came and pay no sale,"
            f" and {listed[0]}, KSh {listed[1]:g}, are listed"
        )


class Samples:
    """Looks at the sales again and again while people and power cuts are at work.

    *Thread*: `take` in any one; `judge` between runs.
    """

    def __init__(self, run: CommandLine) -> None:
        self._run = run
        self._first_day = today()
        self._taken: list[Sample] = []
        self.failures: list[str] = []
        self.count = 0

    def take(self) -> float:
        """Looks once; how long it took."""
        begins_s = time.monotonic()
        sales: dict[int, Row] = {}
        for day in sorted({self._first_day, today()}):
            code, out, err = self._run("sales", "--json", "--day", day)
            if code != 0:
                self.failures.append(f"sales beside a till ended with {code}: {err[-300:]}")
                return time.monotonic() - begins_s
            sales.update({row["sale"]: row for row in map(json.loads, out.splitlines())})
        ends_s = time.monotonic()
        self._taken.append(Sample(begins_s, ends_s, sales))
        self.count += 1
        return ends_s - begins_s

    def while_true(self, is_on: Callable[[], bool]) -> None:
        """Looks for as long as something is on, and leaves it most of the time: what is looked at must go on."""
        while is_on():
            ends_s = time.monotonic() + max(LOOKS_APART_S, 4 * self.take())
            while is_on() and time.monotonic() < ends_s:
                time.sleep(0.005)

    def judge(self, records: MpesaRecords, said: Said) -> list[str]:
        """Holds each look at a sale against the one before, and forgets all but the last whole one."""
        found, self.failures = self.failures, []
        found += _vanished(self._taken)
        found += promises([*self._taken, *said.looks], records, said)
        del self._taken[:-1]
        said.looks.clear()
        return found


def _vanished(samples: Sequence[Sample]) -> Iterator[str]:
    for before, after in itertools.pairwise(samples):
        yield from (f"sale {number} was listed and is missing" for number in before.sales.keys() - after.sales.keys())


def promises(samples: Iterable[Sample], records: MpesaRecords, said: Said) -> Iterator[str]:
    """What may not happen to a sale between two looks at it.

    Args:
        samples: Also such as have one sale alone; of two that overlap nobody knows which was first.
    """
    looks: dict[int, list[tuple[Sample, Row]]] = {}
    for sample in sorted(samples, key=lambda sample: sample.begins_s):
        for number, row in sample.sales.items():
            looks.setdefault(number, []).append((sample, row))
    for of_one in looks.values():
        for place, (after, new) in enumerate(of_one):
            earlier = ((before, old) for before, old in reversed(of_one[:place]) if before.ends_s <= after.begins_s)
            before, old = next(earlier, (after, new))
            if new != old:
                yield from _promises(old, new, _During(said, before.begins_s, after.ends_s), records)


@dataclass(frozen=True)
class _During:
    said: Said
    since_s: float
    until_s: float

    def touched(self, sale: int, *acts: str) -> bool:
        return self.said.touched(sale, frozenset(acts), self.since_s, self.until_s)


def _promises(old: Row, new: Row, during: _During, records: MpesaRecords) -> Iterator[str]:
    number = old["sale"]
    if new["received"] < old["received"] and not during.touched(number, "detach"):
        yield f"sale {number} had received {old['received']} and has {new['received']}"
    was_paid = old["state"] in PAID_IN_FULL and not during.touched(number, "detach")
    # Where a prompt paid it in part a reason may speak of that prompt, and the rest may be asked for.
    is_said = (
        bool(set(old["reasons"]) & OF_MONEY)
        and _is_nothing_by_prompts(old, records)
        and not during.touched(number, *SETTLES)
        # Money received ends it for the rest that is due; without a part by hand nothing is due then.
        and not (new["received"] > old["received"] and during.said.touched(number, frozenset({"attach"})))
    )
    if not (was_paid or is_said):
        return
    if _is_prompted(old, new):
        yield f"sale {number} was prompted again after paid was said"
    if new["state"] == "voided" != old["state"]:
        yield f"sale {number} was voided after paid was said"
    if is_said and not set(new["reasons"]) & OF_MONEY and new["received"] == old["received"]:
        yield f"sale {number} was to check for money, and is not any more, and nobody settled it"


def _is_nothing_by_prompts(row: Row, records: MpesaRecords) -> bool:
    """Whether all that a sale received was paid by hand."""
    paid = [records.payments.get(code) for code in row["mpesa_codes"]]
    return all(one is not None and not one.checkout for one in paid) and _received(row, records) == row["received"]


def _is_prompted(old: Row, new: Row) -> bool:
    if new["attempt"] != old["attempt"]:
        return bool(new["attempt"] > old["attempt"])
    return old["attempt_state"] == "ready" and new["attempt_state"] not in ("ready", "withdrawn")


def today() -> str:
    """The business day."""
    return datetime.now(EAST_AFRICA).date().isoformat()


def try_verify(run: CommandLine, env: dict[str, str], plant: str | None, codes: Iterable[str]) -> list[str]:
    """Whether ``verify`` can say no: in a copy of the ledger one M-PESA code is written over with another.

    Args:
        codes: Of paid sales.
    """
    home = Path(env["POS_APP_HOME"])
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        file, changed = Path(folder) / "copy.sqlite3", Path(folder) / "changed"
        code, _, err = run("backup", str(file))
        if code != 0:
            return [f"backup ended with {code}: {err[-300:]}"]
        content = file.read_bytes()
        paid_by = next((one for one in codes if one.encode() in content), None)
        if paid_by is None:
            return []
        shutil.copytree(home, changed, ignore=shutil.ignore_patterns("*-wal", "*-shm", "*.lock", "copies", "logs"))
        other = paid_by[:-1] + ("A" if paid_by[-1] != "A" else "B")
        ledger = changed / env["POS_APP_ENVIRONMENT"] / "ledger.sqlite3"
        ledger.write_bytes(content.replace(paid_by.encode(), other.encode()))
        with CommandLine(env | {"POS_APP_HOME": str(changed)}, plant) as ask:
            code, out, _ = ask("verify")
    return [] if code == 1 else [f"a ledger was changed, and verify ended with {code}: {out.strip()[-300:]}"]
