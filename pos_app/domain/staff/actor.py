"""Who wants something: the actor of a command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What an actor is at this till."""

    CASHIER = "cashier"
    MANAGER = "manager"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Args:
        name: As it stands in the ledger: a name as it was set, or a word of the ledger. Never a translated word.
        role: What the actor may do follows from it (`pos_app.domain.staff.permission`).
    """

    name: str
    role: Role = Role.CASHIER


CASHIER: Final = Actor("cashier")
"""The cashier of a till where no name is set."""
MANAGER: Final = Actor("manager", Role.MANAGER)
ENGINE: Final = Actor("till", Role.SYSTEM)
"""The till itself, in what nobody asked it for."""
PRACTICE: Final = Actor("practice", Role.SYSTEM)


def cashier_named(name: str) -> Actor:
    """The cashier of a till."""
    return Actor(name) if name else CASHIER


def command_line_of(user: str) -> Actor:
    """Somebody at a terminal, by the name that the system knows."""
    return Actor(f"cli:{user}")
