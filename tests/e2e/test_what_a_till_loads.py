"""A till with real money loads no web server, no simulator and no mailbox: only practice, and the relay, need those."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.program import environment
from fakes.servers import Mpesa, Relay

NOT_NEEDED = (
    "starlette",
    "uvicorn",
    "httptools",
    "pos_app.practice.simulator",
    "pos_app.practice.backend",
    "pos_app.relay.",
)
COMMAND = """
import json, sys
from pos_app.__main__ import main
code = main()
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""
WINDOW = """
import json, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pos_app.domain.values.money import parse_amount
from pos_app.domain.values.phone import parse_phone
from pos_app.domain.values.order_reference import parse_reference
from pos_app.domain.sales.sale import Draft
from pos_app.engine.commands import RequestStkPayment
from pos_app.gui import theme
from pos_app.gui.app import Program
app = QApplication(sys.argv[:1])
theme.load_fonts()
program = Program(app)
program.open()
draft = Draft(parse_amount("10"), parse_phone("0712345678"), parse_reference("A1"))
def paid(change):
    if change.attempt.state == "paid":
        program.window.close_without_asking()
        app.quit()
program.window.client.updates.attempt_changed.connect(paid)
program.window.client.execute(RequestStkPayment(draft), owner=program.window)
QTimer.singleShot(20_000, app.quit)
app.exec()
program.close()
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def loaded(script: str, env: dict[str, str], *words: str) -> set[str]:
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def not_needed(modules: set[str]) -> list[str]:
    return sorted(name for name in modules if f"{name}.".startswith(NOT_NEEDED))


@pytest.mark.parametrize("script", [COMMAND, WINDOW], ids=["command", "window"])
def test_a_till_with_real_money_loads_nothing_of_practice(home: Path, tmp_path: Path, script: str) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        modules = loaded(script, environment(home, mpesa, relay), "request", "10", "0712345678", "--json")
        assert mpesa.records.payments, "it sold nothing: it proved nothing"
    assert "pos_app.engine.engine" in modules
    assert not_needed(modules) == []


def test_practice_loads_what_it_brings(home: Path) -> None:
    env = environment(home, POS_APP_ENVIRONMENT="practice")
    modules = loaded(COMMAND, env, "request", "10", "0712345678")
    assert {"starlette", "uvicorn", "pos_app.practice.simulator.service"} <= modules
