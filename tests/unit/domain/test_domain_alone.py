"""The domain decides, and nothing else: no clock, no file, no network, no database comes with it."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

from pos_app import domain

MODULES = sorted(module.name for module in pkgutil.walk_packages(domain.__path__, "pos_app.domain."))
ASKED = f"""
import importlib, sys
for name in {MODULES!r}:
    importlib.import_module(name)
print(*sorted(sys.modules))
"""


def test_every_module_says_what_it_is() -> None:
    assert len(MODULES) > 30
    assert [name for name in MODULES if not importlib.import_module(name).__doc__] == []


def test_none_of_them_loads_what_reaches_outside() -> None:
    loaded = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True).stdout.split()
    reaching = {"sqlite3", "socket", "ssl", "httpx", "asyncio", "PySide6", "subprocess", "filelock", "keyring"}
    assert set(MODULES) <= set(loaded)
    assert not reaching & set(loaded)
