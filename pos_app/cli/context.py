"""What every command needs: folders, settings, secrets, the lock."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from pos_app.common import i18n, logs, paths
from pos_app.common.errors import TillError
from pos_app.settings import file as settings_file
from pos_app.settings.effective import MpesaAccess, access, environment_of
from pos_app.settings.model import Environment, Settings
from pos_app.settings.secrets import open_store


@dataclass(frozen=True, slots=True)
class Context:
    """One installation as it is set up now."""

    home: paths.Home
    settings: Settings
    environment: Environment

    @property
    def ledger(self) -> Path:
        return self.home.ledger_file(self.environment)

    def access(self) -> MpesaAccess:
        """What the engine needs.

        Raises:
            Mistake, Outside: ``settings.…`` or ``secrets.…``
        """
        store = open_store(self.settings.installation, self.home.secrets_file, in_file=self.settings.secrets_in_file)
        return access(self.settings, store)


def speak() -> None:
    """Chooses the language: the environment's, else the one in the settings; English where they cannot be read."""
    language = os.environ.get("POS_APP_LANGUAGE", "")
    if not language:
        with contextlib.suppress(TillError):
            language = settings_file.load(paths.home().settings_file).look.language
    i18n.use_language(language or "en")


def open_context() -> Context:
    """Reads the settings and starts the log.

    Raises:
        Mistake, Outside: ``settings.…``
    """
    home = paths.home()
    logs.set_up(home.logs)
    settings = settings_file.load(home.settings_file)
    return Context(home, settings, environment_of(settings))
