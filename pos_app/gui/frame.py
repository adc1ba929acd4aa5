"""What stands around the cards: the top bar with its lights, the banner, notices, the keys at the bottom."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from pos_app.common.i18n import N_, _
from pos_app.engine.updates import Health, Service
from pos_app.gui import theme
from pos_app.gui.theme import Tone
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.dress import button, dress
from pos_app.gui.widgets.elided_label import ElidedLabel
from pos_app.gui.widgets.light import LightWidget
from pos_app.settings.model import Environment

KEYS = (
    ("F1", N_("Help")),
    ("F2", N_("New")),
    ("F4", N_("Check a code")),
    ("F5", N_("Check now")),
    ("F6", N_("Receipt")),
    ("F7", N_("Export")),
    ("F8", N_("Send again")),
    ("F9", N_("Till payments")),
    ("F11", N_("To check")),
    ("F12", N_("Customer's phone")),
    ("Ctrl+F", N_("Search")),
    ("Ctrl+,", N_("Settings")),
)


_GIVE_WAY = ("Ctrl+,", "Ctrl+F", "F12", "F4")
"""The gear, the search and the phone itself say the same."""
SIDE, GAP = 10, 2


class TopBar(QWidget):
    """Shop, till, lights, cashier, settings."""

    def __init__(self, shop: str, till: str, cashier: str) -> None:
        super().__init__()
        self.setObjectName("topBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._lights = {
            Service.MPESA: LightWidget("lightMpesa", "M-PESA"),
            Service.RELAY: LightWidget("lightRelay", _("Relay")),
            Service.PRINTER: LightWidget("lightPrinter", _("Printer")),
            Service.LEDGER: LightWidget("lightLedger", _("Ledger")),
        }
        self.settings = QToolButton()
        self.settings.setObjectName("openSettings")
        self.settings.setAccessibleName(_("Settings"))
        self.settings.setToolTip(_("Settings (Ctrl+,)"))
        self.settings.setProperty("flat", True)
        self.settings.setIcon(theme.icon("settings"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 0, 8, 0)
        layout.setSpacing(14)
        layout.addWidget(_name(shop, "shopName", "shop"))
        layout.addWidget(_name(till, "tillLabel", "muted"))
        layout.addStretch(1)
        for light in self._lights.values():
            layout.addWidget(light)
        # The ledger's light shows only when there is something to say.
        self._lights[Service.LEDGER].hide()
        layout.addWidget(_name(cashier, "cashier"))
        layout.addWidget(self.settings)
        self.show_status(Service.MPESA, Health.OFF, _("starting"), _("The till is starting."))
        self.show_status(Service.RELAY, Health.OFF, _("starting"), _("The till is starting."))
        self.set_compact(False)

    def show_status(self, service: Service, health: Health, word: str, sentence: str) -> None:
        """Shows how something is."""
        widget = self._lights[service]
        widget.show_status(health, word, sentence)
        if service is Service.LEDGER:
            widget.setVisible(health is not Health.OK)

    def set_compact(self, is_compact: bool) -> None:
        """Lower on small screens."""
        self.setFixedHeight(36 if is_compact else 42)


def _name(text: str, name: str, role: str = "") -> ElidedLabel:
    """A name that somebody typed: as long as they like."""
    made = ElidedLabel(text)
    made.setObjectName(name)
    if role:
        made.setProperty("role", role)
    return made


def banner(environment: Environment) -> QLabel | None:
    """The line that says that no money moves; None where it does."""
    texts = {
        Environment.PRACTICE: _("PRACTICE: no money moves. Set up M-PESA in Settings (Ctrl+,)"),
        Environment.SANDBOX: _("SANDBOX: M-PESA's test system. No real sales here."),
    }
    if environment not in texts:
        return None
    made = QLabel(texts[environment])
    made.setObjectName("banner")
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    made.setFixedHeight(26)
    return made


LEAST_NOTICE = 420


class Notice(QFrame):
    """Something to know, until it is closed: it floats above the foot of the window and pushes nothing.

    Args:
        over: Whose child it is.
        foot: What it leaves free below it.
        above: What it may cover, and nothing beside it: the table, never what is pressed for the payment at hand.

    Signals:
        pressed: the sale it is about.
    """

    pressed = Signal(int)

    def __init__(self, over: QWidget, foot: QWidget, above: QWidget) -> None:
        super().__init__(over)
        self.setObjectName("notice")
        self._over = over
        self._above = above
        self._foot = foot
        self._sale_id: int | None = None
        self._about = ""
        self._later: tuple[str, str] | None = None
        self._patient: tuple[str, str] | None = None
        self._text = Answer("noticeText")
        self._open = button(_("Open"), "noticeOpen")
        self._close = QToolButton()
        self._close.setObjectName("noticeClose")
        self._close.setAccessibleName(_("Close this notice"))
        self._close.setProperty("flat", True)
        self._close.setIcon(theme.icon("close", Tone.MUTED))
        self._close.clicked.connect(self.clear_all)
        self._open.clicked.connect(self._press)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 8, 8, 8)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._open)
        layout.addWidget(self._close)
        above.installEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """It stays above what it covers when that is moved or gets another size."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move) and self.isVisible():
            self.place()
        return super().eventFilter(watched, event)

    def say(self, text: str, *, is_bad: bool = False, sale_id: int | None = None, about: str = "") -> None:
        """Shows a text.

        Args:
            sale_id: The sale to open from it.
            about: What it is about, for who takes it back.
        """
        if self._patient is not None and about != self._patient[1]:
            # It comes again when what is said now has been read.
            self._later, self._patient = self._patient, None
        self._sale_id = sale_id
        self._about = about
        self._text.setText(text)
        dress(self._text, role="error" if is_bad else "muted")
        self._open.setVisible(sale_id is not None)
        self.show()
        self.place()

    def place(self) -> None:
        """As wide as its words need, at most as what it covers; above the window's foot."""
        room = self._above.width() - 2 * SIDE
        beside = self.sizeHint().width() - self._text.sizeHint().width()
        words = self._text.fontMetrics().horizontalAdvance(self._text.text()) + 4
        width = min(room, max(LEAST_NOTICE, words + beside))
        layout = self.layout()
        assert layout is not None, "made with one"
        height = max(layout.totalHeightForWidth(width), layout.totalMinimumSize().height())
        left = self._above.mapTo(self._over, QPoint(0, 0)).x() + (self._above.width() - width) // 2
        self.setGeometry(left, self._over.height() - self._foot.height() - GAP - height, width, height)
        self.raise_()

    def say_later(self, text: str, about: str) -> None:
        """Shows a text that is in no hurry: at once, or when what stands there has been read and closed."""
        if self.isHidden() or self._about == about:
            self.say(text, about=about)
            self._patient = (text, about)
        else:
            self._later = (text, about)

    @Slot()
    def clear_all(self) -> None:
        """Takes it away, whatever it says; what has waited comes now."""
        self._about, self._patient, self._sale_id = "", None, None
        self.hide()
        self._text.clear()
        if self._later is not None:
            (text, about), self._later = self._later, None
            self.say_later(text, about)

    @Slot()
    def clear_moment(self) -> None:
        """Takes away what was about the moment before; what is in no hurry stays until it is read."""
        if self._patient is None:
            self.clear_all()

    def clear_of_sale(self, sale_id: int) -> None:
        """Takes it away where it is about this sale."""
        if self._sale_id == sale_id:
            self.clear_moment()

    def clear(self, about: str) -> None:
        """Takes it away where it is about this."""
        if self._later is not None and self._later[1] == about:
            self._later = None
        if about == self._about:
            self.clear_all()

    @Slot()
    def _press(self) -> None:
        if self._sale_id is not None:
            self.pressed.emit(self._sale_id)


class KeyBar(QWidget):
    """The keys, where they act; each can be clicked as well."""

    def __init__(self, *, has_phone: bool) -> None:
        super().__init__()
        self.setObjectName("keyBar")
        self._buttons: dict[str, QPushButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SIDE, 0, SIDE, 0)
        layout.setSpacing(GAP)
        for key, text in KEYS:
            if key == "F12" and not has_phone:
                continue
            made = button(f"{key}  {_(text)}", f"key{key.replace('+', '')}")
            made.setProperty("key", True)
            made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            layout.addWidget(made)
            self._buttons[key] = made
        layout.addStretch(1)
        self.set_compact(False)

    def connect_key(self, key: str, action: Callable[[], None]) -> None:
        """What a click on a key does."""
        found = self._buttons.get(key)
        if found is not None:
            found.clicked.connect(action)

    def show_count(self, key: str, text: str, count: int) -> None:
        """How many things wait behind a key; none for nothing."""
        found = self._buttons.get(key)
        if found is not None:
            shown = f"{key}  {text} ({count})" if count else f"{key}  {text}"
            found.setText(shown)
            found.setAccessibleName(shown)
            dress(found, busy=bool(count))
            self._fit()

    def minimumSizeHint(self) -> QSize:
        """It keeps no window wide: what does not fit is not shown."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Keys that stand elsewhere too go first where there is no room for all; none is cut."""
        room = self.width() - 2 * SIDE
        widths = {key: made.sizeHint().width() + GAP for key, made in self._buttons.items()}
        for key in (*_GIVE_WAY, *reversed(widths)):
            if sum(widths.values()) <= room:
                break
            widths.pop(key, None)
        for key, made in self._buttons.items():
            made.setVisible(key in widths)

    def set_compact(self, is_compact: bool) -> None:
        """Lower on small screens."""
        self.setFixedHeight(30 if is_compact else 34)
