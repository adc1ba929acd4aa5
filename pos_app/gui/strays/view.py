"""Messages that belong to no payment of this till: what they say, what to do, and settled."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from pos_app.common.i18n import N_, _, ngettext
from pos_app.engine.commands import ResolveMessages
from pos_app.gui.runtime.dialog_controller import LedgerDialog
from pos_app.gui.runtime.engine_client import EngineClient
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.gui.strays.presenter import HEADINGS, StrayRow, UnmatchedMessages, cells_of
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.ask_row import AskRow
from pos_app.gui.widgets.dress import button, dress, label
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.gui.widgets.row_list import RowList

_CHOOSE = N_("Choose the messages first (Ctrl+A: all).")


class StraysDialog(LedgerDialog):
    """Beside the window; blocks nothing."""

    def __init__(self, client: EngineClient, queries: QueryRunner, parent: QWidget) -> None:
        super().__init__(client, queries, parent)
        self.setObjectName("straysDialog")
        self.setWindowTitle(_("Messages that belong to no payment"))
        open_within_screen(self, 820, 520)
        self._rows: list[StrayRow] | None = None
        self._build()
        self.reload()
        self.list.setFocus()

    def _build(self) -> None:
        self._title = label("", "title", name="straysTitle")
        what = label(
            _(
                "They came through the relay and fit no prompt of this till and no payment to its number. Nothing was"
                " counted as paid by them. They come after a copy of the ledger was put back, when two tills share one"
                " name at the relay, or when a stranger tries."
            ),
            "muted",
            wrap=True,
        )
        step = label(
            _("A customer says it was paid? Check the code with F9, and hand over the goods only if it was received."),
            wrap=True,
            name="straysStep",
        )
        self.list = RowList("strays", _("Messages that belong to no payment"), HEADINGS, 2)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.chosen.connect(self._ask)
        self._ask_row = AskRow(
            "straysWhy", _("What was done about the chosen ones?"), ((_("How it was settled"), False),), _("Settled")
        )
        self._ask_row.answered.connect(self._settle)
        self._message = Answer("straysMessage", "muted")
        self._with_settled = QCheckBox(_("Show settled ones too"))
        self._with_settled.setObjectName("straysWithSettled")
        self._with_settled.toggled.connect(self.reload)
        close = button(_("Close"), "straysClose")
        close.clicked.connect(self.close)
        self._open_settle = button(_("Settle the chosen ones…"), "straysSettle")
        self._open_settle.clicked.connect(self._ask)
        buttons = QHBoxLayout()
        buttons.addWidget(self._with_settled)
        buttons.addWidget(self._message, 1)
        buttons.addWidget(close)
        buttons.addWidget(self._open_settle)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        for shown in (self._title, what, step):
            column.addWidget(shown)
        column.addWidget(self.list, 1)
        column.addWidget(self._ask_row)
        column.addLayout(buttons)

    @Slot()
    def reload(self) -> None:
        """Reads them again."""
        query = UnmatchedMessages(with_settled=self._with_settled.isChecked())
        self.queries.run(query, owner=self).then(self._show).otherwise(self.show_error)

    def _show(self, rows: list[StrayRow]) -> None:
        # All of them at first: mostly one reason stands behind all. Later what was chosen, and nothing else.
        chosen = set(self._chosen()) if self._rows is not None else {row.id for row in rows}
        self._rows = rows
        self.list.show_rows([cells_of(row) for row in rows], None)
        for number, row in enumerate(rows):
            if row.id in chosen:
                self.list.select_too(number)
        count = sum(not row.settled_by for row in rows)
        self._title.setText(
            ngettext("{count} message to settle", "{count} messages to settle", count).format(count=count)
            if count
            else _("Every message is settled")
        )
        self._open_settle.setEnabled(count > 0)

    def _chosen(self) -> list[int]:
        numbers = sorted({index.row() for index in self.list.selectedIndexes()})
        rows = self._rows or []
        return [rows[number].id for number in numbers if number < len(rows) and not rows[number].settled_by]

    def show_outcome(self, text: str, *, is_good: bool) -> None:
        """What became of what was asked for."""
        self._message.setText(text)
        dress(self._message, role="good" if is_good else "error")

    @Slot()
    def _ask(self) -> None:
        if self._chosen():
            self._ask_row.open()
        elif self._rows:
            self.show_outcome(_(_CHOOSE), is_good=False)

    @Slot(object)
    def _settle(self, answers: list[str]) -> None:
        chosen = self._chosen()
        if not chosen:
            self._ask_row.refuse(_(_CHOOSE))
            return
        if not answers[0]:
            self._ask_row.refuse(_("Say what was done, in a word or two: it is kept."))
            return
        self._ask_row.hide()
        command = ResolveMessages(tuple(chosen), answers[0])
        self.client.execute(command, owner=self).then(self._on_resolved).otherwise(self.on_refused)

    def _on_resolved(self, _nothing: None) -> None:
        self.show_outcome(_("Settled; they stay as evidence."), is_good=True)
        self.reload()
