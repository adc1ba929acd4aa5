"""Opens one kind of dialog beside the window, and brings it to the front where it is open already."""

from __future__ import annotations

from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QDialog, QWidget

from pos_app.common.errors import PosError
from pos_app.gui.runtime.engine_client import EngineClient
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.texts.errors import reason_of


class LedgerDialog(QDialog):
    """Shows what the ledger knows, and does something about it. It is deleted when it is closed."""

    def __init__(self, client: EngineClient, queries: QueryRunner, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.client = client
        self.queries = queries

    def reload(self) -> None:
        """Reads it again."""
        raise NotImplementedError

    def show_outcome(self, text: str, *, is_good: bool) -> None:
        """Says what became of what was asked for."""
        raise NotImplementedError

    def show_error(self, error: PosError) -> None:
        """Says why something could not be read, or done."""
        self.show_outcome(reason_of(error), is_good=False)

    def on_refused(self, error: PosError) -> None:
        """What was asked for was not done, and the list may be old."""
        self.show_error(error)
        self.reload()


def bring_forward(dialog: QDialog | None) -> bool:
    """Shows the one that is open already; False where none is."""
    if dialog is None:
        return False
    dialog.raise_()
    dialog.activateWindow()
    return True


D = TypeVar("D", bound=LedgerDialog)


class DialogController(QObject, Generic[D]):
    """One dialog at a time, beside the window.

    Args:
        kind: Of the dialog.
    """

    def __init__(self, kind: type[D], client: EngineClient, queries: QueryRunner, window: QWidget) -> None:
        super().__init__(window)
        self._kind = kind
        self._client = client
        self._queries = queries
        self._window = window

    def dialog(self) -> D | None:
        """The one that is open."""
        found: D | None = self._window.findChild(self._kind)
        return found

    @Slot()
    def open(self) -> None:
        """Opens it, or brings it to the front."""
        if not bring_forward(self.dialog()):
            self._kind(self._client, self._queries, self._window).show()

    def reload(self) -> None:
        """What it shows has changed."""
        dialog = self.dialog()
        if dialog is not None:
            dialog.reload()
