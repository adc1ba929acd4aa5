"""What the window says and offers while "paid" may have been said, and before a sale is typed in twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.program import environment
from fakes.scripted import Said, Script, Scripted, result, says
from gui.test_window import sale_dialog, sell, word
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.gui.app import Program
from pos_app.gui.main_window import MainWindow
from pos_app.ledger.reader import LedgerReader


@pytest.fixture
def open_shop(
    home: Path, open_till: Callable[[], Program], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> Iterator[Callable[..., MainWindow]]:
    """Opens the window over a script of M-PESA's."""
    servers: list[Scripted] = []

    def open_one(**scripts: Script) -> MainWindow:
        server = Scripted(**scripts)
        servers.append(server.__enter__())
        for name, value in environment(home, server.url).items():
            if name.startswith("POS_APP_"):
                monkeypatch.setenv(name, value)
        window = open_till().window
        assert isinstance(window, MainWindow)
        window.resize(1366, 768)
        qtbot.waitUntil(lambda: window._has_started, timeout=10_000)
        window.server = server
        return window

    yield open_one
    for server in servers:
        server.__exit__()


def button(parent: object, name: str) -> QAbstractButton:
    return parent.findChild(QAbstractButton, name)


def label(parent: object, name: str) -> str:
    return parent.findChild(QLabel, name).text()


def test_while_paid_is_said_the_card_offers_no_prompt_and_says_why(
    open_shop: Callable[..., MainWindow], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_app.bootstrap.check_pin", lambda *_: None)
    window = open_shop(query=says(result("1037"), result("0"), Said(b"", 503)))
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(lambda: label(window, "currentNext").startswith("M-PESA says paid."), timeout=10_000)
    assert not window.current.resend.isVisible()
    window.current.ask_resend()
    assert "keep the SMS" in label(window, "currentCustomer")
    window.open_sale(1)
    dialog = sale_dialog(window)
    qtbot.waitUntil(dialog.open_settle.isVisible, timeout=5000)
    assert not dialog.resend.isVisible() and not dialog.open_void.isVisible()
    assert label(dialog, "saleNext") == label(window, "currentNext")
    dialog.open_settle.click()
    for name, text in (("settle0", "0000"), ("settle1", "")):
        dialog.findChild(QLineEdit, name).setText(text)
    button(dialog, "settleConfirm").click()
    assert dialog.findChild(QLabel, "settleReason").isVisible(), "without a reason nothing is settled"
    dialog.findChild(QLineEdit, "settle1").setText("not in the statement")
    button(dialog, "settleConfirm").click()
    qtbot.waitUntil(dialog.open_void.isVisible, timeout=5000)
    assert len(window.server.asked["push"]) == 1


def test_settling_wants_the_managers_pin(open_shop: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = open_shop(query=says(result("1032"), result("0")))
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(lambda: word(window) == "M-PESA contradicts itself", timeout=10_000)
    window.open_sale(1)
    dialog = sale_dialog(window)
    qtbot.waitUntil(dialog.open_settle.isVisible, timeout=5000)
    dialog.open_settle.click()
    dialog.findChild(QLineEdit, "settle0").setText("9999")
    dialog.findChild(QLineEdit, "settle1").setText("not in the statement")
    button(dialog, "settleConfirm").click()
    qtbot.waitUntil(lambda: bool(label(dialog, "settleReason")), timeout=5000)
    with_reader = LedgerReader(window.installation.ledger)
    assert with_reader.sale(1).is_said_paid
    with_reader.close()


def test_the_same_sale_typed_in_again_asks_and_looks_first(open_shop: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = open_shop()
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(window.current.check.isVisible, timeout=5000)
    for field, text in (
        (window.form.amount, "100"),
        (window.form.phone, "0712345678"),
        (window.form.reference, "A0001"),
    ):
        field.set_text(text)
    window.form.submit()
    qtbot.waitUntil(lambda: window.findChild(QMessageBox) is not None, timeout=5000)
    box = window.findChild(QMessageBox)
    assert "is not confirmed yet" in box.text()
    assert box.defaultButton().text().replace("&", "") == "Check now"
    before = len(window.server.asked["query"])
    box.defaultButton().click()
    qtbot.waitUntil(lambda: len(window.server.asked["query"]) > before, timeout=5000)
    assert len(window.server.asked["push"]) == 1
    assert window.form.amount.text == "100", "what was typed stays"


def test_what_has_not_left_is_taken_back_on_the_card(open_shop: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = open_shop(token=says(Said({}, after_s=20)))
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(window.current.take_back.isVisible, timeout=5000)
    button(window, "takeBack").click()
    qtbot.waitUntil(lambda: window.current._changes[1][0].attempt.state is S.WITHDRAWN, timeout=5000)
    assert not window.current.take_back.isVisible()
    assert window.server.asked["push"] == []
