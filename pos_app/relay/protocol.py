"""HTTP/1.1 as uvicorn speaks it, with a limit to how long a request may take to come and how large it may be."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_WITHIN_S: Final = 10.0
"""Head and body together."""
LARGEST_HEAD: Final = 16 * 1024
LARGEST_REQUEST: Final = 512 * 1024
"""As it comes, with the sizes of its chunks and whatever follows them: far more than the largest body that is kept."""


class ImpatientProtocol(HttpToolsProtocol):
    """Hangs up on a request that drips, never comes, or never ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: asyncio.TimerHandle | None = None
        self._size = 0
        self._is_in_head = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._due is None and not self._is_answering:
            # Line breaks between requests are no request, and uvicorn's own timer ended with the first of them.
            self._await_request()
        self._size += len(data)
        super().data_received(data)
        if self._due is not None and self._size > (LARGEST_HEAD if self._is_in_head else LARGEST_REQUEST):
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
        if not self._is_answering:
            # It was answered before it was all here, and uvicorn's own timer ended with what came since.
            self._await_request()

    @property
    def _is_answering(self) -> bool:
        """Whether a request that is all here has no whole answer yet."""
        is_here = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
        return is_here or bool(self.pipeline)

    def _await_request(self) -> None:
        self._size = 0
        self._is_in_head = True
        self._due = self.loop.call_later(REQUEST_WITHIN_S, self._run_out)

    def _cancel(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _run_out(self) -> None:
        if self._is_answering:
            # The request before it is owed its answer.
            self._due = self.loop.call_later(REQUEST_WITHIN_S, self._run_out)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        self._cancel()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()
