"""The composition root: an engine, its printers and, in practice, M-PESA's look-alike, from one installation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from pos_app.common.clock import Clock, SystemClock, day_of
from pos_app.common.errors import Outside
from pos_app.common.threads import in_daemon_thread
from pos_app.engine.commands import NOBODY_IN_PARTICULAR, Command, Sender
from pos_app.engine.context import FOLLOW_ALL, Recovery, SalesContext
from pos_app.engine.engine import Engine
from pos_app.engine.updates import Update
from pos_app.installation.installation import Installation
from pos_app.ledger.edition import is_to_be_set_aside
from pos_app.ledger.first_edition import set_aside
from pos_app.practice.phone import PhoneChanged, PhoneCommand
from pos_app.settings.effective import MpesaAccess
from pos_app.settings.manager import check_pin
from pos_app.settings.model import Environment

if TYPE_CHECKING:
    from pos_app.practice.backend import PracticeBackend

R = TypeVar("R")
STORE_ANSWERS_WITHIN_S: Final = 20.0
"""A store may ask a person for its password first."""
AnyUpdate = Update | PhoneChanged
_OF_PRACTICE: Final = Recovery(is_forgetful=True, mailbox="practice")
"""Its M-PESA ends with each run, and its relay has another address each time."""


class PinAuthenticator:
    """Proves a manager by the PIN that was set for this installation."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._one_at_a_time = asyncio.Lock()

    async def check(self, sender: Sender) -> None:
        """Lets a sender through.

        Raises:
            Mistake: ``manager.wrong_pin``, or ``manager.no_pin`` where none was set.
            Outside: ``secrets.…``
        """
        installation = self._installation

        def check() -> None:
            check_pin(installation.secrets(), installation.environment, sender.pin)

        # The store may wait for a person, or for ever, and the hash is slow on purpose.
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(STORE_ANSWERS_WITHIN_S):
                    await in_daemon_thread(check, "password store")
            except TimeoutError:
                raise Outside("secrets.no_answer") from None


class Runtime:
    """What runs behind a window or a command.

    *Thread*: everything but the constructor belongs to the loop that runs `start`.

    Args:
        access: Which M-PESA, how.
        on_update: Told everything, in the loop's thread.
        customers_pay: In practice: whether customers pay by themselves, or wait for the phone on the screen.
    """

    def __init__(
        self,
        installation: Installation,
        access: MpesaAccess,
        on_update: Callable[[AnyUpdate], None],
        *,
        customers_pay: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._installation = installation
        self._access = access
        self._on_update = on_update
        self._customers_pay = customers_pay
        self._clock = clock
        self._engine: Engine | None = None
        self.practice: PracticeBackend | None = None

    @property
    def engine(self) -> Engine:
        """The engine, once `start` was called."""
        assert self._engine is not None, "start() comes first"
        return self._engine

    async def start(self) -> None:
        """Opens the ledger, starts practice's M-PESA where it is wanted, then the engine.

        Raises:
            Outside: ``ledger.…``; then nothing runs.
        """
        access, shop = self._access, self._installation.settings.shop
        if access.environment is Environment.PRACTICE:
            await in_daemon_thread(self._set_practice_aside, "practice ledger")
        self._engine = Engine(
            self._installation.ledger,
            access,
            SalesContext(shop.cashier, shop.till_label),
            self._on_update,
            authenticator=PinAuthenticator(self._installation),
            clock=self._clock,
            recovery=_OF_PRACTICE if access.runs_practice else FOLLOW_ALL,
        )
        # Whatever stands in the ledger's way is said before anything else is started, or written.
        await self._engine.open()
        if access.environment is Environment.PRACTICE:
            access = await self._start_practice(access)
        await self._engine.start(access)

    def _set_practice_aside(self) -> None:
        """Practice sales of the first edition make room by themselves, with the relay that has their messages."""
        ledger = self._installation.ledger
        if is_to_be_set_aside(ledger):
            set_aside(ledger, day_of((self._clock or SystemClock()).now_ms()))

    async def _start_practice(self, access: MpesaAccess) -> MpesaAccess:
        # A till with real money never loads any of it.
        from pos_app.practice.backend import PracticeBackend, with_practice_account  # noqa: PLC0415

        if not access.runs_practice:
            return with_practice_account(access)
        folder = self._installation.ledger.parent
        name = self._installation.settings.shop.name
        self.practice = PracticeBackend(folder, name, customers_pay=self._customers_pay, on_phone=self._on_update)
        return await self.practice.start(access)

    async def execute(self, command: Command[R], sender: Sender = NOBODY_IN_PARTICULAR) -> R:
        """Does what a person wants, as `Engine.execute`."""
        return await self.engine.execute(command, sender)

    async def use_phone(self, command: PhoneCommand) -> None:
        """Does something on the practice customer's phone; nothing where there is none."""
        if self.practice is not None:
            self.practice.execute(command)

    async def stop(self) -> None:
        """Stops both; what is on its way is written down first."""
        try:
            if self._engine is not None:
                await self._engine.stop()
        finally:
            if self.practice is not None:
                await self.practice.stop()
