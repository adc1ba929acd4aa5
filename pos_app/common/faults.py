"""What is not the program's own kind of error: in the log in full, told in words, shown to a person with a report."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from pos_app.common.errors import Bug, PosError
from pos_app.common.redact import redact

_log = logging.getLogger("pos_app.common.faults")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something fell over that no room expected.

    Args:
        where: Which part, in a word of the program.
        report: How, without secrets and phones.
    """

    where: str
    report: str


_hearers: list[Callable[[Fault], None]] = []


def on_fault(hear: Callable[[Fault], None]) -> Callable[[], None]:
    """Has faults told, from whatever thread; what is given back ends that."""
    _hearers.append(hear)

    def stop() -> None:
        if hear in _hearers:
            _hearers.remove(hear)

    return stop


def note(error: BaseException, where: str) -> None:
    """Keeps a fault and tells of it."""
    report = redact("".join(traceback.format_exception(error)))
    _log.error("%s fell over: %s", where, report)
    for hear in _hearers:
        hear(Fault(where, report))


def as_error(error: BaseException, where: str) -> PosError:
    """The error to tell whoever asked: the program's own as it is, any other as a fault that is kept."""
    if isinstance(error, PosError):
        return error
    note(error, where)
    return Bug("program.fault", where=where, kind=type(error).__name__)
