"""A practice M-PESA and a relay, served for real from a thread of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pos_app.common.asgi_server import LoopbackServer
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.server import PracticeServer
from pos_app.practice.simulator.service import PracticeMpesa
from pos_app.practice.simulator.shop import Shop, SimulatorOptions
from pos_app.relay.access_policy import AccessRules
from pos_app.relay.app import make_app
from pos_app.relay.metrics import Counted
from pos_app.relay.protocol import ImpatientProtocol
from pos_app.relay.stores import open_store


class Loop:
    """An asyncio loop in a thread."""

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="servers")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        # A connection that was taken at the last moment has its task a moment later.
        while left := asyncio.all_tasks(self.loop):
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=30)

    def call(self, work: Callable[[], Any]) -> Any:
        async def inside() -> Any:
            return work()

        return self.run(inside())


class Served(Loop):
    """A server on a loop of its own, for as long as the block."""

    server: Any

    async def begin(self) -> Any:
        """The server, started."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        super().__enter__()
        self.server = self.run(self.begin())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.server.stop())
        super().__exit__()

    @property
    def url(self) -> str:
        return str(self.server.url)


class Mpesa(Served):
    """A practice M-PESA whose time runs fast and whose queries are not limited, unless told otherwise."""

    def __init__(
        self,
        *,
        habit: CustomerBehaviour = CustomerBehaviour.PAYS,
        speed: float = 20.0,
        spacing_s: float = 0.0,
        **manner: Any,
    ) -> None:
        self._options = {"habit": habit, "speed": speed, "query_spacing_s": spacing_s, "habit_after_s": 2.0, **manner}

    async def begin(self) -> PracticeServer:
        server = PracticeServer(PracticeMpesa(Shop(), SimulatorOptions(**self._options)))
        await server.start()
        return server

    @property
    def mpesa(self) -> PracticeMpesa:
        return self.server.mpesa

    @property
    def records(self) -> Any:
        return self.mpesa.records

    def fault(self, target: str, kind: str, times: int = 1, **options: Any) -> None:
        self.call(lambda: self.mpesa.faults.order(target, kind, times, **options))

    def pays(self, msisdn: str = "254712345678") -> None:
        """The customer enters the PIN as soon as the prompt shows on the phone."""
        ends = time.monotonic() + 10
        while self.call(lambda: self.mpesa.enter_pin(msisdn, "1234")) is None:
            assert time.monotonic() < ends, "no prompt reached the phone"
            time.sleep(0.01)

    def customer(self, msisdn: str, **values: Any) -> None:
        def change() -> None:
            customer = self.mpesa.customer(msisdn)
            for name, value in values.items():
                setattr(customer, name, value)

        self.call(change)


class Relay(Served):
    """A relay with one till.

    Args:
        folder: For its file, where no address of a database is given.
        till: Its name; None where the database has it already.
    """

    token = ""

    def __init__(
        self,
        folder: Path,
        database: str = "",
        rules: AccessRules | None = None,
        *,
        till: str | None = "till-1",
        port: int = 0,
    ) -> None:
        self._till = till
        self._port = port
        self._database = database or str(folder / "relay.sqlite3")
        self._rules = rules

    async def begin(self) -> LoopbackServer:
        self.store = open_store(self._database)
        if self._till is not None:
            self.token = self.store.add_device(self._till)
        await self.store.start()
        app = make_app(self.store, self._rules, Counted())
        server = LoopbackServer(app, port=self._port, http=ImpatientProtocol)
        await server.start()
        return server

    def __exit__(self, *_: object) -> None:
        self.run(self.server.stop())
        self.run(self.store.stop())
        self.store.close()
        Loop.__exit__(self)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "POS_APP_RELAY_URL": self.url,
            "POS_APP_RELAY_TILL": "till-1",
            "POS_APP_RELAY_TOKEN": self.token,
            "POS_APP_CALLBACK_URL": self.url,
        }


class Bare(Served):
    """A server of one ASGI application."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def begin(self) -> LoopbackServer:
        server = LoopbackServer(self._app)
        await server.start()
        return server


class Canned(Bare):
    """A server that gives one and the same answer to everything, and counts."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__(self)
        self._body = body
        self._status = status
        self.count = 0

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.count += 1
        await send({"type": "http.response.start", "status": self._status, "headers": []})
        await send({"type": "http.response.body", "body": self._body})
