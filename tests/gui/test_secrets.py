"""What a screen shows, and what the programs that the till starts inherit: no secret, and no full phone but where it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.servers import Mpesa, Relay
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from pos_app.domain.stk.effects import News
from pos_app.gui.main_window import MainWindow
from pos_app.gui.sounds import Sounds
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_PASSKEY, PRACTICE_SECRET
from pos_app.settings import environment as secrets_of
from pos_app.settings.effective import access
from pos_app.settings.model import Settings
from pos_app.settings.secrets import FileStore

PHONE, PHONE_SHOWN = "712345678", "0712 345 678"


def texts_of(thing: QAccessibleInterface | None, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Everything that a screen reader is told, with the name of the widget it stands in."""
    if thing is None or not thing.isValid() or depth > 40:
        return
    owner = thing.object()
    for kind in (QAccessible.Text.Name, QAccessible.Text.Value, QAccessible.Text.Description, QAccessible.Text.Help):
        yield owner.objectName() if owner is not None else "", thing.text(kind)
    for number in range(thing.childCount()):
        yield from texts_of(thing.child(number), depth + 1)


def screen(window: QWidget) -> list[tuple[str, str]]:
    return list(texts_of(QAccessible.queryAccessibleInterface(window)))


@pytest.fixture
def planted(real_shop: tuple[Mpesa, Relay]) -> tuple[Mpesa, set[str]]:
    mpesa, relay = real_shop
    return mpesa, {PRACTICE_KEY, PRACTICE_SECRET, PRACTICE_PASSKEY, relay.token}


def test_no_screen_shows_a_secret_and_a_phone_shows_in_full_while_its_prompt_is_out(
    planted: tuple[Mpesa, set[str]], window: MainWindow, qtbot: QtBot
) -> None:
    mpesa, secrets = planted
    mpesa.customer(f"254{PHONE}", habit=CustomerBehaviour.WAITS)
    for text, field in (("250", window.form.amount), (f"0{PHONE}", window.form.phone)):
        field.set_text(text)
    window.form.submit()
    state = window.findChild(QLabel, "currentState")
    qtbot.waitUntil(lambda: state.text() == "Waiting for PIN", timeout=10_000)
    in_full = [name for name, text in screen(window) if PHONE in "".join(text.split())]
    assert in_full and set(in_full) == {"currentLine"}, "the cashier reads the number while the prompt is out"
    mpesa.pays(f"254{PHONE}")
    qtbot.waitUntil(lambda: state.text() == "Paid", timeout=10_000)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    window.open_settings()
    dialog = window.findChild(QWidget, "settingsDialog")
    tabs = dialog.findChild(QTabWidget)
    shown = screen(window)
    for number in range(tabs.count()):
        tabs.setCurrentIndex(number)
        shown += screen(dialog)
    opened = window.open_sale(1)
    qtbot.waitUntil(lambda: opened.findChild(QWidget, "timeline").count() >= 3, timeout=5000)
    shown += screen(opened)
    window.open_export()
    shown += screen(window.findChild(QWidget, "exportDialog"))
    window.day.select_sale(1)
    window.open_receipt()
    shown += screen(window.findChild(QWidget, "receiptDialog"))
    everything = "\n".join(text for _, text in shown)
    assert "0712•••678" in everything and "KSh 250" in everything, "it read nothing: it proved nothing"
    for secret in secrets:
        assert secret not in everything
    assert [name for name, text in shown if PHONE in "".join(text.split())] == []


def test_a_secret_that_is_typed_shows_as_dots_to_a_screen_reader_too(window: MainWindow) -> None:
    window.open_settings()
    dialog = window.findChild(QWidget, "settingsDialog")
    for field in dialog.findChildren(QWidget):
        if field.objectName().startswith("secret_") and field.inherits("QLineEdit"):
            QTest.keyClicks(field, "planted-secret")
    assert "planted-secret" not in "\n".join(text for _, text in screen(dialog))


def test_what_the_till_starts_inherits_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    kept = tmp_path / "environment"
    player = tmp_path / "paplay"
    player.write_text(f"#!/bin/sh\nenv > {kept}.part\nmv {kept}.part {kept}\n")
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(secrets_of, "_taken", {})
    for name in secrets_of.SECRET_VARIABLES:
        monkeypatch.setenv(name, "planted-" + name.lower())
    monkeypatch.setenv("POS_APP_ENVIRONMENT", "sandbox")
    monkeypatch.setenv("POS_APP_SHORTCODE", "600100")
    secrets_of.take_secrets()
    Sounds(is_on=True).play(News.PAID)
    qtbot.waitUntil(kept.exists, timeout=10_000)
    inherited = kept.read_text()
    assert "PATH=" in inherited and "planted-" not in inherited
    reached = access(Settings(), FileStore(tmp_path / "none"))
    assert (reached.consumer_key, reached.passkey) == ("planted-pos_app_consumer_key", "planted-pos_app_passkey")


def test_the_program_takes_the_secrets_before_anything_else() -> None:
    script = """
import os, sys
from pos_app.__main__ import main
sys.argv = ["pos-app", "--version"]
try:
    main()
except SystemExit:
    pass
assert "POS_APP_PASSKEY" not in os.environ
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ | {"POS_APP_PASSKEY": "planted"})
