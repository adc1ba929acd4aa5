"""Work that must not hold up the window: one thread, answers as signals."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from pos_app.common import faults
from pos_app.common.errors import TillError

Work = tuple[str, Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Done:
    """Something is done.

    Args:
        tag: What the asker called it.
        error: Set where it failed.
    """

    tag: str
    result: Any = None
    error: TillError | None = None


class Background(QObject):
    """A thread of its own for one kind of work, in the order it is asked for.

    The thread keeps nobody: work that hangs (a disk, a printer's device) ends with the process.

    Args:
        name: Of the thread.
        at_end: Lays down what the work holds open; the thread's last act.

    Signals:
        done: `Done`, in the GUI's thread.
        progressed: whatever the work reports, in the GUI's thread.
    """

    done = Signal(object)
    progressed = Signal(object)
    _finished = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None, *, at_end: Callable[[], None] = lambda: None) -> None:
        super().__init__(parent)
        self._name = name
        self._at_end = at_end
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_open = True
        self._finished.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def ask(self, tag: str, work: Callable[[], Any]) -> None:
        """Does some work and then emits `done`."""
        if not self._is_open:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._waiting.put((tag, work))

    def report(self, progress: object) -> None:
        """For the work itself: says how far it is."""
        self.progressed.emit(progress)

    def close(self, within_s: float | None = None) -> bool:
        """Finishes what is being done, drops the rest; False where it did not end in time."""
        self._is_open = False
        if self._thread is None:
            return True
        self._waiting.put(None)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (asked := self._waiting.get()) is not None:
            if self._is_open:
                self._do(*asked)
        self._at_end()

    def _do(self, tag: str, work: Callable[[], Any]) -> None:
        try:
            done = Done(tag, work())
        except Exception as error:  # noqa: BLE001 - whoever asked is answered, whatever it was
            done = Done(tag, error=faults.as_error(error, self._name))
        if self._is_open:
            self._finished.emit(done)

    @Slot(object)
    def _hand_over(self, done: Done) -> None:
        if self._is_open:
            self.done.emit(done)
