"""Starts the window: paints first, then starts the engine."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from pos_app import __version__
from pos_app.common import i18n, logs, paths
from pos_app.common.errors import Outside, PosError
from pos_app.gui import theme
from pos_app.gui.fault_window import FaultDesk
from pos_app.gui.main_window import MainWindow
from pos_app.gui.problem import Problem
from pos_app.gui.runtime.gc_timer import GcTimer
from pos_app.gui.runtime.qt_translator import QtTranslator
from pos_app.gui.single import FrontDoor, bring_to_front
from pos_app.installation.installation import Installation
from pos_app.ledger.backups import restore
from pos_app.receipts.printers import PrinterFactory, printer_for
from pos_app.settings.lock import only_one
from pos_app.settings.model import Theme as ThemeChoice


class Program:
    """The running program: one window, made anew when its settings change.

    Args:
        printers: The printer of a name.
    """

    def __init__(self, app: QApplication, printers: PrinterFactory = printer_for) -> None:
        self._app = app
        self._printers = printers
        self._held = ExitStack()
        # Asked anew at each word, so that it speaks whatever language is in use.
        app.installTranslator(QtTranslator(app))
        self.window: MainWindow | Problem | None = None
        self._hung: MainWindow | None = None
        self._door: FrontDoor | None = None

    def open(self) -> None:
        """Opens the window, or says what stands in its way."""
        if self._hung is not None:
            if not self._hung.client.has_ended:
                self._show(Problem(Outside("program.hangs"), self.open, self._put_back))
                return
            self._hung = None
            self._held.close()
        try:
            installation = Installation()
            i18n.use_language(os.environ.get("POS_APP_LANGUAGE", installation.settings.look.language))
            self._dress(installation.settings.look.theme)
            with ExitStack() as stack:
                stack.enter_context(only_one(installation.home))
                window = MainWindow(installation, self._reopen, self._put_back, self._stop_at, self._printers)
                self._held = stack.pop_all()
        except PosError as error:
            self._dress(ThemeChoice.SYSTEM)
            self._show(Problem(error, self.open, self._put_back))
            return
        self._show(window)
        # The window is painted before anything else is loaded, or written.
        QTimer.singleShot(0, window.start_engine)
        QTimer.singleShot(0, self._listen)
        window.form.start_over()

    def _show(self, window: MainWindow | Problem) -> None:
        old, self.window = self.window, window
        window.show()
        if old is self._hung:
            # Kept: it is not to be torn down under its own thread.
            return
        if old is not None:
            old.deleteLater()

    def _dress(self, choice: ThemeChoice) -> None:
        is_dark = choice is ThemeChoice.DARK or (choice is ThemeChoice.SYSTEM and theme.system_is_dark())
        theme.apply(self._app, dark=is_dark)

    def _reopen(self) -> None:
        """New settings: the old window stops its engine, the new one takes up what is open."""
        if self._let_go():
            self.open()

    def _let_go(self) -> bool:
        """False where the old window's engine hangs: then no other may begin beside it."""
        if isinstance(self.window, MainWindow):
            self.window.hide()
            if not self.window.shut_down():
                self._hung = self.window
                self._show(Problem(Outside("program.hangs"), self.open, self._put_back))
                return False
        self._close_door()
        self._held.close()
        return True

    def _listen(self) -> None:
        """Hears of second starts, once there is a window to show."""
        if isinstance(self.window, MainWindow) and not self.window.is_closing:
            self._close_door()
            self._door = FrontDoor(self.window.installation.home.front_door, self._come_to_front)

    def _close_door(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None

    def _come_to_front(self) -> None:
        window = self.window
        if window is not None and not (isinstance(window, MainWindow) and window.is_closing):
            window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized | Qt.WindowState.WindowActive)
            window.show()
            window.raise_()
            window.activateWindow()

    def _stop_at(self, error: PosError) -> None:
        """The ledger cannot be used: nothing can be sold, so that is all there is to see."""
        if self._let_go():
            self._show(Problem(error, self.open, self._put_back))

    def _put_back(self, copy: Path) -> None:
        """Puts a copy of the ledger in its place and opens the till with it."""
        if not self._let_go():
            return
        try:
            installation = Installation()
            with only_one(installation.home):
                restore(copy, installation.ledger, installation.environment)
        except PosError as error:
            self._show(Problem(error, self.open, self._put_back))
            return
        self.open()

    def close(self) -> None:
        """Lets go of the lock."""
        self._close_door()
        self._held.close()


def main() -> int:
    """Runs the window, and ends the process with its exit code; returns where another window is open already."""
    logs.set_up(paths.home().logs)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("pos-app")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("pos-app")
    theme.load_fonts()
    app.setWindowIcon(QIcon(str(paths.resources() / "icons" / "app.svg")))
    if bring_to_front(paths.home().front_door):
        return 0
    faults_shown = FaultDesk(app)
    garbage = GcTimer(app)
    program = Program(app)
    program.open()
    close_politely(app, program)
    code = app.exec()
    program.close()
    garbage.deleteLater()
    faults_shown.close()
    # All is laid down. What is left, Qt and Python would take apart in an order that nobody promises, and a thread that
    # waits for a store, a printer or a disk would keep the process, and with it the lock.
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


def close_politely(app: QApplication, program: Program) -> None:
    """A polite end of the process (Ctrl+C, SIGTERM) closes the window without asking."""
    wanted: list[int] = []

    def note(number: int, _frame: object) -> None:
        # Python calls this wherever it happens to be, in the middle of a paint as well: nothing of Qt is touched here.
        wanted.append(number)

    def look() -> None:
        if not wanted:
            return
        wanted.clear()
        if isinstance(program.window, MainWindow):
            program.window.close_without_asking()
        app.quit()

    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, note)
    timer = QTimer(app)
    timer.timeout.connect(look)
    timer.start(200)
