"""What strangers may leave, what verify sees, what a power cut in a restore parts, who may read and who may write."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from fakes.recording import record_attempt, record_sale
from fakes.tampering import tampering
from ledger.test_ledger import PAID, T, draft, sell

from pos_app.common import logs
from pos_app.common.clock import EARLIEST_MS, day_of
from pos_app.common.errors import Mistake, Outside
from pos_app.common.tokens import token_digest
from pos_app.domain.c2b.payment import C2bPayment
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import AttemptState
from pos_app.domain.values.money import Cents
from pos_app.ledger import backups, one_writer
from pos_app.ledger.db import key_file, key_of_copy, newest_version, schema_of_version
from pos_app.ledger.edition import FIRST_VERSION
from pos_app.ledger.integrity.chain_head import head_file
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.stores.messages import STRANGER_BYTES_A_DAY, STRANGER_KEPT_BYTES, STRANGERS_A_DAY, Cursor
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter
from pos_app.relay.store_sqlite import SqliteStore

CANCELLED = ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "practice" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[LedgerWriter]:
    with closing(LedgerWriter(path)) as opened:
        yield opened


def letter(ledger: LedgerWriter, number: int, body: bytes, *, token: str = "nobody", now_ms: int = T) -> None:
    ledger.take_callback(
        token_digest=token_digest(token),
        body=body,
        event=ev.CallbackUnclear(),
        now_ms=now_ms,
        cursor=Cursor("r", number),
    )


def kept(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT verdict, length(body_sealed) FROM evidence ORDER BY id").fetchall()


# Strangers


def test_strangers_leave_so_many_and_so_much_a_day_and_a_tills_own_are_kept_all_the_same(
    ledger: LedgerWriter, path: Path
) -> None:
    attempt = sell(ledger, 1)
    for number in range(STRANGERS_A_DAY + 40):
        letter(ledger, number + 1, b"%d " % number + b"x" * 30)
    assert len(kept(path)) == STRANGERS_A_DAY
    assert ledger.cursor("r").position == STRANGERS_A_DAY + 40, "the mailbox is read all the same"
    event = ev.CallbackArrived(PAID, "m-1", "ws-1", attempt.amount_cents, "CODEAAAAAA")
    applied = ledger.take_callback(
        token_digest=token_digest("token-1"), body=b"own", event=event, now_ms=T, cursor=Cursor("r", 9_000)
    )
    assert applied is not None and applied.attempt.state is AttemptState.PAID
    letter(ledger, 9_001, b"tomorrow", now_ms=T + 86_400_000)
    assert len(kept(path)) == STRANGERS_A_DAY + 2
    assert verify(path).findings == ()


def test_of_a_strangers_message_the_beginning_is_kept_and_its_digest(ledger: LedgerWriter, path: Path) -> None:
    body = bytes(range(256)) * 200
    letter(ledger, 1, body)
    letter(ledger, 2, body)
    assert [size for _, size in kept(path)] == [STRANGER_KEPT_BYTES + 28], "sealed: a nonce and a tag more"
    count = 0
    while sum(size - 28 for _, size in kept(path)) + STRANGER_KEPT_BYTES <= STRANGER_BYTES_A_DAY:
        count += 1
        letter(ledger, 2 + count, body + b"%d" % count)
    letter(ledger, 5_000, body + b"more")
    assert len(kept(path)) == STRANGER_BYTES_A_DAY // STRANGER_KEPT_BYTES
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT kept, dropped FROM strangers").fetchall() == [(256, 1)]
    assert verify(path).findings == ()


def test_a_message_that_its_reader_fell_over_is_kept_and_passed(ledger: LedgerWriter, path: Path) -> None:
    sell(ledger, 1)
    ledger.pass_over(token_digest("token-1"), b"of ours", T, Cursor("r", 1))
    ledger.pass_over(token_digest("nobody"), b"of a stranger", T, Cursor("r", 2, "mark", "life"))
    assert [verdict for verdict, _ in kept(path)] == ["unreadable", "unknown token"]
    assert ledger.cursor("r") == Cursor("r", 2, "mark", "life")
    assert verify(path).findings == ()


# verify


PAYMENT = C2bPayment("TKN7RT61SV", Cents(25_000), 1_800_000_000_000, "Njeri", "678", "A1")


def whole(path: Path) -> None:
    """A ledger with all that can be in one."""
    with closing(LedgerWriter(path)) as ledger:
        for number in (1, 2):
            attempt = sell(ledger, number)
            event = ev.CallbackArrived(PAID, f"m-{number}", f"ws-{number}", attempt.amount_cents, f"CODEAAAAA{number}")
            ledger.take_callback(
                token_digest=token_digest(f"token-{number}"), body=b"callback %d" % number, event=event, now_ms=T,
                cursor=Cursor("r", number),
            )  # fmt: skip
        letter(ledger, 3, b"s" * 3000)
        for number, code in enumerate(("TKN7RT61SV", "TKN7RT61SW"), start=4):
            body = {"TransID": code, "TransAmount": "250.00", "TransTime": "20270115110000"}
            ledger.take_payment(
                token_digest=token_digest("c2b"), body=json.dumps(body).encode(), now_ms=T, cursor=Cursor("r", number),
                payment=C2bPayment(code, Cents(25_000), T, "Njeri", "678", "A1"),
            )  # fmt: skip
        ledger.lose_payment("TKN7RT61SW", "back", T)
    assert verify(path).findings == ()


TAMPERED = {
    "a replaced callback": "UPDATE evidence SET body_sealed = (SELECT body_sealed FROM evidence WHERE id = 2) WHERE id = 1",
    "evidence moved to another attempt": "UPDATE evidence SET attempt_id = 3 - attempt_id WHERE attempt_id IS NOT NULL",
    "one evidence moved": "UPDATE evidence SET attempt_id = 2 WHERE id = 1",
    "a stranger's message made one of ours": "UPDATE evidence SET attempt_id = 1 WHERE id = 3",
    "a stranger's message replaced": "UPDATE evidence SET body_sealed = (SELECT body_sealed FROM evidence WHERE id = 1) WHERE id = 3",
    "evidence removed": "DELETE FROM evidence WHERE id = 3",
    "the newest evidence of a payment removed": "DELETE FROM evidence WHERE id = 5",
    "a payment removed": "DELETE FROM mpesa_transactions WHERE id = 3",
    "a payment and its evidence removed": "DELETE FROM mpesa_transactions WHERE id = 3; DELETE FROM evidence WHERE id = 4",
    "a payment moved to another day": "UPDATE mpesa_transactions SET day = '2027-01-14' WHERE id = 3",
    "a payment moved to another time": "UPDATE mpesa_transactions SET paid_at_ms = paid_at_ms - 86400000, day = '2027-01-14' WHERE id = 3",
    "a payment of another amount": "UPDATE mpesa_transactions SET amount_cents = 100 WHERE id = 3",
    "a payment of another code": "UPDATE mpesa_transactions SET mpesa_code = 'ANOTHER001' WHERE id = 3",
    "a payment of another payer": "UPDATE mpesa_transactions SET payer_sealed ="
    " (SELECT payer_sealed FROM mpesa_transactions WHERE id = 4) WHERE id = 3",
    "a payment hidden": "UPDATE mpesa_transactions SET reserved_by = 'back' WHERE id = 3",
    "a payment found": "UPDATE mpesa_transactions SET reserved_by = '' WHERE id = 4",
    "a payment reserved under another name": "UPDATE mpesa_transactions SET reservation = zeroblob(32) WHERE id = 3",
    "a payment given to a sale": "INSERT INTO tenders (id, sale_id, kind, amount_cents, state, made_at_ms, transaction_id,"
    " event_id) VALUES (3, 1, 'c2b', 25000, 'received', 0, 3, 1)",
    "a payment merged": "UPDATE mpesa_transactions SET merged_into = 1, mpesa_code = NULL WHERE id = 3",
    "a sum that no sale has": "UPDATE mpesa_transactions SET allocated_cents = 0 WHERE id = 1",
    "money moved to another sale": "UPDATE tenders SET sale_id = 2 WHERE id = 1",
    "money of another amount": "UPDATE tenders SET amount_cents = 1 WHERE id = 1",
    "money under another tender": "UPDATE tenders SET transaction_id = CASE id WHEN 1 THEN 2 ELSE 1 END WHERE id < 3",
    "a tender removed": "DELETE FROM tenders WHERE id = 2",
    "a receipt": "UPDATE sales SET has_receipt = 1 WHERE id = 1",
    "a payment made a prompt's": "UPDATE tenders SET kind = 'c2b' WHERE id = 1",
    "a prompt of nobody": "INSERT INTO tenders (id, sale_id, kind, amount_cents, state, made_at_ms, event_id)"
    " VALUES (3, 1, 'stk', 1, 'failed', 0, 1)",
    "money from nowhere": "INSERT INTO tenders (id, sale_id, kind, amount_cents, state, made_at_ms, event_id)"
    " VALUES (3, 1, 'stk', 1, 'received', 0, 1); UPDATE sales SET received_cents = received_cents + 1 WHERE id = 1;"
    " UPDATE day_totals SET paid_cents = paid_cents + 1",
    "a phone that is not found again": "UPDATE stk_attempts SET phone_index = zeroblob(8) WHERE id = 1",
    "a message without its token": "UPDATE evidence SET token_digest = x'' WHERE id = 1",
    "a message cut short": "UPDATE evidence SET part_digest = x'' WHERE id = 3",
    "a message of nobody": "UPDATE evidence SET attempt_id = NULL WHERE id = 1",
    "practice made real": "UPDATE ledger_facts SET value = 'production' WHERE name = 'environment'",
    "the seal taken away": "DELETE FROM ledger_facts WHERE name = 'key'",
    "a move that is none": "INSERT INTO legal_transitions VALUES ('attempt', 'paid', 'declined')",
    "a trigger that looks like SQLite's": "CREATE TRIGGER sqlitex AFTER UPDATE ON sales BEGIN SELECT 1; END",
    "events that say nothing": "UPDATE ledger_events SET details = '{}' WHERE kind IN ('arrived', 'paid', 'requested')",
    "events that are no words": "UPDATE ledger_events SET details = '[1]' WHERE kind IN ('arrived', 'paid', 'made')",
    "evidence that is no number": "UPDATE ledger_events SET details = json_set(details, '$.evidence', 'zz')",
    "an event of another form": "UPDATE ledger_events SET version = 2 WHERE id = 1",
    "an event of another": "UPDATE ledger_events SET subject_id = 1 WHERE subject = 'mpesa_transaction'",
    "a row that names another event": "UPDATE sales SET event_id = 2 WHERE id = 1",
    "a sale's last attempt": "UPDATE sales SET last_attempt_id = 1 WHERE id = 2",
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_verify_sees(what: str, path: Path) -> None:
    whole(path)
    with tampering(path) as db:
        db.executescript(TAMPERED[what])
    # Neither the chain, which tells nothing of rows, nor SQLite's own check of references is needed to see it.
    seen = {finding.check for finding in verify(path).findings} - {"file"}
    is_of_events = "event" in TAMPERED[what]
    assert seen and (is_of_events or "chain" not in seen)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TRIGGER evidence_stays", "DROP TRIGGER events_stay_unchanged", "DROP TRIGGER tender_counts",
        "DROP INDEX one_live_prompt", "DROP INDEX one_sale_a_claim", "CREATE TABLE aside (x)",
        "DROP TRIGGER sales_stay; CREATE TRIGGER sales_stay BEFORE DELETE ON sales BEGIN SELECT 1; END",
    ],
)  # fmt: skip
def test_verify_holds_the_schema_against_the_migrations(sql: str, path: Path) -> None:
    whole(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(sql)
    assert [finding.check for finding in verify(path).findings] == ["schema"]


def test_what_is_sealed_is_not_judged_without_its_key(path: Path) -> None:
    whole(path)
    key_file(path).unlink()
    assert verify(path).findings == ()


def test_a_forked_ledger_of_the_same_length_is_not_this_one(path: Path, tmp_path: Path) -> None:
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 1)
    fork = tmp_path / "fork.sqlite3"
    fork.write_bytes(path.read_bytes())
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 2)
    head = head_file(path).read_bytes()
    path.write_bytes(fork.read_bytes())
    head_file(path).unlink()
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 2, shillings=77)
    head_file(path).write_bytes(head)
    assert [finding.check for finding in verify(path).findings] == ["chain"]
    with pytest.raises(Outside) as caught:
        LedgerWriter(path)
    assert caught.value.code == "ledger.replaced"


def test_verify_notes_a_clock_that_stood_wrong(path: Path) -> None:
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 1)
        sell(ledger, 2, at_ms=T - 3_600_000)
        sell(ledger, 3, at_ms=1_262_304_000_000)
    verdict = verify(path)
    assert verdict.findings == () and len(verdict.notes) == 2
    with closing(LedgerWriter(path)) as ledger:
        assert ledger.newest_event_ms() == 1_262_304_000_000 < EARLIEST_MS


def test_each_schema_file_that_is_out_stays_as_it_is() -> None:
    """A ledger says which version it has: another schema under the same number opens and then fails."""
    digests = {
        version: hashlib.sha256(json.dumps(schema_of_version(version), sort_keys=True).encode()).hexdigest()[:16]
        for version in range(FIRST_VERSION, newest_version() + 1)
    }
    assert digests == FROZEN


FROZEN = {100: "90127f12052d9efa"}


# Copies and restore


def copy_days(path: Path) -> list[str]:
    return sorted(found.name for found in (path.parent / "copies").glob("day-*.sqlite3"))


def test_copies_of_days_to_come_push_out_no_good_one(path: Path) -> None:
    whole(path)
    folder, today = path.parent / "copies", date(2027, 1, 15)
    for number in range(20):
        backups.backup_of_day(path, folder, (today + timedelta(days=30 + number)).isoformat())
    for number in range(7):
        backups.backup_of_day(path, folder, (today + timedelta(days=number)).isoformat())
    found = copy_days(path)
    assert [f"day-{(today + timedelta(days=number)).isoformat()}.sqlite3" for number in range(7)] == found[:7]


def test_a_copy_never_stands_without_its_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole(path)
    folder = path.parent / "copies"
    made = backups.backup_of_day(path, folder, "2027-01-15")
    assert made is not None
    key_of_copy(made).unlink()
    assert backups.backup_of_day(path, folder, "2027-01-15") is None
    assert key_of_copy(made).read_bytes() == key_file(path).read_bytes()

    def full(*_: object, **__: object) -> None:
        raise Outside("file.unwritable", path="x")

    monkeypatch.setattr(backups, "write_private", full)
    with pytest.raises(Outside):
        backups.backup_of_day(path, folder, "2027-01-16")
    monkeypatch.undo()
    assert copy_days(path) == ["day-2027-01-15.sqlite3"], "the key comes first"
    monkeypatch.setattr(backups, "copy_to", full)
    with pytest.raises(Outside):
        backups.backup_of_day(path, folder, "2027-01-16")
    assert not key_of_copy(folder / "day-2027-01-16.sqlite3").exists()
    key_file(path).unlink()
    with pytest.raises(Outside):
        backups.backup(path, folder / "other.sqlite3")


RESTORE = """
import os, sys
from pathlib import Path
from pos_app.ledger import backups
left = int(sys.argv[3])
def cut(name):
    real = getattr(Path, name)
    def cutting(self, *args, **kwargs):
        global left
        if self.parent == Path(sys.argv[2]).parent:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), 9)
        return real(self, *args, **kwargs)
    setattr(Path, name, cutting)
for name in ("rename", "replace", "unlink"):
    cut(name)
backups.restore(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_restore_that_is_cut_short_anywhere_and_done_again_parts_nothing(
    is_damaged: bool, path: Path, tmp_path: Path
) -> None:
    whole(path)
    copy = tmp_path / "copy.sqlite3"
    backups.backup(path, copy)
    original = path.read_bytes()
    for cut in range(20):
        for found in path.parent.glob("*"):
            if found.is_file():
                found.unlink()
        path.write_bytes(original)
        key_file(path).write_bytes(key_of_copy(copy).read_bytes())
        sales = _with_a_wal(path, is_damaged=is_damaged)
        done = subprocess.run(
            [sys.executable, "-c", RESTORE, copy, path, str(cut)], check=False, capture_output=True, timeout=60
        )
        assert done.returncode in (0, -9), done.stderr
        backups.restore(copy, path)
        assert verify(path).findings == ()
        asides = list(path.parent.glob("replaced-*-ledger.sqlite3"))
        assert asides and all(aside.stat().st_size > 0 for aside in asides)
        kept = is_damaged or any(verify(aside).sales == sales for aside in asides)
        assert kept, f"what is kept was parted from its WAL at cut {cut}"
        LedgerWriter(path).close()
        assert verify(path).sales == 2, "a WAL of the old one was read into the new one"
        if done.returncode == 0:
            break
    else:
        pytest.fail("it was cut short each time")
    assert cut > 3


def test_a_restore_that_failed_late_and_is_done_again_keeps_the_newer_ledger(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(path)
    copy = tmp_path / "copy.sqlite3"
    backups.backup(path, copy)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(backups, "write_head", full)
        with pytest.raises((Outside, OSError)):
            backups.restore(copy, path)
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 8)
    newer = verify(path).sales
    backups.restore(copy, path)
    kept = [verify(aside).sales for aside in path.parent.glob("replaced-*-ledger.sqlite3")]
    assert newer > verify(path).sales and newer in kept, "the sales made between the two are gone"


def _with_a_wal(path: Path, *, is_damaged: bool) -> int:
    """Leaves sales in the WAL, as a till that was killed does; how many there are."""
    script = (
        "import os, sys; from pathlib import Path; from pos_app.ledger.writer import LedgerWriter;"
        " from ledger.test_ledger import sell; l = LedgerWriter(Path(sys.argv[1])); sell(l, 7); os.kill(os.getpid(), 9)"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script, path], check=False, env=env, timeout=60)
    sales = verify(path).sales
    assert sales == 3 and path.with_name(path.name + "-wal").stat().st_size > 0
    if is_damaged:
        with path.open("r+b") as file:
            file.write(b"not a ledger any more")
    return sales


def test_an_end_that_is_missing_can_be_accepted_in_words(path: Path) -> None:
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 1)
    early = path.read_bytes()
    assert backups.missing_end(path) is None
    with pytest.raises(Mistake) as nothing:
        backups.accept_missing_end(path)
    assert nothing.value.code == "copy.whole"
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 2)
    path.write_bytes(early)
    missing = backups.missing_end(path)
    assert missing == backups.Missing(has=4, had=8, is_other=False)
    assert backups.accept_missing_end(path) == missing
    with closing(LedgerWriter(path)) as ledger:
        sell(ledger, 3)
    assert verify(path).findings == ()


def test_what_cannot_be_written_leaves_the_restore_undone(path: Path, tmp_path: Path) -> None:
    whole(path)
    copy = tmp_path / "copy.sqlite3"
    backups.backup(path, copy)
    with closing(LedgerWriter(path)):
        with pytest.raises(Outside) as caught:
            backups.restore(copy, path)
    assert caught.value.code == "ledger.in_use"
    (tmp_path / "file").write_text("x")
    with pytest.raises(Outside) as caught:
        backups.restore(copy, tmp_path / "file" / "ledger.sqlite3")
    assert caught.value.code == "file.unwritable"


# Private, and one writer


def modes(folder: Path) -> dict[str, int]:
    return {found.name: stat.S_IMODE(found.stat().st_mode) for found in folder.iterdir()}


def test_files_are_private_from_the_first_byte(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with closing(LedgerWriter(path)) as ledger:
            sell(ledger, 1)
            assert {"ledger.sqlite3-wal", "ledger.sqlite3-shm"} <= modes(path.parent).keys()
            assert set(modes(path.parent).values()) == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, "a folder that was there before"
        backups.backup_of_day(path, path.parent / "copies", "2027-01-15")
        assert set(modes(path.parent / "copies").values()) == {0o600}
        relay = path.parent / "relay" / "relay.sqlite3"
        with closing(SqliteStore(relay)) as store:
            store.add_device("front")
            assert set(modes(relay.parent).values()) == {0o600} and len(modes(relay.parent)) == 3
    finally:
        os.umask(before)


def test_rotated_logs_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 300)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "till.log").write_text("of before\n")
    (folder / "till.log.1").write_text("of before\n")
    root = logs.logging.getLogger()
    handlers = list(root.handlers)
    before = os.umask(0)
    try:
        logs.set_up(folder)
        for number in range(30):
            root.warning("a line that is long enough to rotate %d", number)
        assert len(modes(folder)) == 5 and set(modes(folder).values()) == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
        for handler in list(root.handlers):
            root.removeHandler(handler)
            handler.close()
        for handler in handlers:
            root.addHandler(handler)


def test_a_folder_of_the_systems_own_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    whole(path)
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    backups.backup(path, shared / "copy.sqlite3")
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_ledger_on_a_shared_folder_is_locked_where_it_lies(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other-home").mkdir()
    (tmp_path / "other-home" / "practice").symlink_to(path.parent)
    path.parent.mkdir()
    with closing(LedgerWriter(path)):
        for way in (path, tmp_path / "other-home" / "practice" / "ledger.sqlite3"):
            with pytest.raises(Outside) as caught:
                LedgerWriter(way)
            assert caught.value.code == "ledger.in_use"
    LedgerWriter(tmp_path / "other-home" / "practice" / "ledger.sqlite3").close()


def test_a_lock_that_cannot_be_made_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(one_writer.filelock.FileLock, "acquire", no_locks)
    with pytest.raises(Outside) as caught:
        LedgerWriter(path)
    assert caught.value.code == "ledger.read_only"


@pytest.mark.parametrize("where", ["ledger", "file"])
def test_what_must_not_be_lost_is_forced_to_the_disk(
    where: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "ledger":
        with closing(LedgerWriter(path)) as ledger, closing(SqliteStore(tmp_path / "r" / "relay.sqlite3")) as store:
            full = 2
            assert ledger._unit.db.execute("PRAGMA synchronous").fetchone()[0] == full
            assert store._write.execute("PRAGMA synchronous").fetchone()[0] == full
        return
    from pos_app.common.files import write_private

    forced: list[str] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (forced.append(_what(handle)), real(handle))[1])
    write_private(tmp_path / "a" / "settings.toml", b"x", code="x")
    assert forced == ["file", "folder"]


def _what(handle: int) -> str:
    return "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"


# The same sale twice


def test_the_same_sale_again_asks_first(ledger: LedgerWriter) -> None:
    first = sell(ledger, 1)
    again = draft(1, "254700000001", "A0001")
    for now_ms in (T + 1_000, T + 900_000):
        with pytest.raises(Mistake) as caught:
            record_sale(ledger, again, "token-2", now_ms)
        assert caught.value.code == "sale.same_open"
        assert caught.value.params == {"reference": "A0001", "sale": first.sale_id, "attempt": first.id}
    for other in (
        draft(2, "254700000001", "A0001"),
        draft(1, "254700000001", "A0002"),
        draft(1, "254700010001", "A0001"),
    ):
        record_sale(ledger, other, f"token-{other}", T + 900_000)
    assert record_sale(ledger, again, "token-3", T + 900_000, anyway=True).sale_id != first.sale_id


@pytest.mark.parametrize(
    ("events", "asks"),
    [
        ([CANCELLED], False),
        ([CANCELLED, ev.QueryAnswered(PAID)], True),
        ([ev.DeadlinePassed()], True),
        ([ev.DeadlinePassed(), ev.GivenUp("manager", "gone")], False),
        ([CANCELLED, ev.SaleVoided("manager", "gone")], False),
        ([ev.CallbackArrived(PAID, "m-1", "ws-1", Cents(100), "CODEAAAAAA")], False),
    ],
)
def test_only_what_is_not_known_yet_asks(events: list[ev.Event], asks: bool, ledger: LedgerWriter) -> None:
    first = sell(ledger, 1)
    for event in events:
        ledger.apply(first.id, event, T + 200_000)
    record: Callable[[], object] = lambda: record_sale(ledger, draft(1, "254700000001", "a0001"), "t", T + 900_000)
    if not asks:
        record()
        return
    with pytest.raises(Mistake) as caught:
        record()
    assert caught.value.code == "sale.same_open"


# Waits count from the first byte


def test_the_wait_for_another_prompt_counts_from_the_first_byte(ledger: LedgerWriter) -> None:
    first = record_sale(ledger, draft(1, "254700000001", "A1"), "token-1", T)
    ledger.apply(first.id, ev.SendRequested(), T)
    with pytest.raises(Mistake) as caught:
        record_sale(ledger, draft(2, "254700000001", "A2"), "token-2", T + 25_000)
    assert caught.value.params == {"seconds": 60}, "what is on its way may leave this very moment"
    ledger.apply(first.id, ev.PushAccepted("m", "ws", left_at_ms=T + 29_000), T + 30_000)
    ledger.apply(first.id, CANCELLED, T + 40_000)
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, first.sale_id, "token-3", T + 130_000)
    assert caught.value.params == {"seconds": 19}
    assert record_attempt(ledger, first.sale_id, "token-3", T + 149_000).sale_id == first.sale_id


def test_what_is_owed_a_question_is_taken_up_however_old(ledger: LedgerWriter) -> None:
    late = T + 40 * 86_400_000
    ends: dict[str, list[ev.Event]] = {
        "open": [],
        "declined, asked": [CANCELLED, CANCELLED],
        "declined, not asked": [CANCELLED],
        "declined, said paid": [CANCELLED, CANCELLED, ev.CallbackArrived(PAID, None, None, None, "CODEAAAAAA")],
        "paid by queries, not asked again": [ev.QueryAnswered(PAID), ev.QueryAnswered(PAID, apart_ms=12_000)],
        "paid with a code": [ev.CallbackArrived(PAID, "m-6", "ws-6", Cents(600), "CODEBBBBBB")],
    }
    for number, events in enumerate(ends.values(), start=1):
        attempt = sell(ledger, number)
        for event in events:
            ledger.apply(attempt.id, event, T)
    assert [attempt.id for attempt in ledger.to_follow(late - 86_400_000)] == [1, 3, 4, 5]
    assert [attempt.id for attempt in ledger.to_follow(T)] == [1, 2, 3, 4, 5]
    assert ledger.live_token_digests() == [token_digest("token-1")]


def test_part_paid_is_not_a_paid_sale(ledger: LedgerWriter, path: Path) -> None:
    first = sell(ledger, 1, shillings=1000)
    ledger.apply(first.id, CANCELLED, T)
    for number, cents in enumerate((40_000, 60_000)):
        payment = C2bPayment(f"CODEAAAAA{number}", Cents(cents), T, "N", "678", "")
        ledger.take_payment(
            token_digest=b"d" * 32, body=b"%d" % number, payment=payment, now_ms=T, cursor=Cursor("r", number + 1)
        )
        ledger.allocate_payment(payment.mpesa_code, first.sale_id, "Asha", T)
        with closing(LedgerReader(path)) as reader:
            totals = reader.totals(day_of(T))
        assert (totals.paid_sales, totals.part_paid, totals.paid_cents) == ((0, 1, 40_000), (1, 0, 100_000))[number]
    ledger.deallocate_payment("CODEAAAAA0", "Asha", "wrong", T)
    with closing(LedgerReader(path)) as reader:
        assert (reader.totals(day_of(T)).paid_sales, reader.totals(day_of(T)).part_paid) == (0, 1)
    assert verify(path).findings == ()
