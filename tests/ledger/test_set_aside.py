"""Ledgers of the first edition: refused before anything is written or locked, and set aside whole or not at all."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes.old_home import KEPT, LEDGER, all_of, make_old_home

from pos_app.common.clock import SystemClock
from pos_app.common.errors import Mistake, Outside
from pos_app.ledger import backups, first_edition
from pos_app.ledger.edition import is_first_edition, is_to_be_set_aside
from pos_app.ledger.first_edition import MatterKind
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import CLOCKS_APART_MS, LedgerWriter
from pos_app.texts.errors import reason_of

DAY = "2026-11-29"
T = 1_795_000_000_000


def good_copy(folder: Path) -> Path:
    ledger = folder / "good" / LEDGER
    LedgerWriter(ledger).close()
    backups.backup(ledger, folder / "good" / "copy.sqlite3")
    return folder / "good" / "copy.sqlite3"


OPENS: dict[str, Callable[[Path], object]] = {
    "the till": LedgerWriter,
    "a reader": LedgerReader,
    "verify": verify,
    "backup": lambda path: backups.backup(path, path.with_name("backup.sqlite3")),
    "restore over it": lambda path: backups.restore(path.parent / "copies" / "day-2026-11-01.sqlite3", path),
    "restore of a good copy over it": lambda path: backups.restore(good_copy(path.parents[1]), path),
    "restore of an old copy": lambda path: backups.restore(
        path.parent / "copies" / "day-2026-11-01.sqlite3", path.parent / "elsewhere" / LEDGER
    ),
}


def make_home_in_its_wal(folder: Path) -> Path:
    """An old home whose ledger was never brought from its WAL into its own file: its header says nothing yet."""
    old, written = make_old_home(folder), folder.with_name(f"{folder.name}-written")
    written.mkdir()
    with closing(sqlite3.connect(written / LEDGER, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript((KEPT / "first-edition.sql").read_text("utf-8"))
        for name in (LEDGER, f"{LEDGER}-wal"):
            (folder / name).write_bytes((written / name).read_bytes())
    return old


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return make_old_home(tmp_path / "production")


def entries(folder: Path) -> set[str]:
    return {str(found.relative_to(folder)) for found in folder.rglob("*")}


@pytest.mark.parametrize("what", OPENS)
def test_it_is_refused_in_words_before_anything_is_written_or_locked(what: str, old: Path) -> None:
    before, named = all_of(old.parent), entries(old.parent)
    with pytest.raises(Outside) as caught:
        OPENS[what](old)
    assert caught.value.code == "ledger.first_edition"
    assert "pos-app doctor --set-aside" in reason_of(caught.value)
    assert all_of(old.parent) == before and entries(old.parent) == named


def test_what_is_open_in_it_is_listed(old: Path) -> None:
    before = all_of(old.parent)
    prompt, payment = first_edition.open_matters(old)
    assert (prompt.reference, prompt.amount_cents, prompt.phone_masked) == ("A0002", 80_000, "0722•••678")
    assert (payment.reference, payment.amount_cents, payment.phone_masked) == ("TKN7RT61SW", 25_050, "•••123")
    assert (prompt.kind, payment.kind) == (MatterKind.PROMPT, MatterKind.PAYMENT)
    now = all_of(old.parent)
    assert {name: now[name] for name in before if not name.endswith("-wal")} == {
        name: body for name, body in before.items() if not name.endswith("-wal")
    }


def test_the_oldest_ones_have_no_list_of_payments(tmp_path: Path) -> None:
    old = make_old_home(tmp_path)
    with closing(sqlite3.connect(old)) as db:
        db.execute("DROP TABLE till_payments")
        db.commit()
    assert [matter.reference for matter in first_edition.open_matters(old)] == ["A0002"]


def test_it_goes_with_all_that_belongs_to_it_and_a_new_one_begins(old: Path) -> None:
    before = all_of(old.parent)
    (old.parent / "relay.sqlite3").write_bytes(b"mail")
    earlier = old.parent / "first-edition-2026-11-28"
    earlier.mkdir()
    (earlier / LEDGER).write_bytes(b"stays")
    folder = first_edition.set_aside(old, DAY)
    assert folder == old.parent / f"first-edition-{DAY}" and folder.stat().st_mode & 0o777 == 0o700
    assert all_of(folder) == before | {"relay.sqlite3": b"mail"}
    assert all_of(old.parent).keys() - {f"{folder.name}/{name}" for name in all_of(folder)} == {
        f"{earlier.name}/{LEDGER}"
    }
    before_ms = SystemClock().now_ms()
    with closing(LedgerWriter(old)) as ledger:
        since_ms = ledger.mail_begins_ms()
        assert since_ms is not None and 0 <= since_ms + CLOCKS_APART_MS - before_ms < 60_000
    with closing(LedgerWriter(old)) as ledger:
        assert ledger.mail_begins_ms() == since_ms, "however often it starts before it reads"
        ledger.begin_mailbox(Cursor("relay#till-1", 7, "mark", "box"), T)
        assert ledger.mail_begins_ms() is None
        assert ledger.cursor("relay#till-1") == Cursor("relay#till-1", 7, "mark", "box")
    assert verify(old).findings == ()


@pytest.mark.parametrize("stranger", [None, "first-edition-photos", "first-edition-photos.part"])
def test_a_ledger_that_took_no_others_place_reads_its_mailbox_from_the_beginning(
    tmp_path: Path, stranger: str | None
) -> None:
    if stranger is not None:
        (tmp_path / stranger).mkdir()
    with closing(LedgerWriter(tmp_path / LEDGER)) as ledger:
        assert ledger.mail_begins_ms() is None


def test_a_second_one_on_the_same_day_overwrites_nothing(old: Path) -> None:
    first = first_edition.set_aside(old, DAY)
    kept = all_of(first)
    make_old_home(old.parent)
    second = first_edition.set_aside(old, DAY)
    assert second.name == f"first-edition-{DAY}-2" and all_of(first) == kept and set(all_of(second)) == set(kept)


def test_where_there_is_none_nothing_is_moved(tmp_path: Path) -> None:
    path = tmp_path / LEDGER
    for is_there in (False, True):
        if is_there:
            LedgerWriter(path).close()
        before = all_of(tmp_path)
        with pytest.raises(Mistake) as caught:
            first_edition.set_aside(path, DAY)
        assert caught.value.code == "first_edition.none" and all_of(tmp_path) == before


def test_one_that_is_open_is_not_taken_away(old: Path) -> None:
    from pos_app.ledger.one_writer import only_writer

    with only_writer(old), pytest.raises(Outside) as caught:
        first_edition.set_aside(old, DAY)
    assert caught.value.code == "ledger.in_use" and not list(old.parent.glob("first-edition-*"))


KILLED = """
import os, signal, sys
from pathlib import Path
from pos_app.ledger import first_edition

left = int(sys.argv[2])

def watch(event, given):
    global left
    if event == "os.rename":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
first_edition.set_aside(Path(sys.argv[1]), "2026-11-29")
"""


@pytest.mark.parametrize("make", [make_old_home, make_home_in_its_wal])
def test_a_power_cut_at_any_step_parts_nothing_and_the_next_try_finishes(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    steps = 0
    while True:
        old = make(tmp_path / str(steps))
        before = all_of(old.parent)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(old), str(steps)], check=False).returncode
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        with pytest.raises(Outside) as caught:
            LedgerWriter(old)
        assert caught.value.code == "ledger.first_edition", "no new ledger begins while some of the old one lies there"
        # On another day: it is the same folder all the same.
        folder = first_edition.set_aside(old, "2026-12-01")
        assert folder.name == f"first-edition-{DAY}" and all_of(folder) == before
        assert set(all_of(old.parent)) == {f"{folder.name}/{name}" for name in before}
        LedgerWriter(old).close()
        steps += 1
    # Copies, exported days, head, key, WAL, ledger, and the folder's name.
    assert steps == 7


def test_nothing_that_lies_there_already_is_overwritten(old: Path) -> None:
    before, folder = all_of(old.parent), old.parent / f"first-edition-{DAY}.part"
    folder.mkdir()
    (folder / "ledger.key").write_bytes(b"another")
    with pytest.raises(Mistake) as caught:
        first_edition.set_aside(old, DAY)
    assert (caught.value.code, caught.value.params) == ("file.exists", {"path": str(folder / "ledger.key")})
    (folder / "ledger.key").unlink()
    assert all_of(first_edition.set_aside(old, DAY)) == before


def test_a_new_ledger_that_somebody_put_there_meanwhile_stays(old: Path, tmp_path: Path) -> None:
    before = all_of(old.parent)
    first_edition.set_aside(old, DAY).rename(old.parent / f"first-edition-{DAY}.part")
    good = tmp_path / "elsewhere" / LEDGER
    LedgerWriter(good).close()
    for found in good.parent.iterdir():
        found.rename(old.parent / found.name)
    here = old.read_bytes()
    assert not is_to_be_set_aside(old), "it is whole, and opens"
    assert all_of(first_edition.set_aside(old, DAY)) == before and old.read_bytes() == here


def test_whoever_looks_into_it_after_a_cut_costs_it_nothing(old: Path) -> None:
    """Its WAL has been moved; SQLite makes an empty one for whoever opens what is left."""
    before = all_of(old.parent)
    folder = old.parent / f"first-edition-{DAY}.part"
    folder.mkdir()
    (old.parent / f"{LEDGER}-wal").rename(folder / f"{LEDGER}-wal")
    first_edition.open_matters(old)
    (old.parent / f"{LEDGER}-wal").touch()
    assert all_of(first_edition.set_aside(old, DAY)) == before


def test_one_that_stands_in_its_wal_alone_is_known(tmp_path: Path) -> None:
    old = make_home_in_its_wal(tmp_path)
    assert old.read_bytes()[68:72] == bytes(4), "its header says nothing yet"
    before = all_of(old.parent)
    assert is_first_edition(old)
    with pytest.raises(Outside) as caught:
        LedgerWriter(old)
    assert caught.value.code == "ledger.first_edition" and all_of(old.parent) == before
    assert [matter.reference for matter in first_edition.open_matters(old)] == ["A0002", "TKN7RT61SW"]
    assert all_of(first_edition.set_aside(old, DAY)) == before


def test_where_it_cannot_be_moved_it_says_so_and_can_be_tried_again(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_of(old.parent)
    real, left = Path.replace, 2

    def full(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Outside) as caught:
        first_edition.set_aside(old, DAY)
    assert caught.value.code == "file.unwritable"
    monkeypatch.undo()
    assert all_of(first_edition.set_aside(old, DAY)) == before


def test_the_second_editions_own_file_is_no_first_edition(tmp_path: Path) -> None:
    path = tmp_path / LEDGER
    LedgerWriter(path).close()
    assert not is_to_be_set_aside(path)
    with closing(LedgerReader(path)) as reader:
        assert reader.days() == []
