"""Shows what fell over, with a report to copy; and the hooks that hear of it wherever it happens."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, Slot, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from pos_app import __version__
from pos_app.common import faults
from pos_app.common.i18n import _
from pos_app.gui.widgets.dress import button, label
from pos_app.gui.widgets.fit import open_within_screen

_log = logging.getLogger("pos_app.gui.qt")
_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


MOST_LINES = 2_000


class FaultWindow(QDialog):
    """One window for all faults: it blocks nothing, and grows by each."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("faultWindow")
        self.setWindowTitle(_("Something went wrong inside the till"))
        # It keeps neither the process, once the till is closed, nor the keyboard.
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        open_within_screen(self, 640, 420)
        words = label(
            _(
                "The till goes on, and nothing was guessed about money: look at the sale before you do anything again."
                " Send this report to whoever looks after the till. It holds no secret and no phone number."
            ),
            name="faultWords",
            wrap=True,
        )
        self._report = QPlainTextEdit()
        self._report.setObjectName("faultReport")
        self._report.setAccessibleName(_("Report"))
        self._report.setReadOnly(True)
        self._report.setMaximumBlockCount(MOST_LINES)
        self._seen: dict[str, int] = {}
        self._count = label("", "muted", name="faultCount")
        copy = button(_("Copy the report"), "faultCopy")
        close = button(_("Close"), "faultClose", is_main=True)
        close.setDefault(True)
        copy.clicked.connect(self._copy)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(copy)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(words)
        column.addWidget(self._report, 1)
        column.addWidget(self._count)
        column.addLayout(buttons)

    def add(self, fault: faults.Fault) -> None:
        """Shows one more; one that comes again and again is counted, and opens nothing anew."""
        times = self._seen.get(fault.report, 0) + 1
        if len(self._seen) < MOST_LINES or fault.report in self._seen:
            self._seen[fault.report] = times
        if times > 1:
            self._count.setText(_("It happened {count} times.").format(count=times))
            return
        self._report.appendPlainText(f"{fault.where}, till {__version__}\n{fault.report}")
        self.show()
        self.raise_()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report.toPlainText())


class FaultDesk(QObject):
    """Hears of faults from every thread and shows them in the GUI's. Closed, it gives the hooks back."""

    _heard = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.window: FaultWindow | None = None
        self._heard.connect(self._show, Qt.ConnectionType.QueuedConnection)
        self._stop = faults.on_fault(self._heard.emit)
        self._hooks = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._in_slot
        threading.excepthook = self._in_thread
        self._qt = qInstallMessageHandler(_write_down)

    def close(self) -> None:
        """The hooks are as they were."""
        self._stop()
        sys.excepthook, threading.excepthook = self._hooks
        qInstallMessageHandler(self._qt)

    @staticmethod
    def _in_slot(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        faults.note(error, "window")

    @staticmethod
    def _in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            faults.note(arguments.exc_value, arguments.thread.name if arguments.thread is not None else "thread")

    @Slot(object)
    def _show(self, fault: faults.Fault) -> None:
        try:
            if self.window is None:
                self.window = FaultWindow()
            self.window.add(fault)
        except Exception:  # noqa: BLE001 - see below
            # A fault of this window itself is told to nobody but the log: it would only come again.
            _log.exception("the fault window fell over")


def _write_down(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    _log.log(_QT_LEVELS.get(kind, logging.WARNING), "%s", text)
