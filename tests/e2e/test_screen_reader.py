"""The real window as a screen reader's user meets it: through AT-SPI, on a bus and a screen of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.network_printer import NetworkPrinter

SCRIPT = Path(__file__).with_name("screen_reader.py")
SYSTEMS_PYTHON = "/usr/bin/python3"


def has_library() -> bool:
    words = [SYSTEMS_PYTHON, "-c", "import pyatspi"]
    return Path(SYSTEMS_PYTHON).exists() and subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.timeout(200)
@pytest.mark.skipif(not has_library(), reason="make test installs python3-pyatspi on Debian")
def test_a_sale_a_receipt_and_f9_by_a_screen_reader(home: Path) -> None:
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POS_APP_", "DBUS_", "PYTHON"))}
    env = kept | {
        "POS_APP_HOME": str(home), "POS_APP_ENVIRONMENT": "practice", "QT_QPA_PLATFORM": "xcb",
        "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1", "XDG_RUNTIME_DIR": str(home),
    }  # fmt: skip
    with NetworkPrinter() as printer:
        (home / "settings.toml").write_text(f'[printing]\nprinter = "escpos:127.0.0.1:{printer.port}"\n')
        # A window manager gives the focus back when a dialog goes.
        inside = 'openbox >/dev/null 2>&1 & exec "$@"'
        words = ["dbus-run-session", "--", "xvfb-run", "-a", "-s", "-screen 0 1366x768x24 -nolisten tcp"]
        words += ["sh", "-c", inside, "-", SYSTEMS_PYTHON, str(SCRIPT), sys.executable, "-m", "pos_app"]
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        assert done.stdout.endswith("sale\nreceipt\npayment straight to the till\n"), done.stdout
        assert printer.whole == 1
