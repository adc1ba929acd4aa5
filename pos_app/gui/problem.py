"""What stands in place of the window when the till cannot start: what is wrong, and the mend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMessageBox, QVBoxLayout, QWidget

from pos_app.common import paths
from pos_app.common.clock import to_eat
from pos_app.common.errors import PosError
from pos_app.common.i18n import _
from pos_app.gui.runtime.job_runner import JobRunner
from pos_app.gui.widgets.dress import button, dress, label
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.ledger.backups import last_good
from pos_app.texts.errors import reason_of

_MENDED_BY_A_COPY: Final = frozenset(
    {"ledger.damaged", "ledger.vanished", "ledger.replaced", "ledger.foreign", "ledger.key_missing"}
)


LEAVES_WITHIN_S: Final = 0.1
"""What still looks for a copy is not waited for."""


class Problem(QWidget):
    """Says why, and tries again on demand. It changes nothing by itself.

    Args:
        try_again: Opens the till anew.
        put_back: Puts a copy of the ledger in its place and opens the till.
    """

    def __init__(self, error: PosError, try_again: Callable[[], None], put_back: Callable[[Path], None]) -> None:
        super().__init__()
        self.setObjectName("problem")
        self.setWindowTitle(_("Till"))
        open_within_screen(self, 660, 320)
        self._try_again = try_again
        self._put_back = put_back
        self._copy: Path | None = None
        word = label(_("The till cannot start"), "state")
        dress(word, tone="not_paid")
        sentence = label(reason_of(error), name="problemReason", wrap=True)
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        note = label(_("Nothing was changed, and nothing was sent."), "muted", wrap=True)
        self._found = label("", "muted", name="problemCopy", wrap=True)
        again = button(_("Try again"), "problemRetry", is_main=True)
        again.setDefault(True)
        folder = button(_("Open the data folder"), "problemFolder")
        self._restore = button(_("Put the last good copy back…"), "problemRestore")
        self._restore.hide()
        leave = button(_("Close"), "problemClose")
        again.clicked.connect(self._again)
        folder.clicked.connect(self._open_folder)
        self._restore.clicked.connect(self._ask_restore)
        leave.clicked.connect(QApplication.quit)
        buttons = QHBoxLayout()
        for made in (folder, self._restore):
            buttons.addWidget(made)
        buttons.addStretch(1)
        buttons.addWidget(leave)
        buttons.addWidget(again)
        column = QVBoxLayout(self)
        column.setContentsMargins(28, 24, 28, 20)
        column.setSpacing(12)
        for part in (word, sentence, note, self._found):
            column.addWidget(part)
        column.addStretch(1)
        column.addLayout(buttons)
        self._jobs = JobRunner("copies", self._on_no_copy, self)
        folder_of_copies = Path(str(error.params.get("copies", "")))
        if error.code in _MENDED_BY_A_COPY and folder_of_copies.name:
            self._found.setText(_("Looking for a good copy…"))
            self._jobs.run(partial(last_good, folder_of_copies), owner=self).then(self._on_copy)

    def _on_no_copy(self, _error: PosError) -> None:
        """A folder that cannot be searched holds no copy to offer."""
        self._on_copy(None)

    def _on_copy(self, copy: Path | None) -> None:
        self._copy = copy
        self._restore.setVisible(self._copy is not None)
        if self._copy is None:
            self._found.setText(_("There is no good copy in the folder of copies."))
            return
        made = to_eat(int(self._copy.stat().st_mtime * 1000)).strftime("%Y-%m-%d %H:%M")
        self._found.setText(
            _("The last good copy is {name}, made {when}. Sales made since then are not in it.").format(
                name=self._copy.name, when=made
            )
        )

    @Slot()
    def _ask_restore(self) -> None:
        question = _("Put {name} back? The ledger of now is kept beside it under another name.")
        if self._copy is None:
            return
        answer = QMessageBox.question(self, _("Put a copy back"), question.format(name=self._copy.name))
        if answer is QMessageBox.StandardButton.Yes:
            self._jobs.close(LEAVES_WITHIN_S)
            self._put_back(self._copy)

    @Slot()
    def _again(self) -> None:
        self._jobs.close(LEAVES_WITHIN_S)
        self._try_again()

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.home().data)))
