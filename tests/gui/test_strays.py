"""Messages that belong to no payment, as a cashier meets them: under Needs you, with a step, until settled."""

from __future__ import annotations

import json

import pytest
from fakes.servers import Mpesa, Relay
from gui.test_window import choose_filter
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from pos_app.common.http import HttpClient, Request, Timeouts
from pos_app.domain.mpesa.unmatched_message import UnmatchedMessage
from pos_app.gui.main_window import MainWindow
from pos_app.gui.strays.presenter import StrayRow, row_of
from pos_app.gui.strays.view import StraysDialog
from pos_app.ledger.reader import Filter


@pytest.fixture
def relay(real_shop: tuple[Mpesa, Relay]) -> Relay:
    return real_shop[1]


def callback(code: object, **metadata: object) -> bytes:
    items = [{"Name": name, "Value": value} for name, value in metadata.items()]
    inner = {"ResultCode": code, "ResultDesc": "Hand over the goods!", "CallbackMetadata": {"Item": items}}
    return json.dumps({"Body": {"stkCallback": inner}}).encode()


def send(relay: Relay, *bodies: bytes) -> None:
    web = HttpClient(Timeouts(2, 10, 12), use_proxies=False)
    for body in bodies:
        assert web.send(Request("POST", f"{relay.url}/c/till-1/nobodys-token", {}, body)).status == 200
    web.close()


def shown(window: QWidget, name: str) -> str:
    return window.findChild(QLabel, name).text()


def test_they_wait_under_needs_you_and_leave_when_settled(relay: Relay, window: MainWindow, qtbot: QtBot) -> None:
    send(relay, callback(0, Amount=500, MpesaReceiptNumber="TKN7RT61SV"), b"not json", callback(1032))
    qtbot.waitUntil(lambda: shown(window, "total_needs_you") == "3", timeout=10_000)
    strip = window.findChild(QWidget, "straysStrip")
    assert not strip.isVisible(), "All shows sales only"
    choose_filter(window, Filter.NEEDS_YOU)
    qtbot.waitUntil(strip.isVisible, timeout=5000)
    assert "3 messages" in shown(window, "straysText")
    window.findChild(QPushButton, "straysOpen").click()
    dialog = window.findChild(StraysDialog)
    qtbot.waitUntil(lambda: dialog.list.rowCount() == 3, timeout=5000)
    texts = [[dialog.list.item(row, column).text() for column in (1, 2, 3)] for row in range(3)]
    assert texts == [
        ["", "not paid, for a prompt that is not in this ledger", ""],
        ["", "cannot be read", ""],
        ["KSh 500", "paid, for a prompt that is not in this ledger", "TKN7RT61SV"],
    ]
    assert "Hand over the goods!" not in " ".join(label.text() for label in dialog.findChildren(QLabel))
    dialog.list.clearSelection()
    dialog.list.select_too(1)
    QTest.keyClick(dialog.list, Qt.Key.Key_Return)
    why = dialog.findChild(QLineEdit, "straysWhy0")
    QTest.keyClick(why, Qt.Key.Key_Return)
    assert "Say what was done" in shown(dialog, "straysWhyReason")
    dialog.list.clearSelection()
    QTest.keyClick(why, Qt.Key.Key_Return)
    assert shown(dialog, "straysWhyReason").startswith("Choose the messages first")
    dialog.list.select_too(1)
    QTest.keyClicks(why, "a test of the relay")
    QTest.keyClick(why, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.list.rowCount() == 2, timeout=5000)
    assert shown(dialog, "straysMessage").startswith("Settled")
    assert not dialog.list.selectedIndexes(), "nothing that was not chosen is chosen now"
    window.findChild(QPushButton, "straysSettle").click()
    assert shown(dialog, "straysMessage").startswith("Choose the messages first")
    qtbot.waitUntil(lambda: shown(window, "total_needs_you") == "2", timeout=5000)
    dialog.list.selectAll()
    window.findChild(QPushButton, "straysSettle").click()
    QTest.keyClicks(why, "the copy of yesterday was put back")
    QTest.keyClick(why, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shown(dialog, "straysTitle") == "Every message is settled", timeout=5000)
    qtbot.waitUntil(lambda: not strip.isVisible(), timeout=5000)
    assert not window.findChild(QPushButton, "straysSettle").isEnabled()
    dialog.findChild(QCheckBox, "straysWithSettled").click()
    qtbot.waitUntil(lambda: dialog.list.rowCount() == 3, timeout=5000)
    assert dialog.list.item(1, 2).text().endswith("Settled by cashier: a test of the relay")
    assert shown(dialog, "straysTitle") == "Every message is settled"
    dialog.close()
    send(relay, b"one more")
    qtbot.waitUntil(strip.isVisible, timeout=10_000)


@pytest.mark.parametrize(
    ("body", "is_payment", "expected"),
    [
        (None, False, StrayRow(1, 0, "sealed: its key is not beside this ledger")),
        (b"[", True, StrayRow(1, 0, "cannot be read")),
        (callback(0, Amount="ten", MpesaReceiptNumber="<b>x</b>"), False,
         StrayRow(1, 0, "paid, for a prompt that is not in this ledger")),
        (b'{"TransID":"TKN7RT61SV","TransAmount":"20","BusinessShortCode":"999999"}', True,
         StrayRow(1, 0, "a payment straight to a number, which this till could not take", 2_000, "TKN7RT61SV")),
    ],
)  # fmt: skip
def test_only_what_is_recognised_is_shown(body: bytes | None, is_payment: bool, expected: StrayRow) -> None:
    assert row_of(UnmatchedMessage(1, 0, body, is_payment)) == expected
