"""One sale in full: what happened, event by event, and what can be done now."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QListWidget, QVBoxLayout, QWidget

from pos_app.clock import to_eat
from pos_app.domain.attempt import FOLLOWED, Attempt, AttemptState
from pos_app.domain.money import format_ksh
from pos_app.gui.background import Background, Done
from pos_app.gui.ledger.reports import InFull, Reports
from pos_app.gui.tones import look_of
from pos_app.gui.widgets.dress import button, dress, label
from pos_app.i18n import _
from pos_app.words.mistakes import reason, reason_of
from pos_app.words.states import cashier_sentence, customer_sentence, review_step
from pos_app.words.timeline import event_sentence


class SaleDialog(QDialog):
    """Stands beside the window and blocks nothing; follows its sale while it is open.

    Signals:
        check_wanted: the attempt's id.
        resend_wanted: the sale's id.
        withdraw_wanted: the attempt's id.
        settle_wanted: the sale's id and a reason.
        print_wanted: a `SaleRow`.
    """

    check_wanted = Signal(int)
    resend_wanted = Signal(int)
    withdraw_wanted = Signal(int)
    settle_wanted = Signal(int, str)
    print_wanted = Signal(object)

    def __init__(self, sale_id: int, reports: Reports, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("saleDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.sale_id = sale_id
        self._reports = reports
        self._background = background
        self._tag = f"sale {sale_id}"
        self._full: InFull | None = None
        self._build()
        background.done.connect(self._hear)
        self.reload()

    def _build(self) -> None:
        self.resize(560, 480)
        self._title = label("", "state", name="saleTitle")
        self._state = label("", "state", name="saleState")
        self._line = label("", "muted", wrap=True)
        self._customer = label("", name="saleCustomer", wrap=True)
        self._next = label("", "muted", wrap=True)
        self._reason = label("", "error", name="saleReason", wrap=True)
        self._events = QListWidget()
        self._events.setObjectName("timeline")
        self._events.setAccessibleName(_("What happened"))
        self._events.setWordWrap(True)
        self.check = button(_("Check now"), "saleCheck")
        self.resend = button(_("Send again"), "saleResend")
        self.withdraw = button(_("Withdraw"), "saleWithdraw", tip=_("Take back a payment that never left the till"))
        self.print = button(_("Receipt…"), "salePrint")
        self.copy = button(_("Copy code"), "saleCopy")
        self._note = QLineEdit()
        self._note.setObjectName("settleReason")
        self._note.setAccessibleName(_("How it was settled"))
        self._note.setPlaceholderText(_("How was it settled?"))
        self.settle = button(_("Settled"), "saleSettle")
        close = button(_("Close"), "saleClose")
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._state)
        review = QHBoxLayout()
        review.addWidget(self._note, 1)
        review.addWidget(self.settle)
        buttons = QHBoxLayout()
        for action in (self.check, self.resend, self.withdraw, self.print, self.copy):
            buttons.addWidget(action)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(8)
        column.addLayout(head)
        for widget in (self._line, self._customer, self._next):
            column.addWidget(widget)
        column.addWidget(self._events, 1)
        column.addLayout(review)
        column.addWidget(self._reason)
        column.addLayout(buttons)
        self.check.clicked.connect(self._check)
        self.resend.clicked.connect(self._resend)
        self.withdraw.clicked.connect(self._withdraw)
        self.print.clicked.connect(self._print)
        self.copy.clicked.connect(self._copy)
        self.settle.clicked.connect(self._settle)
        close.clicked.connect(self.close)

    @Slot()
    def reload(self) -> None:
        """Reads the sale again."""
        sale_id = self.sale_id
        self._background.ask(self._tag, lambda: self._reports.in_full(sale_id))

    def say(self, code: str, params: dict[str, str | int]) -> None:
        """Why what was wanted cannot be done."""
        self._reason.setText(reason(code, params))

    @Slot(object)
    def _hear(self, done: Done) -> None:
        if done.tag != self._tag:
            return
        if done.error is not None:
            self._reason.setText(reason_of(done.error))
            return
        self._full = done.result
        self._draw(done.result)

    def _draw(self, full: InFull) -> None:
        row, attempt = full.row, full.row.attempt
        _icon, tone, word = look_of(attempt, row.review)
        self.setWindowTitle(_("Sale {reference}").format(reference=row.sale.reference))
        self._title.setText(f"{row.sale.reference} · {format_ksh(row.sale.amount_cents)}")
        self._state.setText(word)
        dress(self._state, tone=str(tone))
        sold = to_eat(row.sale.created_at_ms).strftime("%Y-%m-%d %H:%M:%S")
        parts = [sold, attempt.phone_masked, row.sale.cashier, " ".join(row.codes)]
        self._line.setText(" · ".join(part for part in parts if part))
        self._customer.setText(f"“{customer_sentence(attempt)}”")
        needs = [review_step(reason_) for reason_ in sorted(row.review)]
        self._next.setText("\n".join(needs) or cashier_sentence(attempt))
        self._events.clear()
        for event in full.events:
            at = to_eat(event.at_ms).strftime("%H:%M:%S")
            self._events.addItem(f"{at}   {event_sentence(event.kind, event.details)}")
        self._events.scrollToBottom()
        self._show_buttons(attempt, is_paid=bool(row.sale.received_cents), has_code=bool(row.codes))
        for widget in (self._note, self.settle):
            widget.setVisible(bool(row.review))

    def _show_buttons(self, attempt: Attempt, *, is_paid: bool, has_code: bool) -> None:
        self.check.setVisible(attempt.state in FOLLOWED and attempt.checkout_request_id is not None)
        self.resend.setVisible(not is_paid and attempt.state not in FOLLOWED)
        self.withdraw.setVisible(attempt.state is AttemptState.READY)
        self.print.setEnabled(is_paid)
        self.copy.setVisible(has_code)

    @Slot()
    def _check(self) -> None:
        if self._full is not None:
            self.check_wanted.emit(self._full.row.attempt.id)

    @Slot()
    def _resend(self) -> None:
        self._reason.setText("")
        self.resend_wanted.emit(self.sale_id)

    @Slot()
    def _withdraw(self) -> None:
        if self._full is not None:
            self.withdraw_wanted.emit(self._full.row.attempt.id)

    @Slot()
    def _settle(self) -> None:
        note = self._note.text().strip()
        if not note:
            self._reason.setText(_("Say in a few words how it was settled."))
            self._note.setFocus()
        elif self._full is not None:
            self._reason.setText("")
            self._note.clear()
            self.settle_wanted.emit(self.sale_id, note)

    @Slot()
    def _print(self) -> None:
        if self._full is not None:
            self.print_wanted.emit(self._full.row)

    @Slot()
    def _copy(self) -> None:
        if self._full is not None:
            QGuiApplication.clipboard().setText(" ".join(self._full.row.codes))
