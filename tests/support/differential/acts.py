"""What both sides understand: acts and answers are plain data, so that neither side's types stand between them.

An act is a dictionary: ``{"act": "attach", "code": "C000000001", "sale": "t1", "at": 1800000000000}``. Attempts go by
their token, sales by the token of their first attempt, payments by their code, messages that belong to nobody by the
order in which they came: numbers of rows are each side's own business.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

Act = dict[str, Any]
Answer = dict[str, Any]
"""``{"refused": code, …}`` with the refusal's values, or what was accepted and what follows from it."""
Observation = dict[str, Any]
"""``sales``, ``attempts``, ``payments``, ``days`` and the lists, by the names above."""

MAILBOX = "relay/till-1"
GIVEN_BY = "Asha"
REASON = "looked in the statement"


class Side(Protocol):
    """One ledger, and the rules that go with it."""

    def __init__(self, folder: Path) -> None: ...

    def do(self, act: Act) -> Answer:
        """Carries out an act; a refusal is an answer."""
        ...

    def observe(self, now_ms: int) -> Observation:
        """Everything that people and the engine can read."""
        ...

    def findings(self) -> list[str]:
        """What `verify` says of the file."""
        ...

    def close(self) -> None: ...
