"""The help texts, in both languages, to the letter: names of commands and options are a contract, and so is what they say.

`UPDATE_GOLDEN=1` writes the golden files anew (`contract.golden`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from contract.golden import files_under, hold
from contract.program import Ran, environment, run, run_all, side_by_side

COMMANDS: tuple[tuple[str, ...], ...] = (
    (), ("request",), ("follow",), ("sales",), ("export",), ("verify",), ("backup",), ("restore",), ("doctor",),
    ("relay",), ("relay", "serve"), ("relay", "add-till"), ("relay", "rotate"), ("relay", "list"), ("relay", "revoke"),
    ("relay", "purge"), ("practice",),
)  # fmt: skip
LANGUAGES = ("en", "sw")
NOWHERE = Path("/nonexistent")


def name_of(language: str, words: tuple[str, ...]) -> str:
    return f"help/{language}/{'-'.join(('pos-app', *words))}.txt"


def on_one_line(text: str) -> str:
    """The usage in one line: where it is broken differs from one Python to the next."""
    usage, gap, rest = text.partition("\n\n")
    return re.sub(r"\s+", " ", usage) + gap + rest


def _helps(language: str) -> dict[tuple[str, ...], str]:
    told = run_all(environment(NOWHERE, POS_APP_LANGUAGE=language), [(*words, "--help") for words in COMMANDS])
    return {words: as_told(one) for words, one in zip(COMMANDS, told, strict=True)}


def as_told(one: Ran) -> str:
    return replace(one, out=on_one_line(one.out)).transcript()


@pytest.fixture(scope="session")
def helps() -> dict[str, dict[tuple[str, ...], str]]:
    return side_by_side({language: lambda language=language: _helps(language) for language in LANGUAGES})  # type: ignore[misc]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words) or "pos-app")
def test_the_help(helps: dict[str, dict[tuple[str, ...], str]], language: str, words: tuple[str, ...]) -> None:
    hold(name_of(language, words), helps[language][words])


def test_the_program_itself_says_the_same() -> None:
    told = run(environment(NOWHERE), "--help")
    hold(name_of("en", ()), as_told(told))


def test_no_golden_file_is_of_no_command() -> None:
    assert files_under("help") == {name_of(language, words) for language in LANGUAGES for words in COMMANDS}
