"""What fills ledgers for the benchmarks runs as they run it: in a process of its own that knows the program alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pos_app.ledger.verify import verify

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("more", "environment"), [((), "practice"), (("waiting",), "sandbox")])
def test_a_ledger_is_filled(more: tuple[str, ...], environment: str, tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "tests" / "perf" / "fill.py"), str(tmp_path), "3", *more]
    ran = subprocess.run(
        words, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert ran.returncode == 0, ran.stderr
    verdict = verify(tmp_path / environment / "ledger.sqlite3")
    assert (verdict.sales, verdict.findings) == (3, ())
