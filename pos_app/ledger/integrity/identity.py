"""Which ledger a file is: its facts, and a seal over them by the key that belongs to it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from pos_app.ledger.integrity.encryption import Vault

_SEALED = ("environment", "ledger", "began_at_ms")


def make_facts(vault: Vault, environment: str, now_ms: int) -> dict[str, str]:
    """The facts of a new ledger: whose sales it keeps, a random name, when it began, and the seal."""
    facts = {"environment": environment, "ledger": secrets.token_hex(8), "began_at_ms": str(now_ms)}
    return facts | {"key": vault.seal(_words(facts)).hex()}


def is_its_key(vault: Vault, facts: Mapping[str, str]) -> bool:
    """Whether a key is the one that sealed the facts."""
    return _opened(vault, facts) is not None


def are_its_facts(vault: Vault, facts: Mapping[str, str]) -> bool:
    """Whether the facts are those that were sealed: nobody made another M-PESA's ledger of it."""
    return set(facts) == {*_SEALED, "key"} and _opened(vault, facts) == _words(facts)


def _words(facts: Mapping[str, str]) -> bytes:
    return json.dumps([facts[name] for name in _SEALED]).encode()


def _opened(vault: Vault, facts: Mapping[str, str]) -> bytes | None:
    try:
        return vault.open(bytes.fromhex(facts["key"]))
    except (KeyError, ValueError):
        return None
