"""Payments made straight to the till, as a cashier sees them: F9, a list, Enter."""

from __future__ import annotations

import pytest
from fakes.servers import Mpesa, Relay
from PySide6.QtCore import QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from pos_app.domain.c2b.payment import C2bPayment, OpenSale, Use
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.engine.commands import AllocatePayment
from pos_app.gui.main_window import MainWindow
from pos_app.gui.payments.presenter import verdict_of
from pos_app.gui.payments.view import InboxDialog
from pos_app.gui.runtime.request import Request
from pos_app.gui.theme import Tone
from pos_app.gui.widgets.row_list import RowList
from pos_app.ledger.queries.unmatched import CodeLookup, Unmatched

BUYER = "254722000126"


def sell(window: MainWindow, qtbot: QtBot, amount: str, phone: str) -> None:
    qtbot.waitUntil(lambda: window.form.reference.text != "", timeout=10_000)
    for text, field in ((amount, window.form.amount), (phone, window.form.phone)):
        field.set_text(text)
    window.form.submit()
    qtbot.waitUntil(lambda: window.form.amount.text == "", timeout=5000)


def pay_on_the_phone(window: MainWindow, shillings: str) -> None:
    """The customer types an amount and pays the till, without a prompt."""
    for digit in shillings:
        window.dock.findChild(QPushButton, f"key_{digit}").click()
    window.dock.findChild(QPushButton, "key_Pay").click()


def open_inbox(window: MainWindow, qtbot: QtBot, payments: int) -> InboxDialog:
    window.unmatched_payments.open()
    dialog = window.findChild(InboxDialog)
    qtbot.waitUntil(lambda: dialog.payments.rowCount() == payments, timeout=5000)
    return dialog


def text_of(dialog: InboxDialog, name: str) -> str:
    return dialog.findChild(QLabel, name).text()


def check(dialog: InboxDialog, code: str) -> None:
    dialog.code.line.clear()
    QTest.keyClicks(dialog.code.line, code)
    QTest.keyClick(dialog.code.line, Qt.Key.Key_Return)


def test_a_payment_by_hand_shows_at_once_and_one_key_gives_it_to_its_sale(window: MainWindow, qtbot: QtBot) -> None:
    pay_on_the_phone(window, "620")
    key = window.findChild(QPushButton, "keyF9")
    qtbot.waitUntil(lambda: "(1)" in key.text(), timeout=10_000)
    assert "KSh 620" in window.findChild(QLabel, "noticeText").text()
    sell(window, qtbot, "90", "0712345678")
    sell(window, qtbot, "620", "0733000777")
    QTest.keyClick(window, Qt.Key.Key_F9)
    dialog = open_inbox(window, qtbot, 1)
    assert len(window.findChildren(InboxDialog)) == 1
    assert [dialog.payments.item(0, column).text() for column in (1, 3)] == ["KSh 620", "•••126"]
    qtbot.waitUntil(lambda: dialog.sales.rowCount() == 2, timeout=5000)
    assert dialog.sales.item(0, 1).text() == "KSh 620", "the likeliest sale stands first"
    QTest.keyClick(dialog.payments, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: text_of(dialog, "inboxMessage") == "Added to sale A0002.", timeout=5000)
    qtbot.waitUntil(lambda: "(" not in key.text(), timeout=5000)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 2, timeout=5000)
    qtbot.waitUntil(lambda: window.day.model.row_at(0).codes != (), timeout=5000)
    assert window.findChild(QLabel, "total_paid").text() == "KSh 620"
    code = window.day.model.row_at(0).codes[0]
    check(dialog, code)
    qtbot.waitUntil(lambda: text_of(dialog, "codeWord") == "Paid sale A0002", timeout=5000)
    assert "KSh 620" in text_of(dialog, "codeSentence")
    dialog.findChild(QPushButton, "takeBack").click()
    QTest.keyClick(dialog.findChild(QLineEdit, "takeBackWhy0"), Qt.Key.Key_Return)
    assert "Say why" in dialog.findChild(QLabel, "takeBackWhyReason").text()
    QTest.keyClicks(dialog.findChild(QLineEdit, "takeBackWhy0"), "wrong sale")
    QTest.keyClick(dialog.findChild(QLineEdit, "takeBackWhy0"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: text_of(dialog, "codeWord") == "Received", timeout=5000)
    qtbot.waitUntil(lambda: dialog.payments.rowCount() == 1, timeout=5000)


def test_the_three_answers_to_a_code(window: MainWindow, qtbot: QtBot) -> None:
    pay_on_the_phone(window, "45")
    dialog = open_inbox(window, qtbot, 1)
    code = dialog.payments.item(0, 5).text()
    check(dialog, f"{code} Confirmed. Ksh45.00 sent to SHOP")
    qtbot.waitUntil(lambda: text_of(dialog, "codeWord") == "Received", timeout=5000)
    assert "KSh 45" in text_of(dialog, "codeSentence")
    check(dialog, "NOBODY1234")
    qtbot.waitUntil(lambda: text_of(dialog, "codeWord") == "Not received", timeout=5000)
    assert "Do not hand over the goods" in text_of(dialog, "codeSentence")
    check(dialog, "12")
    assert "not an M-PESA code" in dialog.findChild(QLabel, "checkCodeReason").text()
    assert not dialog.findChild(QLabel, "codeWord").isVisible()
    assert not dialog.attach.isEnabled(), "no sale is open"


def test_what_another_till_took_is_said() -> None:
    payment = C2bPayment("TKN7RT61SV", Cents(100), 0, use=Use.ELSEWHERE, taken_by="back")
    verdict = verdict_of(CodeLookup("TKN7RT61SV", payment, None))
    assert (verdict.word, verdict.tone) == ("Already used", Tone.NOT_PAID) and "back" in verdict.sentence


def test_an_empty_inbox_says_so(window: MainWindow, qtbot: QtBot) -> None:
    dialog = open_inbox(window, qtbot, 0)
    qtbot.waitUntil(lambda: "All payments are matched" in text_of(dialog, "inboxEmpty"), timeout=5000)
    dialog._show(Unmatched([], [], 2))
    assert "2 messages" in text_of(dialog, "inboxEmpty")
    window.unmatched_payments.open()
    assert len(window.findChildren(InboxDialog)) == 1


def test_registered_from_settings_and_the_second_time_explained(
    real_shop: tuple[Mpesa, Relay], window: MainWindow, qtbot: QtBot
) -> None:
    window.open_settings()
    dialog = window.findChild(QWidget, "settingsDialog")
    heard = dialog.findChild(QLabel, "registerHeard")
    for wanted in ("Registered.", "Another system"):
        dialog.findChild(QPushButton, "registerPayments").click()
        assert "no other system" in heard.text()
        dialog.findChild(QPushButton, "registerNow").click()
        qtbot.waitUntil(lambda wanted=wanted: heard.text().startswith(wanted), timeout=10_000)
    dialog.close()
    mpesa = real_shop[0]
    mpesa.call(lambda: mpesa.mpesa.pay_by_hand(BUYER, 70))
    open_inbox(window, qtbot, 1)


def test_what_was_chosen_stays_chosen_and_what_is_gone_chooses_nothing_else(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def payment(code: str) -> C2bPayment:
        return C2bPayment(code, Cents(5_000), 1_795_000_000_000)

    def sale(number: int) -> OpenSale:
        return OpenSale(SaleId(number), Reference(f"A{number}"), Cents(5_000), 1_795_000_000_000, "000")

    sales, wanted = [sale(1), sale(2), sale(3)], []

    def keep(command: AllocatePayment, *, owner: QObject) -> Request[object]:
        wanted.append((command.mpesa_code, command.sale_id))
        return Request(owner, lambda _error: None)

    dialog = open_inbox(window, qtbot, 0)
    monkeypatch.setattr(dialog.client, "execute", keep)
    dialog._show(Unmatched([payment("ONE0000001"), payment("TWO0000002")], sales, 0))
    dialog.payments.selectRow(1)
    dialog.sales.selectRow(2)
    chosen = dialog._matches[2].sale.id
    dialog._show(Unmatched([payment("NEW0000003"), payment("ONE0000001"), payment("TWO0000002")], [*sales, sale(4)], 0))
    assert dialog._payment().mpesa_code == "TWO0000002"
    for _ in range(2):
        QTest.keyClick(dialog.sales, Qt.Key.Key_Return)
    assert wanted == [("TWO0000002", chosen)], "Enter twice asks once"
    dialog.show_outcome("done", is_good=True)
    dialog._show(Unmatched([payment("NEW0000003"), payment("ONE0000001")], sales, 0))
    assert dialog._payment() is None
    QTest.keyClick(dialog.payments, Qt.Key.Key_Return)
    assert len(wanted) == 1, "another payment is not given away in its place"


def test_columns_give_way_by_the_room_alone_and_never_flicker(qtbot: QtBot) -> None:
    rows = RowList("rows", "Rows", ["Time", "Amount", "Name of the payer", "A long heading", "M-PESA code"], 2, (3, 0))
    qtbot.addWidget(rows)
    rows.show_rows([["10:42", "KSh 249,999", "Nyambura-Wambui", "x", "TKN7RT61SV"]] * 3, 0)
    rows.show()

    def hidden(width: int) -> list[int]:
        rows.resize(width, 200)
        QApplication.processEvents()
        return [column for column in range(5) if rows.isColumnHidden(column)]

    widths = range(200, 700, 4)
    narrowing = [hidden(width) for width in reversed(widths)]
    assert [hidden(width) for width in widths] == narrowing[::-1], "the way there is the way back"
    assert narrowing[0] == [] and narrowing[-1] == [0, 3]
    counts = [len(each) for each in narrowing]
    assert counts == sorted(counts), "nothing comes back while it gets narrower"
