"""An engine on a loop of its own, over a real ledger, real HTTP and a real relay."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from fakes.people import Anyone, People
from fakes.servers import Loop, Mpesa, Relay
from pos_app.common.clock import Clock
from pos_app.domain.sales.sale import Draft
from pos_app.domain.staff.actor import Actor
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.stk.schedule import Pacing
from pos_app.domain.values.ids import AttemptId
from pos_app.domain.values.money import parse_amount
from pos_app.domain.values.order_reference import parse_reference
from pos_app.domain.values.phone import parse_phone
from pos_app.engine.context import FOLLOW_ALL, SalesContext
from pos_app.engine.engine import Engine
from pos_app.engine.updates import AttemptChanged, Update
from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_PASSKEY, PRACTICE_SECRET, PRACTICE_SHORTCODE
from pos_app.settings.effective import NOWHERE, MpesaAccess, RelayAccess
from pos_app.settings.model import Environment

FAST = Pacing(first_ms=100, interval_ms=100, confirm_gap_ms=150)


def access(url: str, relay: Relay | None = None, pacing: Pacing = FAST, **values: Any) -> MpesaAccess:
    given = {
        "environment": Environment.SANDBOX,
        "base_url": url,
        "consumer_key": PRACTICE_KEY,
        "consumer_secret": PRACTICE_SECRET,
        "shortcode": PRACTICE_SHORTCODE,
        "till_number": "",
        "passkey": PRACTICE_PASSKEY,
        "callback_base": f"{relay.url if relay else NOWHERE}/c/till-1",
        "relay": RelayAccess(relay.url, "till-1", relay.token) if relay else None,
        "pacing": pacing,
        "max_shillings": 250_000,
        "runs_practice": False,
    }
    return MpesaAccess(**given | values)


def draft(amount: str = "10", phone: str = "0712345678", reference: str = "A0001") -> Draft:
    return Draft(parse_amount(amount), parse_phone(phone), parse_reference(reference))


class Till(Loop):
    """One till."""

    def __init__(self, folder: Path, mpesa: Mpesa | str, relay: Relay | None = None, **values: Any) -> None:
        self.path = folder / "sandbox" / "ledger.sqlite3"
        self.events: list[Update] = []
        self.clock: Clock | None = None
        self.recovery = FOLLOW_ALL
        url = mpesa if isinstance(mpesa, str) else mpesa.url
        given = {"relay": values.pop("relay_access")} if "relay_access" in values else {}
        self._access = replace(access(url, relay, **values), **given)

    def __enter__(self) -> Self:
        super().__enter__()
        self.engine = Engine(
            self.path,
            self._access,
            SalesContext("Asha", "Till 1"),
            self.events.append,
            authenticator=Anyone(),
            clock=self.clock,
            recovery=self.recovery,
        )
        self.people = People(self.engine, Actor("Asha"))
        self.run(self.engine.open())
        self.run(self.engine.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.engine.stop())
        super().__exit__()

    def request(self, **values: str) -> AttemptId:
        return self.run(self.people.request(draft(**values))).id

    def attempt(self, attempt_id: AttemptId) -> Attempt | None:
        changes = [event.attempt for event in self.events if isinstance(event, AttemptChanged)]
        return next((attempt for attempt in reversed(changes) if attempt.id == attempt_id), None)

    def until(self, attempt_id: AttemptId, condition: Callable[[Attempt], bool], timeout_s: float = 10) -> Attempt:
        ends = time.monotonic() + timeout_s
        while True:
            attempt = self.attempt(attempt_id)
            if attempt is not None and condition(attempt):
                return attempt
            assert time.monotonic() < ends, attempt
            time.sleep(0.01)

    def until_state(self, attempt_id: AttemptId, state: AttemptState, timeout_s: float = 10) -> Attempt:
        return self.until(attempt_id, lambda attempt: attempt.state is state, timeout_s)

    def states(self, attempt_id: AttemptId) -> list[str]:
        seen: list[str] = []
        for event in self.events:
            if not isinstance(event, AttemptChanged) or event.attempt.id != attempt_id:
                continue
            if not seen or seen[-1] != event.attempt.state.value:
                seen.append(event.attempt.state.value)
        return seen
