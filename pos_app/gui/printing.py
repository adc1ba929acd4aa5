"""Receipts from the window: preview, paper, PDF, on a thread of their own. A sale never waits for paper."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from pos_app.common.errors import Outside, PosError
from pos_app.common.i18n import _
from pos_app.domain.printing.receipt import Closing, Receipt
from pos_app.domain.sales.sale import SaleSummary
from pos_app.engine.updates import Health, Service, ServiceStatusChanged
from pos_app.gui.runtime.job_runner import JobRunner
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.dress import button, dress
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.gui.widgets.save_file import ask_target
from pos_app.installation.installation import Installation
from pos_app.receipts.layout import Element, lay_out, lay_out_closing
from pos_app.receipts.painter import picture
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.pdf import write_pdf
from pos_app.receipts.printer_names import THERMAL
from pos_app.receipts.printers import PrinterFactory
from pos_app.receipts.system_printer import printer_names
from pos_app.texts.errors import reason_of

ANSWERS_WITHIN_MS = 12_000
"""A printer that has taken no byte in ten seconds has failed by itself before."""
MAY_HAVE_PRINTED = frozenset({"printer.cut_off", "printer.no_answer"})
PAPERS = ((PaperKind.MM58, "58 mm"), (PaperKind.MM80, "80 mm"), (PaperKind.A4, "A4"))


class Paper(Enum):
    """What a piece of work makes."""

    RECEIPT = "paper"
    RECEIPT_FILE = "pdf"
    SLIP = "slip"
    """Of a sale that is not paid: no receipt, and its first receipt is no copy."""
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class PaperKey:
    """Which piece of paper: one of a kind at a time.

    Args:
        of: A sale's number, or a day.
    """

    kind: Paper
    of: str


@dataclass(frozen=True, slots=True)
class PaperDone:
    """How a piece of paper came out.

    Args:
        path: Of the file; None where it went to a printer.
        error: Why it did not come out, or why nobody knows whether it did.
    """

    key: PaperKey
    path: Path | None = None
    error: PosError | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """Something on its way to paper; the number tells it from another of the same key."""

    serial: int
    work: Callable[[], Path | None]
    once: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> Path | None:
        """Does the work, once: a thread that was given up may have begun it at the last moment.

        Raises:
            Outside: ``printer.no_answer`` where it was begun before: nobody knows what came of it.
        """
        if not self.once.acquire(blocking=False):
            raise Outside("printer.no_answer")
        return self.work()


class ReceiptPrinter(QObject):
    """Prints receipts, or writes them into files, on a thread of its own.

    Args:
        printers: The printer of a name.

    Signals:
        status_changed: the printer's status.
        done: `PaperDone`.
        made: a sale's id, and ``paper`` or ``pdf``: the ledger must know that the next one is a copy.
    """

    status_changed = Signal(object)
    done = Signal(object)
    made = Signal(int, str)

    def __init__(self, installation: Installation, printers: PrinterFactory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._installation = installation
        self._printers = printers
        self._runner = JobRunner("printer", self._ignore, self)
        self._made: set[int] = set()
        self._under_way: dict[PaperKey, _Job] = {}
        self._serial = 0

    def finish(self, within_s: float) -> bool:
        """Finishes the receipt that is being printed, and tells of it; False where it did not end in time."""
        return self._runner.finish(within_s)

    def _ask(self, key: PaperKey, work: Callable[[], Path | None]) -> None:
        self._serial += 1
        self._under_way[key] = _Job(self._serial, work)
        self._begin(key)

    def _begin(self, key: PaperKey) -> None:
        job = self._under_way[key]
        asked = self._runner.run(job.run, owner=self)
        # The clock of a job runs from its own beginning, not from behind those before it.
        asked.begun(partial(self._watch, key, job.serial))
        asked.then(partial(self._on_made, key, job.serial)).otherwise(partial(self._on_failed, key, job.serial))

    def _watch(self, key: PaperKey, serial: int) -> None:
        QTimer.singleShot(ANSWERS_WITHIN_MS, self, partial(self._give_up, key, serial))

    def _give_up(self, key: PaperKey, serial: int) -> None:
        """What is not done by now hangs: it is told, and those behind it go to a thread of their own."""
        if not self._is_under_way(key, serial):
            return
        self._runner.close(0.0)
        self._runner = JobRunner("printer", self._ignore, self)
        # Bytes may have left: what is printed of it next is a copy.
        del self._under_way[key]
        self._tell(PaperDone(key, error=Outside("printer.no_answer")))
        for waiting in list(self._under_way):
            self._begin(waiting)

    def _is_under_way(self, key: PaperKey, serial: int) -> bool:
        job = self._under_way.get(key)
        return job is not None and job.serial == serial

    def tell_status(self) -> None:
        """Says whether a printer is set."""
        printer = self._installation.settings.printing.printer
        status = Health.OK if printer else Health.OFF
        self.status_changed.emit(
            ServiceStatusChanged(
                Service.PRINTER, status, "printer.ready" if printer else "printer.off", printer.removeprefix(THERMAL)
            )
        )

    def receipt_of(self, row: SaleSummary) -> Receipt:
        """The receipt for a sale; one that was printed before is a copy."""
        is_copy = row.has_receipt or int(row.sale.id) in self._made
        return self._installation.receipts.receipt_of(row, is_copy=is_copy)

    def make_closing(self, closing: Closing) -> None:
        """Prints a closing receipt where a printer is set, else writes a PDF."""
        printing = self._installation.settings.printing
        elements, paper = lay_out_closing(closing), PaperKind(printing.paper)
        folder = self._installation.home.receipts(self._installation.environment)
        key = PaperKey(Paper.CLOSING, closing.day)
        if printing.printer:
            self._ask(key, partial(self._put_on_paper, printing.printer, elements, paper))
        else:
            self._ask(key, partial(write_pdf, elements, paper, folder / f"closing-{closing.day}.pdf"))

    def _put_on_paper(self, printer: str, elements: Sequence[Element], paper: PaperKind) -> None:
        self._printers(printer).print(elements, paper)

    def print(self, row: SaleSummary, paper: PaperKind, printer: str) -> None:
        """Prints in the background. One receipt of a sale at a time."""
        receipt = self.receipt_of(row)
        key = PaperKey(Paper.SLIP if receipt.is_slip else Paper.RECEIPT, str(row.sale.id))
        if key in self._under_way:
            # A second press before the first is done is no second original.
            return
        self.status_changed.emit(ServiceStatusChanged(Service.PRINTER, Health.DEGRADED, "printer.busy"))
        self._ask(key, partial(self._put_on_paper, printer, lay_out(receipt), paper))

    def save_pdf(self, row: SaleSummary, paper: PaperKind, target: Path) -> None:
        """Writes a PDF in the background."""
        receipt = self.receipt_of(row)
        key = PaperKey(Paper.SLIP if receipt.is_slip else Paper.RECEIPT_FILE, str(row.sale.id))
        self._ask(key, partial(write_pdf, lay_out(receipt), paper, target))

    def _on_made(self, key: PaperKey, serial: int, path: Path | None) -> None:
        self._end(key, serial)
        self._tell(PaperDone(key, path))

    def _on_failed(self, key: PaperKey, serial: int, error: PosError) -> None:
        self._end(key, serial)
        self._tell(PaperDone(key, error=error))

    def _end(self, key: PaperKey, serial: int) -> None:
        """A later one of the same key is still on its way, and keeps its own clock."""
        if self._is_under_way(key, serial):
            del self._under_way[key]

    def _ignore(self, _error: PosError) -> None:
        """Each piece of paper tells its own."""

    def _tell(self, done: PaperDone) -> None:
        key, error = done.key, done.error
        if error is not None:
            if error.code in MAY_HAVE_PRINTED and key.kind is Paper.RECEIPT:
                self._note_made(key)
            detail = str(error.params.get("detail", "")) or reason_of(error)
            self.status_changed.emit(ServiceStatusChanged(Service.PRINTER, Health.DOWN, "printer.bad", detail))
        else:
            if key.kind in (Paper.RECEIPT, Paper.RECEIPT_FILE):
                self._note_made(key)
            self.tell_status()
        self.done.emit(done)

    def _note_made(self, key: PaperKey) -> None:
        self._made.add(int(key.of))
        self.made.emit(int(key.of), key.kind.value)


class ReceiptDialog(QDialog):
    """The preview of a receipt. Blocks nothing."""

    def __init__(self, row: SaleSummary, printer: ReceiptPrinter, installation: Installation, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("receiptDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = _("Receipt {reference}") if row.sale.received_cents else _("Slip {reference}: not confirmed")
        self.setWindowTitle(title.format(reference=row.sale.reference))
        self._row = row
        self._receipts = printer
        self._installation = installation
        self._build()
        printer.done.connect(self._on_paper)
        self._draw()

    def _build(self) -> None:
        open_within_screen(self, 480, 560)
        self._picture = QLabel()
        self._picture.setObjectName("receiptPicture")
        self._picture.setAccessibleName(_("Preview of the receipt"))
        self._picture.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._picture)
        self._paper = QComboBox()
        self._paper.setObjectName("receiptPaper")
        self._paper.setAccessibleName(_("Paper"))
        for kind, text in PAPERS:
            self._paper.addItem(text, kind)
        self._paper.setCurrentIndex(self._paper.findData(PaperKind(self._installation.settings.printing.paper)))
        self._printer = QComboBox()
        self._printer.setObjectName("receiptPrinter")
        self._printer.setAccessibleName(_("Printer"))
        kept = self._installation.settings.printing.printer
        if kept.startswith(THERMAL):
            self._printer.addItem(_("Thermal printer {address}").format(address=kept.removeprefix(THERMAL)), kept)
        for name in printer_names():
            self._printer.addItem(name, name)
        self._printer.setPlaceholderText(_("No printer"))
        chosen = self._printer.findData(kept)
        self._printer.setCurrentIndex(chosen if chosen >= 0 or not self._printer.count() else 0)
        self._message = Answer("receiptMessage", "muted")
        self._print = button(_("Print"), "receiptPrint", is_main=True)
        self._print.setEnabled(self._printer.count() > 0)
        if not self._printer.count():
            self._message.setText(_("This system has no printer. Save the receipt as PDF instead."))
        self._pdf = button(_("Save PDF…"), "receiptPdf")
        close = button(_("Close"), "receiptClose")
        self._paper.currentIndexChanged.connect(self._draw)
        self._print.clicked.connect(self._print_now)
        self._pdf.clicked.connect(self._save)
        close.clicked.connect(self.close)
        self._lay_out(area, close)
        # F6, Enter: what the cashier came for.
        wanted = self._print if self._print.isEnabled() else self._pdf
        wanted.setDefault(True)
        wanted.setFocus()

    def _lay_out(self, area: QScrollArea, close: QPushButton) -> None:
        choices = QHBoxLayout()
        choices.addWidget(self._printer, 1)
        choices.addWidget(self._paper)
        buttons = QHBoxLayout()
        buttons.addWidget(self._pdf)
        buttons.addStretch(1)
        buttons.addWidget(close)
        buttons.addWidget(self._print)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.addLayout(choices)
        column.addWidget(area, 1)
        column.addWidget(self._message)
        column.addLayout(buttons)

    def _chosen_paper(self) -> PaperKind:
        # Qt gives back the text that the value is.
        return PaperKind(self._paper.currentData())

    @Slot()
    def _draw(self) -> None:
        paper = self._chosen_paper()
        ratio = self.devicePixelRatioF()
        dots = 60.0 if paper is PaperKind.A4 else 110.0
        image = picture(lay_out(self._receipts.receipt_of(self._row)), paper, dots * ratio)
        image.setDevicePixelRatio(ratio)
        self._picture.setPixmap(QPixmap.fromImage(image))

    @Slot()
    def _print_now(self) -> None:
        self._print.setEnabled(False)
        self._message.setText(_("Printing… You can go on selling."))
        self._receipts.print(self._row, self._chosen_paper(), self._printer.currentData())

    @Slot()
    def _save(self) -> None:
        folder = self._installation.home.receipts(self._installation.environment)
        folder.mkdir(parents=True, exist_ok=True)
        suggested = folder / f"receipt-{self._row.sale.reference}-{self._row.sale.id}.pdf"
        chosen = ask_target(self, _("Save receipt"), suggested, "PDF (*.pdf)")
        if chosen is not None:
            self.save_to(chosen)

    def save_to(self, target: Path) -> None:
        """Saves without asking where."""
        self._receipts.save_pdf(self._row, self._chosen_paper(), target)

    def is_of(self, key: PaperKey) -> bool:
        """Whether a piece of paper is this sale's."""
        return key.of == str(self._row.sale.id)

    @Slot(object)
    def _on_paper(self, done: PaperDone) -> None:
        if not self.is_of(done.key):
            return
        self._print.setEnabled(self._printer.count() > 0)
        if done.error is not None:
            self._message.setText(reason_of(done.error))
            dress(self._message, role="error")
            return
        text = _("Saved as {path}").format(path=done.path) if done.path is not None else _("Handed to the printer.")
        self._message.setText(text)
        dress(self._message, role="good")
        self._draw()
