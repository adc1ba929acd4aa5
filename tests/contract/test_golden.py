"""The comparison itself: what it lets pass and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract.golden import Names, differences


@pytest.mark.parametrize(
    ("golden", "actual"),
    [
        ("a\nb\n", "a\nb\n"),
        ('{"sale": 1}\n', '{"shift": null, "sale": 1}\n'),
        ('exit 0\n{"sale": 1}\n', 'exit 0\n{"sale": 1, "tenders": []}\n'),
        ('{\n "sales": [{"a": 1}]\n}\n', '{"sales": [{"a": 1, "b": 2}]}'),
    ],
)
def test_the_same(golden: str, actual: str) -> None:
    assert differences(golden, actual) == []


@pytest.mark.parametrize(
    ("golden", "actual", "said"),
    [
        ("exit 0\n", "exit 1\n", "line 1"),
        ("a,b\r\n", "a,b\n", "line 1"),
        ("a\n", "a\nb\n", "line 2"),
        ("a\nb\n", "a\n", "became"),
        ('{"sale": 1, "state": "paid"}\n', '{"sale": 1}\n', "no 'state'"),
        ('{"sale": 1}\n', '{"sale": true}\n', "became True"),
        ('{"received": 1}\n', '{"received": 1.0}\n', "became 1.0"),
        ('{"outcome": null}\n', '{"outcome": ""}\n', "None became"),
        ('{"codes": ["A"]}\n', '{"codes": ["A", "B"]}\n', "codes"),
        ('{"codes": ["A", "B"]}\n', '{"codes": ["B", "A"]}\n', "codes[0]"),
        ('{"totals": {"unclaimed": 693}}\n', '{"totals": {"unclaimed": 333}}\n', "totals.unclaimed"),
    ],
)
def test_not_the_same(golden: str, actual: str, said: str) -> None:
    found = differences(golden, actual)
    assert len(found) >= 1 and said in found[0], found


def test_equal_values_get_one_name_and_others_another() -> None:
    names = Names({Path("/tmp/x1"): "HOME"}, {"TOKEN": r"(?<=token )\w+"})
    one, other = "0" * 64, "1" * 64
    assert names(f"{one} {other} {one} /tmp/x1/exports token abc") == "HASH1 HASH2 HASH1 HOME/exports token TOKEN1"
    assert names(other) == "HASH2", "it remembers from text to text"
