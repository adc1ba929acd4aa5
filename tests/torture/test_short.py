"""A short form of `make torture`: it must pass, and it must notice bugs that are planted."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from torture.fuzz import fuzz
from torture.run import torture

slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.timeout(300)
def test_sixty_power_cuts_lose_nothing_and_charge_nobody_twice() -> None:
    shops = torture(60, seed=7)
    assert [violation for shop in shops for violation in shop.violations] == []
    assert sum(shop.kills for shop in shops) >= 60
    assert sum(len(shop.mpesa.records.payments) for shop in shops) > 10, "nobody paid: it proved nothing"
    people = sum((shop.people for shop in shops), Counter())
    assert people["sent again"] > 3 and people["voided"] > 3 and people["till_payment"] > 3, people
    assert sum(shop.looks for shop in shops) > 200, "it hardly looked: promises may have been broken unseen"
    assert sum(shop.printer.torn for shop in shops) > 0, "no receipt was torn off: it proved nothing"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("bug", "kills", "weather", "noticed"),
    [
        ("resend", 14, {"faults": 0.4}, "pushed twice"),
        ("late_journal", 14, {"faults": 0.4}, "were paid for"),
        ("no_promise", 36, {"faults": 0.1, "contradictions": 1.0}, "after paid was said"),
        # These five run with `make torture`.
        slow("forgets_payment", 8, {}, "came and pay no sale"),
        slow("believes_amounts", 10, {"contradictions": 1.0}, "named another amount"),
        slow("blind_verify", 4, {}, "a ledger was changed, and verify ended with 0"),
        slow("notes_torn", 10, {}, "receipts are noted and"),
        slow("hides_reviews", 10, {"contradictions": 1.0}, "and it is not to check"),
    ],
)
def test_a_planted_bug_is_noticed(bug: str, kills: int, weather: dict[str, Any], noticed: str) -> None:
    shops = torture(kills, seed=3, plant=bug, **weather)
    found = [violation for shop in shops for violation in shop.violations]
    assert any(noticed in violation for violation in found), found
    assert not [violation for violation in found if "fell over" in violation], "the plant itself is broken"


def test_nothing_escapes_the_readers_but_a_typed_error() -> None:
    seen = fuzz(15_000, seed=11)
    assert seen["callback: read"] > 100 and seen["query: read"] > 100, "it read nothing: it proved nothing"
