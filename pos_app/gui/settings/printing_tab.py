"""Which printer, which paper, and a test receipt."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox

from pos_app.common.errors import Mistake, PosError
from pos_app.common.i18n import _
from pos_app.gui.settings.tab import Tab, choose, combo, say
from pos_app.gui.widgets.dress import button, label
from pos_app.gui.widgets.field import Field
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.printer_names import THERMAL
from pos_app.receipts.printers import printer_for
from pos_app.receipts.system_printer import printer_names
from pos_app.settings.model import Paper, Settings
from pos_app.texts.errors import reason_of


class PrintingTab(Tab):
    """Receipts on paper.

    Signals:
        test_wanted: the printer's name and the kind of paper.
    """

    test_wanted = Signal(str, object)

    def __init__(self, kept: str) -> None:
        super().__init__("printing")
        names = printer_names()
        if kept and not kept.startswith(THERMAL) and kept not in names:
            names.append(kept)
        self._printer = combo(
            "printing_printer",
            _("Printer"),
            (
                ("", _("No printer")),
                *((name, name) for name in names),
                (THERMAL, _("Thermal printer (ESC/POS), without a driver")),
            ),
        )
        self._thermal = Field(
            "printing_thermal", _("Thermal printer's address"), hint=_("192.168.1.50, host:port or /dev/usb/lp0")
        )
        self._paper = combo(
            "printing_paper", _("Paper"), ((Paper.MM58, "58 mm"), (Paper.MM80, "80 mm"), (Paper.A4, "A4"))
        )
        self._when_paid = QCheckBox(_("Print the receipt as soon as a sale is paid"))
        self._when_paid.setObjectName("printing_print_when_paid")
        self._test = button(_("Print a test receipt"), "testPrint")
        self._result = label("", "muted", name="testPrintResult", wrap=True)
        note = "" if names else _("This system knows no printer. Add one in its settings, or use a thermal printer.")
        self.stack(
            label(_("Printer"), "label"), self._printer, self._thermal, label(_("Paper"), "label"), self._paper,
            self._when_paid, self._test, self._result, label(note, "muted", wrap=True),
        )  # fmt: skip
        self._thermal.line.left.connect(self._left_thermal)
        self._printer.currentIndexChanged.connect(self._suit)
        self._test.clicked.connect(self._want_test)

    def fill(self, settings: Settings) -> None:
        printing = settings.printing
        is_thermal = printing.printer.startswith(THERMAL)
        self._thermal.set_text(printing.printer.removeprefix(THERMAL) if is_thermal else "")
        choose(self._printer, THERMAL if is_thermal else printing.printer)
        choose(self._paper, printing.paper)
        self._when_paid.setChecked(printing.print_when_paid)
        self._suit()

    def put_into(self, settings: Settings) -> None:
        settings.printing.printer = self._chosen()
        settings.printing.paper = self._paper.currentData()
        settings.printing.print_when_paid = self._when_paid.isChecked()

    def wrong(self) -> list[tuple[Field, str]]:
        reason = self._reason()
        return [(self._thermal, reason)] if reason else []

    def _chosen(self) -> str:
        chosen: str = self._printer.currentData()
        return THERMAL + self._thermal.text.strip() if chosen == THERMAL else chosen

    def _reason(self) -> str:
        """Why the thermal printer's address will not do; empty where it will."""
        try:
            printer_for(self._chosen())
        except Mistake as mistake:
            return reason_of(mistake)
        return ""

    @Slot()
    def _suit(self) -> None:
        self._thermal.setVisible(self._printer.currentData() == THERMAL)
        self._test.setEnabled(bool(self._printer.currentData()))

    @Slot()
    def _left_thermal(self) -> None:
        self._thermal.show_reason(self._reason())

    @Slot()
    def _want_test(self) -> None:
        reason = self._reason()
        self._thermal.show_reason(reason)
        if not reason:
            self._test.setEnabled(False)
            say(self._result, _("Printing…"), "muted")
            self.test_wanted.emit(self._chosen(), PaperKind(self._paper.currentData()))

    def end_test(self, error: PosError | None) -> None:
        """How the test receipt went."""
        self._test.setEnabled(True)
        if error is not None:
            say(self._result, reason_of(error), "error")
        else:
            say(self._result, _("Handed to the printer: is it on the paper, and nothing cut?"), "good")
