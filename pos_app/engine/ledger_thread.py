"""The ledger's own thread: the only one that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pos_app.ledger.writer import LedgerWriter

P = ParamSpec("P")
R = TypeVar("R")


class LedgerThread:
    """Runs the writer's methods, one after the other, without holding up the loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "ledger")
        self._writer: LedgerWriter | None = None

    async def open(self, path: Path, environment: str) -> None:
        """Opens, and if need be migrates, the ledger.

        Raises:
            Outside: ``ledger.…``
        """
        loop = asyncio.get_running_loop()
        self._writer = await loop.run_in_executor(self._executor, LedgerWriter, path, environment)

    async def call(self, method: Callable[Concatenate[LedgerWriter, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs one method. A caller that is cancelled does not undo what is being written."""
        writer = self._writer
        assert writer is not None, "open() comes first"
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, lambda: method(writer, *args, **kwargs)))

    async def close(self) -> None:
        """Finishes what is being written and closes the file."""
        loop = asyncio.get_running_loop()
        if self._writer is not None:
            await loop.run_in_executor(self._executor, self._writer.close)
            self._writer = None
        self._executor.shutdown()
