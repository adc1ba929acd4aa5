"""The relay's HTTP: M-PESA puts callbacks in, each till reads its own.

No path holds a word that M-PESA refuses in callback addresses (daraja.md, section 4).
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pos_app.relay.auth import CALLBACK_TOKEN, TILL_NAME, digest, matches
from pos_app.relay.store import Message, Store, StoreError

MAX_BODY_BYTES = 64 * 1024
BODY_WITHIN_S = 10.0
LONGEST_WAIT_S = 55.0
KEEP_ALIVE_S = 15.0
PAGE = 100

_log = logging.getLogger("pos_app.relay")
_ACCEPTED = {"ResultCode": 0, "ResultDesc": "Accepted"}


class _TooLargeError(Exception):
    pass


def make_app(store: Store) -> Starlette:
    """The relay over a store."""
    relay = _Relay(store)
    return Starlette(
        routes=[
            Route("/c/{till}/{token}", relay.take, methods=["POST"]),
            Route("/v1/inbox", relay.inbox, methods=["GET"]),
            Route("/healthz", relay.health, methods=["GET"]),
        ]
    )


class _Relay:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, request: Request) -> Response:
        """Stores a callback unread, then answers."""
        till, token = request.path_params["till"], request.path_params["token"]
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _body(request)
        except _TooLargeError:
            return Response(status_code=413)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        if not TILL_NAME.match(till) or not CALLBACK_TOKEN.match(token):
            return Response(status_code=404)
        try:
            is_kept = await self._store.put(till, digest(token), body, int(time.time() * 1000))
        except StoreError as error:
            _log.error("a callback could not be stored: %s", error)
            return Response(status_code=500)
        return JSONResponse(_ACCEPTED) if is_kept else Response(status_code=404)

    async def inbox(self, request: Request) -> Response:
        """A till's mail after its cursor: JSON, waiting if wanted, or a stream of events."""
        try:
            till = await self._till_of(request)
        except StoreError:
            return Response(status_code=503)
        if till is None:
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        try:
            position = int(request.headers.get("last-event-id") or request.query_params.get("after", "0"))
            wait_s = min(float(request.query_params.get("wait", "0")), LONGEST_WAIT_S)
        except ValueError:
            return JSONResponse({"error": "after and wait are numbers"}, 422)
        if not 0 <= position < 1 << 62:
            return JSONResponse({"error": "after is out of range"}, 422)
        if "text/event-stream" in request.headers.get("accept", ""):
            headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            return StreamingResponse(self._stream(till, position), media_type="text/event-stream", headers=headers)
        return await self._page(till, position, wait_s)

    async def _page(self, till: str, position: int, wait_s: float) -> Response:
        try:
            messages = await self._store.after(till, position, PAGE)
            if not messages and wait_s > 0:
                await self._store.wait(till, position, wait_s)
                messages = await self._store.after(till, position, PAGE)
        except StoreError:
            return Response(status_code=503)
        cursor = messages[-1].id if messages else position
        document = {"till": till, "cursor": cursor, "messages": [_as_json(message) for message in messages]}
        return JSONResponse(document, headers={"Cache-Control": "no-store"})

    async def _stream(self, till: str, position: int) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        while True:
            try:
                messages = await self._store.after(till, position, PAGE)
                if not messages:
                    await self._store.wait(till, position, KEEP_ALIVE_S)
                    messages = await self._store.after(till, position, PAGE)
            except StoreError:
                return
            if not messages:
                yield b": still here\n\n"
            for message in messages:
                position = message.id
                yield f"id: {message.id}\ndata: {json.dumps(_as_json(message))}\n\n".encode()

    async def health(self, _request: Request) -> Response:
        """Whether the store answers."""
        try:
            await self._store.till_digest("-")
        except StoreError:
            return JSONResponse({"ok": False}, 503)
        return JSONResponse({"ok": True})

    async def _till_of(self, request: Request) -> str | None:
        """The till whose token this is. A bearer token is ``TILL.SECRET``."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        till, _, token = credential.strip().partition(".")
        name = till if TILL_NAME.match(till) else "-"
        kept = await self._store.till_digest(name)
        return till if scheme.lower() == "bearer" and matches(token, kept) else None


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise _TooLargeError
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _TooLargeError
    return bytes(body)


def _as_json(message: Message) -> dict[str, str | int]:
    return {
        "id": message.id,
        "token": message.token_digest.hex(),
        "received_at_ms": message.received_at_ms,
        "body": base64.b64encode(message.body).decode(),
    }
