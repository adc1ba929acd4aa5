"""Secrets: in the operating system's password store; in a private file only after an explicit yes."""

from __future__ import annotations

import contextlib
import stat
import sys
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import tomli_w

from pos_app.common.errors import Mistake, Outside
from pos_app.common.files import write_private
from pos_app.common.redact import keep_secret
from pos_app.settings.model import Environment

SERVICE = "pos-app"


class SecretName(StrEnum):
    """What must not be seen."""

    CONSUMER_KEY = "consumer_key"
    CONSUMER_SECRET = "consumer_secret"  # noqa: S105 - a name
    PASSKEY = "passkey"
    RELAY_TOKEN = "relay_token"  # noqa: S105 - a name
    MANAGER_PIN = "manager_pin"


class SecretStore(Protocol):
    """Somewhere secrets are kept.

    *Thread*: it may wait for a person to unlock it: never the GUI's.
    """

    def get(self, environment: Environment, name: SecretName) -> str | None:
        """A secret, or None."""
        ...

    def set(self, environment: Environment, name: SecretName, value: str) -> None:
        """Keeps a secret; an empty one is forgotten."""
        ...


class KeyringStore:
    """The operating system's password store.

    Raises:
        Outside: ``secrets.no_keyring`` from every method where there is none.
    """

    def __init__(self, installation: str) -> None:
        self._service = f"{SERVICE}-{installation}"

    def get(self, environment: Environment, name: SecretName) -> str | None:
        import keyring  # noqa: PLC0415 - 130 ms that most starts do not need
        from keyring.errors import KeyringError  # noqa: PLC0415

        try:
            value = keyring.get_password(self._service, f"{environment}.{name}")
        except (KeyringError, OSError, RuntimeError):
            raise Outside("secrets.no_keyring") from None
        if value:
            keep_secret(value)
        return value

    def set(self, environment: Environment, name: SecretName, value: str) -> None:
        import keyring  # noqa: PLC0415
        from keyring.errors import KeyringError, PasswordDeleteError  # noqa: PLC0415

        try:
            if value:
                keep_secret(value)
                keyring.set_password(self._service, f"{environment}.{name}", value)
            else:
                with contextlib.suppress(PasswordDeleteError):
                    keyring.delete_password(self._service, f"{environment}.{name}")
        except (KeyringError, OSError, RuntimeError):
            raise Outside("secrets.no_keyring") from None


class FileStore:
    """A file that only its owner can read. Used where the owner said yes to it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, environment: Environment, name: SecretName) -> str | None:
        value = self._read().get(environment, {}).get(name)
        if isinstance(value, str) and value:
            keep_secret(value)
            return value
        return None

    def set(self, environment: Environment, name: SecretName, value: str) -> None:
        kept = self._read()
        section = kept.setdefault(str(environment), {})
        if value:
            keep_secret(value)
            section[str(name)] = value
        else:
            section.pop(str(name), None)
        write_private(self._path, tomli_w.dumps(kept).encode(), code="settings.unwritable")

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            if sys.platform != "win32" and stat.S_IMODE(self._path.stat().st_mode) & 0o077:
                raise Mistake("secrets.file_open", path=str(self._path))
            parsed = tomllib.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise Mistake("settings.broken", path=str(self._path), line=1) from None
        return {name: dict(section) for name, section in parsed.items() if isinstance(section, dict)}


def open_store(installation: str, secrets_file: Path, *, in_file: bool) -> SecretStore:
    """The store in use."""
    return FileStore(secrets_file) if in_file else KeyringStore(installation)
