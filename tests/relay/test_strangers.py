"""What anybody can do who knows a till's name: crowd out other strangers, and nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import tracemalloc
from pathlib import Path

import pytest
from fakes.servers import Relay
from relay.test_relay import inbox, post

from pos_app.common.http import HttpClient, HttpResponse, Request
from pos_app.common.mailbox import MessageKind
from pos_app.common.tokens import token_digest
from pos_app.relay.access_policy import AccessPolicy, AccessRules
from pos_app.relay.callbacks import Callbacks
from pos_app.relay.metrics import Uncounted
from pos_app.relay.retention import Retention
from pos_app.relay.store import TRUSTED, IncomingMessage
from pos_app.relay.stores import open_store
from pos_app.relay.strangers import Quota

DAY_MS = 86_400_000


def name(web: HttpClient, relay: Relay, body: object, token: str = "") -> HttpResponse:
    headers = {"Authorization": f"Bearer till-1.{token or relay.token}"}
    return web.send(Request("PUT", f"{relay.url}/v1/prompts", headers, json.dumps(body).encode()))


def own(number: int) -> str:
    return f"own-token-{number:012d}"


def waiting(web: HttpClient, relay: Relay) -> int:
    return len(json.loads(inbox(web, relay).body)["messages"])


def test_strangers_crowd_out_strangers_only(relay: Relay, web: HttpClient) -> None:
    relay.store._quota = Quota(messages=5, size=1 << 20)
    assert name(web, relay, [token_digest(own(number)).hex() for number in range(4)]).status == 204
    assert [post(web, relay, b"?", f"/c/till-1/stranger{number:03d}").status for number in range(7)] == [200] * 5 + [
        429
    ] * 2
    # The till's own come in, also when M-PESA sends them more than once.
    for number in range(4):
        assert [post(web, relay, b"%d" % again, f"/c/till-1/{own(number)}").status for again in range(3)] == [200] * 3
    assert waiting(web, relay) == 17
    # One that was never named has no room left; one that is named late has.
    late = "never-named-in-time"
    assert post(web, relay, b"!", f"/c/till-1/{late}").status == 429
    assert name(web, relay, [token_digest(late).hex()]).status == 204
    assert post(web, relay, b"!", f"/c/till-1/{late}").status == 200


def test_a_true_callback_whose_registration_failed_is_kept_while_there_is_room(relay: Relay, web: HttpClient) -> None:
    assert post(web, relay, b"true", f"/c/till-1/{own(1)}").status == 200
    assert waiting(web, relay) == 1


def test_bytes_count_as_well(relay: Relay, web: HttpClient) -> None:
    relay.store._quota = Quota(messages=100, size=10_000)
    assert [post(web, relay, b"x" * 4_000, f"/c/till-1/stranger{number:03d}").status for number in range(4)] == [
        200,
        200,
        429,
        429,
    ]
    assert post(web, relay, b"x" * 2_000, "/c/till-1/stranger-small").status == 200, "there is room for a small one"


def test_other_tills_and_other_days_have_quotas_of_their_own(relay: Relay, web: HttpClient) -> None:
    relay.store._quota = Quota(messages=1, size=1 << 20)
    relay.store.add_device("till-2")
    assert [post(web, relay, b"?", f"/c/till-{till}/strangers").status for till in (1, 1, 2, 2)] == [200, 429, 200, 429]
    letter = IncomingMessage("till-1", token_digest("tomorrow-token"), b"?", int(time.time() * 1000) + DAY_MS)
    assert relay.run(relay.store.put(letter)) is True


def test_a_flood_for_one_named_prompt_is_a_strangers_too(relay: Relay, web: HttpClient) -> None:
    relay.store._quota = Quota(messages=2, size=1 << 20, of_a_prompt=3)
    name(web, relay, [token_digest(own(1)).hex()])
    assert [post(web, relay, b"%d" % number, f"/c/till-1/{own(1)}").status for number in range(7)] == [200] * 5 + [
        429
    ] * 2


def test_letters_that_come_together_are_judged_one_by_one(relay: Relay) -> None:
    relay.store._quota = Quota(messages=3, size=1 << 20)
    now = int(time.time() * 1000)
    relay.run(relay.store.expect_payments("till-1", token_digest("payments-token"), now))
    relay.run(relay.store.name_prompts("till-1", [token_digest(own(1))], now))

    async def flood() -> list[object]:
        letters = [IncomingMessage("till-1", token_digest(f"stranger{number}"), b"?", now) for number in range(6)]
        letters.insert(3, IncomingMessage("till-1", token_digest(own(1)), b"own", now))
        letters.insert(5, IncomingMessage("till-1", token_digest("payments-token"), b"paid", now, MessageKind.PAYMENT))
        letters.append(IncomingMessage("nobody", token_digest("x"), b"?", now))
        return await asyncio.gather(*(relay.store.put(one) for one in letters), return_exceptions=True)

    results = relay.run(flood())
    assert [result for result in results if isinstance(result, bool)] == [True] * 5 + [False]
    assert [type(result).__name__ for result in results if not isinstance(result, bool)] == ["CrowdedOutError"] * 3


@pytest.mark.parametrize("body", [{}, "x", [1], ["zz"], ["00"], ["00" * 33], [None], ["00" * 32] * 501, [["00" * 32]]])
def test_what_is_no_list_of_digests_names_nothing(relay: Relay, web: HttpClient, body: object) -> None:
    assert name(web, relay, body).status == 422
    assert name(web, relay, [], token="wrong").status == 401


def test_naming_is_bounded_and_deep_nonsense_is_refused(relay: Relay, web: HttpClient) -> None:
    headers = {"Authorization": f"Bearer till-1.{relay.token}"}
    for body in (b"[" * 30_000, b"x" * 60_000, b"\xff"):
        assert web.send(Request("PUT", f"{relay.url}/v1/prompts", headers, body)).status == 422


# Memory


def test_names_of_a_strangers_choice_are_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests' own keeper of log lines would be measured, too.
    monkeypatch.setattr(logging.getLogger("pos_app.relay"), "disabled", True)

    class NoMail:
        floor_ms = 0

        async def put(self, _letter: IncomingMessage) -> bool:
            return False

    callbacks = Callbacks(NoMail(), AccessPolicy(AccessRules()), Uncounted())  # type: ignore[arg-type]

    async def nothing(_message: object) -> None:
        return

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def knock() -> None:
        for number in range(3_000):
            scope = {"headers": [], "client": (f"10.0.{number // 250}.{number % 250}", 1)}
            till = f"{number}" + "n" * 15_000
            await callbacks.take(scope, receive, nothing, MessageKind.CALLBACK, till, "t" * 22)

    tracemalloc.start()
    try:
        asyncio.run(knock())
        kept, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1 << 20, f"{kept >> 20} MiB are kept of names"


# Identity


def test_a_mailbox_set_up_afresh_under_its_old_name_is_another(tmp_path: Path, web: HttpClient) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with Relay(first) as relay:
        for number in range(6):
            post(web, relay, b"%d" % number)
        page = json.loads(inbox(web, relay).body)
        asked = f"{page['cursor']}&mark={page['messages'][-1]['mark']}&mailbox={page['mailbox']}"
        assert json.loads(inbox(web, relay, after=asked).body)["reset"] is False
    for restarts in range(2):
        with Relay(second, till="till-1" if restarts == 0 else None) as relay:
            if restarts == 0:
                token = relay.token
                post(web, relay, b"fresh")
            relay.token = token
            page = json.loads(inbox(web, relay, after=asked).body)
            assert page["reset"] is True and len(page["messages"]) == 1, "an old cursor skipped what came"


def test_a_mailbox_keeps_its_identity_and_tells_it(database: str) -> None:
    names = set()
    for _ in range(2):
        store = open_store(database)
        names.add(store.identity)
        store.close()
    assert len(names) == 1 and len(names.pop()) == 16


def test_a_cursor_of_another_mailbox_is_told_so(relay: Relay, web: HttpClient) -> None:
    post(web, relay, b"x")
    assert json.loads(inbox(web, relay, after="1&mailbox=0123456789abcdef").body)["reset"] is True
    mine = f"1&mailbox={relay.store.identity}"
    assert json.loads(inbox(web, relay, after=mine).body) == {
        "till": "till-1", "mailbox": relay.store.identity, "cursor": 1, "reset": False, "more": False, "messages": [],
    }  # fmt: skip


# Old mail and wrong clocks


def test_a_clock_that_is_ahead_purges_nothing_unread(relay: Relay, web: HttpClient) -> None:
    post(web, relay, b"unread")
    now, retention = int(time.time() * 1000), Retention()
    assert retention.purge(relay.store, now + 36 * DAY_MS) == 0
    assert retention.purge(relay.store, now + 400 * DAY_MS, passed_ms=3_600_000) == 0
    assert waiting(web, relay) == 1
    # Put right again, it is believed at once; time that passes hour by hour counts.
    assert retention.trusted(relay.store, now, 3_600_000) == now
    for hour in range(1, 36 * 24):
        retention.trusted(relay.store, now + hour * 3_600_000, 3_600_000)
    assert retention.purge(relay.store, now + 36 * DAY_MS, passed_ms=3_600_000) == 1


def test_a_clock_that_stands_by_its_time_for_weeks_is_believed(relay: Relay, web: HttpClient) -> None:
    post(web, relay, b"unread")
    ahead, retention = int(time.time() * 1000) + 900 * DAY_MS, Retention()
    for hour in range(35 * 24 - 2):
        assert retention.trusted(relay.store, ahead + hour * 3_600_000, 3_600_000) < ahead
    assert waiting(web, relay) == 1
    assert retention.purge(relay.store, ahead + 36 * DAY_MS, passed_ms=2 * 3_600_000) == 1


def test_mail_is_no_older_than_the_mailbox(relay: Relay, web: HttpClient) -> None:
    """A clock without a battery starts in 1970: what comes then is not old."""
    later = int(time.time() * 1000) + DAY_MS
    relay.store._floor_ms = later
    post(web, relay, b"x")
    assert json.loads(inbox(web, relay).body)["messages"][0]["received_at_ms"] == later


def test_claims_and_what_was_noted_of_prompts_and_strangers_go_with_time(relay: Relay, web: HttpClient) -> None:
    headers = {"Authorization": f"Bearer till-1.{relay.token}"}
    subject = token_digest("code").hex()
    claimed = web.send(Request("PUT", f"{relay.url}/v1/claims/{subject}", headers))
    name(web, relay, [token_digest(own(1)).hex()])
    post(web, relay, b"?", "/c/till-1/strangers")
    now, retention = int(time.time() * 1000), Retention()
    number = json.loads(claimed.body)["claim"]
    relay.store.set_fact(TRUSTED, now + 119 * DAY_MS)
    retention.purge(relay.store, now + 119 * DAY_MS)
    assert json.loads(web.send(Request("PUT", f"{relay.url}/v1/claims/{subject}", headers)).body)["claim"] > number
    relay.store.set_fact(TRUSTED, now + 122 * DAY_MS)
    retention.purge(relay.store, now + 122 * DAY_MS)
    assert web.send(Request("DELETE", f"{relay.url}/v1/claims/{subject}?claim={number + 1}", headers)).status == 404
    relay.store._quota = Quota(messages=1, size=1 << 20)
    assert post(web, relay, b"?", f"/c/till-1/{own(1)}").status == 200, "a new day for strangers"
    assert post(web, relay, b"?", f"/c/till-1/{own(1)}").status == 429, "a prompt of long ago is nobody's"


def test_a_tills_read_position_does_not_fall_back(relay: Relay, web: HttpClient) -> None:
    for number in range(3):
        post(web, relay, b"%d" % number)
    inbox(web, relay, after=2)
    assert relay.store.devices()[0].position == 2
    inbox(web, relay, after=0)
    _forget_when_seen(relay)
    stream = Request("GET", f"{relay.url}/v1/inbox?after=1&wait=0.2", {"Authorization": f"Bearer till-1.{relay.token}"})
    web.send(stream)
    _forget_when_seen(relay)
    inbox(web, relay, after=3, wait=1)
    _forget_when_seen(relay)
    inbox(web, relay, after=1)
    assert relay.store.devices()[0].position == 3


def _forget_when_seen(relay: Relay) -> None:
    """That it was there is noted once a minute: as if a minute had passed."""
    if hasattr(relay.store, "_notes"):
        relay.store._manage.execute("UPDATE tills SET seen_at_ms = 0")
        return
    with relay.store._manage() as connection:
        connection.execute("UPDATE tills SET seen_at_ms = 0")
