"""The relay: one pairing line fills it all in."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLineEdit

from pos_app.errors import Mistake
from pos_app.gui.settings.tab import Tab
from pos_app.gui.widgets.dress import label
from pos_app.gui.widgets.field import Field
from pos_app.i18n import _
from pos_app.relay.auth import read_pairing
from pos_app.settings.secrets import SecretName
from pos_app.words.mistakes import reason_of


class RelayTab(Tab):
    """Address, name, token."""

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
        self.stack(label(note, "muted", wrap=True), self._pairing, self._url, self._till, self._token)

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
