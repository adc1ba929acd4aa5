"""The working parts of one engine, as its handlers see them."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.engine.attempts import Attempts
from pos_app.engine.context import Context
from pos_app.engine.recheck import Recheck
from pos_app.engine.services.code_reservations import CodeReservations
from pos_app.engine.services.prompt_registrar import PromptRegistrar
from pos_app.engine.services.relay_reader import RelayReader
from pos_app.engine.services.status_poller import StatusPoller
from pos_app.engine.services.stk_sender import StkSender


@dataclass(slots=True)
class Parts:
    """What there is; None where settings do not ask for it.

    Args:
        poller: None where M-PESA is not set up.
        relay_reader, registrar, reservations: None without a relay.
    """

    context: Context
    attempts: Attempts
    sender: StkSender
    recheck: Recheck
    poller: StatusPoller | None = None
    relay_reader: RelayReader | None = None
    registrar: PromptRegistrar | None = None
    reservations: CodeReservations | None = None
