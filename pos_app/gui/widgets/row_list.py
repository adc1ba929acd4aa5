"""A short list of rows to choose from: no pages, no sorting."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from pos_app.i18n import _

_NUMBERS = frozenset({1})
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class RowList(QTableWidget):
    """Rows to choose from by arrow keys. The second column holds amounts.

    Args:
        stretched: The column that takes the width that is left.

    Signals:
        chosen: Enter on a row, or a double click.
    """

    chosen = Signal()

    def __init__(self, name: str, title: str, headings: Sequence[str], stretched: int) -> None:
        super().__init__(0, len(headings))
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setHorizontalHeaderLabels([_(text) for text in headings])
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(34)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(_LEFT)
        for column in _NUMBERS:
            heading = self.horizontalHeaderItem(column)
            if heading is not None:
                heading.setTextAlignment(_RIGHT)
        self.doubleClicked.connect(self.chosen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit()
            return
        super().keyPressEvent(event)

    def select_too(self, row: int) -> None:
        """Adds a row to those that are selected."""
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().select(self.model().index(row, 0), flags)

    def show_rows(self, rows: Sequence[Sequence[str]], selected: int | None) -> None:
        """Shows other rows, one of them selected, or none."""
        self.blockSignals(True)
        self.clearSelection()
        self.setCurrentCell(-1, -1)
        self.setRowCount(len(rows))
        for number, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column in _NUMBERS:
                    item.setTextAlignment(_RIGHT)
                self.setItem(number, column, item)
        if rows and selected is not None:
            self.selectRow(min(max(selected, 0), len(rows) - 1))
        self.blockSignals(False)
        self.viewport().update()
