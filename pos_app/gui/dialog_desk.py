"""Stands between one kind of dialog and the engine: opens it, does what is wanted in it, brings the answers back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QDialog, QWidget

from pos_app.engine.events import RequestFailed, RequestTaken
from pos_app.gui.background import Background
from pos_app.gui.engine_thread import Ask
from pos_app.gui.ledger.reports import Reports
from pos_app.words.mistakes import reason


class TalkingDialog(QDialog):
    """Shows what the ledger knows and says how things went. It is deleted when it is closed."""

    def __init__(self, reports: Reports, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._reports = reports
        self._background = background

    def reload(self) -> None:
        """Reads it again."""
        raise NotImplementedError

    def say(self, text: str, *, is_good: bool) -> None:
        """What became of what was asked for."""
        raise NotImplementedError


def bring_forward(dialog: QDialog | None) -> bool:
    """Shows the one that is open already; False where none is."""
    if dialog is None:
        return False
    dialog.raise_()
    dialog.activateWindow()
    return True


D = TypeVar("D", bound=TalkingDialog)


class DialogDesk(QObject, Generic[D]):
    """One dialog at a time, beside the window. Each desk names its `kind`.

    Args:
        ask: Has the engine do something, and hears how it went.
        cashier: Who does it.
    """

    kind: type[D]

    def __init__(
        self, reports: Reports, background: Background, ask: Ask, cashier: Callable[[], str], window: QWidget
    ) -> None:
        super().__init__(window)
        self._reports = reports
        self._background = background
        self._ask = ask
        self._cashier = cashier
        self._window = window

    def connect_dialog(self, dialog: D) -> None:
        """Connects what is wanted in it."""
        raise NotImplementedError

    def dialog(self) -> D | None:
        """The one that is open."""
        found: D | None = self._window.findChild(self.kind)
        return found

    @Slot()
    def open(self) -> None:
        """Opens it, or brings it to the front."""
        if not bring_forward(self.dialog()):
            dialog = self.kind(self._reports, self._background, self._window)
            self.connect_dialog(dialog)
            dialog.show()

    def reload(self) -> None:
        """What it shows has changed."""
        dialog = self.dialog()
        if dialog is not None:
            dialog.reload()

    def tell(self, answer: RequestTaken | RequestFailed, done: str) -> None:
        """Says in the dialog how it went."""
        dialog = self.dialog()
        if dialog is None:
            return
        if isinstance(answer, RequestFailed):
            dialog.say(reason(answer.code, answer.params), is_good=False)
        else:
            reference = answer.attempt.reference if answer.attempt is not None else ""
            dialog.say(done.format(reference=reference), is_good=True)
        dialog.reload()
