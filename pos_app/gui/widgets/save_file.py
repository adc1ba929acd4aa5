"""Asks where a file shall go."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


def ask_target(parent: QWidget, title: str, suggested: Path, kinds: str) -> Path | None:
    """The chosen file, with the suggested one's ending where none was typed; None for a dialog that was left.

    Args:
        suggested: Its folder is where the dialog begins.
        kinds: As Qt words them, ``PDF (*.pdf)``.
    """
    dialog = QFileDialog(parent, title, str(suggested.parent), kinds)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(suggested.suffix.removeprefix("."))
    dialog.selectFile(suggested.name)
    is_chosen = bool(dialog.exec())
    chosen = dialog.selectedFiles()
    dialog.deleteLater()
    return Path(chosen[0]) if is_chosen and chosen else None
