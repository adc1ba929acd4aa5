"""What a printer is to the rest of the program, and which one the shop chose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pos_app.receipts.layout import Element
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.printer_names import THERMAL


class Printer(Protocol):
    """Puts receipts on paper.

    *Thread*: the printer's own: it may wait for paper, for a person, or for a cable.
    """

    def print(self, elements: Sequence[Element], paper: PaperKind) -> None:
        """Prints one receipt.

        Raises:
            Mistake: ``printer.…``
            Outside: ``printer.failed`` (detail).
        """
        ...


PrinterFactory = Callable[[str], Printer]
"""The printer of a name."""


def printer_for(name: str) -> Printer:
    """The printer of a name: ``escpos:HOST``, ``escpos:HOST:PORT``, ``escpos:/dev/…``, or a system printer's.

    Raises:
        Mistake: ``printer.address``.
    """
    if name.startswith(THERMAL):
        from pos_app.receipts.thermal_printer import ThermalPrinter  # noqa: PLC0415 - only where one is set

        return ThermalPrinter(name.removeprefix(THERMAL))
    from pos_app.receipts.system_printer import SystemPrinter  # noqa: PLC0415 - brings Qt

    return SystemPrinter(name)
