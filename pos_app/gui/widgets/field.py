"""A labelled line with room for a hint and for the reason why it is wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.dress import dress


class Line(QLineEdit):
    """A line edit that says when it is left."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()


class Field(QWidget):
    """Label, hint, line and reason.

    Signals:
        judged: the reason why it is wrong was said, or taken back.

    Args:
        name: The object name of the line, for tests and screen readers.
        shape: Re-spells what is being typed (``1250`` to ``1,250``); None to leave it.
    """

    judged = Signal()

    def __init__(
        self, name: str, label: str, *, hint: str = "", kind: str = "", shape: Callable[[str], str] | None = None
    ) -> None:
        super().__init__()
        self.line = Line()
        self.line.setObjectName(name)
        self.line.setAccessibleName(label)
        if kind:
            self.line.setProperty("field", kind)
        self._label = QLabel(label)
        self._label.setProperty("role", "label")
        self._label.setBuddy(self.line)
        self.hint = QLabel(hint)
        self.hint.setProperty("role", "label")
        self.hint.setObjectName(f"{name}Hint")
        self.reason = Answer(f"{name}Reason", "error")
        self.reason.hide()
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self._label)
        top.addStretch(1)
        top.addWidget(self.hint)
        layout = self._column = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.line)
        layout.addWidget(self.reason)
        self._shape = shape
        if shape is not None:
            self.line.textEdited.connect(self._reshape)
        self.line.textEdited.connect(self._forgive)

    @property
    def text(self) -> str:
        return self.line.text()

    def set_text(self, text: str) -> None:
        """Puts a text in, shaped like a typed one."""
        self.line.setText(self._shape(text) if self._shape is not None else text)

    def set_label(self, text: str) -> None:
        """Calls it something else."""
        self._label.setText(text)
        self.line.setAccessibleName(text)

    def show_reason(self, reason: str) -> None:
        """Says why it is wrong; an empty reason takes that back. What was typed stays."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        dress(self.line, wrong=bool(reason))
        self.line.setAccessibleDescription(reason)
        self.judged.emit()

    def set_tight(self, is_tight: bool, *, placeholder: str, otherwise: str) -> None:
        """Its label goes into the line, where even a compact form has no height for it."""
        self._label.setVisible(not is_tight)
        self.hint.setVisible(not is_tight)
        self.line.setPlaceholderText(placeholder if is_tight else otherwise)

    def set_compact(self, is_compact: bool, *, is_tiny: bool = False) -> None:
        """Less height for small screens."""
        dress(self.line, compact=is_compact, tiny=is_tiny)
        self._column.setSpacing(1 if is_compact else 4)

    @Slot(str)
    def _forgive(self, _text: str) -> None:
        if self.reason.text():
            self.show_reason("")

    @Slot(str)
    def _reshape(self, text: str) -> None:
        """Re-spells and keeps the cursor behind the same digit."""
        assert self._shape is not None
        shaped = self._shape(text)
        if shaped == text:
            return
        before = sum(not char.isspace() and char != "," for char in text[: self.line.cursorPosition()])
        self.line.setText(shaped)
        position = 0
        while before > 0 and position < len(shaped):
            before -= not shaped[position].isspace() and shaped[position] != ","
            position += 1
        self.line.setCursorPosition(position)
