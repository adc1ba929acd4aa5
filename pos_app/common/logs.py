"""Logs: JSON lines, rotated, with phones, tokens and keys taken out before they are written."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from pos_app.common.paths import keep_private, touch_private
from pos_app.common.redact import redact

MAX_BYTES: Final = 1_000_000
KEPT_FILES: Final = 4


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "where": record.name,
            "what": redact(record.getMessage()),
        }
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class _PrivateFiles(logging.handlers.RotatingFileHandler):
    """Each new file is its owner's alone from its first byte on."""

    def _open(self) -> TextIOWrapper:
        touch_private(Path(self.baseFilename))
        return super()._open()


def set_up(folder: Path | None, *, to_stderr: bool = False) -> None:
    """Starts logging: to rotating private files in a folder, and to the terminal if wanted."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    handlers: list[logging.Handler] = []
    if folder is not None:
        try:
            keep_private(folder)
            log_file = folder / "till.log"
            for file in (log_file, *folder.glob("till.log.*")):
                touch_private(file)
            handlers.append(
                _PrivateFiles(log_file, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8", delay=True)
            )
        except OSError:
            # A full or read-only disk must not keep the till from saying so itself.
            to_stderr = True
    # A window of Windows has no terminal.
    if to_stderr and sys.stderr is not None:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers or [logging.NullHandler()]:
        handler.setFormatter(_JsonLines())
        root.addHandler(handler)
    for noisy in ("httpx", "httpcore", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
