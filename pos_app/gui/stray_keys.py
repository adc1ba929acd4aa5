"""Digits that are typed while a dialog is in front belong to the next customer: none is lost."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QDialog, QLineEdit, QPlainTextEdit, QWidget

_TAKES_TEXT = (QLineEdit, QPlainTextEdit, QComboBox, QAbstractSpinBox)


class StrayDigits(QObject):
    """Watches an application for digits that no field takes.

    Args:
        window: Whose dialogs are watched.
        take: Called with each such digit.
    """

    def __init__(self, window: QWidget, take: Callable[[str], None]) -> None:
        super().__init__(window)
        self._window = window
        self._take = take

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is not QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        if not isinstance(watched, QWidget) or isinstance(watched, _TAKES_TEXT):
            return False
        dialog = watched.window()
        is_ours = isinstance(dialog, QDialog) and dialog.parent() is self._window and not dialog.isModal()
        is_plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if not is_ours or not is_plain or not (event.text().isascii() and event.text().isdigit()):
            return False
        self._take(event.text())
        return True
