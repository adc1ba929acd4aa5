"""How printers are named in the settings."""

from __future__ import annotations

from typing import Final

THERMAL: Final = "escpos:"
"""Before the address of a thermal printer, where the name of a system printer could stand."""
