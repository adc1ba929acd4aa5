"""The manager's PIN: kept as a slow hash, in the store of the secrets."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

from pos_app.common.errors import Mistake
from pos_app.settings.model import Environment
from pos_app.settings.secrets import SecretName, SecretStore

PRACTICE_PIN: Final = "0000"
"""Of practice, where no money moves; the window says so."""


def hash_pin(pin: str) -> str:
    """A PIN as it is kept.

    Raises:
        Mistake: ``manager.pin`` for anything but 4 to 8 digits.
    """
    if not re.fullmatch(r"[0-9]{4,8}", pin):
        raise Mistake("manager.pin")
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_slow_hash(pin, salt).hex()}"


def check_pin(store: SecretStore, environment: Environment, pin: str) -> None:
    """Lets the manager through.

    *Thread*: never the GUI's: the store may wait for a person, and the hash is slow on purpose.

    Raises:
        Mistake: ``manager.wrong_pin``, or ``manager.no_pin`` where none was set.
        Outside: ``secrets.no_keyring``.
    """
    if environment is Environment.PRACTICE:
        if not hmac.compare_digest(pin.encode(), PRACTICE_PIN.encode()):
            raise Mistake("manager.wrong_pin")
        return
    salt, _, kept = (store.get(environment, SecretName.MANAGER_PIN) or "").partition("$")
    if not kept:
        raise Mistake("manager.no_pin")
    if not hmac.compare_digest(_slow_hash(pin, bytes.fromhex(salt)).hex(), kept):
        raise Mistake("manager.wrong_pin")


def _slow_hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)
