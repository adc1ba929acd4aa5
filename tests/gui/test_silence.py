"""Nothing stands still in silence: whatever falls over, or hangs, is said to the one who asked, and the window closes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from e2e.program import environment
from gui.conftest import on_backend
from gui.test_window import pay, sell, word
from PySide6.QtCore import QObject, Qt, QTimer, qWarning
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from pos_app.cli import main as command_line
from pos_app.common import faults, paths
from pos_app.common.errors import Mistake, Outside, PosError
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.engine import dispatcher
from pos_app.engine.commands import CheckNow
from pos_app.gui.app import Program
from pos_app.gui.fault_window import FaultDesk
from pos_app.gui.main_window import MainWindow
from pos_app.gui.printing import Paper, PaperDone, PaperKey
from pos_app.gui.problem import Problem
from pos_app.gui.runtime.job_runner import JobRunner
from pos_app.gui.single import FrontDoor, bring_to_front
from pos_app.ledger.reader import LedgerReader
from pos_app.receipts import printers
from pos_app.receipts.layout import Text
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.thermal_printer import ThermalPrinter
from pos_app.settings.lock import only_one


@pytest.fixture
def faults_heard() -> Iterator[list[faults.Fault]]:
    heard: list[faults.Fault] = []
    stop = faults.on_fault(heard.append)
    yield heard
    stop()


@pytest.mark.logs_errors
def test_any_error_answers_who_asked_and_is_kept_without_secrets(
    qtbot: QtBot, faults_heard: list[faults.Fault]
) -> None:
    refused: list[PosError] = []
    jobs, owner = JobRunner("reports", refused.append), QObject()
    done: list[int] = []
    jobs.run(lambda: 1 // 0, owner=owner).then(done.append).otherwise(refused.append)
    jobs.run(lambda: 7, owner=owner).then(done.append).otherwise(refused.append)
    qtbot.waitUntil(lambda: len(done) + len(refused) == 2, timeout=5000)
    assert refused[0].params == {"where": "reports", "kind": "ZeroDivisionError"}
    assert done == [7], "one that falls over takes no other with it"
    error = faults.as_error(ValueError("phone 0712345678, Bearer abcdefghijkl"), "here")
    assert error.code == "program.fault"
    assert "ZeroDivisionError" in faults_heard[0].report
    assert "0712345678" not in faults_heard[1].report and "abcdefghijkl" not in faults_heard[1].report
    assert faults.as_error(Mistake("amount.zero"), "here").code == "amount.zero" and len(faults_heard) == 2
    assert jobs.close(1.0)


@pytest.mark.logs_errors
def test_a_command_that_raises_is_answered(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, faults_heard: list[faults.Fault]
) -> None:
    async def fall(*_: object) -> None:
        raise KeyError("nobody expected this")

    monkeypatch.setitem(dispatcher.HANDLERS, CheckNow, fall)
    window.client.execute(CheckNow(AttemptId(1)), owner=window)
    qtbot.waitUntil(window.notice.isVisible, timeout=5000)
    assert "Something went wrong inside the till (command: KeyError)" in window.findChild(QLabel, "noticeText").text()
    assert len(faults_heard) == 1
    sell(window, qtbot, "10", "0712345678")


@pytest.mark.logs_errors
def test_faults_of_slots_threads_and_qt_are_shown_once_and_can_be_copied(qtbot: QtBot) -> None:
    desk = FaultDesk()
    try:
        sys.excepthook(RuntimeError, RuntimeError("in a slot, phone 0712345678"), None)
        thread = threading.Thread(target=lambda: 1 // 0, name="worker")
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: desk.window is not None and desk.window.isVisible(), timeout=5000)
        report = desk.window.findChild(QPlainTextEdit, "faultReport")
        qtbot.waitUntil(lambda: "ZeroDivisionError" in report.toPlainText(), timeout=5000)
        assert "in a slot" in report.toPlainText() and "0712345678" not in report.toPlainText()
        desk.window.findChild(QPushButton, "faultCopy").click()
        assert "worker" in QGuiApplication.clipboard().text()
        desk.window.close()
    finally:
        desk.close()


def test_qts_own_messages_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    desk = FaultDesk()
    try:
        qWarning("a plugin is missing")
    finally:
        desk.close()
    assert "a plugin is missing" in caplog.text


@pytest.mark.logs_errors
@pytest.mark.parametrize("how", ["raises", "waits"])
def test_a_password_store_that_raises_or_waits_is_said_and_the_window_still_closes(
    open_till: Callable[[], Program], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, how: str
) -> None:
    gate = threading.Event()

    def broken(_self: object) -> None:
        if how == "raises":
            raise RuntimeError("org.freedesktop.Secret.Error.IsLocked")
        gate.wait(30)

    monkeypatch.setattr("pos_app.installation.installation.Installation.access", broken)
    monkeypatch.setattr("pos_app.gui.runtime.engine_thread.STORE_ANSWERS_WITHIN_S", 0.3)
    window = open_till().window
    assert isinstance(window, MainWindow)
    wanted = "Something went wrong" if how == "raises" else "The password store does not answer"
    text = window.findChild(QLabel, "noticeText")
    qtbot.waitUntil(lambda: text.text().startswith(wanted), timeout=10_000)
    window.form.amount.set_text("10")
    window.form.phone.set_text("0712345678")
    window.form.reference.set_text("A1")
    window.form.submit()
    qtbot.waitUntil(lambda: window.form.amount.reason.text().startswith(wanted), timeout=5000)
    window.close_without_asking()
    assert not window.has_hung
    gate.set()


def test_what_hangs_does_not_keep_the_window(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    for runner in (window.queries.jobs, window.receipts._runner):
        runner.run(lambda: gate.wait(30), owner=window)
    monkeypatch.setattr("pos_app.gui.main_window.ENDS_WITHIN_MS", 1500)
    window.close_without_asking()
    assert window.has_hung and not window.isVisible()
    gate.set()
    for hung in (window.queries.jobs, window.receipts._runner):
        assert hung.close(5.0), "what hung ends by itself, and lays down what it held"
    assert window.queries._source._reader is None


def test_a_second_start_brings_the_open_window_to_the_front(tmp_path: Path, qtbot: QtBot) -> None:
    fronts: list[bool] = []
    file = tmp_path / "window"
    assert not bring_to_front(file), "nobody is there"
    door = FrontDoor(file, lambda: fronts.append(True))
    assert file.stat().st_mode & 0o077 == 0
    with ThreadPoolExecutor(1) as elsewhere:
        asked = elsewhere.submit(bring_to_front, file)
        qtbot.waitUntil(asked.done, timeout=5000)
        assert asked.result() and fronts == [True]
        port = file.read_text().split()[0]
        file.write_text(f"{port} guessed")
        asked = elsewhere.submit(bring_to_front, file)
        qtbot.waitUntil(asked.done, timeout=5000)
        assert not asked.result() and fronts == [True], "whoever cannot read the file opens nothing"
    door.close()
    assert not bring_to_front(file) and not file.exists()


@pytest.mark.parametrize("address", ["printer..local", "no-such-host.invalid:9100", "[::1]:1"])
def test_a_printers_address_that_leads_nowhere_is_a_failed_printer(address: str) -> None:
    with pytest.raises((Outside, Mistake)) as caught:
        printers.printer_for(f"escpos:{address}").print([Text("x")], PaperKind.MM80)
    assert caught.value.code in ("printer.failed", "printer.address")


def test_a_paper_that_cannot_be_made_is_not_the_printers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pos_app.receipts.thermal_printer.escpos_of", lambda *_: 1 // 0)
    with pytest.raises(Outside) as caught:
        ThermalPrinter("127.0.0.1:1").print([Text("x")], PaperKind.MM80)
    assert caught.value.code == "printer.paper"


def test_a_printer_that_takes_a_part_makes_the_next_one_a_copy(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "55", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    row = window.current.sale_at_hand
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"escpos:127.0.0.1:{server.getsockname()[1]}"
        server.close()
        done: list[PaperDone] = []
        window.receipts.done.connect(done.append)
        window.receipts.print(row, PaperKind.MM80, address)
        qtbot.waitUntil(lambda: len(done) == 1, timeout=15_000)
    assert done[0].error is not None and done[0].error.code == "printer.failed"
    assert not window.receipts.receipt_of(row).is_copy, "no byte was taken"
    key = PaperKey(Paper.RECEIPT, str(row.sale.id))
    window.receipts._tell(PaperDone(key, error=Outside("printer.cut_off", detail="x")))
    assert window.receipts.receipt_of(row).is_copy


def test_a_printer_that_hangs_is_given_up_and_the_next_receipt_has_a_thread(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_app.gui.printing.ANSWERS_WITHIN_MS", 300)
    gate = threading.Event()
    done: list[PaperDone] = []
    window.receipts.done.connect(done.append)
    window.receipts._ask(PaperKey(Paper.RECEIPT, "1"), lambda: gate.wait(30))
    # It waits behind the one that hangs, and is not lost with it, nor called printed.
    window.receipts._ask(PaperKey(Paper.RECEIPT_FILE, "2"), lambda: None)
    qtbot.waitUntil(lambda: len(done) == 2, timeout=5000)
    assert done[0].error is not None and done[0].error.code == "printer.no_answer"
    assert done[1].key == PaperKey(Paper.RECEIPT_FILE, "2") and done[1].error is None
    gate.set()


def test_the_clock_of_an_earlier_receipt_ends_no_later_one(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_app.gui.printing.ANSWERS_WITHIN_MS", 400)
    done: list[PaperDone] = []
    window.receipts.done.connect(done.append)
    window.receipts._ask(PaperKey(Paper.RECEIPT, "1"), lambda: None)
    qtbot.waitUntil(lambda: len(done) == 1, timeout=5000)
    gate = threading.Event()
    monkeypatch.setattr("pos_app.gui.printing.ANSWERS_WITHIN_MS", 30_000)
    window.receipts._ask(PaperKey(Paper.RECEIPT, "1"), lambda: gate.wait(5))
    # A timer that was started later, for as long: when it is over, the first one is.
    passed: list[bool] = []
    QTimer.singleShot(400, lambda: passed.append(True))
    qtbot.waitUntil(lambda: bool(passed), timeout=5000)
    assert len(done) == 1, "given up by the clock of the first"
    gate.set()
    qtbot.waitUntil(lambda: len(done) == 2, timeout=5000)
    assert done[1].error is None


@pytest.mark.logs_errors
def test_a_fault_that_comes_again_is_counted_and_keeps_no_process(qtbot: QtBot, qapp: QApplication) -> None:
    desk = FaultDesk()
    try:
        for _ in range(50):
            faults.note(KeyError("again"), "tick")
        qtbot.waitUntil(lambda: desk.window is not None and desk.window.isVisible(), timeout=5000)
        qtbot.waitUntil(lambda: "50 times" in desk.window.findChild(QLabel, "faultCount").text(), timeout=5000)
        assert desk.window.findChild(QPlainTextEdit, "faultReport").toPlainText().count("KeyError") == 1
        assert not desk.window.testAttribute(Qt.WidgetAttribute.WA_QuitOnClose)
        desk.window.close()
        faults.note(KeyError("again"), "tick")
        qtbot.waitUntil(lambda: "51 times" in desk.window.findChild(QLabel, "faultCount").text(), timeout=5000)
        assert not desk.window.isVisible(), "the same fault opens nothing anew"
    finally:
        desk.close()


def test_a_device_that_takes_nothing_is_a_failed_printer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pos_app.receipts.thermal_printer.WITHIN_S", 0.3)
    pipe = tmp_path / "lp0"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 65536)
    began_s = time.monotonic()
    with pytest.raises(Outside) as caught:
        ThermalPrinter(str(pipe)).print([Text("x")], PaperKind.MM80)
    assert caught.value.code == "printer.failed" and time.monotonic() - began_s < 20
    os.close(writer)
    os.close(reader)


@pytest.mark.logs_errors
def test_the_command_line_says_it_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    monkeypatch.setattr("pos_app.cli.sales.open_installation", lambda: 1 // 0)
    assert command_line.main(["sales"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("pos-app: Something went wrong inside the till (command: ZeroDivisionError)")
    assert "Traceback" not in said


def test_no_hidden_process_keeps_the_lock(tmp_path: Path, qtbot: QtBot) -> None:
    """A real program whose disk hangs: told to end, it is gone within some seconds, and the lock with it."""
    env = environment(tmp_path / "home", "http://127.0.0.1:9") | {"QT_QPA_PLATFORM": "offscreen"}
    hang = (
        "import sys, threading; from pos_app.gui import main_window as m; real = m.MainWindow.start_engine\n"
        "def start(self):\n    real(self); self.queries.jobs.run(threading.Event().wait, owner=self); print('up', flush=True)\n"
        "m.MainWindow.start_engine = start\n"
        "from pos_app.__main__ import main; sys.argv = ['pos-app']; sys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hang], env=env, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as till:
        assert till.stdout is not None and till.stdout.readline() == "up\n"
        till.terminate()
        till.wait(timeout=15)
    with only_one(paths.Home(*[tmp_path / "home"] * 4)):
        pass


@pytest.mark.logs_errors
def test_copies_that_cannot_be_searched_are_none(tmp_path: Path, qtbot: QtBot) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "day-2026-11-27.sqlite3").symlink_to(tmp_path / "gone")
    problem = Problem(Outside("ledger.damaged", path="x", copies=str(copies)), lambda: None, lambda _copy: None)
    qtbot.addWidget(problem)
    found = problem.findChild(QLabel, "problemCopy")
    qtbot.waitUntil(lambda: found.text().startswith("There is no good copy"), timeout=5000)


def test_each_piece_of_paper_tells_how_it_came_out(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    sell(window, qtbot, "55", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    row, done = window.current.sale_at_hand, []
    window.receipts.done.connect(done.append)
    for target in (tmp_path / "a file" / "x.pdf", tmp_path / "good.pdf"):
        (tmp_path / "a file").write_text("where a folder should be")
        window.receipts.save_pdf(row, PaperKind.MM80, target)
    qtbot.waitUntil(lambda: len(done) == 2, timeout=10_000)
    assert [one.error is None for one in done] == [False, True]
    assert not window.receipts._under_way


def test_what_is_typed_into_a_question_stays_while_the_sale_is_checked(window: MainWindow, qtbot: QtBot) -> None:
    sell(window, qtbot, "10", "0712345678")
    qtbot.waitUntil(lambda: word(window) == "Waiting for PIN", timeout=10_000)
    dialog = window.open_sale(1)
    qtbot.waitUntil(dialog.check.isVisible, timeout=5000)
    dialog.ask_claim()
    dialog.findChild(QLineEdit, "claim0").setText("TKN7RT")
    answered: list[object] = []
    window.client.updates.attempt_changed.connect(answered.append)
    dialog.check.click()
    qtbot.waitUntil(lambda: bool(answered), timeout=5000)
    assert dialog.claim.isVisible() and dialog.findChild(QLineEdit, "claim0").text() == "TKN7RT"


def test_a_prompt_sent_again_from_a_dialog_that_is_closed_is_the_one_at_hand(window: MainWindow, qtbot: QtBot) -> None:
    on_backend(window, lambda practice: practice.mpesa.faults.order("token", "reset", 3))
    sell(window, qtbot, "10", "0712345678")
    qtbot.waitUntil(lambda: window.current.sale_at_hand is not None, timeout=10_000)
    dialog = window.open_sale(1)
    qtbot.waitUntil(dialog.resend.isVisible, timeout=10_000)
    sell(window, qtbot, "20", "0722000000")
    qtbot.waitUntil(lambda: window.current._shown == 2, timeout=10_000)
    dialog.resend.click()
    dialog.close()
    qtbot.waitUntil(lambda: window.current._shown == 1, timeout=10_000)


def test_a_receipt_that_comes_out_while_the_window_closes_is_noted(
    home: Path, open_till: Callable[[], Program], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_till().window
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: window._has_started, timeout=10_000)
    sell(window, qtbot, "55", "0712345678")
    qtbot.waitUntil(window.dock.cancel.isEnabled, timeout=5000)
    pay(window)
    qtbot.waitUntil(lambda: word(window) == "Paid", timeout=10_000)
    begun, gate = threading.Event(), threading.Event()

    class Slow:
        def print(self, *_: object) -> None:
            begun.set()
            gate.wait(10)

    monkeypatch.setattr(window.receipts, "_printers", lambda _name: Slow())
    window.receipts.print(window.current.sale_at_hand, PaperKind.MM80, "slow")
    assert begun.wait(5)
    threading.Timer(0.2, gate.set).start()
    window.close_without_asking()
    assert not window.has_hung
    with closing(LedgerReader(home / "practice" / "ledger.sqlite3")) as reader:
        assert reader.sale(SaleId(1)).has_receipt


def test_a_job_that_a_thread_began_as_it_was_given_up_is_not_done_twice(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_app.gui.printing.ANSWERS_WITHIN_MS", 60_000)
    gate, printed, done = threading.Event(), [], []
    window.receipts.done.connect(done.append)

    def work() -> None:
        printed.append(1)
        gate.wait(10)

    key = PaperKey(Paper.RECEIPT, "7")
    window.receipts._ask(key, work)
    qtbot.waitUntil(lambda: bool(printed), timeout=5000)
    # The thread is given up for the one before it, and those behind begin anew: this one has begun already.
    window.receipts._runner.close(0.0)
    window.receipts._runner = JobRunner("printer", window.receipts._ignore, window.receipts)
    window.receipts._begin(key)
    qtbot.waitUntil(lambda: len(done) == 1, timeout=5000)
    assert printed == [1] and done[0].error.code == "printer.no_answer", "whether it came out nobody knows"
    gate.set()
