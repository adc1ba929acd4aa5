"""The card of the day: totals, search, filters, the table."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from functools import partial
from itertools import pairwise

from PySide6.QtCore import QDate, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QDateEdit,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QRadioButton,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from pos_app.common.clock import SystemClock, day_of
from pos_app.common.errors import PosError
from pos_app.common.i18n import N_, _
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.sales.totals import Totals
from pos_app.domain.stk.attempt import Attempt
from pos_app.gui import theme
from pos_app.gui.ledger.column_fit import Needs
from pos_app.gui.ledger.day_head import DayHead
from pos_app.gui.ledger.delegate import CellDelegate
from pos_app.gui.ledger.model import Column, SalesModel
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.gui.strays.strip import StraysStrip
from pos_app.gui.widgets.dress import card, dress, label
from pos_app.ledger.queries.sales import FindSales, SalesFound, TotalsOfDay
from pos_app.ledger.reader import Filter, LedgerReader
from pos_app.receipts.code import search_of
from pos_app.texts.errors import reason_of

_FILTERS = (
    (Filter.ALL, N_("All")),
    (Filter.WAITING, N_("Waiting")),
    (Filter.PAID, N_("Paid")),
    (Filter.NOT_PAID, N_("Not paid")),
    (Filter.NEEDS_YOU, N_("To check")),
)
SEARCH_AFTER_MS = 150
_SHORTEST_SEARCH = 130


class _Table(QTableView):
    """A table whose Enter opens a sale."""

    opened = Signal(int)
    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)


class DayView(QWidget):
    """Today's sales, or another day's.

    Signals:
        sale_opened: a sale's id.
        summed: the `Totals` that are shown.
        search_left: Escape in the search: it is empty, and one goes back to the form.
    """

    sale_opened = Signal(int)
    summed = Signal(object)
    search_left = Signal()

    def __init__(self, queries: QueryRunner) -> None:
        super().__init__()
        self.setObjectName("day")
        self._queries = queries
        self._clock = SystemClock()
        self._asked = self._shown = 0
        self._today = day_of(self._clock.now_ms())
        self._totals = Totals(self._today)
        self.model = SalesModel(self)
        self._build()
        self._search_timer = self._timer(SEARCH_AFTER_MS, self.reload, once=True)
        self._seconds = self._timer(1000, self._tick, once=False)
        self._seconds.start()
        self._fade = self._timer(40, self._fade_on, once=False)

    def _timer(self, interval_ms: int, slot: object, *, once: bool) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval_ms)
        timer.setSingleShot(once)
        timer.timeout.connect(slot)
        return timer

    # Layout

    def _build(self) -> None:
        self._needs = Needs()
        self.table = self._make_table()
        self._empty = _Empty()
        body = QWidget()
        self._body = QStackedLayout(body)
        self._body.addWidget(self._empty)
        self._body.addWidget(self.table)
        frame = card("dayCard")
        self._column = QVBoxLayout(frame)
        self._head = DayHead()
        self._column.addWidget(self._head)
        self._column.addLayout(self._make_tools())
        self.strays = StraysStrip()
        self._column.addWidget(self.strays)
        self._column.addWidget(body, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        self._show_totals()
        self.set_compact(False)

    def _make_tools(self) -> QHBoxLayout:
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setAccessibleName(_("Search"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._search_changed)
        for key, action in ((Qt.Key.Key_Escape, self._leave_search), (Qt.Key.Key_Down, self._enter_table)):
            shortcut = QShortcut(QKeySequence(key), self.search)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(action)
        self.search.returnPressed.connect(self._enter_table)
        self.day = QDateEdit()
        self.day.setObjectName("dayPicker")
        self.day.setAccessibleName(_("Day"))
        self.day.setCalendarPopup(True)
        self.day.setDisplayFormat("d MMM yyyy")
        self.day.setDate(_qdate(self._today))
        self.day.dateChanged.connect(self._day_changed)
        self.day.setMinimumWidth(self.day.sizeHint().width())
        tools = self._tools = QHBoxLayout()
        tools.setSpacing(8)
        tools.addWidget(self.search, 1)
        self._add_filters(tools)
        tools.addWidget(self.day)
        return tools

    def _add_filters(self, tools: QHBoxLayout) -> None:
        """A row of filters; on narrow screens one list stands for it. Only one of the two is anywhere."""
        self._filters = QButtonGroup(self)
        self._filter_row = QGroupBox()
        self._filter_row.setObjectName("filters")
        self._filter_list = QComboBox()
        self._filter_list.setObjectName("filterList")
        row = QHBoxLayout(self._filter_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(tools.spacing())
        for number, (only, text) in enumerate(_FILTERS):
            chip = QRadioButton(_(text))
            chip.setObjectName(f"filter_{only}")
            chip.setAccessibleName(_(text))
            chip.setProperty("chip", True)
            chip.setChecked(only is Filter.ALL)
            # As wide as it is when it is chosen: nothing moves, and no letter is cut.
            chip.setMinimumWidth(QFontMetrics(theme.font(14, is_bold=True)).horizontalAdvance(_(text)) + 2 * 12 + 6)
            self._filters.addButton(chip, number)
            row.addWidget(chip)
            self._filter_list.addItem(_(text))
        for either in (self._filter_row, self._filter_list):
            either.setAccessibleName(_("Show"))
        tools.addWidget(self._filter_row)
        self._filters.idClicked.connect(self._filter_changed)
        self._filter_list.currentIndexChanged.connect(self._filter_listed)

    def _make_table(self) -> _Table:
        table = _Table()
        table.setObjectName("sales")
        table.setAccessibleName(_("Sales"))
        table.setModel(self.model)
        self._delegate = CellDelegate(table)
        table.setItemDelegate(self._delegate)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(Column.STATE, QHeaderView.ResizeMode.Stretch)
        table.opened.connect(self._open_row)
        table.resized.connect(self._fit_columns)
        table.doubleClicked.connect(self._double_clicked)
        return table

    def set_compact(self, is_compact: bool) -> None:
        """Lower rows for small screens."""
        self.table.verticalHeader().setDefaultSectionSize(32 if is_compact else 38)
        margin = 10 if is_compact else 16
        self._column.setContentsMargins(margin, margin - 4, margin, 2)
        self._column.setSpacing(6 if is_compact else 10)
        self._head.set_compact(is_compact)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_tools()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Only now the style sheet's fonts are those that are painted.
        self._fit_tools()

    def _fit_tools(self) -> None:
        """Filters stand in a row where there is room for them, else in a list; the search tells what fits."""
        margins = self._column.contentsMargins()
        room = self.width() - margins.left() - margins.right() - 2
        spacing = self._tools.spacing()
        chips = sum(chip.minimumWidth() + spacing for chip in self._filters.buttons())
        are_in_a_row = _SHORTEST_SEARCH + spacing + chips + self.day.sizeHint().width() <= room
        shown: QWidget = self._filter_row
        other: QWidget = self._filter_list
        if not are_in_a_row:
            shown, other = other, shown
        if self._tools.indexOf(shown) < 0:
            # A hidden twin would still be read aloud: it leaves the window, and comes back with what was chosen.
            self._tools.replaceWidget(other, shown)
            other.setParent(None)
            shown.show()
            self.order_tabs()
        beside = chips if are_in_a_row else self._filter_list.sizeHint().width() + spacing
        search = room - beside - spacing - self.day.sizeHint().width() - 24
        metrics = self.search.fontMetrics()
        texts = (_("Search phone, order, code, amount (Ctrl+F)"), _("Search (Ctrl+F)"), _("Search"))
        fitting = (text for text in texts if metrics.horizontalAdvance(text) <= search)
        self.search.setPlaceholderText(next(fitting, texts[-1]))

    def order_tabs(self) -> None:
        """Search, what filters, the day, the table."""
        is_in_a_row = self._filter_row.parent() is not None
        between = self._filters.buttons() if is_in_a_row else [self._filter_list]
        for first, second in pairwise([self.search, *between, self.day, self.table]):
            QWidget.setTabOrder(first, second)

    def _learn(self, rows: Collection[SaleSummary]) -> None:
        for column in Column:
            if column is not Column.AGE:
                # Most rows say the same: each text is measured once.
                self._needs.learn(column, {self.model.text_of(row, column) for row in rows})

    @Slot()
    def _fit_columns(self) -> None:
        widths = self._needs.fitted(self.table.viewport().width())
        for column in Column:
            self.table.setColumnHidden(column, column not in widths)
            if column in widths and column is not Column.STATE:
                self.table.setColumnWidth(column, widths[column])

    def restyle(self) -> None:
        """Draws in the theme's colours."""
        self.table.viewport().update()

    # What is shown

    @property
    def chosen_day(self) -> str:
        """``YYYY-MM-DD``."""
        return self.day.date().toString("yyyy-MM-dd")

    @property
    def shows_what_was_asked(self) -> bool:
        """Whether no page is on its way."""
        return self._shown == self._asked

    def read_from(self, reader: LedgerReader | None) -> None:
        """The ledger is open (or closed): shows its rows."""
        self.model.read_from(reader)
        self.reload()

    def hear(self, attempt: Attempt) -> None:
        """An attempt changed: its row, and the sums."""
        self._delegate.mark(attempt.sale_id)
        self._fade.start()
        if self.model.refresh(attempt.sale_id) and self._only() is Filter.ALL:
            self._learn(self.model.rows_of(attempt.sale_id))
            self._fit_columns()
            self._ask_for_totals()
        else:
            self.reload()

    @Slot()
    def reload(self) -> None:
        """Asks for the sales to show."""
        self._asked += 1
        query = FindSales(self.chosen_day, self._only(), search_of(self.search.text()))
        asked = self._queries.run(query, owner=self)
        asked.then(partial(self._on_found, self._asked)).otherwise(self._show_error)

    def _ask_for_totals(self) -> None:
        day = self.chosen_day
        self._queries.run(TotalsOfDay(day), owner=self).then(self._on_totals).otherwise(self._show_error)

    def _only(self) -> Filter:
        return _FILTERS[self._filters.checkedId()][0]

    def _show_error(self, error: PosError) -> None:
        self._empty.say(_("The ledger cannot be read"), reason_of(error))
        self._body.setCurrentWidget(self._empty)

    def _on_totals(self, totals: Totals) -> None:
        # Those of a day that is not chosen any more are nobody's.
        if totals.day == self.chosen_day:
            self._totals = totals
            self._show_totals()
            self._show_body()

    def _on_found(self, asked: int, found: SalesFound) -> None:
        if asked != self._asked:
            # What was asked since makes it old.
            return
        self._shown = asked
        self._totals = found.totals
        self._show_totals()
        chosen = self.selected_sale()
        self.model.spans_days = bool(self.search.text().strip()) or self._only() is Filter.NEEDS_YOU
        self.model.show(found.ids)
        self._needs.forget()
        self._learn(self.model.first_rows())
        self._fit_columns()
        if chosen is not None:
            self.select_sale(chosen)
        self._show_body()

    def _show_body(self) -> None:
        if self.model.rowCount():
            self._body.setCurrentWidget(self.table)
        else:
            self._say_empty()

    def _say_empty(self) -> None:
        if self.search.text().strip():
            self._empty.say(
                _("Nothing found"), _("Try the last digits of the phone, the order, the M-PESA code or the amount.")
            )
        elif self._only() is Filter.NEEDS_YOU:
            self._empty.say(_("Nothing here"), _("No sale is to check."))
        elif self._only() is not Filter.ALL:
            self._empty.say(_("Nothing here"), _("No sale of this day is in this state."))
        elif self.chosen_day != self._today:
            self._empty.say(_("No sales on this day"), _("Pick another day above."))
        else:
            self._empty.say(
                _("No sales yet today"),
                _("Type the amount, the customer's phone and the order on the left, then press Enter."),
            )
        self._body.setCurrentWidget(self._empty)

    def _show_totals(self) -> None:
        chosen = date.fromisoformat(self.chosen_day)
        totals = self._totals
        self._head.show_day(chosen, totals, is_today=chosen.isoformat() == self._today)
        self.strays.show_count(totals.strays if self._only() is Filter.NEEDS_YOU else 0)
        self.summed.emit(totals)

    # Selection

    def selected_sale(self) -> int | None:
        """The sale of the selected row."""
        index = self.table.currentIndex()
        return self.model.sale_id_at(index.row()) if index.isValid() else None

    def selected_row(self) -> SaleSummary | None:
        """The selected row's sale."""
        index = self.table.currentIndex()
        return self.model.row_at(index.row()) if index.isValid() else None

    def clear_selection(self) -> None:
        """Nothing is chosen any more."""
        self.table.selectionModel().clear()

    def select_sale(self, sale_id: int) -> None:
        """Selects a sale, if it is shown."""
        position = self.model.position_of(sale_id)
        if position is not None:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().setCurrentIndex(self.model.index(position, 0), flags)

    @Slot(QModelIndex)
    def _double_clicked(self, index: QModelIndex) -> None:
        self._open_row(index.row())

    @Slot(int)
    def _open_row(self, row: int) -> None:
        sale_id = self.model.sale_id_at(row)
        if sale_id is not None:
            self.sale_opened.emit(sale_id)

    @Slot()
    def start_search(self) -> None:
        """Ctrl+F."""
        self.search.setFocus()
        self.search.selectAll()

    @Slot()
    def _leave_search(self) -> None:
        self.search.clear()
        self.search_left.emit()

    @Slot()
    def _enter_table(self) -> None:
        """From the search, or by F11: the first row, by keys."""
        if self.model.rowCount():
            self.table.setFocus()
            if self.selected_sale() is None:
                self.table.selectRow(0)

    def show_to_check(self) -> None:
        """What is to check; where that is shown already, the table."""
        if self._only() is Filter.NEEDS_YOU:
            self._enter_table()
            return
        self._filters.button(len(_FILTERS) - 1).click()

    @Slot(str)
    def _search_changed(self, _text: str) -> None:
        self._search_timer.start()

    @Slot(int)
    def _filter_changed(self, number: int) -> None:
        self._filter_list.setCurrentIndex(number)
        self.reload()

    @Slot(int)
    def _filter_listed(self, number: int) -> None:
        if self._filters.checkedId() != number:
            self._filters.button(number).setChecked(True)
            self.reload()

    @Slot(QDate)
    def _day_changed(self, _day: QDate) -> None:
        self._show_totals()
        self.reload()

    @Slot()
    def _tick(self) -> None:
        today = day_of(self._clock.now_ms())
        if today != self._today:
            # Midnight: the till goes on with the new day, unless somebody looks at another one.
            was_today = self.chosen_day == self._today
            self._today = today
            if was_today:
                self.day.setDate(_qdate(today))
        self.model.refresh_ages()

    @Slot()
    def _fade_on(self) -> None:
        if not self._delegate.is_fading:
            self._fade.stop()
        self.table.viewport().update()


class _Empty(QWidget):
    """What stands where there are no rows."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("empty")
        self._word = label("", "state")
        dress(self._word, tone="muted")
        self._sentence = label("", "muted", wrap=True, name="emptySentence")
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        layout.addWidget(self._word, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._sentence)
        layout.addStretch(3)

    def say(self, word: str, sentence: str) -> None:
        self._word.setText(word)
        self._sentence.setText(sentence)


def _qdate(day: str) -> QDate:
    return QDate.fromString(day, "yyyy-MM-dd")
