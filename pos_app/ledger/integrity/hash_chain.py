"""The hash chain over the events: a row that is edited, removed or moved shows (`pos-app verify`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

FIRST: Final = bytes(32)


def canonical(details: dict[str, Any]) -> str:
    """Details as the ledger keeps them: one spelling only."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


EVENT_COLUMNS: Final = "id, subject, subject_id, sale_id, at_ms, kind, version, actor, from_state, to_state, details"
"""All that the hash of an event covers, besides the events before it."""


def link(previous: bytes, values: Sequence[int | str | None]) -> bytes:
    """The hash of an event, which covers all before it.

    Args:
        values: Of `EVENT_COLUMNS`.
    """
    return hashlib.sha256(previous + json.dumps(tuple(values), ensure_ascii=False).encode()).digest()
