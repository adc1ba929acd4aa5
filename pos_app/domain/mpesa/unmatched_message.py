"""Messages of the relay that belong to no payment of this till."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UnmatchedMessage:
    """A message of the relay that belongs to no payment of this till.

    Args:
        id: Its number among the evidence.
        body: As it came; None where its key is not here.
        is_payment: It came where payments made straight to the till come; else where prompts are answered.
        settled_by: Who settled it, and how (``reason``); empty while nobody has.
    """

    id: int
    received_at_ms: int
    body: bytes | None = field(repr=False)
    is_payment: bool
    settled_by: str = ""
    reason: str = ""
