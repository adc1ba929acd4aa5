"""What a store of mail must do, whatever database it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One callback as it came.

    Args:
        id: Its place in the mailbox; the cursor.
        token_digest: SHA-256 of the token in its address.
        body: Unread.
    """

    id: int
    token_digest: bytes
    body: bytes
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class TillRow:
    """A till that the relay knows."""

    name: str
    created_at_ms: int
    is_revoked: bool
    position: int
    waiting: int
    seen_at_ms: int | None


class StoreError(Exception):
    """The store could not take or give mail; nothing was promised."""


class Store(Protocol):
    """Keeps mail until its till has it."""

    async def till_digest(self, name: str) -> bytes | None:
        """The kept form of a till's token; None for one that is unknown or revoked."""
        ...

    async def put(self, till: str, token_digest: bytes, body: bytes, received_at_ms: int) -> bool:
        """Keeps a message; when it returns, it is on the disk. False for an unknown till.

        Raises:
            StoreError: it could not be kept.
        """
        ...

    async def after(self, till: str, position: int, limit: int) -> list[Message]:
        """Messages after a cursor, oldest first; asking acknowledges all up to the cursor."""
        ...

    async def wait(self, till: str, position: int, timeout_s: float) -> None:
        """Returns when there may be a message after the cursor, or after a time."""
        ...
