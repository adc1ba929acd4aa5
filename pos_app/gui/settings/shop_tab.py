"""The shop: what stands on the receipt, and the manager's PIN."""

from __future__ import annotations

from pos_app.common.errors import Mistake
from pos_app.common.i18n import _
from pos_app.gui.settings.tab import Tab, text_box
from pos_app.gui.widgets.dress import label
from pos_app.gui.widgets.field import Field
from pos_app.settings.manager import hash_pin
from pos_app.settings.model import Environment, Settings
from pos_app.settings.secrets import SecretName
from pos_app.texts.errors import reason_of


class ShopTab(Tab):
    """Name, till, cashier, header and footer of the receipt."""

    def __init__(self) -> None:
        super().__init__("shop")
        name = self.add_field("name", _("Shop's name"))
        till = self.add_field("till_label", _("Till label"), hint=_("for example: Till 1"))
        cashier = self.add_field("cashier", _("Cashier's name"))
        self._pin = self.add_secret(SecretName.MANAGER_PIN, _("Manager's PIN (4 to 8 digits), to give a payment up"))
        self._header = text_box("shop_receipt_header", _("Receipt header"))
        self._footer = text_box("shop_receipt_footer", _("Receipt footer"))
        self.stack(
            name, till, cashier,
            label(_("Receipt header (address, phone)"), "label"), self._header,
            label(_("Receipt footer (thank you, opening hours)"), "label"), self._footer,
            self._pin,
        )  # fmt: skip

    def fill(self, settings: Settings) -> None:
        super().fill(settings)
        self._header.setPlainText(settings.shop.receipt_header)
        self._footer.setPlainText(settings.shop.receipt_footer)

    def put_into(self, settings: Settings) -> None:
        super().put_into(settings)
        settings.shop.receipt_header = self._header.toPlainText()
        settings.shop.receipt_footer = self._footer.toPlainText()

    def wrong(self) -> list[tuple[Field, str]]:
        found = super().wrong()
        pin = self._pin.text.strip()
        if pin:
            try:
                hash_pin(pin)
            except Mistake as mistake:
                found.append((self._pin, reason_of(mistake)))
        return found

    def typed_secrets(self) -> dict[SecretName, str]:
        """The PIN as it is kept: a slow hash."""
        return {name: hash_pin(pin) for name, pin in super().typed_secrets().items()}

    def suit(self, environment: Environment) -> None:
        """Practice has a PIN of its own."""
        self._pin.setEnabled(environment is not Environment.PRACTICE)
