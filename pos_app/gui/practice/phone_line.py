"""Carries what is done on the customer's phone to the practice M-PESA, in the engine's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Slot

from pos_app.gui.engine_thread import Work
from pos_app.gui.practice.phone_dock import PhoneDock

if TYPE_CHECKING:
    # The engine is imported by its own thread, after the first paint.
    from pos_app.engine.engine import Engine
    from pos_app.engine.practice_mode import PracticeMode

FULL_WALLET_CENTS: Final = 5_000_000


class PhoneLine(QObject):
    """Connects a phone on the screen.

    Args:
        ask: Has the engine do something.
    """

    def __init__(self, dock: PhoneDock, ask: Callable[[Work], object]) -> None:
        super().__init__(dock)
        self._ask = ask
        dock.pin_entered.connect(self._pin_entered)
        dock.cancelled.connect(self._cancelled)
        dock.wallet_set.connect(self._wallet_set)
        dock.power_set.connect(self._power_set)
        dock.unlocked.connect(self._unlocked)
        dock.paid_by_hand.connect(self._paid_by_hand)

    def _on_phone(self, work: Callable[[PracticeMode], None]) -> None:
        async def on_engine(engine: Engine) -> None:
            if engine.practice is not None:
                work(engine.practice)

        self._ask(on_engine)

    @Slot(str, str)
    def _pin_entered(self, msisdn: str, pin: str) -> None:
        self._on_phone(lambda practice: practice.enter_pin(msisdn, pin))

    @Slot(str)
    def _cancelled(self, msisdn: str) -> None:
        self._on_phone(lambda practice: practice.cancel(msisdn))

    @Slot(str, int)
    def _paid_by_hand(self, msisdn: str, shillings: int) -> None:
        self._on_phone(lambda practice: practice.pay_by_hand(msisdn, shillings, ""))

    @Slot(str, bool)
    def _wallet_set(self, msisdn: str, has_money: bool) -> None:
        cents = FULL_WALLET_CENTS if has_money else 0
        self._on_phone(lambda practice: practice.set_customer(msisdn, balance_cents=cents))

    @Slot(str, bool)
    def _power_set(self, msisdn: str, is_on: bool) -> None:
        self._on_phone(lambda practice: practice.set_customer(msisdn, is_on=is_on))

    @Slot(str)
    def _unlocked(self, msisdn: str) -> None:
        self._on_phone(lambda practice: practice.unlock(msisdn))
