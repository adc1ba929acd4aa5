"""The real program as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fakes.servers import Mpesa, Relay

from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_PASSKEY, PRACTICE_SECRET, PRACTICE_SHORTCODE

PROGRAM = [sys.executable, "-m", "pos_app"]


def environment(
    home: Path, mpesa: Mpesa | str | None = None, relay: Relay | None = None, **more: str
) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POS_APP_")}
    kept |= {"POS_APP_HOME": str(home), "POS_APP_ENVIRONMENT": "sandbox", "PYTHONWARNINGS": "default"}
    if mpesa is not None:
        kept |= {
            "POS_APP_BASE_URL": mpesa if isinstance(mpesa, str) else mpesa.url,
            "POS_APP_CONSUMER_KEY": PRACTICE_KEY,
            "POS_APP_CONSUMER_SECRET": PRACTICE_SECRET,
            "POS_APP_SHORTCODE": PRACTICE_SHORTCODE,
            "POS_APP_PASSKEY": PRACTICE_PASSKEY,
            "POS_APP_FIRST_QUERY_S": "0.1",
            "POS_APP_QUERY_INTERVAL_S": "0.1",
            "POS_APP_CONFIRM_GAP_S": "0.2",
        }
    if relay is not None:
        kept |= relay.environment
    return kept | more


class Ran:
    """What a run left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]


def run(env: dict[str, str], *words: str, timeout_s: float = 60) -> Ran:
    done = subprocess.run([*PROGRAM, *words], env=env, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def start(env: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*PROGRAM, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
