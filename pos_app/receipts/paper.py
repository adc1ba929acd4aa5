"""What receipts are printed on, and how wide that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class PaperKind(StrEnum):
    """What it is printed on."""

    MM58 = "58mm"
    MM80 = "80mm"
    A4 = "a4"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Measures of a paper.

    Args:
        width_mm: Of the paper, in millimetres.
        column_mm: Of the text: thermal heads do not reach the edges.
        top_mm: Margin above and below.
        scale: Size of the type.
        characters: In a line of a thermal printer's own font.
    """

    width_mm: float
    column_mm: float
    top_mm: float
    scale: float
    characters: int


SHEETS: Final = {
    PaperKind.MM58: Sheet(58, 48, 3, 0.85, 32),
    PaperKind.MM80: Sheet(80, 70, 4, 1.0, 48),
    PaperKind.A4: Sheet(210, 110, 20, 1.25, 48),
}
A4_HEIGHT_MM: Final = 297.0
