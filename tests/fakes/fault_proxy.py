"""A network that does to connections what bad networks do: delays, cuts, halves, swallows, refuses."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Self

from fakes.servers import Loop

FAULTS = ("refuse", "cut_request", "cut_answer", "half_answer", "black_hole", "slow")


class FaultProxy(Loop):
    """Stands before a server; each connection may meet a fault.

    Args:
        share: How many of the connections, 0 to 1.
    """

    def __init__(self, port: int, *, share: float, seed: int) -> None:
        self._behind = port
        self.share = share
        self._random = random.Random(seed)
        # A loop itself holds its tasks weakly: one that waits for a peer that is gone would be collected in the middle.
        self._connections: set[asyncio.Task[None] | None] = set()
        self.met: dict[str, int] = dict.fromkeys((*FAULTS, "cut_stream"), 0)
        self.streamed = 0
        """Events of streams that were passed on whole."""
        self.on_the_way = 0
        """Requests that were taken and are not answered yet: whoever sent them may be dead by now."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._server: asyncio.Server = self.run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._server.close)
        super().__exit__()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._random.choice(FAULTS) if self._random.random() < self.share else ""
        if fault:
            self.met[fault] += 1
        connection = asyncio.current_task()
        self._connections.add(connection)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._pass(fault, reader, writer)
        writer.transport.abort()
        self._connections.discard(connection)

    async def _pass(self, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fault == "refuse":
            return
        with contextlib.ExitStack() as stack:
            self.on_the_way += 1
            try:
                request = await _whole(reader)
                if fault == "slow":
                    await asyncio.sleep(self._random.uniform(0.05, 0.4))
                behind, to_behind = await asyncio.open_connection("127.0.0.1", self._behind)
                stack.callback(to_behind.transport.abort)
                to_behind.write(request[: len(request) // 2] if fault == "cut_request" else request)
                await to_behind.drain()
                answer = b"" if fault == "cut_request" else await _whole(behind)
            finally:
                self.on_the_way -= 1
            if fault == "black_hole":
                await asyncio.sleep(60)
            if fault in ("cut_request", "cut_answer"):
                return
            writer.write(answer[: len(answer) // 2] if fault == "half_answer" else answer)
            await writer.drain()
            if b"chunked" in answer and fault != "half_answer":
                await self._pass_stream(behind, writer)

    async def _pass_stream(self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """An answer without end, part by part; each may be the one in which it is cut."""
        while part := await behind.read(65_536):
            is_cut = self._random.random() < self.share
            writer.write(part[: len(part) // 2] if is_cut else part)
            await writer.drain()
            if is_cut:
                self.met["cut_stream"] += 1
                return
            self.streamed += part.count(b"data: ")


async def _whole(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message: headers, and as much body as they promise."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)
