"""The window's way to the engine: commands go out as data, each reply comes back to whoever asked."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, TypeVar

from PySide6.QtCore import QDeadlineTimer, QObject, Signal, Slot

from pos_app.common.errors import PosError
from pos_app.domain.staff.actor import MANAGER, cashier_named
from pos_app.engine.commands import Command, Sender
from pos_app.gui.runtime.bridge import Bridge
from pos_app.gui.runtime.engine_thread import EngineThread, Wish
from pos_app.gui.runtime.request import Reply, Request
from pos_app.installation.installation import Installation
from pos_app.practice.phone import PhoneCommand

R = TypeVar("R")


class PendingCommand(Request[R]):
    """A command on its way to the engine."""

    def __init__(self, client: EngineClient, number: int, owner: QObject) -> None:
        super().__init__(owner, client.refused.emit)
        self._client = client
        self._number = number

    def drop(self, reply: Reply) -> None:
        """A refusal outlives the dialog in which it was asked for: the till did not do what somebody wanted."""
        if reply.error is not None:
            self._client.refused.emit(reply.error)

    @property
    def is_held(self) -> bool:
        """Whether it still waits for the engine to start."""
        return self._client.engine_thread.is_held(self._number)

    def take_back(self) -> bool:
        """Drops it while it still waits; False where it has begun."""
        return self._client.forget(self._number)


class EngineClient(QObject):
    """Owns the engine's thread, the bridge of its updates, and the commands that are under way.

    *Thread*: the GUI's.

    Attributes:
        updates: Its signals carry what the engine tells everybody.

    Signals:
        refused: a `PosError` for which the sender of a command did not ask to hear, or is not there any more.
    """

    refused = Signal(object)

    def __init__(self, installation: Installation, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._installation = installation
        self.updates = Bridge(self)
        self.engine_thread = EngineThread(installation, self.updates)
        self._sent = 0
        self._pending: dict[int, PendingCommand[Any]] = {}
        self.updates.replied.connect(self._on_reply)

    def start(self) -> None:
        """Starts the engine."""
        self.engine_thread.start()

    def execute(self, command: Command[R], *, owner: QObject, sender: Sender | None = None) -> PendingCommand[R]:
        """Sends a command; the reply comes to its owner.

        Args:
            sender: None for the cashier of this till.
        """
        return self._send(command, owner, sender or self.cashier)

    def use_phone(self, command: PhoneCommand, *, owner: QObject) -> None:
        """Does something on the practice customer's phone."""
        self._send(command, owner, self.cashier)

    def _send(self, wish: Wish, owner: QObject, sender: Sender) -> PendingCommand[Any]:
        self._sent += 1
        entered = replace(sender, entered_s=time.monotonic())
        pending: PendingCommand[Any] = PendingCommand(self, self._sent, owner)
        self._pending[self._sent] = pending
        self.engine_thread.execute(self._sent, wish, entered)
        return pending

    @property
    def cashier(self) -> Sender:
        """Who sells at this till."""
        return Sender(cashier_named(self._installation.settings.shop.cashier))

    @staticmethod
    def manager(pin: str) -> Sender:
        """The manager, by the PIN that was typed; it is checked where commands are carried out."""
        return Sender(MANAGER, pin)

    def forget(self, number: int) -> bool:
        """Drops a command that still waits for the engine to start; False where it has begun."""
        if not self.engine_thread.take_back(number):
            return False
        self._pending.pop(number, None)
        return True

    @Slot(object)
    def _on_reply(self, reply: Reply) -> None:
        pending = self._pending.pop(reply.request, None)
        if pending is not None:
            pending.settle(reply)
        elif isinstance(reply.error, PosError):
            self.refused.emit(reply.error)

    # The end

    def stop(self, ends: QDeadlineTimer) -> bool:
        """Stops the engine: what is on its way is written down first; False where it did not end in time."""
        self.engine_thread.stop()
        has_ended = self.engine_thread.wait(ends)
        self.updates.close()
        return has_ended

    @property
    def has_ended(self) -> bool:
        """Whether nothing of the engine runs any more."""
        return self.engine_thread.isFinished()
