"""A second voice: an M-PESA that says what a script tells it to, without any of the program's own reading of M-PESA."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fakes.servers import Bare

TOKEN = {"access_token": "token-of-the-script", "expires_in": "3599"}
ACCEPTED = {
    "MerchantRequestID": "29115-34620561-1",
    "CheckoutRequestID": "ws_CO_191220191020363925",
    "ResponseCode": "0",
    "ResponseDescription": "Success. Request accepted for processing",
    "CustomerMessage": "Success. Request accepted for processing",
}
PROCESSING = {"requestId": "1", "errorCode": "500.001.1001", "errorMessage": "The transaction is being processed"}


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; a dict is sent as JSON."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came.

    Args:
        peer: The port it came from: another one for each connection.
    """

    path: str
    body: Any
    headers: dict[str, str]
    peer: int


def result(code: object, text: str = "said so", **more: object) -> Said:
    """The answer to a query."""
    return Said({"ResponseCode": "0", "ResultCode": code, "ResultDesc": text} | more)


Script = Callable[[int], Said]
"""What is said to the request with a number, counted from 0."""


def says(*answers: Said) -> Script:
    """These one after the other, the last one for ever."""
    return lambda number: answers[min(number, len(answers) - 1)]


class Scripted(Bare):
    """Answers by the kind of request.

    Args:
        push, query, token: What is said to each.
    """

    def __init__(self, *, push: Script | None = None, query: Script | None = None, token: Script | None = None) -> None:
        super().__init__(self)
        self.scripts = {
            "token": token or says(Said(TOKEN)),
            "push": push or says(Said(ACCEPTED)),
            "query": query or says(Said(PROCESSING, 500)),
        }
        self.asked: dict[str, list[Asked]] = {kind: [] for kind in (*self.scripts, "other")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = scope["path"]
        kind = next(
            (
                kind
                for kind, part in (("token", "oauth"), ("query", "query"), ("push", "processrequest"))
                if part in path
            ),
            "other",
        )
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        asked = Asked(path, json.loads(body) if body else None, headers, scope["client"][1])
        number = len(self.asked[kind])
        self.asked[kind].append(asked)
        said = self.scripts[kind](number) if kind in self.scripts else Said()
        await asyncio.sleep(said.after_s)
        content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        await send({"type": "http.response.start", "status": said.status, "headers": list(said.headers)})
        await send({"type": "http.response.body", "body": content})
