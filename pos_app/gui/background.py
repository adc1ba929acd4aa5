"""Work that must not hold up the window: one thread, answers as signals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from pos_app.errors import TillError


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

    Signals:
        done: `Done`, in the GUI's thread.
        progressed: whatever the work reports, in the GUI's thread.
    """

    done = Signal(object)
    progressed = Signal(object)
    _finished = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = ThreadPoolExecutor(1, name)
        self._is_open = True
        self._finished.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def ask(self, tag: str, work: Callable[[], Any]) -> None:
        """Does some work and then emits `done`."""
        if self._is_open:
            self._executor.submit(self._run, tag, work)

    def report(self, progress: object) -> None:
        """For the work itself: says how far it is."""
        self.progressed.emit(progress)

    def close(self) -> None:
        """Finishes what is being done, drops the rest."""
        self._is_open = False
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(self, tag: str, work: Callable[[], Any]) -> None:
        try:
            done = Done(tag, work())
        except TillError as error:
            done = Done(tag, error=error)
        if self._is_open:
            self._finished.emit(done)

    @Slot(object)
    def _hand_over(self, done: Done) -> None:
        if self._is_open:
            self.done.emit(done)
