"""How wide the table's columns are: an amount and a state are never cut, other columns give way."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtGui import QFontMetrics

from pos_app.common.i18n import _
from pos_app.gui import theme
from pos_app.gui.ledger.delegate import ICON_ROOM, PADDING
from pos_app.gui.ledger.model import BOLD, HEADINGS, Column

SHORTEST_ORDER = 72
_GIVE_WAY = (Column.AGE, Column.PHONE, Column.CODE)
"""In this order: the card and a tooltip have all three."""


class Needs:
    """What each column needs for the texts that it has shown: it only grows, so that nothing moves to and fro."""

    def __init__(self) -> None:
        self._plain = QFontMetrics(theme.font(14))
        self._bold = QFontMetrics(theme.font(14, is_bold=True))
        self.forget()

    def forget(self) -> None:
        """Other rows come."""
        heading = QFontMetrics(theme.font(13))
        self._widths = {column: heading.horizontalAdvance(_(text)) for column, text in HEADINGS.items()}
        self.learn(Column.AGE, ("00:00",))
        self.learn(Column.TIME, ("00:00",))

    def learn(self, column: Column, texts: Iterable[str]) -> None:
        """These are shown in a column."""
        metrics = self._bold if column in BOLD else self._plain
        widest = max((metrics.horizontalAdvance(text) for text in texts), default=0)
        self._widths[column] = max(self._widths[column], widest + (ICON_ROOM if column is Column.STATE else 0))

    def fitted(self, room: int) -> dict[Column, int]:
        """The width of each column that is shown; what is missing is hidden."""
        widths = {column: width + 2 * PADDING + 2 for column, width in self._widths.items()}
        for column in _GIVE_WAY:
            if sum(widths.values()) <= room:
                break
            del widths[column]
        over = sum(widths.values()) - room
        if over > 0:
            widths[Column.ORDER] = max(SHORTEST_ORDER, widths[Column.ORDER] - over)
        return widths
