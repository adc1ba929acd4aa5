"""Tries a built program: one payment without a window, an export, the mailbox, and the window itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Ends with 1 at the first thing that does not work."""
    program = str(Path(sys.argv[1]).absolute())
    with tempfile.TemporaryDirectory() as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("POS_APP_", "PYTHON"))}
        env |= {"POS_APP_HOME": folder, "POS_APP_ENVIRONMENT": "practice", "QT_QPA_PLATFORM": "offscreen"}

        def run(*words: str) -> str:
            done = subprocess.run([program, *words], env=env, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
            return done.stdout

        paid = json.loads(run("request", "20", "0712345678", "--json").splitlines()[-1])
        assert paid["state"] == "paid", paid
        for fmt in ("csv", "xlsx", "json"):
            assert Path(run("export", "--format", fmt).strip()).stat().st_size > 50
        assert "All is well" in run("verify")
        assert json.loads(run("relay", "add-till", "shop-1", "--json"))["till"] == "shop-1"
        env["POS_APP_LANGUAGE"] = "sw"
        assert "mauzo" in run("sales"), "the catalogue of Kiswahili is missing"
        window = subprocess.Popen([program], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        ends = time.monotonic() + 30
        log = Path(folder) / "practice" / "relay.sqlite3"
        while not log.exists() and window.poll() is None and time.monotonic() < ends:
            time.sleep(0.1)
        time.sleep(1)
        assert window.poll() is None, window.communicate()[0]
        window.send_signal(signal.SIGTERM)
        out, _ = window.communicate(timeout=30)
        assert window.returncode == 0, out
    print("package: one payment, three exports, the mailbox and the window work")


if __name__ == "__main__":
    main()
