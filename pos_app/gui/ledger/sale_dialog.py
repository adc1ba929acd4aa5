"""One sale in full: what happened, event by event, and what can be done now."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QPushButton, QVBoxLayout, QWidget

from pos_app.common.clock import to_eat
from pos_app.common.errors import PosError
from pos_app.common.i18n import _
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import allowed_actions
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import format_ksh
from pos_app.engine.commands import (
    CheckNow,
    Command,
    GiveUpAttempt,
    QuoteCode,
    Sender,
    SettleReview,
    VoidSale,
    Withdraw,
)
from pos_app.gui.runtime.engine_client import EngineClient, PendingCommand
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.gui.tones import look_of_sale
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.ask_row import AskRow
from pos_app.gui.widgets.dress import button, dress, label
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.ledger.queries.sales import SaleDetail, SaleInFull
from pos_app.texts.errors import reason_of
from pos_app.texts.sale_history import event_sentence
from pos_app.texts.states import words_of_sale


class SaleDialog(QDialog):
    """Stands beside the window and blocks nothing; follows its sale while it is open.

    Signals:
        send_again_requested: this dialog, whose customer is to be prompted again.
        settled: what was to check of it is settled.
        print_requested: a `SaleSummary`.
    """

    send_again_requested = Signal(object)
    settled = Signal()
    print_requested = Signal(object)

    def __init__(
        self, sale_id: int, client: EngineClient, queries: QueryRunner, parent: QWidget, *, is_practice: bool
    ) -> None:
        super().__init__(parent)
        self.setObjectName("saleDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.sale_id = sale_id
        self._client = client
        self._queries = queries
        self._is_practice = is_practice
        self._full: SaleDetail | None = None
        self._build()
        self.reload()

    # Layout

    def _build(self) -> None:
        open_within_screen(self, 640, 520)
        self._title = label("", "state", name="saleTitle")
        self._state = label("", "state", name="saleState")
        self._line = label("", "muted", wrap=True)
        self._customer = label("", name="saleCustomer", wrap=True)
        self._next = label("", "muted", name="saleNext", wrap=True)
        self._message = Answer("saleReason", "error")
        self._message.hide()
        self._events = QListWidget()
        self._events.setObjectName("timeline")
        self._events.setAccessibleName(_("What happened"))
        self._events.setWordWrap(True)
        self._events.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._state)
        self._make_questions()
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(8)
        column.addLayout(head)
        for widget in (self._line, self._customer, self._next):
            column.addWidget(widget)
        column.addWidget(self._events, 1)
        for question in self._questions.values():
            column.addWidget(question)
        column.addWidget(self._message)
        column.addLayout(self._make_actions())
        column.addLayout(self._make_buttons())
        self._widgets = {
            SaleAction.CHECK_NOW: self.check,
            SaleAction.SEND_AGAIN: self.resend,
            SaleAction.WITHDRAW: self.withdraw,
            SaleAction.COPY_CODE: self.copy,
            SaleAction.QUOTE_CODE: self.open_claim,
            SaleAction.GIVE_UP: self.open_give_up,
            SaleAction.VOID: self.open_void,
            SaleAction.SETTLE_REVIEW: self.open_settle,
        }
        for key, pressed in (("F5", self.check), ("F6", self.print), ("F8", self.resend)):
            QShortcut(QKeySequence(key), self).activated.connect(partial(_press, pressed))
        self._show_actions()

    def _make_questions(self) -> None:
        pin_hint = " " + _("(Practice: 0000.)") if self._is_practice else ""
        self.claim = AskRow(
            "claim",
            _("Type the M-PESA code from the customer's message. It proves nothing by itself: M-PESA must agree."),
            ((_("M-PESA code"), False),),
            _("Note the code"),
        )
        self.give_up = AskRow(
            "giveUp",
            _(
                "Stop waiting for this payment. It cancels nothing at M-PESA; if it is paid after all, you will hear a"
                " sound and see a notice."
            )
            + pin_hint,
            ((_("Manager's PIN"), True), (_("Reason"), False)),
            _("Give up"),
        )
        self.void = AskRow(
            "void",
            _("Takes the sale back: it stays in the ledger as voided. Money that still comes counts all the same."),
            ((_("Reason"), False),),
            _("Void the sale"),
        )
        self.settle = AskRow(
            "settle",
            _(
                "Look in the M-PESA statement first. Write what you found, for example: “not in the statement”. What"
                " was heard stays in the history, and if the money comes after all, you will hear a sound and see a"
                " notice."
            )
            + pin_hint,
            ((_("Manager's PIN"), True), (_("How it was settled"), False)),
            _("Settled"),
        )
        self._questions = {
            SaleAction.QUOTE_CODE: self.claim,
            SaleAction.GIVE_UP: self.give_up,
            SaleAction.VOID: self.void,
            SaleAction.SETTLE_REVIEW: self.settle,
        }
        self.claim.answered.connect(self._claim)
        self.give_up.answered.connect(self._give_up)
        self.void.answered.connect(self._void)
        self.settle.answered.connect(self._settle)

    def _make_actions(self) -> QHBoxLayout:
        """What asks something first."""
        self.open_claim = button(_("Customer shows a code…"), "openClaim")
        self.open_give_up = button(_("Give up…"), "openGiveUp")
        self.open_void = button(_("Void…"), "openVoid")
        self.open_settle = button(_("Settle…"), "openSettle")
        self.open_claim.clicked.connect(self.ask_claim)
        self.open_give_up.clicked.connect(self._ask_give_up)
        self.open_void.clicked.connect(self._ask_void)
        self.open_settle.clicked.connect(self._ask_settle)
        return _row(self.open_settle, self.open_claim, self.open_give_up, self.open_void)

    def _make_buttons(self) -> QHBoxLayout:
        self.check = button(_("Check now"), "saleCheck")
        self.resend = button(_("Send again"), "saleResend")
        self.withdraw = button(_("Withdraw"), "saleWithdraw", tip=_("Take back a payment that has not left the till"))
        self.print = button(_("Receipt…"), "salePrint")
        self.copy = button(_("Copy code"), "saleCopy")
        close = button(_("Close"), "saleClose")
        self.check.clicked.connect(self._check)
        self.resend.clicked.connect(self._resend)
        self.withdraw.clicked.connect(self._withdraw)
        self.print.clicked.connect(self._print)
        self.copy.clicked.connect(self._copy)
        close.clicked.connect(self.close)
        row = _row(self.check, self.resend, self.withdraw, self.print, self.copy)
        row.addWidget(close)
        return row

    # What is shown

    @Slot()
    def reload(self) -> None:
        """Reads the sale again."""
        query = SaleInFull(SaleId(self.sale_id))
        self._queries.run(query, owner=self).then(self._show).otherwise(self._show_read_error)

    def show_refusal(self, error: PosError) -> None:
        """Why what was wanted cannot be done."""
        text = reason_of(error)
        question = next((found for found in self._questions.values() if found.isVisible()), None)
        if question is not None:
            question.refuse(text)
        else:
            self._say(text)

    def _say(self, text: str) -> None:
        self._message.setText(text)
        self._message.setVisible(bool(text))

    def _show_read_error(self, error: PosError) -> None:
        self._say(reason_of(error))

    def _show(self, full: SaleDetail) -> None:
        self._full = full
        self._draw(full)

    def _draw(self, full: SaleDetail) -> None:
        row, attempt = full.row, full.row.attempt
        _icon, tone, word = look_of_sale(row)
        self.setWindowTitle(_("Sale {reference}").format(reference=row.sale.reference))
        self._title.setText(f"{row.sale.reference} · {format_ksh(row.sale.amount_cents)}")
        self._state.setText(word)
        dress(self._state, tone=str(tone))
        sold = to_eat(row.sale.created_at_ms).strftime("%Y-%m-%d %H:%M:%S")
        claimed = _("shown: {code}").format(code=attempt.claimed_code) if attempt.claimed_code else ""
        parts = [sold, attempt.phone_masked, row.sale.cashier, " ".join(row.codes), claimed]
        self._line.setText(" · ".join(part for part in parts if part))
        words = words_of_sale(row)
        self._customer.setText(f"“{words.customer}”")
        self._next.setText(words.step)
        self._events.clear()
        for event in full.history:
            at = to_eat(event.at_ms).strftime("%H:%M:%S")
            self._events.addItem(f"{at}   {event_sentence(event.kind, event.actor, event.details)}")
        self._events.scrollToBottom()
        self._show_actions()

    def _show_actions(self) -> None:
        """What is possible now; nothing while the sale is still being read."""
        allowed = allowed_actions(self._full.row) if self._full is not None else frozenset()
        for action, widget in self._widgets.items():
            widget.setVisible(action in allowed)
        self.print.setEnabled(SaleAction.MAKE_RECEIPT in allowed)
        for action, question in self._questions.items():
            if self._full is not None and question.isVisible() and action not in allowed:
                question.hide()

    # Questions

    def _ask(self, wanted: AskRow) -> None:
        self._say("")
        for question in self._questions.values():
            question.hide()
        wanted.open()

    @Slot()
    def ask_claim(self) -> None:
        """The customer shows a code."""
        self._ask(self.claim)

    @Slot()
    def _ask_give_up(self) -> None:
        self._ask(self.give_up)

    @Slot()
    def _ask_void(self) -> None:
        self._ask(self.void)

    @Slot()
    def _ask_settle(self) -> None:
        self._ask(self.settle)

    @Slot(object)
    def _claim(self, answer: list[str]) -> None:
        if self._full is not None:
            self._execute(QuoteCode(self._full.row.attempt.id, answer[0]))

    @Slot(object)
    def _give_up(self, answer: list[str]) -> None:
        pin, why = answer
        if self._has_reason(self.give_up, why) and self._full is not None:
            self._execute(GiveUpAttempt(self._full.row.attempt.id, why), self._client.manager(pin))

    @Slot(object)
    def _void(self, answer: list[str]) -> None:
        if self._has_reason(self.void, answer[0]):
            self._execute(VoidSale(SaleId(self.sale_id), answer[0]))

    @Slot(object)
    def _settle(self, answer: list[str]) -> None:
        pin, how = answer
        if self._has_reason(self.settle, how):
            command = SettleReview(SaleId(self.sale_id), how)
            self._ask_engine(command, self._client.manager(pin)).then(self._on_settled)

    def _on_settled(self, _nothing: None) -> None:
        self._on_done(None)
        self.settled.emit()

    @staticmethod
    def _has_reason(question: AskRow, text: str) -> bool:
        if not text:
            question.refuse(_("Say it in a few words: it stays in the ledger."))
        return bool(text)

    def _execute(self, command: Command[Any], sender: Sender | None = None) -> None:
        """Sends what a question was answered with: done, the question goes."""
        self._ask_engine(command, sender).then(self._on_done)

    def _ask_engine(self, command: Command[Any], sender: Sender | None = None) -> PendingCommand[Any]:
        return self._client.execute(command, owner=self, sender=sender).otherwise(self.show_refusal)

    def _on_done(self, _result: object) -> None:
        """What was asked for is done."""
        for question in self._questions.values():
            question.hide()

    # Actions

    @Slot()
    def _check(self) -> None:
        if self._full is not None:
            self._ask_engine(CheckNow(self._full.row.attempt.id))

    @Slot()
    def _resend(self) -> None:
        self._say("")
        self.send_again_requested.emit(self)

    @Slot()
    def _withdraw(self) -> None:
        if self._full is not None:
            self._ask_engine(Withdraw(self._full.row.attempt.id))

    @Slot()
    def _print(self) -> None:
        if self._full is not None:
            self.print_requested.emit(self._full.row)

    @Slot()
    def _copy(self) -> None:
        if self._full is not None:
            QGuiApplication.clipboard().setText(" ".join(self._full.row.codes))


def _press(wanted: QPushButton) -> None:
    """By key, where it could be clicked."""
    if wanted.isVisible():
        wanted.click()


def _row(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    for made in buttons:
        row.addWidget(made)
    row.addStretch(1)
    return row
