"""A real window with a real engine, offscreen."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.program import environment
from fakes.servers import Mpesa, Relay
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from pos_app.gui import theme
from pos_app.gui.app import Program
from pos_app.gui.main_window import MainWindow
from pos_app.practice.backend import PracticeBackend


@pytest.fixture(autouse=True)
def collected_here() -> Iterator[None]:
    """As the program does it: widgets are destroyed by their own thread only."""
    gc.disable()
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> None:
    theme.load_fonts()
    theme.apply(qapp, dark=False)


@pytest.fixture
def open_till(qapp: QApplication, qtbot: QtBot) -> Iterator[Callable[[], Program]]:
    programs: list[Program] = []

    def open_one() -> Program:
        program = Program(qapp)
        program.open()
        programs.append(program)
        return program

    yield open_one
    for program in programs:
        if isinstance(program.window, MainWindow):
            program.window.close_without_asking()
        elif program.window is not None:
            program.window.close()
        program.close()


@pytest.fixture
def real_shop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mpesa, Relay]]:
    """No practice: an M-PESA and a relay of their own, which a window opened after this reaches."""
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        for name, value in environment(home, mpesa, relay).items():
            if name.startswith("POS_APP_"):
                monkeypatch.setenv(name, value)
        yield mpesa, relay


@pytest.fixture
def window(open_till: Callable[[], Program], qtbot: QtBot) -> MainWindow:
    """Practice mode, started."""
    program = open_till()
    opened = program.window
    assert isinstance(opened, MainWindow)
    opened.resize(1366, 768)
    qtbot.waitUntil(lambda: "ms" in opened.findChild(QWidget, "lightRelay").accessibleName(), timeout=10_000)
    return opened


def on_backend(window: MainWindow, act: Callable[[PracticeBackend], object]) -> None:
    """Does something at the practice M-PESA, on the loop that runs it."""
    thread = window.client.engine_thread
    thread._loop.call_soon_threadsafe(lambda: act(thread._runtime.practice))


@pytest.fixture
def say_yes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answers every question with yes, and keeps what was asked."""
    asked: list[str] = []

    def question(_parent: object, _title: str, text: str, *_: object) -> QMessageBox.StandardButton:
        asked.append(text)
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", question)
    return asked
