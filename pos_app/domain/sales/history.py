"""What happened to a sale, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry of a sale's time line.

    Args:
        actor: Who did it: a name or ``system``; ``cli:`` and a name from the command line.
    """

    id: int
    at_ms: int
    kind: str
    actor: str
    details: dict[str, Any]
