"""The day for the accountant: which days, which file, progress, cancel."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QDate, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QComboBox,
    QDateEdit,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from pos_app.common.clock import SystemClock, day_of
from pos_app.common.errors import PosError
from pos_app.common.i18n import _
from pos_app.exports.queries import ChangedDays, ExportSales
from pos_app.exports.sales import Format, Progress, Written, default_name
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.dress import button, dress
from pos_app.gui.widgets.save_file import ask_target
from pos_app.texts.days import changed_days
from pos_app.texts.errors import reason_of


class ExportDialog(QDialog):
    """Writes an export on the queries' thread; the window goes on selling.

    Args:
        environment: Whose sales these are: the file's name says where no real money moved.

    Signals:
        closing_wanted: the day whose closing receipt is to be made.
        exported: a file was written.
    """

    closing_wanted = Signal(str)
    exported = Signal()

    def __init__(self, day: str, folder: Path, environment: str, queries: QueryRunner, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("exportDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Export sales"))
        self._folder = folder
        self._environment = environment
        self._queries = queries
        self._stop = threading.Event()
        self._is_running = False
        self._build(QDate.fromString(day, "yyyy-MM-dd"))
        today = day_of(SystemClock().now_ms())
        queries.run(ChangedDays(today), owner=self).then(self._on_changed_days).otherwise(self._ignore)
        self._suggest()

    def _build(self, day: QDate) -> None:
        self.setMinimumWidth(520)
        self._from, self._to = _day(day, "exportFrom", _("From")), _day(day, "exportTo", _("To"))
        self._format = QComboBox()
        self._format.setObjectName("exportFormat")
        self._format.setAccessibleName(_("Format"))
        for fmt, words in (
            (Format.CSV, _("CSV (any spreadsheet, any bookkeeping program)")),
            (Format.XLSX, _("Excel with totals (XLSX)")),
            (Format.JSON, _("JSON (for programs)")),
        ):
            self._format.addItem(words, fmt)
        self._file = QLineEdit()
        self._file.setObjectName("exportFile")
        self._file.setAccessibleName(_("File"))
        choose = button(_("Choose…"), "exportChoose")
        file_row = QHBoxLayout()
        file_row.addWidget(self._file, 1)
        file_row.addWidget(choose)
        form = QFormLayout()
        form.setSpacing(10)
        form.addRow(_("From"), self._from)
        form.addRow(_("To"), self._to)
        form.addRow(_("Format"), self._format)
        form.addRow(_("File"), file_row)
        self._bar = QProgressBar()
        self._bar.setObjectName("exportProgress")
        self._bar.hide()
        self._message = Answer("exportMessage", "muted")
        self._export = button(_("Export"), "exportStart", is_main=True)
        self._export.setDefault(True)
        self._closing = button(
            _("Closing receipt"), "exportClosing", tip=_("The sums of the last day, with the ledger's hash")
        )
        self._closing.clicked.connect(self._want_closing)
        self._open = button(_("Open folder"), "exportOpen")
        self._open.hide()
        self._cancel = button(_("Close"), "exportCancel")
        buttons = QHBoxLayout()
        buttons.addWidget(self._closing)
        buttons.addWidget(self._open)
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._export)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addLayout(form)
        column.addWidget(self._bar)
        column.addWidget(self._message)
        column.addLayout(buttons)
        for picker in (self._from, self._to):
            picker.dateChanged.connect(self._suggest)
        self._format.currentIndexChanged.connect(self._suggest)
        choose.clicked.connect(self._choose)
        self._export.clicked.connect(self._start)
        self._cancel.clicked.connect(self._close_or_stop)
        self._open.clicked.connect(self._open_folder)

    @property
    def target(self) -> Path:
        """The file that will be written."""
        return Path(self._file.text()).expanduser()

    @Slot()
    def _suggest(self) -> None:
        first, last = self._days()
        self._file.setText(str(self._folder / default_name(first, last, self._format.currentData(), self._environment)))

    def _days(self) -> tuple[str, str]:
        first, last = self._from.date().toString("yyyy-MM-dd"), self._to.date().toString("yyyy-MM-dd")
        return min(first, last), max(first, last)

    @Slot()
    def _choose(self) -> None:
        fmt = Format(self._format.currentData())
        chosen = ask_target(self, _("Export sales"), self.target, f"{fmt.upper()} (*.{fmt})")
        if chosen is not None:
            # Another day or format goes to the same folder.
            self._folder = chosen.parent
            self._file.setText(str(chosen))

    @Slot()
    def _start(self) -> None:
        first, last = self._days()
        self._stop = threading.Event()
        query = ExportSales(first, last, Format(self._format.currentData()), self.target, self._stop)
        self._set_running(is_running=True)
        self._say("", "muted")
        asked = self._queries.run_long(query, owner=self).progressed(self._show_progress)
        asked.then(self._on_written).otherwise(self._on_failed)

    def _set_running(self, *, is_running: bool) -> None:
        self._is_running = is_running
        self._bar.setRange(0, 0)
        self._bar.setVisible(is_running)
        self._export.setEnabled(not is_running)
        self._cancel.setText(_("Cancel") if is_running else _("Close"))

    def _say(self, text: str, role: str) -> None:
        self._message.setText(text)
        dress(self._message, role=role)

    def _show_progress(self, progress: Progress) -> None:
        self._bar.setRange(0, max(1, progress.total))
        self._bar.setValue(progress.done)

    def _on_changed_days(self, days: list[str]) -> None:
        if days and not self._message.text():
            self._say(changed_days(days), "error")

    def _ignore(self, _error: PosError) -> None:
        """What the window says of a ledger that cannot be read is said there."""

    def _on_failed(self, error: PosError) -> None:
        self._set_running(is_running=False)
        self._say(reason_of(error), "error")

    def _on_written(self, written: Written | None) -> None:
        self._set_running(is_running=False)
        if written is None:
            self._say(_("Cancelled. No file was written."), "muted")
        else:
            text = _("{count} sales written to {path}").format(count=written.sales, path=self.target)
            if written.last_hash:
                text += "\n" + _("Ledger hash {hash}").format(hash=written.last_hash)
            self._say(text, "good")
            self._open.show()
            self.exported.emit()

    @Slot()
    def _want_closing(self) -> None:
        self.closing_wanted.emit(self._days()[1])

    def say_of_closing(self, text: str, *, is_good: bool) -> None:
        """What became of the closing receipt."""
        self._say(text, "good" if is_good else "error")

    @Slot()
    def _close_or_stop(self) -> None:
        """The button, Escape or the frame: stops what runs, else closes."""
        if self._is_running:
            self._stop.set()
        else:
            super().reject()

    def reject(self) -> None:
        self._close_or_stop()

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.target.parent)))


def _day(day: QDate, name: str, title: str) -> QDateEdit:
    picker = QDateEdit(day)
    picker.setObjectName(name)
    picker.setAccessibleName(title)
    picker.setCalendarPopup(True)
    picker.setDisplayFormat("d MMM yyyy")
    return picker
