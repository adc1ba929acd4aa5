"""Reads and writes settings.toml; a broken or newer file is refused and never overwritten."""

from __future__ import annotations

import re
import secrets
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from pos_app.common.errors import Mistake, Outside
from pos_app.common.files import write_private
from pos_app.settings.model import FORMAT, Settings


def load(path: Path) -> Settings:
    """The settings in a file, or those of a new shop where there is none.

    Raises:
        Mistake: ``settings.broken`` (line), ``settings.newer`` (found) or ``settings.invalid`` (field).
        Outside: ``settings.unreadable``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings(installation=secrets.token_hex(8))
    except UnicodeDecodeError:
        raise Mistake("settings.broken", path=str(path), line=1) from None
    except OSError:
        raise Outside("settings.unreadable", path=str(path)) from None
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        raise Mistake("settings.broken", path=str(path), line=line) from None
    written = parsed.get("format", FORMAT)
    if not isinstance(written, int) or written > FORMAT:
        raise Mistake("settings.newer", path=str(path), found=str(written))
    return parse(parsed, path)


def parse(parsed: dict[str, Any], path: Path) -> Settings:
    """Checks settings that were read.

    Raises:
        Mistake: ``settings.invalid`` with the first field that is wrong.
    """
    try:
        settings = Settings.model_validate(parsed)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Mistake("settings.invalid", field=field, path=str(path)) from None
    if not settings.installation:
        settings.installation = secrets.token_hex(8)
    return settings


def save(settings: Settings, path: Path) -> None:
    """Writes the settings: a new file, then its name.

    Raises:
        Outside: ``settings.unwritable``.
    """
    write_private(path, tomli_w.dumps(settings.model_dump(mode="json")).encode(), code="settings.unwritable")
