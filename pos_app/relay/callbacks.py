"""M-PESA's side of the relay: callbacks and payments, stored unread and then answered.

Plain ASGI: what M-PESA sends to thousands of tills takes this way, and nothing on it
is more than it must be.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.types import Receive, Scope, Send

from pos_app.common.mailbox import DEVICE_NAME, MessageKind
from pos_app.common.tokens import token_digest
from pos_app.relay.access_policy import AccessPolicy
from pos_app.relay.auth import CALLBACK_TOKEN
from pos_app.relay.metrics import Metrics
from pos_app.relay.store import CrowdedOutError, IncomingMessage, MailboxStore, StoreError

MAX_BODY_BYTES: Final = 64 * 1024
KINDS: Final = {"c": MessageKind.CALLBACK, "p": MessageKind.PAYMENT}
"""The first part of an address, and what comes there."""

_log = logging.getLogger("pos_app.relay")
_STATUS: Final = {
    "kept": 200, "unknown": 404, "not_allowed": 403, "too_large": 413, "cut_off": 400, "too_often": 429,
    "crowded_out": 429, "failed": 500,
}  # fmt: skip
"""What becomes of a callback, and its HTTP status."""
ACCEPTED: Final = b'{"ResultCode":0,"ResultDesc":"Accepted"}'
_ACCEPTED_HEAD: Final = [(b"content-type", b"application/json"), (b"content-length", str(len(ACCEPTED)).encode())]
_EMPTY_HEAD: Final = [(b"content-length", b"0")]


class _TooLargeError(Exception):
    pass


class _GoneError(Exception):
    """The connection ended in the middle: it was cut, or took too long (`pos_app.relay.protocol`)."""


class Callbacks:
    """Takes what M-PESA posts.

    Args:
        mail: Where it is kept.
    """

    def __init__(self, mail: MailboxStore, guard: AccessPolicy, metrics: Metrics) -> None:
        self._mail = mail
        self._guard = guard
        self._metrics = metrics

    async def take(self, scope: Scope, receive: Receive, send: Send, kind: MessageKind, till: str, token: str) -> None:
        """Stores a callback unread, then answers."""
        began_s = time.monotonic()
        outcome = await self._keep(scope, receive, kind, till, token)
        took_s = time.monotonic() - began_s
        self._metrics.callback(outcome, took_s)
        is_kept = outcome == "kept"
        if not is_kept:
            # Neither body nor token nor till: whoever knocks chose them.
            _log.warning("a callback was not kept: %s (%s) after %d ms", outcome, _STATUS[outcome], took_s * 1000)
        head = _ACCEPTED_HEAD if is_kept else _EMPTY_HEAD
        await send({"type": "http.response.start", "status": _STATUS[outcome], "headers": head})
        await send({"type": "http.response.body", "body": ACCEPTED if is_kept else b""})

    async def _keep(self, scope: Scope, receive: Receive, kind: MessageKind, till: str, token: str) -> str:
        if not DEVICE_NAME.match(till) or not CALLBACK_TOKEN.match(token):
            # Before anything keeps a name of a stranger's choice.
            return "unknown"
        caller = self._guard.caller(scope)
        if not caller.is_admitted:
            return "not_allowed"
        if self._guard.is_too_much(caller, till):
            return "too_often"
        try:
            body = await _body(scope, receive)
        except _TooLargeError:
            return "too_large"
        except _GoneError:
            return "cut_off"
        now_ms = max(int(time.time() * 1000), self._mail.floor_ms)
        try:
            is_kept = await self._mail.put(IncomingMessage(till, token_digest(token), body, now_ms, kind))
        except CrowdedOutError:
            return "crowded_out"
        except StoreError as error:
            _log.error("a callback could not be stored: %s", error)
            return "failed"
        return "kept" if is_kept else "unknown"


async def _body(scope: Scope, receive: Receive) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > MAX_BODY_BYTES:
            raise _TooLargeError
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _TooLargeError
        if not message.get("more_body"):
            return body
