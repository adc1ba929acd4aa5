"""The schema says what the program says: each set of words stands in both, and they are the same."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from pos_app.domain.sales.tender import TenderKind, TenderState, tender_state_of
from pos_app.domain.stk.attempt import LEGAL, AttemptState
from pos_app.ledger import event_codec
from pos_app.ledger.db import migrations
from pos_app.ledger.edition import FIRST_VERSION
from pos_app.ledger.event_codec import Subject


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as made:
        for _number, sql in migrations():
            made.executescript(sql)
        yield made


def rows(db: sqlite3.Connection, table: str) -> set[tuple[str, ...]]:
    return set(db.execute(f"SELECT * FROM {table}"))


def test_sets_that_grow_are_the_programs(db: sqlite3.Connection) -> None:
    assert rows(db, "tender_kinds") == {(kind.value,) for kind in TenderKind}
    assert rows(db, "event_kinds") == {(str(subject), kind) for subject, kind in event_codec.kinds()}
    assert rows(db, "attempt_states") == {(state.value, tender_state_of(state).value) for state in AttemptState}
    moves = {("attempt", old.value, new.value) for old, new in LEGAL}
    stays = {("attempt", state.value, state.value) for state in AttemptState}
    others = {(subject.value, "", "") for subject in Subject if subject is not Subject.ATTEMPT}
    assert rows(db, "legal_transitions") == moves | stays | others | {("attempt", "", "ready")}


def test_sets_that_are_closed_are_the_programs(db: sqlite3.Connection) -> None:
    (sql,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'tenders'").fetchone()
    words = re.search(r"state IN \(([^)]*)\)\)", sql)
    assert words is not None
    assert set(re.findall(r"'(\w+)'", words.group(1))) == {state.value for state in TenderState}


def test_what_an_event_may_change_are_columns_of_the_attempt(db: sqlite3.Connection) -> None:
    columns = {row[1] for row in db.execute("PRAGMA table_info(stk_attempts)")}
    assert set(event_codec.SET_COLUMNS) <= columns
    (guard,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'attempt_changes'").fetchone()
    guarded = set(re.findall(r"\w+", guard.partition(" OF ")[2].partition(" ON ")[0]))
    assert guarded == {*event_codec.SET_COLUMNS, "state", "event_id"}, (
        "nothing that is evidence changes without an event"
    )


def test_versions_begin_where_the_first_edition_cannot_have_been() -> None:
    assert migrations()[0][0] == FIRST_VERSION == 100
