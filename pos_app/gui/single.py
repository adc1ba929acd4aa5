"""A second start brings the open window to the front, and ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

ANSWERS_WITHIN_MS = 1_000
_SHOW, _TAKEN = b"show", b"taken"


def _name_of(data: Path) -> str:
    """Where the window of an installation listens: every installation has its own."""
    return f"pos-app-{hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]}"


class FrontDoor(QObject):
    """Listens for second starts."""

    def __init__(self, data: Path, come_to_front: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._come_to_front = come_to_front
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        # What a killed window left is in nobody's way: the lock says that this is the only one.
        QLocalServer.removeServer(_name_of(data))
        self._server.listen(_name_of(data))
        self._server.newConnection.connect(self._answer)

    def close(self) -> None:
        """Listens no more."""
        self._server.close()

    @Slot()
    def _answer(self) -> None:
        while (caller := self._server.nextPendingConnection()) is not None:
            caller.disconnected.connect(caller.deleteLater)
            caller.write(_TAKEN)
            caller.flush()
            self._come_to_front()


def bring_to_front(data: Path) -> bool:
    """Asks the open window of an installation to show itself; False where none answers."""
    caller = QLocalSocket()
    caller.connectToServer(_name_of(data))
    if not caller.waitForConnected(ANSWERS_WITHIN_MS):
        return False
    caller.write(_SHOW)
    caller.flush()
    has_answered = caller.waitForReadyRead(ANSWERS_WITHIN_MS) and bytes(caller.readAll().data()) == _TAKEN
    caller.disconnectFromServer()
    return has_answered
