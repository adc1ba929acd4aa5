"""A status light: a coloured dot, a name, a word, and a sentence on hover."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from pos_app.engine.updates import Health
from pos_app.gui.theme import Theme, Tone
from pos_app.gui.widgets.dress import label

_TONES = {Health.OFF: Tone.MUTED, Health.OK: Tone.PAID, Health.DEGRADED: Tone.UNKNOWN, Health.DOWN: Tone.NOT_PAID}


class _Dot(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(12, 12)
        self.tone = Tone.MUTED
        self.is_hollow = True

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(Theme.colours.of(self.tone))
        painter.setPen(colour)
        if not self.is_hollow:
            painter.setBrush(colour)
        painter.drawEllipse(1, 1, 9, 9)
        painter.end()


class LightWidget(QWidget):
    """One light of the top bar."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._title = title
        self._dot = _Dot()
        self._word = QLabel()
        self._word.setProperty("role", "muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self._dot)
        layout.addWidget(label(title))
        layout.addWidget(self._word)

    def show_status(self, health: Health, word: str, sentence: str) -> None:
        """Shows how it is."""
        self._dot.tone, self._dot.is_hollow = _TONES[health], health is Health.OFF
        self._dot.update()
        self._word.setText(word)
        self.setToolTip(sentence)
        self.setAccessibleName(f"{self._title}: {word}")
        self.setAccessibleDescription(sentence)
