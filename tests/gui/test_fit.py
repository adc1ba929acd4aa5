"""Nothing is cut, nothing lies outside: with full data, at the sizes of real screens, in both languages.

The worst corners run with `make test`, all of them with `make look`, which keeps the pictures in build/look.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.full_shop import fill
from PySide6.QtCore import QEvent, QRect
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDateEdit,
    QDialog,
    QLabel,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pos_app.domain.sales.totals import Totals
from pos_app.gui import theme
from pos_app.gui.app import Program
from pos_app.gui.ledger.delegate import ICON_ROOM, PADDING
from pos_app.gui.ledger.model import BOLD, Column
from pos_app.gui.main_window import MainWindow
from pos_app.gui.widgets.fit import FRAME_HEIGHT, FRAME_WIDTH
from pos_app.ledger.queries.sales import TotalsOfDay

TITLE_BAR, TASK_BAR = 30, 48
SCREENS = ((1024, 600, 1.0), (1280, 720, 1.0), (1280, 800, 1.5), (1366, 768, 1.0), (1366, 768, 1.25), (1920, 1080, 1.5))
"""In dots, with the scale: Qt lays out in points, of which a larger scale leaves fewer."""
CORNERS = [
    ((1024, 600, 1.0), "sw", False), ((1280, 720, 1.0), "en", False), ((1280, 800, 1.5), "sw", True),
    ((1366, 768, 1.25), "en", True),
]  # fmt: skip
ALL = [(size, language, dark) for size in SCREENS for language in ("en", "sw") for dark in (False, True)]
LOOK = os.environ.get("POS_APP_LOOK", "")


def cut_labels(window: QWidget) -> list[str]:
    """Every label that is not whole."""
    found = []
    for label in window.findChildren(QLabel):
        if not label.isVisible() or not label.text() or not label.pixmap().isNull():
            continue
        if label.wordWrap():
            is_cut = label.height() < label.heightForWidth(label.width()) - 2
        else:
            is_cut = label.fontMetrics().horizontalAdvance(label.text()) > label.width() + 1
        if is_cut:
            found.append(f"label {label.objectName()}: {label.text()}")
    return found


def cut(window: QWidget) -> list[str]:
    """Every text that a person could not read whole, and every control that lies outside."""
    found = cut_labels(window)
    found += [
        f"button {button.objectName()}: {button.text()}"
        for button in window.findChildren(QPushButton)
        if button.isVisible() and button.fontMetrics().horizontalAdvance(button.text()) > button.width() - 8
    ]
    for picker in (*window.findChildren(QComboBox), *window.findChildren(QDateEdit)):
        text = picker.currentText() if isinstance(picker, QComboBox) else picker.text()
        if picker.isVisible() and picker.fontMetrics().horizontalAdvance(text) > picker.width() - 30:
            found.append(f"choice {picker.objectName()}: {text}")
    room = QRect(0, 0, window.width(), window.height())
    for widget in window.findChildren(QWidget):
        is_control = isinstance(widget, (QPushButton, QComboBox, QDateEdit, QLabel))
        if is_control and widget.isVisible() and not _is_scrolled(widget, window):
            place = QRect(widget.mapTo(window, widget.rect().topLeft()), widget.size())
            if not room.contains(place):
                found.append(f"outside {widget.objectName()}: {place}")
    return found


def _is_scrolled(widget: QWidget, window: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None and parent is not window:
        if isinstance(parent, QScrollArea) and parent.objectName() != "leftColumn":
            return True
        parent = parent.parentWidget()
    return False


def cut_cells(window: MainWindow) -> list[str]:
    """Amounts and states of the table that are not whole."""
    table, model = window.day.table, window.day.model
    found = []
    for column in (Column.TIME, Column.AMOUNT, Column.STATE):
        assert not table.isColumnHidden(column), column
        metrics = QFontMetrics(theme.font(14, is_bold=column in BOLD))
        room = table.columnWidth(column) - 2 * PADDING - (ICON_ROOM if column is Column.STATE else 0)
        for row in range(min(200, model.rowCount())):
            text = model.data(model.index(row, column))
            if metrics.horizontalAdvance(text) > room:
                found.append(f"{column.name}: {text}")
    edge = sum(table.columnWidth(column) for column in Column if not table.isColumnHidden(column))
    if edge > table.viewport().width():
        found.append(f"the table is {edge} wide in {table.viewport().width()}")
    return found


def cut_lists(dialog: QWidget) -> list[str]:
    """Lists that must be pushed to and fro to be read; a column that stretches may be shortened, its tooltip is whole."""
    return [
        f"list {each.objectName()} is wider than its room"
        for each in dialog.findChildren(QAbstractItemView)
        if each.isVisible() and each.horizontalScrollBar().maximum() > 0
    ]


def settle() -> None:
    """Until the layout has taken every change."""
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        QApplication.processEvents()


def keep_picture(window: QWidget, name: str) -> None:
    if LOOK:
        target = Path(LOOK) / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        assert window.grab().save(str(target))


def opened_in(open_till: Callable[[], Program], *, dark: bool) -> MainWindow:
    window = open_till().window
    assert isinstance(window, MainWindow)
    theme.apply(QApplication.instance(), dark=dark)
    return window


def settings_tabs(dialog: QWidget) -> Iterator[str]:
    tabs = dialog.findChild(QTabWidget, "settingsTabs")
    for number in range(tabs.count()):
        tabs.setCurrentIndex(number)
        yield f"settings-{number}"


DIALOGS: dict[str, Callable[[MainWindow], object]] = {
    # One sale of each state that `full_shop` knows.
    **{f"sale-{number}": lambda window, number=number: window.open_sale(number) for number in range(1, 13)},
    "receipt": lambda window: (window.day.select_sale(1), window.day.table.setFocus(), window.open_receipt()),
    "export": lambda window: window.open_export(),
    "payments": lambda window: window.unmatched_payments.open(),
    "messages": lambda window: window.unmatched_messages.open(),
    "settings": lambda window: window.open_settings(),
}


@pytest.mark.parametrize(("size", "language", "dark"), ALL if LOOK else CORNERS)
def test_no_dialog_is_cut_and_each_fits_the_screen(
    home: Path,
    open_till: Callable[[], Program],
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
    size: tuple[int, int, float],
    language: str,
    dark: bool,
) -> None:
    across, down, scale = size
    room = QRect(0, 0, int(across / scale), int((down - TASK_BAR) / scale))
    monkeypatch.setattr("pos_app.gui.widgets.fit.room_of_screen", lambda _window: room)
    fill(home / "practice" / "ledger.sqlite3", "practice", sales=24)
    monkeypatch.setenv("POS_APP_LANGUAGE", language)
    window = opened_in(open_till, dark=dark)
    qtbot.waitUntil(lambda: window._has_started and window.day.model.rowCount() == 24, timeout=20_000)
    name = f"{across}x{down}-{int(100 * scale)}-{language}-{'dark' if dark else 'light'}"
    faults = []
    for which, opened in DIALOGS.items():
        opened(window)
        qtbot.waitUntil(lambda: any(each.isVisible() for each in window.findChildren(QDialog)), timeout=5000)
        dialog = next(each for each in window.findChildren(QDialog) if each.isVisible())
        for shown in settings_tabs(dialog) if which == "settings" else [which]:
            # What it reads in the background is there when the reports' thread has nothing left to do.
            idle: list[Totals] = []
            window.queries.run(TotalsOfDay("2026-01-01"), owner=window).then(idle.append)
            qtbot.waitUntil(lambda: bool(idle), timeout=10_000)  # noqa: B023 - run at once
            settle()
            keep_picture(dialog, f"{name}-{shown}")
            if dialog.width() + FRAME_WIDTH > room.width() or dialog.height() + FRAME_HEIGHT > room.height():
                faults.append(f"{shown}: {dialog.size()} on {room.size()}")
            faults += [f"{shown}: {each}" for each in (*cut(dialog), *cut_lists(dialog))]
        dialog.close()
        qtbot.waitUntil(lambda: not any(each.isVisible() for each in window.findChildren(QDialog)), timeout=5000)
    assert faults == []


@pytest.mark.parametrize(("size", "language", "dark"), ALL if LOOK else CORNERS)
def test_nothing_is_cut_with_full_data(
    home: Path,
    open_till: Callable[[], Program],
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
    size: tuple[int, int, float],
    language: str,
    dark: bool,
) -> None:
    fill(home / "practice" / "ledger.sqlite3", "practice")
    monkeypatch.setenv("POS_APP_LANGUAGE", language)
    window = opened_in(open_till, dark=dark)
    across, down, scale = size
    width, height = int(across / scale), int((down - TITLE_BAR - TASK_BAR) / scale)
    window.showNormal()
    window.resize(width, height)
    qtbot.waitUntil(lambda: window._has_started and window.day.model.rowCount() == 500, timeout=20_000)
    name = f"{across}x{down}-{int(100 * scale)}-{language}-{'dark' if dark else 'light'}"
    assert (window.width(), window.height()) == (width, height), "it does not fit the screen"
    for text, field in (("250000", window.form.amount), ("0712345678", window.form.phone)):
        field.set_text(text)
    window.form.reference.set_text("WWWWWWWWWWWW")
    window.form.submit()
    qtbot.waitUntil(lambda: window.current.sale_at_hand is not None, timeout=10_000)
    for only in range(5):
        window.day._filters.button(only).click()
        qtbot.waitUntil(lambda: window.day.shows_what_was_asked, timeout=10_000)
        settle()
        keep_picture(window, f"{name}-{only}")
        assert cut(window) == [] and cut_cells(window) == []
        needs = (window.current._needed(), window.current._room, window.form.height(), window._left.viewport().height())
        assert not window._left.verticalScrollBar().isVisible(), f"the card has a scroll bar: {needs}"
