"""The judge itself: it is content with a shop that is well, says what is wrong with any other, and knows no inside."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torture.oracle import Ledger, MpesaRecords, Paid, Said, Sample, judge, promises

HERE = Path(__file__).parent
JUDGES = ("oracle.py", "run.py", "storm.py")
INSIDE = ("pos_app.ledger", "pos_app.domain", "pos_app.engine")


def imports_of(file: Path) -> set[str]:
    """The modules that a file names in its imports, wherever they stand."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{name.name}" for name in node.names)}
    return names


def with_tests_they_import(file: Path) -> dict[str, set[str]]:
    """By file: what it imports, and what each file of the tests imports that it loads."""
    found: dict[str, set[str]] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found[one.name] = imports_of(one)
            paths = [HERE.parent.joinpath(*name.split(".")).with_suffix(".py") for name in found[one.name] if name]
            waiting += [path for path in paths if path.exists()]
    return found


@pytest.mark.parametrize("judge_file", JUDGES)
def test_a_judge_does_not_import_the_accused(judge_file: str) -> None:
    read = with_tests_they_import(HERE / judge_file)
    assert judge_file == "oracle.py" or len(read) > 3, "it followed no import: it proved nothing"
    inside = {
        (file, name) for file, names in read.items() for name in names
        if any(name == room or name.startswith(f"{room}.") for room in INSIDE)
    }  # fmt: skip
    assert inside == set()
    assert not {name for name in read[judge_file] if name == "sqlite3"}


def test_an_import_of_the_accused_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "judge.py"
    file.write_text("def f():\n    from pos_app import ledger\n    import pos_app.engine.engine\n")
    assert {"pos_app.ledger", "pos_app.engine.engine"} <= imports_of(file)


def row(number: int, **other: Any) -> dict[str, Any]:
    return {
        "sale": number, "reference": f"T{number}", "amount": 10, "received": 0, "state": "open", "attempt": number,
        "attempt_state": "declined", "mpesa_codes": [], "review": False, "reasons": [],
    } | other  # fmt: skip


class AShop:
    """Sale 1 is paid by its prompt, 2 by hand, 3 not at all, and 4 KSh lie unclaimed."""

    def __init__(self) -> None:
        self.sales = {
            1: row(1, received=10, state="paid", attempt_state="paid", mpesa_codes=["P1"]),
            2: row(2, received=10, state="paid", mpesa_codes=["H2"]),
            3: row(3),
        }
        self.totals = {"unclaimed_payments": 1, "unclaimed": 4}
        self.payments = [Paid("P1", 10, "ws1", "T1"), Paid("H2", 10, "", "T1"), Paid("H9", 4, "", "T1")]
        self.addresses = ["a", "b", "c"]
        self.other_amounts: set[str] = set()
        self.said = Said()
        for number in self.sales:
            self.said.hear({"accepted": number, "reference": f"T{number}", "amount": 10})
        self.said.hear({"receipt": 1})
        self.act("attach", 2)
        self.printed = 1

    def act(self, what: str, sale: int) -> None:
        self.said.hear({"act": what, "sale": sale, "looked": 1.0, "at": 1.0, "row": self.sales[sale]})
        self.said.hear({"acted": "done", "at": 2.0})

    def judged(self) -> list[str]:
        records = MpesaRecords(
            {paid.code: paid for paid in self.payments}, tuple(self.addresses), frozenset(self.other_amounts),
            {"ws1": "T1"},
        )  # fmt: skip
        return judge(Ledger(self.sales, self.totals), records, self.said, self.printed)[0]


def is_paid_late(shop: AShop) -> None:
    shop.payments.append(Paid("P3", 10, "ws3", "T3"))
    shop.totals = {"unclaimed_payments": 2, "unclaimed": 14}


def is_to_check(shop: AShop) -> None:
    is_paid_late(shop)
    shop.sales[3] |= {"review": True, "reasons": ["contradiction"]}


def is_settled(shop: AShop) -> None:
    is_paid_late(shop)
    shop.act("review_settled", 3)


def is_paid_without_a_code(shop: AShop) -> None:
    is_paid_late(shop)
    shop.sales[3] |= {"received": 10, "state": "paid"}


@pytest.mark.parametrize("change", [lambda _shop: None, is_to_check, is_settled, is_paid_without_a_code])
def test_a_shop_that_is_well_is_not_accused(change: Callable[[AShop], None]) -> None:
    shop = AShop()
    change(shop)
    assert shop.judged() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (is_paid_late, "were paid for sale 3 by P3 and it stands as open"),
        (lambda shop: shop.sales.pop(3), "sale 3 was accepted and is missing"),
        (lambda shop: shop.sales[3].update(amount=11), "another reference or amount"),
        (lambda shop: shop.addresses.append("a"), "an attempt was pushed twice"),
        (lambda shop: shop.said.hear({"receipt": 2}), "2 receipts are noted and 1 were printed"),
        (lambda shop: (shop.said.receipts.clear(), shop.said.receipts.append(3)), "has a receipt and received nothing"),
        (lambda shop: shop.sales[3].update(mpesa_codes=["H2"]), "H2 pays 2 sales"),
        (lambda shop: shop.sales[3].update(mpesa_codes=["X"]), "stands as paid by X and nobody paid"),
        (lambda shop: shop.sales[3].update(received=10), "stands as paid and nobody paid: KSh 10"),
        (lambda shop: shop.sales[1].update(received=20), "stands as paid and nobody paid: KSh 10"),
        (lambda shop: shop.said.acts.clear(), "has H2, which nobody gave to it"),
        (lambda shop: shop.payments.append(Paid("P7", 7, "ws7", "T7")), "KSh 7 were paid for T7 and no sale knows of it"),
        (lambda shop: shop.totals.update(unclaimed=0, unclaimed_payments=0), "1 payments, KSh 4, came and pay no sale"),
        (lambda shop: shop.other_amounts.add("ws1"), "named another amount for sale 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(change: Callable[[AShop], Any], words: str) -> None:
    shop = AShop()
    change(shop)
    assert any(words in found for found in shop.judged()), shop.judged()


SAID = row(1, reasons=["said_paid"], review=True)
PAID = row(1, received=10, state="paid", mpesa_codes=["H2"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (SAID, SAID | {"attempt": 2, "attempt_state": "pending"}, "prompted again after paid was said"),
        (SAID | {"attempt_state": "ready"}, SAID | {"attempt_state": "sending"}, "prompted again after paid was said"),
        (SAID, SAID | {"state": "voided"}, "voided after paid was said"),
        (SAID, row(1), "nobody settled it"),
        (PAID, PAID | {"attempt": 2, "attempt_state": "sending"}, "prompted again after paid was said"),
        (PAID, row(1), "had received 10 and has 0"),
    ],
)
def test_a_promise_that_is_broken_is_said_unless_a_person_did_it(old: Any, new: Any, words: str) -> None:
    shop = AShop()
    records = MpesaRecords({paid.code: paid for paid in shop.payments})
    samples = [Sample(10.0, 11.0, {1: old}), Sample(12.0, 13.0, {1: new})]
    assert [words in found for found in promises(samples, records, Said())] == [True]
    # By a person, in that time; before it, it is no excuse.
    for at_s, excused in ((11.5, True), (5.0, False)):
        said = Said()
        for act in ("review_settled", "detach"):
            said.hear({"act": act, "sale": 1, "looked": at_s, "at": at_s, "row": old})
            said.hear({"acted": "done", "at": at_s + 0.1})
        assert (list(promises(samples, records, said)) == []) is excused


def test_of_two_looks_at_once_nobody_knows_which_was_first() -> None:
    samples = [Sample(10.0, 12.0, {1: SAID}), Sample(11.0, 13.0, {1: row(1)})]
    assert list(promises(samples, MpesaRecords({}), Said())) == []


def test_what_was_refused_or_cut_off_is_told_apart() -> None:
    said = Said()
    for outcome in ("refused", "failed", "done"):
        said.hear({"act": "voided", "sale": 1, "looked": 1.0, "at": 1.0, "row": row(1)})
        said.hear({"acted": outcome, "at": 2.0})
    said.hear({"act": "voided", "sale": 2, "looked": 3.0, "at": 3.0, "row": row(2)})
    said.died(4.0)
    assert said.people() == {"voided": 1}
    assert said.touched(1, frozenset({"voided"}))
    assert said.touched(2, frozenset({"voided"}), since_s=3.5)
    assert not said.touched(2, frozenset({"voided"}), since_s=4.5)
