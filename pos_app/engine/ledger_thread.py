"""The ledger's own thread: the only one that writes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pos_app.common.threads import in_thread
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
        self._writer = await in_thread(self._executor, lambda: LedgerWriter(path, environment))

    async def call(self, method: Callable[Concatenate[LedgerWriter, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs one method. A caller that is cancelled does not undo what is being written."""
        writer = self._writer
        assert writer is not None, "open() comes first"
        return await in_thread(self._executor, lambda: method(writer, *args, **kwargs))

    async def close(self) -> None:
        """Finishes what is being written and closes the file."""
        if self._writer is not None:
            await in_thread(self._executor, self._writer.close)
            self._writer = None
        self._executor.shutdown()
