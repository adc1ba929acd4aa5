"""The fault menu: what can be made to go wrong, one request at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Target(StrEnum):
    """Which exchange a fault is for."""

    TOKEN = "token"  # noqa: S105 - not a password
    PUSH = "push"
    QUERY = "query"
    CALLBACK = "callback"
    REGISTER = "register"
    CONFIRMATION = "confirmation"


ANSWER_FAULTS = frozenset(
    {
        "late",  # after `seconds`
        "never",  # the connection stays open and silent
        "half",  # headers and half a body, then the end
        "reset",  # the connection is reset before M-PESA reads the request
        "accept_lost",  # carried out, then the connection is reset
        "accept_never",  # carried out, then silence
        "status",  # `status` with an empty body
        "html",  # `status` (503) with a firewall's page
        "empty",  # 200 with an empty body
        "json",  # 200 with `body`, which nobody understands
        "error",  # `status` with errorCode `code` and errorMessage `text`
        "throttle",  # 429 as the gateway words it
        "refuse_token",  # 404.001.03
        "pending",  # query only: "not finished yet" in `form` 1, 2 or 3
        "result",  # query only: ResultCode `code` with `text`, whatever is true
    }
)
CALLBACK_FAULTS = frozenset(
    {
        "lose",
        "delay",  # by `seconds`
        "double",
        "reorder",  # held back until the next callback has gone
        "alter",  # `amount`, `checkout_request_id`, `code`, `text`, `phone`, `drop` (item names), `token`
        "early",  # before the push is answered, where the habit is instant
    }
)


CONFIRMATION_FAULTS = frozenset({"lose", "delay", "double"})
_MENUS = {Target.CALLBACK: CALLBACK_FAULTS, Target.CONFIRMATION: CONFIRMATION_FAULTS}


@dataclass(slots=True)
class Fault:
    """One fault, for the next ``times`` exchanges."""

    target: Target
    kind: str
    times: int = 1
    options: dict[str, Any] = field(default_factory=dict)


class UnknownFaultError(ValueError):
    """There is no such fault for this target."""


class FaultMenu:
    """Faults in the order they were ordered; each request takes the first that fits."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []

    def order(self, target: str, kind: str, times: int = 1, **options: Any) -> None:
        """Orders a fault.

        Raises:
            UnknownFaultError: for what is not on the menu.
        """
        try:
            wanted = Target(target)
        except ValueError:
            raise UnknownFaultError(f"no target {target!r}; there are {', '.join(Target)}") from None
        menu = _MENUS.get(wanted, ANSWER_FAULTS)
        if kind not in menu:
            raise UnknownFaultError(f"no fault {kind!r} for {target}; there are {', '.join(sorted(menu))}")
        self._ordered.append(Fault(wanted, kind, times, options))

    def take(self, target: Target) -> Fault | None:
        """The fault for this exchange, if one was ordered."""
        for fault in self._ordered:
            if fault.target is target:
                fault.times -= 1
                if fault.times <= 0:
                    self._ordered.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Takes all orders back."""
        self._ordered.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """What is still ordered."""
        return [
            {"target": fault.target, "fault": fault.kind, "times": fault.times, **fault.options}
            for fault in self._ordered
        ]
