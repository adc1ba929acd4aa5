"""The ledger answers as the first edition did, whatever people and M-PESA do and in whatever order.

The walks of the gate are the same each time. ``HYPOTHESIS_PROFILE=search`` walks further, and other ways each time: the seed stands in the name of the test.
"""

from __future__ import annotations

import ast
import json
import os
import random
from pathlib import Path

import pytest
from differential import first, now
from differential.plants import PLANTS, Plant
from differential.walk import replay, shortened, walk

SIDES = (first.Ledger, now.Ledger)
FOLDER = Path(first.__file__).parents[1]
IS_SEARCH = os.environ.get("HYPOTHESIS_PROFILE") == "search"
SEEDS = random.SystemRandom().sample(range(10**9), 60) if IS_SEARCH else range(8)
STEPS = 250 if IS_SEARCH else 120


@pytest.mark.parametrize("seed", SEEDS)
def test_both_say_the_same_of_whatever_happens(seed: int) -> None:
    found = walk(SIDES, seed, STEPS)
    if found is not None:
        acts = shortened(SIDES, found.acts)
        told = "\n".join(json.dumps(act) for act in acts)
        raise AssertionError(f"seed {seed}, step {found.step}: {found.where}\n{replay(SIDES, acts)} by\n{told}")


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_the_judge_sees(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.put(monkeypatch)
    found = walk(SIDES, plant.seed, plant.steps)
    assert found is not None, "nobody would have noticed"
    assert replay(SIDES, found.acts) == found.where, "what was found can be shown again"


def test_the_first_edition_stands_alone() -> None:
    read = 0
    for file in [*(FOLDER / "first_edition").rglob("*.py"), FOLDER / "differential" / "first.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
                names = [node.module or ""]
            assert not [name for name in names if name.split(".")[0] == "pos_app"], file
            read += len(names)
    assert read > 100
