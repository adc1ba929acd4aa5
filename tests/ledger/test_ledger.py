"""A real SQLite file: what it refuses, what it keeps, what it finds."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from fakes.recording import record_attempt, record_sale
from fakes.tampering import tampering

from pos_app.common.errors import Bug, Mistake, Outside
from pos_app.common.tokens import token_digest
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Draft, SaleState
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState, Review
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.exports.sales import Format, export
from pos_app.ledger import backups, event_codec
from pos_app.ledger.db import converting, newest_version
from pos_app.ledger.integrity.encryption import open_vault
from pos_app.ledger.reader import Filter, LedgerReader
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.verify import holds_hash, verify
from pos_app.ledger.writer import LedgerWriter

T = 1_800_000_000_000
DAY = "2027-01-15"
PAID = Outcome(OutcomeKind.PAID, "0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "practice" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path):
    with closing(LedgerWriter(path)) as opened:
        yield opened


def draft(shillings: int = 100, phone: str = "254712345678", reference: str = "A0001") -> Draft:
    return Draft(Cents(shillings * 100), Msisdn(phone), Reference(reference))


def sell(
    ledger: LedgerWriter,
    number: int = 1,
    *,
    code: str | None = None,
    shillings: int | None = None,
    at_ms: int = T,
    reference: str = "",
) -> Attempt:
    attempt = record_sale(
        ledger,
        draft(shillings or number, f"2547{number:08d}", reference or f"A{number:04d}"),
        f"token-{number}",
        at_ms,
        cashier="Asha",
    )
    ledger.apply(attempt.id, ev.SendRequested(), at_ms)
    ledger.apply(attempt.id, ev.PushAccepted(f"m-{number}", f"ws-{number}"), at_ms)
    if code is not None:
        arrived = ev.CallbackArrived(PAID, f"m-{number}", f"ws-{number}", attempt.amount_cents, code)
        ledger.apply(attempt.id, arrived, at_ms + 5000)
    return attempt


def test_a_sale_from_request_to_paid(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1, code="TKN7RT61SV", shillings=1250)
    with closing(LedgerReader(path)) as reader:
        row = reader.rows(reader.ids(day=DAY))[0]
        assert (row.sale.state, row.codes, row.attempt.phone_masked) == (SaleState.PAID, ("TKN7RT61SV",), "0700•••001")
        assert reader.totals(DAY).paid_cents == 125_000
        assert [event.kind for event in reader.timeline(row.sale.id)] == [
            "requested",
            "sending",
            "accepted",
            "callback",
        ]
        assert reader.sale_by_code("tkn7rt61sv") == row
    assert verify(path).findings == ()


NEXT = "(SELECT max(id) + 1 FROM ledger_events)"


def event(number: object, subject: str, subject_id: int, sale: int, kind: str, old: str, new: str) -> str:
    return (
        f"INSERT INTO ledger_events VALUES ({number}, '{subject}', {subject_id}, {sale}, 0, '{kind}', 1, 'x', '{old}',"
        f" '{new}', '{{}}', zeroblob(32))"
    )


def test_the_database_refuses_illegal_histories(ledger: LedgerWriter, path: Path) -> None:
    attempt = sell(ledger, 1, code="CODEAAAAAA")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        for sql in (
            "UPDATE ledger_events SET kind = 'x'",
            "DELETE FROM ledger_events",
            "DELETE FROM sales",
            "DELETE FROM stk_attempts",
            "DELETE FROM tenders",
            "DELETE FROM mpesa_transactions",
            "UPDATE sales SET total_cents = 1",
            "UPDATE sales SET received_cents = 1",
            "UPDATE sales SET is_voided = 1",
            "UPDATE tenders SET amount_cents = 1",
            "UPDATE tenders SET state = 'failed'",
            "UPDATE tenders SET transaction_id = NULL",
            "UPDATE stk_attempts SET state = 'declined', tender_state = 'failed'",
            "UPDATE stk_attempts SET tender_state = 'failed'",
            "UPDATE stk_attempts SET review = 'paid_twice'",
            "UPDATE mpesa_transactions SET mpesa_code = 'ANOTHER001'",
            "UPDATE mpesa_transactions SET amount_cents = 1",
            "UPDATE mpesa_transactions SET allocated_cents = 0",
            "UPDATE mpesa_transactions SET reserved_by = 'till-2'",
            event(99, "attempt", 1, 1, "query", "paid", "paid"),
            event(NEXT, "attempt", 1, 1, "query", "paid", "ready"),
            event(NEXT, "attempt", 1, 1, "query", "ready", "sending"),
            event(NEXT, "attempt", 1, 1, "painted", "paid", "paid"),
            event(NEXT, "sale", 1, 1, "query", "", ""),
            event(NEXT, "attempt", 1, 7, "query", "paid", "paid"),
            "INSERT INTO sales (reference, total_cents, day, made_at_ms, event_id) VALUES ('A', 1, '2027-01-15', 0, 1)",
            "INSERT INTO tenders VALUES (9, 1, 'c2b', 1, 'received', 0, 1, 1)",
            "INSERT OR REPLACE INTO sales SELECT * FROM sales",
            "INSERT OR REPLACE INTO tenders SELECT * FROM tenders",
            "INSERT OR REPLACE INTO stk_attempts SELECT * FROM stk_attempts",
            "INSERT OR REPLACE INTO mpesa_transactions SELECT * FROM mpesa_transactions",
            "INSERT OR REPLACE INTO ledger_events SELECT * FROM ledger_events",
            "INSERT OR REPLACE INTO ledger_facts VALUES ('environment', 'production')",
            "UPDATE ledger_facts SET value = 'production' WHERE name = 'environment'",
            "DELETE FROM ledger_facts",
            "INSERT INTO legal_transitions VALUES ('attempt', 'paid', 'declined')",
            "DELETE FROM legal_transitions",
            "INSERT INTO event_kinds VALUES ('sale', 'painted')",
            "UPDATE attempt_states SET tender_state = 'failed'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(sql)
                db.commit()
            db.rollback()
    with pytest.raises(Mistake):
        record_attempt(ledger, attempt.sale_id, "again", T + 1_000_000)


def test_a_payment_gives_no_more_than_it_has(ledger: LedgerWriter, path: Path) -> None:
    """By an event in due form, and however the statement wants conflicts passed over."""
    one, two, gone = sell(ledger, 1), sell(ledger, 2, code="CODEAAAAAA"), sell(ledger, 3)
    ledger.apply(gone.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    ledger.void_sale(gone.sale_id, "Asha", "x", T)
    for sale in (one.sale_id, gone.sale_id):
        for how in ("INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE"):
            details = f"json_object('tender', 4, 'amount_cents', {two.amount_cents})"
            with closing(sqlite3.connect(path)) as db:
                db.execute(
                    f"INSERT INTO ledger_events SELECT {NEXT}, 'mpesa_transaction', 1, {sale}, 0, 'allocated', 1, 'x', '', '',"
                    f" {details}, zeroblob(32)"
                )
                with pytest.raises(sqlite3.IntegrityError):
                    db.execute(
                        f"{how} INTO tenders VALUES (4, {sale}, 'c2b', {two.amount_cents}, 'received', 0, 1,"
                        " (SELECT max(id) FROM ledger_events))"
                    )


def test_one_live_attempt_a_sale(ledger: LedgerWriter) -> None:
    attempt = sell(ledger, 1)
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, attempt.sale_id, "again", T + 1_000_000)
    assert caught.value.code == "sale.live_attempt"
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, attempt.sale_id, "again", T + 60_000)
    assert (caught.value.code, caught.value.params) == ("sale.wait_same_amount", {"seconds": 60})
    assert record_attempt(ledger, attempt.sale_id, "again", T + 120_000).msisdn == attempt.msisdn


def test_a_second_sale_for_the_same_phone_waits(ledger: LedgerWriter) -> None:
    sell(ledger, 1)
    same = draft(1, "254700000001", "B1")
    with pytest.raises(Mistake) as caught:
        record_sale(ledger, same, "t2", T + 30_000)
    assert caught.value.code == "sale.wait_same_amount"
    with pytest.raises(Mistake) as caught:
        record_sale(ledger, draft(2, "254700000001", "B1"), "t2", T + 30_000)
    assert caught.value.code == "sale.wait_phone"
    assert record_sale(ledger, draft(2, "254700000001", "B1"), "t2", T + 61_000)


def test_a_code_pays_one_sale_only(ledger: LedgerWriter) -> None:
    sell(ledger, 1, code="CODEAAAAAA")
    second = sell(ledger, 2, code="CODEAAAAAA")
    after = ledger.attempt(second.id)
    assert after.state is AttemptState.PENDING
    assert after.review == {Review.CODE_REUSED}


def test_callbacks_are_kept_once_with_the_cursor(ledger: LedgerWriter, path: Path) -> None:
    attempt = sell(ledger, 1)
    event = ev.CallbackArrived(PAID, "m-1", "ws-1", attempt.amount_cents, "CODEAAAAAA")

    def take(token: str, body: bytes, position: int, said: ev.CallbackArrived | ev.CallbackUnclear = event):
        return ledger.take_callback(
            token_digest=token_digest(token), body=body, event=said, now_ms=T, cursor=Cursor("r", position)
        )

    assert take("someone-else", b"x", 1) is None
    assert take("token-1", b"unreadable", 2, ev.CallbackUnclear()).attempt.review == {Review.UNREADABLE}
    assert take("token-1", b"body", 3).attempt.state is AttemptState.PAID
    assert take("token-1", b"body", 4) is None
    assert ledger.cursor("r").position == 4
    with closing(sqlite3.connect(path)) as db:
        verdicts = [row[0] for row in db.execute("SELECT verdict FROM evidence ORDER BY id")]
    assert verdicts == ["unknown token", "unreadable", "read"]


def test_phones_and_tokens_cannot_be_read_in_the_file(ledger: LedgerWriter, path: Path) -> None:
    attempt = sell(ledger, 12_345_678)
    body = b'{"PhoneNumber": 254712345678}'
    ledger.take_callback(
        token_digest=token_digest("token-12345678"),
        body=body,
        event=ev.CallbackUnclear(),
        now_ms=T,
        cursor=Cursor("r", 1),
    )
    assert ledger.attempt(attempt.id).msisdn == "254712345678"
    for file in path.parent.iterdir():
        content = file.read_bytes()
        for planted in (b"712345678", b"0712345678", b"token-12345678"):
            assert planted not in content, file


def test_search_by_phone_reference_code_and_amount(ledger: LedgerWriter, path: Path) -> None:
    for number in (11_222_333, 22_333_444, 33_444_555):
        sell(ledger, number, code=f"CODE{number}", shillings=number % 1000, reference=f"T{number % 100:02d}")
    with closing(LedgerReader(path)) as reader:
        for text, found in {
            "333": [1], "0711": [1], "0711222333": [1], "+254 711 222 333": [1], "22333": [1], "0722333": [2],
            "t44": [2], "code3344": [3], "555": [3], "KSh 444": [2], "nothing": [], "%": [], "0799": [],
        }.items():  # fmt: skip
            assert list(reader.ids(day=None, search=text)) == found, text
        assert list(reader.ids(day=DAY, only=Filter.PAID)) == [3, 2, 1]
        assert list(reader.ids(day=DAY, only=Filter.WAITING)) == []
        assert list(reader.ids(day="2027-01-16")) == []


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE sales SET total_cents = 1 WHERE id = 2",
        "UPDATE tenders SET amount_cents = 1 WHERE id = 2",
        "UPDATE mpesa_transactions SET mpesa_code = 'OTHERCODE1' WHERE id = 2",
        "DELETE FROM ledger_events WHERE id = 5",
        "DELETE FROM ledger_events WHERE id = 12",
        "UPDATE ledger_events SET details = '{}' WHERE id = 3",
        "UPDATE ledger_events SET at_ms = at_ms + 1 WHERE id = 3",
        "UPDATE ledger_events SET id = -1 WHERE id = 3",
        "UPDATE day_totals SET paid_cents = paid_cents + 100",
        "UPDATE sales SET received_cents = 0 WHERE id = 1",
        "UPDATE sales SET cashier = 'Somebody else' WHERE id = 1",
        "UPDATE sales SET till_label = 'Till 9' WHERE id = 1",
        "UPDATE sales SET is_voided = 1 WHERE id = 1",
        "UPDATE stk_attempts SET phone_sealed = (SELECT phone_sealed FROM stk_attempts WHERE id = 3) WHERE id = 2",
        "UPDATE stk_attempts SET outcome_kind = 'cancelled' WHERE id = 2",
        "UPDATE stk_attempts SET checkout_request_id = 'ws-9' WHERE id = 2",
        "UPDATE stk_attempts SET review = 'paid_twice' WHERE id = 2",
        "DELETE FROM stk_attempts WHERE id = 3",
        "DELETE FROM ledger_events WHERE subject = 'attempt' AND subject_id = 3",
        "DELETE FROM ledger_events WHERE id > 10",
        "UPDATE ledger_facts SET value = 'another' WHERE name = 'ledger'",
    ],
)
def test_tampering_shows(ledger: LedgerWriter, path: Path, tamper: str) -> None:
    for number in (1, 2, 3):
        sell(ledger, number, code=f"CODE{number:06d}")
    assert verify(path).findings == ()
    with tampering(path) as db:
        db.execute(tamper)
    assert verify(path).findings


def cut_last_event(path: Path) -> None:
    """Takes the last event back so well that nothing inside the file shows it."""
    with tampering(path) as db:
        db.execute("DELETE FROM ledger_events WHERE id = (SELECT max(id) FROM ledger_events)")
        last = db.execute("SELECT max(id) FROM ledger_events WHERE subject = 'attempt'").fetchone()
        db.execute("UPDATE stk_attempts SET review = '', said_failed_at_ms = NULL, event_id = ? WHERE id = 1", last)


def test_a_cut_end_and_a_replaced_file_show_by_the_head(ledger: LedgerWriter, path: Path, tmp_path: Path) -> None:
    first = sell(ledger, 1, code="CODEAAAAAA")
    backups.backup(path, tmp_path / "early.sqlite3")
    ledger.apply(first.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    ledger.close()
    whole = path.read_bytes()
    cut_last_event(path)
    assert [finding.check for finding in verify(path).findings] == ["chain"]
    for replacement in (path.read_bytes(), (tmp_path / "early.sqlite3").read_bytes()):
        path.write_bytes(replacement)
        assert "replaced" in verify(path).findings[0].found
        with pytest.raises(Outside) as caught:
            LedgerWriter(path)
        assert caught.value.code == "ledger.replaced"
    path.write_bytes(whole)
    assert verify(path).findings == ()
    LedgerWriter(path).close()
    other = tmp_path / "other" / "ledger.sqlite3"
    with closing(LedgerWriter(other)) as stranger:
        sell(stranger, 7)
    path.write_bytes(other.read_bytes())
    assert {finding.check for finding in verify(path).findings} == {"key", "chain"}
    # Putting a copy back is the honest way, and starts a new head.
    backups.restore(tmp_path / "early.sqlite3", path)
    assert verify(path).findings == ()


def test_a_head_that_a_power_cut_left_behind_is_no_finding(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1)
    head = path.with_name("ledger.head")
    early = head.read_bytes()
    sell(ledger, 2)
    ledger.close()
    for content in (early, b"", b"[1, 2"):
        head.write_bytes(content)
        assert verify(path).findings == ()
        LedgerWriter(path).close()
        assert head.read_bytes() not in (early, content)


def test_evidence_that_counted_stays(ledger: LedgerWriter, path: Path) -> None:
    attempt = sell(ledger, 1)
    event = ev.CallbackArrived(PAID, "m-1", "ws-1", attempt.amount_cents, "CODEAAAAAA")
    ledger.take_callback(token_digest=token_digest("token-1"), body=b"{}", event=event, now_ms=T, cursor=Cursor("r", 1))
    assert verify(path).findings == ()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER evidence_stays")
        db.execute("DELETE FROM evidence")
    assert "evidence" in verify(path).findings[0].found


def test_the_hash_on_an_old_export_is_found_again(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1, code="CODEAAAAAA")
    printed = verify(path).last_hash
    sell(ledger, 2)
    assert holds_hash(path, printed) == 6
    assert holds_hash(path, printed[:16]) == 6
    assert holds_hash(path, printed[:4]) is None
    assert holds_hash(path, "0" * 64) is None
    assert holds_hash(path, "no hash") is None


def test_another_mpesas_ledger_is_refused(path: Path, tmp_path: Path) -> None:
    with closing(LedgerWriter(path, "practice")) as practice:
        sell(practice, 1)
    backups.backup(path, tmp_path / "practice.sqlite3")
    with pytest.raises(Outside) as caught:
        LedgerWriter(path, "production")
    assert caught.value.code == "ledger.other_environment"
    real = tmp_path / "production" / "ledger.sqlite3"
    LedgerWriter(real, "production").close()
    before = real.read_bytes()
    with pytest.raises(Mistake) as refused:
        backups.restore(tmp_path / "practice.sqlite3", real, "production")
    assert refused.value.code == "copy.other_environment"
    assert real.read_bytes() == before


def test_a_copy_whose_chain_is_broken_is_refused_unless_somebody_insists(
    ledger: LedgerWriter, path: Path, tmp_path: Path
) -> None:
    sell(ledger, 1, code="CODEAAAAAA")
    copy = tmp_path / "copy.sqlite3"
    backups.backup(path, copy)
    ledger.close()
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("DROP TRIGGER events_stay_unchanged")
        db.execute("UPDATE ledger_events SET at_ms = at_ms + 1 WHERE id = 2")
    with pytest.raises(Mistake) as caught:
        backups.restore(copy, path)
    assert (caught.value.code, caught.value.params["row"]) == ("copy.changed", "event 2")
    assert verify(path).findings == ()
    assert backups.restore(copy, path, even_if_changed=True) is not None
    assert verify(path).findings[0].row == "event 2"


def test_a_copy_a_day_and_the_oldest_thinned_out(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1)
    folder = path.parent / "copies"
    days = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(100)]
    for day in days:
        assert backups.backup_of_day(path, folder, day) == folder / f"day-{day}.sqlite3"
    assert backups.backup_of_day(path, folder, days[-1]) is None
    kept = sorted(found.name[4:14] for found in folder.glob("day-*.sqlite3"))
    assert kept == ["2026-01-01", "2026-02-01", "2026-03-01", *days[-14:]]
    assert len(list(folder.glob("*.key"))) == len(kept)
    assert backups.last_good(folder) == folder / f"day-{days[-1]}.sqlite3"
    (folder / f"day-{days[-1]}.sqlite3").write_bytes(b"ruined")
    assert backups.last_good(folder) == folder / f"day-{days[-2]}.sqlite3"


def test_a_sale_is_voided_by_an_event_and_a_receipt_leaves_one(ledger: LedgerWriter, path: Path) -> None:
    attempt = sell(ledger, 1)
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    ledger.apply(attempt.id, ev.SaleVoided("Asha", "typed wrong"), T)
    ledger.apply(attempt.id, ev.ReceiptMade("paper"), T)
    with closing(LedgerReader(path)) as reader:
        row = reader.rows(reader.ids(day=DAY))[0]
        assert row.sale.state is SaleState.VOIDED and row.has_receipt
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, attempt.sale_id, "again", T + 1_000_000)
    assert caught.value.code == "sale.voided"
    assert verify(path).findings == ()
    # Money that comes after all outweighs the void.
    late = ev.CallbackArrived(PAID, "m-1", "ws-1", attempt.amount_cents, "CODEAAAAAA")
    ledger.apply(attempt.id, late, T)
    with closing(LedgerReader(path)) as reader:
        assert reader.sale(attempt.sale_id).sale.state is SaleState.PAID


def test_a_claimed_code_serves_one_sale_only(ledger: LedgerWriter) -> None:
    sell(ledger, 1, code="CODEAAAAAA")
    second, third = sell(ledger, 2), sell(ledger, 3)
    for claimed in ("CODEAAAAAA", "CODEBBBBBB"):
        if claimed == "CODEBBBBBB":
            ledger.apply(second.id, ev.CodeClaimed(claimed, "Asha"), T)
        with pytest.raises(Mistake) as caught:
            ledger.apply(third.id, ev.CodeClaimed(claimed, "Asha"), T)
        assert caught.value.code == "claim.used"
    assert caught.value.params["reference"] == "A0002"


def test_a_newer_or_foreign_or_damaged_file_is_refused_and_left_alone(path: Path) -> None:
    LedgerWriter(path).close()
    good = path.read_bytes()

    def refused(content: bytes) -> str:
        path.write_bytes(content)
        with pytest.raises(Outside) as caught:
            LedgerWriter(path)
        assert path.read_bytes() == content
        return caught.value.code

    newer = bytearray(good)
    newer[60:64] = (newest_version() + 1).to_bytes(4, "big")
    foreign = bytearray(good)
    foreign[68:72] = b"XXXX"
    assert refused(bytes(newer)) == "ledger.newer"
    assert refused(bytes(foreign)) == "ledger.foreign"
    assert refused(good[: len(good) // 2]) == "ledger.damaged"
    assert refused(b"") == "ledger.damaged"
    assert refused(b"not a database at all") == "ledger.damaged"
    assert refused(b"\0" * 100 + good[100:]) == "ledger.damaged"
    assert refused(good[:8192] + b"\xff" * 8192 + good[16384:]) == "ledger.damaged"


def test_a_ledger_that_vanished_is_not_started_anew(path: Path) -> None:
    LedgerWriter(path).close()
    path.unlink()
    for opened in (LedgerWriter, LedgerReader):
        with pytest.raises(Outside) as caught:
            opened(path)
        assert caught.value.code == "ledger.vanished"
    assert not path.exists()


def test_a_locked_ledger_says_so(ledger: LedgerWriter, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ledger._unit.db.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(Outside) as caught:
            sell(ledger, 1)
        assert caught.value.code == "ledger.locked"
        other.execute("ROLLBACK")
    assert sell(ledger, 1)


def test_a_full_disk_records_nothing_and_recovers(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1)
    pages = ledger._unit.db.execute("PRAGMA page_count").fetchone()[0]
    ledger._unit.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Outside) as caught:
        for number in range(2, 400):
            sell(ledger, number)
    assert caught.value.code == "ledger.disk_full"
    ledger._unit.db.execute("PRAGMA max_page_count = 1000000")
    assert sell(ledger, 900)
    assert verify(path).findings == ()


def test_killed_in_the_middle_of_a_commit_it_is_whole(path: Path) -> None:
    script = (
        "import os, sys, threading, time\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, 'tests')\n"
        "from ledger.test_ledger import sell, LedgerWriter\n"
        "ledger = LedgerWriter(Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "[sell(ledger, number, code=f'CODE{number:06d}') for number in range(1, 100000)]\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    wal = path.with_name(path.name + "-wal")
    while not (wal.exists() and wal.stat().st_size > 2_500_000):
        assert process.poll() is None
    process.kill()
    process.wait()
    process.stdout.close()
    LedgerWriter(path).close()
    verdict = verify(path)
    assert verdict.findings == ()
    assert verdict.sales > 5


def test_a_copy_is_made_before_a_migration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 1)
    from pos_app.ledger import db

    real = db.migrations()
    monkeypatch.setattr(db, "migrations", lambda: [*real, (real[-1][0] + 1, "CREATE TABLE more (id INTEGER) STRICT;")])
    LedgerWriter(path).close()
    found = list((path.parent / "copies").glob("before-version-*.sqlite3"))
    assert len(found) == 1
    monkeypatch.setattr(db, "migrations", lambda: real)
    assert verify(found[0]).sales == 1


def test_backup_and_restore(ledger: LedgerWriter, path: Path, tmp_path: Path) -> None:
    first = sell(ledger, 1, code="CODEAAAAAA")
    copy = tmp_path / "usb" / "ledger.copy"
    backups.backup(path, copy)
    with pytest.raises(Mistake):
        backups.backup(path, copy)
    sell(ledger, 2)
    ledger.close()
    kept = backups.restore(copy, path)
    assert kept is not None and verify(kept).sales == 2
    assert verify(path).sales == 1
    with closing(LedgerWriter(path)) as restored:
        assert restored.attempt(first.id).msisdn == first.msisdn
    (tmp_path / "bad").write_bytes(b"junk")
    with pytest.raises(Outside):
        backups.restore(tmp_path / "bad", path)
    assert verify(path).sales == 1


def test_papers_name_a_sale_of_which_paid_was_said_as_the_window_does(
    ledger: LedgerWriter, path: Path, tmp_path: Path
) -> None:
    expired = Outcome(OutcomeKind.UNREACHABLE, "1037", may_turn_paid=True)
    closed, live = (record_sale(ledger, draft(1, f"25471234567{one}"), f"t{one}", T).id for one in (1, 2))
    for attempt, events in (
        (closed, [ev.QueryAnswered(expired), ev.QueryAnswered(PAID)]),
        (live, [ev.QueryAnswered(PAID)]),
    ):
        for event in (ev.SendRequested(), ev.PushAccepted(f"m{attempt}", f"w{attempt}"), *events):
            ledger.apply(attempt, event, T)
    with closing(LedgerReader(path)) as reader:
        assert [reader.sale(one).is_said_paid for one in (1, 2)] == [True, True]
        assert [reader.sale(one).reasons for one in (1, 2)] == [{Review.SAID_PAID}, frozenset()]
        assert reader.totals(DAY).review == 1 and list(reader.ids(day=DAY, only=Filter.NEEDS_YOU)) == [1]
        export(reader, DAY, DAY, Format.CSV, tmp_path / "day.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "day.csv").read_text("utf-8-sig"))))
    assert [row["needs_review"] for row in rows] == ["yes", "no"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        path = disk / "practice" / "ledger.sqlite3"
        with closing(LedgerWriter(path)) as ledger:
            sell(ledger, 1, code="CODEAAAAAA")
            filler = disk / "filler"
            with pytest.raises(OSError, match="No space"), filler.open("wb") as file:
                while True:
                    file.write(b"x" * 65536)
                    file.flush()
            with pytest.raises(Outside) as caught:
                for number in range(2, 500):
                    sell(ledger, number)
            assert caught.value.code == "ledger.disk_full"
            filler.unlink()
            assert sell(ledger, 900)
        assert verify(path).findings == ()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_sale_ids_are_checked(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1)
    with closing(LedgerReader(path)) as reader, pytest.raises(Mistake):
        reader.sale(SaleId(99))


def test_every_reason_not_to_open_has_its_name(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Outside) as caught:
        LedgerReader(path)
    assert caught.value.code == "ledger.missing"
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where a folder should be")
    with pytest.raises(Outside) as caught:
        LedgerWriter(blocker / "practice" / "ledger.sqlite3")
    assert caught.value.code == "ledger.read_only"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir()
    for opened in (LedgerReader, LedgerWriter):
        with pytest.raises(Outside) as caught:
            opened(path)
        assert caught.value.code == "ledger.unreadable"
    path.rmdir()
    with closing(sqlite3.connect(path)) as empty:
        empty.execute("PRAGMA user_version = 0")
        empty.execute("VACUUM")
    with pytest.raises(Outside) as caught:
        LedgerReader(path)
    assert caught.value.code in ("ledger.missing", "ledger.damaged")


@pytest.mark.parametrize(
    ("number", "name"),
    [(sqlite3.SQLITE_IOERR_WRITE, "ledger.disk_full"), (sqlite3.SQLITE_IOERR_READ, "ledger.unreadable"),
     (sqlite3.SQLITE_READONLY, "ledger.read_only"), (sqlite3.SQLITE_CORRUPT, "ledger.damaged")],
)  # fmt: skip
def test_what_sqlite_says_has_one_name_each(path: Path, number: int, name: str) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = number
    with pytest.raises(Outside) as caught, converting(path):
        raise error
    assert caught.value.code == name
    for ours in (sqlite3.IntegrityError("a rule"), sqlite3.ProgrammingError("our own SQL")):
        with pytest.raises(type(ours)), converting(path):
            raise ours


@pytest.mark.parametrize("ruin", ["gone", "short", "another", "unreadable"])
def test_a_ledger_without_its_own_key_is_not_written(ledger: LedgerWriter, path: Path, ruin: str) -> None:
    sell(ledger, 1)
    ledger.close()
    key = path.with_name("ledger.key")
    key.unlink()
    if ruin == "unreadable":
        key.mkdir()
    elif ruin != "gone":
        key.write_bytes(b"short" if ruin == "short" else b"k" * 32)
    with pytest.raises(Outside) as caught:
        LedgerWriter(path)
    assert caught.value.code in ("ledger.key_missing", "ledger.unreadable")
    # Reading goes on: the phones are masked anyway, and found by what shows of them.
    with closing(LedgerReader(path)) as reader:
        assert list(reader.ids(day=None, search="001")) == [1]
        assert list(reader.ids(day=None, search="0700000001")) == []
    if ruin in ("short", "another"):
        assert verify(path).findings[0].check == "key"


def test_a_key_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(Outside) as caught:
        open_vault(tmp_path / ("long" * 62 + ".key"), may_create=True)
    assert caught.value.code == "ledger.read_only"


def test_copies_that_cannot_be_made_or_put_back(ledger: LedgerWriter, path: Path, tmp_path: Path) -> None:
    sell(ledger, 1)
    with pytest.raises(Mistake):
        backups.restore(tmp_path / "nothing", path)
    with pytest.raises(Outside) as caught:
        backups.backup(path, path / "below-a-file")
    assert caught.value.code == "file.unwritable"
    taken = tmp_path / "copy.sqlite3.key"
    taken.mkdir()
    with pytest.raises(Outside) as caught:
        backups.backup(path, tmp_path / "copy.sqlite3")
    assert caught.value.code == "file.unwritable"
    taken.rmdir()
    good = tmp_path / "good.sqlite3"
    backups.backup(path, good)
    damaged = bytearray(good.read_bytes())
    damaged[8192:16384] = b"\xff" * 8192
    (tmp_path / "damaged.sqlite3").write_bytes(damaged)
    with pytest.raises(Outside) as caught:
        backups.restore(tmp_path / "damaged.sqlite3", path)
    assert caught.value.code == "copy.bad"
    with pytest.raises(Outside) as caught:
        backups.restore(good, good / "below-a-file" / "ledger.sqlite3")
    assert caught.value.code == "file.unwritable"
    assert backups.last_good(tmp_path / "no-such-folder") is None
    assert backups.copies_in(tmp_path / "no-such-folder") == []
    empty = tmp_path / "only-bad"
    empty.mkdir()
    (empty / "x.sqlite3").write_bytes(b"x")
    assert backups.last_good(empty) is None


def test_a_copy_goes_where_there_is_no_ledger_and_brings_its_key(
    ledger: LedgerWriter, path: Path, tmp_path: Path
) -> None:
    first = sell(ledger, 1)
    copy = tmp_path / "copy.sqlite3"
    backups.backup(path, copy)
    ledger.close()
    elsewhere = tmp_path / "elsewhere" / "ledger.sqlite3"
    assert backups.restore(copy, elsewhere) is None
    with closing(LedgerWriter(elsewhere)) as restored:
        assert restored.attempt(first.id).msisdn == first.msisdn
    with closing(LedgerWriter(tmp_path / "third" / "ledger.sqlite3")) as third:
        sell(third, 3)
    kept = backups.restore(copy, tmp_path / "third" / "ledger.sqlite3")
    assert kept is not None and verify(kept).findings == ()
    assert len(list((tmp_path / "third").glob("replaced-*-ledger.key"))) == 1
    # A copy without its key goes where the key still is, and nowhere else.
    (tmp_path / "copy.sqlite3.key").unlink()
    assert backups.restore(copy, path) is not None
    assert verify(path).findings == ()
    path.with_name("ledger.key").rename(tmp_path / "kept.key")
    before = path.read_bytes()
    with pytest.raises(Mistake) as caught:
        backups.restore(copy, path)
    assert caught.value.code == "copy.no_key" and path.read_bytes() == before


def test_silent_facts_and_unknown_sales(ledger: LedgerWriter, path: Path) -> None:
    attempt = sell(ledger, 1)
    assert not ledger.apply(attempt.id, ev.Restarted(), T).has_changed
    assert ledger.apply(attempt.id, ev.Asked(), T).has_changed
    for ask in (
        lambda: record_attempt(ledger, SaleId(99), "x", T),
        lambda: ledger.last_attempt_of(SaleId(99)),
        lambda: ledger.attempt(AttemptId(99)),
    ):
        with pytest.raises(Mistake) as caught:
            ask()
        assert caught.value.code == "sale.not_found"
    assert ledger.last_attempt_of(attempt.sale_id).id == attempt.id
    assert ledger.wait_of(attempt.id, T) is not None
    assert [found.id for found in ledger.to_follow(0)] == [attempt.id]
    unsent = record_sale(ledger, draft(5, "254799000000", "B1"), "tb", T)
    assert [found.id for found in ledger.left_ready()] == [unsent.id]
    assert ledger.for_review(attempt.sale_id) == []
    with closing(LedgerReader(path)) as reader:
        assert reader.last_reference() == "B1"
        assert reader.days() == [DAY]
        assert reader.sale_by_code("NOSUCHCODE") is None
        assert reader.rows([]) == []
        assert list(reader.ids(day=None, search="0700000")) == [1]
        assert list(reader.ids(day=None, search="0700999")) == []


def test_a_state_that_changes_without_an_event_is_a_bug(ledger: LedgerWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = sell(ledger, 1)
    monkeypatch.setattr(event_codec, "attempt_kind", lambda *_: "")
    with pytest.raises(Bug):
        ledger.apply(attempt.id, ev.DeadlinePassed(), T)


def test_events_of_an_attempt_that_is_gone_and_a_key_in_pieces(ledger: LedgerWriter, path: Path) -> None:
    for number in (1, 2):
        sell(ledger, number)
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM stk_attempts WHERE id = 1")
        db.execute("DELETE FROM sales WHERE id = 1")
        db.execute("UPDATE ledger_facts SET value = 'zz' WHERE name = 'key'")
    found = {(finding.check, finding.row) for finding in verify(path).findings}
    assert {("attempt", "attempt 1"), ("key", "ledger.key")} <= found


def test_a_page_that_was_flipped_is_found(ledger: LedgerWriter, path: Path) -> None:
    for number in range(1, 40):
        sell(ledger, number)
    ledger.close()
    content = bytearray(path.read_bytes())
    page = next(at for at in range(4096, len(content), 4096) if content[at] == 10 and content[at + 3] | content[at + 4])
    content[page + 8 : page + 40] = b"\xff" * 32
    path.write_bytes(content)
    with contextlib.suppress(Outside):
        assert any(finding.check == "file" for finding in verify(path).findings)


def test_a_big_ledger_is_not_checked_page_by_page_at_each_start(
    path: Path, ledger: LedgerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pos_app.ledger import db

    ledger.close()
    monkeypatch.setattr(db, "QUICK_CHECK_BELOW_BYTES", 1)
    LedgerWriter(path).close()


def test_a_head_that_was_taken_away_is_there_again_after_the_next_event(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1)
    head = path.with_name("ledger.head")
    for number, take_away in enumerate((head.unlink, lambda: head.replace(path.with_name("elsewhere"))), 2):
        take_away()
        sell(ledger, number)
        with closing(LedgerReader(path)) as reader:
            assert reader.last_hash().encode() in head.read_bytes()


def test_a_new_ledgers_head_is_no_finding(ledger: LedgerWriter, path: Path) -> None:
    assert verify(path).findings == ()
    ledger.close()
    LedgerWriter(path).close()


def test_an_index_that_does_not_fit_its_rows_is_found_and_such_a_copy_refused(
    ledger: LedgerWriter, path: Path, tmp_path: Path
) -> None:
    attempt = sell(ledger, 1)
    ledger.apply(attempt.id, ev.CallbackArrived(PAID, "m-1", "ws-1", attempt.amount_cents, None), T)
    copy = tmp_path / "copy.sqlite3"
    backups.backup(path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, '(day, id)', '(id, day)') WHERE name = 'sales_by_day'")
    assert verify(copy).findings[0].check == "file"
    with pytest.raises(Outside) as caught:
        backups.restore(copy, path)
    assert caught.value.code == "copy.bad"


def test_a_copy_that_came_out_bad_is_thrown_away(ledger: LedgerWriter, path: Path, tmp_path: Path) -> None:
    sell(ledger, 1)
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'amount_cents > 0', 'amount_cents > 999999')")
    with pytest.raises(Outside) as caught:
        backups.backup(path, tmp_path / "copy.sqlite3")
    assert caught.value.code == "copy.bad"
    assert not list(tmp_path.glob("copy*"))


def test_a_row_that_points_to_nothing_is_found(ledger: LedgerWriter, path: Path) -> None:
    attempt = sell(ledger, 1)
    ledger.take_callback(
        token_digest=token_digest("token-1"), body=b"x", event=ev.CallbackUnclear(), now_ms=T, cursor=Cursor("r", 1)
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER evidence_stays_unchanged")
        db.execute("UPDATE evidence SET attempt_id = 77")
    assert "points to nothing" in verify(path).findings[0].found
    assert attempt.id == 1


def test_a_wal_that_was_removed_is_noticed(ledger: LedgerWriter, path: Path, tmp_path: Path) -> None:
    sell(ledger, 1)
    ledger._unit.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sell(ledger, 2)
    taken = tmp_path / "taken" / "ledger.sqlite3"
    taken.parent.mkdir()
    for name in ("ledger.sqlite3", "ledger.key", "ledger.head"):
        shutil.copyfile(path.with_name(name), taken.with_name(name))
    with pytest.raises(Outside) as caught:
        LedgerWriter(taken)
    assert caught.value.code == "ledger.replaced"
    assert verify(taken).sales == 1


def test_a_folder_that_was_copied_while_the_till_was_open_opens(
    ledger: LedgerWriter, path: Path, tmp_path: Path
) -> None:
    for number in range(1, 6):
        sell(ledger, number, code=f"CODE{number:06d}")
    shutil.copytree(path.parent, tmp_path / "copied")
    copied = tmp_path / "copied" / "ledger.sqlite3"
    with closing(LedgerWriter(copied)) as opened:
        assert opened.last_attempt_of(SaleId(5)).mpesa_code == "CODE000005"
    assert verify(copied).findings == ()


def test_a_ledger_that_a_backup_program_holds_at_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pos_app.ledger import db

    LedgerWriter(path).close()
    monkeypatch.setattr(db, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Outside) as caught:
            LedgerWriter(path)
        assert caught.value.code == "ledger.locked"
    LedgerWriter(path).close()
