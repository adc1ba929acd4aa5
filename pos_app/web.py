"""HTTP requests, told apart by the only question that matters: did bytes leave?

The one import site of httpx. Every request opens a connection of its own: a
kept-alive connection that died unnoticed would swallow a payment request and
leave it *unknown*, where a new connection fails before anything is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from pos_app.errors import Outside

MAX_BODY_BYTES: Final = 1 << 20

# A proxy that fails does so before the tunnel to M-PESA stands; so do all others here.
_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class NotSentError(Outside):
    """No byte of the request left: it is safe to send it again."""


class MaybeSentError(Outside):
    """Bytes may have left and no whole answer came back."""


class StoppedBeforeSendingError(asyncio.CancelledError):
    """Cancelled, and no byte of the request had left."""


class _Departure:
    """Watches a request leave: httpx says when it begins to write."""

    def __init__(self) -> None:
        self.has_begun = False

    def note(self, name: str, _info: object) -> None:
        # Through a proxy its own CONNECT counts too: too early is the safe side.
        self.has_begun |= name.endswith("send_request_headers.started")

    async def note_async(self, name: str, info: object) -> None:
        self.note(name, info)

    def failure(self, error: Exception) -> NotSentError | MaybeSentError:
        """One converter for all that httpx raises. Addresses stay out: they may hold tokens."""
        kind = type(error).__name__
        if isinstance(error, _NOT_SENT) or not self.has_begun:
            return NotSentError("web.not_sent", kind=kind)
        return MaybeSentError("web.maybe_sent", kind=kind)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``repr`` shows neither headers nor body: both may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer.

    Args:
        status: HTTP status.
        headers: Names in lower case.
        body: At most 1 MiB, decoded.
        clock_ahead_ms: How far this machine's clock is ahead of the server's ``Date``; None without one.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    clock_ahead_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds. ``total_s`` bounds a server that drips (a `Web`: that drips its body)."""

    connect_s: float = 10.0
    read_s: float = 25.0
    total_s: float = 40.0

    def as_httpx(self) -> httpx.Timeout:
        return httpx.Timeout(self.read_s, connect=self.connect_s, pool=5.0)


def _clock_ahead_ms(headers: httpx.Headers) -> int | None:
    try:
        server = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return int(time.time() * 1000 - server.timestamp() * 1000)


def _answer(response: httpx.Response, body: bytes) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, body, _clock_ahead_ms(response.headers))


def _client_arguments(patience: Patience) -> dict[str, object]:
    return {
        "timeout": patience.as_httpx(),
        "follow_redirects": False,
        "limits": httpx.Limits(max_connections=64, max_keepalive_connections=0),
        "headers": {"User-Agent": "pos-app", "Accept": "application/json"},
    }


class Web:
    """Sends requests and waits for them. Safe to share between threads."""

    def __init__(self, patience: Patience | None = None, *, use_proxies: bool = True) -> None:
        self._patience = patience or Patience()
        self._client = httpx.Client(trust_env=use_proxies, **_client_arguments(self._patience))  # type: ignore[arg-type]

    def send(self, request: Request) -> Answer:
        """Sends one request.

        Raises:
            NotSentError: nothing left.
            MaybeSentError: it may have.
        """
        ends = time.monotonic() + self._patience.total_s
        departure = _Departure()
        chunks: list[bytes] = []
        try:
            with self._client.stream(**_arguments(request, departure.note)) as response:
                size = 0
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > MAX_BODY_BYTES or time.monotonic() > ends:
                        raise MaybeSentError("web.maybe_sent", kind="TooMuchOrTooSlow")
                    chunks.append(chunk)
                return _answer(response, b"".join(chunks))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise departure.failure(error) from None

    def close(self) -> None:
        self._client.close()


class AsyncWeb:
    """The same for asyncio. Belongs to the loop it is first used on."""

    def __init__(self, patience: Patience | None = None, *, use_proxies: bool = True) -> None:
        self._patience = patience or Patience()
        self._client = httpx.AsyncClient(trust_env=use_proxies, **_client_arguments(self._patience))  # type: ignore[arg-type]

    async def send(self, request: Request) -> Answer:
        """Sends one request; raises as `Web.send` does.

        Raises:
            StoppedBeforeSendingError: cancelled, and nothing had left.
        """
        departure = _Departure()
        try:
            async with asyncio.timeout(self._patience.total_s):
                return await self._send(request, departure)
        except TimeoutError as error:
            raise departure.failure(error) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise departure.failure(error) from None
        except asyncio.CancelledError:
            if departure.has_begun:
                raise
            raise StoppedBeforeSendingError from None

    async def _send(self, request: Request, departure: _Departure) -> Answer:
        chunks: list[bytes] = []
        async with self._client.stream(**_arguments(request, departure.note_async)) as response:
            size = 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise MaybeSentError("web.maybe_sent", kind="TooMuch")
                chunks.append(chunk)
            return _answer(response, b"".join(chunks))

    @asynccontextmanager
    async def lines(self, request: Request) -> AsyncIterator[AsyncIterator[str]]:
        """Opens an endless answer and gives its lines as they come.

        Raises:
            NotSentError: it could not be opened.
            MaybeSentError: it broke, or its status is not 200.
        """
        departure = _Departure()
        try:
            async with self._client.stream(**_arguments(request, departure.note_async)) as response:
                if response.status_code != 200:
                    raise MaybeSentError("web.status", status=response.status_code)
                yield _lines(response, departure)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise departure.failure(error) from None

    async def aclose(self) -> None:
        await self._client.aclose()


async def _lines(response: httpx.Response, departure: _Departure) -> AsyncIterator[str]:
    """Lines as they come, none longer than an answer may be."""
    rest = b""
    try:
        async for chunk in response.aiter_bytes():
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_BODY_BYTES:
                raise MaybeSentError("web.maybe_sent", kind="TooMuch")
            for line in whole:
                yield line.decode(errors="replace").removesuffix("\r")
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise departure.failure(error) from None


def _arguments(request: Request, note: Callable[[str, object], object]) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "content": request.body,
        "extensions": {"trace": note},
    }
