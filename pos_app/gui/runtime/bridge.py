"""The one door from the engine to the window: each signal carries one frozen dataclass.

*Thread*: `post` may be called from any; all signals are emitted in the GUI's.
"""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QObject, Qt, QTimer, Signal, SignalInstance, Slot

from pos_app.engine import updates
from pos_app.gui.runtime.request import Reply
from pos_app.practice.phone import PhoneChanged

FRAME_MS = 33
Posted = updates.Update | PhoneChanged | Reply


class Bridge(QObject):
    """Carries updates and replies to the GUI thread; bursts become one update a frame.

    Signals:
        attempt_changed: `AttemptChanged`; only the newest of an attempt within a frame.
        announced, service_status_changed, replied, started, failed, phone_changed: as named.
        payment_arrived, messages_changed: of what no sale has.
        mailbox_begun: a new ledger reads its mailbox from here on.
    """

    attempt_changed = Signal(object)
    announced = Signal(object)
    service_status_changed = Signal(object)
    replied = Signal(object)
    started = Signal(object)
    failed = Signal(object)
    phone_changed = Signal(object)
    payment_arrived = Signal(object)
    messages_changed = Signal(object)
    mailbox_begun = Signal(object)
    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[Posted] = deque()
        self._is_open = True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._signals: dict[type, SignalInstance] = {
            updates.AttemptChanged: self.attempt_changed,
            updates.Announced: self.announced,
            updates.ServiceStatusChanged: self.service_status_changed,
            Reply: self.replied,
            updates.EngineStarted: self.started,
            updates.EngineFailed: self.failed,
            PhoneChanged: self.phone_changed,
            updates.PaymentArrived: self.payment_arrived,
            updates.MessagesChanged: self.messages_changed,
            updates.MailboxBegun: self.mailbox_begun,
        }
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._deliver)
        self._arrived.connect(self._arm, Qt.ConnectionType.QueuedConnection)

    def post(self, what: Posted) -> None:
        """Takes an update or a reply from the engine's thread."""
        self._waiting.append(what)
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
        posted: list[Posted] = []
        while self._is_open and self._waiting:
            posted.append(self._waiting.popleft())
        newest = {_subject(what): index for index, what in enumerate(posted)}
        for index, what in enumerate(posted):
            subject = _subject(what)
            if subject is None or newest[subject] == index:
                self._emit(what)

    def _emit(self, what: Posted) -> None:
        signal = self._signals.get(type(what))
        # What has none is nothing that the window shows.
        if signal is not None:
            signal.emit(what)


def _subject(what: Posted) -> int | str | None:
    """Of several with one subject the newest says it all; None for those that each say something."""
    if isinstance(what, updates.AttemptChanged):
        return what.attempt.id
    return "messages" if isinstance(what, updates.MessagesChanged) else None
