"""The ledger's own thread: the only one that writes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pos_app.common.errors import Outside
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
        """Runs one method. A caller that is cancelled does not undo what is being written.

        Raises:
            Outside: ``engine.stopping`` once it is closed, and whatever the method refuses.
        """
        writer = self._writer
        if writer is None:
            raise Outside("engine.stopping")
        return await in_thread(self._executor, lambda: method(writer, *args, **kwargs))

    async def close(self) -> None:
        """Finishes what is being written and closes the file."""
        # From now on nothing is begun; what is on its way comes first.
        writer, self._writer = self._writer, None
        if writer is not None:
            await in_thread(self._executor, writer.close)
        self._executor.shutdown()
