"""HTTP requests, told apart by the only question that matters: did bytes leave?

The one import site of httpx. Every request opens a connection of its own: a
kept-alive connection that died unnoticed would swallow a payment request and
leave it *unknown*, where a new connection fails before anything is sent.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from pos_app.common.errors import Outside

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


class SendTracker:
    """Watches a request leave: httpx says when it begins to write."""

    def __init__(self, on_begin: Callable[[], None] | None = None) -> None:
        self.has_begun = False
        self._on_begin = on_begin

    def note(self, name: str, info: Mapping[str, Any]) -> None:
        # A proxy's CONNECT is none of the request's own bytes.
        if not self.has_begun and name.endswith("send_request_headers.started") and not _is_connect(info):
            self.has_begun = True
            if self._on_begin is not None:
                self._on_begin()

    async def note_async(self, name: str, info: Mapping[str, Any]) -> None:
        self.note(name, info)

    def failure(self, error: Exception) -> NotSentError | MaybeSentError:
        """One converter for all that httpx raises. Addresses stay out: they may hold tokens."""
        kind = _clock_fault(error) or type(error).__name__
        if isinstance(error, _NOT_SENT) or not self.has_begun:
            return NotSentError("web.not_sent", kind=kind)
        return MaybeSentError("web.maybe_sent", kind=kind)


def _is_connect(info: Mapping[str, Any]) -> bool:
    return getattr(info.get("request"), "method", b"") == b"CONNECT"


TOO_LATE: Final = "TooLate"
"""It had not begun to leave when it had to."""
NOT_YET_VALID: Final = "CertificateNotYetValid"
EXPIRED: Final = "CertificateExpired"
_OF_TIME: Final = {9: NOT_YET_VALID, 10: EXPIRED}
"""OpenSSL's own numbers for certificates whose time is not now: nearly always the fault of this PC's clock."""


def _clock_fault(error: BaseException | None) -> str | None:
    """Whether a connection failed over the time in the other side's certificate."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _OF_TIME.get(error.verify_code)
        error = error.__cause__ or error.__context__
    return None


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``repr`` shows neither headers nor body: both may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class Leaving:
    """The beginning of a request on its way out.

    Args:
        by_s: Monotonic seconds after which it does not begin to leave any more.
        on_begin: Called when its first byte leaves.
    """

    by_s: float
    on_begin: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    has_begun: bool = False

    def left_s(self) -> float:
        """Seconds that are left for it to begin; 0 where it is too late."""
        return max(0.0, self.by_s - self.clock())

    def note(self) -> None:
        """It begins to leave."""
        if not self.has_begun:
            self.has_begun = True
            self.on_begin()


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One whole answer.

    Args:
        status: HTTP status.
        headers: Names in lower case.
        body: At most 1 MiB, decoded.
        date_ms: The server's ``Date``; None without one.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    date_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds. ``total_s`` bounds a server that drips (a `HttpClient`: that drips its body)."""

    connect_s: float = 10.0
    read_s: float = 25.0
    total_s: float = 40.0

    def as_httpx(self) -> httpx.Timeout:
        return httpx.Timeout(self.read_s, connect=self.connect_s, pool=5.0)


def _date_ms(headers: httpx.Headers) -> int | None:
    try:
        return int(parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _answer(response: httpx.Response, body: bytes) -> HttpResponse:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpResponse(response.status_code, headers, body, _date_ms(response.headers))


def _client_arguments(patience: Timeouts) -> dict[str, object]:
    return {
        "timeout": patience.as_httpx(),
        "follow_redirects": False,
        "limits": httpx.Limits(max_connections=64, max_keepalive_connections=0),
        "headers": {"User-Agent": "pos-app", "Accept": "application/json"},
    }


class HttpClient:
    """Sends requests and waits for them. Safe to share between threads."""

    def __init__(self, patience: Timeouts | None = None, *, use_proxies: bool = True) -> None:
        self._patience = patience or Timeouts()
        self._client = httpx.Client(trust_env=use_proxies, **_client_arguments(self._patience))  # type: ignore[arg-type]

    def send(self, request: Request) -> HttpResponse:
        """Sends one request.

        Raises:
            NotSentError: nothing left.
            MaybeSentError: it may have.
        """
        ends = time.monotonic() + self._patience.total_s
        departure = SendTracker()
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


class AsyncHttpClient:
    """The same for asyncio. Belongs to the loop it is first used on."""

    def __init__(self, patience: Timeouts | None = None, *, use_proxies: bool = True) -> None:
        self._patience = patience or Timeouts()
        self._client = httpx.AsyncClient(trust_env=use_proxies, **_client_arguments(self._patience))  # type: ignore[arg-type]

    async def send(self, request: Request, *, leaving: Leaving | None = None) -> HttpResponse:
        """Sends one request; raises as `HttpClient.send` does.

        Args:
            leaving: By when it must have begun to leave, and who is told that it did.

        Raises:
            StoppedBeforeSendingError: cancelled, and nothing had left.
        """
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + self._patience.total_s
        first_s = ends_s if leaving is None else min(ends_s, loop.time() + leaving.left_s())
        patience = asyncio.timeout_at(first_s)

        def begun() -> None:
            if leaving is None:
                return
            if not patience.expired():
                patience.reschedule(ends_s)
            leaving.note()

        departure = SendTracker(begun)
        try:
            async with patience:
                return await self._send(request, departure)
        except TimeoutError as error:
            if leaving is not None and first_s < ends_s and not departure.has_begun:
                raise NotSentError("web.not_sent", kind=TOO_LATE) from None
            raise departure.failure(error) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise departure.failure(error) from None
        except asyncio.CancelledError:
            if departure.has_begun:
                raise
            raise StoppedBeforeSendingError from None

    async def _send(self, request: Request, departure: SendTracker) -> HttpResponse:
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
        departure = SendTracker()
        try:
            async with self._client.stream(**_arguments(request, departure.note_async)) as response:
                if response.status_code != 200:
                    raise MaybeSentError("web.status", status=response.status_code)
                yield _lines(response, departure)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise departure.failure(error) from None

    async def aclose(self) -> None:
        await self._client.aclose()


async def _lines(response: httpx.Response, departure: SendTracker) -> AsyncIterator[str]:
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


def _arguments(request: Request, note: Callable[[str, Mapping[str, Any]], object]) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "content": request.body,
        "extensions": {"trace": note},
    }
