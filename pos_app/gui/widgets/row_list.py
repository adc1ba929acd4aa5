"""A short list of rows to choose from: no pages, no sorting."""

from __future__ import annotations

from collections.abc import Container, Sequence

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from pos_app.common.i18n import _

_NUMBERS = frozenset({1})
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class RowList(QTableWidget):
    """Rows to choose from by arrow keys. The second column holds amounts.

    Args:
        stretched: The column that takes the width that is left.
        gives_way: Columns that are hidden where there is no room for all, the first one first; a row's tooltip has
            them. One with nothing in it is hidden before.

    Signals:
        chosen: Enter on a row, or a double click.
    """

    chosen = Signal()

    def __init__(
        self, name: str, title: str, headings: Sequence[str], stretched: int, gives_way: Sequence[int] = ()
    ) -> None:
        super().__init__(0, len(headings))
        self._stretched = stretched
        self._gives_way = gives_way
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
            whole = " · ".join(text for text in cells if text)
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(whole)
                if column in _NUMBERS:
                    item.setTextAlignment(_RIGHT)
                self.setItem(number, column, item)
        if rows and selected is not None:
            self.selectRow(min(max(selected, 0), len(rows) - 1))
        self.blockSignals(False)
        self._fit()
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Hides what gives way until what is left has room; the stretched column may be shortened to a few letters."""
        cells = range(self.rowCount())
        empty = [
            column
            for column in self._gives_way
            if self.rowCount() and not any(self._text(row, column) for row in cells)
        ]
        hidden = set(empty)
        # A hidden column has no width to measure.
        for column in self._gives_way:
            self.setColumnHidden(column, False)
        for column in (column for column in self._gives_way if column not in hidden):
            if self._needed(hidden) <= self.viewport().width():
                break
            hidden.add(column)
        for column in self._gives_way:
            self.setColumnHidden(column, column in hidden)

    def _needed(self, hidden: Container[int]) -> int:
        header = self.horizontalHeader()
        widths = {
            column: max(self.sizeHintForColumn(column), header.sectionSizeHint(column))
            for column in range(self.columnCount())
            if column not in hidden
        }
        shortest = header.sectionSizeHint(self._stretched) + 3 * self.fontMetrics().averageCharWidth()
        widths[self._stretched] = min(widths[self._stretched], shortest)
        return sum(widths.values())

    def _text(self, row: int, column: int) -> str:
        item = self.item(row, column)
        return item.text() if item is not None else ""
