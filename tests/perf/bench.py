"""Speed and memory, each as a ratio against a floor measured in the same run.

    make bench

These machines are noisy: a figure alone says little, its ratio to the floor beside
it says whether the till got slower. Medians; the floors do the least that must be
done. The table goes to build/bench.json as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parents[1]), str(ROOT)]

from fakes.servers import Mpesa, Relay  # noqa: E402
from fakes.till import Till  # noqa: E402

from pos_app.domain import events as ev  # noqa: E402
from pos_app.domain.attempt import AttemptState  # noqa: E402
from pos_app.domain.money import Cents  # noqa: E402
from pos_app.domain.outcome import Outcome, OutcomeKind  # noqa: E402
from pos_app.domain.phone import Msisdn  # noqa: E402
from pos_app.domain.reference import Reference  # noqa: E402
from pos_app.domain.sale import Draft  # noqa: E402
from pos_app.domain.schedule import Pacing  # noqa: E402
from pos_app.ledger.export import Format, export  # noqa: E402
from pos_app.ledger.reader import LedgerReader  # noqa: E402
from pos_app.ledger.verify import verify  # noqa: E402
from pos_app.ledger.writer import LedgerWriter  # noqa: E402
from pos_app.web import AsyncWeb, Request  # noqa: E402

ROWS = int(os.environ.get("BENCH_ROWS", "20000"))
RESULTS: list[dict[str, object]] = []

BARE = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
app = QApplication(sys.argv[:1])
class Window(QWidget):
    def paintEvent(self, event):
        QTimer.singleShot(0, app.quit)
window = Window(); window.resize(1366, 768); window.show()
app.exec()
"""
OURS = """
import sys
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication
from pos_app.gui import theme
from pos_app.gui.app import Program
app = QApplication(sys.argv[:1])
theme.load_fonts()
program = Program(app)
class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() is QEvent.Type.Paint:
            sys.stdout.flush(); __import__("os")._exit(0)
        return False
watch = Watch()
program.open()
program.window.installEventFilter(watch)
app.exec()
"""


def result(name: str, ours: float, floor: float, unit: str, floor_is: str) -> None:
    ratio = ours / floor if floor else float("nan")
    RESULTS.append({"name": name, "ours": ours, "floor": floor, "unit": unit, "ratio": ratio, "floor_is": floor_is})
    print(f"{name:<46} {ours:>10.2f} {unit:<4} floor {floor:>10.2f}  ratio {ratio:>6.2f}   ({floor_is})", flush=True)


def median_ms(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def process(script: str, home: Path) -> tuple[float, float]:
    """Milliseconds and megabytes of a program that ends at its first paint."""
    env = os.environ | {"QT_QPA_PLATFORM": "offscreen", "POS_APP_HOME": str(home), "PYTHONPATH": str(ROOT)}
    env["POS_APP_ENVIRONMENT"] = "practice"
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    running = subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.DEVNULL)
    _pid, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    return (time.perf_counter() - started) * 1000, used.ru_maxrss / 1024


def first_paint(folder: Path) -> None:
    for script in (BARE, OURS):
        process(script, folder)
    bare = [process(BARE, folder) for _ in range(7)]
    ours = [process(OURS, folder) for _ in range(7)]
    result("first paint of the window", statistics.median(taken for taken, _ in ours),
           statistics.median(taken for taken, _ in bare), "ms", "a bare QWidget")  # fmt: skip
    result("memory at the first paint", statistics.median(memory for _, memory in ours),
           statistics.median(memory for _, memory in bare), "MB",
           "a bare QWidget")  # fmt: skip


def draft(number: int) -> Draft:
    return Draft(Cents(number % 900 * 100 + 100), Msisdn(f"2547{number:08d}"), Reference(f"R{number}"))


def sell(ledger: LedgerWriter, number: int) -> None:
    """The five commits of a sale that is paid by callback."""
    at = 1_800_000_000_000 + number
    attempt = ledger.record_sale(draft(number), f"token-{number}", at, cashier="Asha")
    ledger.apply(attempt.id, ev.SendRequested(), at)
    ledger.apply(attempt.id, ev.PushAccepted(f"m-{number}", f"ws-{number}"), at)
    outcome = Outcome(OutcomeKind.PAID, "0")
    said = ev.CallbackArrived(outcome, f"m-{number}", f"ws-{number}", attempt.amount_cents, f"C{number:09d}")
    ledger.apply(attempt.id, said, at)


def durable_sales(folder: Path) -> None:
    with closing(LedgerWriter(folder / "practice" / "ledger.sqlite3")) as ledger:
        count = iter(range(10**6))
        ours = median_ms(lambda: sell(ledger, next(count)), 300)
    with closing(sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)) as bare:
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("PRAGMA synchronous = FULL")
        bare.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")

        def four_commits() -> None:
            for _ in range(4):
                bare.execute("INSERT INTO t (text) VALUES (?)", ("x" * 300,))

        floor = median_ms(four_commits, 300)
    result("a whole sale in the ledger (4 commits)", ours, floor, "ms", "4 bare commits, fsync'd")


def fill(path: Path) -> None:
    """Many sales, quickly: the database of a busy year."""
    with closing(LedgerWriter(path)) as ledger:
        ledger._db.execute("PRAGMA synchronous = OFF")
        for number in range(ROWS):
            sell(ledger, number)


def table(path: Path) -> None:
    with closing(LedgerReader(path)) as reader, closing(sqlite3.connect(path)) as bare:
        day = reader.days()[0]
        ids = reader.ids(day=day)
        page = ids[ROWS // 2 : ROWS // 2 + 200]
        ours = median_ms(lambda: reader.rows(page), 30)
        marks = ",".join("?" * len(page))
        sql = f"SELECT * FROM sales s JOIN attempts a ON a.id = s.last_attempt_id WHERE s.id IN ({marks})"
        floor = median_ms(lambda: bare.execute(sql, list(page)).fetchall(), 30)
        result("a page of 200 rows", ours, floor, "ms", "the same rows, bare SQL")
        ours = median_ms(lambda: reader.ids(day=day), 10)
        all_ids = "SELECT id FROM sales WHERE day = ? ORDER BY id DESC"
        floor = median_ms(lambda: array("q", (row[0] for row in bare.execute(all_ids, (day,)))), 10)
        result(f"which rows a day has ({ROWS} sales)", ours, floor, "ms", "their ids, bare SQL")
        deepest = f"C{ROWS - 1:09d}"
        ours = median_ms(lambda: reader.ids(day=None, search=deepest), 30)
        by_code = "SELECT sale_id FROM attempts WHERE mpesa_code = ?"
        floor = median_ms(lambda: bare.execute(by_code, (deepest,)).fetchall(), 30)
        result("search for an M-PESA code", ours, floor, "ms", "one look-up by index")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "day.csv"
            ours = median_ms(lambda: export(reader, day, day, Format.CSV, target), 3)
            everything = "SELECT * FROM sales s JOIN attempts a ON a.id = s.last_attempt_id"
            floor = median_ms(lambda: list(bare.execute(everything)), 3)
        result(f"CSV of {ROWS} sales", ours, floor, "ms", "reading the rows, bare SQL")
    ours = median_ms(lambda: verify(path), 2)
    with closing(sqlite3.connect(path)) as bare:
        floor = median_ms(lambda: bare.execute("PRAGMA integrity_check").fetchall(), 2)
    result(f"verify {ROWS} sales", ours, floor, "ms", "SQLite's integrity_check")


def one_payment(folder: Path) -> None:
    slow = Pacing(60_000, 60_000, 60_000)
    with (
        Mpesa(speed=1000.0, habit_after_s=0.0, callback_after_s=0.0) as mpesa,
        Relay(folder) as relay,
        Till(folder, mpesa, relay, pacing=slow) as till,
    ):
        number = iter(range(10**6))

        def pay() -> None:
            phone = f"07{next(number):08d}"
            till.until_state(till.request(phone=phone, reference="A1"), AttemptState.PAID)

        pay()
        ours = median_ms(pay, 60)

        async def echo() -> float:
            web = AsyncWeb(use_proxies=False)
            url = f"{mpesa.url}/practice/faults"

            async def three() -> None:
                for _ in range(3):
                    await web.send(Request("GET", url))

            taken = []
            for _ in range(60):
                started = time.perf_counter()
                await three()
                taken.append((time.perf_counter() - started) * 1000)
            await web.aclose()
            return statistics.median(taken)

        floor = asyncio.run(echo())
    result("Enter to paid, by callback through the relay", ours, floor, "ms", "3 bare requests on loopback")


def main() -> None:
    print(f"{'what':<46} {'ours':>15} {'':>10}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        first_paint(folder / "home")
        durable_sales(folder / "durable")
        big = folder / "big" / "practice" / "ledger.sqlite3"
        fill(big)
        table(big)
        one_payment(folder / "payment")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(RESULTS, indent=1) + "\n", "utf-8")
    print(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
