"""What was asked for, and who hears how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import shiboken6
from PySide6.QtCore import QObject

from pos_app.common.errors import PosError

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Reply:
    """How something went.

    Args:
        request: The number of the request.
        result: What it brings; None also where it brings nothing.
        error: Why it was refused, or failed; None where it went well.
    """

    request: int
    result: Any = None
    error: PosError | None = None


class Request(Generic[R]):
    """One thing that was asked for. Its reply goes to its owner, and dies with it.

    *Thread*: the GUI's. No reply comes before the caller has returned to the event loop.

    Args:
        owner: Whoever asked: a reply that comes after its end is dropped.
        unheard: Told of an error for which nobody asked.
    """

    def __init__(self, owner: QObject, unheard: Callable[[PosError], object]) -> None:
        self._owner = owner
        self._then: Callable[[R], object] | None = None
        self._otherwise = unheard
        self._begun: Callable[[], object] | None = None
        self._progressed: Callable[[Any], object] | None = None

    def then(self, heard: Callable[[R], object]) -> Self:
        """Has the result told."""
        self._then = heard
        return self

    def otherwise(self, refused: Callable[[PosError], object]) -> Self:
        """Has the error told to this one, instead of to whoever hears all others."""
        self._otherwise = refused
        return self

    def begun(self, told: Callable[[], object]) -> Self:
        """Has the beginning of the work told."""
        self._begun = told
        return self

    def progressed(self, told: Callable[[Any], object]) -> Self:
        """Has told how far the work is."""
        self._progressed = told
        return self

    @property
    def is_wanted(self) -> bool:
        """Whether its owner is still there."""
        return shiboken6.isValid(self._owner)

    def settle(self, reply: Reply) -> None:
        """Hands the reply over."""
        if not self.is_wanted:
            self.drop(reply)
        elif reply.error is not None:
            self._otherwise(reply.error)
        elif self._then is not None:
            self._then(reply.result)

    def drop(self, reply: Reply) -> None:
        """What becomes of a reply whose owner is gone: nothing."""

    def tell_begun(self) -> None:
        """Says that the work begins."""
        if self._begun is not None and self.is_wanted:
            self._begun()

    def tell_progress(self, progress: object) -> None:
        """Says how far the work is."""
        if self._progressed is not None and self.is_wanted:
            self._progressed(progress)
