"""The hash chain over the events: a row that is edited, removed or moved shows (`pos-app verify`)."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

FIRST: Final = bytes(32)


def canonical(details: dict[str, Any]) -> str:
    """Details as the ledger keeps them: one spelling only."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def link(
    previous: bytes, event_id: int, attempt_id: int, at_ms: int, kind: str, from_state: str, to_state: str, details: str
) -> bytes:
    """The hash of an event, which covers all before it."""
    fields = json.dumps([event_id, attempt_id, at_ms, kind, from_state, to_state, details], ensure_ascii=False)
    return hashlib.sha256(previous + fields.encode()).digest()
