"""The keys and the one rule, on F1."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from pos_app.common.i18n import _
from pos_app.gui.frame import KEYS


def show_help(parent: QWidget) -> None:
    """Stands beside the window and blocks nothing."""
    lines = [f"<b>{key}</b>&nbsp;&nbsp;{_(text)}" for key, text in KEYS]
    steps = _(
        "Amount, Enter, phone, Enter is a whole sale; an amount may be a sum: 3*250+80. Several payments may be open at"
        " once. "
        "“Not confirmed” means that money may have moved: do not charge again, the till keeps asking."
    )
    box = QMessageBox(parent)
    box.setWindowTitle(_("Help"))
    box.setText("<br>".join(lines))
    box.setInformativeText(steps)
    box.setModal(False)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.show()
