"""A short form of `make torture-relay`: it must pass, and it must notice a relay that promises too early."""

from __future__ import annotations

import pytest
from torture.storm import storm


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_every_callback_that_was_answered_reaches_the_ledger_once(database: str) -> None:
    result = storm(database, 400, seed=7)
    assert result.violations == []
    assert result.promised > 200 and result.kills.total() > 8, "it proved nothing"
    assert result.streamed > 10, "the till read no stream: it proved nothing of its main way"


@pytest.mark.timeout(300)
def test_a_relay_that_answers_before_it_stores_is_noticed() -> None:
    result = storm("sqlite", 300, seed=3, planted=True)
    assert any("answered 200 and is not in the ledger" in violation for violation in result.violations)
