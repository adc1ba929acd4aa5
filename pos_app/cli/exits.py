"""Exit codes, a contract (`pos-app --help` lists them)."""

from typing import Final

OK: Final = 0
"""Done."""
PAID: Final = 0
NOT_PAID: Final = 1
WRONG_USE: Final = 2
NOT_KNOWN: Final = 3
FAILED: Final = 1
NOBODY_READS: Final = 141
"""Whoever read the output went away: what a shell says of a program that a broken pipe ended."""
CANNOT_RUN: Final = 2
"""The till cannot work as it is: settings, ledger, another window. Nothing was done."""
