"""Thermal printers that speak ESC/POS, by network or as a device file: no dialog, no driver.

python-escpos makes the bytes; they are sent from here, so that every fault of the
way has one name. It takes a fifth of a second to import, so it is imported by the
printer's thread when the first receipt goes to such a printer.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pos_app.common.errors import Mistake, Outside
from pos_app.receipts.layout import Code, Element, Pair, Rule, Size, Text
from pos_app.receipts.paper import SHEETS, PaperKind

DEFAULT_PORT: Final = 9100
WITHIN_S: Final = 8.0
LINGER_S: Final = 1.0
CHUNK: Final = 4096
_ADDRESS: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?\Z")
_PLAIN: Final = str.maketrans({"•": "*", "·": "-", "“": '"', "”": '"', "’": "'", "–": "-", "…": "..."})
"""Signs that the printers' own alphabets do not agree on."""


class ThermalPrinter:
    """One printer.

    Args:
        address: ``host``, ``host:port`` or the path of a device file.

    Raises:
        Mistake: ``printer.address``.
    """

    def __init__(self, address: str) -> None:
        self._path = Path(address) if address.startswith("/") else None
        found = _ADDRESS.match(address)
        if self._path is None and found is None:
            raise Mistake("printer.address")
        self._address = address
        self._taken = 0
        if found is not None:
            self._host = found.group(1).strip("[]")
            self._port = int(found.group(2) or DEFAULT_PORT)

    def print(self, elements: Sequence[Element], paper: PaperKind) -> None:
        """Prints one receipt. That the bytes were taken is no proof of paper.

        Raises:
            Outside: ``printer.failed``; ``printer.cut_off`` where a part of it was taken; ``printer.paper`` where it
                could not be made.
        """
        try:
            content = escpos_of(elements, paper)
        except Exception as error:
            raise Outside("printer.paper", detail=type(error).__name__) from error
        self._taken = 0
        try:
            self._send(content)
        except (OSError, UnicodeError) as error:
            # An address that is no name at all ends in an error of its encoding.
            words = getattr(error, "strerror", None) or type(error).__name__
            code = "printer.cut_off" if self._taken else "printer.failed"
            raise Outside(code, detail=f"{self._address}: {words}") from None

    def _send(self, content: bytes) -> None:
        if self._path is not None:
            self._send_to_device(content)
            return
        with socket.create_connection((self._host, self._port), timeout=WITHIN_S) as connection:
            while self._taken < len(content):
                self._taken += connection.send(content[self._taken : self._taken + CHUNK])
            # What is reset on the way shows now and not never; a printer that keeps still has taken it.
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(LINGER_S)
            with contextlib.suppress(TimeoutError):
                connection.recv(1)

    def _send_to_device(self, content: bytes) -> None:
        """A device is written, never created: a wrong path must not become a file. One that is off takes nothing."""
        assert self._path is not None
        flags = os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        device = os.open(self._path, flags)
        try:
            while self._taken < len(content):
                try:
                    self._taken += os.write(device, content[self._taken : self._taken + CHUNK])
                except BlockingIOError:
                    if not select.select([], [device], [], WITHIN_S)[1]:
                        raise TimeoutError from None
        finally:
            os.close(device)


def escpos_of(elements: Sequence[Element], paper: PaperKind) -> bytes:
    """A receipt as ESC/POS, never wider than the paper."""
    maker, width = _new_maker(), SHEETS[paper].characters
    maker.hw("INIT")
    for element in elements:
        _add(maker, element, width)
    maker.cut()
    made: bytes = maker.output
    return made


def _new_maker() -> Any:
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="pos-app-") as folder:
        # At its import it leaves a folder among the temporary files: this one goes away again.
        tempfile.tempdir = folder
        try:
            from escpos.printer import Dummy  # noqa: PLC0415 - see above
        finally:
            tempfile.tempdir = before
    return Dummy()


def _add(maker: Any, element: Element, width: int) -> None:
    match element:
        case Text(text, size, is_bold):
            factor = 2 if size is Size.HUGE or (size is Size.LARGE and len(text) * 2 <= width) else 1
            # The size of the text before stays on until it is taken back.
            maker.set(align="center", bold=is_bold, normal_textsize=True)
            if size in (Size.LARGE, Size.HUGE):
                maker.set(align="center", bold=is_bold, double_width=factor == 2, double_height=True)
            for line in _wrapped(text, width // factor):
                maker.text(line + "\n")
        case Pair(label, value, is_bold):
            maker.set(align="left", bold=is_bold, normal_textsize=True)
            for line in _pair_lines(label, value, width):
                maker.text(line + "\n")
        case Rule():
            maker.set(align="left", bold=False, normal_textsize=True)
            maker.text("-" * width + "\n")
        case Code(text):
            maker.set(align="center", normal_textsize=True)
            maker.qr(text, size=6 if width > 32 else 5, native=True)
            maker.text("\n")


def _wrapped(text: str, width: int) -> list[str]:
    plain = text.translate(_PLAIN)
    return [line for part in plain.splitlines() for line in (textwrap.wrap(part, width) or [""])]


def _pair_lines(label: str, value: str, width: int) -> list[str]:
    label, value = label.translate(_PLAIN), value.translate(_PLAIN)
    if len(label) + 1 + len(value) <= width:
        return [label + value.rjust(width - len(label))]
    return [*_wrapped(label, width), *(line.rjust(width) for line in _wrapped(value, width))]
