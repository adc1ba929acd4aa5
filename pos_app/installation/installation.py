"""Folders, settings, secrets, and which M-PESA they lead to."""

from __future__ import annotations

from pathlib import Path

from pos_app.common import paths
from pos_app.common.i18n import _
from pos_app.receipts.factory import ReceiptFactory, ReceiptHead
from pos_app.settings import file as settings_file
from pos_app.settings.effective import SANDBOX_SHORTCODE, MpesaAccess, access, environment_of
from pos_app.settings.model import Account, Environment, Settings
from pos_app.settings.secrets import SecretStore, open_store


class Installation:
    """Folders and settings, as they are when it is made.

    Raises:
        Mistake, Outside: ``settings.…``
    """

    def __init__(self) -> None:
        self.home = paths.home()
        self.settings: Settings = settings_file.load(self.home.settings_file)

    @property
    def environment(self) -> Environment:
        """Practice, sandbox or production."""
        return environment_of(self.settings)

    @property
    def ledger(self) -> Path:
        """The ledger of that environment."""
        return self.home.ledger_file(self.environment)

    @property
    def is_practice(self) -> bool:
        return self.environment is Environment.PRACTICE

    @property
    def paid_by_hand(self) -> str:
        """What a customer types to pay this shop without a prompt; empty where no number is set."""
        mpesa = self.settings.mpesa
        if self.is_practice:
            # The practice shop has the sandbox's public number.
            return _("Paybill {number}").format(number=SANDBOX_SHORTCODE)
        if mpesa.account is Account.BUY_GOODS:
            return _("Till {number}").format(number=mpesa.till_number) if mpesa.till_number else ""
        return _("Paybill {number}").format(number=mpesa.shortcode) if mpesa.shortcode else ""

    @property
    def receipts(self) -> ReceiptFactory:
        """Makes this shop's receipts."""
        shop = self.settings.shop
        head = ReceiptHead(shop.name, shop.till_label, shop.cashier, shop.receipt_header, shop.receipt_footer)
        return ReceiptFactory(head, is_practice=self.is_practice)

    def secrets(self) -> SecretStore:
        """Where its secrets are. May wait for a person: not on the GUI's thread."""
        return open_store(self.settings.installation, self.home.secrets_file, in_file=self.settings.secrets_in_file)

    def access(self) -> MpesaAccess:
        """What the engine needs; not on the GUI's thread.

        Raises:
            Mistake, Outside: ``settings.…`` or ``secrets.…``
        """
        return access(self.settings, self.secrets())
