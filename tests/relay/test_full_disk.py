"""A disk that is full: nothing is promised, and all goes on once there is room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.servers import Relay

from pos_app.common.http import HttpClient, Request

TOKEN = "T" * 22


@pytest.mark.logs_errors
def test_a_full_store_answers_500_and_recovers(tmp_path: Path, web: HttpClient) -> None:
    with Relay(tmp_path) as relay:

        def post(size: int) -> int:
            return web.send(Request("POST", f"{relay.url}/c/till-1/{TOKEN}", {}, b"x" * size)).status

        assert post(10) == 200
        relay.store._write.execute("PRAGMA max_page_count = 1")
        statuses = [post(60_000) for _ in range(5)]
        assert 500 in statuses
        relay.store._write.execute("PRAGMA max_page_count = 1000000")
        assert post(60_000) == 200
        answer = web.send(
            Request("GET", f"{relay.url}/v1/inbox?after=0", {"Authorization": f"Bearer till-1.{relay.token}"})
        )
        assert len(json.loads(answer.body)["messages"]) == 2 + statuses.count(200)
