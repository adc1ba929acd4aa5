"""Serves the practice M-PESA on loopback, inside a running loop or as a program of its own."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pos_app.common.asgi_server import LoopbackServer
from pos_app.practice.simulator.app import TRANSPORT_KEY, make_app
from pos_app.practice.simulator.service import PracticeMpesa


class _FaultyProtocol(HttpToolsProtocol):
    """Lets the application end a connection as a broken network would."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[TRANSPORT_KEY] = self.transport


class PracticeServer(LoopbackServer):
    """A practice M-PESA with an address of its own."""

    def __init__(self, mpesa: PracticeMpesa, port: int = 0) -> None:
        super().__init__(make_app(mpesa), port=port, http=_FaultyProtocol)
        self.mpesa = mpesa

    async def stop(self) -> None:
        await self.mpesa.stop()
        await super().stop()
