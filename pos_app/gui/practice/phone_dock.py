"""The customer's phone of practice mode: the prompt as a phone shows it, a keypad, then the SMS."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from pos_app.common.i18n import N_, _
from pos_app.domain.values.money import format_ksh
from pos_app.domain.values.phone import format_phone
from pos_app.gui.widgets.dress import button, card, dress, label
from pos_app.practice.phone import PhoneChanged

PIN_LENGTH = 4
AMOUNT_LENGTH = 6
STRANGER = "254722000126"
"""Who pays by hand where no phone has been prompted yet."""
_RESULTS = {
    "1": N_("You do not have enough money."),
    "17": N_("Wait two minutes before paying the same amount again."),
    "1032": N_("Request cancelled."),
    "1037": N_("The request has expired."),
    "2001": N_("Wrong PIN."),
    "8006": N_("Your PIN is locked. Call 100."),
}


class PhoneDock(QWidget):
    """One phone at a time: the one that was prompted last, or another one picked.

    Signals:
        pin_entered: msisdn, PIN.
        cancelled: msisdn.
        wallet_set: msisdn, whether it holds money.
        power_set: msisdn, whether the phone is on.
        unlocked: msisdn.
        hidden: it was closed.
    """

    pin_entered = Signal(str, str)
    cancelled = Signal(str)
    wallet_set = Signal(str, bool)
    power_set = Signal(str, bool)
    unlocked = Signal(str)
    hidden = Signal()
    paid_by_hand = Signal(str, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("phoneDock")
        self.setFixedWidth(232)
        self._phones: dict[str, PhoneChanged] = {}
        self._shown = ""
        self._pin = ""
        self._build()
        self._draw()

    def _build(self) -> None:
        frame = card("phoneCard")
        column = self._rows = QVBoxLayout(frame)
        column.setContentsMargins(12, 8, 12, 10)
        column.setSpacing(6)
        close = self._make_close()
        head = QHBoxLayout()
        self._title = label(_("Customer's phone"), "title")
        head.addWidget(self._title, 1)
        head.addWidget(close)
        self._close = close
        column.addLayout(head)
        self._who = QComboBox()
        self._who.setObjectName("phoneNumber")
        self._who.setAccessibleName(_("Which phone"))
        self._who.currentIndexChanged.connect(self._pick)
        column.addWidget(self._who)
        column.addWidget(self._make_screen(), 1)
        column.addLayout(self._make_pad())
        self.cancel = button(_("Cancel request"), "phoneCancel")
        self.cancel.clicked.connect(self._cancel)
        column.addWidget(self.cancel)
        column.addLayout(self._make_switches())
        self._unlock = button(_("Call 100 (unlock PIN)"), "phoneUnlock")
        self._unlock.clicked.connect(self._call)
        column.addWidget(self._unlock)
        self._hint = label(
            _("PIN 1234 pays. With no prompt, an amount and Pay goes straight to the till."), "label", wrap=True
        )
        column.addWidget(self._hint)
        # A click on the phone leaves the cashier's focus where it is; Tab still reaches every key.
        for widget in (*self._keys, self.cancel, self._money, self._power, self._unlock, close, self._who):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)

    def _make_close(self) -> QPushButton:
        close = button("×", "phoneClose", tip=_("F12: hide or show the customer's phone"))
        close.setAccessibleName(_("Hide the customer's phone"))
        close.setProperty("key", True)
        close.clicked.connect(self.hidden)
        return close

    def _make_screen(self) -> QWidget:
        frame = card("phoneScreen")
        self._text = label("", name="phoneText", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._dots = label("", "state", name="phonePin")
        self._dots.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        screen = QVBoxLayout(frame)
        screen.setContentsMargins(10, 8, 10, 8)
        screen.addWidget(self._text, 1)
        screen.addWidget(self._dots)
        return frame

    def _make_pad(self) -> QGridLayout:
        self._pad = QGridLayout()
        self._pad.setSpacing(5)
        self._keys: list[QPushButton] = []
        for number, text in enumerate("123456789C0"):
            self._add_key(text, number // 3, number % 3)
        self._ok = self._add_key(_("Pay"), 3, 2, name="Pay")
        return self._pad

    def _make_switches(self) -> QHBoxLayout:
        self._money = QCheckBox(_("Money"))
        self._money.setObjectName("phoneMoney")
        self._money.setChecked(True)
        self._money.clicked.connect(self._set_money)
        self._power = QCheckBox(_("Phone on"))
        self._power.setObjectName("phonePower")
        self._power.setChecked(True)
        self._power.clicked.connect(self._set_power)
        switches = QHBoxLayout()
        switches.addWidget(self._money)
        switches.addWidget(self._power)
        return switches

    def _add_key(self, text: str, row: int, column: int, *, name: str = "") -> QPushButton:
        key = button(text, f"key_{name or text}")
        key.setProperty("pad", True)
        key.setAccessibleName(_("Clear") if text == "C" else text)
        key.clicked.connect(self._pressed)
        self._pad.addWidget(key, row, column)
        self._keys.append(key)
        return key

    def set_compact(self, is_compact: bool) -> None:
        """Fewer words for small screens."""
        self._hint.setVisible(not is_compact)
        self._rows.setSpacing(3 if is_compact else 6)
        self._pad.setSpacing(3 if is_compact else 5)
        for key in self._keys:
            dress(key, compact=is_compact)
        dress(self._text, role="muted" if is_compact else "")
        # F12 closes it too.
        self._title.setVisible(not is_compact)
        self._close.setVisible(not is_compact)

    @Slot(object)
    def hear(self, phone: PhoneChanged) -> None:
        """A phone changed; one with a new prompt comes to the front."""
        known = self._phones.get(phone.msisdn)
        self._phones[phone.msisdn] = phone
        if known is None:
            self._who.addItem(format_phone(phone.msisdn), phone.msisdn)
        is_new_prompt = phone.shillings is not None and (known is None or known.shillings is None)
        if is_new_prompt or not self._shown:
            self._who.setCurrentIndex(self._who.findData(phone.msisdn))
            self._shown = phone.msisdn
        if phone.shillings is None or is_new_prompt:
            self._pin = "" if phone.msisdn == self._shown else self._pin
        self._draw()

    @Slot(int)
    def _pick(self, number: int) -> None:
        self._shown, self._pin = self._who.itemData(number) or "", ""
        self._draw()

    @Slot()
    def _pressed(self) -> None:
        sender = self.sender()
        if sender is self._ok:
            self._pay()
        elif isinstance(sender, QPushButton):
            text = sender.text()
            longest = PIN_LENGTH if self._has_prompt() else AMOUNT_LENGTH
            self._pin = "" if text == "C" else (self._pin + text)[:longest].lstrip("" if self._has_prompt() else "0")
        self._draw()

    def _pay(self) -> None:
        pin, self._pin = self._pin, ""
        if not self._has_prompt():
            self.paid_by_hand.emit(self._shown or STRANGER, int(pin))
            return
        self.pin_entered.emit(self._shown, pin)

    @Slot()
    def _cancel(self) -> None:
        self.cancelled.emit(self._shown)

    @Slot(bool)
    def _set_money(self, has_money: bool) -> None:
        self.wallet_set.emit(self._shown, has_money)

    @Slot(bool)
    def _set_power(self, is_on: bool) -> None:
        self.power_set.emit(self._shown, is_on)

    @Slot()
    def _call(self) -> None:
        self.unlocked.emit(self._shown)

    def _has_prompt(self) -> bool:
        phone = self._phones.get(self._shown)
        return phone is not None and phone.shillings is not None and phone.is_on

    def _draw(self) -> None:
        phone = self._phones.get(self._shown)
        has_prompt = self._has_prompt()
        is_on = phone is None or phone.is_on
        for key in self._keys:
            key.setEnabled(is_on)
        is_typed = len(self._pin) == PIN_LENGTH if has_prompt else bool(self._pin)
        self._ok.setEnabled(is_on and is_typed)
        dress(self._ok, main=is_on and is_typed)
        self.cancel.setEnabled(has_prompt)
        for widget in (self._money, self._power):
            widget.setEnabled(phone is not None)
        self._who.setVisible(phone is not None)
        self._unlock.setVisible(phone is not None and phone.is_locked)
        self._dots.setVisible(has_prompt or bool(self._pin))
        if has_prompt:
            self._dots.setText(" ".join("●" if number < len(self._pin) else "○" for number in range(PIN_LENGTH)))
            self._dots.setAccessibleName(_("{count} digits typed").format(count=len(self._pin)))
        elif self._pin:
            self._dots.setText(format_ksh(int(self._pin) * 100))
            self._dots.setAccessibleName(self._dots.text())
        self._text.setText(self._words(phone))
        if phone is not None:
            self._money.setChecked(phone.balance_cents > 0)
            self._power.setChecked(phone.is_on)

    @staticmethod
    def _words(phone: PhoneChanged | None) -> str:
        if phone is None:
            return _("When you request a payment, the prompt appears here as on the customer's phone.")
        if not phone.is_on:
            return _("(The phone is off.)")
        if phone.shillings is not None:
            return _("Do you want to pay {amount} to {shop}, account {reference}?\nEnter M-PESA PIN:").format(
                amount=format_ksh(phone.shillings * 100), shop=phone.shop, reference=phone.reference
            )
        if phone.result_code == "0":
            return phone.message
        result = _RESULTS.get(phone.result_code or "")
        return _(result) if result else phone.message or _("No message.")
