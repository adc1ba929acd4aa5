"""What people do at a till, by the commands that the window sends."""

from __future__ import annotations

from typing import Any

from pos_app.domain.sales.sale import Draft
from pos_app.domain.staff.actor import CASHIER, MANAGER, Actor
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.phone import Msisdn
from pos_app.engine import commands
from pos_app.engine.commands import C2bRegistration, Sender
from pos_app.engine.engine import Engine


class Anyone:
    """Lets everybody through: who knows the PIN is no part of these tests."""

    async def check(self, sender: Sender) -> None:
        pass


class People:
    """Cashier and manager of one engine."""

    def __init__(self, engine: Engine, cashier: Actor = CASHIER, manager: Actor = MANAGER) -> None:
        self._engine = engine
        self._cashier = Sender(cashier)
        self._manager = Sender(manager)

    def _do(self, command: Any) -> Any:
        return self._engine.execute(command, self._cashier)

    async def request(self, draft: Draft, *, anyway: bool = False) -> Attempt:
        return await self._do(commands.RequestStkPayment(draft, anyway=anyway))

    async def send_again(self, sale_id: SaleId, msisdn: Msisdn | None = None) -> Attempt:
        return await self._do(commands.SendAgain(sale_id, msisdn))

    async def check_now(self, attempt_id: AttemptId) -> Attempt:
        return await self._do(commands.CheckNow(attempt_id))

    async def withdraw(self, attempt_id: AttemptId) -> Attempt:
        return await self._do(commands.Withdraw(attempt_id))

    async def quote_code(self, attempt_id: AttemptId, code: str) -> Attempt:
        return await self._do(commands.QuoteCode(attempt_id, code))

    async def allocate(self, mpesa_code: str, sale_id: SaleId) -> Attempt:
        return await self._do(commands.AllocatePayment(mpesa_code, sale_id))

    async def deallocate(self, mpesa_code: str, reason: str) -> Attempt:
        return await self._do(commands.DeallocatePayment(mpesa_code, reason))

    async def register_urls(self) -> C2bRegistration:
        return await self._do(commands.RegisterC2bUrls())

    async def void(self, sale_id: SaleId, reason: str) -> Attempt:
        return await self._do(commands.VoidSale(sale_id, reason))

    async def note_receipt(self, sale_id: SaleId, how: str) -> Attempt:
        return await self._do(commands.NoteReceipt(sale_id, how))

    async def give_up(self, attempt_id: AttemptId, reason: str) -> Attempt:
        return await self._engine.execute(commands.GiveUpAttempt(attempt_id, reason), self._manager)

    async def settle_review(self, sale_id: SaleId, reason: str) -> None:
        await self._engine.execute(commands.SettleReview(sale_id, reason), self._manager)

    async def recheck_closed(self) -> None:
        await self._do(commands.RecheckClosed())
