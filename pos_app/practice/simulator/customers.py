"""Customers of the practice M-PESA: a phone, a wallet, a PIN."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

START_BALANCE_CENTS = 5_000_000
MAX_WRONG_PINS = 3
DAILY_LIMIT_CENTS = 50_000_000


class CustomerBehaviour(StrEnum):
    """What a customer does with a prompt when nobody touches the phone."""

    WAITS = "waits"
    PAYS = "pays"
    CANCELS = "cancels"
    WRONG_PIN = "wrong_pin"
    IGNORES = "ignores"


@dataclass(slots=True)
class Customer:
    """One subscriber. Money in cents.

    Args:
        is_on: Whether the phone is switched on and in network.
        is_registered: Whether the line has M-PESA at all.
        habit_after_s: How long the habit takes, in practice seconds.
    """

    msisdn: str
    name: str
    balance_cents: int = START_BALANCE_CENTS
    pin: str = "1234"
    wrong_pins: int = 0
    is_locked: bool = False
    is_on: bool = True
    is_registered: bool = True
    habit: CustomerBehaviour = CustomerBehaviour.WAITS
    habit_after_s: float = 3.0
    spent_today_cents: int = 0
    messages: list[str] = field(default_factory=list)

    def enter_pin(self, pin: str) -> bool:
        """Checks a PIN; the third wrong one in a row locks it."""
        if pin == self.pin:
            self.wrong_pins = 0
            return True
        self.wrong_pins += 1
        self.is_locked = self.wrong_pins >= MAX_WRONG_PINS
        return False


_NAMES = ("Nicholas", "Wanjiru", "Otieno", "Achieng", "Kiprop", "Njeri", "Mutua", "Amina", "Kamau", "Chebet")


def name_for(msisdn: str) -> str:
    """A first name that is always the same for a number."""
    return _NAMES[int(msisdn[-3:]) % len(_NAMES)]
