"""The relay's speed and memory, each figure as a ratio against its floor in the same run.

    make bench-relay

Callbacks a second: wrk against the relay, and against the same server with the same
commit and no logic. Time to the till: from the callback's first byte to the line that
`pos-app follow` prints, after the ledger's commit; floor: a bare SSE echo. The till is
driven by its command line alone; the relay is the program's, in a server of its own.
The table goes to build/bench-relay.json as well.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, Self

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parents[1]), str(ROOT)]

from fakes.postgres import Postgres  # noqa: E402
from perf.bench import NEVER_S, SHOP, Checkout, Push, callback_of, run  # noqa: E402

from pos_app.common.http import AsyncHttpClient, Request, Timeouts  # noqa: E402
from pos_app.relay.stores import open_store  # noqa: E402

SECONDS = 4
ROUNDS = 3
SAMPLES = 600
TURNS = 6
WARM_UP = 200
"""Samples before the first that counts: by then the files' logs have grown to the size at which they start over."""
TILLS = (1, 10, 100, 500, 2000)
PAUSE_S = 0.02
"""Between two callbacks, in each case: a machine that was at rest wakes more slowly."""
RESULTS: list[dict[str, object]] = []
LUA = """
wrk.method = "POST"
wrk.body = '{"Body":{"stkCallback":{"MerchantRequestID":"29115-34620561-1","CheckoutRequestID":"ws_CO_191220191020363925",\
"ResultCode":1032,"ResultDesc":"Request cancelled by user"}}}'
wrk.headers["Content-Type"] = "application/json"
"""


def note(name: str, ours: float, floor: float, unit: str, bound: str = "") -> None:
    RESULTS.append({"what": name, "ours": ours, "floor": floor, "unit": unit, "ratio": round(ours / floor, 2)})
    print(f"{name:<58} {ours:>10.1f} {floor:>10.1f} {unit:<6} {ours / floor:>6.2f} {bound}", flush=True)


@contextmanager
def server(kind: str, database: str = "") -> Iterator[tuple[str, int]]:
    """A server in a process of its own; its address and its number."""
    words = [sys.executable, str(HERE.with_name("bench_relay_server.py")), kind, database]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"], process.pid
        finally:
            process.kill()


def rate(url: str, script: str) -> float:
    """Requests a second that were answered 200."""
    said = subprocess.run(
        ["wrk", "-t1", "-c64", f"-d{SECONDS}s", "-s", script, url], capture_output=True, text=True, check=True
    ).stdout
    assert "Non-2xx" not in said, said
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    assert found is not None, said
    return float(found.group(1))


def throughput(folder: Path, postgres: Postgres) -> None:
    script = folder / "post.lua"
    script.write_text(LUA)
    for database in ("sqlite", "postgres"):
        for how in ("single", "grouped"):
            ours, floors = [], []
            # One after the other, several times: a machine that slows down slows both.
            for number in range(ROUNDS):
                new = (
                    postgres.new_database
                    if database == "postgres"
                    else lambda number=number, how=how: str(folder / f"{how}-{number}.sqlite3")
                )
                address = new()
                with closing(open_store(address)) as store:
                    store.add_device("till-1")
                with server(f"relay-{how}", address) as (url, _pid):
                    ours.append(rate(f"{url}/c/till-1/{'T' * 22}", str(script)))
                floor_address = address if database == "postgres" else address + ".floor"
                with server(f"{database}-{how}", floor_address) as (url, _pid):
                    floors.append(rate(url, str(script)))
            words = "a commit each" if how == "single" else "grouped commits"
            note(f"durable callbacks a second, {database}, {words}", statistics.median(ours), statistics.median(floors), "/s",
                 ">= 0.7")  # fmt: skip


def percentiles(samples: list[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    ordered = sorted(samples)
    return 1000 * ordered[len(ordered) // 2], 1000 * ordered[int(len(ordered) * 0.99)]


class Poster:
    """Posts over one kept connection: as little work as can post, for it shares its process with the till."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes) -> float:
        """When it began; returns once it is answered."""
        request = f"POST {path} HTTP/1.1\r\nHost: relay\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        began = time.perf_counter()
        self._socket.sendall(request)
        answer, length = b"", 0
        while not length or len(answer) < length:
            came = self._socket.recv(65536)
            assert came, "the server hung up"
            answer += came
            head, end, _body = answer.partition(b"\r\n\r\n")
            if end:
                found = re.search(rb"content-length: (\d+)", head)
                length = len(head) + len(end) + int(found.group(1) if found is not None else 0)
        assert answer.startswith(b"HTTP/1.1 200")
        return began


class Listener:
    """One SSE stream over a plain socket: as little as can listen."""

    def __init__(self, url: str, path: str, headers: str = "") -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)))
        head = f"GET {path} HTTP/1.1\r\nHost: relay\r\nAccept: text/event-stream\r\n{headers}\r\n"
        self.socket.sendall(head.encode())

    def until(self, mark: bytes) -> float:
        got = b""
        while mark not in got:
            came = self.socket.recv(65536)
            assert came, "the server hung up"
            got += came
        return time.perf_counter()


class Case(Protocol):
    """One way of a callback."""

    def take(self, numbers: range) -> list[float]:
        """Sends one for each number, at rest before it; the seconds that each took."""
        ...


def time_to_the_till(folder: Path) -> None:
    database = str(folder / "latency.sqlite3")
    with closing(open_store(database)) as store:
        token = store.add_device("till-1")
    with (
        server("echo") as (bare, _),
        server("echo", str(folder / "echo.sqlite3")) as (committing, _),
        server("relay", database) as (relay, _),
        Echo(bare) as floor,
        Echo(committing, folder / "heard.sqlite3") as same_commits,
        Ours(folder / "till", relay, token) as ours,
    ):
        cases: tuple[Case, ...] = (floor, same_commits, ours)
        taken: list[list[float]] = [[] for _ in cases]
        for case in cases:
            case.take(range(WARM_UP))
        # In turns: a machine that slows down slows them all.
        for start in range(WARM_UP, WARM_UP + SAMPLES, SAMPLES // TURNS):
            for case, samples in zip(cases, taken, strict=True):
                samples.extend(case.take(range(start, start + SAMPLES // TURNS)))
    for name, index, bound in (("p50", 0, "<= 3"), ("p99", 1, "<= 5")):
        floor_ms, same_ms, ours_ms = (percentiles(samples)[index] for samples in taken)
        note(f"callback to the till's line, {name}", ours_ms, floor_ms, "ms", bound)
        note(f"  the same; the echo has its two commits too, {name}", ours_ms, same_ms, "ms")


class Echo:
    """A bare SSE echo, read by the HTTP client that the till has; what is heard goes to a file, if one is named."""

    def __init__(self, url: str, kept: Path | None = None) -> None:
        self._url = url
        self._keep = _Keeper(kept).keep if kept is not None else None
        self._loop = asyncio.Runner()
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self._loop.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._stack.aclose())
        self._loop.close()

    async def _open(self) -> None:
        web = AsyncHttpClient(Timeouts(5, 600, 600), use_proxies=False)
        self._stack.push_async_callback(web.aclose)
        stream = web.lines(Request("GET", self._url, {"Accept": "text/event-stream"}))
        self._lines = await self._stack.enter_async_context(stream)
        assert await anext(self._lines) == ": here"

    def take(self, numbers: range) -> list[float]:
        return self._loop.run(self._take(numbers))

    async def _take(self, numbers: range) -> list[float]:
        samples, poster = [], Poster(self._url)
        for number in numbers:
            await asyncio.sleep(PAUSE_S)
            began = await asyncio.to_thread(poster.post, "/", b"%06d" % number)
            while not (await anext(self._lines)).startswith(f"data: {number:06d}"):
                pass
            if self._keep is not None:
                await asyncio.to_thread(self._keep)
            samples.append(time.perf_counter() - began)
        return samples


class _Keeper:
    """One row, one commit."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE heard (at_s REAL)")

    def keep(self) -> None:
        self._db.execute("INSERT INTO heard VALUES (?)", (time.time(),))


class Ours:
    """A callback to the relay, until the till has it in its ledger and says so."""

    def __init__(self, folder: Path, url: str, token: str) -> None:
        here = Checkout("now", ROOT)
        relay = {"POS_APP_RELAY_URL": url, "POS_APP_RELAY_TILL": "till-1", "POS_APP_RELAY_TOKEN": token}
        self._env = here.environment(folder, **SHOP, **relay, POS_APP_BASE_URL="http://127.0.0.1:9")
        self._url = url
        # Prompts that wait for their callbacks.
        run([sys.executable, here.script("fill.py"), str(folder), str(WARM_UP + SAMPLES), "waiting"], self._env)

    def __enter__(self) -> Self:
        words = [sys.executable, "-m", "pos_app", "follow", "--json", "--wait", NEVER_S]
        self._process = subprocess.Popen(words, env=self._env, stdout=subprocess.PIPE, text=True)
        for _ in range(WARM_UP + SAMPLES):
            # Each is taken up.
            self._line()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the till ended"
        told: dict[str, Any] = json.loads(line)
        return told

    def take(self, numbers: range) -> list[float]:
        poster = Poster(self._url)
        return [self._take(poster, number) for number in numbers]

    def _take(self, poster: Poster, number: int) -> float:
        time.sleep(PAUSE_S)
        code = f"TK{number:08d}"
        push = Push(0.0, f"2547{number:08d}", number % 900 + 1, "", number)
        began = poster.post(f"/c/till-1/token-{number:016d}", callback_of(push, code))
        while self._line()["mpesa_code"] != code:
            pass
        return time.perf_counter() - began


def resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found.group(1))


def many_tills(folder: Path) -> None:
    """How memory and time grow with the tills that are connected."""
    database = str(folder / "many.sqlite3")
    with closing(open_store(database)) as store:
        tokens = [store.add_device(f"till-{number}") for number in range(max(TILLS))]
    with server("relay", database) as (url, pid):
        poster = Poster(url)
        listeners: list[Listener] = []
        empty_kib = resident_kib(pid)
        first = 0.0
        for count in TILLS:
            for number in range(len(listeners), count):
                bearer = f"Authorization: Bearer till-{number}.{tokens[number]}\r\n"
                listeners.append(Listener(url, "/v1/inbox?after=0", bearer))
                listeners[-1].until(b"retry")
            samples = []
            for sample in range(200):
                number = sample * 7919 % count
                began = poster.post(f"/c/till-{number}/{'T' * 16}{sample:06d}", b"{}")
                samples.append(listeners[number].until(b"data:") - began)
            p50, p99 = percentiles(samples)
            first = first or p50
            note(f"callback to a stream, {count} tills connected, p50", p50, first, "ms")
            RESULTS.append({"what": f"p99 with {count} tills", "ours": p99, "unit": "ms"})
            each = (resident_kib(pid) - empty_kib) / count
            RESULTS.append({"what": f"memory a till, {count} connected", "ours": round(each, 1), "unit": "KiB"})
            print(f"    p99 {p99:.1f} ms; the relay holds {resident_kib(pid) / 1024:.0f} MiB, {each:.1f} KiB a till")
        for listener in listeners:
            listener.socket.close()


def main() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 16_384), hard), hard))
    print(f"{'':<58} {'ours':>10} {'floor':>10} {'':<6} {'ratio':>6}")
    parts: tuple[Callable[[Path], Any], ...] = (time_to_the_till, many_tills)
    with tempfile.TemporaryDirectory(prefix="bench-relay-") as folder, Postgres() as postgres:
        throughput(Path(folder), postgres)
        for part in parts:
            part(Path(folder))
    target = ROOT / "build" / "bench-relay.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(RESULTS, indent=1) + "\n")


if __name__ == "__main__":
    main()
