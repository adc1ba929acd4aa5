"""Two short sounds, by whatever the system plays sounds with; silence where it has nothing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from PySide6.QtCore import QProcess

from pos_app.common import paths
from pos_app.domain.stk.effects import News

_FILES = {News.PAID: "paid.wav", News.NOT_PAID: "not_paid.wav", News.NEEDS_YOU: "not_paid.wav"}
_PLAYERS = (("paplay", ()), ("pw-play", ()), ("aplay", ("-q",)), ("afplay", ()))


class Sounds:
    """Plays; remembers which player there is.

    Args:
        is_on: The switch in the settings.
    """

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self._player = next(((name, options) for name, options in _PLAYERS if shutil.which(name)), None)

    def play(self, news: News) -> None:
        """Starts a sound and does not wait for it."""
        if not self.is_on:
            return
        file = paths.resources() / "sounds" / _FILES[news]
        if sys.platform == "win32":
            self._play_on_windows(file)
        elif self._player is not None:
            name, options = self._player
            QProcess.startDetached(name, [*options, str(file)])

    @staticmethod
    def _play_on_windows(file: Path) -> None:
        import winsound  # noqa: PLC0415 - exists on Windows only

        winsound.PlaySound(str(file), winsound.SND_FILENAME | winsound.SND_ASYNC)  # type: ignore[attr-defined,unused-ignore]
