"""The line above the table: which day, and its sums. A sum is never cut: its words go first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from pos_app.common.i18n import N_, _, ngettext
from pos_app.domain.sales.totals import Totals
from pos_app.domain.values.money import format_ksh
from pos_app.gui import theme
from pos_app.gui.theme import Tone
from pos_app.gui.widgets.dress import dress, label

GAP = 18
_SUMS = (
    ("paid", Tone.PAID),
    ("waiting", Tone.WAITING),
    ("unknown", Tone.UNKNOWN),
    ("needs_you", Tone.NEEDS_YOU),
)
_WEEKDAYS = (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"))
_MONTHS = (
    N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June"), N_("July"), N_("August"),
    N_("September"), N_("October"), N_("November"), N_("December"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Level:
    """How much is shown."""

    title: int
    has_words: bool = True
    has_zeros: bool = True


_LEVELS = (
    _Level(0), _Level(1), _Level(0, has_words=False), _Level(1, has_words=False), _Level(2, has_words=False),
    _Level(2, has_words=False, has_zeros=False), _Level(3, has_words=False, has_zeros=False),
)  # fmt: skip
"""From the richest to the leanest; the titles are counted in `DayHead._titles`."""


class DayHead(QWidget):
    """Title and sums on one line."""

    def __init__(self) -> None:
        super().__init__()
        self._titles = ("", "", "", "")
        self._title = label("", "title", name="dayTitle")
        self._sums = {name: _Sum(name, tone) for name, tone in _SUMS}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self._title)
        row.addStretch(1)
        for shown in self._sums.values():
            row.addWidget(shown)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the leanest level: what is shown now must not keep the window wide."""
        return QSize(self._width_of(_LEVELS[-1]), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def set_compact(self, is_compact: bool) -> None:
        """Smaller numbers for small screens."""
        for shown in self._sums.values():
            shown.set_compact(is_compact)
        self._fit()

    def show_day(self, chosen: date, totals: Totals, *, is_today: bool) -> None:
        """Shows another day, or new sums."""
        weekday, month = _(_WEEKDAYS[chosen.weekday()]), _(_MONTHS[chosen.month - 1])
        long, middle = f"{weekday} {chosen.day} {month}", f"{chosen.day} {month}"
        short = _("Today") if is_today else f"{chosen.day}.{chosen.month}."
        self._titles = (_("Today, {day}").format(day=long) if is_today else long, middle, short, "")
        sales = ngettext("paid, {count} sale", "paid, {count} sales", totals.paid_sales).format(count=totals.paid_sales)
        self._sums["paid"].show_sum(format_ksh(totals.paid_cents), sales, is_zero=False)
        for name, count, text in (
            ("waiting", totals.waiting, _("waiting")),
            ("unknown", totals.unknown, _("not confirmed")),
            ("needs_you", totals.review + totals.strays, _("to check")),
        ):
            self._sums[name].show_sum(str(count), text, is_zero=count == 0)
        self._fit()

    def _fit(self) -> None:
        level = next((one for one in _LEVELS if self._width_of(one) <= self.width()), _LEVELS[-1])
        title = self._titles[level.title]
        self._title.setText(title)
        self._title.setToolTip(self._titles[0])
        self._title.setVisible(bool(title))
        for shown in self._sums.values():
            shown.show_level(has_words=level.has_words, has_zeros=level.has_zeros)

    def _width_of(self, level: _Level) -> int:
        title = self._titles[level.title]
        widths = [shown.width_of(has_words=level.has_words, has_zeros=level.has_zeros) for shown in self._sums.values()]
        if title:
            widths.append(_advance(self._title, title))
        return sum(widths) + GAP * sum(width > 0 for width in widths)


class _Sum(QWidget):
    """A number and what it counts."""

    def __init__(self, name: str, tone: Tone) -> None:
        super().__init__()
        self.setObjectName(f"sum_{name}")
        self._is_zero = False
        self._number = label("", "total", name=f"total_{name}")
        self._number.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        dress(self._number, tone=str(tone))
        self._text = label("", "muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._number)
        layout.addWidget(self._text)

    def show_sum(self, number: str, text: str, *, is_zero: bool) -> None:
        """Shows a number with its words."""
        self._is_zero = is_zero
        self._number.setText(number)
        self._text.setText(text)
        self.setAccessibleName(f"{number} {text}")
        self.setToolTip(f"{number} {text}")

    def show_level(self, *, has_words: bool, has_zeros: bool) -> None:
        """On narrow screens the number stands alone, its words on hover."""
        self._text.setVisible(has_words)
        self.setVisible(has_zeros or not self._is_zero)

    def width_of(self, *, has_words: bool, has_zeros: bool) -> int:
        """What it needs."""
        if self._is_zero and not has_zeros:
            return 0
        return _advance(self._number, self._number.text()) + (
            6 + _advance(self._text, self._text.text()) if has_words else 0
        )

    def set_compact(self, is_compact: bool) -> None:
        self._number.setFont(theme.font(16 if is_compact else 20, is_bold=True))


def _advance(shown: QLabel, text: str) -> int:
    shown.ensurePolished()
    return shown.fontMetrics().horizontalAdvance(text) + 2
