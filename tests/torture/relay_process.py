"""The relay as a process that ends itself with -9 in a named step: the one that the storm starts again and again.

python tests/torture/relay_process.py --step STEP --passes N serve --port P --database DB
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from torture.steps import RELAY_STEPS  # noqa: E402

from pos_app.cli.main import main as pos_app  # noqa: E402
from pos_app.relay import app, group_commit, store_sqlite  # noqa: E402
from pos_app.relay.callbacks import Callbacks  # noqa: E402
from pos_app.relay.store import IncomingMessage, Message  # noqa: E402

TILL_HAS_IT_AFTER_S = 0.05


def lay(step: str, passes: int) -> None:
    """Puts the end of the process into one step, after so many times through it."""
    left = passes

    def burn(after_s: float = 0.0) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            time.sleep(after_s)
            os.kill(os.getpid(), signal.SIGKILL)

    def around(owner: Any, name: str, *, before: bool) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            if before:
                burn()
            result = await real(*args, **kwargs)
            if not before:
                burn()
            return result

        setattr(owner, name, wrapped)

    if step == "before_commit":
        around(group_commit.GroupCommit, "_commit_group", before=True)
    elif step == "before_answer":
        around(Callbacks, "_keep", before=False)
    elif step == "while_handing_over":
        real_json = app._as_json

        def as_json(message: Message) -> dict[str, str | int]:
            burn()
            return real_json(message)

        app._as_json = as_json
    elif step in ("in_commit", "handed_over"):
        after_s = TILL_HAS_IT_AFTER_S if step == "handed_over" else 0.0
        real_connect = store_sqlite.SqliteStore._connect

        def connect(self: store_sqlite.SqliteStore) -> Any:
            connection = real_connect(self)
            connection.set_trace_callback(lambda sql: burn(after_s) if sql.startswith("COMMIT") else None)
            return connection

        store_sqlite.SqliteStore._connect = connect  # type: ignore[method-assign]
        try:
            from psycopg import AsyncTransaction
        except ImportError:
            return
        around(AsyncTransaction, "__aexit__", before=True)


def plant() -> None:
    """A relay that answers first and stores later: to see that the storm notices."""
    real_put = group_commit.GroupCommit.put
    later: set[asyncio.Future[bool]] = set()

    async def put(self: group_commit.GroupCommit, message: IncomingMessage) -> bool:
        async def store() -> bool:
            await asyncio.sleep(0.3)
            return await real_put(self, message)

        later.add(asyncio.ensure_future(store()))
        return True

    group_commit.GroupCommit.put = put  # type: ignore[method-assign]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--plant", action="store_true")
    parser.add_argument("--step", choices=RELAY_STEPS, default="random")
    parser.add_argument("--passes", type=int, default=0)
    arguments, rest = parser.parse_known_args()
    lay(arguments.step, arguments.passes)
    if arguments.plant:
        plant()
    sys.exit(pos_app(["relay", *rest]))
