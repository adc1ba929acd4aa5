"""What an engine stands on: ledger, clock, access, and where it tells what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pos_app.common.clock import Clock
from pos_app.common.errors import Mistake
from pos_app.daraja import AsyncMpesaClient
from pos_app.domain.stk.transitions import Timing
from pos_app.engine.ledger_thread import LedgerThread
from pos_app.engine.status_board import StatusBoard
from pos_app.engine.supervisor import Supervisor
from pos_app.engine.updates import Update
from pos_app.settings.effective import MpesaAccess


@dataclass(frozen=True, slots=True)
class SalesContext:
    """The words that stand beside each sale."""

    cashier: str = ""
    till_label: str = ""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a start makes of what an earlier run left.

    Args:
        is_forgetful: M-PESA's look-alike ended with the run before: its prompts are given up, and no money is at stake.
        mailbox: The name under which the ledger keeps the mailbox's cursor; empty for the relay's address.
    """

    is_forgetful: bool = False
    mailbox: str = ""


FOLLOW_ALL: Final = Recovery()
"""M-PESA knows every prompt that it took."""


@dataclass(slots=True)
class Context:
    """The ground under handlers and services of one engine.

    Args:
        path: The ledger's file.
        emit: Tells an update to whoever runs the engine, in the loop's thread.
        client: None where M-PESA is not set up.
    """

    path: Path
    access: MpesaAccess
    sales: SalesContext
    clock: Clock
    recovery: Recovery
    emit: Callable[[Update], None]
    ledger: LedgerThread
    board: StatusBoard
    supervisor: Supervisor
    timing: Timing
    client: AsyncMpesaClient | None = None

    @property
    def mpesa(self) -> AsyncMpesaClient:
        """The client.

        Raises:
            Mistake: ``settings.missing`` (names).
        """
        if self.client is None:
            raise Mistake("settings.missing", names=", ".join(self.access.missing()))
        return self.client
