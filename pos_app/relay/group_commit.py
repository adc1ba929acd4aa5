"""Messages that arrive while a commit is under way share the next one: more messages a second, none less safe."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pos_app.relay.store import IncomingMessage, StoreError

LARGEST: Final = 200
MOST_WAITING: Final = 5_000
"""More than this on their way is a flood, or a disk that stands still: refused, never promised."""

Commit = Callable[[Sequence[IncomingMessage]], Awaitable[list[bool | StoreError]]]
"""Writes a group in one transaction; for each message whether its till is known, or why there was no room for it."""


class GroupCommit:
    """Commits messages in groups, in the order they came.

    Args:
        commit: Raises `StoreError` where nothing of the group was kept.
    """

    def __init__(self, commit: Commit, largest: int = LARGEST) -> None:
        self._commit = commit
        self._largest = largest
        self._waiting: deque[tuple[IncomingMessage, asyncio.Future[bool]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def put(self, message: IncomingMessage) -> bool:
        """Returns once the message is on the disk; False for an unknown till.

        Raises:
            StoreError: it was not kept.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise StoreError("too many messages wait")
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, kept))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="relay commits")
        return await kept

    async def finish(self) -> None:
        """Waits for what is on its way."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
                await self._commit_group(group)
        finally:
            self._task = None

    async def _commit_group(self, group: list[tuple[IncomingMessage, asyncio.Future[bool]]]) -> None:
        try:
            results = await self._commit([message for message, _ in group])
        except StoreError as error:
            for _, kept in group:
                if not kept.done():
                    kept.set_exception(error)
            return
        for (_, kept), result in zip(group, results, strict=True):
            # Whoever sent it may be gone; it is kept all the same.
            if kept.done():
                continue
            if isinstance(result, StoreError):
                kept.set_exception(result)
            else:
                kept.set_result(result)
