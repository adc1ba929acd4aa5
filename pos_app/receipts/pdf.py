"""A receipt as a PDF file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QPdfWriter

from pos_app.errors import Outside
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
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        writer = QPdfWriter(str(draft))
        writer.setTitle("Receipt")
        writer.setResolution(300)
        if not paint_on(writer, elements, paper):
            raise OSError(draft)
        del writer
        draft.replace(target)
    except OSError as error:
        raise Outside("file.unwritable", path=str(target)) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return target
