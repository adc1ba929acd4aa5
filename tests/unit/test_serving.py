"""A server inside a loop: when it has stopped, nothing of it runs any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pos_app.common.asgi_server import LoopbackServer

ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def test_what_is_asked_while_it_stops_is_cut_too() -> None:
    begun: list[asyncio.Task[None] | None] = []

    async def waits(_scope: Scope, _receive: Receive, _send: Send) -> None:
        begun.append(asyncio.current_task())
        await asyncio.Event().wait()

    async def stops() -> None:
        # Its turns come every tenth of a second: where in it a stop falls is not for a test to choose.
        for _ in range(5):
            server = LoopbackServer(waits)
            await server.start()
            host, port = server.url.removeprefix("http://").split(":")
            writers = [(await asyncio.open_connection(host, int(port)))[1] for _ in range(3)]
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            for writer in writers:
                writer.write(ASK)
            async with asyncio.timeout(20):
                await stopping
            # None, where its connection was cut before it asked.
            assert all(task is not None and task.done() for task in begun)
            for writer in writers:
                writer.close()

    asyncio.run(stops())


class CutAtOnce(HttpToolsProtocol):
    """Its requests are cut as a stop at that very moment would cut them: before their first step."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        for request in self.tasks:
            request.cancel()


def connections(server: LoopbackServer) -> list[HttpToolsProtocol]:
    return list(server._server.server_state.connections)


async def _never_runs(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("it was cut before")


async def _more_than_is_taken(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})


@pytest.mark.parametrize(("app", "http"), [(_never_runs, CutAtOnce), (_more_than_is_taken, HttpToolsProtocol)])
def test_no_connection_outlives_the_stop(app: Any, http: type[HttpToolsProtocol]) -> None:
    """Neither one whose request nobody answers any more, nor one whose client takes no answer."""

    async def stops() -> None:
        server = LoopbackServer(app, http=http)
        await server.start()
        host, port = server.url.removeprefix("http://").split(":")
        # Reads no further than its buffer.
        _reader, writer = await asyncio.open_connection(host, int(port), limit=1)
        writer.write(ASK)
        await writer.drain()
        async with asyncio.timeout(5):
            while not connections(server) or not all(connection.cycle for connection in connections(server)):
                await asyncio.sleep(0.005)
        async with asyncio.timeout(20):
            await server.stop()
        assert not connections(server)
        writer.transport.abort()

    asyncio.run(stops())
