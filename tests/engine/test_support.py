"""The report for whoever helps: what it says of a ledger that is well, changed, or not there."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from fakes.servers import Mpesa
from fakes.tampering import tampering
from fakes.till import Till

from pos_app.common.clock import SystemClock
from pos_app.common.errors import Outside
from pos_app.common.paths import Home
from pos_app.domain.stk.attempt import AttemptState
from pos_app.engine.support import support_report, write_bundle
from pos_app.settings.model import Settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(config=tmp_path, data=tmp_path, logs=tmp_path / "logs", exports=tmp_path / "exports")


def report(home: Home) -> list[str]:
    return support_report(home, Settings(), "sandbox", SystemClock()).splitlines()


def test_a_till_that_never_sold(home: Home) -> None:
    lines = report(home)
    assert "environment: sandbox, account: paybill, shortcode set: False" in lines
    assert "copies: 0, newest: -" in lines
    assert lines[-1] == "ledger: ledger.missing"


def test_a_changed_ledger_is_told_by_its_findings_and_never_by_its_customers(home: Home, tmp_path: Path) -> None:
    with Mpesa() as mpesa, Till(tmp_path, mpesa) as till:
        till.until_state(till.request(), AttemptState.PAID)
    assert report(home)[-1].endswith(" 0 findings")
    with tampering(home.ledger_file("sandbox")) as forger:
        forger.execute("UPDATE tenders SET amount_cents = 500")
    lines = report(home)
    assert any(line.startswith("ledger: 1 sales") and not line.endswith(" 0 findings") for line in lines)
    assert lines[-1].startswith("  ")
    assert "12345678" not in "\n".join(lines)


def test_the_bundle_holds_the_report_and_the_end_of_the_log_and_is_private(home: Home) -> None:
    home.logs.mkdir()
    (home.logs / "till.log").write_text("line 0 of 254712345678\n" * 1_000, "utf-8")
    target = write_bundle("a report", home, SystemClock())
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as bundle:
        assert bundle.read("report.txt") == b"a report"
        tail = bundle.read("till.log.txt").decode()
    assert len(tail.splitlines()) == 400
    assert "254712345678" not in tail


def test_a_folder_that_cannot_be_written_is_named(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    blocked = Home(config=home.config, data=tmp_path / "file", logs=home.logs, exports=home.exports)
    with pytest.raises(Outside) as told:
        write_bundle("a report", blocked, SystemClock())
    assert told.value.code == "file.unwritable"
