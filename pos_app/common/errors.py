"""The three kinds of error, told apart by who can mend them.

An error carries a code and parameters, never a sentence: the sentence is made
where a person reads it (`pos_app.texts.errors`), in the language they read.
"""

from __future__ import annotations


class PosError(Exception):
    """Base of every error this program raises on purpose.

    Args:
        code: Stable dotted name such as ``amount.too_large``.
        params: Values for the sentence. Never a secret, never a full phone number.
    """

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        if not self.params:
            return self.code
        shown = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{self.code} ({shown})"


class Mistake(PosError):  # noqa: N818 - the three names of the design
    """The user can mend it: a wrong amount, a missing setting."""


class Outside(PosError):  # noqa: N818 - the three names of the design
    """The world outside failed: network, disk, printer, another program."""


class Bug(PosError):  # noqa: N818 - the three names of the design
    """We are to blame. It is logged and shown, never swallowed."""
