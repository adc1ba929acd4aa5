"""What stands in place of the window when the till cannot start: what is wrong, and the mend."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from pos_app import paths
from pos_app.errors import TillError
from pos_app.gui.widgets.dress import button, dress, label
from pos_app.i18n import _
from pos_app.words.mistakes import reason_of


class Problem(QWidget):
    """Says why, and tries again on demand. It changes nothing by itself.

    Args:
        try_again: Opens the till anew.
    """

    def __init__(self, error: TillError, try_again: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("problem")
        self.setWindowTitle(_("Till"))
        self.resize(620, 300)
        self._try_again = try_again
        word = label(_("The till cannot start"), "state")
        dress(word, tone="not_paid")
        sentence = label(reason_of(error), name="problemReason", wrap=True)
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        note = label(_("Nothing was changed, and nothing was sent."), "muted", wrap=True)
        again = button(_("Try again"), "problemRetry", is_main=True)
        again.setDefault(True)
        folder = button(_("Open the data folder"), "problemFolder")
        leave = button(_("Close"), "problemClose")
        again.clicked.connect(self._again)
        folder.clicked.connect(self._open_folder)
        leave.clicked.connect(QApplication.quit)
        buttons = QHBoxLayout()
        buttons.addWidget(folder)
        buttons.addStretch(1)
        buttons.addWidget(leave)
        buttons.addWidget(again)
        column = QVBoxLayout(self)
        column.setContentsMargins(28, 24, 28, 20)
        column.setSpacing(12)
        column.addWidget(word)
        column.addWidget(sentence)
        column.addWidget(note)
        column.addStretch(1)
        column.addLayout(buttons)

    @Slot()
    def _again(self) -> None:
        self._try_again()

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.home().data)))
