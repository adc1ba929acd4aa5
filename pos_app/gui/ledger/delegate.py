"""Paints the cells: padded like their headings, a state as icon, colour and word, a changed row fading."""

from __future__ import annotations

import time

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from pos_app.gui import theme
from pos_app.gui.ledger.model import BOLD, Column, LookRole, SaleIdRole
from pos_app.gui.theme import Theme

PADDING = 8
ICON = 16
ICON_ROOM = ICON + 7
"""What an icon takes from its text."""
FADE_S = 0.4


class CellDelegate(QStyledItemDelegate):
    """One for the whole table."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._changed: dict[int, float] = {}

    def mark(self, sale_id: int) -> None:
        """A row changed: it shows for a moment, unless things must keep still."""
        if theme.wants_motion():
            self._changed[sale_id] = time.monotonic()

    @property
    def is_fading(self) -> bool:
        """Whether a row is still fading."""
        now = time.monotonic()
        self._changed = {sale: at for sale, at in self._changed.items() if now - at < FADE_S}
        return bool(self._changed)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        box: QRect = option.rect
        self._background(painter, option, index, box)
        look = index.data(LookRole)
        icon, tone = look if look is not None else ("", theme.Tone.PLAIN)
        colours = Theme.colours
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        room = box.adjusted(PADDING, 0, -PADDING, 0)
        if icon:
            image = theme.pixmap(icon, colours.of(tone), ICON, painter.device().devicePixelRatioF())
            painter.drawPixmap(room.left(), room.center().y() - ICON // 2 + 1, image)
            room.setLeft(room.left() + ICON_ROOM)
        is_bold = index.column() in BOLD
        painter.setFont(theme.font(14, is_bold=is_bold))
        plain = is_selected and tone is theme.Tone.MUTED
        painter.setPen(QColor(colours.text if plain else colours.of(tone)))
        text = str(index.data() or "")
        metrics = painter.fontMetrics()
        # Orders differ at their end.
        side = Qt.TextElideMode.ElideMiddle if index.column() == Column.ORDER else Qt.TextElideMode.ElideRight
        shown = metrics.elidedText(text, side, room.width())
        painter.drawText(room, index.data(Qt.ItemDataRole.TextAlignmentRole), shown)
        painter.restore()

    def _background(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
        box: QRect,
    ) -> None:
        colours = Theme.colours
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(colours.selection))
        elif index.row() % 2:
            palette: QPalette = option.palette
            painter.fillRect(box, palette.color(QPalette.ColorRole.AlternateBase))
        at = self._changed.get(index.data(SaleIdRole))
        if at is not None:
            left = 1 - (time.monotonic() - at) / FADE_S
            if left > 0:
                glow = QColor(colours.selection)
                glow.setAlphaF(min(1.0, left))
                painter.fillRect(box, glow)
