"""Keeps phone numbers and callback bodies unreadable in the ledger's file and its copies.

AES-GCM with a key in a private file beside the ledger. It protects copies,
exports and disks that are thrown away, not against programs of the same user.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pos_app.common.errors import Outside
from pos_app.common.files import write_private

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAIL_DIGITS: Final = 4


class Vault:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        self._aes = AESGCM(key)
        self._hash_key = hashlib.sha256(b"pos-app tail" + key).digest()

    def seal(self, plain: bytes) -> bytes:
        """Nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aes.encrypt(nonce, plain, None)

    def open(self, sealed: bytes) -> bytes | None:
        """The plain bytes; None where another key sealed them."""
        try:
            return self._aes.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None

    def tail(self, digits: str) -> bytes:
        """A keyed fingerprint of the last four digits, to find a number by without opening every one."""
        return hmac.digest(self._hash_key, digits[-_TAIL_DIGITS:].encode(), "sha256")[:8]


def open_vault(key_path: Path, *, may_create: bool) -> Vault:
    """Reads the key, or makes one for a ledger that is still empty.

    Raises:
        Outside: ``ledger.key_missing`` or ``ledger.unreadable``.
    """
    try:
        key = key_path.read_bytes()
    except FileNotFoundError:
        if not may_create:
            raise Outside("ledger.key_missing", path=str(key_path)) from None
        key = _new_key(key_path)
    except OSError:
        raise Outside("ledger.unreadable", path=str(key_path)) from None
    if len(key) != _KEY_BYTES:
        raise Outside("ledger.key_missing", path=str(key_path))
    return Vault(key)


def _new_key(key_path: Path) -> bytes:
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        write_private(key_path, key, code="ledger.read_only")
    except Outside as error:
        raise Outside(error.code, path=str(key_path), copies="") from None
    return key
