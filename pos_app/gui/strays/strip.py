"""The line above *Needs you*: messages that belong to no payment of this till."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from pos_app.common.i18n import _, ngettext
from pos_app.gui.theme import Tone
from pos_app.gui.widgets.dress import button, dress, label


class StraysStrip(QWidget):
    """How many there are, and a button that opens them.

    Signals:
        wanted: they should be shown.
    """

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("straysStrip")
        self._text = label("", name="straysText", wrap=True)
        dress(self._text, tone=str(Tone.NEEDS_YOU))
        look = button(_("Look at them…"), "straysOpen")
        look.clicked.connect(self.wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._text, 1)
        row.addWidget(look)
        self.hide()

    def show_count(self, count: int) -> None:
        """Says how many; without any it is not there."""
        text = ngettext(
            "{count} message came that belongs to no payment of this till.",
            "{count} messages came that belong to no payment of this till.",
            count,
        )
        self._text.setText(text.format(count=count))
        self.setVisible(count > 0)
