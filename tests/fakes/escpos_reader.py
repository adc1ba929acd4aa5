"""Reads ESC/POS as a printer does, strictly: an unknown command or a line that is too wide raises."""

from __future__ import annotations

_ONE_ARGUMENT = {
    b"\x1bE", b"\x1ba", b"\x1bt", b"\x1bM", b"\x1b-", b"\x1dB", b"\x1bG", b"\x1b{", b"\x1dH", b"\x1bd"
}  # fmt: skip


class Paper:
    """What came out: lines, whether each was double in size, the contents of QR codes, cuts."""

    def __init__(self, content: bytes, width: int) -> None:
        self.lines: list[str] = []
        self.sizes: list[bool] = []
        self.codes: list[str] = []
        self.cuts = 0
        self._rest, self._width = content, width
        self._line, self._columns, self._is_double, self._code = "", 0, False, b""
        while self._rest:
            self._rest = self._rest[self._take() :]
        assert not self._line, "the last line was never printed"

    def _take(self) -> int:
        """Takes one command or letter; how long it was."""
        first, two = self._rest[0], self._rest[:2]
        if first == 0x0A:
            self._end_line()
            return 1
        if 0x20 <= first < 0x7F:
            self._line += chr(first)
            self._columns += 2 if self._is_double else 1
            return 1
        return self._command(two)

    def _command(self, two: bytes) -> int:
        if two == b"\x1b@":
            self._is_double = False
            return 2
        if two in {b"\x1b!", b"\x1d!"}:
            self._is_double = bool(self._rest[2] & 0x20 if two == b"\x1b!" else self._rest[2] >> 4)
            return 3
        if two in _ONE_ARGUMENT:
            return 3
        if two == b"\x1dV":
            self.cuts += 1
            return 4 if self._rest[2] in (65, 66) else 3
        assert self._rest[:3] == b"\x1d(k", f"a printer does not know {self._rest[:4]!r}"
        return self._qr()

    def _qr(self) -> int:
        length = self._rest[3] + self._rest[4] * 256
        body = self._rest[5 : 5 + length]
        assert body[0] == 49, "another code than a QR code"
        if body[1] == 80:
            self._code = body[3:]
        elif body[1] == 81:
            self.codes.append(self._code.decode())
        return 5 + length

    def _end_line(self) -> None:
        assert self._columns <= self._width, f"{self._columns} columns on {self._width}: {self._line!r}"
        self.lines.append(self._line)
        self.sizes.append(self._is_double)
        self._line, self._columns = "", 0
