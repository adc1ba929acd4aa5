"""The card to type a payment in: amount, phone, reference, Enter."""

from __future__ import annotations

import time
from math import ceil

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from pos_app.common.i18n import _
from pos_app.domain.sales.sale import Draft
from pos_app.domain.values.order_reference import MAX_REFERENCE, Reference
from pos_app.gui import theme
from pos_app.gui.sell.form_presenter import AMOUNT, PHONE, REFERENCE, FormPresenter, spell_amount, spell_phone
from pos_app.gui.theme import Theme
from pos_app.gui.widgets.dress import button, card, dress, label
from pos_app.gui.widgets.field import Field


class FormView(QWidget):
    """The form.

    Signals:
        wanted: a `Draft`; the form stays as it is until `accept` or `refuse`.
        take_back_wanted: of a request that waits for the till to be ready.
        resized: it is higher or lower than it was.
    """

    wanted = Signal(object)
    resized = Signal()
    take_back_wanted = Signal()

    def __init__(self, presenter: FormPresenter) -> None:
        super().__init__()
        self.setObjectName("form")
        self._presenter = presenter
        self._draft: Draft | None = None
        self._is_waiting = False
        self._waits_for, self._ready_s = "", 0.0
        self._wait = QTimer(self)
        self._wait.setInterval(500)
        self._wait.timeout.connect(self._tick)
        self._title = label(_("New payment"), "title")
        self.amount = Field("amount", _("Amount"), hint="KSh", kind="amount", shape=spell_amount)
        self.amount.line.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.amount.line.setPlaceholderText("0")
        self.phone = Field("phone", _("Phone"), kind="true", shape=spell_phone)
        self.phone.line.setPlaceholderText("07…")
        self.reference = Field("reference", _("Order reference"), kind="true")
        self.reference.hint.setAccessibleName(_("Length of the reference"))
        self.send = button(_("Request payment"), "requestPayment", is_main=True)
        self.send.setToolTip(_("Enter"))
        self._fields = {AMOUNT: self.amount, PHONE: self.phone, REFERENCE: self.reference}
        self._card = card("formCard")
        self._column = QVBoxLayout(self._card)
        for widget in (self._title, self.amount, self.phone, self.reference):
            self._column.addWidget(widget)
        self._column.addWidget(self._make_reasons())
        self._column.addWidget(self.send)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._card)
        self.amount.line.returnPressed.connect(self._enter_amount)
        self.phone.line.returnPressed.connect(self._enter_phone)
        self.reference.line.returnPressed.connect(self._enter_reference)
        self.amount.line.textChanged.connect(self._show_result)
        self.amount.line.left.connect(self._left_amount)
        self.phone.line.left.connect(self._left_phone)
        self.reference.line.left.connect(self._left_reference)
        self.reference.line.textChanged.connect(self._count)
        self.send.clicked.connect(self.submit)
        self.set_height(theme.TITLES_FROM_HEIGHT)
        self._count("")
        self.restyle()

    def _make_reasons(self) -> QWidget:
        """Room that is always there for what is wrong: nothing moves under the hand when something is."""
        self._reasons = QWidget()
        self._by_hand = label("", "title", name="payByHand", wrap=True)
        self._by_hand.hide()
        column = QVBoxLayout(self._reasons)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for field in self._fields.values():
            column.addWidget(field.reason)
            field.judged.connect(self._show_first_reason)
        column.addWidget(self._by_hand)
        column.addStretch(1)
        return self._reasons

    @Slot()
    def _show_first_reason(self) -> None:
        texts = [field.reason.text() for field in self._fields.values()]
        for number, field in enumerate(self._fields.values()):
            field.reason.setVisible(bool(texts[number]) and not any(texts[:number]))
        if not self.phone.reason.text() and self._wait.isActive():
            # The time is over, or something else was typed: it may go out again.
            self._wait.stop()
            self._by_hand.hide()
            self.send.setEnabled(self._draft is None)

    def restyle(self) -> None:
        """Draws its icon in the theme's colours."""
        self.send.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.send.setIcon(theme.icon_in("enter", Theme.colours.on_accent))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def set_height(self, height: int) -> None:
        """As high as a window of this height allows."""
        is_compact = height < theme.COMPACT_BELOW_HEIGHT
        is_tight, is_tiny = height < theme.TIGHT_BELOW_HEIGHT, height < theme.TINY_BELOW_HEIGHT
        margin = 12 if is_compact else 20
        self._column.setContentsMargins(margin, margin - 4, margin, margin - 4)
        self._column.setSpacing(4 if is_tight else 5 if is_compact else 8)
        self._title.setVisible(height >= theme.TITLES_FROM_HEIGHT)
        for field in self._fields.values():
            field.set_compact(is_compact, is_tiny=is_tiny)
        self.phone.set_tight(is_tight, placeholder=_("Phone 07…"), otherwise="07…")
        self.reference.set_tight(is_tight, placeholder=_("Order reference"), otherwise="")
        dress(self.send, compact=is_compact, tiny=is_tiny)
        lines = 1 if is_tiny else 2
        self._reasons.setMinimumHeight(lines * self.amount.reason.fontMetrics().lineSpacing() + 2)

    def start_over(self) -> None:
        """Focus on the amount, what is there selected."""
        self.amount.line.setFocus()
        self.amount.line.selectAll()

    def suggest_after(self, last: str | None) -> None:
        """Suggests the next reference, unless somebody is typing one."""
        if not self.reference.line.isModified():
            self.reference.set_text(self._presenter.suggest(last))

    @Slot()
    def _enter_amount(self) -> None:
        self._enter(AMOUNT)

    @Slot()
    def _enter_phone(self) -> None:
        self._enter(PHONE)

    @Slot()
    def _enter_reference(self) -> None:
        self._enter(REFERENCE)

    def _enter(self, name: str) -> None:
        """Enter goes to the next field that is empty, and sends where none is: a keypad has no Tab."""
        reason = self._presenter.reason_for(name, self._fields[name].text)
        if reason:
            self._fields[name].show_reason(reason)
            self._fields[name].line.selectAll()
            return
        names = list(self._fields)
        after = names.index(name) + 1
        for other in (*names[after:], *names[: after - 1]):
            if not self._fields[other].text.strip():
                self._fields[other].line.setFocus()
                return
        self.submit()

    @Slot(str)
    def _show_result(self, text: str) -> None:
        self.amount.hint.setText(self._presenter.result_of(text) or "KSh")

    @Slot()
    def submit(self) -> None:
        """The request goes out: Enter in the last field, or the button."""
        if self._is_waiting:
            self.take_back_wanted.emit()
            return
        if self._draft is not None:
            return
        checked = self._presenter.check(self.amount.text, self.phone.text, self.reference.text)
        for name, field in self._fields.items():
            field.show_reason(checked.reasons.get(name, ""))
        if checked.draft is None:
            first = self._fields[next(name for name in self._fields if name in checked.reasons)]
            first.line.setFocus()
            first.line.selectAll()
            return
        self._draft = checked.draft
        self.send.setEnabled(False)
        self.wanted.emit(checked.draft)

    def wait_for_start(self) -> None:
        """It is sent as soon as the till is ready, within half a minute or not at all."""
        self._is_waiting = True
        self._set_read_only(is_read_only=True)
        self.send.setText(_("Take back"))
        self.send.setEnabled(True)
        self.phone.hint.setText(_("Sent when the till is ready"))

    def _set_read_only(self, *, is_read_only: bool) -> None:
        """What is on its way is what stands there."""
        for field in self._fields.values():
            field.line.setReadOnly(is_read_only)

    def taken_back(self) -> None:
        """Nothing was sent, and what was typed stays."""
        self._draft = None
        self._end_wait()
        self.amount.line.setFocus()
        self.amount.line.selectAll()

    def _end_wait(self) -> None:
        self._is_waiting = False
        self._set_read_only(is_read_only=False)
        self.send.setText(_("Request payment"))
        self.send.setEnabled(True)
        self.phone.hint.setText("")

    def accept(self, reference: Reference) -> None:
        """The sale is in the ledger: ready for the next."""
        self._draft = None
        self._end_wait()
        for field in self._fields.values():
            field.line.clear()
            field.line.setModified(False)
            field.show_reason("")
        self.suggest_after(reference)
        self.start_over()

    def refuse(self, code: str, params: dict[str, str | int]) -> None:
        """Nothing was recorded: what was typed stays, with the reason."""
        self._draft = None
        self._end_wait()
        name, reason = self._presenter.refused(code, params)
        self._fields[name].show_reason(reason)
        if "seconds" in params and code.startswith("sale.wait"):
            self._count_down(code, int(params["seconds"]))
        self._fields[name].line.setFocus()
        # What is typed next is another customer's: it must not stand behind this one's digits.
        self._fields[name].line.selectAll()

    def _count_down(self, code: str, seconds: int) -> None:
        """M-PESA's own wait, second by second; meanwhile the customer may pay by hand."""
        self._waits_for, self._ready_s = code, time.monotonic() + seconds
        self._by_hand.setText(self._presenter.by_hand)
        self._by_hand.setVisible(bool(self._presenter.by_hand))
        self.send.setEnabled(False)
        self._wait.start()

    @Slot()
    def _tick(self) -> None:
        left = ceil(self._ready_s - time.monotonic())
        if left <= 0:
            self.phone.show_reason("")
        else:
            self.phone.show_reason(self._presenter.refused(self._waits_for, {"seconds": left})[1])

    @Slot()
    def _left_amount(self) -> None:
        self._check_left(AMOUNT)

    @Slot()
    def _left_phone(self) -> None:
        self._check_left(PHONE)

    @Slot()
    def _left_reference(self) -> None:
        self._check_left(REFERENCE)

    def _check_left(self, name: str) -> None:
        field = self._fields[name]
        reason = self._presenter.reason_for(name, field.text)
        if reason:
            field.show_reason(reason)

    @Slot(str)
    def _count(self, text: str) -> None:
        self.reference.hint.setText(_("{count} of {max}").format(count=len(text.strip()), max=MAX_REFERENCE))
