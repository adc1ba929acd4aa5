"""What arguments of the command line can be; argparse says which one is wrong."""

from __future__ import annotations


def seconds(text: str) -> float:
    """A number of seconds, for argparse."""
    value = float(text)
    if not 0 <= value <= 86_400:
        raise ValueError(text)
    return value


def port(text: str) -> int:
    """A port number; 0 for any free one."""
    value = int(text)
    if not 0 <= value <= 65_535:
        raise ValueError(text)
    return value
