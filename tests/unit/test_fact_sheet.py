"""What comments call M-PESA's rules stands where they say."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"docs/mpesa\.md,? ?((?:[0-9](?:\.[0-9])?(?:,| and )? ?)*)")


def test_every_section_that_a_comment_names_is_there() -> None:
    sheet = (ROOT / "docs/mpesa.md").read_text("utf-8")
    sections = set(re.findall(r"^#{2,3} ([0-9](?:\.[0-9])?)\.? ", sheet, re.MULTILINE))
    named = {
        (section, path.name)
        for path in sorted((ROOT / "pos_app").rglob("*.py"))
        for found in NAMED.findall(path.read_text("utf-8"))
        for section in re.findall(r"[0-9](?:\.[0-9])?", found)
    }
    assert len(named) > 20, "it read no comment: it proved nothing"
    assert {section for section, _file in named} <= sections, named
