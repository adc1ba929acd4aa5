"""A receipt as a PDF file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QPdfWriter

from pos_app.common.files import whole_file
from pos_app.receipts.layout import Element
from pos_app.receipts.painter import paint_on
from pos_app.receipts.paper import PaperKind


def write_pdf(elements: Sequence[Element], paper: PaperKind, target: Path) -> Path:
    """Writes the receipt as PDF, whole or not at all.

    Returns:
        Where it is.

    Raises:
        Outside: ``file.unwritable``.
    """
    with whole_file(target) as draft:
        writer = QPdfWriter(str(draft))
        writer.setTitle("Receipt")
        writer.setResolution(300)
        if not paint_on(writer, elements, paper):
            raise OSError(draft)
        del writer
    return target
