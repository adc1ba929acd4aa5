"""Replies find their owner, and die with it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import shiboken6
from gui.test_window import sell
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pos_app.common.errors import Mistake, Outside, PosError
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.engine.commands import CheckNow, VoidSale
from pos_app.gui.ledger.sale_dialog import SaleDialog
from pos_app.gui.main_window import MainWindow
from pos_app.gui.runtime.job_runner import JobRunner
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.ledger.queries.sales import FindSales, LastReference, SaleInFull


def no_error(error: PosError) -> None:
    raise error


def test_a_reply_dies_with_its_owner(qtbot: QtBot) -> None:
    jobs, gate, heard = JobRunner("jobs", no_error), threading.Event(), []
    owner, other = QObject(), QObject()
    jobs.run(lambda: gate.wait(10), owner=owner).then(heard.append).otherwise(heard.append)
    jobs.run(lambda: 2, owner=other).then(heard.append)
    shiboken6.delete(owner)
    gate.set()
    qtbot.waitUntil(lambda: heard == [2], timeout=5000)
    assert jobs.close(1.0)


def test_an_error_that_nobody_asked_for_is_told_to_whoever_hears_all(qtbot: QtBot) -> None:
    def refuse() -> int:
        raise Mistake("amount.zero")

    owner, unheard, refused = QObject(), [], []
    jobs = JobRunner("jobs", unheard.append)
    jobs.run(refuse, owner=owner)
    jobs.run(refuse, owner=owner).otherwise(refused.append)
    qtbot.waitUntil(lambda: bool(unheard and refused), timeout=5000)
    assert [one.code for one in (*unheard, *refused)] == ["amount.zero"] * 2
    assert jobs.close(1.0)


def test_progress_and_beginning_come_before_the_result(qtbot: QtBot) -> None:
    jobs, owner, heard = JobRunner("jobs", no_error), QObject(), []
    asked = jobs.run_reporting(lambda report: [report(part) for part in (1, 2)], owner=owner)
    asked.begun(lambda: heard.append("begun")).progressed(heard.append).then(lambda _done: heard.append("done"))
    qtbot.waitUntil(lambda: "done" in heard, timeout=5000)
    assert heard == ["begun", 1, 2, "done"]
    assert jobs.close(1.0)


def test_after_the_end_nothing_is_asked_and_nothing_answered(qtbot: QtBot) -> None:
    jobs, owner, heard = JobRunner("jobs", no_error), QObject(), []
    assert jobs.close(1.0)
    jobs.run(lambda: 1, owner=owner).then(heard.append)
    assert jobs._thread is None and heard == []


def test_queries_of_a_shop_that_has_sold_nothing_yet(tmp_path: Path, qtbot: QtBot) -> None:
    queries, owner, heard, refused = QueryRunner(tmp_path / "none.sqlite3", no_error), QObject(), [], []
    for query in (FindSales("2026-11-28"), LastReference(), SaleInFull(SaleId(1))):
        queries.run(query, owner=owner).then(heard.append).otherwise(refused.append)
    qtbot.waitUntil(lambda: len(heard) + len(refused) == 3, timeout=5000)
    assert (len(heard[0].ids), heard[0].totals.sales, heard[1]) == (0, 0, None)
    assert isinstance(refused[0], Outside) and refused[0].code == "ledger.missing"
    assert queries.close(1.0)


def test_a_refusal_is_shown_by_the_dialog_that_asked_and_by_no_other(window: MainWindow, qtbot: QtBot) -> None:
    """The first edition showed the refusal of one sale in the dialog of another."""
    sell(window, qtbot, "10", "0712345678")
    qtbot.waitUntil(lambda: window.day.model.rowCount() == 1, timeout=10_000)
    first = SaleDialog(1, window.client, window.queries, window, is_practice=True)
    second = SaleDialog(1, window.client, window.queries, window, is_practice=True)
    for dialog in (first, second):
        dialog.show()
        qtbot.waitUntil(lambda dialog=dialog: dialog._full is not None, timeout=5000)
    first._execute(VoidSale(SaleId(1), "typed wrong"))
    qtbot.waitUntil(first._message.isVisible, timeout=5000)
    assert not second._message.isVisible() and not window.notice.isVisible()


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_command_whose_asker_is_gone_is_carried_out_and_its_refusal_told_by_the_window(
    window: MainWindow, qtbot: QtBot, is_closed: bool
) -> None:
    asker, heard = QWidget(), []

    def keep(error: PosError) -> None:
        heard.append(error.code)

    window.client.execute(CheckNow(AttemptId(99)), owner=asker).otherwise(keep)
    if is_closed:
        shiboken6.delete(asker)
    after: list[object] = []
    window.client.execute(CheckNow(AttemptId(98)), owner=window).otherwise(after.append)
    qtbot.waitUntil(lambda: bool(after), timeout=5000)
    assert heard == ([] if is_closed else ["sale.not_found"])
    # The till did not do what somebody wanted: that is told, whoever is gone.
    assert window.notice.isVisible() is is_closed
    assert window.client._pending == {}
