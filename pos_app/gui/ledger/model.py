"""The table: ids in memory, rows fetched by key in pages, newest first."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from pos_app.common.clock import SystemClock, to_eat
from pos_app.common.i18n import N_, _
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.stk.attempt import FOLLOWED
from pos_app.domain.values.money import format_amount
from pos_app.gui.sell.current_presenter import clock_text
from pos_app.gui.theme import Tone
from pos_app.gui.tones import look_of_sale
from pos_app.ledger.reader import LedgerReader

PAGE = 200
KEPT_PAGES = 20
Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class Column(IntEnum):
    """The columns, from the left."""

    TIME = 0
    ORDER = 1
    PHONE = 2
    AMOUNT = 3
    STATE = 4
    CODE = 5
    AGE = 6


HEADINGS = {
    Column.TIME: N_("Time"),
    Column.ORDER: N_("Order"),
    Column.PHONE: N_("Phone"),
    Column.AMOUNT: N_("Amount"),
    Column.STATE: N_("State"),
    Column.CODE: N_("M-PESA code"),
    Column.AGE: N_("Age"),
}
RIGHT = frozenset({Column.AMOUNT, Column.AGE})
BOLD = frozenset({Column.STATE, Column.AMOUNT})

LookRole = int(Qt.ItemDataRole.UserRole) + 1
SaleIdRole = int(Qt.ItemDataRole.UserRole) + 2
RowRole = int(Qt.ItemDataRole.UserRole) + 3
_ANSWERED = frozenset(
    {
        int(Qt.ItemDataRole.DisplayRole),
        int(Qt.ItemDataRole.AccessibleTextRole),
        int(Qt.ItemDataRole.ToolTipRole),
        LookRole,
        RowRole,
    }
)


class SalesModel(QAbstractTableModel):
    """Sales as rows.

    *Thread*: GUI. It reads pages by primary key with a connection of its own;
    which ids there are is worked out elsewhere and given to `show`.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader: LedgerReader | None = None
        self._ids: array[int] = array("q")
        self._pages: OrderedDict[int, list[SaleSummary | None]] = OrderedDict()
        self._clock = SystemClock()
        self._live: set[int] = set()
        self.spans_days = False

    def read_from(self, reader: LedgerReader | None) -> None:
        """Which ledger the rows come from."""
        self._reader = reader
        self.show(array("q"))

    def show(self, ids: array[int]) -> None:
        """Shows other sales."""
        self.beginResetModel()
        self._ids = ids
        self._pages.clear()
        self._live.clear()
        self.endResetModel()

    def add_first(self, sale_id: int) -> None:
        """A new sale, on top."""
        self.beginInsertRows(_NOWHERE, 0, 0)
        self._ids.insert(0, sale_id)
        self._pages.clear()
        self.endInsertRows()

    def refresh(self, sale_id: int) -> bool:
        """Reads one sale again; False where it is not shown."""
        position = self.position_of(sale_id)
        if position is None:
            return False
        page = self._pages.get(position // PAGE)
        if page is not None:
            fresh = self._fetch([sale_id])
            page[position % PAGE] = fresh[0] if fresh else None
        self.dataChanged.emit(self.index(position, 0), self.index(position, len(Column) - 1))
        return True

    def refresh_ages(self) -> None:
        """The ages of what waits, a second later."""
        for sale_id in list(self._live):
            position = self.position_of(sale_id)
            if position is not None:
                cell = self.index(position, Column.AGE)
                self.dataChanged.emit(cell, cell, [Qt.ItemDataRole.DisplayRole])

    def position_of(self, sale_id: int) -> int | None:
        """The row of a sale. Ids fall from the top, so it is found by halving."""
        low, high = 0, len(self._ids)
        while low < high:
            middle = (low + high) // 2
            if self._ids[middle] > sale_id:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._ids) and self._ids[low] == sale_id else None

    def sale_id_at(self, row: int) -> int | None:
        """The sale of a row."""
        return self._ids[row] if 0 <= row < len(self._ids) else None

    def row_at(self, row: int) -> SaleSummary | None:
        """A row's sale; None while it cannot be read."""
        number = row // PAGE
        page = self._pages.get(number)
        if page is None:
            wanted = self._ids[number * PAGE : (number + 1) * PAGE]
            by_id = {int(found.sale.id): found for found in self._fetch(list(wanted))}
            page = [by_id.get(sale_id) for sale_id in wanted]
            self._pages[number] = page
            if len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
        return page[row % PAGE]

    def first_rows(self) -> list[SaleSummary]:
        """Those of the first page."""
        return [row for number in range(min(PAGE, len(self._ids))) if (row := self.row_at(number)) is not None]

    def rows_of(self, sale_id: int) -> list[SaleSummary]:
        """A sale's row, where it is shown."""
        position = self.position_of(sale_id)
        row = self.row_at(position) if position is not None else None
        return [row] if row is not None else []

    def _fetch(self, ids: list[int]) -> list[SaleSummary]:
        rows = self._reader.rows(ids) if self._reader is not None else []
        for row in rows:
            if row.attempt.state in FOLLOWED:
                self._live.add(int(row.sale.id))
            else:
                self._live.discard(int(row.sale.id))
        return rows

    # What Qt asks

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _(HEADINGS[Column(section)])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in RIGHT else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        column = Column(index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column in RIGHT else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role == SaleIdRole:
            return self._ids[index.row()]
        if role not in _ANSWERED:
            return None
        row = self.row_at(index.row())
        if row is None:
            return None
        if role == RowRole:
            return row
        if role == LookRole:
            icon, tone, _word = look_of_sale(row)
            return (icon, tone) if column is Column.STATE else ("", _tone_of(column))
        if role == Qt.ItemDataRole.ToolTipRole:
            # All of it: on a small screen a column may be missing, or an order be cut.
            return "  ·  ".join(text for one in Column if (text := self.text_of(row, one)) not in ("", "–"))
        return self.text_of(row, column)

    def text_of(self, row: SaleSummary, column: Column) -> str:
        """What stands in a cell."""
        match column:
            case Column.STATE:
                return look_of_sale(row)[2]
            case Column.TIME:
                sold = to_eat(row.sale.created_at_ms)
                return sold.strftime("%d %b %H:%M" if self.spans_days else "%H:%M")
            case Column.ORDER:
                return row.sale.reference
            case Column.PHONE:
                return row.attempt.phone_masked
            case Column.AMOUNT:
                return format_amount(row.sale.amount_cents)
            case Column.CODE:
                return " ".join(row.codes) or ("–" if not row.sale.received_cents else _("to follow"))
            case _:
                return self._age(row)

    def _age(self, row: SaleSummary) -> str:
        if row.attempt.state not in FOLLOWED or row.attempt.sent_at_ms is None:
            return ""
        seconds = max(0, (self._clock.now_ms() - row.attempt.sent_at_ms) // 1000)
        if seconds >= 3600:
            return _("{hours} h").format(hours=seconds // 3600)
        return clock_text(int(seconds))


def _tone_of(column: Column) -> Tone:
    return Tone.MUTED if column in (Column.TIME, Column.AGE) else Tone.PLAIN
