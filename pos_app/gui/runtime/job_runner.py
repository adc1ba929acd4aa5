"""Work that must not hold up the window: one thread, and each reply to whoever asked."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot

from pos_app.common import faults
from pos_app.common.errors import PosError
from pos_app.gui.runtime.request import Reply, Request

R = TypeVar("R")
Report = Callable[[object], None]
"""Says how far a job is, from the job's thread."""


@dataclass(frozen=True, slots=True)
class _Job:
    number: int
    work: Callable[[Report], Any]


@dataclass(frozen=True, slots=True)
class _Begun:
    request: int


@dataclass(frozen=True, slots=True)
class _Progress:
    request: int
    how_far: object


class JobRunner(QObject):
    """A thread of its own for one kind of work, in the order it is asked for.

    The thread keeps nobody: work that hangs (a disk, a printer's device) ends with the process.

    Args:
        name: Of the thread.
        unheard: Told of an error for which whoever asked did not ask to hear.
        at_end: Lays down what the work holds open; the thread's last act.
    """

    _came = Signal(object)

    def __init__(
        self,
        name: str,
        unheard: Callable[[PosError], object],
        parent: QObject | None = None,
        *,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(parent)
        self._unheard = unheard
        self._name = name
        self._at_end = at_end
        self._asked = 0
        self._requests: dict[int, Request[Any]] = {}
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_open = self._takes_more = True
        self._taking = threading.Lock()
        self._came.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def run(self, job: Callable[[], R], *, owner: QObject) -> Request[R]:
        """Does some work; its reply comes to the owner."""
        return self.run_reporting(lambda _report: job(), owner=owner)

    def run_reporting(self, job: Callable[[Report], R], *, owner: QObject) -> Request[R]:
        """Does some work that says how far it is."""
        request: Request[R] = Request(owner, self._unheard)
        if not self._is_open:
            return request
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._asked += 1
        self._requests[self._asked] = request
        self._waiting.put(_Job(self._asked, job))
        return request

    def finish(self, within_s: float) -> bool:
        """Finishes what is being done and tells it, drops the rest; False where it did not end in time."""
        with self._taking:
            self._takes_more = False
        if self._thread is None:
            return True
        self._waiting.put(None)
        self._thread.join(within_s)
        # What the thread told last waits for the loop, which will not run again.
        QCoreApplication.sendPostedEvents(self)
        self._is_open = False
        return not self._thread.is_alive()

    def close(self, within_s: float | None = None) -> bool:
        """Finishes what is being done, drops the rest and tells nothing; False where it did not end in time."""
        with self._taking:
            self._is_open = self._takes_more = False
        if self._thread is None:
            return True
        self._waiting.put(None)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            with self._taking:
                is_taken = self._takes_more
            if is_taken:
                self._do(job)
        self._at_end()

    def _do(self, job: _Job) -> None:
        self._tell(_Begun(job.number))
        try:
            reply = Reply(job.number, job.work(lambda how_far: self._tell(_Progress(job.number, how_far))))
        except Exception as error:  # noqa: BLE001 - whoever asked is answered, whatever it was
            reply = Reply(job.number, error=faults.as_error(error, self._name))
        self._tell(reply)

    def _tell(self, what: Reply | _Begun | _Progress) -> None:
        if self._is_open:
            self._came.emit(what)

    @Slot(object)
    def _hand_over(self, what: Reply | _Begun | _Progress) -> None:
        request = self._requests.get(what.request) if self._is_open else None
        if request is None:
            return
        match what:
            case _Begun():
                request.tell_begun()
            case _Progress(_, how_far):
                request.tell_progress(how_far)
            case Reply():
                del self._requests[what.request]
                request.settle(what)
