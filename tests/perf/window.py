"""Drives the real window, as a process on the offscreen platform: keys and public widgets, found by their names.

    python tests/perf/window.py first-paint     ends at the first paint
    python tests/perf/window.py                 takes orders, one JSON object a line, and answers each

It imports the program's entry alone, from the folder on PYTHONPATH. Orders: ``sell`` (amount, phone), ``watch`` (text,
rows: answered when there are so many rows, and the newest shows the text), ``size`` (rows), ``pages`` and ``quit``.
Times are the machine's monotonic clock's, which its processes share.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSocketNotifier, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QTableView, QWidget

PAGE = 200
PAGES = 20


def answer(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) / 1024


class FirstPaint(QObject):
    """Ends the process when the window is painted."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and isinstance(watched, QWidget) and watched.isWindow():
            os._exit(0)
        return False


class Driver(QObject):
    """Does what it is told, one order at a time."""

    def __init__(self, app: QCoreApplication) -> None:
        super().__init__(app)
        self._app = app
        self._waiting: str | None = None
        self._wanted = 0
        self._read = b""
        self._table: Any = None
        self._notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read, self)
        self._timer = QTimer(self, interval=20)
        self._timer.timeout.connect(self._until_ready)
        self._timer.start()
        self._notifier.setEnabled(False)

    def _child(self, kind: type[Any], name: str) -> Any:
        found = [child for top in QApplication.topLevelWidgets() for child in top.findChildren(kind, name)]
        return found[0] if found else None

    def _until_ready(self) -> None:
        """The next order is suggested once the ledger was read: then the till can sell."""
        reference = self._child(QLineEdit, "reference")
        if reference is None or not reference.text():
            return
        self._timer.stop()
        self._table = self._child(QTableView, "sales")
        model = self._table.model()
        for signal in (model.dataChanged, model.modelReset, model.rowsInserted):
            signal.connect(self._look)
        self._notifier.activated.connect(self._orders)
        self._notifier.setEnabled(True)
        answer(ready=time.monotonic())

    def _orders(self) -> None:
        came = os.read(sys.stdin.fileno(), 65536)
        if not came:
            os._exit(0)
        *lines, self._read = (self._read + came).split(b"\n")
        for line in lines:
            order = json.loads(line)
            getattr(self, "_" + order.pop("do"))(**order)

    def _sell(self, amount: str, phone: str) -> None:
        for name, text in (("amount", amount), ("phone", phone)):
            line = self._child(QLineEdit, name)
            line.setFocus()
            QTest.keyClicks(line, text)
        line = self._child(QLineEdit, "reference")
        line.setFocus()
        amount_line = self._child(QLineEdit, "amount")
        entered = time.monotonic()

        def taken(text: str) -> None:
            # No loop waits for it here: that would take the processor from the program's own threads.
            if not text:
                amount_line.textChanged.disconnect(taken)
                answer(entered=entered)

        amount_line.textChanged.connect(taken)
        QTest.keyClick(line, Qt.Key.Key_Return)

    def _watch(self, text: str, rows: int) -> None:
        self._waiting, self._wanted = text, rows
        self._look()

    def _look(self, *_: object) -> None:
        if self._waiting is None:
            return
        model = self._table.model()
        if model.rowCount() < self._wanted:
            return
        if any(self._waiting in str(model.index(0, column).data() or "") for column in range(model.columnCount())):
            self._waiting = None
            answer(seen=time.monotonic())

    def _size(self, rows: int) -> None:
        """Once the table has so many rows and was painted."""
        if self._table.model().rowCount() < rows:
            QTimer.singleShot(20, lambda: self._size(rows))
            return
        self._table.viewport().grab()
        answer(rows=self._table.model().rowCount(), mb=resident_mb())

    def _pages(self) -> None:
        """Each scrolled to for the first time, and painted."""
        taken, rows = [], self._table.model().rowCount()
        pages = min(PAGES, rows // PAGE - 1)
        for number in range(pages):
            index = self._table.model().index((rows // PAGE - 1 - number) * PAGE + PAGE // 2, 0)
            started = time.perf_counter()
            self._table.scrollTo(index, QTableView.ScrollHint.PositionAtCenter)
            self._table.viewport().grab()
            taken.append((time.perf_counter() - started) * 1000)
            assert index.data(), "the row is not there"
        answer(ms=statistics.median(taken))

    def _quit(self) -> None:
        os._exit(0)


def main() -> None:
    wanted = sys.argv[1:]
    del sys.argv[1:]
    kept: list[QObject] = []

    def begin(run: Any) -> Any:
        def exec_with_driver(*_: object) -> int:
            app = QApplication.instance()
            assert app is not None
            if wanted == ["first-paint"]:
                kept.append(FirstPaint())
                app.installEventFilter(kept[0])
            else:
                kept.append(Driver(app))
            return int(run())

        return exec_with_driver

    QApplication.exec = staticmethod(begin(QApplication.exec))  # type: ignore[method-assign]
    runpy.run_module("pos_app", run_name="__main__")


if __name__ == "__main__":
    main()
