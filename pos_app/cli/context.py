"""What every command begins with: its language, its log, its installation."""

from __future__ import annotations

import contextlib
import getpass
import os

from pos_app.common import i18n, logs, paths
from pos_app.common.errors import PosError
from pos_app.domain.staff.actor import Actor, command_line_of
from pos_app.installation.installation import Installation
from pos_app.settings import file as settings_file


def set_language() -> None:
    """Chooses the language: the environment's, else the one in the settings; English where they cannot be read."""
    language = os.environ.get("POS_APP_LANGUAGE", "")
    if not language:
        with contextlib.suppress(PosError):
            language = settings_file.load(paths.home().settings_file).look.language
    i18n.use_language(language or "en")


def open_installation() -> Installation:
    """Starts the log and reads the settings.

    Raises:
        Mistake, Outside: ``settings.…``
    """
    logs.set_up(paths.home().logs)
    installation = Installation()
    # What cannot be right is said before anything is done.
    _ = installation.environment
    return installation


def actor() -> Actor:
    """Who sits at the terminal, by the name that the system knows."""
    try:
        return command_line_of(getpass.getuser())
    except (OSError, KeyError, ImportError):
        return command_line_of("?")
