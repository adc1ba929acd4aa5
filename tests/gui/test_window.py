"""The cashier's window, driven as a cashier drives it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes.recording import record_sale
from gui.conftest import on_backend
from gui.test_fit import cut_labels, settle
from PySide6.QtCore import QCoreApplication, QDate, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QDateEdit,
    QLabel,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pos_app.common.clock import SystemClock, day_of
from pos_app.common.errors import Outside
from pos_app.domain.sales.sale import Draft
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.engine.updates import EngineStarted
from pos_app.exports.sales import Format, export
from pos_app.gui import theme
from pos_app.gui.app import Program
from pos_app.gui.ledger import day_view
from pos_app.gui.ledger.export_dialog import ExportDialog
from pos_app.gui.ledger.model import Column
from pos_app.gui.ledger.sale_dialog import SaleDialog
from pos_app.gui.main_window import MainWindow
from pos_app.gui.problem import Problem
from pos_app.gui.runtime.query_runner import LedgerSource
from pos_app.ledger import backups
from pos_app.ledger.queries.query import Query
from pos_app.ledger.queries.sales import LastReference
from pos_app.ledger.reader import Filter, LedgerReader
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter
from pos_app.receipts.paper import PaperKind

Tab, Enter = Qt.Key.Key_Tab, Qt.Key.Key_Return


def press(window: MainWindow, key: Qt.Key) -> None:
    QTest.keyClick(window.focusWidget() or window, key)


def type_in(window: MainWindow, text: str) -> None:
    QTest.keyClicks(window.focusWidget(), text)


def sell(window: MainWindow, qtbot: QtBot, amount: str, phone: str) -> None:
    # The next order is suggested as soon as the ledger was read.
    qtbot.waitUntil(lambda: window.form.reference.text != "", timeout=10_000)
    window.form.start_over()
    type_in(window, amount)
    press(window, Tab)
    type_in(window, phone)
    press(window, Tab)
    press(window, Enter)
    qtbot.waitUntil(lambda: window.form.amount.text == "", timeout=5000)


def choose_filter(window: MainWindow, only: Filter) -> None:
    """By the row of choices, or by the list that stands for it on a narrow window."""
    chip = window.findChild(QAbstractButton, f"filter_{only}")
    if chip is not None:
        chip.click()
        return
    numbers = [each for each, _text in day_view._FILTERS]
    window.findChild(QComboBox, "filterList").setCurrentIndex(numbers.index(only))


def word(window: MainWindow) -> str:
    return window.findChild(QLabel, "currentState").text()


def test_a_whole_sale_by_keys_then_the_pin(window: MainWindow, qtbot: QtBot) -> None:
    assert window.form.reference.text == "A0001"
    sell(window, qtbot, "1250", "0712345678")
    assert window.form.amount.line.hasFocus()
    assert window.form.reference.text == "A0002"
    qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=5000)
    assert "0712\u00a0345\u00a0678" in window.findChild(QLabel, "currentLine").text()
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    qtbot.waitUntil(lambda: window.findChild(QLabel, "total_paid").text() == "KSh 1,250", timeout=5000)
    row = window.day.model.row_at(0)
    assert row.codes and row.attempt.phone_masked == "0712•••678"
    assert window.form.amount.line.hasFocus()
    assert row.codes[0] in window.findChild(QLabel, "phoneText").text()


def test_cancelled_by_the_customer_and_the_button_counts_down(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "300", "0110222333")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    window.dock.cancel.click()
    qtbot.waitUntil(lambda: word(window) == "Cancelled", timeout=10_000)
    assert not window.current.resend.isEnabled()
    assert re.fullmatch(r"Send again in [12]:[0-5][0-9]", window.current.resend.text())
    footer = window.current.findChild(QLabel, "currentFooter").text()
    assert footer == "Send again (F8): a new prompt, same phone."


def test_several_payments_wait_together(window: MainWindow, qtbot: QtBot) -> None:
    for number in range(3):
        sell(window, qtbot, str(100 + number), f"071234567{number}")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 3, timeout=5000)
    qtbot.waitUntil(lambda: window.findChild(QLabel, "total_waiting").text() == "3", timeout=5000)
    assert "Also open: 2." in window.findChild(QLabel, "currentFooter").text()


def test_amount_and_phone_are_spelled_as_they_are_typed(window: MainWindow) -> None:
    form = window.form
    QTest.keyClicks(form.amount.line, "1250000")
    assert form.amount.text == "1,250,000"
    QTest.keyClick(form.amount.line, Qt.Key.Key_Backspace)
    assert form.amount.text == "125,000"
    QTest.keyClicks(form.phone.line, "0712345678")
    assert form.phone.text == "0712 345 678"
    form.phone.line.clear()
    form.phone.line.insert("+254-712-345-678")
    form.phone.line.textEdited.emit(form.phone.text)
    assert form.phone.text == "0712 345 678"


@pytest.mark.parametrize(
    ("amount", "phone", "reference", "wrong"),
    [("", "0712345678", "A1", "amount"), ("0", "0712345678", "A1", "amount"), ("-5", "0712345678", "A1", "amount"),
     ("1.5", "0712345678", "A1", "amount"), ("250001", "0712345678", "A1", "amount"), ("1e3", "0712345678", "A1", "amount"),
     ("\u0661\u0662", "0712345678", "A1", "amount"), ("10", "0712", "A1", "phone"), ("10", "+255712345678", "A1", "phone"),
     ("10", "0202222222", "A1", "phone"), ("10", "0712345678", "A" * 13, "reference"), ("10", "0712345678", "A😀", "reference")],
)  # fmt: skip
def test_bad_input_is_explained_beside_its_field_and_nothing_typed_is_lost(
    window, amount, phone, reference, wrong
) -> None:
    form = window.form
    for field, text in ((form.amount, amount), (form.phone, phone), (form.reference, reference)):
        field.set_text(text)
    before = [field.text for field in (form.amount, form.phone, form.reference)]
    form.submit()
    reason = window.findChild(QLabel, f"{wrong}Reason")
    assert reason.isVisible() and len(reason.text()) > 10
    assert [field.text for field in (form.amount, form.phone, form.reference)] == before
    assert window.findChild(QLineEdit, wrong).hasFocus()
    assert window.day.model.rowCount() == 0


def test_the_wait_of_mpesas_rules_is_told_beside_the_phone(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "100", "0712345678")
    form = window.form
    form.amount.set_text("100")
    form.phone.set_text("0712345678")
    form.submit()
    qtbot.waitUntil(lambda: "Wait" in window.findChild(QLabel, "phoneReason").text(), timeout=5000)
    assert form.amount.text == "100"


def test_search_filters_and_the_sale_in_full(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "100", "0712345678")
    sell(window, qtbot, "200", "0722000111")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 2, timeout=5000)
    window.day.start_search()
    QTest.keyClicks(window.day.search, "111")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    assert window.day.model.row_at(0).sale.reference == "A0002"
    window.day.search.clear()
    choose_filter(window, Filter.PAID)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 0, timeout=5000)
    assert window.findChild(QLabel, "emptySentence").isVisible()
    choose_filter(window, Filter.ALL)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 2, timeout=5000)
    window.day.select_sale(1)
    QTest.keyClick(window.day.table, Enter)
    dialog = next(found for found in window.findChildren(QWidget) if found.objectName() == "saleDialog")
    qtbot.waitUntil(lambda: dialog.findChild(QWidget, "timeline").count() >= 3, timeout=5000)
    assert not dialog.isModal()
    dialog.close()


def test_every_widget_has_a_name_for_screen_readers(window: MainWindow, qtbot: QtBot) -> None:
    window.open_settings()
    window.open_export()
    kinds = (QAbstractButton, QLineEdit, QComboBox, QDateEdit, QPlainTextEdit)
    nameless = [
        (type(widget).__name__, widget.objectName())
        for widget in window.findChildren(QWidget)
        if isinstance(widget, kinds)
        and not widget.objectName().startswith("qt_")
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    # Calendar pop-ups are Qt's own.
    assert [found for found in nameless if "calendar" not in found[1].lower()] == []


def test_the_table_behaves_as_a_model_must(window: MainWindow, qtbot: QtBot) -> None:
    tester = QAbstractItemModelTester(window.day.model, QAbstractItemModelTester.FailureReportingMode.Warning)
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    assert window.day.model.data(window.day.model.index(0, Column.AMOUNT)) == "100"
    assert tester is not None


def cut_widgets(window: MainWindow) -> list[str]:
    """What a person could not read or reach."""
    cut = []
    for name in ("requestPayment", "amount", "phone", "reference", "search", "dayPicker", "openSettings"):
        widget = window.findChild(QWidget, name)
        corner = widget.mapTo(window, widget.rect().bottomRight())
        if not widget.isVisible() or corner.x() >= window.width() or corner.y() >= window.height():
            cut.append(name)
    cut += [line.objectName() for line in window.findChildren(QLineEdit) if line.isVisible() and line.height() < 30]
    boxes = [box for box in window.findChildren(QCheckBox) if box.isVisible()]
    cut += [box.text() for box in boxes if box.sizeHint().width() > box.width()]
    cut += cut_labels(window)
    return cut


@pytest.mark.parametrize("size", [(1366, 768), (1024, 600), (911, 512)])
def test_nothing_is_cut_in_kiswahili(
    open_till: Callable[[], Program], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("POS_APP_LANGUAGE", "sw")
    window = open_till().window
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: "ms" in window.findChild(QWidget, "lightRelay").accessibleName(), timeout=10_000)
    window.resize(*size)
    sell(window, qtbot, "1250", "0712345678")
    qtbot.waitUntil(lambda: word(window) == "Inasubiri PIN", timeout=5000)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    qtbot.waitUntil(lambda: not cut_widgets(window), timeout=3000)
    save_picture(window, f"window-{size[0]}x{size[1]}-kiswahili")
    box = QMessageBox(QMessageBox.Icon.Question, "", "", QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No)
    assert [box.button(which).text() for which in (box.StandardButton.Yes, box.StandardButton.No)] == [
        "Ndiyo",
        "Hapana",
    ]


def save_picture(window: QWidget, name: str) -> None:
    """For a person to look at."""
    picture = Path("build/screens") / f"{name}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    assert window.grab().save(str(picture))


@pytest.mark.parametrize("size", [(1366, 768), (1024, 600), (1093, 614), (911, 512)])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_cut_at_any_size(window: MainWindow, qtbot: QtBot, size: tuple[int, int], dark: bool) -> None:
    from PySide6.QtWidgets import QApplication

    theme.apply(QApplication.instance(), dark=dark)
    window.resize(*size)
    sell(window, qtbot, "1250", "0712345678")
    qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=5000)
    assert (window.width(), window.height()) == size
    # The layout settles within the next frames.
    qtbot.waitUntil(lambda: not cut_widgets(window), timeout=3000)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    save_picture(window, f"window-{size[0]}x{size[1]}-{'dark' if dark else 'light'}")


def luminance(colour: str) -> float:
    parts = [
        channel / 12.92 if channel <= 0.03928 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in QColor(colour).getRgbF()[:3]
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK])
def test_every_text_colour_can_be_read(colours: theme.Colours) -> None:
    for tone in theme.Tone:
        for behind in (colours.background, colours.surface):
            low, high = sorted((luminance(colours.of(tone)), luminance(behind)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (tone, behind)


def test_the_program_says_why_it_cannot_start_and_tries_again(open_till: Callable[[], Program], home: Path) -> None:
    home.mkdir(parents=True)
    (home / "settings.toml").write_text("format = 1\n[shop\n")
    program = open_till()
    assert isinstance(program.window, Problem)
    assert "line 2" in program.window.findChild(QLabel, "problemReason").text()
    (home / "settings.toml").write_text("format = 99\n")
    program.window.findChild(QAbstractButton, "problemRetry").click()
    assert isinstance(program.window, Problem)
    assert "newer" in program.window.findChild(QLabel, "problemReason").text()
    (home / "settings.toml").unlink()
    program.window.findChild(QAbstractButton, "problemRetry").click()
    assert isinstance(program.window, MainWindow)


def test_a_second_window_is_refused(window: MainWindow, open_till: Callable[[], Program]) -> None:
    second = open_till()
    assert isinstance(second.window, Problem)


def test_a_damaged_ledger_is_said_and_left_alone(open_till: Callable[[], Program], home: Path, qtbot: QtBot) -> None:
    ledger = home / "practice" / "ledger.sqlite3"
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(b"this is not a ledger")
    program = open_till()
    qtbot.waitUntil(lambda: isinstance(program.window, Problem), timeout=5000)
    assert "damaged" in program.window.findChild(QLabel, "problemReason").text()
    qtbot.waitUntil(lambda: "no good copy" in program.window.findChild(QLabel, "problemCopy").text(), timeout=5000)
    assert ledger.read_bytes() == b"this is not a ledger"


def test_closing_with_payments_open_asks_and_they_go_on(window: MainWindow, qtbot: QtBot, say_yes: list[str]) -> None:
    sell(window, qtbot, "100", "0712345678")
    window.close()
    assert "1 payment is still being followed" in say_yes[0]
    assert window.isVisible()


class Emitter(QObject):
    happened = Signal(object)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="since 3.12 True is immortal: its count tells nothing")
def test_emitting_loses_no_reference_to_true() -> None:
    """PySide6 6.12.0 on CPython 3.11 does, and aborts after some 570 emits."""
    emitter = Emitter()
    emitter.happened.connect(lambda _value: None)
    before = sys.getrefcount(True)
    for _ in range(2000):
        emitter.happened.emit(True)
    assert abs(sys.getrefcount(True) - before) < 50


def sale_dialog(window: MainWindow) -> SaleDialog:
    return window.findChildren(SaleDialog)[-1]


def click(parent: QWidget, name: str) -> None:
    widget = parent.findChild(QAbstractButton, name)
    assert widget.isVisible(), name
    widget.click()


@pytest.fixture
def not_known(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A payment whose answer was lost, its sale open in full."""
    on_backend(window, lambda practice: practice.mpesa.faults.order("push", "accept_lost"))
    on_backend(window, lambda practice: practice.mpesa.faults.order("callback", "lose"))
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(lambda: word(window) == "Not confirmed", timeout=5000)
    assert "do not charge again" in window.findChild(QLabel, "currentNext").text()
    click(window, "showsCode")
    qtbot.waitUntil(sale_dialog(window).open_give_up.isVisible, timeout=5000)
    return window


def pay(window: MainWindow) -> None:
    for key in ("key_1", "key_2", "key_3", "key_4", "key_Pay"):
        window.findChild(QAbstractButton, key).click()


def test_a_code_that_is_shown_is_noted_and_one_that_is_none_refused(not_known: MainWindow, qtbot: QtBot) -> None:
    dialog = sale_dialog(not_known)
    line, reason = dialog.findChild(QLineEdit, "claim0"), dialog.findChild(QLabel, "claimReason")
    assert line.isVisible()
    line.setText("hello")
    click(dialog, "claimConfirm")
    qtbot.waitUntil(lambda: "not an M-PESA code" in reason.text(), timeout=5000)
    line.setText("tkn7rt61sv")
    click(dialog, "claimConfirm")
    qtbot.waitUntil(lambda: not dialog.claim.isVisible(), timeout=5000)
    timeline = dialog.findChild(QListWidget, "timeline")
    qtbot.waitUntil(lambda: "TKN7RT61SV" in timeline.item(timeline.count() - 1).text(), timeout=5000)
    assert dialog.findChild(QLabel, "saleState").text() == "Not confirmed"


def test_giving_up_needs_the_managers_pin_and_a_reason(not_known: MainWindow, qtbot: QtBot) -> None:
    dialog = sale_dialog(not_known)
    reason = dialog.findChild(QLabel, "giveUpReason")
    click(dialog, "openGiveUp")
    dialog.findChild(QLineEdit, "giveUp0").setText("9999")
    click(dialog, "giveUpConfirm")
    assert "few words" in reason.text()
    dialog.findChild(QLineEdit, "giveUp1").setText("the customer left")
    click(dialog, "giveUpConfirm")
    qtbot.waitUntil(lambda: "not the manager" in reason.text(), timeout=5000)
    dialog.findChild(QLineEdit, "giveUp0").setText("0000")
    click(dialog, "giveUpConfirm")
    qtbot.waitUntil(lambda: dialog.findChild(QLabel, "saleState").text() == "Given up", timeout=5000)
    # Late proof still wins, rings, and needs somebody.
    on_backend(not_known, lambda practice: practice.mpesa.faults.clear())
    pay(not_known)
    qtbot.waitUntil(lambda: dialog.findChild(QLabel, "saleState").text() == "Paid late", timeout=10_000)
    assert "to check" in not_known.findChild(QLabel, "noticeText").text()


def test_a_sale_is_voided_with_a_reason(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "300", "0110222333")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    window.dock.cancel.click()
    qtbot.waitUntil(lambda: word(window) == "Cancelled", timeout=10_000)
    dialog = window.open_sale(1)
    qtbot.waitUntil(dialog.open_void.isVisible, timeout=5000)
    click(dialog, "openVoid")
    dialog.findChild(QLineEdit, "void0").setText("typed wrong")
    QTest.keyClick(dialog.findChild(QLineEdit, "void0"), Enter)
    qtbot.waitUntil(lambda: dialog.findChild(QLabel, "saleState").text() == "Voided", timeout=5000)
    assert not dialog.resend.isVisible()
    qtbot.waitUntil(lambda: window.day.model.data(window.day.model.index(0, Column.STATE)) == "Voided", timeout=5000)


def test_a_reprint_says_copy_after_a_restart_too(
    window: MainWindow, open_till: Callable[[], Program], qtbot: QtBot, tmp_path: Path
) -> None:
    sell(window, qtbot, "100", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=5000)
    assert not window.receipts.receipt_of(window.day.model.row_at(0)).is_copy
    with qtbot.waitSignal(window.receipts.made, timeout=10_000):
        window.receipts.save_pdf(window.day.model.row_at(0), PaperKind.MM80, tmp_path / "receipt.pdf")
    qtbot.waitUntil(lambda: window.day.model.row_at(0).has_receipt, timeout=5000)
    window.receipts._made.clear()
    assert window.receipts.receipt_of(window.day.model.row_at(0)).is_copy


def test_the_last_good_copy_is_offered_when_the_ledger_is_ruined(
    open_till: Callable[[], Program], home: Path, qtbot: QtBot, say_yes: list[str]
) -> None:
    ledger = home / "practice" / "ledger.sqlite3"
    with closing(LedgerWriter(ledger)) as writer:
        record_sale(writer, Draft(Cents(100), Msisdn("254712345678"), Reference("OLD1")), "t" * 32, 1_800_000_000_000)
    backups.backup(ledger, home / "practice" / "copies" / "day-2026-11-23.sqlite3")
    ledger.write_bytes(b"ruined")
    program = open_till()
    qtbot.waitUntil(lambda: isinstance(program.window, Problem), timeout=5000)
    restore = program.window.findChild(QAbstractButton, "problemRestore")
    qtbot.waitUntil(restore.isVisible, timeout=5000)
    assert "day-2026-11-23" in program.window.findChild(QLabel, "problemCopy").text()
    restore.click()
    assert "Put day-2026-11-23" in say_yes[0]
    qtbot.waitUntil(lambda: isinstance(program.window, MainWindow), timeout=5000)
    qtbot.waitUntil(lambda: program.window.form.reference.text == "OLD2", timeout=5000)
    assert next((home / "practice").glob("replaced-*-ledger.sqlite3")).read_bytes() == b"ruined"


def test_a_closing_receipt_carries_the_sums_and_the_ledgers_hash(window: MainWindow, home: Path, qtbot: QtBot) -> None:
    sell(window, qtbot, "1250", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    window.open_export()
    dialog = window.findChildren(ExportDialog)[0]
    click(dialog, "exportClosing")
    message = dialog.findChild(QLabel, "exportMessage")
    qtbot.waitUntil(lambda: "Saved as" in message.text(), timeout=10_000)
    pdf = next((home / "practice" / "receipts").glob("closing-*.pdf"))
    shown = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    assert "KSh 1,250" in shown and "Closing receipt" in shown
    assert verify(home / "practice" / "ledger.sqlite3").last_hash in "".join(shown.split())


def test_what_the_engine_says_after_the_end_opens_nothing(window: MainWindow, qtbot: QtBot) -> None:
    """A start that is heard late left a reader of the ledger open: Python 3.13 complains, Windows cannot restore."""
    heard = []
    window.client.updates.started.connect(heard.append)
    window.shut_down()
    window.client.updates.post(EngineStarted(following=0))
    QCoreApplication.sendPostedEvents(window.client.updates)
    assert not window.client.updates._timer.isActive()
    window.client.updates._deliver()
    assert heard == []
    assert window._reader is None


def test_an_exported_day_that_changed_is_named_in_the_window_and_at_the_next_export(
    home: Path, open_till: Callable[[], Program], qtbot: QtBot
) -> None:
    path = home / "practice" / "ledger.sqlite3"
    yesterday_ms = SystemClock().now_ms() - 86_400_000
    day = day_of(yesterday_ms)
    with closing(LedgerWriter(path, "practice")) as writer, closing(LedgerReader(path)) as reader:
        draft = Draft(Cents(100_00), Msisdn("254712345678"), Reference("A0001"))
        record_sale(writer, draft, "token-1", yesterday_ms)
        export(reader, day, day, Format.CSV, home / "yesterday.csv")
        record_sale(writer, draft, "token-2", yesterday_ms, anyway=True)
    window = open_till().window
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: window._has_started, timeout=10_000)
    said = window.findChild(QLabel, "noticeText")
    for _ in range(2):
        qtbot.waitUntil(lambda: bool(said.text()), timeout=5000)
        if day in said.text():
            break
        # What stood there first is read and closed; the other one has waited.
        window.notice.clear_all()
    qtbot.waitUntil(lambda: f"Changed since it was exported: {day}" in said.text(), timeout=5000)
    window.open_export()
    dialog = window.findChild(ExportDialog)
    message = dialog.findChild(QLabel, "exportMessage")
    qtbot.waitUntil(lambda: day in message.text(), timeout=5000)
    for name in ("exportFrom", "exportTo"):
        dialog.findChild(QDateEdit, name).setDate(QDate.fromString(day, "yyyy-MM-dd"))
    dialog.findChild(QAbstractButton, "exportStart").click()
    qtbot.waitUntil(lambda: "written" in message.text(), timeout=5000)
    qtbot.waitUntil(lambda: day not in said.text(), timeout=5000)


def test_a_notice_pushes_nothing_and_is_read_whole(window: MainWindow, qtbot: QtBot) -> None:
    places = (window.form, window.current, window.day, window.keys)
    for size in ((1024, 522), (1366, 690)):
        window.resize(*size)
        settle()
        before = [widget.geometry() for widget in places]
        for text in (
            "Short.",
            "A long one, with all that a person has to know of it, and of what is to be done now. " * 4,
        ):
            window.notice.say(text)
            settle()
            assert [widget.geometry() for widget in places] == before
            assert cut_labels(window.notice) == []
            assert window.centralWidget().rect().contains(window.notice.geometry())
            assert window.notice.geometry().bottom() < window.keys.geometry().top()
            for pressed in (window.form, window.current):
                there = QRect(pressed.mapTo(window.centralWidget(), QPoint(0, 0)), pressed.size())
                assert not there.intersects(window.notice.geometry()), "it covers what is pressed"
    window.resize(900, 522)
    qtbot.waitUntil(lambda: window.centralWidget().rect().contains(window.notice.geometry()), timeout=1000)
    window.notice.clear_all()
    assert not window.notice.isVisible()


def test_a_look_at_a_ledger_that_is_just_being_made_is_repeated_and_alarms_nobody(
    open_till: Callable[[], Program], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    answer = LedgerSource.answer

    def first_one_meets_half_a_ledger(self: LedgerSource, query: Query[object]) -> object:
        if isinstance(query, LastReference):
            looks.append(len(looks))
            if len(looks) == 1:
                raise Outside("ledger.foreign", path="…")
        return answer(self, query)

    monkeypatch.setattr(LedgerSource, "answer", first_one_meets_half_a_ledger)
    window = open_till().window
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: window.form.reference.text == "A0001", timeout=10_000)
    assert looks == [0, 1]
    assert "till" not in window.findChild(QLabel, "noticeText").text()
