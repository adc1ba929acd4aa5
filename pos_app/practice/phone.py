"""The customer's phone of practice: how its screen is, and what is done on it. Loads nothing of the simulator."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PhoneChanged:
    """The phone, as its screen is now.

    Args:
        shillings: Of the prompt that stands; None where none does.
        message: The newest SMS.
    """

    msisdn: str
    name: str
    shop: str
    shillings: int | None
    reference: str
    is_on: bool
    is_locked: bool
    wrong_pins: int
    balance_cents: int
    message: str
    result_code: str | None


@dataclass(frozen=True, slots=True)
class EnterPin:
    """The customer enters a PIN."""

    msisdn: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CancelPrompt:
    """The customer closes the prompt."""

    msisdn: str


@dataclass(frozen=True, slots=True)
class SetWallet:
    """Fills or empties the wallet."""

    msisdn: str
    balance_cents: int


@dataclass(frozen=True, slots=True)
class SetPower:
    """Switches the phone on or off."""

    msisdn: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class UnlockPhone:
    """Does what a call to 100 does."""

    msisdn: str


@dataclass(frozen=True, slots=True)
class PayByHand:
    """The customer pays the shop's number from the phone's own menu."""

    msisdn: str
    shillings: int
    account: str = ""


PhoneCommand = EnterPin | CancelPrompt | SetWallet | SetPower | UnlockPhone | PayByHand
