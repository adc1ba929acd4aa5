"""What messages may fill of a mailbox whose token its till has not named: anybody can send such messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pos_app.relay.store import IncomingMessage

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Quota:
    """For one till and one day.

    Args:
        messages, size: How many messages with a token that was not named, and how many bytes of them.
        of_a_prompt: How many messages of one named prompt: M-PESA sends a few of each; more are a stranger's.
    """

    messages: int = 2_000
    size: int = 4 << 20
    of_a_prompt: int = 50


@dataclass(slots=True)
class Used:
    """How much of a quota is used."""

    messages: int = 0
    size: int = 0
    has_changed: bool = False


DayOf = tuple[str, int]
"""A till and a day since 1970."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a group of messages.

    Args:
        is_admitted: For each message whether there is room for it.
        used: The quotas that it changed, as they are now.
    """

    is_admitted: Sequence[bool]
    used: Mapping[DayOf, Used]


def day_of(message: IncomingMessage) -> DayOf:
    """The till and the day that a message counts for."""
    return message.till, message.received_at_ms // DAY_MS


def prompt_of(message: IncomingMessage) -> tuple[str, bytes]:
    """The till and the token that it is for."""
    return message.till, message.token_digest


def admit(
    incoming: Sequence[IncomingMessage],
    quota: Quota,
    named: Mapping[tuple[str, bytes], int],
    used_on: Callable[[DayOf], Used],
) -> Admission:
    """Judges messages in their order: a till's own never count, and strangers crowd out strangers only.

    Args:
        named: How many messages came before for each named prompt (a till's name and a token's digest).
        used_on: How much strangers have used of a day before these.
    """
    counts, used, verdicts = dict(named), dict[DayOf, Used](), list[bool]()
    for message in incoming:
        prompt = prompt_of(message)
        if prompt in counts and counts[prompt] < quota.of_a_prompt:
            counts[prompt] += 1
            verdicts.append(True)
            continue
        day = day_of(message)
        if day not in used:
            used[day] = used_on(day)
        so_far, size = used[day], len(message.body)
        has_room = so_far.messages < quota.messages and so_far.size + size <= quota.size
        if has_room:
            so_far.messages, so_far.size, so_far.has_changed = so_far.messages + 1, so_far.size + size, True
        verdicts.append(has_room)
    return Admission(verdicts, {day: found for day, found in used.items() if found.has_changed})
