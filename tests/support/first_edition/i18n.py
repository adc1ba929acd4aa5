"""A stand-in: findings stay in English, as they are written."""

from __future__ import annotations


def _(text: str) -> str:
    return text
