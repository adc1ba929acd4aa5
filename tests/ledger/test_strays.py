"""Messages that belong to no payment of this till: kept, listed until a person settles them, never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.recording import record_sale
from fakes.till import draft

from pos_app.common.tokens import token_digest
from pos_app.domain.stk import events as ev
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter

T = 1_795_504_440_000
DAY = "2026-11-24"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[LedgerWriter]:
    with closing(LedgerWriter(path)) as opened:
        yield opened


def stray(ledger: LedgerWriter, position: int, body: bytes = b"{}", token: str = "nobodys") -> None:
    ledger.take_callback(
        token_digest=token_digest(token),
        body=body,
        event=ev.CallbackUnclear(),
        now_ms=T + position,
        cursor=Cursor("m", position),
    )


def test_they_are_listed_until_they_are_settled_and_stay_as_evidence(ledger: LedgerWriter, path: Path) -> None:
    record_sale(ledger, draft(), "ours-12345678", T)
    stray(ledger, 1, b"unreadable, for a prompt of ours", "ours-12345678")
    for position in (2, 3):
        stray(ledger, position, b"%d" % position)
    stray(ledger, 4, b"3")
    ledger.take_payment(token_digest=b"d" * 32, body=b"?", payment=None, now_ms=T, cursor=Cursor("m", 5))
    with closing(LedgerReader(path)) as reader:
        listed = [(one.body, one.is_payment) for one in reader.strays()]
        assert listed == [(b"?", True), (b"3", False), (b"2", False)], "newest first, the one sent twice once"
        assert reader.totals(DAY).strays == reader.stray_count() == 3
        ids = [one.id for one in reader.strays()]
        ledger.settle_strays(ids[1:], "Asha", "a stranger", T)
        ledger.settle_strays([*ids[1:], 1, 99], "Asha", "again, and what is none", T)
        assert [one.id for one in reader.strays()] == ids[:1]
        assert reader.totals(DAY).strays == 1
        settled = [(one.settled_by, one.reason) for one in reader.strays(with_settled=True)]
        assert settled == [("", ""), ("Asha", "a stranger"), ("Asha", "a stranger")]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM evidence").fetchone() == (4,)
        kept = db.execute("SELECT evidence_id, settled_by, reason FROM settled_messages ORDER BY 1 DESC").fetchall()
        assert kept == [(number, "Asha", "a stranger") for number in ids[1:]]
        for sql in ("DELETE FROM settled_messages", "UPDATE settled_messages SET reason = ''"):
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(sql)
    assert verify(path).findings == ()


def test_without_the_key_they_are_counted_and_not_read(ledger: LedgerWriter, path: Path) -> None:
    stray(ledger, 1)
    (path.parent / "ledger.key").rename(path.parent / "elsewhere")
    with closing(LedgerReader(path)) as reader:
        assert [one.body for one in reader.strays()] == [None]
