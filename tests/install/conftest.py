"""All that the locks pin, as files: what is installed here comes from them and not from a network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheelhouse() -> Path:
    subprocess.run([ROOT / "packaging" / "wheelhouse.sh"], check=True, timeout=600)
    return ROOT / "build" / "wheelhouse"
