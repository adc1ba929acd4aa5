"""What the ledger knows of codes and of the sale, and one attempt alone cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Facts:
    """Brought to `pos_app.domain.stk.transitions.step` with each event: nothing is rewritten after the decision.

    Args:
        taken_codes: Of `codes_in_question` those that pay another attempt, another sale or another till.
        own_code: The code of a payment straight to the till that was given to this sale, and that is this attempt's
            own money: the same code and the same amount. It counts once.
        is_too_much: Paid as well, the attempt would bring the sale more than it asks for. What has ``own_code`` is
            not counted for that.
    """

    taken_codes: frozenset[str] = field(default_factory=frozenset)
    own_code: str | None = None
    is_too_much: bool = False


NO_FACTS: Final = Facts()
"""Of a sale with one attempt, whose code nobody else has."""


def codes_in_question(attempt: Attempt, event: ev.Event) -> tuple[str, ...]:
    """The M-PESA codes on which the decision about an event may depend, the likeliest one of its money first."""
    told = event.mpesa_code if isinstance(event, (ev.CallbackArrived, ev.TwinArrived)) else None
    return tuple(dict.fromkeys(code for code in (told, attempt.heard_code) if code is not None))
