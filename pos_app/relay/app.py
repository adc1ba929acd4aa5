"""The relay's HTTP: M-PESA puts callbacks in (`pos_app.relay.callbacks`), each till reads its own.

No path holds a word that M-PESA refuses in callback addresses (docs/mpesa.md, 4).
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pos_app.common.mailbox import DEVICE_NAME
from pos_app.relay.access_policy import AccessPolicy, AccessRules
from pos_app.relay.auth import matches
from pos_app.relay.callbacks import ACCEPTED, KINDS, Callbacks
from pos_app.relay.metrics import Metrics, Uncounted
from pos_app.relay.store import PAGE, Cursor, MailboxStore, Message, Page, StoreError

LONGEST_WAIT_S = 55.0
KEEP_ALIVE_S = 15.0
PAGE_BYTES = 400 * 1024
"""Of bodies: a till takes an answer of 1 MiB, and bodies grow by a third on their way."""
DIGEST_BYTES = 32
MOST_NAMES = 500
LONGEST_NUMBER = 18
"""Digits: what every database takes for a whole number."""


def make_app(mail: MailboxStore, rules: AccessRules | None = None, metrics: Metrics | None = None) -> ASGIApp:
    """The relay over a store of mail.

    Args:
        rules: Whom to believe and whom to let in; the usual ones if None.
        metrics: Where to count; nowhere if None.
    """
    guard, counted = AccessPolicy(rules or AccessRules()), metrics or Uncounted()
    relay = _Relay(mail, guard, counted)
    tills = Starlette(
        routes=[
            Route("/a", relay.agree, methods=["POST"]),
            Route("/v1/inbox", relay.inbox, methods=["GET"]),
            Route("/v1/prompts", relay.name_prompts, methods=["PUT"]),
            Route("/v1/payments/{digest}", relay.expect, methods=["PUT"]),
            Route("/v1/claims/{subject}", relay.claim, methods=["PUT", "DELETE"]),
            Route("/healthz", relay.health, methods=["GET"]),
            Route("/metrics", relay.counts, methods=["GET"]),
        ]
    )
    callbacks = Callbacks(mail, guard, counted)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_posted = scope["type"] == "http" and scope["method"] == "POST"
        # "", what, till, token
        parts: list[str] = scope["path"].split("/") if is_posted else []
        if len(parts) == 4 and parts[1] in KINDS:
            await callbacks.take(scope, receive, send, KINDS[parts[1]], parts[2], parts[3])
        else:
            await tills(scope, receive, send)

    return app


class _Relay:
    def __init__(self, mail: MailboxStore, guard: AccessPolicy, metrics: Metrics) -> None:
        self._mail = mail
        self._guard = guard
        self._metrics = metrics

    async def agree(self, _request: Request) -> Response:
        """The address for M-PESA's validation, where it is switched on: every payment is welcome, nothing is kept."""
        return Response(ACCEPTED, media_type="application/json")

    # The tills' side

    async def inbox(self, request: Request) -> Response:
        """A till's mail after its cursor: JSON, waiting if wanted, or a stream of events."""
        till, refused = await self._till_of(request)
        if refused is not None:
            return refused
        try:
            cursor = _cursor(request)
            wait_s = min(float(request.query_params.get("wait", "0")), LONGEST_WAIT_S)
        except ValueError:
            return JSONResponse({"error": "after and wait are numbers"}, 422)
        if not 0 <= cursor.id < 1 << 62:
            return JSONResponse({"error": "after is out of range"}, 422)
        if "text/event-stream" in request.headers.get("accept", ""):
            headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            stream = self._stream(request, till, cursor)
            return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
        return await self._page(request, till, cursor, wait_s)

    async def _page(self, request: Request, till: str, cursor: Cursor, wait_s: float) -> Response:
        try:
            page = await self._mail.after(till, cursor)
            if not page.messages and not page.is_reset and wait_s > 0:
                with self._counting_reader():
                    page = await self._mail.next(till, cursor.id, wait_s)
                if not _is_still(request, page):
                    return _unauthorized()
        except StoreError:
            return Response(status_code=503)
        sent = _bounded(page.messages)
        last = sent[-1].id if sent else 0 if page.is_reset else cursor.id
        self._metrics.delivered(len(sent))
        messages = [_as_json(message) for message in sent]
        has_more = len(page.messages) > len(sent) or len(page.messages) == PAGE
        document = {
            "till": till,
            "mailbox": self._mail.identity,
            "cursor": last,
            "reset": page.is_reset,
            "more": has_more,
            "messages": messages,
        }
        return JSONResponse(document, headers={"Cache-Control": "no-store"})

    async def _stream(self, request: Request, till: str, cursor: Cursor) -> AsyncIterator[bytes]:
        """Events until the till hangs up. What is sent is not acknowledged: the till says so when it asks again."""
        yield b"retry: 2000\n\n"
        with self._counting_reader():
            try:
                page = await self._mail.after(till, cursor)
                if page.is_reset:
                    yield b"event: reset\ndata: {}\n\n"
                position = 0 if page.is_reset else cursor.id
                while _is_still(request, page):
                    if page.messages:
                        sent = _bounded(page.messages)
                        position = sent[-1].id
                        self._metrics.delivered(len(sent))
                        events = (f"id: {one.id}\ndata: {json.dumps(_as_json(one))}\n\n" for one in sent)
                        yield "".join(events).encode()
                    page = await self._mail.next(till, position, KEEP_ALIVE_S)
                    if not page.messages:
                        yield b": still here\n\n"
            except StoreError:
                return

    async def name_prompts(self, request: Request) -> Response:
        """A till names the digests of its live prompts' tokens: a list of SHA-256, each in hexadecimal."""
        till, refused = await self._till_of(request)
        if refused is not None:
            return refused
        try:
            digests = _digests(await _body(request))
            await self._mail.name_prompts(till, digests, int(time.time() * 1000))
        except ValueError:
            return JSONResponse({"error": f"a list of at most {MOST_NAMES} SHA-256 in hexadecimal is needed"}, 422)
        except StoreError:
            return Response(status_code=503)
        return Response(status_code=204)

    async def expect(self, request: Request) -> Response:
        """A till names the digest of the token in the address where its shop's payments will come."""
        till, refused = await self._till_of(request)
        if refused is not None:
            return refused
        token_digest = _sha256(request.path_params["digest"])
        if token_digest is None:
            return _no_digest()
        try:
            await self._mail.expect_payments(till, token_digest, int(time.time() * 1000))
        except StoreError:
            return Response(status_code=503)
        return Response(status_code=204)

    async def claim(self, request: Request) -> Response:
        """Takes something that a shop has once (PUT), or gives it back (DELETE, with the ``claim`` that PUT gave)."""
        till, refused = await self._till_of(request)
        if refused is not None:
            return refused
        subject = _sha256(request.path_params["subject"])
        if subject is None:
            return _no_digest()
        number = request.query_params.get("claim", "0")
        if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
            return JSONResponse({"error": "claim is a number"}, 422)
        try:
            if request.method == "DELETE":
                return Response(status_code=204 if await self._mail.release(till, subject, int(number)) else 404)
            claim = await self._mail.claim(till, subject)
        except StoreError:
            return Response(status_code=503)
        if claim is None:
            # Its holder gave it back in just this moment: asked again, it is there.
            return Response(status_code=503)
        if claim.till != till:
            return JSONResponse({"till": claim.till}, 409)
        return JSONResponse({"till": till, "claim": claim.number})

    async def health(self, _request: Request) -> Response:
        """Whether the store answers."""
        try:
            await self._mail.device_digest("-")
        except StoreError:
            return JSONResponse({"ok": False}, 503)
        return JSONResponse({"ok": True})

    async def counts(self, request: Request) -> Response:
        """The metrics, for those they are for."""
        text = self._metrics.text() if self._guard.shows_metrics(request.scope) else None
        return Response(text[0], media_type=text[1]) if text is not None else Response(status_code=404)

    async def _till_of(self, request: Request) -> tuple[str, Response | None]:
        """The till whose token this is, or the answer for who is none. A bearer token is ``TILL.SECRET``."""
        caller = self._guard.caller(request.scope)
        if self._guard.has_guessed_enough(caller):
            self._metrics.inbox("too_often")
            return "", Response(status_code=429, headers={"Retry-After": "60"})
        till, token = _credential(request)
        try:
            is_known = matches(token, await self._mail.device_digest(till))
        except StoreError:
            self._metrics.inbox("failed")
            return "", Response(status_code=503)
        self._metrics.inbox("read" if is_known else "refused")
        if is_known:
            return till, None
        self._guard.note_wrong_token(caller)
        return "", _unauthorized()

    @contextlib.contextmanager
    def _counting_reader(self) -> Iterator[None]:
        self._metrics.reading(1)
        try:
            yield
        finally:
            self._metrics.reading(-1)


def _cursor(request: Request) -> Cursor:
    """What the till says it has. A browser's way of saying so carries no mark."""
    last_event = request.headers.get("last-event-id")
    if last_event is not None:
        return Cursor(int(last_event))
    query = request.query_params
    return Cursor(int(query.get("after", "0")), query.get("mark", ""), query.get("mailbox", ""))


def _credential(request: Request) -> tuple[str, str]:
    """The till's name and its secret; a name that is none is asked for all the same: the same work for all."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    till, _, token = credential.strip().partition(".")
    is_one = scheme.lower() == "bearer" and DEVICE_NAME.match(till)
    return (till, token) if is_one else ("-", "")


def _is_still(request: Request, page: Page) -> bool:
    """Whether a till was not shut out, or given another token, while it waited."""
    return matches(_credential(request)[1], page.digest)


async def _body(request: Request) -> bytes:
    """The body of a small request.

    Raises:
        ValueError: it is not small, or not whole.
    """
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_NAMES * 80:
                raise ValueError(len(body))
    except ClientDisconnect:
        raise ValueError("cut off") from None
    return body


def _digests(body: bytes) -> list[bytes]:
    """The digests in a list.

    Raises:
        ValueError: it is no such list.
    """
    try:
        named = json.loads(body)
    except RecursionError:
        raise ValueError("too deep") from None
    found = [_sha256(text) if isinstance(text, str) else None for text in named] if isinstance(named, list) else [None]
    if len(found) > MOST_NAMES or None in found:
        raise ValueError("no digests")
    return [digest for digest in found if digest is not None]


def _sha256(text: str) -> bytes | None:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if len(found) == DIGEST_BYTES else None


def _no_digest() -> Response:
    return JSONResponse({"error": "a SHA-256 in hexadecimal is needed"}, 422)


def _unauthorized() -> Response:
    return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})


def _bounded(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """As many as a till can take in one answer, one at least: the rest comes with the next."""
    size = 0
    for number, message in enumerate(messages):
        size += len(message.body)
        if number and size > PAGE_BYTES:
            return messages[:number]
    return messages


def _as_json(message: Message) -> dict[str, str | int]:
    return {
        "id": message.id,
        "mark": message.mark,
        "kind": message.kind,
        "token": message.token_digest.hex(),
        "received_at_ms": message.received_at_ms,
        "body": base64.b64encode(message.body).decode(),
    }
