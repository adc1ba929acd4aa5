"""What a practice till runs beside its engine: M-PESA's look-alike and a relay of its own, on loopback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from pos_app.common.asgi_server import LoopbackServer
from pos_app.common.tokens import new_address_token, token_digest
from pos_app.practice.phone import (
    CancelPrompt,
    EnterPin,
    PayByHand,
    PhoneChanged,
    PhoneCommand,
    SetPower,
    SetWallet,
    UnlockPhone,
)
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.server import PracticeServer
from pos_app.practice.simulator.service import PracticeMpesa
from pos_app.practice.simulator.shop import (
    PRACTICE_KEY,
    PRACTICE_PASSKEY,
    PRACTICE_SECRET,
    PRACTICE_SHORTCODE,
    Shop,
    SimulatorOptions,
)
from pos_app.relay.app import make_app
from pos_app.relay.store_sqlite import SqliteStore
from pos_app.settings.effective import MpesaAccess, RelayAccess

_TILL: Final = "practice"


def with_practice_account(access: MpesaAccess) -> MpesaAccess:
    """Fills what was not set with the account that every practice M-PESA knows."""
    return replace(
        access,
        consumer_key=access.consumer_key or PRACTICE_KEY,
        consumer_secret=access.consumer_secret or PRACTICE_SECRET,
        shortcode=access.shortcode or PRACTICE_SHORTCODE,
        passkey=access.passkey or PRACTICE_PASSKEY,
    )


class PracticeBackend:
    """M-PESA's look-alike and a relay, in the engine's loop.

    Args:
        folder: For the relay's file.
        shop_name: As the customer's phone shows it.
        customers_pay: Whether customers pay by themselves; else they wait for the phone on the screen.
        on_phone: Told when the customer's phone changes.
    """

    def __init__(
        self, folder: Path, shop_name: str, *, customers_pay: bool, on_phone: Callable[[PhoneChanged], None]
    ) -> None:
        shop = Shop(name=shop_name or "PRACTICE SHOP")
        habit = CustomerBehaviour.PAYS if customers_pay else CustomerBehaviour.WAITS
        self.mpesa = PracticeMpesa(shop, SimulatorOptions(habit=habit, habit_after_s=2.0))
        self.mpesa.on_phone = self._phone_changed
        self._on_phone = on_phone
        self._server = PracticeServer(self.mpesa)
        self._store = SqliteStore(folder / "relay.sqlite3")
        self._relay = LoopbackServer(make_app(self._store))

    async def start(self, access: MpesaAccess) -> MpesaAccess:
        """Starts both; the access to them."""
        await self._server.start()
        await self._store.start()
        await self._relay.start()
        names = {till.name for till in self._store.devices()}
        token = self._store.rotate(_TILL) if _TILL in names else self._store.add_device(_TILL)
        # The port is another one each time, the mailbox is the same: its name must not hold the port.
        relay = RelayAccess(self._relay.url, _TILL, token)
        filled = with_practice_account(access)
        address_token = new_address_token()
        await self._store.expect_payments(_TILL, token_digest(address_token), 0)
        self.mpesa.records.confirmation_urls[filled.party_b] = f"{self._relay.url}/p/{_TILL}/{address_token}"
        return replace(filled, base_url=self._server.url, callback_base=f"{self._relay.url}/c/{_TILL}", relay=relay)

    async def stop(self) -> None:
        """Stops both."""
        await self._server.stop()
        await self._relay.stop()
        await self._store.stop()
        self._store.close()

    def execute(self, command: PhoneCommand) -> None:
        """Does on the customer's phone what somebody did on its picture."""
        mpesa = self.mpesa
        match command:
            case EnterPin(msisdn, pin):
                mpesa.enter_pin(msisdn, pin)
            case CancelPrompt(msisdn):
                mpesa.cancel(msisdn)
            case SetWallet(msisdn, balance_cents):
                mpesa.customer(msisdn).balance_cents = balance_cents
            case SetPower(msisdn, is_on):
                mpesa.customer(msisdn).is_on = is_on
            case UnlockPhone(msisdn):
                customer = mpesa.customer(msisdn)
                customer.is_locked, customer.wrong_pins = False, 0
            case PayByHand(msisdn, shillings, account):
                mpesa.pay_by_hand(msisdn, shillings, reference=account)
        self._phone_changed(command.msisdn)

    def _phone_changed(self, msisdn: str) -> None:
        customer = self.mpesa.customer(msisdn)
        prompt = self.mpesa.records.open_prompt_of(msisdn)
        last = next((one for one in reversed(self.mpesa.records.prompts.values()) if one.msisdn == msisdn), None)
        is_shown = prompt is not None and prompt.is_delivered
        self._on_phone(
            PhoneChanged(
                msisdn,
                customer.name,
                self.mpesa.shop.name,
                prompt.amount_cents // 100 if prompt is not None and is_shown else None,
                prompt.reference if prompt is not None and is_shown else "",
                customer.is_on,
                customer.is_locked,
                customer.wrong_pins,
                customer.balance_cents,
                customer.messages[-1] if customer.messages else "",
                last.result_code if last is not None else None,
            )
        )
