"""A line of text that gives way where there is no room: cut with an ellipsis, and whole in its tool tip."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolTip, QWidget

_LEAST_LETTERS = 4


class ElidedLabel(QLabel):
    """A name of any length, on one line.

    Args:
        text: As it is; a screen reader reads it whole.
    """

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
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

    def event(self, event: QEvent) -> bool:
        """The whole text is in the tool tip where it is cut."""
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), "" if self.shown == self.text() else self.text(), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draws what there is room for."""
        with QPainter(self) as painter:
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(self.contentsRect(), int(self.alignment()), self.shown)
