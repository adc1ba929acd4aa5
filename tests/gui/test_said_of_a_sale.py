"""What is said of a sale, in the window: of the sale and not of its last prompt, never too much and never too early."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest
from fakes.network_printer import NetworkPrinter
from fakes.servers import Mpesa, Relay
from gui.conftest import on_backend
from gui.test_payments import check, open_inbox, pay_on_the_phone, text_of
from gui.test_window import pay, sell, word
from pypdf import PdfReader
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QDialog, QLabel, QLineEdit, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from pos_app.common import paths
from pos_app.domain.printing.receipt import Receipt
from pos_app.domain.sales.sale import SaleState
from pos_app.domain.stk.attempt import AttemptState
from pos_app.gui.ledger.export_dialog import ExportDialog
from pos_app.gui.ledger.sale_dialog import SaleDialog
from pos_app.gui.main_window import MainWindow
from pos_app.gui.payments.arrivals import Arrivals
from pos_app.gui.printing import ReceiptDialog
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.receipts.layout import Code, Text, lay_out
from pos_app.receipts.paper import PaperKind


def label(parent: object, name: str) -> str:
    return parent.findChild(QLabel, name).text()


def shown(parent: object, name: str) -> bool:
    return parent.findChild(QAbstractButton, name).isVisible()


def texts(receipt: Receipt) -> list[str]:
    return [element.text for element in lay_out(receipt) if isinstance(element, Text)]


def cancelled(window: MainWindow, qtbot: QtBot, amount: str = "60") -> None:
    sell(window, qtbot, amount, "0110222333")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    window.dock.cancel.click()
    qtbot.waitUntil(lambda: word(window) == "Cancelled", timeout=10_000)


def give_first(window: MainWindow, qtbot: QtBot) -> None:
    dialog = open_inbox(window, qtbot, 1)
    qtbot.waitUntil(lambda: dialog.sales.rowCount() == 1, timeout=5000)
    QTest.keyClick(dialog.payments, Qt.Key.Key_Return)


def test_a_sale_that_was_paid_by_hand_asks_for_nothing_more(window: MainWindow, qtbot: QtBot) -> None:
    cancelled(window, qtbot)
    pay_on_the_phone(window, "60")
    give_first(window, qtbot)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=5000)
    assert label(window, "currentCustomer") == "“Thank you, it is paid.”"
    assert not shown(window, "sendAgain") and shown(window, "currentReceipt")
    window.open_sale(1)
    dialog = window.findChildren(SaleDialog)[-1]
    qtbot.waitUntil(lambda: label(dialog, "saleState") == "Paid", timeout=5000)
    for of_card, of_dialog in (("currentCustomer", "saleCustomer"), ("currentNext", "saleNext")):
        assert label(window, of_card) == label(dialog, of_dialog)
    assert window.day.model.text_of(window.day.model.row_at(0), 4) == "Paid"
    assert not shown(dialog, "saleResend")


def test_more_than_is_due_asks_first_and_stays_to_check_with_its_amount(window: MainWindow, qtbot: QtBot) -> None:
    cancelled(window, qtbot)
    pay_on_the_phone(window, "784")
    give_first(window, qtbot)
    question = window.findChild(QMessageBox, "tooMuch")
    assert "KSh 784 is KSh 724 more than sale A0001 still needs (KSh 60)" in question.text()
    assert question.defaultButton() is question.button(QMessageBox.StandardButton.Cancel)
    question.button(QMessageBox.StandardButton.Cancel).click()
    assert window.day.model.row_at(0).sale.received_cents == 0
    give_first(window, qtbot)
    again = window.findChildren(QMessageBox)[-1]
    next(each for each in again.buttons() if each.text() == "Add it all the same").click()
    qtbot.waitUntil(lambda: word(window) == "Paid KSh 724 too much", timeout=5000)
    qtbot.waitUntil(lambda: label(window, "total_needs_you") == "1", timeout=5000)
    window.open_sale(1)
    dialog = window.findChildren(SaleDialog)[-1]
    qtbot.waitUntil(dialog.open_settle.isVisible, timeout=5000)
    assert "Pay the rest back" in label(dialog, "saleNext")


def test_the_money_of_an_open_prompt_is_not_called_a_payment_to_the_till(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    window.arrivals.said.connect(said.append)
    for number in range(3):
        sell(window, qtbot, str(90 + number), f"071234567{number}")
        qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
        pay(window)
        qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    assert said == [] and not window.notice.isVisible()


def test_what_was_said_of_a_payment_is_taken_back_once_it_has_its_sale(window: MainWindow, qtbot: QtBot) -> None:
    cancelled(window, qtbot)
    pay_on_the_phone(window, "60")
    qtbot.waitUntil(window.notice.isVisible, timeout=5000)
    assert "KSh 60 came straight to the till" in label(window, "noticeText")
    give_first(window, qtbot)
    qtbot.waitUntil(lambda: not window.notice.isVisible(), timeout=5000)


def test_a_payment_that_stays_unmatched_is_said_after_a_while(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_app.gui.payments.arrivals.TWIN_WITHIN_MS", 100)
    window.arrivals._timer.setInterval(50)
    sell(window, qtbot, "60", "0110222333")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    on_backend(window, lambda practice: practice.mpesa.pay_by_hand("254722000126", 60))
    qtbot.waitUntil(window.notice.isVisible, timeout=5000)
    assert isinstance(window.arrivals, Arrivals) and "KSh 60" in label(window, "noticeText")


def test_f6_is_the_payment_at_hand_and_a_slip_says_that_nothing_is_confirmed(window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert window.findChild(ReceiptDialog) is None and "no payment at hand" in label(window, "noticeText")
    sell(window, qtbot, "55", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    window.day.select_sale(1)
    sell(window, qtbot, "70", "0733000777")
    assert window.day.selected_sale() is None, "the row belongs to a customer who is gone"
    qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=5000)
    QTest.keyClick(window, Qt.Key.Key_F6)
    opened = window.findChild(ReceiptDialog)
    assert opened._row.sale.reference == "A0002" and "not confirmed" in opened.windowTitle()
    slip = window.receipts.receipt_of(opened._row)
    assert "Payment requested, not confirmed" in texts(slip) and "NOT PAID" not in " ".join(texts(slip))
    assert not [element for element in lay_out(slip) if isinstance(element, Code)]
    window.day.table.setFocus()
    window.day.select_sale(1)
    window.open_receipt()
    assert window.findChildren(ReceiptDialog)[-1]._row.sale.reference == "A0001"


def test_a_slip_makes_no_copy_of_the_receipt_and_a_second_press_no_second_original(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    sell(window, qtbot, "55", "0712345678")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    with NetworkPrinter() as printer:
        address = f"escpos:127.0.0.1:{printer.port}"
        window.receipts.print(window.day.model.row_at(0), PaperKind.MM80, address)
        qtbot.waitUntil(lambda: printer.whole == 1, timeout=10_000)
        pay(window)
        qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
        row = window.current.sale_at_hand
        assert not window.receipts.receipt_of(row).is_copy
        done = []
        window.receipts.done.connect(done.append)
        for _ in range(2):
            window.receipts.print(row, PaperKind.MM80, address)
        qtbot.waitUntil(lambda: bool(done), timeout=10_000)
        qtbot.waitUntil(lambda: not window.receipts._under_way, timeout=10_000)
        assert printer.whole == 2, "two originals"
        assert window.receipts.receipt_of(row).is_copy


def test_after_a_refusal_the_next_amount_takes_the_place_of_the_old_one(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "100", "0712345678")
    form = window.form
    form.amount.set_text("300")
    form.phone.set_text("0712345678")
    form.reference.set_text("!")
    form.submit()
    assert form.reference.line.selectedText() == "!"
    form.reference.set_text("A9")
    form.refuse("ledger.disk_full", {})
    assert form.amount.line.hasFocus()
    QTest.keyClicks(form.amount.line, "75")
    assert form.amount.text == "75"


def test_enter_goes_to_the_next_empty_field_without_red(window: MainWindow, qtbot: QtBot) -> None:
    form = window.form
    form.start_over()
    QTest.keyClicks(form.amount.line, "3*250+80")
    assert form.amount.hint.text() == "= KSh 830"
    QTest.keyClick(form.amount.line, Qt.Key.Key_Return)
    assert form.phone.line.hasFocus() and not form.phone.reason.isVisible()
    QTest.keyClicks(form.phone.line, "0712345678")
    QTest.keyClick(form.phone.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: form.amount.text == "", timeout=5000)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    assert window.day.model.row_at(0).sale.amount_cents == 83_000


def test_mpesas_wait_counts_down_and_then_the_button_is_lit(window: MainWindow, qtbot: QtBot) -> None:
    form = window.form
    form.phone.set_text("0712345678")
    form.refuse("sale.wait_phone", {"seconds": 2})
    assert "Wait 2 s." in form.phone.reason.text() and not form.send.isEnabled()
    assert label(window, "payByHand") == "Or pay by hand: Paybill 174379"
    qtbot.waitUntil(lambda: "Wait 1 s." in form.phone.reason.text(), timeout=5000)
    qtbot.waitUntil(form.send.isEnabled, timeout=5000)
    assert form.phone.reason.text() == "" and form.phone.text == "0712 345 678"


def test_a_code_read_with_an_o_for_a_zero_is_offered(window: MainWindow, qtbot: QtBot) -> None:
    pay_on_the_phone(window, "45")
    dialog = open_inbox(window, qtbot, 1)
    code = dialog.payments.item(0, 5).text()
    misread = code.translate(str.maketrans("01OI", "OI01"))
    if misread == code:
        misread = code.translate(str.maketrans("58SB", "SB58"))
    if misread == code:
        pytest.skip("this code has no sign that is taken for another")
    check(dialog, f"{misread} Imethibitishwa. Umelipa Ksh45.00 kwa DUKA LETU 24/11/26 10:42 AM")
    qtbot.waitUntil(lambda: text_of(dialog, "codeWord") == "Is it this one?", timeout=5000)
    dialog.findChild(QPushButton, "offerCode").click()
    qtbot.waitUntil(lambda: text_of(dialog, "codeWord") == "Received", timeout=5000)


@pytest.mark.parametrize("way", ["escape", "button", "frame"])
def test_the_export_dialog_closes_by_every_way_and_opens_once(window: MainWindow, qtbot: QtBot, way: str) -> None:
    for _ in range(2):
        QTest.keyClick(window, Qt.Key.Key_F7)
    dialogs = window.findChildren(ExportDialog)
    assert len(dialogs) == 1
    close(dialogs[0], way, "exportCancel")
    qtbot.waitUntil(lambda: window.findChild(ExportDialog) is None, timeout=5000)


def close(dialog: QDialog, way: str, name: str) -> None:
    if way == "escape":
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    elif way == "button":
        dialog.findChild(QAbstractButton, name).click()
    else:
        dialog.close()


def test_nobodys_name_is_a_word_of_the_ledger(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled(window, qtbot)
    monkeypatch.setattr(
        "pos_app.common.i18n._active", gettext.translation("pos_app", paths.resources() / "locale", ["sw"])
    )
    assert window.client.cashier.actor.name == "cashier" and window.client.manager("0000").actor.name == "manager"


def test_a_prompt_that_is_open_beside_the_money_is_named(
    real_shop: tuple[Mpesa, Relay], window: MainWindow, qtbot: QtBot
) -> None:
    mpesa, _relay = real_shop
    mpesa.customer("254712345678", habit=CustomerBehaviour.WAITS)
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=10_000)
    row = window._reader.sale(1)
    from dataclasses import replace

    from pos_app.texts.states import words_of_sale

    paid = replace(row, sale=replace(row.sale, received_cents=row.sale.amount_cents))
    assert paid.sale.state is SaleState.PAID and paid.attempt.state is AttemptState.PENDING
    assert "without a PIN" in words_of_sale(paid).step


def test_a_receipt_for_a4_is_a_whole_sheet(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    cancelled(window, qtbot)
    QTest.keyClick(window, Qt.Key.Key_F6)
    dialog = window.findChild(ReceiptDialog)
    combo = dialog.findChild(QComboBox, "receiptPaper")
    combo.setCurrentIndex(combo.findData("a4"))
    size = dialog._picture.pixmap().size()
    assert abs(size.height() / size.width() - 297 / 210) < 0.02, "as long as the sheet, not as the text"
    with qtbot.waitSignal(window.receipts.done, timeout=10_000):
        dialog.save_to(tmp_path / "a4.pdf")
    page = PdfReader(tmp_path / "a4.pdf").pages[0].mediabox
    assert abs(float(page.height) / float(page.width) - 297 / 210) < 0.02


def test_a_paid_card_names_amount_code_and_payer(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "55", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    code = window.current.sale_at_hand.codes[0]
    qtbot.waitUntil(lambda: window._payment_of(code) is not None, timeout=10_000)
    payer = window._payment_of(code).first_name
    assert payer
    qtbot.waitUntil(lambda: label(window, "currentLine").endswith(f"{code} · {payer}"), timeout=5000)
    assert label(window, "currentAmount") == "KSh 55"


def test_a_receipt_that_did_not_come_out_is_said_where_nobody_looks_at_it(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "55", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    window.receipts.print(window.current.sale_at_hand, PaperKind.MM80, "escpos:")
    qtbot.waitUntil(window.notice.isVisible, timeout=5000)
    assert label(window, "noticeText").startswith("The receipt was not printed: A printer's address")


def test_a_wrong_pin_takes_no_notice_away(window: MainWindow, qtbot: QtBot) -> None:
    cancelled(window, qtbot)
    dialog = window.open_sale(1)
    qtbot.waitUntil(lambda: dialog._full is not None, timeout=5000)
    window.notice.say("Sale A9 is to check", is_bad=True, sale_id=9)
    dialog._ask(dialog.settle)
    refused = dialog.findChild(QLabel, "settleReason")
    for pin, note in (("1111", "looked"), ("0000", "looked")):
        dialog.findChild(QLineEdit, "settle0").setText(pin)
        dialog.findChild(QLineEdit, "settle1").setText(note)
        dialog.findChild(QAbstractButton, "settleConfirm").click()
        qtbot.waitUntil(lambda: refused.isVisible() or not dialog.settle.isVisible(), timeout=5000)
        assert window.notice.isVisible(), "it is about another sale"


def test_f9_goes_to_the_payments_and_f4_to_the_code(window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(window, Qt.Key.Key_F9)
    dialog = window.unmatched_payments.dialog()
    qtbot.waitUntil(dialog.isVisible, timeout=5000)
    assert dialog.focusWidget() is dialog.payments
    window.open_code_check()
    assert dialog.focusWidget() is dialog.code.line
