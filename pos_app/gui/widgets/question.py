"""Asks before something that is hard to take back. It blocks nothing, and Escape is the careful answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer.

    Args:
        is_grave: Whether it is the one that was asked about.
    """

    text: str
    chosen: Callable[[], None]
    is_grave: bool = False


def ask(parent: QWidget, name: str, title: str, text: str, *choices: Choice) -> QMessageBox:
    """Opens a question over a window. Enter takes the first choice that is not grave, else *Cancel*.

    Args:
        name: The object name, for tests.
        choices: The answers beside *Cancel*.
    """
    box = QMessageBox(parent)
    box.setObjectName(name)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(title)
    box.setText(text)
    buttons: list[tuple[QAbstractButton, Choice]] = []
    leave = box.addButton(QMessageBox.StandardButton.Cancel)
    default = leave
    for choice in choices:
        role = QMessageBox.ButtonRole.DestructiveRole if choice.is_grave else QMessageBox.ButtonRole.AcceptRole
        made = box.addButton(choice.text, role)
        buttons.append((made, choice))
        if not choice.is_grave and default is leave:
            default = made
    box.setDefaultButton(default)
    box.setEscapeButton(leave)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def pressed(button: QAbstractButton) -> None:
        for made, choice in buttons:
            if made is button:
                choice.chosen()

    box.buttonClicked.connect(pressed)
    box.open()
    return box
