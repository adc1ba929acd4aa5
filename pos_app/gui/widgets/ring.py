"""A ring that counts down to the next check. It turns once a second, or not at all."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from pos_app.common.i18n import ngettext
from pos_app.gui import theme
from pos_app.gui.theme import Theme, Tone


class Ring(QWidget):
    """Seconds in a ring, or an icon in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("ring")
        self.setAccessibleName("")
        self._share = 0.0
        self._text = ""
        self._icon = ""
        self._tone = Tone.WAITING
        self.set_side(68)

    def set_side(self, side: int) -> None:
        """Its size in pixels."""
        self.setFixedSize(QSize(side, side))

    def show_count(self, share: float, text: str, tone: Tone) -> None:
        """A countdown: the share that is left, and the time in the middle."""
        self._share, self._text, self._icon, self._tone = share, text, "", tone
        minutes, _colon, seconds = text.partition(":")
        left = int(minutes or 0) * 60 + int(seconds or 0)
        self.setAccessibleName(ngettext("{count} second left", "{count} seconds left", left).format(count=left))
        self.update()

    def show_icon(self, icon: str, tone: Tone, word: str) -> None:
        """A state instead of a countdown."""
        self._share, self._text, self._icon, self._tone = 1.0, "", icon, tone
        self.setAccessibleName(word)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = Theme.colours
        width = 6.0
        box = QRectF(self.rect()).adjusted(width, width, -width, -width)
        painter.setPen(QPen(QColor(colours.border), width))
        painter.drawEllipse(box)
        pen = QPen(QColor(colours.of(self._tone)), width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawArc(box, 90 * 16, -round(self._share * 360 * 16))
        if self._icon:
            side = round(self.width() * 0.42)
            image = theme.pixmap(self._icon, colours.of(self._tone), side, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - side) // 2, (self.height() - side) // 2, image)
        else:
            painter.setPen(QColor(colours.text))
            painter.setFont(theme.font(15 if self.width() > 60 else 13, is_bold=True))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)
        painter.end()
