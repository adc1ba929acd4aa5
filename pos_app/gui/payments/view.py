"""The till inbox: payments made straight to the till, the sales they may be for, and the check of a code."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from pos_app.common.clock import SystemClock, day_of
from pos_app.common.errors import Mistake
from pos_app.common.i18n import _, ngettext
from pos_app.domain.c2b.payment import C2bPayment, Match, OpenSale
from pos_app.domain.mpesa.mpesa_code import parse_mpesa_code
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.money import Cents, format_ksh
from pos_app.engine.commands import AllocatePayment, DeallocatePayment
from pos_app.gui.payments.presenter import (
    PAYMENT_HEADINGS,
    SALE_HEADINGS,
    is_overpaid,
    matches_of,
    payment_cells,
    sale_cells,
    verdict_of,
)
from pos_app.gui.runtime.dialog_controller import LedgerDialog
from pos_app.gui.runtime.engine_client import EngineClient
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.gui.theme import Tone
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.ask_row import AskRow
from pos_app.gui.widgets.dress import button, dress, label
from pos_app.gui.widgets.field import Field
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.gui.widgets.question import Choice, ask
from pos_app.gui.widgets.row_list import RowList
from pos_app.ledger.queries.unmatched import CodeLookup, LookUpCode, Unmatched, UnmatchedPayments
from pos_app.texts.errors import reason_of


class InboxDialog(LedgerDialog):
    """Beside the window; blocks nothing."""

    def __init__(self, client: EngineClient, queries: QueryRunner, parent: QWidget) -> None:
        super().__init__(client, queries, parent)
        self.setObjectName("inboxDialog")
        self.setWindowTitle(_("Payments straight to the till"))
        open_within_screen(self, 1080, 600)
        self._clock = SystemClock()
        self._unmatched = Unmatched([], [], 0)
        self._matches: list[Match] = []
        self._code = ""
        self._to_take_back = ""
        self._offered = ""
        self._is_asking = False
        self._matched_code = ""
        self._is_new_answer = False
        self._build()
        self.reload()
        # F9: the newest payment, and Enter gives it to its likeliest sale. F4 goes to the code.
        self.payments.setFocus()

    # Layout

    def _build(self) -> None:
        self.code = Field("checkCode", _("The customer shows a code: type it, or paste the message"))
        self.code.line.returnPressed.connect(self._check)
        check = button(_("Check the code"), "checkCodeNow")
        check.clicked.connect(self._check)
        top = QHBoxLayout()
        top.addWidget(self.code, 1)
        top.addWidget(check, 0, Qt.AlignmentFlag.AlignBottom)
        answer = self._make_answer()
        self._title = label("", "title", name="inboxTitle")
        self.payments = RowList("payments", _("Unmatched payments"), PAYMENT_HEADINGS, 2, (4, 3))
        self.sales = RowList("likelySales", _("Sales it may be for"), SALE_HEADINGS, 3, (2,))
        self.payments.itemSelectionChanged.connect(self._show_matches)
        self.payments.chosen.connect(self._attach)
        self.sales.chosen.connect(self._attach)
        self._empty = label("", "muted", name="inboxEmpty", wrap=True)
        self.attach = button(_("Add to this sale"), "attachPayment", is_main=True)
        self.attach.clicked.connect(self._attach)
        self._message = Answer("inboxMessage", "muted")
        close = button(_("Close"), "inboxClose")
        close.clicked.connect(self.close)
        lists = QHBoxLayout()
        lists.setSpacing(16)
        lists.addLayout(_column(self._title, self.payments), 1)
        lists.addLayout(_column(label(_("Sales it may be for"), "title"), self.sales), 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self._message, 1)
        buttons.addWidget(close)
        buttons.addWidget(self.attach)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addLayout(top)
        column.addLayout(answer)
        column.addWidget(self._why)
        column.addLayout(lists, 1)
        column.addWidget(self._empty)
        column.addLayout(buttons)
        self._why.hide()
        self._show_verdict(None)

    def _make_answer(self) -> QHBoxLayout:
        """What is known of a code, and what can be done about it."""
        self._word = label("", "state", name="codeWord")
        self._sentence = label("", name="codeSentence", wrap=True)
        self._take_back = button(_("Take it back from this sale…"), "takeBack")
        self._take_back.clicked.connect(self._ask_why)
        self._offer = button("", "offerCode")
        self._offer.clicked.connect(self._take_offer)
        answer = QHBoxLayout()
        answer.setSpacing(14)
        answer.addWidget(self._word)
        answer.addWidget(self._sentence, 1)
        answer.addWidget(self._take_back)
        answer.addWidget(self._offer)
        self._why = AskRow(
            "takeBackWhy", _("The payment is free again, for any sale."), ((_("Reason"), False),), _("Take it back")
        )
        self._why.answered.connect(self._detach)
        return answer

    # What is shown

    @Slot()
    def reload(self) -> None:
        """Reads the list again, and the code that was checked."""
        query = UnmatchedPayments(self._clock.now_ms())
        self.queries.run(query, owner=self).then(self._show).otherwise(self.show_error)
        if self._code:
            self._look_up_code()

    def _show(self, inbox: Unmatched) -> None:
        chosen = self._payment()
        codes = [payment.mpesa_code for payment in inbox.payments]
        is_gone = chosen is not None and chosen.mpesa_code not in codes
        row = codes.index(chosen.mpesa_code) if chosen is not None and not is_gone else 0
        self._unmatched = inbox
        today = day_of(self._clock.now_ms())
        rows = [payment_cells(payment, today) for payment in inbox.payments]
        # What was chosen and is gone leaves nothing chosen: Enter must not give another payment away.
        self.payments.show_rows(rows, None if is_gone else row)
        count = len(codes)
        self._title.setText(
            ngettext("{count} unmatched payment", "{count} unmatched payments", count).format(count=count)
        )
        notes = [] if codes else [_("All payments are matched.")]
        if inbox.messages:
            text = ngettext(
                "{count} message came that belongs to no payment of this till: it is under “To check”.",
                "{count} messages came that belong to no payment of this till: they are under “To check”.",
                inbox.messages,
            )
            notes.append(text.format(count=inbox.messages))
        self._empty.setText(" ".join(notes))
        self._empty.setVisible(bool(notes))
        self._show_matches()

    @Slot()
    def _show_matches(self) -> None:
        payment, row = self._payment(), self.sales.currentRow()
        chosen = self._matches[row].sale.id if 0 <= row < len(self._matches) else None
        is_same = payment is not None and payment.mpesa_code == self._matched_code
        self._matches = matches_of(payment, self._unmatched)
        self._matched_code = payment.mpesa_code if payment is not None else ""
        ids = [match.sale.id for match in self._matches]
        # The same payment keeps the sale that was chosen for it; one that is gone leaves nothing chosen.
        selected = 0 if not is_same else ids.index(chosen) if chosen in ids else None
        self.sales.show_rows([sale_cells(match) for match in self._matches], selected)
        self.attach.setEnabled(bool(self._matches) and not self._is_asking)

    def _payment(self) -> C2bPayment | None:
        row = self.payments.currentRow()
        return self._unmatched.payments[row] if 0 <= row < len(self._unmatched.payments) else None

    def select_payment(self, mpesa_code: str) -> None:
        """Selects a payment of the list."""
        for row, payment in enumerate(self._unmatched.payments):
            if payment.mpesa_code == mpesa_code:
                self.payments.selectRow(row)

    def show_outcome(self, text: str, *, is_good: bool) -> None:
        """What became of what was asked for: another one may be."""
        self._is_asking = False
        self._message.setText(text)
        dress(self._message, role="good" if is_good else "error")

    # What the cashier does

    @Slot()
    def _check(self) -> None:
        self._why.hide()
        try:
            self._code = parse_mpesa_code(self.code.text)
        except Mistake as mistake:
            self._code = ""
            self.code.show_reason(reason_of(mistake))
            self._show_verdict(None)
            return
        self.code.show_reason("")
        self._is_new_answer = True
        self._look_up_code()

    @Slot()
    def _take_offer(self) -> None:
        self.code.set_text(self._offered)
        self._check()

    def _look_up_code(self) -> None:
        query = LookUpCode(self._code, self._clock.now_ms())
        self.queries.run(query, owner=self).then(self._on_code).otherwise(self.show_error)

    def _on_code(self, known: CodeLookup) -> None:
        if known.mpesa_code == self._code:
            self._show_verdict(known)

    def _show_verdict(self, known: CodeLookup | None) -> None:
        verdict = verdict_of(known) if known is not None else None
        self._word.setVisible(verdict is not None)
        self._sentence.setVisible(verdict is not None)
        self._take_back.setVisible(verdict is not None and verdict.can_take_back)
        self._offer.setVisible(verdict is not None and bool(verdict.offer))
        if known is None or verdict is None:
            return
        self._word.setText(verdict.word)
        dress(self._word, tone=str(verdict.tone))
        self._sentence.setText(f"{known.mpesa_code}: {verdict.sentence}")
        self._offered = verdict.offer
        self._offer.setText(_("Check {code}").format(code=verdict.offer))
        if verdict.tone is Tone.PAID and self._is_new_answer:
            self.select_payment(known.mpesa_code)
        self._is_new_answer = False

    @Slot()
    def _attach(self) -> None:
        payment, row = self._payment(), self.sales.currentRow()
        if self._is_asking or payment is None or not 0 <= row < len(self._matches):
            return
        sale = self._matches[row].sale
        if is_overpaid(payment, sale):
            self._ask_too_much(payment, sale)
        else:
            self._give(payment, sale)

    def _give(self, payment: C2bPayment, sale: OpenSale) -> None:
        if self._is_asking:
            return
        self._is_asking = True
        self.attach.setEnabled(False)
        text = _("Adding {code} to sale {reference}…")
        self._message.setText(text.format(code=payment.mpesa_code, reference=sale.reference))
        dress(self._message, role="muted")
        command = AllocatePayment(payment.mpesa_code, sale.id)
        self.client.execute(command, owner=self).then(self._on_allocated).otherwise(self.on_refused)

    def _on_allocated(self, attempt: Attempt) -> None:
        self.show_outcome(_("Added to sale {reference}.").format(reference=attempt.reference), is_good=True)
        self.reload()

    def _ask_too_much(self, payment: C2bPayment, sale: OpenSale) -> None:
        """KSh 65,000 for a sale of 100 is more often a wrong row than a wish."""
        text = _(
            "{amount} is {excess} more than sale {reference} still needs ({due}). What is too much stands under"
            " “To check” until it is paid back."
        ).format(
            amount=format_ksh(payment.amount_cents),
            excess=format_ksh(Cents(payment.amount_cents - sale.due_cents)),
            reference=sale.reference,
            due=format_ksh(sale.due_cents),
        )
        give = Choice(_("Add it all the same"), lambda: self._give(payment, sale), is_grave=True)
        ask(self, "tooMuch", _("More than the sale needs?"), text, give)

    @Slot()
    def _ask_why(self) -> None:
        self._to_take_back = self._code
        self._why.open()

    @Slot(object)
    def _detach(self, answers: list[str]) -> None:
        if not answers[0]:
            self._why.refuse(_("Say why, in a word or two: it stays in the sale's history."))
            return
        self._why.hide()
        command = DeallocatePayment(self._to_take_back, answers[0])
        self.client.execute(command, owner=self).then(self._on_deallocated).otherwise(self.on_refused)

    def _on_deallocated(self, attempt: Attempt) -> None:
        text = _("Taken back from sale {reference}: it is free again.").format(reference=attempt.reference)
        self.show_outcome(text, is_good=True)
        self.reload()


def _column(*widgets: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(6)
    for widget in widgets:
        column.addWidget(widget)
    return column
