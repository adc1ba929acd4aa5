"""Digits that are typed while a dialog is in front belong to the next customer: none is lost."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QDialog, QLineEdit, QPlainTextEdit, QWidget

_TAKES_TEXT = (QLineEdit, QPlainTextEdit, QComboBox, QAbstractSpinBox)


class StrayDigits(QObject):
    """Watches dialogs for digits that no field takes: them alone, for it is asked about each of their events.

    Args:
        take: Called with each such digit.
    """

    def __init__(self, window: QWidget, take: Callable[[str], None]) -> None:
        super().__init__(window)
        self._take = take

    def watch(self, dialog: QDialog) -> None:
        """From now on, for as long as it is there. What takes text keeps its digits."""
        if dialog.isModal():
            return
        for widget in (dialog, *dialog.findChildren(QWidget)):
            if not isinstance(widget, _TAKES_TEXT) and not isinstance(widget.parentWidget(), _TAKES_TEXT):
                widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() is not QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        is_plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if not is_plain or not (event.text().isascii() and event.text().isdigit()):
            return False
        self._take(event.text())
        return True
