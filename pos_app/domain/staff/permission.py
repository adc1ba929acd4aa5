"""What an actor may do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pos_app.domain.staff.actor import Actor, Role


class Permission(StrEnum):
    """What only some may do."""

    GIVE_UP = "give_up"
    """Stop waiting for a prompt whose end nobody knows."""
    SETTLE = "settle"
    """Say that what was heard of a sale's money is dealt with."""


GRANTED: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.CASHIER: frozenset(),
    Role.MANAGER: frozenset(Permission),
    Role.SYSTEM: frozenset(),
}


def may(actor: Actor, permission: Permission) -> bool:
    """Whether an actor has a permission."""
    return permission in GRANTED[actor.role]
