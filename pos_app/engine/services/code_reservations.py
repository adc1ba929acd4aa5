"""Takes M-PESA codes at the relay before the shop's other tills can: each payment belongs to one till."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any, Final
from weakref import WeakValueDictionary

from pos_app.common.errors import Mistake, Outside
from pos_app.common.http import AsyncHttpClient, HttpResponse, MaybeSentError, NotSentError, Request, Timeouts
from pos_app.common.mailbox import DEVICE_NAME
from pos_app.domain.c2b.payment import reservation_subject
from pos_app.domain.stk import events as ev
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.attempts import Attempts
from pos_app.engine.context import Context
from pos_app.engine.updates import PaymentArrived, Service
from pos_app.ledger.writer import Applied, LedgerWriter
from pos_app.settings.effective import RelayAccess

LONGEST_PAUSE_S: Final = 60.0
MOST_AUTOMATIC: Final = 4


class CodeReservations:
    """Reservations at one relay.

    The service reserves the codes that this till's prompts were paid with, until the relay has answered: every till of
    the shop hears of that money as a payment too, and none may give it to a sale of its own.

    Args:
        relay: Which relay.
        reserves_prompts: False where no other till can be: practice has a relay of its own.
    """

    name = "code reservations"
    shows: Service | None = None

    def __init__(
        self, context: Context, attempts: Attempts, relay: RelayAccess, *, reserves_prompts: bool, use_proxies: bool
    ) -> None:
        self._context = context
        self._attempts = attempts
        self._relay = relay
        self._reserves_prompts = reserves_prompts
        # Of one code a reservation and what becomes of it, one at a time: no late release may free what was taken anew.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # What the till takes by itself: so few at once that a cashier's request never waits for a connection.
        self._automatic = asyncio.Semaphore(MOST_AUTOMATIC)
        self._waiting: list[tuple[AttemptId, str]] = []
        self._changed = asyncio.Event()
        self._web = AsyncHttpClient(Timeouts(5, 10, 15), use_proxies=use_proxies)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._web.aclose()

    # The codes of this till's own prompts

    def observe(self, applied: Applied) -> None:
        """An attempt changed: a code that it was paid with is reserved."""
        if applied.attempt.mpesa_code not in (None, applied.before.mpesa_code):
            self.reserve_for_prompt(applied.attempt.id, applied.attempt.mpesa_code or "")

    def reserve_for_prompt(self, attempt_id: AttemptId, mpesa_code: str) -> None:
        """Reserves a code in the background."""
        if self._reserves_prompts:
            self._waiting.append((attempt_id, mpesa_code))
            self._changed.set()

    async def run(self) -> None:
        """Starts what waits, until cancelled."""
        while True:
            self._changed.clear()
            while self._waiting:
                attempt_id, mpesa_code = self._waiting.pop(0)
                work = self._reserve_surely(attempt_id, mpesa_code)
                self._context.supervisor.spawn(work, f"reservation of attempt {attempt_id}")
            await self._changed.wait()

    async def _reserve_surely(self, attempt_id: AttemptId, mpesa_code: str) -> None:
        till = await self._reserve_until_answered(mpesa_code)
        if till is not None:
            await self._attempts.apply_surely(attempt_id, ev.CodeUsedElsewhere(till))
        await self._attempts.surely(lambda: self._context.ledger.call(LedgerWriter.note_reserved, attempt_id))

    async def _reserve_until_answered(self, mpesa_code: str) -> str | None:
        """The till that was faster; None where this one has the code."""
        pause_s = 1.0
        while True:
            try:
                async with self._automatic, self.one_at_a_time(mpesa_code):
                    await self.reserve(mpesa_code)
            except Mistake as mistake:
                return str(mistake.params.get("till", "?"))
            except Outside:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return None

    # At the relay

    def one_at_a_time(self, mpesa_code: str) -> asyncio.Lock:
        """The lock of one code."""
        lock = self._locks.get(mpesa_code)
        if lock is None:
            lock = self._locks[mpesa_code] = asyncio.Lock()
        return lock

    async def reserve(self, mpesa_code: str) -> None:
        """Takes a code for this till.

        Raises:
            Mistake: ``payment.elsewhere`` (till).
            Outside: ``payment.no_claim`` where the relay cannot be asked.
        """
        answer = await self.ask("PUT", _path(mpesa_code))
        if answer.status == 409:
            till = holder_of(answer.body)
            await self._context.ledger.call(LedgerWriter.lose_payment, mpesa_code, till, self._context.clock.now_ms())
            self._context.emit(PaymentArrived(None))
            raise Mistake("payment.elsewhere", till=till)
        if answer.status != 200:
            raise Outside("payment.no_claim")

    async def release(self, mpesa_code: str) -> None:
        """Gives a code back to every till of the shop; where the relay is away it stays this till's."""
        path = _path(mpesa_code)
        try:
            # Taken once more for its number: a release that is held up on its way must free nothing taken later.
            answer = await self.ask("PUT", path)
            if answer.status == 200:
                await self.ask("DELETE", f"{path}?claim={_number(answer.body)}")
        except Outside:
            # It stays this till's at the relay: the others do not get it, and nothing is counted twice.
            return

    async def ask(self, method: str, path: str) -> HttpResponse:
        """One request of the relay.

        Raises:
            Outside: ``payment.no_claim``, or ``relay.unreachable`` for a path that is no reservation's.
        """
        relay = self._relay
        headers = {"Authorization": f"Bearer {relay.till}.{relay.token}"}
        try:
            return await self._web.send(Request(method, relay.url + path, headers))
        except (NotSentError, MaybeSentError):
            raise Outside("payment.no_claim" if "/claims/" in path else "relay.unreachable") from None


def _path(mpesa_code: str) -> str:
    return f"/v1/claims/{reservation_subject(mpesa_code).hex()}"


def _number(body: bytes) -> int:
    """Of a reservation; 0 where the relay does not say."""
    number = _said(body, "claim")
    return number if isinstance(number, int) else 0


def holder_of(body: bytes) -> str:
    """The till that has a payment; empty for none, ``?`` where the relay does not say."""
    till = _said(body, "till")
    return till if isinstance(till, str) and (not till or DEVICE_NAME.match(till)) else "?"


def _said(body: bytes, name: str) -> Any:
    try:
        return json.loads(body)[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
