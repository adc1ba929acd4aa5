"""The environment's secrets, out of reach of every program that this one starts."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from typing import Final

SECRET_VARIABLES: Final = (
    "POS_APP_CONSUMER_KEY",
    "POS_APP_CONSUMER_SECRET",
    "POS_APP_PASSKEY",
    "POS_APP_RELAY_TOKEN",
    "POS_APP_RELAY_DATABASE",
)
_taken: dict[str, str] = {}


def take_secrets(environ: MutableMapping[str, str] = os.environ) -> None:
    """Takes the secrets out of the environment: a sound player, a file manager, a browser inherits none.

    *Thread*: before any other is started. What the system shows of this very process
    (``/proc``) stays as it was given.
    """
    for name in SECRET_VARIABLES:
        if name in environ:
            _taken[name] = environ.pop(name)


def given() -> Mapping[str, str]:
    """The environment as it was given, secrets and all."""
    return ChainMap(os.environ, _taken)
