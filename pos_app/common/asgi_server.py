"""Serves an ASGI application from inside a running asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp


class _QuietServer(uvicorn.Server):
    """A server that leaves the process's signals alone: they belong to whoever runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections send what they have at once.

    asyncio switches the waiting for more (Nagle's) off for sockets that call themselves TCP only, which those of
    `socket.create_server` do not: each answer on a kept connection would take 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(4096)
    except OSError:
        made.close()
        raise
    return made


class LoopbackServer:
    """One server on one address.

    Args:
        app: The application.
        host: Address to listen on.
        port: 0 for any free one; `url` tells which it became.
        options: Passed to uvicorn.
    """

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> None:
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            date_header=False,
            server_header=False,
            # Whom to believe about addresses is for the application to say.
            proxy_headers=False,
            **options,
        )
        self._server = _QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Serves from now on; returns when requests are taken."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="server")
        while not self._server.started:
            if self._task.done():
                await self._task
                return
            await asyncio.sleep(0.005)

    async def wait(self) -> None:
        """Waits until it has stopped."""
        if self._task is not None:
            await self._task

    async def stop(self) -> None:
        """Stops; requests that hang are cut."""
        self._server.should_exit = True
        self._server.force_exit = True
        # Requests that wait (a long poll) are cut; that is not worth a line in the log.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        waiting = self._cut()
        while self._task is not None and not self._task.done():
            # A connection may have been accepted, or asked anew, since: the server would wait for its end.
            await asyncio.wait([self._task], timeout=0.05)
            waiting |= self._cut()
            self._hang_up()
        await asyncio.gather(*waiting, *([self._task] if self._task is not None else []), return_exceptions=True)
        self._socket.close()

    def _cut(self) -> set[asyncio.Task[None]]:
        """Ends all that is under way."""
        state = self._server.server_state
        for connection in list(state.connections):
            connection.shutdown()
        waiting = set(state.tasks)
        for request in waiting:
            request.cancel()
        return waiting

    def _hang_up(self) -> None:
        """Drops the connections that a cut did not end.

        A request that was cut before its first step has nobody left to answer it, and an answer that its client does
        not take never leaves: either would hold its connection, and from Python 3.12 on the server, for ever.
        """
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
