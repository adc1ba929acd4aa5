"""The one theme file: colours, type, spacing, icons. Fusion with palettes of its own looks the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from pos_app.common import paths

FAMILY = "Noto Sans"
COMPACT_BELOW_HEIGHT = 700
TITLES_FROM_HEIGHT = 800
TIGHT_BELOW_HEIGHT = 640
TINY_BELOW_HEIGHT = 490
NARROW_BELOW_WIDTH = 1200


class Tone(StrEnum):
    """What a colour means."""

    PLAIN = "plain"
    MUTED = "muted"
    PAID = "paid"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    NOT_PAID = "not_paid"
    NEEDS_YOU = "needs_you"


@dataclass(frozen=True, slots=True)
class Colours:
    """The tokens of one scheme."""

    background: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    waiting: str
    unknown: str
    on_unknown: str
    not_paid: str
    needs_you: str
    selection: str
    is_dark: bool

    def of(self, tone: Tone) -> str:
        """The colour of a meaning."""
        return {
            Tone.PLAIN: self.text,
            Tone.MUTED: self.muted,
            Tone.PAID: self.accent,
            Tone.WAITING: self.waiting,
            Tone.UNKNOWN: self.unknown,
            Tone.NOT_PAID: self.not_paid,
            Tone.NEEDS_YOU: self.needs_you,
        }[tone]


LIGHT = Colours(
    background="#F4F6F8",
    surface="#FFFFFF",
    raised="#FAFBFC",
    border="#D9DEE5",
    text="#14181F",
    muted="#5B6573",
    accent="#0B7A4B",
    on_accent="#FFFFFF",
    waiting="#1D5FBF",
    unknown="#8F5200",
    on_unknown="#FFFFFF",
    not_paid="#B3261E",
    needs_you="#7A3E9D",
    selection="#E3EEFB",
    is_dark=False,
)
DARK = Colours(
    background="#14181F",
    surface="#1C222B",
    raised="#212832",
    border="#323B47",
    text="#EEF1F5",
    muted="#A3ADBA",
    accent="#3CCB8A",
    on_accent="#0C1712",
    waiting="#7FB2FF",
    unknown="#F2B84B",
    on_unknown="#1F1604",
    not_paid="#FF8A80",
    needs_you="#CFA3F0",
    selection="#26405F",
    is_dark=True,
)


class Theme:
    """The scheme in use. One for the whole program; change it with `apply`."""

    colours: Colours = LIGHT


def load_fonts() -> None:
    """Makes the bundled font known to Qt."""
    for name in ("NotoSans-Regular.ttf", "NotoSans-SemiBold.ttf"):
        QFontDatabase.addApplicationFont(str(paths.resources() / "fonts" / name))


def system_is_dark() -> bool:
    """Whether the system asks for dark colours, where it says so at all."""
    return QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark


def apply(app: QApplication, *, dark: bool) -> None:
    """Dresses the program."""
    colours = DARK if dark else LIGHT
    Theme.colours = colours
    app.setStyle("Fusion")
    app.setFont(font(14))
    app.setPalette(_palette(colours))
    app.setStyleSheet(_style_sheet(colours))


def font(pixels: int, *, is_bold: bool = False) -> QFont:
    """The font in a size. Noto Sans has tabular digits by itself."""
    chosen = QFont(FAMILY)
    chosen.setPixelSize(pixels)
    chosen.setWeight(QFont.Weight.DemiBold if is_bold else QFont.Weight.Normal)
    return chosen


def wants_motion() -> bool:
    """Whether things may move: not where the system asks for stillness."""
    return bool(QApplication.style().styleHint(QApplication.style().StyleHint.SH_Widget_Animation_Duration))


@cache
def _svg(name: str) -> bytes:
    return (paths.resources() / "icons" / f"{name}.svg").read_bytes()


@cache
def pixmap(name: str, colour: str, side: int, ratio: float = 1.0) -> QPixmap:
    """An icon in a colour, crisp at the screen's scaling."""
    image = QPixmap(QSize(side, side) * ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    drawing = QSvgRenderer(QByteArray(_svg(name).replace(b"currentColor", colour.encode())))
    drawing.render(painter, QRectF(0, 0, side * ratio, side * ratio))
    painter.end()
    image.setDevicePixelRatio(ratio)
    return image


def icon(name: str, tone: Tone = Tone.PLAIN) -> QIcon:
    """An icon for a button."""
    return icon_in(name, Theme.colours.of(tone))


def icon_in(name: str, colour: str) -> QIcon:
    """An icon in any colour of the theme."""
    made = QIcon()
    for ratio in (1.0, 1.5, 2.0):
        made.addPixmap(pixmap(name, colour, 20, ratio))
    return made


def _palette(colours: Colours) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: colours.background,
        QPalette.ColorRole.WindowText: colours.text,
        QPalette.ColorRole.Base: colours.surface,
        QPalette.ColorRole.AlternateBase: colours.raised,
        QPalette.ColorRole.Text: colours.text,
        QPalette.ColorRole.Button: colours.surface,
        QPalette.ColorRole.ButtonText: colours.text,
        QPalette.ColorRole.BrightText: colours.not_paid,
        QPalette.ColorRole.Highlight: colours.selection,
        QPalette.ColorRole.HighlightedText: colours.text,
        QPalette.ColorRole.ToolTipBase: colours.surface,
        QPalette.ColorRole.ToolTipText: colours.text,
        QPalette.ColorRole.PlaceholderText: colours.muted,
        QPalette.ColorRole.Link: colours.waiting,
        QPalette.ColorRole.Mid: colours.border,
        QPalette.ColorRole.Dark: colours.border,
        QPalette.ColorRole.Light: colours.raised,
        QPalette.ColorRole.Midlight: colours.raised,
        QPalette.ColorRole.Shadow: colours.border,
        QPalette.ColorRole.Accent: colours.accent,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.muted))
    return palette


def _file(name: str) -> str:
    return (paths.resources() / "icons" / f"{name}.svg").as_posix()


def _style_sheet(c: Colours) -> str:
    return f"""
QFrame[card="true"] {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: 8px; }}
QWidget#topBar, QWidget#keyBar {{ background: {c.surface}; }}
QWidget#topBar {{ border-bottom: 1px solid {c.border}; }}
QLabel {{ background: transparent; }}
QLabel[role="label"] {{ color: {c.muted}; font-size: 12px; }}
QLabel[role="title"] {{ font-size: 15px; font-weight: 600; }}
QLabel[role="shop"] {{ font-size: 17px; font-weight: 600; }}
QLabel[role="muted"] {{ color: {c.muted}; font-size: 13px; }}
QLabel[role="error"] {{ color: {c.not_paid}; font-size: 13px; }}
QLabel[role="good"] {{ color: {c.accent}; font-size: 13px; }}
QLabel[role="total"] {{ font-size: 20px; font-weight: 600; }}
QLabel[role="state"] {{ font-size: 20px; font-weight: 600; }}
QLabel[role="amount"] {{ font-size: 26px; font-weight: 600; }}
QLabel[tone="paid"] {{ color: {c.accent}; }}
QLabel[tone="waiting"] {{ color: {c.waiting}; }}
QLabel[tone="unknown"] {{ color: {c.unknown}; }}
QLabel[tone="not_paid"] {{ color: {c.not_paid}; }}
QLabel[tone="needs_you"] {{ color: {c.needs_you}; }}
QLabel[tone="muted"] {{ color: {c.muted}; }}
QLabel#banner {{ background: {c.unknown}; color: {c.on_unknown}; font-size: 13px; font-weight: 600; }}
QLineEdit, QComboBox, QDateEdit, QSpinBox, QPlainTextEdit {{
    background: {c.surface}; color: {c.text}; border: 1px solid {c.border}; border-radius: 6px; padding: 0 10px;
    min-height: 34px; selection-background-color: {c.accent}; selection-color: {c.on_accent};
}}
QPlainTextEdit {{ padding: 6px 8px; }}
QLineEdit[field="true"] {{ font-size: 18px; min-height: 40px; padding: 0 12px; }}
QLineEdit[field="amount"] {{ font-size: 30px; font-weight: 600; min-height: 52px; padding: 0 12px; }}
QLineEdit[field="true"][compact="true"] {{ min-height: 34px; font-size: 16px; }}
QLineEdit[field="amount"][compact="true"] {{ min-height: 38px; font-size: 24px; }}
QLineEdit[field="true"][tiny="true"], QLineEdit[field="amount"][tiny="true"] {{ min-height: 29px; }}
QLineEdit:focus, QComboBox:focus, QDateEdit:focus, QSpinBox:focus, QPlainTextEdit:focus {{ border: 2px solid {c.accent}; }}
QLineEdit[wrong="true"], QPlainTextEdit[wrong="true"] {{ border: 2px solid {c.not_paid}; }}
QLineEdit:disabled, QComboBox:disabled {{ color: {c.muted}; background: {c.background}; }}
QComboBox::drop-down, QDateEdit::drop-down {{ border: 0; width: 26px; }}
QComboBox::down-arrow, QDateEdit::down-arrow {{ image: url("{_file("down")}"); width: 14px; height: 14px; }}
QListWidget {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: 6px; padding: 6px; }}
QListWidget::item {{ padding: 3px 4px; }}
QListWidget:focus {{ border: 2px solid {c.accent}; }}
QComboBox QAbstractItemView {{ background: {c.surface}; border: 1px solid {c.border}; }}
QPushButton, QToolButton {{
    background: {c.surface}; color: {c.text}; border: 1px solid {c.border}; border-radius: 6px;
    min-height: 34px; padding: 0 14px; font-size: 14px;
}}
QPushButton:hover, QToolButton:hover {{ background: {c.raised}; border-color: {c.muted}; }}
QPushButton:focus, QToolButton:focus {{ border: 2px solid {c.accent}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {c.muted}; background: {c.background}; }}
QPushButton[main="true"] {{
    background: {c.accent}; color: {c.on_accent}; border: 2px solid {c.accent}; font-size: 16px; font-weight: 600;
    min-height: 42px;
}}
QPushButton[main="true"]:focus {{ border: 2px solid {c.text}; }}
QPushButton[main="true"]:disabled {{ background: {c.border}; color: {c.muted}; border-color: {c.border}; }}
QPushButton[main="true"][compact="true"] {{ min-height: 34px; }}
QPushButton[main="true"][tiny="true"] {{ min-height: 30px; }}
QRadioButton[chip="true"] {{
    border: 1px solid {c.border}; border-radius: 18px; background: {c.surface}; color: {c.text};
    min-height: 34px; padding: 0 8px 0 15px; font-size: 14px; spacing: 0;
}}
QRadioButton[chip="true"]::indicator {{ width: 0; height: 0; }}
QRadioButton[chip="true"]:hover {{ background: {c.raised}; border-color: {c.muted}; }}
QRadioButton[chip="true"]:checked {{ background: {c.selection}; border: 1px solid {c.waiting}; font-weight: 600; }}
QRadioButton[chip="true"]:focus {{ border: 2px solid {c.accent}; }}
QFrame#notice {{ background: {c.raised}; border: 1px solid {c.muted}; border-radius: 8px; }}
QGroupBox#filters {{ border: 0; margin: 0; padding: 0; }}
QPushButton[key="true"] {{ border: 1px solid transparent; background: transparent; min-height: 28px; padding: 0 8px; font-size: 12px; color: {c.muted}; }}
QPushButton[key="true"][busy="true"] {{ color: {c.needs_you}; font-weight: 600; }}
QPushButton[key="true"]:hover {{ background: {c.background}; color: {c.text}; }}
QPushButton[key="true"]:focus {{ border: 1px solid {c.accent}; }}
QToolButton[flat="true"] {{ border: 1px solid transparent; background: transparent; padding: 0 8px; }}
QToolButton[flat="true"]:focus {{ border: 1px solid {c.accent}; }}
QLabel[role="state"][tiny="true"] {{ font-size: 17px; }}
QLabel[role="amount"][tiny="true"] {{ font-size: 18px; }}
QPushButton[pad="true"] {{ font-size: 16px; min-height: 36px; padding: 0; }}
QPushButton[pad="true"][compact="true"] {{ min-height: 28px; }}
QTableView {{
    background: {c.surface}; alternate-background-color: {c.raised}; border: 0; gridline-color: transparent;
    selection-background-color: {c.selection}; selection-color: {c.text}; outline: 0;
}}
QTableWidget {{ border: 1px solid {c.border}; border-radius: 6px; }}
QTableWidget:focus {{ border: 2px solid {c.accent}; }}
QTableWidget::item {{ padding: 0 8px; }}
QTableWidget::item:selected {{ background: {c.selection}; color: {c.text}; }}
QHeaderView::section {{
    background: {c.surface}; color: {c.muted}; border: 0; border-bottom: 1px solid {c.border};
    padding: 0 8px; font-size: 12px; font-weight: 600; min-height: 32px;
}}
QTableCornerButton::section {{ background: {c.surface}; border: 0; }}
QScrollArea {{ background: transparent; border: 0; }}
QScrollArea > QWidget > QWidget {{ background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {c.border}; border-radius: 5px; min-height: 30px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
QTabWidget::pane {{ border: 0; border-top: 1px solid {c.border}; }}
QTabBar::tab {{ background: transparent; color: {c.muted}; padding: 9px 14px; border-bottom: 2px solid transparent; }}
QTabBar::tab:selected {{ color: {c.text}; border-bottom: 2px solid {c.accent}; font-weight: 600; }}
QTabBar::tab:focus {{ color: {c.text}; background: {c.selection}; }}
QToolTip {{ background: {c.surface}; color: {c.text}; border: 1px solid {c.border}; padding: 4px 6px; }}
QProgressBar {{ border: 1px solid {c.border}; border-radius: 4px; background: {c.background}; text-align: center; min-height: 18px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}
QCheckBox {{ spacing: 8px; min-height: 30px; padding: 0 2px 0 1px; border: 1px solid transparent; border-radius: 4px; }}
QCheckBox::indicator {{ width: 16px; height: 16px; border: 1px solid {c.muted}; border-radius: 4px; background: {c.surface}; }}
QCheckBox::indicator:checked {{ background: {LIGHT.accent}; border-color: {LIGHT.accent}; image: url("{_file("tick")}"); }}
QCheckBox::indicator:disabled {{ border-color: {c.border}; }}
QCheckBox:disabled {{ color: {c.muted}; }}
QCheckBox:focus {{ border-color: {c.accent}; }}
QMenu {{ background: {c.surface}; border: 1px solid {c.border}; padding: 4px; }}
QMenu::item {{ padding: 6px 18px; border-radius: 4px; }}
QMenu::item:selected {{ background: {c.selection}; }}
QCalendarWidget QWidget {{ background: {c.surface}; color: {c.text}; alternate-background-color: {c.raised}; }}
"""
