"""A server inside a loop: when it has stopped, nothing of it runs any more."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from pos_app.serving import LoopbackServer

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
