"""Everything by keys, and nothing that was typed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from fakes.network_printer import NetworkPrinter
from gui.test_fit import settle
from gui.test_window import pay, sell, word
from PySide6.QtCore import QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from pos_app.domain.values.ids import AttemptId
from pos_app.engine.commands import CheckNow, Command, RecheckClosed, Sender
from pos_app.gui.app import Program
from pos_app.gui.ledger.export_dialog import ExportDialog
from pos_app.gui.ledger.sale_dialog import SaleDialog
from pos_app.gui.main_window import MainWindow
from pos_app.gui.payments.view import InboxDialog
from pos_app.gui.printing import ReceiptDialog
from pos_app.gui.settings.dialog import SettingsDialog
from pos_app.gui.strays.view import StraysDialog
from pos_app.settings.effective import MpesaAccess

OPENED: dict[str, tuple[Callable[[MainWindow], object], type[QDialog]]] = {
    "sale": (lambda window: window.open_sale(1), SaleDialog),
    "receipt": (lambda window: window.open_receipt(), ReceiptDialog),
    "export": (lambda window: window.open_export(), ExportDialog),
    "payments": (lambda window: window.unmatched_payments.open(), InboxDialog),
    "messages": (lambda window: window.unmatched_messages.open(), StraysDialog),
    "settings": (lambda window: window.open_settings(), SettingsDialog),
}


@pytest.mark.parametrize("name", OPENED)
@pytest.mark.parametrize("way", ["escape", "button", "frame"])
def test_every_dialog_closes_by_every_way_and_there_is_one_of_a_kind(
    window: MainWindow, qtbot: QtBot, name: str, way: str
) -> None:
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=5000)
    opener, kind = OPENED[name]
    for _ in range(2):
        opener(window)
    qtbot.waitUntil(lambda: len(window.findChildren(kind)) == 1, timeout=5000)
    dialog = window.findChild(kind)
    if way == "escape":
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    elif way == "frame":
        dialog.close()
    else:
        closers = [each for each in dialog.findChildren(QWidget) if each.objectName().endswith(("Close", "Cancel"))]
        next(each for each in closers if each.isVisible()).click()
    qtbot.waitUntil(lambda: window.findChild(kind) is None, timeout=5000)


def test_f6_and_enter_print_the_receipt_of_the_payment_at_hand(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with NetworkPrinter() as printer:
        monkeypatch.setattr(window.installation.settings.printing, "printer", f"escpos:127.0.0.1:{printer.port}")
        sell(window, qtbot, "100", "0712345678")
        qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
        pay(window)
        qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
        QTest.keyClick(window, Qt.Key.Key_F6)
        dialog = window.findChild(ReceiptDialog)
        qtbot.waitUntil(lambda: dialog.focusWidget() is not None, timeout=5000)
        QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: printer.whole == 1, timeout=15_000)
        qtbot.waitUntil(lambda: "Handed" in dialog.findChild(QLabel, "receiptMessage").text(), timeout=5000)


def test_digits_that_no_field_of_a_dialog_takes_are_the_next_amount(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "100", "0712345678")
    dialog = window.open_sale(1)
    timeline = dialog.findChild(QWidget, "timeline")
    timeline.setFocus()
    # The focus may be late: all of them arrive at the dialog.
    QTest.keyClicks(timeline, "1250")
    assert window.form.amount.text == "1,250"
    dialog.ask_claim()
    QTest.keyClicks(dialog.findChild(QLineEdit, "claim0"), "12")
    assert window.form.amount.text == "1,250" and dialog.findChild(QLineEdit, "claim0").text() == "12"


def test_from_the_search_to_the_table_and_back(window: MainWindow, qtbot: QtBot) -> None:
    for number in range(2):
        sell(window, qtbot, str(100 + number), f"071234567{number}")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 2, timeout=5000)
    window.day.start_search()
    QTest.keyClicks(window.day.search, "A0001")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    QTest.keyClick(window.day.search, Qt.Key.Key_Down)
    assert window.day.selected_sale() == 1
    window.day.search.setFocus()
    QTest.keyClick(window.day.search, Qt.Key.Key_Escape)
    assert window.day.search.text() == "" and window.focusWidget() is window.form.amount.line


def test_f11_shows_what_is_to_check_and_then_the_table(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "100", "0712345678")
    QTest.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(lambda: window.day._filters.checkedId() == 4, timeout=5000)
    assert window.findChild(QWidget, "keyF11") is not None


def test_changed_settings_ask_before_they_are_thrown_away(window: MainWindow, qtbot: QtBot) -> None:
    window.open_settings()
    dialog = window.findChild(SettingsDialog)
    dialog.findChild(QLineEdit, "shop_name").setText("Mama Njeri")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    question = dialog.findChild(QMessageBox, "unsaved")
    question.button(QMessageBox.StandardButton.Cancel).click()
    assert dialog.isVisible() and dialog.findChild(QLineEdit, "shop_name").text() == "Mama Njeri"
    dialog.reject()
    throw = next(
        each for each in dialog.findChildren(QMessageBox)[-1].buttons() if each.text() == "Throw the changes away"
    )
    throw.click()
    qtbot.waitUntil(lambda: window.findChild(SettingsDialog) is None, timeout=5000)


@pytest.mark.parametrize("end", ["sent", "taken back", "too late"])
def test_a_request_before_the_till_is_ready_is_taken_and_sent_when_it_is(
    open_till: Callable[[], Program], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, end: str
) -> None:
    from pos_app.engine.engine import Engine

    gates: list[asyncio.Event] = []
    real = Engine.start

    async def slow(self: Engine, access: MpesaAccess) -> None:
        gate = asyncio.Event()
        gates.append(gate)
        await gate.wait()
        await real(self, access)

    monkeypatch.setattr(Engine, "start", slow)
    window = open_till().window
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: bool(gates), timeout=10_000)
    for text, field in (("100", window.form.amount), ("0712345678", window.form.phone)):
        field.set_text(text)
    window.form.reference.set_text("A1")
    window.form.submit()
    assert window.form.send.text() == "Take back" and window.form.send.isEnabled()
    if end == "taken back":
        window.form.send.click()
        assert window.form.send.text() == "Request payment" and window.form.amount.text == "100"
    elif end == "too late":
        monkeypatch.setattr("pos_app.gui.runtime.engine_thread.LEAVES_WITHIN_MS", -1)
    window.client.engine_thread._loop.call_soon_threadsafe(gates[0].set)
    qtbot.waitUntil(lambda: window._has_started, timeout=10_000)
    if end == "sent":
        qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=10_000)
        assert window.form.send.text() == "Request payment"
        return
    if end == "too late":
        qtbot.waitUntil(lambda: "nothing was sent" in window.form.amount.reason.text(), timeout=5000)
    window.client.execute(RecheckClosed(), owner=window).then(lambda _nothing: gates.clear())
    qtbot.waitUntil(lambda: not gates, timeout=5000)
    assert window.day.model.rowCount() == 0


def test_in_a_sales_dialog_the_keys_are_that_sales(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        sell(window, qtbot, str(100 + number), f"071234567{number}")
    qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=5000)
    dialog = window.open_sale(1)
    qtbot.waitUntil(dialog.check.isVisible, timeout=5000)
    dialog.activateWindow()
    asked: list[tuple[object, QObject]] = []
    execute = window.client.execute

    def keep(command: Command[object], *, owner: QObject, sender: Sender | None = None) -> object:
        asked.append((command, owner))
        return execute(command, owner=owner, sender=sender)

    monkeypatch.setattr(window.client, "execute", keep)
    dialog.findChild(QWidget, "timeline").setFocus()
    QTest.keyClick(dialog, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: bool(asked), timeout=5000)
    assert asked == [(CheckNow(AttemptId(1)), dialog)]


def test_what_waits_for_the_start_cannot_be_typed_over(window: MainWindow, qtbot: QtBot) -> None:
    window.form.amount.set_text("1250")
    window.form.wait_for_start()
    QTest.keyClicks(window.form.amount.line, "9")
    assert window.form.amount.text == "1,250"
    window.form.taken_back()
    QTest.keyClicks(window.form.amount.line, "9")
    assert window.form.amount.text == "9"


@pytest.mark.parametrize(("width", "between"), [(1366, "filter_all"), (900, "filterList")])
def test_the_tab_key_goes_from_the_search_over_the_filters_to_the_day(
    window: MainWindow, qtbot: QtBot, width: int, between: str
) -> None:
    for size in (900, 1366, width):
        window.resize(size, 690)
        settle()
    chain, widget = [], window.day.search
    while (widget := widget.nextInFocusChain()) is not window.day.search:
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            chain.append(widget.objectName())
    names = [name for name in chain if name in ("filter_all", "filterList", "dayPicker", "openSettings")]
    assert names == [between, "dayPicker", "openSettings"]


def test_what_is_in_no_hurry_stays_until_it_is_read(window: MainWindow) -> None:
    said = window.findChild(QLabel, "noticeText")
    window.notice.clear_all()
    window.notice.say_later("An exported day has changed.", "days")
    window.notice.say("A payment came.")
    assert said.text() == "A payment came."
    window.notice.clear_moment()
    assert said.text() == "An exported day has changed.", "it was only covered"
    window.notice.clear_moment()
    assert window.notice.isVisible(), "a sale that was accepted has not read it"
    window.notice.clear_all()
    assert not window.notice.isVisible()
    window.notice.say("A payment came.")
    window.notice.say_later("An exported day has changed.", "days")
    window.notice.clear("days")
    window.notice.clear_all()
    assert not window.notice.isVisible(), "it was taken back before it was read"
