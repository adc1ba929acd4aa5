"""Speed and memory, each as a ratio against a floor measured in the same run.

    make bench
    .venv/bin/python tests/perf/bench.py --against ../other-checkout

The program is driven from outside alone: its command line, its window by keys and public widgets (window.py), and HTTP.
So an earlier checkout can be timed in the same run, in turns with this one, by ``--against``; each brings its own
window.py and fill.py, where it has them. The practice M-PESA and the relay are this checkout's for both.

These machines are noisy: a figure alone says little, its ratio to the floor beside it, or to the other checkout, says
whether the till got slower. Medians, with the quartiles of the pairs behind them; the floors do the least that must be
done. The table goes to build/bench.json too.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
ROWS = int(os.environ.get("BENCH_ROWS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SALES = 20
"""In one round of a figure."""
NEVER_S = "3600"
BARE_WINDOW = """
import os, sys
from PySide6.QtWidgets import QApplication, QWidget
app = QApplication(sys.argv[:1])
class Window(QWidget):
    def paintEvent(self, event):
        os._exit(0)
window = Window(); window.resize(1366, 768); window.show()
app.exec()
"""
BARE_CSV = """
import csv, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT * FROM t ORDER BY id")
with open(sys.argv[2], "w", newline="") as file:
    csv.writer(file).writerows(rows)
"""
BARE_CHECK = """
import sqlite3, sys
assert sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchall() == [("ok",)]
"""


class Checkout:
    """One version of the program."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root

    def script(self, name: str) -> str:
        """Its own driver; this one's where it has none."""
        own = self.root / "tests" / "perf" / name
        return str(own if own.is_file() else HERE.with_name(name))

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("POS_APP_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return kept | {
            "PYTHONPATH": str(self.root), "POS_APP_HOME": str(home), "POS_APP_ENVIRONMENT": "practice",
            "POS_APP_LANGUAGE": "en", "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "qt.qpa.*=false", **more,
        }  # fmt: skip

    def command(self, home: Path, *words: str, **more: str) -> str:
        """What `pos-app` prints."""
        return run([sys.executable, "-m", "pos_app", *words], self.environment(home, **more))


def run(words: list[str], env: dict[str, str] | None = None) -> str:
    return subprocess.run(words, env=env, check=True, capture_output=True, text=True, cwd=tempfile.gettempdir()).stdout


class Figures:
    """Samples by figure and by whose they are."""

    def __init__(self, checkouts: list[Checkout]) -> None:
        self.checkouts = checkouts
        self._samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._about: dict[str, tuple[str, str]] = {}
        self._shown: set[str] = set()

    def add(self, name: str, whose: str, sample: float, unit: str, floor_is: str) -> None:
        self._samples[name][whose].append(sample)
        self._about[name] = (unit, floor_is)

    def each(self, rounds: int, ours: Callable[[Checkout], None], floor: Callable[[], None]) -> None:
        """In turns, and each round in another order: a machine that slows down slows them all."""
        for number in range(rounds):
            turns = self.checkouts if number % 2 == 0 else self.checkouts[::-1]
            for checkout in turns:
                ours(checkout)
            floor()
        self.show()

    def show(self) -> None:
        """Prints what was not printed yet."""
        for row in self.rows():
            if row["name"] in self._shown:
                continue
            self._shown.add(row["name"])
            then = ""
            if "then" in row:
                low, high = row["now_to_then_quartiles"]
                then = f"  then {row['then']:>9.2f}  now/then {row['now_to_then']:>5.2f} ({low:.2f} to {high:.2f})"
            print(
                f"{row['name']:<46} {row['ours']:>9.2f} {row['unit']:<3} floor {row['floor']:>9.2f}"
                f"  ratio {row['ratio']:>7.2f}{then}   ({row['floor_is']})",
                flush=True,
            )

    def rows(self) -> list[dict[str, Any]]:
        rows = []
        for name, samples in self._samples.items():
            unit, floor_is = self._about[name]
            middle = {whose: statistics.median(each) for whose, each in samples.items()}
            ours, floor = middle["now"], middle["floor"]
            row: dict[str, Any] = {
                "name": name,
                "ours": ours,
                "floor": floor,
                "unit": unit,
                "ratio": ours / floor,
                "floor_is": floor_is,
            }
            if "then" in middle:
                # Pair by pair, as they were taken one after the other: what slows the machine slows both.
                pairs = [now / then for now, then in zip(samples["now"], samples["then"], strict=True)]
                low, ratio, high = statistics.quantiles(pairs, n=4, method="inclusive")
                row |= {"then": middle["then"], "now_to_then": ratio, "now_to_then_quartiles": [low, high]}
            rows.append(row)
        return rows


class Window:
    """The window as a process, driven by orders."""

    def __init__(self, checkout: Checkout, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, checkout.script("window.py")], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=tempfile.gettempdir(),
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._tell("quit")
        self._process.wait(10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _tell(self, order: str, **values: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": order} | values) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the window ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, order: str, **values: Any) -> dict[str, Any]:
        self._tell(order, **values)
        return self._answer()


@dataclass(frozen=True, slots=True)
class Push:
    """An STK push as it came.

    Args:
        at_s: When its first line was read.
    """

    at_s: float
    phone: str
    amount: int
    callback_url: str
    number: int


class BareMpesa:
    """As little as can take a token request and a push, and note when its first line came."""

    def __init__(self) -> None:
        self._pushes: list[Push] = []
        self._came = threading.Condition()
        bare = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def parse_request(self) -> bool:
                self.at_s = time.monotonic()
                return super().parse_request()

            def log_message(self, *_: object) -> None:
                return

            def do_GET(self) -> None:
                self._reply({"access_token": "bare", "expires_in": "3599"})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._reply(bare.take(self.at_s, body))

            def _reply(self, answer: dict[str, Any]) -> None:
                content = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, at_s: float, body: dict[str, Any]) -> dict[str, Any]:
        with self._came:
            number = len(self._pushes)
            push = Push(at_s, body.get("PhoneNumber", ""), body.get("Amount", 0), body.get("CallBackURL", ""), number)
            self._pushes.append(push)
            self._came.notify_all()
        return {
            "MerchantRequestID": f"m-{number}", "CheckoutRequestID": f"ws_CO_{number}", "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }  # fmt: skip

    def next(self, count: int) -> Push:
        """The push after so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self._pushes) > count, 20), "no push came"
            return self._pushes[count]

    @property
    def count(self) -> int:
        return len(self._pushes)


def callback_of(push: Push, code: str) -> bytes:
    stamp = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y%m%d%H%M%S")
    items = {"Amount": float(push.amount), "MpesaReceiptNumber": code, "TransactionDate": int(stamp),
             "PhoneNumber": int(push.phone)}  # fmt: skip
    told = {
        "MerchantRequestID": f"m-{push.number}", "CheckoutRequestID": f"ws_CO_{push.number}", "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": [{"Name": name, "Value": value} for name, value in items.items()]},
    }  # fmt: skip
    return json.dumps({"Body": {"stkCallback": told}}).encode()


@contextmanager
def served(words: list[str], env: dict[str, str], lines: int) -> Iterator[list[str]]:
    """A server of the program, until the block ends; its first lines."""
    command = [sys.executable, "-m", "pos_app", *words]
    with subprocess.Popen(command, env=env | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [process.stdout.readline() for _ in range(lines)]
        finally:
            process.kill()


@contextmanager
def relay(folder: Path) -> Iterator[dict[str, str]]:
    """A relay with one till; what the till must know of it."""
    here = Checkout("now", ROOT)
    folder.mkdir()
    env = here.environment(folder, POS_APP_RELAY_DATABASE=str(folder / "relay.sqlite3"))
    words = [sys.executable, "-m", "pos_app", "relay", "add-till", "till-1", "--url", "http://127.0.0.1:1", "--json"]
    token = json.loads(run(words, env))["token"]
    with served(["relay", "serve", "--port", "0"], env, 1) as (line,):
        url = "http://" + line.split("http://")[1].split()[0].rstrip(".")
        yield {"POS_APP_RELAY_URL": url, "POS_APP_RELAY_TILL": "till-1", "POS_APP_RELAY_TOKEN": token,
               "POS_APP_CALLBACK_URL": url}  # fmt: skip


@contextmanager
def practice(folder: Path) -> Iterator[dict[str, str]]:
    """A practice M-PESA whose customers pay at once; how to reach it."""
    env = Checkout("now", ROOT).environment(folder)
    words = ["practice", "--port", "0", "--after", "0", "--speed", "1000", "--query-spacing", "0"]
    with served(words, env, 6) as lines:
        yield dict(line.strip().split("=", 1) for line in lines if line.startswith("POS_APP_"))


SHOP = {
    "POS_APP_ENVIRONMENT": "sandbox", "POS_APP_CONSUMER_KEY": "key-of-the-bench", "POS_APP_SHORTCODE": "174379",
    "POS_APP_CONSUMER_SECRET": "secret-of-the-bench", "POS_APP_PASSKEY": "passkey-of-the-bench",
    "POS_APP_FIRST_QUERY_S": NEVER_S, "POS_APP_QUERY_INTERVAL_S": NEVER_S, "POS_APP_CONFIRM_GAP_S": NEVER_S,
}  # fmt: skip
"""Callbacks alone settle what is sold: queries would settle it by chance."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a process took.

    Args:
        ms: From its start to its end.
        cpu_ms: Of a processor's time: what other programs do meanwhile shows less in it.
        mb: Of memory, at most.
    """

    ms: float
    cpu_ms: float
    mb: float


def process(words: list[str], env: dict[str, str]) -> Used:
    """Runs a program that ends by itself."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(words, env=env, stdout=said, stderr=said, cwd=tempfile.gettempdir())
        _pid, status, used = os.wait4(running.pid, 0)
        ms = (time.perf_counter() - started) * 1000
        running.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        assert running.returncode == 0, (words, said.read())
    return Used(ms, (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss / 1024)


def first_paint(figures: Figures, folder: Path) -> None:
    """Also what the files of a first start cost: each checkout has painted once before."""

    def note(whose: str, used: Used) -> None:
        figures.add("first paint of the window", whose, used.ms, "ms", "a bare QWidget")
        figures.add("  its processor time", whose, used.cpu_ms, "ms", "a bare QWidget")
        figures.add("memory at the first paint", whose, used.mb, "MB", "a bare QWidget")

    def ours(checkout: Checkout) -> Used:
        words = [sys.executable, checkout.script("window.py"), "first-paint"]
        return process(words, checkout.environment(folder / checkout.name))

    def floor() -> Used:
        return process([sys.executable, "-c", BARE_WINDOW], figures.checkouts[0].environment(folder))

    for checkout in figures.checkouts:
        ours(checkout)
    floor()
    figures.each(ROUNDS + 4, lambda checkout: note(checkout.name, ours(checkout)), lambda: note("floor", floor()))


def durable_sales(figures: Figures, folder: Path) -> None:
    """Typed in one after the other, each when the one before is paid by its callback through the relay."""
    folder.mkdir()
    name, floor_is = "a whole sale, typed in until it is paid", "4 bare commits, fsync'd"
    phone = iter(range(10**6))
    with ExitStack() as stack:
        windows = {}
        for checkout in figures.checkouts:
            shop = SHOP | stack.enter_context(practice(folder)) | stack.enter_context(relay(folder / checkout.name))
            env = checkout.environment(folder / f"home-{checkout.name}", **shop)
            windows[checkout.name] = stack.enter_context(Window(checkout, env))
        sold: dict[str, int] = defaultdict(int)

        def sell(checkout: Checkout) -> float:
            window = windows[checkout.name]
            started = time.perf_counter()
            window.ask("sell", amount="10", phone=f"07{next(phone):08d}")
            sold[checkout.name] += 1
            window.ask("watch", text="Paid", rows=sold[checkout.name])
            return (time.perf_counter() - started) * 1000

        def ours(checkout: Checkout) -> None:
            for _ in range(SALES):
                figures.add(name, checkout.name, sell(checkout), "ms", floor_is)

        for checkout in figures.checkouts:
            for _ in range(3):
                sell(checkout)
        with closing(bare_table(folder / "bare.sqlite3", 0)) as bare:
            bare.execute("PRAGMA synchronous = FULL")

            def floor() -> None:
                for _ in range(SALES):
                    started = time.perf_counter()
                    for number in range(4):
                        bare.execute("INSERT INTO t (a) VALUES (?)", (f"{number:0300d}",))
                    figures.add(name, "floor", (time.perf_counter() - started) * 1000, "ms", floor_is)

            figures.each(ROUNDS, ours, floor)


def bare_table(path: Path, rows: int) -> sqlite3.Connection:
    """A table as wide as a sale."""
    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    columns = ", ".join(f"{name} TEXT" for name in "abcdefghijkl")
    bare.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns})")
    bare.execute("BEGIN")
    marks = ", ".join("?" * 12)
    values = (tuple(f"{number:09d}"[-9:] for _ in range(12)) for number in range(rows))
    bare.executemany(f"INSERT INTO t ({', '.join('abcdefghijkl')}) VALUES ({marks})", values)
    bare.execute("COMMIT")
    return bare


def there_and_back(figures: Figures, folder: Path) -> None:
    """From the Enter key to the first byte of the push, and from the callback's to the table's row."""
    folder.mkdir()
    to_mpesa, to_table = "Enter to the push's first byte", "callback at the relay to the table's row"
    number = iter(range(10**6))
    with ExitStack() as stack:
        mpesa = stack.enter_context(BareMpesa())
        windows = {}
        for checkout in figures.checkouts:
            shop = SHOP | {"POS_APP_BASE_URL": mpesa.url} | stack.enter_context(relay(folder / checkout.name))
            env = checkout.environment(folder / f"home-{checkout.name}", **shop)
            windows[checkout.name] = stack.enter_context(Window(checkout, env))

        def sell(checkout: Checkout) -> tuple[float, float]:
            one, window, before = next(number), windows[checkout.name], mpesa.count
            entered = window.ask("sell", amount="10", phone=f"07{one:08d}")["entered"]
            push = mpesa.next(before)
            code = f"TK{one:08d}"
            # The answer to the push is journalled, and the window at rest.
            time.sleep(0.15)
            began = time.monotonic()
            with closing(connection(push.callback_url)) as poster:
                post(poster, urlsplit(push.callback_url).path, callback_of(push, code))
            seen = window.ask("watch", text=code, rows=1)["seen"]
            return (push.at_s - entered) * 1000, (seen - began) * 1000

        def ours(checkout: Checkout) -> None:
            for _ in range(SALES):
                left, shown = sell(checkout)
                figures.add(to_mpesa, checkout.name, left, "ms", "a bare httpx POST")
                figures.add(to_table, checkout.name, shown, "ms", "3 bare requests")

        client = stack.enter_context(httpx.Client(trust_env=False))
        poster = stack.enter_context(closing(connection(mpesa.url)))

        def floor() -> None:
            for _ in range(SALES):
                before, started = mpesa.count, time.monotonic()
                client.post(f"{mpesa.url}/bare", json={"Amount": 10})
                figures.add(to_mpesa, "floor", (mpesa.next(before).at_s - started) * 1000, "ms", "a bare httpx POST")
                started = time.monotonic()
                for _each in range(3):
                    post(poster, "/bare", b"{}")
                figures.add(to_table, "floor", (time.monotonic() - started) * 1000, "ms", "3 bare requests")

        for checkout in figures.checkouts:
            for _ in range(3):
                sell(checkout)
        figures.each(ROUNDS, ours, floor)


def connection(url: str) -> http.client.HTTPConnection:
    place = urlsplit(url)
    return http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)


def post(poster: http.client.HTTPConnection, path: str, body: bytes) -> None:
    poster.request("POST", path, body, {"Content-Type": "application/json"})
    answer = poster.getresponse()
    answer.read()
    assert answer.status == 200


def many_sales(figures: Figures, folder: Path) -> None:
    """The window and the command line over a busy day."""
    folder.mkdir()
    bare_file = folder / "bare.sqlite3"
    homes = {checkout.name: folder / checkout.name for checkout in figures.checkouts}
    for checkout in figures.checkouts:
        words = [sys.executable, checkout.script("fill.py"), str(homes[checkout.name]), str(ROWS)]
        run(words, checkout.environment(homes[checkout.name]))
    memory, page = f"memory with {ROWS} sales in the table", "a page of 200 rows, fetched and painted"
    csv, check = f"export of {ROWS} sales", f"verify {ROWS} sales"

    def note(name: str, whose: str, used: Used, floor_is: str) -> None:
        figures.add(name, whose, used.ms, "ms", floor_is)
        figures.add(f"  processor time of the {name.split(maxsplit=1)[0]}", whose, used.cpu_ms, "ms", floor_is)

    def window(checkout: Checkout) -> None:
        with Window(checkout, checkout.environment(homes[checkout.name])) as opened:
            figures.add(memory, checkout.name, opened.ask("size", rows=ROWS)["mb"], "MB", "a bare QWidget")
            figures.add(page, checkout.name, opened.ask("pages")["ms"], "ms", "as many rows, bare SQL")

    def commands(checkout: Checkout) -> None:
        env, target = checkout.environment(homes[checkout.name]), folder / "day.csv"
        target.unlink(missing_ok=True)
        program = [sys.executable, "-m", "pos_app"]
        export = [*program, "export", "--format", "csv", "--output", str(target)]
        note(csv, checkout.name, process(export, env), "a process that writes as many rows")
        assert target.read_bytes().count(b"\n") >= ROWS
        note(check, checkout.name, process([*program, "verify"], env), "a process: integrity_check")

    with closing(bare_table(bare_file, ROWS)) as bare:

        def bare_window() -> None:
            used = process([sys.executable, "-c", BARE_WINDOW], figures.checkouts[0].environment(folder))
            figures.add(memory, "floor", used.mb, "MB", "a bare QWidget")
            ids = list(range(ROWS // 2, ROWS // 2 + 200))
            marks = ",".join("?" * len(ids))
            started = time.perf_counter()
            bare.execute(f"SELECT * FROM t WHERE id IN ({marks})", ids).fetchall()
            figures.add(page, "floor", (time.perf_counter() - started) * 1000, "ms", "as many rows, bare SQL")

        def bare_commands() -> None:
            env = dict(os.environ)
            words = [sys.executable, "-c", BARE_CSV, str(bare_file), str(folder / "bare.csv")]
            note(csv, "floor", process(words, env), "a process that writes as many rows")
            words = [sys.executable, "-c", BARE_CHECK, str(bare_file)]
            note(check, "floor", process(words, env), "a process: integrity_check")

        figures.each(ROUNDS, window, bare_window)
        figures.each(ROUNDS, commands, bare_commands)


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of the till, each beside a floor of the same run.")
    parser.add_argument("--against", metavar="PATH", type=Path, help="another checkout, timed in turns with this one")
    arguments = parser.parse_args()
    checkouts = [Checkout("now", ROOT)]
    if arguments.against is not None:
        other = arguments.against.resolve()
        assert (other / "pos_app").is_dir(), f"{other} is no checkout of the program"
        checkouts.append(Checkout("then", other))
    figures = Figures(checkouts)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        first_paint(figures, folder / "paint")
        durable_sales(figures, folder / "sales")
        there_and_back(figures, folder / "payment")
        many_sales(figures, folder / "big")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(figures.rows(), indent=1) + "\n", "utf-8")
    print(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
