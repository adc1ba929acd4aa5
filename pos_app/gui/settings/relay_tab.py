"""The relay: one pairing line fills it all in."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLineEdit

from pos_app.common.errors import Mistake, PosError
from pos_app.common.i18n import _
from pos_app.common.mailbox import read_pairing
from pos_app.engine.commands import C2bRegistration
from pos_app.gui.settings.tab import Tab, say
from pos_app.gui.widgets.dress import button, label
from pos_app.gui.widgets.field import Field
from pos_app.settings.secrets import SecretName
from pos_app.texts.errors import reason, reason_of


class RelayTab(Tab):
    """Address, name, token; payments made straight to the till.

    Signals:
        register_wanted: have M-PESA send them.
    """

    register_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("relay")
        self._pairing = Field("relay_pairing", _("Pairing line (from: pos-app relay add-till NAME)"))
        self._pairing.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._pairing.line.textChanged.connect(self._paired)
        self._url = self.add_field("url", _("Relay's address"), hint="https://")
        self._till = self.add_field("till", _("This till's name at the relay"))
        self._token = self.add_secret(SecretName.RELAY_TOKEN, _("Token"))
        note = _(
            "A relay brings M-PESA's results within milliseconds. Without one the till asks M-PESA itself, "
            "every few seconds; both work."
        )
        straight = _(
            "Customers who choose “Lipa na M-PESA” by hand pay the till number without a prompt. M-PESA can send those "
            "payments too: they show under F9. In production a number is registered once, for good; if another system "
            "has registered it before, its payments stay there."
        )
        self._register = button(_("Receive payments made straight to the till…"), "registerPayments")
        self._confirm = button(_("Register this number now"), "registerNow", is_main=True)
        self._confirm.hide()
        self._heard = label("", "muted", name="registerHeard", wrap=True)
        self._register.clicked.connect(self._ask)
        self._confirm.clicked.connect(self._go)
        self.stack(
            label(note, "muted", wrap=True), self._pairing, self._url, self._till, self._token,
            label(straight, "muted", wrap=True), self._register, self._confirm, self._heard,
        )  # fmt: skip

    @Slot()
    def _ask(self) -> None:
        say(self._heard, _("Is no other system, such as another till or a bank, registered for this number?"), "muted")
        self._confirm.show()
        self._confirm.setFocus()

    @Slot()
    def _go(self) -> None:
        self._confirm.hide()
        say(self._heard, _("Registering…"), "muted")
        self.register_wanted.emit()

    def show_registration(self, registration: C2bRegistration) -> None:
        """What became of it."""
        if registration.is_good:
            text = _("Registered. Payments made straight to the till come to F9 from now on.")
            say(self._heard, text, "good")
        else:
            code = "payment.register_taken" if registration.is_taken else "payment.register_refused"
            say(self._heard, reason(code, {"text": registration.text}), "error")

    def show_registration_error(self, error: PosError) -> None:
        """Why it could not be asked for."""
        say(self._heard, reason_of(error), "error")

    @Slot(str)
    def _paired(self, text: str) -> None:
        if not text.strip():
            self._pairing.show_reason("")
            return
        try:
            pairing = read_pairing(text)
        except Mistake as mistake:
            self._pairing.show_reason(reason_of(mistake))
            return
        self._pairing.show_reason("")
        self._url.set_text(pairing.url)
        self._till.set_text(pairing.till)
        self._token.set_text(pairing.token)
