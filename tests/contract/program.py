"""The real program as a process, by the system's clock or by one that stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

from fakes.servers import Mpesa, Relay

from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_PASSKEY, PRACTICE_SECRET, PRACTICE_SHORTCODE

R = TypeVar("R")
EAT = timezone(timedelta(hours=3))
PROGRAM = (sys.executable, "-m", "pos_app")
WITHIN_S = 60.0


def environment(
    home: Path, mpesa: Mpesa | str | None = None, relay: Relay | None = None, **more: str
) -> dict[str, str]:
    """What a process inherits: a home, an M-PESA that is asked quickly, and nothing of whoever runs the tests."""
    passed = ("PATH", "PYTHONPATH", "PYTHONHASHSEED", "TZ", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
    kept = {name: os.environ[name] for name in passed if name in os.environ}
    kept |= {
        "POS_APP_HOME": str(home), "POS_APP_ENVIRONMENT": "sandbox", "POS_APP_LANGUAGE": "en", "COLUMNS": "120",
        "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "PYTHONWARNINGS": "default", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
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


def instant_ms(text: str) -> int:
    """``2026-03-02 08:00:00`` of Kenya, in milliseconds since 1970."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=EAT).timestamp() * 1000)


def program_at(at: str) -> tuple[str, ...]:
    """The program by a clock that stands at an instant of Kenya."""
    script = (
        f"{_clock_of(at)}; import sys; from pos_app.__main__ import main; sys.argv[0] = 'pos-app'; sys.exit(main())"
    )
    return (sys.executable, "-c", script)


def _clock_of(at: str | None) -> str:
    if at is None:
        return "pass"
    return f"from pos_app.common.clock import SystemClock; SystemClock.now_ms = lambda _self: {instant_ms(at)}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run left."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def transcript(self, *, with_errors: bool = True) -> str:
        """The run as a terminal shows it, its exit code below the command.

        Args:
            with_errors: False where what stands on standard error depends on the moment.
        """
        parts = [f"$ pos-app {' '.join(map(_quoted, self.words))}", f"exit {self.code}", self.out.rstrip("\n")]
        if with_errors and self.err:
            parts += ["--- standard error", self.err.rstrip("\n")]
        return "\n".join(part for part in parts if part) + "\n"


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./,:+•-]+", word) else f"'{word}'"


def ran(words: Sequence[str], code: int, out: str, err: str) -> Ran:
    """A run, unless the program fell over."""
    assert "Traceback" not in err, err
    return Ran(tuple(words), code, out, err)


def run(env: dict[str, str], *words: str, at: str | None = None) -> Ran:
    """One command, to its end.

    Args:
        at: What its clock says; None for the system's.
    """
    program = PROGRAM if at is None else program_at(at)
    done = subprocess.run(
        [*program, *words], env=env, capture_output=True, text=True, timeout=WITHIN_S, check=False, encoding="utf-8"
    )
    return ran(words, done.returncode, done.stdout, done.stderr)


_ALL = """
import contextlib, io, json, sys
from pos_app.__main__ import main
told = []
for words in json.loads(sys.stdin.read()):
    sys.argv = ["pos-app", *words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    told.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""


def run_all(env: dict[str, str], commands: Sequence[Sequence[str]], *, at: str | None = None) -> list[Ran]:
    """Many commands by one process, one after the other: a start costs more than most of what a command does.

    Each goes through the program's own entry. That a process for each says the same is for the caller to try.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"{_clock_of(at)}\n{_ALL}"], input=json.dumps([list(words) for words in commands]),
        env=env, capture_output=True, text=True, encoding="utf-8", timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [ran(words, *told) for words, told in zip(commands, json.loads(done.stdout), strict=True)]


def start(env: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def side_by_side(works: dict[str, Callable[[], R]]) -> dict[str, R]:
    """All of them, two at a time: most of the room's time is the start of processes."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        started = {name: pool.submit(work) for name, work in works.items()}
    return {name: future.result() for name, future in started.items()}
