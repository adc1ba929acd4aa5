"""The card of the payment at hand: a big state, a ring, what to say, what comes next."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from pos_app.common.clock import SystemClock
from pos_app.common.i18n import _
from pos_app.domain.sales.sale import SaleSummary
from pos_app.domain.stk.attempt import FOLLOWED
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.updates import AttemptChanged
from pos_app.gui import theme
from pos_app.gui.sell.current_presenter import card_of, clock_text
from pos_app.gui.widgets.announce import announce
from pos_app.gui.widgets.dress import button, card, dress, label
from pos_app.gui.widgets.ring import Ring


class CurrentView(QWidget):
    """The payment at hand.

    Signals:
        check_wanted, take_back_wanted: the attempt's id.
        resend_wanted, claim_wanted, receipt_wanted: the sale's id.
    """

    check_wanted = Signal(int)
    resend_wanted = Signal(int)
    claim_wanted = Signal(int)
    take_back_wanted = Signal(int)
    receipt_wanted = Signal(int)

    def __init__(
        self, *, is_practice: bool, paid_by_hand: str = "", payer_of: Callable[[str], str] = lambda _code: ""
    ) -> None:
        super().__init__()
        self._payer_of = payer_of
        self._payers: dict[AttemptId, list[str]] = {}
        self.setObjectName("current")
        self._is_practice = is_practice
        self._paid_by_hand = paid_by_hand
        self._room: int | None = None
        self._announced: tuple[str, int] = ("", 0)
        self._clock = SystemClock()
        self._changes: dict[AttemptId, tuple[AttemptChanged, SaleSummary, float]] = {}
        self._phones: dict[AttemptId, str] = {}
        self._shown: AttemptId | None = None
        self._ring = Ring()
        self._word = label("", "state", name="currentState", wrap=True)
        self._amount = label("", "amount", name="currentAmount")
        self._line = label("", "muted", name="currentLine", wrap=True)
        self._customer = label("", name="currentCustomer", wrap=True)
        self._next = label("", "muted", name="currentNext", wrap=True)
        self._by_hand = label("", "title", name="currentByHand", wrap=True)
        self._footer = label("", "muted", name="currentFooter", wrap=True)
        self.check = button(_("Check now"), "checkNow", tip=_("F5: ask M-PESA for the result"))
        self.resend = button(_("Send again"), "sendAgain", tip=_("F8: prompt the same phone again"))
        self.claim = button(_("Customer shows a code…"), "showsCode")
        self.take_back = button(_("Take back"), "takeBack", tip=_("As long as the request has not left the till"))
        self.receipt = button(_("Receipt…"), "currentReceipt", tip=_("F6: print it, or save it as PDF"))
        self._build()
        self._connect()
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tick)
        self.set_height(theme.TITLES_FROM_HEIGHT)
        self._draw()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._ring, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._word)
        words.addWidget(self._amount)
        words.addWidget(self._line)
        words.addStretch(1)
        head.addLayout(words, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.check, 1)
        buttons.addWidget(self.resend, 1)
        buttons.addWidget(self.receipt, 1)
        self._card = card("currentCard")
        self._column = QVBoxLayout(self._card)
        self._column.addLayout(head)
        for widget in (self._customer, self._next, self._by_hand, self._footer):
            self._column.addWidget(widget)
        self._column.addLayout(buttons)
        self._column.addWidget(self.claim)
        self._column.addWidget(self.take_back)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._card)

    def _connect(self) -> None:
        self.check.clicked.connect(self.ask_check)
        self.resend.clicked.connect(self.ask_resend)
        self.claim.clicked.connect(self._ask_claim)
        self.take_back.clicked.connect(self._ask_take_back)
        self.receipt.clicked.connect(self._ask_receipt)

    def set_height(self, height: int) -> None:
        """As high as a window of this height allows."""
        is_compact = height < theme.COMPACT_BELOW_HEIGHT
        for widget in (self._word, self._amount):
            dress(widget, tiny=height < theme.TINY_BELOW_HEIGHT)
        margin = 12 if is_compact else 20
        self._column.setContentsMargins(margin, margin - 4, margin, margin - 4)
        self._column.setSpacing(4 if is_compact else 6)
        self._ring.set_side(48 if is_compact else 68)

    def set_room(self, height: int) -> None:
        """How high it may be: its texts give way, its buttons never."""
        if height != self._room:
            self._room = height
            self._draw()

    def _fit(self) -> None:
        """Hides what can be missed first: what comes next by itself, then what is said twice."""
        hidden = []
        for widget in (self._footer, self._customer, self._next, self._by_hand):
            if self._room is None or self._needed() <= self._room:
                break
            if not widget.isHidden():
                hidden.append(widget.text())
                widget.hide()
        self._card.setToolTip("\n".join(hidden))

    def _needed(self) -> int:
        self._column.invalidate()
        self._column.activate()
        if self._column.hasHeightForWidth():
            return self._column.totalHeightForWidth(self._card.width())
        return self._column.totalSizeHint().height()

    def show_attempt(self, attempt_id: AttemptId, phone: str) -> None:
        """Makes a payment the one at hand; its phone is shown in full while its prompt is out."""
        self._shown = attempt_id
        if phone:
            self._phones[attempt_id] = phone
        self._draw()

    def hear(self, change: AttemptChanged, sale: SaleSummary) -> None:
        """An attempt changed. The newest request stays at hand until the next one."""
        attempt = change.attempt
        self._changes[attempt.id] = (change, sale, time.monotonic())
        self._payers[attempt.id] = self._names_of(sale)
        if self._shown is None:
            self._shown = attempt.id
        if attempt.state not in FOLLOWED:
            self._phones.pop(attempt.id, None)
            if attempt.id != self._shown:
                # Nothing of it is shown any more; the table has it.
                self._changes.pop(attempt.id, None)
                self._payers.pop(attempt.id, None)
        self._draw()

    def hear_of_payers(self) -> None:
        """A payment came to the till: M-PESA's confirmation, which has the name, may come a moment after the result."""
        if self._shown in self._changes:
            self._payers[self._shown] = self._names_of(self._changes[self._shown][1])
            self._draw()

    def _names_of(self, sale: SaleSummary) -> list[str]:
        return list(dict.fromkeys(name for name in map(self._payer_of, sale.codes) if name))

    @property
    def open_count(self) -> int:
        """How many payments may still be paid."""
        return sum(change.attempt.state in FOLLOWED for change, _sale, _heard in self._changes.values())

    @property
    def open_amounts(self) -> frozenset[int]:
        """The amounts, in cents, of the payments that may still be paid."""
        changes = (change for change, _sale, _heard in self._changes.values())
        return frozenset(change.attempt.amount_cents for change in changes if change.attempt.state in FOLLOWED)

    @property
    def sale_at_hand(self) -> SaleSummary | None:
        """The sale that the card shows."""
        found = self._changes.get(self._shown) if self._shown is not None else None
        return found[1] if found is not None else None

    @Slot()
    def ask_check(self) -> None:
        """F5."""
        if self._shown is not None and self.check.isEnabled():
            self.check_wanted.emit(self._shown)

    @Slot()
    def ask_resend(self) -> None:
        """F8."""
        if self._shown in self._changes and self.resend.isEnabled():
            self.resend_wanted.emit(self._changes[self._shown][0].attempt.sale_id)

    @Slot()
    def _ask_take_back(self) -> None:
        if self._shown is not None:
            self.take_back_wanted.emit(self._shown)

    @Slot()
    def _ask_receipt(self) -> None:
        sale = self.sale_at_hand
        if sale is not None:
            self.receipt_wanted.emit(sale.sale.id)

    @Slot()
    def _ask_claim(self) -> None:
        if self._shown in self._changes:
            self.claim_wanted.emit(self._changes[self._shown][0].attempt.sale_id)

    @Slot()
    def _tick(self) -> None:
        self._draw()

    def _draw(self) -> None:
        found = self._changes.get(self._shown) if self._shown is not None else None
        if found is None:
            self._draw_empty()
            return
        change, sale, heard_s = found
        attempt = change.attempt
        others = self.open_count - (attempt.state in FOLLOWED)
        shown = card_of(
            change,
            sale,
            phone=self._phones.get(attempt.id, attempt.phone_masked),
            now_ms=self._clock.now_ms(),
            heard_s=time.monotonic() - heard_s,
            also_waiting=others,
            is_practice=self._is_practice,
            paid_by_hand=self._paid_by_hand,
            payers=self._payers.get(attempt.id, ()),
        )
        if shown.count_s is not None:
            self._ring.show_count(shown.share, clock_text(shown.count_s), shown.tone)
        else:
            self._ring.show_icon(shown.icon, shown.tone, shown.word)
        self._ring.show()
        if (shown.word, attempt.id) != self._announced:
            self._announced = (shown.word, attempt.id)
            announce(self._word, f"{shown.word}. {shown.amount}, {attempt.reference}. {shown.next_step}")
        self._word.setText(shown.word)
        dress(self._word, tone=str(shown.tone))
        dress(self._amount, tone=str(shown.tone))
        for widget, text in (
            (self._amount, shown.amount),
            (self._line, shown.line),
            (self._customer, shown.customer),
            (self._next, shown.next_step),
            (self._by_hand, shown.by_hand),
            (self._footer, shown.footer),
        ):
            widget.setText(text)
            widget.setVisible(bool(text))
        self.check.setVisible(shown.can_check)
        self.check.setEnabled(shown.can_check)
        self.resend.setVisible(bool(shown.resend_text))
        self.resend.setText(shown.resend_text)
        self.resend.setEnabled(shown.can_resend)
        self.claim.setVisible(shown.can_claim)
        self.take_back.setVisible(shown.can_take_back)
        self.receipt.setVisible(shown.has_receipt)
        self._fit()
        if not self._timer.isActive():
            self._timer.start()

    def _draw_empty(self) -> None:
        self._ring.hide()
        self._word.setText(_("No payment yet"))
        dress(self._word, tone="muted")
        self._customer.setText(_("Type amount, phone and order, then press Enter. The customer enters the PIN."))
        for widget in (
            self._amount, self._line, self._next, self._by_hand, self._footer, self.check, self.resend, self.claim,
            self.take_back, self.receipt,
        ):  # fmt: skip
            widget.hide()
        self._timer.stop()
