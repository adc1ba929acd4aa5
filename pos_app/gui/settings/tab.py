"""What the tabs of the settings have in common."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from pos_app.common.i18n import _
from pos_app.gui.settings.presenter import reason_for
from pos_app.gui.widgets.dress import dress
from pos_app.gui.widgets.field import Field
from pos_app.settings.model import Settings
from pos_app.settings.secrets import SecretName


class Tab(QScrollArea):
    """One tab: fields that stand for settings, fields that stand for secrets.

    Args:
        section: Of the settings model, for the plain fields.
    """

    def __init__(self, section: str) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._section = section
        self._plain: dict[str, Field] = {}
        self._secret: dict[SecretName, Field] = {}

    # Making

    def add_field(self, name: str, text: str, *, hint: str = "") -> Field:
        """A line for one setting, checked as it is left."""
        field = Field(f"{self._section}_{name}", text, hint=hint)
        self._plain[name] = field
        field.line.left.connect(self._left)
        return field

    def add_secret(self, name: SecretName, text: str, *, hint: str = "") -> Field:
        """A line for one secret: never shown, only replaced. The hint says where to get it."""
        field = Field(f"secret_{name}", text, hint=hint)
        field.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._secret[name] = field
        return field

    def stack(self, *widgets: QWidget) -> None:
        """Puts the widgets below one another."""
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 12, 12, 12)
        column.setSpacing(7)
        for widget in widgets:
            column.addWidget(widget)
        column.addStretch(1)
        self.setWidget(page)

    # Settings in and out

    def fill(self, settings: Settings) -> None:
        """Shows what is set."""
        for name, field in self._plain.items():
            field.set_text(getattr(getattr(settings, self._section), name))

    def put_into(self, settings: Settings) -> None:
        """Writes what is typed into settings; it was checked before."""
        for name, field in self._plain.items():
            setattr(getattr(settings, self._section), name, field.text.strip())

    def wrong(self) -> list[tuple[Field, str]]:
        """Each field that is not right, with the reason."""
        found = [(field, reason_for(self._section, name, field.text.strip())) for name, field in self._plain.items()]
        return [(field, reason) for field, reason in found if reason]

    def typed_secrets(self) -> dict[SecretName, str]:
        """Secrets that were typed anew."""
        return {name: field.text.strip() for name, field in self._secret.items() if field.text.strip()}

    def show_kept(self, kept: dict[SecretName, bool]) -> None:
        """Says which secrets there are already."""
        for name, field in self._secret.items():
            field.line.setPlaceholderText(_("kept; type to replace") if kept[name] else _("not set"))

    def field_of(self, name: str) -> Field | None:
        """The field of a setting or of a secret."""
        by_secret = {str(secret): field for secret, field in self._secret.items()}
        return self._plain.get(name) or by_secret.get(name)

    @Slot()
    def _left(self) -> None:
        for name, field in self._plain.items():
            if field.line is self.sender():
                field.show_reason(reason_for(self._section, name, field.text))


def say(where: QLabel, text: str, role: str) -> None:
    """Shows how something went."""
    where.setText(text)
    dress(where, role=role)


def combo(name: str, title: str, choices: tuple[tuple[Any, str], ...]) -> QComboBox:
    """A list to choose from, with values behind the words."""
    made = QComboBox()
    made.setObjectName(name)
    made.setAccessibleName(title)
    for value, text in choices:
        made.addItem(text, value)
    return made


def choose(box: QComboBox, value: object) -> None:
    """Selects a value; the first where it is not there."""
    box.setCurrentIndex(max(0, box.findData(value)))


def text_box(name: str, title: str) -> QPlainTextEdit:
    """Room for a few lines."""
    box = QPlainTextEdit()
    box.setObjectName(name)
    box.setAccessibleName(title)
    box.setTabChangesFocus(True)
    box.setFixedHeight(72)
    return box
