"""Receipts from the window: preview, paper, PDF, on a thread of their own. A sale never waits for paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

from pos_app.common.clock import SystemClock, to_eat
from pos_app.common.errors import Outside
from pos_app.common.i18n import _
from pos_app.domain.money import Cents
from pos_app.domain.receipt import Closing, Receipt
from pos_app.domain.reference import Reference
from pos_app.domain.sale import SaleSummary
from pos_app.engine.events import Light, LightChanged, Status
from pos_app.gui.background import Background, Done
from pos_app.gui.installation import Installation
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.dress import button, dress
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.gui.widgets.save_file import ask_target
from pos_app.ledger.rows import Totals
from pos_app.receipts.layout import lay_out, lay_out_closing
from pos_app.receipts.painter import picture
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.pdf import write_pdf
from pos_app.receipts.printers import THERMAL, printer_for
from pos_app.receipts.system_printer import printer_names
from pos_app.words.mistakes import reason_of

CLOSING = "closing"
SLIP = "slip"
ANSWERS_WITHIN_MS = 12_000
"""A printer that has taken no byte in ten seconds has failed by itself before."""
MAY_HAVE_PRINTED = frozenset({"printer.cut_off", "printer.no_answer"})
PAPERS = ((PaperKind.MM58, "58 mm"), (PaperKind.MM80, "80 mm"), (PaperKind.A4, "A4"))


@dataclass(frozen=True, slots=True)
class _Job:
    """Something on its way to paper; the number tells it from another of the same name."""

    serial: int
    work: Callable[[], Any]


class ReceiptDesk(QObject):
    """Makes and prints receipts.

    Signals:
        light_changed: the printer's light.
        done: `Done` with the tag that was given.
        made: a sale's id, and ``paper`` or ``pdf``: the ledger must know that the next one is a copy.
    """

    light_changed = Signal(object)
    done = Signal(object)
    made = Signal(int, str)

    def __init__(self, installation: Installation, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._installation = installation
        self._background = self._new_background()
        self._made: set[int] = set()
        self._under_way: dict[str, _Job] = {}
        self._serial = 0

    def close(self, within_s: float | None = None) -> bool:
        """Finishes the receipt that is being printed; False where it did not end in time."""
        return self._background.close(within_s)

    def _ask(self, tag: str, work: Callable[[], Any]) -> None:
        self._serial += 1
        self._under_way[tag] = _Job(self._serial, work)
        self._begin(tag)

    def _begin(self, tag: str) -> None:
        background, job = self._background, self._under_way[tag]

        def work() -> Any:
            # The clock of a job runs from its own beginning, not from behind those before it.
            background.report((tag, job.serial))
            return job.work()

        background.ask(tag, work)

    @Slot(object)
    def _has_begun(self, what: tuple[str, int]) -> None:
        QTimer.singleShot(ANSWERS_WITHIN_MS, self, lambda: self._give_up(*what))

    def _give_up(self, tag: str, serial: int) -> None:
        """What is not done by now hangs: it is told, and those behind it go to a thread of their own."""
        job = self._under_way.get(tag)
        if job is None or job.serial != serial:
            return
        self._background.done.disconnect(self._hear)
        self._background.close(0.0)
        self._background = self._new_background()
        # Bytes may have left: what is printed of it next is a copy.
        self._hear(Done(tag, error=Outside("printer.no_answer")))
        for waiting in list(self._under_way):
            self._begin(waiting)

    def _new_background(self) -> Background:
        made = Background("printer", self)
        made.done.connect(self._hear)
        made.progressed.connect(self._has_begun)
        return made

    def tell_light(self) -> None:
        """Says whether a printer is set."""
        printer = self._installation.settings.printing.printer
        status = Status.READY if printer else Status.OFF
        self.light_changed.emit(
            LightChanged(
                Light.PRINTER, status, "printer.ready" if printer else "printer.off", printer.removeprefix(THERMAL)
            )
        )

    def receipt_of(self, row: SaleSummary) -> Receipt:
        """The receipt for a sale; one that was printed before is a copy."""
        shop = self._installation.settings.shop
        sold = to_eat(row.sale.created_at_ms)
        return Receipt(
            shop=shop.name,
            till_label=row.sale.till_label or shop.till_label,
            cashier=row.sale.cashier,
            header=shop.receipt_header,
            footer=shop.receipt_footer,
            day=row.sale.day,
            time=sold.strftime("%H:%M"),
            sale=row.sale.id,
            reference=row.sale.reference,
            phone_masked=row.attempt.phone_masked,
            amount_cents=row.sale.amount_cents,
            received_cents=row.sale.received_cents,
            mpesa_codes=row.codes,
            is_code_to_follow=row.is_code_missing,
            is_copy=row.has_receipt or int(row.sale.id) in self._made,
            is_practice=self._installation.is_practice,
        )

    def test_receipt(self) -> Receipt:
        """A receipt of no sale, to see whether the printer prints and nothing is cut."""
        shop = self._installation.settings.shop
        now = to_eat(SystemClock().now_ms())
        return Receipt(
            shop=shop.name or _("Your shop"),
            till_label=shop.till_label,
            cashier=shop.cashier,
            header=shop.receipt_header,
            footer=shop.receipt_footer,
            day=now.strftime("%Y-%m-%d"),
            time=now.strftime("%H:%M"),
            sale=0,
            reference=Reference("TEST"),
            phone_masked="0700•••000",
            amount_cents=Cents(25_000_000),
            received_cents=Cents(25_000_000),
            mpesa_codes=("TESTCODE00",),
            is_practice=True,
        )

    def closing_of(self, totals: Totals, last_hash: str) -> Closing:
        """The closing receipt of a day."""
        shop = self._installation.settings.shop
        now = to_eat(SystemClock().now_ms())
        return Closing(
            shop.name, shop.till_label, shop.cashier, totals.day, now.strftime("%Y-%m-%d %H:%M"), totals.sales,
            totals.paid_sales, totals.paid_cents, totals.waiting, totals.unknown, totals.review, last_hash,
            self._installation.is_practice, totals.unclaimed, totals.unclaimed_cents,
            totals.part_paid,
        )  # fmt: skip

    def make_closing(self, closing: Closing) -> None:
        """Prints it where a printer is set, else writes a PDF; `done` says which, by the tag ``closing:DAY``."""
        printing = self._installation.settings.printing
        elements, paper = lay_out_closing(closing), PaperKind(printing.paper)
        folder = self._installation.home.receipts(self._installation.environment)
        target = folder / f"closing-{closing.day}.pdf"

        def work() -> Path | None:
            if not printing.printer:
                return write_pdf(elements, paper, target)
            printer_for(printing.printer).print(elements, paper)
            return None

        self._ask(f"{CLOSING}:{closing.day}", work)

    def print(self, row: SaleSummary, paper: PaperKind, printer: str) -> None:
        """Prints in the background; the light and `done` say how it went. One receipt of a sale at a time."""
        receipt = self.receipt_of(row)
        elements = lay_out(receipt)
        tag = f"{SLIP if receipt.is_slip else 'print'}:{row.sale.id}"
        if tag in self._under_way:
            # A second press before the first is done is no second original.
            return
        self.light_changed.emit(LightChanged(Light.PRINTER, Status.BUSY, "printer.busy"))
        self._ask(tag, lambda: printer_for(printer).print(elements, paper))

    def save_pdf(self, row: SaleSummary, paper: PaperKind, target: Path) -> None:
        """Writes a PDF in the background."""
        receipt = self.receipt_of(row)
        elements = lay_out(receipt)
        self._ask(f"{SLIP if receipt.is_slip else 'pdf'}:{row.sale.id}", lambda: write_pdf(elements, paper, target))

    @Slot(object)
    def _hear(self, done: Done) -> None:
        self._under_way.pop(done.tag, None)
        if done.error is not None and done.error.code in MAY_HAVE_PRINTED and done.tag.startswith("print:"):
            self._note_made(done.tag, "paper")
        if done.error is not None:
            detail = str(done.error.params.get("detail", "")) or reason_of(done.error)
            self.light_changed.emit(LightChanged(Light.PRINTER, Status.BAD, "printer.bad", detail))
        elif done.tag.startswith((CLOSING, SLIP)):
            # Neither is a sale's receipt: the first one of those is no copy.
            self.tell_light()
        else:
            self._note_made(done.tag, "pdf" if done.tag.startswith("pdf:") else "paper")
            self.tell_light()
        self.done.emit(done)

    def _note_made(self, tag: str, how: str) -> None:
        sale_id = int(tag.rpartition(":")[2])
        self._made.add(sale_id)
        self.made.emit(sale_id, how)


class ReceiptDialog(QDialog):
    """The preview of a receipt. Blocks nothing."""

    def __init__(self, row: SaleSummary, desk: ReceiptDesk, installation: Installation, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("receiptDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = _("Receipt {reference}") if row.sale.received_cents else _("Slip {reference}: not confirmed")
        self.setWindowTitle(title.format(reference=row.sale.reference))
        self._row = row
        self._desk = desk
        self._installation = installation
        self._build()
        desk.done.connect(self._hear)
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
        image = picture(lay_out(self._desk.receipt_of(self._row)), paper, dots * ratio)
        image.setDevicePixelRatio(ratio)
        self._picture.setPixmap(QPixmap.fromImage(image))

    @Slot()
    def _print_now(self) -> None:
        self._print.setEnabled(False)
        self._message.setText(_("Printing… You can go on selling."))
        self._desk.print(self._row, self._chosen_paper(), self._printer.currentData())

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
        self._desk.save_pdf(self._row, self._chosen_paper(), target)

    @Slot(object)
    def _hear(self, done: Done) -> None:
        if done.tag.rpartition(":")[2] != str(self._row.sale.id):
            return
        self._print.setEnabled(self._printer.count() > 0)
        if done.error is not None:
            self._message.setText(reason_of(done.error))
            dress(self._message, role="error")
            return
        text = _("Saved as {path}").format(path=done.result) if done.result is not None else _("Handed to the printer.")
        self._message.setText(text)
        dress(self._message, role="good")
        self._draw()
