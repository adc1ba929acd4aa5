"""What happened to a sale, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pos_app.domain.stk.attempt import AttemptState
from pos_app.domain.values.ids import AttemptId


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry of a sale's time line."""

    id: int
    attempt_id: AttemptId
    at_ms: int
    kind: str
    from_state: AttemptState
    to_state: AttemptState
    details: dict[str, Any]
