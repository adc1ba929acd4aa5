"""Python's cyclic garbage is collected in the GUI's thread only.

Collected elsewhere (in the engine's thread, say) it would destroy widgets of a
closed window from a thread that must not touch them, and crash.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

EVERY_MS = 5_000
FULL_EVERY = 12


class GcTimer(QObject):
    """Collects now and then, for as long as it lives.

    *Thread*: the GUI's.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._rounds = 0
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    @Slot()
    def _collect(self) -> None:
        self._rounds += 1
        gc.collect(2 if self._rounds % FULL_EVERY == 0 else 1)
