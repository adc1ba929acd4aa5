"""HTTP/1.1 as uvicorn speaks it, with a limit to how long a request may take to come and how large its head may be."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_WITHIN_S: Final = 10.0
"""Head and body together."""
LARGEST_HEAD: Final = 16 * 1024


class ImpatientProtocol(HttpToolsProtocol):
    """Hangs up on a request that drips, never comes, or whose head never ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: asyncio.TimerHandle | None = None
        self._head_size = 0
        self._is_in_head = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._due is None and (self.cycle is None or self.cycle.response_complete):
            # Line breaks between requests are no request, and uvicorn's own timer ended with the first of them.
            self._await_request()
        if self._is_in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_size > LARGEST_HEAD:
            self._hang_up()

    def on_message_begin(self) -> None:
        if self._due is None:
            self._await_request()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._cancel()
        super().on_message_complete()

    def _await_request(self) -> None:
        self._head_size = 0
        self._is_in_head = True
        self._due = self.loop.call_later(REQUEST_WITHIN_S, self._hang_up)

    def _cancel(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _hang_up(self) -> None:
        self._cancel()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()
