"""Tokens in addresses and headers: made here, known elsewhere by their digest alone."""

from __future__ import annotations

import hashlib
import secrets


def new_address_token() -> str:
    """A token of 128 bits for one callback address.

    Returns:
        Hexadecimal digits, which cannot spell any of the words that M-PESA refuses in an address (docs/mpesa.md, 4).
    """
    return secrets.token_hex(16)


def new_device_token() -> str:
    """A token of 256 bits by which a relay knows a device."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """The SHA-256 digest by which a token is kept. Tokens are random: one round of hashing is enough."""
    return hashlib.sha256(token.encode()).digest()
