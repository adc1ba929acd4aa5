"""Who may do what."""

from __future__ import annotations

import pytest

from pos_app.domain.staff.actor import CASHIER, ENGINE, MANAGER, PRACTICE, Actor, Role, cashier_named, command_line_of
from pos_app.domain.staff.permission import GRANTED, Permission, may


@pytest.mark.parametrize(
    ("actor", "permission", "is_allowed"),
    [
        (CASHIER, Permission.GIVE_UP, False), (CASHIER, Permission.SETTLE, False),
        (Actor("Asha"), Permission.GIVE_UP, False), (Actor("Asha", Role.MANAGER), Permission.GIVE_UP, True),
        (MANAGER, Permission.GIVE_UP, True), (MANAGER, Permission.SETTLE, True),
        (ENGINE, Permission.SETTLE, False), (PRACTICE, Permission.GIVE_UP, False),
        (command_line_of("root"), Permission.GIVE_UP, False),
    ],
)  # fmt: skip
def test_what_an_actor_may_do_follows_from_the_role(actor: Actor, permission: Permission, is_allowed: bool) -> None:
    assert may(actor, permission) is is_allowed


def test_every_role_is_in_the_table() -> None:
    assert set(GRANTED) == set(Role)


def test_names_are_as_they_were_set_and_never_words_of_a_language() -> None:
    assert cashier_named("Asha") == Actor("Asha", Role.CASHIER)
    assert cashier_named("") is CASHIER
    assert command_line_of("juma").name == "cli:juma"
    assert {one.name for one in (CASHIER, MANAGER, ENGINE, PRACTICE)} == {"cashier", "manager", "till", "practice"}
