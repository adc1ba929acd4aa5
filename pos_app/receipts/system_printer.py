"""Any printer that the operating system knows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtPrintSupport import QPrinter, QPrinterInfo

from pos_app.common.errors import Mistake, Outside
from pos_app.receipts.layout import Element
from pos_app.receipts.painter import paint_on
from pos_app.receipts.paper import PaperKind


class SystemPrinter:
    """Hands receipts to the system's queue. That one was taken is no proof of paper.

    Args:
        name: As the system calls it.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def print(self, elements: Sequence[Element], paper: PaperKind) -> None:
        """Prints one receipt.

        Raises:
            Mistake: ``printer.none``.
            Outside: ``printer.failed``.
        """
        if not self._name:
            raise Mistake("printer.none")
        info = QPrinterInfo.printerInfo(self._name)
        if info.isNull():
            raise Outside("printer.failed", detail=self._name)
        printer = QPrinter(info, QPrinter.PrinterMode.HighResolution)
        printer.setDocName("Receipt")
        if not paint_on(printer, elements, paper):
            raise Outside("printer.failed", detail=self._name)


def printer_names() -> list[str]:
    """The system's printers, the usual one first."""
    default = QPrinterInfo.defaultPrinterName()
    return sorted(QPrinterInfo.availablePrinterNames(), key=lambda name: (name != default, name))
