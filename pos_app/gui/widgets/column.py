"""A column in a scroll area that is as high as its wrapped texts need, never squeezed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtWidgets import QVBoxLayout, QWidget


class Column(QWidget):
    """Put it into a scroll area whose widget is resizable."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)

    def minimumSizeHint(self) -> QSize:
        """A scroll area asks only this, and not for the height that a width needs."""
        width = self.width()
        needed = self.rows.totalHeightForWidth(width) if self.rows.hasHeightForWidth() else -1
        return QSize(0, max(needed, self.rows.totalMinimumSize().height()))

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().event(event)
