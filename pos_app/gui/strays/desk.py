"""Opens the messages that belong to no payment, and has the engine note what was done about them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from pos_app.engine.events import RequestFailed, RequestTaken
from pos_app.gui.background import Background
from pos_app.gui.engine_thread import Ask
from pos_app.gui.ledger.reports import Reports
from pos_app.gui.strays.view import StraysDialog
from pos_app.i18n import _
from pos_app.words.mistakes import reason


class StraysDesk(QObject):
    """One dialog at a time, kept when it is closed.

    Args:
        ask: Has the engine do something, and hears how it went.
        cashier: Who does it.
    """

    def __init__(
        self, reports: Reports, background: Background, ask: Ask, cashier: Callable[[], str], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._reports = reports
        self._background = background
        self._ask = ask
        self._cashier = cashier
        self._window = parent
        self._dialog: StraysDialog | None = None

    @Slot()
    def open(self) -> None:
        """From *Needs you*."""
        if self._dialog is None:
            self._dialog = StraysDialog(self._reports, self._background, self._window)
            self._dialog.settle_wanted.connect(self._settle)
        self._dialog.reload()
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def reload(self) -> None:
        """They are not as they were."""
        if self._dialog is not None and self._dialog.isVisible():
            self._dialog.reload()

    @Slot(object, str)
    def _settle(self, evidence: list[int], done: str) -> None:
        by = self._cashier()
        self._ask(lambda engine: engine.settle_strays(evidence, by, done), self._settled)

    def _settled(self, answer: RequestTaken | RequestFailed) -> None:
        if self._dialog is None:
            return
        if isinstance(answer, RequestFailed):
            self._dialog.say(reason(answer.code, answer.params), is_good=False)
        else:
            self._dialog.say(_("Settled; they stay as evidence."), is_good=True)
