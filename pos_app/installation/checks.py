"""Whether M-PESA and the relay can be reached with an account: for the doctor, the settings and the first start.

*Thread*: not the GUI's: each check waits for the network. They bring facts; words are made where a person reads them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pos_app.common.clock import minutes_wrong
from pos_app.common.errors import Mistake
from pos_app.common.http import AsyncHttpClient, MaybeSentError, NotSentError, Request, Timeouts
from pos_app.daraja import MpesaClient, NotSent
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.receipts.printer_names import THERMAL
from pos_app.receipts.thermal_printer import ThermalPrinter
from pos_app.settings.effective import RelayAccess
from pos_app.settings.model import Environment

_TIMEOUTS: Final = Timeouts(8, 12, 20)
_RELAY_TIMEOUTS: Final = Timeouts(5, 10, 15)


@dataclass(frozen=True, slots=True)
class ConnectionCheck:
    """What a request for a token showed.

    Args:
        problem: Why there is none; None where M-PESA accepts key and secret.
        clock_ahead_ms: How far this PC's clock is before M-PESA's; None where M-PESA did not say what time it is.
    """

    problem: OutcomeKind | None = None
    clock_ahead_ms: int | None = None

    @property
    def is_reached(self) -> bool:
        """Whether M-PESA answered at all."""
        return self.problem is not OutcomeKind.NO_CONNECTION

    @property
    def minutes_wrong(self) -> int:
        """By how many minutes this PC's clock is wrong; 0 for right, or not known."""
        return minutes_wrong(self.clock_ahead_ms)


def check_connection(key: str, secret: str, environment: Environment, base_url: str | None) -> ConnectionCheck:
    """Asks M-PESA for a token, which moves nothing.

    Raises:
        Mistake, Outside: for an address that cannot be right.
    """
    with MpesaClient(
        key,
        secret,
        environment="production" if environment is Environment.PRODUCTION else "sandbox",
        base_url=base_url,
        patience=_TIMEOUTS,
    ) as client:
        try:
            client.fetch_token()
        except NotSent as error:
            return ConnectionCheck(error.outcome.kind)
        return ConnectionCheck(clock_ahead_ms=client.clock_ahead_ms)


class PrinterCheck(StrEnum):
    """How the chosen printer fares, as far as can be told without printing."""

    NONE = "none"
    WRONG_ADDRESS = "wrong_address"
    SET = "set"


def check_printer(name: str) -> PrinterCheck:
    """Whether a printer is set, and its address can be one. What it prints, only a test receipt shows.

    Args:
        name: As `pos_app.receipts.printers.printer_for` takes it; empty for none.
    """
    if not name:
        return PrinterCheck.NONE
    if not name.startswith(THERMAL):
        # The system's own: it knows whether the name is still one of its printers.
        return PrinterCheck.SET
    try:
        ThermalPrinter(name.removeprefix(THERMAL))
    except Mistake:
        return PrinterCheck.WRONG_ADDRESS
    return PrinterCheck.SET


class RelayCheck(StrEnum):
    """How a relay fares."""

    KNOWS_US = "knows_us"
    REFUSES = "refuses"
    UNREACHABLE = "unreachable"


def check_relay(relay: RelayAccess) -> RelayCheck:
    """Asks a relay for this till's mailbox, and acknowledges nothing in it."""
    return asyncio.run(_ask_relay(relay))


async def _ask_relay(relay: RelayAccess) -> RelayCheck:
    client = AsyncHttpClient(_RELAY_TIMEOUTS)
    try:
        # Asking after a message acknowledges all before it: after none, nothing.
        headers = {"Authorization": f"Bearer {relay.till}.{relay.token}"}
        answer = await client.send(Request("GET", f"{relay.url}/v1/inbox?after=0", headers))
    except (NotSentError, MaybeSentError):
        return RelayCheck.UNREACHABLE
    finally:
        await client.aclose()
    return RelayCheck.KNOWS_US if answer.status == 200 else RelayCheck.REFUSES
