"""Keeps dialogs on the screen they open on."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget

FRAME_WIDTH, FRAME_HEIGHT = 16, 48
"""What a title bar and a frame may take beside the window itself."""


def open_within_screen(window: QWidget, width: int, height: int) -> None:
    """Gives a window the size it wants, as far as its screen has that room."""
    room = room_of_screen(window)
    window.resize(min(width, room.width() - FRAME_WIDTH), min(height, room.height() - FRAME_HEIGHT))


def room_of_screen(window: QWidget) -> QRect:
    """What the screen of a window has for windows, without its task bar."""
    return window.screen().availableGeometry()
