"""The bar at the top: names of any length give way, and what the services say does not."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint
from PySide6.QtGui import QAccessible, QHelpEvent
from PySide6.QtWidgets import QLabel, QToolTip
from pytestqt.qtbot import QtBot

from pos_app.engine.updates import Health, Service
from pos_app.gui.frame import TopBar
from pos_app.gui.widgets.elided_label import ElidedLabel

SHOP, TILL, CASHIER = (
    "Duka la Jumla la Mama Wanjiku na Wanawe, Soko la Gikomba",
    "Till 3 (juu)",
    "Nyambura Kariuki-Otieno",
)


@pytest.mark.parametrize(("width", "is_cut"), [(1024, True), (1920, False)])
def test_long_names_give_way_and_are_whole_in_their_tips(qtbot: QtBot, width: int, is_cut: bool) -> None:
    bar = TopBar(SHOP, TILL, CASHIER)
    qtbot.addWidget(bar)
    bar.show_status(Service.PRINTER, Health.DOWN, "haipatikani", "")
    bar.show_status(Service.LEDGER, Health.DEGRADED, "diski imejaa karibu", "")
    bar.resize(width, 42)
    with qtbot.waitExposed(bar):
        bar.show()
    assert bar.width() == width, "the bar is wider than the window"
    shop = bar.findChild(ElidedLabel, "shopName")
    assert isinstance(shop, ElidedLabel) and shop.text() == SHOP
    assert QAccessible.queryAccessibleInterface(shop).text(QAccessible.Text.Name) == SHOP
    assert shop.shown.endswith("…") is is_cut
    tip = QHelpEvent(QEvent.Type.ToolTip, QPoint(2, 2), shop.mapToGlobal(QPoint(2, 2)))
    QCoreApplication.sendEvent(shop, tip)
    assert QToolTip.text() == (SHOP if is_cut else "")
    shop.setText("Duka")
    assert shop.shown == "Duka" and QAccessible.queryAccessibleInterface(shop).text(QAccessible.Text.Name) == "Duka"
    for status in bar.findChildren(QLabel):
        if not isinstance(status, ElidedLabel):
            assert status.width() >= status.sizeHint().width(), f"{status.text()} is cut"
        assert status.mapTo(bar, status.rect().topRight()).x() < width


def test_short_names_are_as_wide_as_they_are(qtbot: QtBot) -> None:
    bar = TopBar("Duka", "Till 1", "Asha")
    qtbot.addWidget(bar)
    bar.resize(1024, 42)
    with qtbot.waitExposed(bar):
        bar.show()
    assert [bar.findChild(ElidedLabel, name).shown for name in ("shopName", "tillLabel", "cashier")] == [
        "Duka", "Till 1", "Asha",
    ]  # fmt: skip
