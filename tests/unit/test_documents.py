"""What a document points to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PATHS = re.compile(r"`((?:docs|packaging|pos_app|tests|resources)/[\w./-]+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_pictures_and_paths(document: Path) -> None:
    text = document.read_text("utf-8")
    missing = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    missing += [path for path in PATHS.findall(text) if not (ROOT / path).exists() and not list(ROOT.glob(f"{path}*"))]
    assert missing == []


def test_the_two_manuals_show_the_same_pictures_in_their_own_language() -> None:
    shown = {
        language: re.findall(
            rf"\({language}/([\w-]+\.png)\)", (ROOT / f"docs/manual/cashier.{language}.md").read_text("utf-8")
        )
        for language in ("en", "sw")
    }
    assert shown["en"] == shown["sw"] and len(shown["en"]) == len(set(shown["en"])) == 10
    for language, names in shown.items():
        assert sorted(path.name for path in (ROOT / "docs/manual" / language).iterdir()) == sorted(names)


def test_every_target_that_is_named_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target for path in DOCUMENTS for target in re.findall(r"`(?:\w+=\w+ )*make ([a-z-]+)", path.read_text("utf-8"))
    }
    assert named <= targets, named - targets
