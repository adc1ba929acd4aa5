"""Sets properties that the style sheet looks at, and has it look again."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QWidget


def dress(widget: QWidget, **properties: object) -> None:
    """Sets dynamic properties; the style is applied anew only where one changed."""
    changed = False
    for name, value in properties.items():
        if widget.property(name) != value:
            widget.setProperty(name, value)
            changed = True
    if changed:
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def card(name: str) -> QFrame:
    """A white card."""
    frame = QFrame()
    frame.setObjectName(name)
    frame.setProperty("card", True)
    return frame


def label(text: str = "", role: str = "", *, name: str = "", wrap: bool = False) -> QLabel:
    """A text in a role of the theme."""
    made = QLabel(text)
    if role:
        made.setProperty("role", role)
    if name:
        made.setObjectName(name)
    made.setWordWrap(wrap)
    return made


def button(text: str, name: str, *, is_main: bool = False, tip: str = "") -> QPushButton:
    """A push button with a name."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setAccessibleName(text)
    made.setAutoDefault(False)
    if is_main:
        made.setProperty("main", True)
    if tip:
        made.setToolTip(tip)
    return made
