"""Golden files: what the program printed and wrote when the contract was recorded.

`UPDATE_GOLDEN=1` writes the files anew instead of comparing. A person reads every change of theirs before it is kept:
a changed word is a broken promise until somebody decides otherwise. CI never sets it.

Two rules of the contract (README, *The command line*) decide what counts as the same: an object of JSON may gain keys and
none of its keys changes; everything else is the same to the letter.

What no two runs share gets a name by first appearance (`Names`): the same value has the same name everywhere.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

GOLDEN: Final = Path(__file__).parent / "golden"
UPDATES: Final = os.environ.get("UPDATE_GOLDEN") == "1"


class Names:
    """Names for what differs from run to run.

    Args:
        folders: Paths with the names that stand for them.
    """

    PATTERNS: Final = (
        ("HASH", re.compile(r"\b[0-9a-f]{64}\b")),
        ("PORT", re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}\b")),
    )

    def __init__(self, folders: dict[Path, str] | None = None, more: dict[str, str] | None = None) -> None:
        self._folders = folders or {}
        self._patterns = [*self.PATTERNS, *((name, re.compile(pattern)) for name, pattern in (more or {}).items())]
        self._given: dict[tuple[str, str], str] = {}

    def __call__(self, text: str) -> str:
        for folder, name in self._folders.items():
            text = text.replace(str(folder), name)
        for kind, pattern in self._patterns:
            text = pattern.sub(lambda found, kind=kind: self._name(kind, found[0]), text)  # type: ignore[misc]
        return text

    def _name(self, kind: str, value: str) -> str:
        number = sum(known == kind for known, _ in self._given) + 1
        return self._given.setdefault((kind, value), f"{kind}{number}")


def differences(golden: str, actual: str) -> list[str]:
    """Where two texts are not the same by the rules of the contract; a text may be JSON as a whole or line by line."""
    whole = _document(golden), _document(actual)
    if None not in whole:
        return list(_lost(*whole, ""))
    return [
        difference
        for number, (before, after) in enumerate(_pairs(golden, actual), start=1)
        for difference in _of_line(before, after, f"line {number}")
    ]


def _pairs(golden: str, actual: str) -> list[tuple[str, str]]:
    # Not by splitlines: a carriage return is a part of a CSV's line.
    before, after = golden.split("\n"), actual.split("\n")
    longest = max(len(before), len(after))
    filled = [lines + ["<no line>"] * (longest - len(lines)) for lines in (before, after)]
    return list(zip(*filled, strict=True))


def _of_line(before: str, after: str, where: str) -> list[str]:
    documents = _document(before), _document(after)
    if None not in documents:
        return list(_lost(*documents, where))
    return [] if before == after else [f"{where}: {before!r} became {after!r}"]


def _document(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _lost(golden: Any, actual: Any, where: str) -> list[str]:
    """What a document held and another does not; keys may be added."""
    if isinstance(golden, dict) and isinstance(actual, dict):
        gone = [f"{where}: no {key!r} any more" for key in golden if key not in actual]
        kept = [key for key in golden if key in actual]
        return gone + [lost for key in kept for lost in _lost(golden[key], actual[key], f"{where}.{key}")]
    if isinstance(golden, list) and isinstance(actual, list) and len(golden) == len(actual):
        pairs = enumerate(zip(golden, actual, strict=True))
        return [lost for number, pair in pairs for lost in _lost(*pair, f"{where}[{number}]")]
    # 1 is neither true nor 1.0 to whoever reads it.
    same = type(golden) is type(actual) and golden == actual
    return [] if same else [f"{where}: {golden!r} became {actual!r}"]


def hold(name: str, actual: str) -> None:
    """Compares a text with its golden file, or writes the file where that is asked for."""
    file = GOLDEN / name
    if UPDATES:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(actual, encoding="utf-8", newline="")
    assert file.exists(), f"there is no golden file {name}: UPDATE_GOLDEN=1 writes it"
    with file.open(encoding="utf-8", newline="") as opened:
        found = differences(opened.read(), actual)
    assert not found, f"{name}:\n" + "\n".join(found[:20])


def files_under(folder: str) -> set[str]:
    """The names of the golden files of a part of the room."""
    return {str(path.relative_to(GOLDEN)) for path in (GOLDEN / folder).rglob("*") if path.is_file()}
