"""A row that asks for a text or two and has one button: in the dialog itself, so that nothing is interrupted."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.dress import button, label


class AskRow(QWidget):
    """Asks; hidden until it is opened.

    Args:
        name: Object name; its lines are called ``{name}0``, ``{name}1``.
        sentence: What is asked and what will come of it.
        lines: The name of each line, and whether what is typed is hidden.

    Signals:
        answered: a list of what was typed.
    """

    answered = Signal(object)

    def __init__(self, name: str, sentence: str, lines: tuple[tuple[str, bool], ...], confirm: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._lines: list[QLineEdit] = []
        row = QHBoxLayout()
        for number, (title, is_hidden) in enumerate(lines):
            line = QLineEdit()
            line.setObjectName(f"{name}{number}")
            line.setAccessibleName(title)
            line.setPlaceholderText(title)
            if is_hidden:
                line.setEchoMode(QLineEdit.EchoMode.Password)
                line.setMaximumWidth(150)
            line.returnPressed.connect(self._answer)
            row.addWidget(line, 0 if is_hidden else 1)
            self._lines.append(line)
        self._confirm = button(confirm, f"{name}Confirm")
        self._confirm.clicked.connect(self._answer)
        row.addWidget(self._confirm)
        self._reason = Answer(f"{name}Reason", "error")
        self._reason.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(4)
        column.addWidget(label(sentence, "muted", wrap=True))
        column.addLayout(row)
        column.addWidget(self._reason)
        self.hide()

    def open(self) -> None:
        """Shows it, empty, with the focus in it."""
        for line in self._lines:
            line.clear()
        self.refuse("")
        self.show()
        self._lines[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def refuse(self, reason: str) -> None:
        """Says why the answer will not do; what was typed stays."""
        self._reason.setText(reason)
        self._reason.setVisible(bool(reason))

    @Slot()
    def _answer(self) -> None:
        self.answered.emit([line.text().strip() for line in self._lines])
