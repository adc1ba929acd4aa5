"""A random walk of people and of M-PESA over both ledgers, one act at a time; the same seed walks the same way."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from differential.acts import Act, Answer, Observation, Side

# Half an hour before midnight in Nairobi: the first walks of an hour cross it.
START_MS: Final = 1_795_033_800_000
PHONES: Final = ("254712345678", "254712345679", "254722000678", "254733111222", "254110222333")
AMOUNTS: Final = (10_000, 10_000, 25_000, 100_000)
MEMORY: Final = Path("/dev/shm")
"""Where a system has it: what a disk does is not compared here."""
CHECK_EVERY: Final = 20
"""Acts between two verifications: what is wrong in a file stays wrong in it."""

PAID: Final = ("paid", "0", True, False)
CANCELLED: Final = ("cancelled", "1032", True, False)
UNREACHABLE: Final = ("unreachable", "1037", True, True)
PROCESSING: Final = ("still_processing", "4999", False, False)
ODD: Final = ("other", "777", False, False)
ZERO_LIKE: Final = ("other", "00", False, False)
QUERY_OUTCOMES: Final = ((PAID, 9), (CANCELLED, 3), (UNREACHABLE, 2), (PROCESSING, 3), (ODD, 2))
CALLBACK_OUTCOMES: Final = ((PAID, 14), (CANCELLED, 3), (UNREACHABLE, 2), (PROCESSING, 1), (ODD, 2), (ZERO_LIKE, 1))
NOT_SENT: Final = ("no_connection", "", False, False)
NO_ANSWER: Final = ("no_answer", "", False, False)
REFUSED: Final = ("bad_request", "400.002.02", True, False)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two sides part.

    Args:
        step: Number of the act, from 1.
        acts: All of them up to that one.
        where: The path to the first value that differs, and both values.
    """

    step: int
    acts: tuple[Act, ...]
    where: str


class Chooser:
    """Chooses acts that fit what there is, most of the time.

    Args:
        seed: Of the whole walk.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._now_ms = START_MS
        self._names = 0
        self._codes: list[str] = []
        self._position = 0
        self._mail: list[Act] = []
        self._plot = ""
        """The attempt that most happens to for a while: what is deep is reached by staying with one."""
        self._seen: Observation = {"sales": {}, "attempts": {}, "payments": {}, "free": [], "strays": []}

    def look(self, seen: Observation) -> None:
        """What the first edition shows now: the next act follows from it."""
        self._seen = seen

    def next(self) -> Act:
        """One act."""
        # A clock that is put back is part of life.
        steps_s = (0, 1, 1, 5, 12, 12, 40, 65, 130, 130, 3600, -30)
        self._now_ms += self._random.choice(steps_s) * 1000
        if self._random.random() < 0.01:
            self._now_ms += 20 * 3_600_000
        names = list(self._weights())
        name = self._random.choices(names, [self._weights()[name] for name in names])[0]
        act: Act = {"act": name, **getattr(self, f"_{name}")(), "at": self._now_ms}
        if "position" in act:
            self._mail.append(act)
        return act

    def _weights(self) -> dict[str, int]:
        """How often each is chosen, by what there is."""
        sales, attempts = self._seen["sales"], self._seen["attempts"]
        if not sales:
            return {"record_sale": 5, "payment": 1}
        states = {attempt["state"] for attempt in attempts.values()}
        is_sending, is_ready = "sending" in states, "ready" in states
        weights = {
            "record_sale": 12 if len(sales) < 7 else 1, "record_attempt": 10, "send": 35 if is_ready else 2,
            "accepted": 45 if is_sending else 1, "refused": 5 if is_sending else 1, "lost": 8 if is_sending else 1,
            "not_sent": 6 if is_sending else 1, "query": 26, "query_refused": 1, "asked": 1, "deadline": 6 if "pending" in states else 1,
            "callback": 26, "unclear": 4, "pass_over": 1, "again": 5, "withdraw": 6 if is_ready else 1,
            "give_up": 10 if "unknown" in states else 1, "claim": 6, "receipt": 1, "used_elsewhere": 1, "reserved": 1,
            "void": 7, "settle": 6, "payment": 12, "unreadable_payment": 1, "attach": 16 if self._seen["free"] else 2,
            "detach": 8, "elsewhere": 3,
            "lose": 1, "settle_strays": 2, "restart": 8 if is_sending else 2,
        }  # fmt: skip
        if not self._seen["payments"]:
            weights["detach"] = weights["elsewhere"] = weights["lose"] = 0
        if not self._seen["strays"]:
            weights["settle_strays"] = 0
        if not self._mail:
            weights["again"] = 0
        return weights

    # Values

    def _name(self) -> str:
        self._names += 1
        return f"t{self._names}"

    def _one(self, weighted: Sequence[tuple[Any, int]]) -> Any:
        return self._random.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]

    def _attempt_of(self, *states: str) -> str:
        """An attempt, of these states nine times in ten."""
        attempts = self._seen["attempts"]
        fit = [name for name, attempt in attempts.items() if attempt["state"] in states]
        if self._random.random() < 0.12 or self._plot not in attempts:
            self._plot = self._random.choice(list(attempts))
        if self._plot in fit and self._random.random() < 0.6:
            return self._plot
        return self._any(fit if fit and self._random.random() < 0.93 else list(attempts))

    def _sale_that(self, fits: Callable[[dict[str, Any]], bool]) -> str:
        sales = self._seen["sales"]
        fit = [name for name, sale in sales.items() if fits(sale)]
        return self._any(fit if fit and self._random.random() < 0.8 else list(sales))

    def _any(self, names: Sequence[str]) -> str:
        return self._random.choice(names)

    def _new_code(self) -> str:
        self._codes.append(f"TK{len(self._codes):08d}")
        return self._codes[-1]

    def _code(self, *known: str | None) -> str:
        """One of those known half the time, else a new one or any that was named before."""
        near = [code for code in known if code is not None]
        if near and self._random.random() < 0.5:
            return self._random.choice(near)
        if self._codes and self._random.random() < 0.2:
            return self._random.choice(self._codes)
        return self._new_code()

    def _body(self) -> str:
        return f"message {self._next_position()}"

    def _next_position(self) -> int:
        self._position += 1
        return self._position

    def _place(self) -> int:
        """Where a message stands; now and then a mailbox that began anew counts from its beginning."""
        return self._position if self._random.random() < 0.97 else self._random.randint(0, self._position)

    # What people ask for

    def _record_sale(self) -> Act:
        attempts = list(self._seen["attempts"].values())
        if attempts and self._random.random() < 0.2:
            # The sale that is not known yet, typed in anew.
            one = self._random.choice(attempts)
            like = {"amount": one["amount"], "phone": one["phone"],
                    "reference": self._seen["sales"][one["sale"]]["reference"].lower()}  # fmt: skip
            return {"token": self._name(), **like, "anyway": self._random.random() < 0.3}
        name = self._name()
        amount, phone = self._random.choice(AMOUNTS), self._random.choice(PHONES)
        return {"token": name, "amount": amount, "phone": phone, "reference": f"A{self._names:04d}", "anyway": False}

    def _record_attempt(self) -> Act:
        live, attempts = ("ready", "sending", "pending", "unknown"), self._seen["attempts"]
        sale = self._sale_that(
            lambda sale: (
                sale["due"] > 0
                and not sale["voided"]
                and not sale["said_paid"]
                and attempts[sale["last"]]["state"] not in live
            )
        )
        return {"sale": sale, "token": self._name(), "phone": self._one(((None, 2), (self._random.choice(PHONES), 1)))}

    def _send(self) -> Act:
        sales = self._seen["sales"]
        may = [
            name for name, one in self._seen["attempts"].items()
            if one["state"] == "ready" and not sales[one["sale"]]["said_paid"]
        ]  # fmt: skip
        return {
            "attempt": self._random.choice(may) if may and self._random.random() < 0.8 else self._attempt_of("ready")
        }

    def _withdraw(self) -> Act:
        return {"attempt": self._attempt_of("ready")}

    def _give_up(self) -> Act:
        return {"attempt": self._attempt_of("unknown")}

    def _claim(self) -> Act:
        name = self._attempt_of("pending", "unknown", "declined", "abandoned")
        others = [one[what] for one in self._seen["attempts"].values() for what in ("code", "claimed")]
        wanted = others if self._random.random() < 0.3 else [self._seen["attempts"][name]["heard"], *self._seen["free"]]
        return {"attempt": name, "code": self._code(*wanted)}

    def _receipt(self) -> Act:
        return {"attempt": self._attempt_of("paid")}

    def _void(self) -> Act:
        closed = ("declined", "rejected", "abandoned", "withdrawn")
        attempts = self._seen["attempts"]
        return {"sale": self._sale_that(lambda sale: not sale["voided"] and attempts[sale["last"]]["state"] in closed)}

    def _settle(self) -> Act:
        listed = {one["sale"] for one in self._seen["attempts"].values() if one["heard"] in self._seen["free"]}
        if listed and self._random.random() < 0.5:
            return {"sale": self._random.choice(sorted(listed))}
        return {"sale": self._sale_that(lambda sale: bool(sale["for_review"]))}

    def _attach(self) -> Act:
        attempts, free = self._seen["attempts"].values(), self._seen["free"]
        heard = [one for one in attempts if one["heard"] in free or one["claimed"] in free]
        if heard and self._random.random() < 0.4:
            one = self._random.choice(heard)
            return {"code": one["heard"] if one["heard"] in free else one["claimed"], "sale": one["sale"]}
        code = self._random.choice(free) if free else self._code()
        if self._random.random() < 0.12:
            code = self._code(*self._seen["payments"])
        twins = [
            one["sale"] for one in attempts
            if one["state"] == "paid" and one["code"] is None
            and one["amount"] == (self._seen["payments"].get(code) or {}).get("amount")
        ]  # fmt: skip
        if twins and self._random.random() < 0.6:
            return {"code": code, "sale": self._random.choice(twins)}
        if self._random.random() < 0.2:
            return {"code": code, "sale": self._sale_that(lambda sale: bool(sale["voided"]))}
        return {"code": code, "sale": self._sale_that(lambda sale: sale["due"] > 0 or sale["code_missing"])}

    def _detach(self) -> Act:
        used = [code for code, one in self._seen["payments"].items() if one is not None and one["use"] == "pays"]
        if used and self._random.random() < 0.85:
            return {"code": self._random.choice(used)}
        return {"code": self._code(*self._seen["payments"])}

    def _settle_strays(self) -> Act:
        return {"numbers": [self._random.randrange(len(self._seen["strays"]))]}

    # What M-PESA, the relay and the machine do

    def _left(self) -> int | None:
        left: int | None = self._one(((self._now_ms, 4), (self._now_ms + 2000, 1), (None, 1)))
        return left

    def _accepted(self) -> Act:
        name = self._attempt_of("sending")
        other = self._random.random() < 0.05
        return {
            "attempt": name, "merchant": f"m-{name}", "checkout": f"ws-{name}{'-other' if other else ''}",
            "left": self._left(),
        }  # fmt: skip

    def _not_sent(self) -> Act:
        return {"attempt": self._attempt_of("sending"), "outcome": NOT_SENT}

    def _refused(self) -> Act:
        return {"attempt": self._attempt_of("sending"), "outcome": REFUSED, "left": self._left()}

    def _lost(self) -> Act:
        name = self._attempt_of("sending")
        checkout = self._one(((None, 2), (f"ws-{name}", 1)))
        return {"attempt": name, "outcome": NO_ANSWER, "checkout": checkout, "left": self._left()}

    def _asked(self) -> Act:
        return {"attempt": self._attempt_of("pending", "unknown")}

    def _deadline(self) -> Act:
        return {"attempt": self._attempt_of("pending")}

    def _query(self) -> Act:
        open_ones = ("pending", "unknown") if self._random.random() < 0.75 else ("declined", "abandoned", "paid")
        apart = self._one(((None, 6), (12_000, 2), (3_000, 2)))
        said = [
            name for name, one in self._seen["attempts"].items()
            if one["said_paid"] is not None and one["state"] in ("pending", "unknown")
        ]  # fmt: skip
        if said and self._random.random() < 0.4:
            return {"attempt": self._random.choice(said), "outcome": self._one(QUERY_OUTCOMES), "apart": apart}
        return {"attempt": self._attempt_of(*open_ones), "outcome": self._one(QUERY_OUTCOMES), "apart": apart}

    def _query_refused(self) -> Act:
        return {"attempt": self._attempt_of("pending", "unknown")}

    def _used_elsewhere(self) -> Act:
        return {"attempt": self._attempt_of("paid"), "till": "till-2"}

    def _reserved(self) -> Act:
        return {"attempt": self._attempt_of("paid")}

    def _told(self) -> tuple[str, dict[str, Any]]:
        """Whose callback it is, as far as its token says, and that attempt."""
        wanted: tuple[str, ...] = ("pending", "unknown", "sending")
        if self._random.random() < 0.35:
            wanted = ("declined", "abandoned", "rejected", "paid")
        name = self._attempt_of(*wanted)
        return name, self._seen["attempts"][name]

    def _callback(self) -> Act:
        name, attempt = self._told()
        outcome = self._one(CALLBACK_OUTCOMES)
        is_paid = outcome in (PAID, ZERO_LIKE)
        free = self._seen["free"] if self._random.random() < 0.3 else ()
        code = self._code(attempt["code"], attempt["heard"], attempt["claimed"], *free)
        others = [one["code"] for one in self._seen["attempts"].values() if one["code"] is not None]
        others += [code for code, one in self._seen["payments"].items() if one is not None and one["use"] != ""]
        if others and self._random.random() < 0.15:
            code = self._random.choice(others)
        return {
            "token": name if self._random.random() < 0.95 else "nobody's", "body": self._body(),
            "position": self._place(), "outcome": outcome,
            "merchant": self._one(((f"m-{name}", 8), (None, 2), ("m-other", 1))),
            "checkout": self._one(((f"ws-{name}", 16), (None, 3), ("ws-other", 1))),
            "amount": self._one(((attempt["amount"], 14), (None, 2), (attempt["amount"] + 100, 2))) if is_paid else None,
            "code": self._one(((code, 19), (None, 1))) if is_paid else None,
        }  # fmt: skip

    def _unclear(self) -> Act:
        name, attempt = self._told()
        return {
            "token": name, "body": self._body(), "position": self._place(),
            "checkout": self._one(((None, 1), (f"ws-{name}", 1))),
            "amount": self._one(((None, 1), (attempt["amount"], 1))),
            "code": self._one(((None, 1), (self._code(attempt["heard"]), 2))),
        }  # fmt: skip

    def _pass_over(self) -> Act:
        token = self._one(((self._told()[0], 1), ("nobody's", 1)))
        return {"token": token, "body": self._body(), "position": self._place()}

    def _again(self) -> Act:
        """The same message once more, further on in the mailbox."""
        act = self._random.choice(self._mail[-8:])
        self._next_position()
        return {name: value for name, value in act.items() if name != "at"} | {"position": self._position}

    def _payment(self) -> Act:
        attempts = self._seen["attempts"].values()
        whats = ("heard",) if self._random.random() < 0.5 else ("code", "heard", "claimed")
        code = self._code(*(one[what] for one in attempts for what in whats))
        dues = [one["due"] for one in self._seen["sales"].values() if one["due"] > 0 or one["code_missing"]]
        due = self._random.choice(dues or AMOUNTS) or self._random.choice(AMOUNTS)
        amount = self._one(((due, 6), (self._random.choice(AMOUNTS), 3), (5_000, 2), (12_345, 1)))
        # Some come long after they were made, over midnight too.
        paid = (self._now_ms - self._one(((0, 3), (60_000, 2), (7_200_000, 2), (90_000_000, 1)))) // 1000 * 1000
        told = {"TransID": code, "TransAmount": f"{amount // 100}.{amount % 100:02d}", "n": self._next_position()}
        return {
            "code": code, "amount": amount, "paid": paid, "name": "Nicholas", "phone": "678", "account": "A0001",
            "body": json.dumps(told | {"TransTime": _stamp(paid)}), "position": self._place(),
        }  # fmt: skip

    def _unreadable_payment(self) -> Act:
        return {"body": self._body(), "position": self._place()}

    def _elsewhere(self) -> Act:
        till = self._one((("till-2", 2), ("", 1)))
        return {"code": self._code(*self._seen["payments"]), "till": till, "position": self._next_position()}

    def _lose(self) -> Act:
        return {"code": self._code(*self._seen["payments"]), "till": "till-3"}

    def _restart(self) -> Act:
        return {}


def _stamp(at_ms: int) -> str:
    """As M-PESA writes a time: in Nairobi."""
    return (datetime.fromtimestamp(at_ms / 1000, UTC) + timedelta(hours=3)).strftime("%Y%m%d%H%M%S")


def walk(sides: tuple[type[Side], type[Side]], seed: int, steps: int) -> Difference | None:
    """Goes so many steps, or to the first difference."""
    chooser = Chooser(seed)
    acts: list[Act] = []
    with _Two(sides) as both:
        for step in range(1, steps + 1):
            acts.append(chooser.next())
            where, seen = both.step(acts[-1], check=step % CHECK_EVERY == 0 or step == steps)
            if where is not None:
                return Difference(step, tuple(acts), where)
            chooser.look(seen)
    return None


def replay(sides: tuple[type[Side], type[Side]], acts: Sequence[Act]) -> str | None:
    """Carries out acts that were chosen before; says where the sides part."""
    with _Two(sides) as both:
        for act in acts:
            where, _ = both.step(act, check=act is acts[-1])
            if where is not None:
                return where
    return None


def shortened(sides: tuple[type[Side], type[Side]], acts: Sequence[Act], tries: int = 300) -> list[Act]:
    """The same difference, or another, by fewer acts: what can be left out is left out."""
    left = list(acts)
    size = max(1, len(left) // 2)
    while size:
        start = 0
        while start < len(left) and tries > 0:
            tries -= 1
            without = left[:start] + left[start + size :]
            if without and replay(sides, without) is not None:
                left = without
            else:
                start += size
        size //= 2
    return left


class _Two(ExitStack):
    """Two ledgers that are told the same."""

    def __init__(self, sides: tuple[type[Side], type[Side]]) -> None:
        super().__init__()
        root = Path(
            self.enter_context(
                tempfile.TemporaryDirectory(prefix="differential-", dir=MEMORY if MEMORY.is_dir() else None)
            )
        )
        self._sides = [self.enter_context(closing(side(_folder(root, n)))) for n, side in enumerate(sides)]

    def step(self, act: Act, *, check: bool) -> tuple[str | None, Observation]:
        first, now = (_done(side, act) for side in self._sides)
        where = difference(first, now, "answer")
        if where is None and not {"bug", "crashed"}.isdisjoint(first):
            where = f"answer: the first edition itself fails: {first}"
        if where is not None:
            return where, {}
        seen = [side.observe(act["at"]) for side in self._sides]
        where = difference(seen[0], seen[1], "")
        if where is None and check:
            found = [side.findings() for side in self._sides]
            where = difference(found[0], found[1], "findings")
            if where is None and found[0]:
                where = f"findings: the first edition itself does not fit together: {found[0]}"
        return where, seen[0]


def _folder(root: Path, number: int) -> Path:
    folder = root / str(number)
    folder.mkdir()
    return folder


def _done(side: Side, act: Act) -> Answer:
    try:
        return side.do(act)
    except KeyError as error:
        # A sale that this act names was never recorded: acts were left out.
        return {"unknown": str(error)}


def difference(first: Any, now: Any, path: str) -> str | None:
    """The first place where two values differ; None where they are the same."""
    if isinstance(first, dict) and isinstance(now, dict):
        for name in [*first, *(name for name in now if name not in first)]:
            if name not in first or name not in now:
                return f"{path}.{name}: only on one side: {first.get(name)!r} / {now.get(name)!r}"
            found = difference(first[name], now[name], f"{path}.{name}" if path else str(name))
            if found is not None:
                return found
        return None
    return None if first == now else f"{path}: first {first!r}, now {now!r}"
