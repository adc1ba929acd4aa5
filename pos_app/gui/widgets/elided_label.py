"""A line of text that gives way where there is no room: cut with an ellipsis, and whole in its tool tip."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

_LEAST_LETTERS = 4


class ElidedLabel(QLabel):
    """A name of any length, on one line.

    Args:
        text: As it is; a screen reader says it whole.
    """

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    @property
    def shown(self) -> str:
        """What there is room for."""
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.contentsRect().width())

    def minimumSizeHint(self) -> QSize:
        """A few letters: the rest gives way."""
        least = self.fontMetrics().horizontalAdvance("M" * _LEAST_LETTERS)
        whole = super().minimumSizeHint()
        return QSize(min(whole.width(), least), whole.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The whole text is in the tool tip where it is cut."""
        super().resizeEvent(event)
        self.setToolTip("" if self.shown == self.text() else self.text())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draws what there is room for."""
        with QPainter(self) as painter:
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(self.contentsRect(), int(self.alignment()), self.shown)
