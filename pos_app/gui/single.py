"""A second start brings the open window to the front, and ends.

The open window listens on a loopback port of its own, named in a private file of the installation. No Qt module is
needed for it that the package does without.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSocketNotifier, Slot

from pos_app.common.errors import Outside
from pos_app.common.files import write_private

ANSWERS_WITHIN_S = 1.0
_TAKEN = b"taken"
_log = logging.getLogger("pos_app.gui.single")


class FrontDoor(QObject):
    """Listens for second starts.

    Args:
        file: Where the port stands, and a word that only this installation's user can read.
        come_to_front: Called for each of them.
    """

    def __init__(self, file: Path, come_to_front: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self._come_to_front = come_to_front
        self._word = secrets.token_hex(16)
        self._server: socket.socket | None = None
        self._notifier: QSocketNotifier | None = None
        try:
            self._server = socket.create_server(("127.0.0.1", 0))
            self._server.setblocking(False)
            port = self._server.getsockname()[1]
            write_private(file, f"{port} {self._word}\n".encode(), code="file.unwritable")
        except (OSError, Outside) as error:
            # Without it a second start says that the till is open, as it says where the first one hangs.
            _log.warning("no second start will be heard: %s", error)
            return
        self._notifier = QSocketNotifier(self._server.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._answer)

    def close(self) -> None:
        """Listens no more."""
        if self._notifier is not None:
            self._notifier.setEnabled(False)
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    @Slot()
    def _answer(self) -> None:
        assert self._server is not None, "asked only while it listens"
        with contextlib.suppress(OSError):
            caller, _address = self._server.accept()
            with caller:
                caller.settimeout(ANSWERS_WITHIN_S / 4)
                if not hmac.compare_digest(caller.recv(64), self._word.encode()):
                    return
                caller.sendall(_TAKEN)
            self._come_to_front()


def bring_to_front(file: Path) -> bool:
    """Asks the open window of an installation to show itself; False where none answers."""
    with contextlib.suppress(OSError, ValueError):
        port, word = file.read_text("ascii").split()
        with socket.create_connection(("127.0.0.1", int(port)), timeout=ANSWERS_WITHIN_S) as door:
            door.sendall(word.encode())
            return door.recv(16) == _TAKEN
    return False
