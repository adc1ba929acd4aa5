"""Carries what is done on the picture of the customer's phone to the practice M-PESA."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, Slot

from pos_app.gui.practice.phone_dock import PhoneDock
from pos_app.gui.runtime.engine_client import EngineClient
from pos_app.practice.phone import CancelPrompt, EnterPin, PayByHand, PhoneCommand, SetPower, SetWallet, UnlockPhone

FULL_WALLET_CENTS: Final = 5_000_000


class PhoneLine(QObject):
    """Connects a phone on the screen."""

    def __init__(self, dock: PhoneDock, client: EngineClient) -> None:
        super().__init__(dock)
        self._client = client
        dock.pin_entered.connect(self._on_pin)
        dock.cancelled.connect(self._on_cancel)
        dock.wallet_set.connect(self._on_wallet)
        dock.power_set.connect(self._on_power)
        dock.unlocked.connect(self._on_unlock)
        dock.paid_by_hand.connect(self._on_paid_by_hand)

    def _use(self, command: PhoneCommand) -> None:
        self._client.use_phone(command, owner=self)

    @Slot(str, str)
    def _on_pin(self, msisdn: str, pin: str) -> None:
        self._use(EnterPin(msisdn, pin))

    @Slot(str)
    def _on_cancel(self, msisdn: str) -> None:
        self._use(CancelPrompt(msisdn))

    @Slot(str, int)
    def _on_paid_by_hand(self, msisdn: str, shillings: int) -> None:
        self._use(PayByHand(msisdn, shillings))

    @Slot(str, bool)
    def _on_wallet(self, msisdn: str, has_money: bool) -> None:
        self._use(SetWallet(msisdn, FULL_WALLET_CENTS if has_money else 0))

    @Slot(str, bool)
    def _on_power(self, msisdn: str, is_on: bool) -> None:
        self._use(SetPower(msisdn, is_on))

    @Slot(str)
    def _on_unlock(self, msisdn: str) -> None:
        self._use(UnlockPhone(msisdn))
