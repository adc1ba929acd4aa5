"""The one door from the engine to the window: each signal carries one frozen dataclass.

*Thread*: `post` may be called from any; all signals are emitted in the GUI's.
"""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QObject, Qt, QTimer, Signal, SignalInstance, Slot

from pos_app.engine import events as ev

FRAME_MS = 33


class Bridge(QObject):
    """Carries engine events to the GUI thread; bursts become one update a frame.

    Signals:
        attempt_changed: `AttemptChanged`; only the newest of an attempt within a frame.
        announced, light_changed, request_failed, request_taken, started, failed, phone_changed: as named.
    """

    attempt_changed = Signal(object)
    announced = Signal(object)
    light_changed = Signal(object)
    request_failed = Signal(object)
    request_taken = Signal(object)
    started = Signal(object)
    failed = Signal(object)
    phone_changed = Signal(object)
    payment_arrived = Signal(object)
    strays_changed = Signal(object)
    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[ev.EngineEvent] = deque()
        self._is_open = True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._signals: dict[type, SignalInstance] = {
            ev.AttemptChanged: self.attempt_changed,
            ev.Announced: self.announced,
            ev.LightChanged: self.light_changed,
            ev.RequestFailed: self.request_failed,
            ev.RequestTaken: self.request_taken,
            ev.EngineStarted: self.started,
            ev.EngineFailed: self.failed,
            ev.PhoneChanged: self.phone_changed,
            ev.PaymentArrived: self.payment_arrived,
            ev.StraysChanged: self.strays_changed,
        }
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._deliver)
        self._arrived.connect(self._arm, Qt.ConnectionType.QueuedConnection)

    def post(self, event: ev.EngineEvent) -> None:
        """Takes an event from the engine's thread."""
        self._waiting.append(event)
        self._arrived.emit()

    def close(self) -> None:
        """Forgets what has not been shown, and whatever comes later: the window that would show it is gone."""
        self._is_open = False

    @Slot()
    def _arm(self) -> None:
        if self._is_open and not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _deliver(self) -> None:
        events: list[ev.EngineEvent] = []
        while self._is_open and self._waiting:
            events.append(self._waiting.popleft())
        newest = {_subject(event): index for index, event in enumerate(events)}
        for index, event in enumerate(events):
            subject = _subject(event)
            if subject is None or newest[subject] == index:
                self._emit(event)

    def _emit(self, event: ev.EngineEvent) -> None:
        signal = self._signals.get(type(event))
        # What has none is nothing that the window shows.
        if signal is not None:
            signal.emit(event)


def _subject(event: ev.EngineEvent) -> int | str | None:
    """Of several with one subject the newest says it all; None for those that each say something."""
    if isinstance(event, ev.AttemptChanged):
        return event.attempt.id
    return "strays" if isinstance(event, ev.StraysChanged) else None
