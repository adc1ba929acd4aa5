"""What leaves the till, byte for byte, in both clients: against a server that follows a script and reads nothing itself."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from functools import partial
from typing import Any

import pytest
from fakes.scripted import ACCEPTED, TOKEN, Said, Scripted, result, says

from pos_app.common.http import Leaving, Timeouts
from pos_app.daraja import AsyncMpesaClient, InvalidRequest, MpesaClient, NotSent

FAST = Timeouts(connect_s=2, read_s=2, total_s=3)
NOON_MS = 1_795_856_400_000
"""2026-11-28, 12:00:00 in Kenya: 09:00:00 in UTC."""
PUSH = {
    "business_short_code": 600001, "transaction_type": "CustomerBuyGoodsOnline", "amount": 7,
    "party_a": "254712345678", "party_b": 600002, "phone_number": "254712345678",
    "callback_url": "https://example.invalid/c", "account_reference": "A0044", "transaction_desc": "Sale",
    "passkey": "key",
}  # fmt: skip
QUERY = {"business_short_code": 600001, "checkout_request_id": ACCEPTED["CheckoutRequestID"], "passkey": "key"}
Ask = Callable[..., Any]


class Still:
    """A clock that stands, and is put on by hand."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.ms = now_ms
        self.s = 100.0

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.s


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Calls one method after the other on one client, of either kind; the answers, errors among them."""

    def by_sync(made: dict[str, Any], *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        with MpesaClient("key", "secret", patience=FAST, use_proxies=False, **made) as client:
            return [kept(partial(getattr(client, name), **words)) for name, words in calls]

    def by_async(made: dict[str, Any], *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        async def all_of_them() -> list[Any]:
            answers: list[Any] = []
            client = AsyncMpesaClient("key", "secret", patience=FAST, use_proxies=False, **made)
            try:
                for name, words in calls:
                    try:
                        answers.append(await getattr(client, name)(**words))
                    except Exception as error:  # noqa: BLE001 - an answer as well
                        answers.append(error)
            finally:
                await client.aclose()
            return answers

        return asyncio.run(all_of_them())

    return by_sync if request.param == "sync" else by_async


def kept(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - an answer as well
        return error


def dated(body: object, at_ms: int, status: int = 200) -> Said:
    return Said(body, status, ((b"date", formatdate(at_ms / 1000, usegmt=True).encode()),))


def test_a_push_and_a_query_as_m_pesa_gets_them(ask: Ask) -> None:
    with Scripted(query=says(result("0"))) as server:
        answers = ask({"base_url": f"{server.url}/", "clock": Still()}, ("stk_push", PUSH), ("stk_query", QUERY))
        assert [answer.is_successful() for answer in answers] == [True, True]
        assert answers[0].CheckoutRequestID == ACCEPTED["CheckoutRequestID"]
        (token,), (push,), (query,) = server.asked["token"], server.asked["push"], server.asked["query"]
    password = base64.b64encode(b"600001key20261128120000").decode()
    assert token.headers["authorization"] == "Basic " + base64.b64encode(b"key:secret").decode()
    assert push.body == {
        "BusinessShortCode": "600001", "Password": password, "Timestamp": "20261128120000",
        "TransactionType": "CustomerBuyGoodsOnline", "Amount": 7, "PartyA": "254712345678", "PartyB": "600002",
        "PhoneNumber": "254712345678", "CallBackURL": "https://example.invalid/c", "AccountReference": "A0044",
        "TransactionDesc": "Sale",
    }  # fmt: skip
    assert query.body == {
        "BusinessShortCode": "600001", "Password": password, "Timestamp": "20261128120000",
        "CheckoutRequestID": ACCEPTED["CheckoutRequestID"],
    }  # fmt: skip
    for asked in (push, query):
        assert asked.headers["authorization"] == "Bearer token-of-the-script"
    assert push.path == "/mpesa/stkpush/v1/processrequest" and query.path == "/mpesa/stkpushquery/v1/query"


def test_a_password_and_a_timestamp_that_are_given_go_as_they_are(ask: Ask) -> None:
    own = {"password": "cGFzcw==", "timestamp": "20261128070000", "passkey": None}
    with Scripted(query=says(result("0"))) as server:
        ask({"base_url": server.url}, ("stk_push", PUSH | own), ("stk_query", QUERY | own))
        for kind in ("push", "query"):
            body = server.asked[kind][0].body
            assert (body["Password"], body["Timestamp"]) == ("cGFzcw==", "20261128070000")


def test_a_token_that_is_refused_is_fetched_once_more_and_only_once(ask: Ask) -> None:
    invalid = Said({"requestId": "1", "errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}, 404)
    tokens = says(Said(TOKEN | {"access_token": "old"}), Said(TOKEN | {"access_token": "new"}), Said({}, 500))
    with Scripted(token=tokens, push=says(invalid, Said(ACCEPTED), invalid)) as server:
        first, second = ask({"base_url": server.url}, ("stk_push", PUSH), ("stk_push", PUSH))
        assert first.is_successful()
        sent = [asked.headers["authorization"] for asked in server.asked["push"]]
        assert sent == ["Bearer old", "Bearer new", "Bearer new"]
        assert len({str(asked.body) for asked in server.asked["push"][:2]}) == 1, (
            "the second time it is the same prompt"
        )
        assert isinstance(second, NotSent), "the second push was refused for its token, and no other was to be had"
        assert len(server.asked["token"]) == 3


@pytest.mark.parametrize(
    ("ahead_s", "stamp"),
    [(0, "20261128120000"), (4, "20261128120000"), (5, "20261128120000"), (6, "20261128115954"), (-3600, "20261128130000")],
)  # fmt: skip
def test_the_timestamp_is_m_pesas_own_time_where_this_pcs_clock_is_off(ask: Ask, ahead_s: int, stamp: str) -> None:
    server_ms = NOON_MS - ahead_s * 1000
    with Scripted(token=says(dated(TOKEN, server_ms))) as server:
        ask({"base_url": server.url, "clock": Still()}, ("stk_push", PUSH), ("stk_push", PUSH))
        stamps = [asked.body["Timestamp"] for asked in server.asked["push"]]
    assert stamps == ["20261128120000", stamp], "the first one is written before M-PESA has said what time it is"


def test_m_pesas_time_goes_on_while_nothing_is_heard_whatever_this_pcs_clock_does() -> None:
    clock = Still()
    with (
        Scripted(token=says(dated(TOKEN, NOON_MS))) as server,
        MpesaClient("key", "secret", base_url=server.url, clock=clock, use_proxies=False) as client,
    ):
        assert client.clock_ahead_ms is None, "nobody has said yet what time it is"
        client.stk_push(**PUSH)
        assert client.clock_ahead_ms == 0
        clock.s += 90
        clock.ms += 90_000 + 3_600_000
        assert client.clock_ahead_ms == 3_600_000


@pytest.mark.parametrize(
    ("made", "field", "code"),
    [
        ({"consumer_key": "", "consumer_secret": "s"}, "consumer_key", "client.credentials"),
        ({"consumer_key": "k", "consumer_secret": None}, "consumer_secret", "client.credentials"),
        ({"consumer_key": "k", "consumer_secret": "s", "environment": "live"}, "environment", "client.environment"),
        ({"consumer_key": "k", "consumer_secret": "s", "base_url": "http://shop.example"}, "base_url", "client.base_url"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [MpesaClient, AsyncMpesaClient])
def test_what_cannot_be_right_is_refused_before_anything_is_opened(
    kind: type, made: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        kind(**made)
    assert (caught.value.field, caught.value.code) == (field, code)


def test_the_most_that_a_client_may_ask_for(ask: Ask) -> None:
    with Scripted() as server:
        refused, taken = ask(
            {"base_url": server.url, "max_amount": 500}, ("stk_push", PUSH | {"amount": 501}), ("stk_push", PUSH | {"amount": 500})
        )  # fmt: skip
        assert isinstance(refused, InvalidRequest) and refused.field == "amount"
        assert taken.is_successful() and len(server.asked["push"]) == 1


def test_without_a_token_nothing_was_sent_and_it_says_why(ask: Ask) -> None:
    with Scripted(token=says(Said(b"<html>busy</html>", 503))) as server:
        (answer,) = ask({"base_url": server.url}, ("stk_push", PUSH))
        assert isinstance(answer, NotSent) and answer.outcome.code == "503"
        assert server.asked["push"] == []
        url = server.url
    (unreachable,) = ask({"base_url": url}, ("stk_push", PUSH))
    assert isinstance(unreachable, NotSent) and unreachable.outcome.code == "NOT_SENT"


def test_who_waits_for_anothers_token_shares_its_failure() -> None:
    """Ten at once, and M-PESA's token server is slow and then fails: it is asked once, and not once for each."""
    slow = says(Said(b"", 503, after_s=0.5))
    with (
        Scripted(token=slow) as server,
        MpesaClient("key", "secret", base_url=server.url, patience=FAST, use_proxies=False) as client,
        ThreadPoolExecutor(10) as tills,
    ):
        answers = list(tills.map(lambda _: kept(lambda: client.stk_push(**PUSH)), range(10)))
        assert all(isinstance(answer, NotSent) for answer in answers)
        assert len(server.asked["token"]) == 1

    async def all_at_once() -> list[Any]:
        client = AsyncMpesaClient("key", "secret", base_url=server.url, patience=FAST, use_proxies=False)
        answers = await asyncio.gather(*(client.stk_push(**PUSH) for _ in range(10)), return_exceptions=True)
        await client.aclose()
        return answers

    with Scripted(token=slow) as server:
        assert all(isinstance(answer, NotSent) for answer in asyncio.run(all_at_once()))
        assert len(server.asked["token"]) == 1


def test_what_did_not_begin_to_leave_in_time_does_not_leave_at_all() -> None:
    """Thirty seconds after Enter the customer may be gone: not even a slow token makes a prompt late."""
    left: list[bool] = []

    async def late(url: str) -> Any:
        client = AsyncMpesaClient("key", "secret", base_url=url, patience=FAST, use_proxies=False)
        leaving = Leaving(time.monotonic() + 0.3, lambda: left.append(True))
        try:
            return await client.stk_push(**PUSH, leaving=leaving)
        except NotSent as error:
            return error
        finally:
            await client.aclose()

    with Scripted(token=says(Said(TOKEN, after_s=0.8))) as server:
        assert isinstance(asyncio.run(late(server.url)), NotSent)
        assert (left, server.asked["push"]) == ([], [])
    with Scripted() as server:
        assert asyncio.run(late(server.url)).is_successful()
        assert left == [True]
