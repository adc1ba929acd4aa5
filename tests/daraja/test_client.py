"""The library against a real HTTP server that behaves as the fact sheet says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Self

import pytest
from fakes.servers import Mpesa

from pos_app.common.http import Timeouts
from pos_app.daraja import (
    AsyncMpesaClient,
    InvalidRequest,
    MaybeSent,
    MpesaApiException,
    MpesaClient,
    NotSent,
    Pacer,
    Refused,
    Throttled,
    TransactionType,
)
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.shop import (
    PRACTICE_KEY,
    PRACTICE_PASSKEY,
    PRACTICE_SECRET,
    PRACTICE_STORE,
    PRACTICE_TILL,
)

FAST = Timeouts(connect_s=2, read_s=1, total_s=2)
PUSH = {
    "business_short_code": 174379,
    "transaction_type": TransactionType.CUSTOMER_PAYBILL_ONLINE,
    "amount": 10,
    "party_a": "254712345678",
    "party_b": 174379,
    "phone_number": "0712345678",
    "callback_url": "https://example.invalid/callback",
    "account_reference": "Test123",
    "transaction_desc": "Test Payment",
    "passkey": PRACTICE_PASSKEY,
}


@pytest.fixture
def server() -> Iterator[Mpesa]:
    with Mpesa(habit=CustomerBehaviour.WAITS) as running:
        yield running


@pytest.fixture
def client(server: Mpesa) -> Iterator[MpesaClient]:
    with MpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=server.url, patience=FAST) as made:
        yield made


def query(client: MpesaClient, checkout: str):
    return client.stk_query(business_short_code=174379, checkout_request_id=checkout, passkey=PRACTICE_PASSKEY)


def test_the_guides_calls_run_with_only_the_import_lines_changed(server: Mpesa) -> None:
    client = MpesaClient(
        consumer_key=PRACTICE_KEY, consumer_secret=PRACTICE_SECRET, environment="sandbox", base_url=server.url
    )
    response = client.stk_push(
        business_short_code=int("174379"),
        transaction_type=TransactionType.CUSTOMER_PAYBILL_ONLINE,
        amount=1,
        party_a="254712345678",
        party_b="174379",
        phone_number="254712345678",
        callback_url="https://example.com/callback",
        account_reference="Test123",
        transaction_desc="Test Payment",
        passkey=PRACTICE_PASSKEY,
    )
    assert response.is_successful()
    assert response.error_message() == ""
    data = response.model_dump(mode="json")
    assert data["CheckoutRequestID"] == response.CheckoutRequestID
    assert data["ResponseCode"] == "0"
    client.close()


def test_buy_goods_names_store_and_till(server: Mpesa, client: MpesaClient) -> None:
    buy = PUSH | {
        "business_short_code": PRACTICE_STORE,
        "party_b": PRACTICE_TILL,
        "transaction_type": "CustomerBuyGoodsOnline",
    }
    response = client.stk_push(**buy)
    server.pays()
    assert server.records.payments[0].checkout_request_id == response.CheckoutRequestID


def test_store_and_till_swapped_shows_after_the_pin(server: Mpesa, client: MpesaClient) -> None:
    swapped = PUSH | {
        "business_short_code": PRACTICE_STORE,
        "party_b": PRACTICE_STORE,
        "transaction_type": "CustomerBuyGoodsOnline",
    }
    response = client.stk_push(**swapped)
    server.pays()
    server.call(lambda: setattr(server.mpesa.options, "indexed_after_s", 0))
    answer = client.stk_query(
        business_short_code=PRACTICE_STORE, checkout_request_id=response.CheckoutRequestID, passkey=PRACTICE_PASSKEY
    )
    assert answer.ResultCode == "SFC_IC0003"
    assert answer.outcome.kind is OutcomeKind.WRONG_TILL
    assert not answer.is_successful()


def test_a_password_of_ones_own_is_sent_as_given(server: Mpesa, client: MpesaClient) -> None:
    import base64

    stamp = "20231201120000"
    own = {key: value for key, value in PUSH.items() if key != "passkey"}
    good = base64.b64encode(f"174379{PRACTICE_PASSKEY}{stamp}".encode()).decode()
    assert client.stk_push(**own, password=good, timestamp=stamp).is_successful()
    with pytest.raises(Refused) as caught:
        client.stk_push(**own, password="custom_generated_password", timestamp=stamp)
    assert caught.value.outcome.kind is OutcomeKind.WRONG_PASSKEY


def test_the_guides_first_call_gives_passkey_and_a_placeholder_password(server: Mpesa, client: MpesaClient) -> None:
    assert client.stk_push(**PUSH, timestamp="20231201120000", password="custom_generated_password").is_successful()


@pytest.mark.parametrize("form", [1, 2, 3])
def test_not_finished_yet_in_each_of_its_forms(server: Mpesa, client: MpesaClient, form: int) -> None:
    checkout = client.stk_push(**PUSH).CheckoutRequestID
    server.fault("query", "pending", form=form)
    answer = query(client, checkout)
    assert answer.is_pending()
    assert not answer.is_successful()
    assert answer.outcome.kind is OutcomeKind.STILL_PROCESSING


def test_a_query_is_judged_by_its_result_code(server: Mpesa, client: MpesaClient) -> None:
    checkout = client.stk_push(**PUSH).CheckoutRequestID
    server.fault("query", "result", code="1032", text="Request cancelled by user")
    cancelled = query(client, checkout)
    assert (cancelled.ResponseCode, cancelled.is_successful(), cancelled.is_pending()) == ("0", False, False)
    server.fault("query", "result", code="0", text="The transaction is being processed")
    assert query(client, checkout).is_pending()
    server.fault("query", "result", code="777", text="something new")
    assert query(client, checkout).is_pending()


@pytest.mark.parametrize(
    ("fault", "options", "error", "kind"),
    [
        ("reset", {}, MaybeSent, OutcomeKind.NO_ANSWER),
        ("never", {}, MaybeSent, OutcomeKind.NO_ANSWER),
        ("late", {"seconds": 3}, MaybeSent, OutcomeKind.NO_ANSWER),
        ("half", {}, MaybeSent, OutcomeKind.NO_ANSWER),
        ("accept_lost", {}, MaybeSent, OutcomeKind.NO_ANSWER),
        ("status", {"status": 502}, MaybeSent, OutcomeKind.INTERNAL_ERROR),
        ("html", {"status": 503}, MaybeSent, OutcomeKind.INTERNAL_ERROR),
        ("html", {"status": 403}, MaybeSent, OutcomeKind.NOT_UNDERSTOOD),
        ("empty", {}, MaybeSent, OutcomeKind.NOT_UNDERSTOOD),
        ("json", {}, MaybeSent, OutcomeKind.NOT_UNDERSTOOD),
        ("json", {"body": {"Envelope": {"Body": {"Fault": {"faultstring": "x"}}}}}, MaybeSent, OutcomeKind.NOT_UNDERSTOOD),
        ("error", {"status": 500, "code": "500.003.02", "text": "System is busy. Please try again in few minutes."}, MaybeSent, OutcomeKind.SYSTEM_BUSY),
        ("error", {"status": 500, "code": "500.003.1001", "text": "Internal Server Error"}, MaybeSent, OutcomeKind.INTERNAL_ERROR),
        ("error", {"status": 500, "code": "500.001.1001", "text": "[CBS - ] No ICCID found"}, MaybeSent, OutcomeKind.NOT_MPESA_LINE),
        ("error", {"status": 500, "code": "500.001.1001", "text": "a new text"}, MaybeSent, OutcomeKind.INTERNAL_ERROR),
        ("error", {"status": 500, "code": "500.001.1001", "text": "Merchant does not exist"}, Refused, OutcomeKind.UNKNOWN_MERCHANT),
        ("error", {"status": 500, "code": "500.001.1001", "text": "Unable to lock subscriber, a transaction is already in process for the current subscriber"}, Refused, OutcomeKind.LINE_BUSY),
        ("error", {"status": 400, "code": "400.002.02", "text": "Bad Request - Invalid Amount"}, Refused, OutcomeKind.BAD_REQUEST),
        ("error", {"status": 500, "code": "500.003.02", "text": "Error Occurred: Spike Arrest Violation"}, Throttled, OutcomeKind.THROTTLED),
        ("error", {"status": 500, "code": "500.003.03", "text": "Quota Violation"}, Throttled, OutcomeKind.THROTTLED),
        ("throttle", {}, Throttled, OutcomeKind.THROTTLED),
    ],
)  # fmt: skip
def test_errors_split_on_whether_it_may_have_left(server, client, fault, options, error, kind) -> None:
    server.fault("push", fault, **options)
    with pytest.raises(MpesaApiException) as caught:
        client.stk_push(**PUSH)
    assert type(caught.value) is error
    assert caught.value.outcome.kind is kind
    assert PRACTICE_PASSKEY not in str(caught.value)
    # Never sent twice by the library: the fault is used up, and nothing came after it.
    assert server.mpesa.faults.as_json() == []
    assert server.records.pushes_seen <= 1


def test_not_sent_when_nothing_can_have_left(server: Mpesa) -> None:
    server.fault("token", "html", status=503)
    with MpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url="http://127.0.0.1:9", patience=FAST) as nobody:
        with pytest.raises(NotSent):
            nobody.stk_push(**PUSH)
    with MpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=server.url, patience=FAST) as behind_firewall:
        with pytest.raises(NotSent):
            behind_firewall.stk_push(**PUSH)
    with MpesaClient(PRACTICE_KEY, "wrong", base_url=server.url) as wrong, pytest.raises(NotSent) as caught:
        wrong.stk_push(**PUSH)
    assert caught.value.outcome.kind is OutcomeKind.WRONG_CREDENTIALS
    assert caught.value.error.status_code == 400
    assert server.records.pushes_seen == 0


def test_a_refused_token_is_renewed_once_and_the_push_goes_once_more(server: Mpesa, client: MpesaClient) -> None:
    server.fault("push", "refuse_token")
    assert client.stk_push(**PUSH).is_successful()
    assert (server.records.tokens_given, server.records.pushes_seen) == (2, 1)
    server.fault("push", "refuse_token", times=5)
    with pytest.raises(Refused) as caught:
        client.stk_push(**PUSH | {"phone_number": "0722000000"})
    assert caught.value.outcome.kind is OutcomeKind.WRONG_CREDENTIALS
    assert [fault["times"] for fault in server.mpesa.faults.as_json()] == [3]


def test_tokens_are_kept_renewed_early_and_fetched_one_at_a_time(server: Mpesa) -> None:
    async def many() -> None:
        async with AsyncMpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=server.url) as client:
            await asyncio.gather(*(client.fetch_token() for _ in range(10)))

    asyncio.run(many())
    assert server.records.tokens_given == 1
    with MpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=server.url) as client:
        threads = [threading.Thread(target=client.fetch_token) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.records.tokens_given == 2


def test_token_cache_renews_a_minute_early() -> None:
    from pos_app.daraja.auth import TokenCache

    cache = TokenCache()
    cache.keep("t", 3599, now_s=100)
    assert cache.fresh(100 + 3599 - 61) == "t"
    assert cache.fresh(100 + 3599 - 59) is None
    cache.drop("another")
    assert cache.fresh(200) == "t"
    cache.drop("t")
    assert cache.fresh(200) is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"amount": 0}, "amount"), ({"amount": 1.5}, "amount"), ({"amount": "1e3"}, "amount"), ({"amount": True}, "amount"),
     ({"amount": 250_001}, "amount"), ({"phone_number": "020222"}, "phone_number"), ({"party_a": None}, "party_a"),
     ({"account_reference": "A" * 13}, "account_reference"), ({"account_reference": "a#b"}, "account_reference"),
     ({"transaction_desc": "D" * 14}, "transaction_desc"), ({"transaction_type": "Other"}, "transaction_type"),
     ({"business_short_code": "12"}, "business_short_code"), ({"party_b": "x"}, "party_b"), ({"passkey": None}, "passkey"),
     ({"callback_url": "http://example.com"}, "callback_url"), ({"password": "x"}, "timestamp")],
)  # fmt: skip
def test_bad_parameters_are_refused_with_their_name_before_anything_is_sent(server, client, changed, field) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.stk_push(**PUSH | changed)
    assert caught.value.field == field
    assert isinstance(caught.value, ValueError)
    assert server.records.pushes_seen == 0


def test_the_passkey_never_leaves_in_a_body_and_no_repr_shows_a_secret(client: MpesaClient) -> None:
    from pos_app.daraja.requests import as_request, build_push

    body = build_push(1_800_000_000_000, **PUSH | {"password": None, "timestamp": None})
    assert PRACTICE_PASSKEY not in str(body)
    assert set(body) == {
        "BusinessShortCode", "Password", "Timestamp", "TransactionType", "Amount", "PartyA", "PartyB", "PhoneNumber",
        "CallBackURL", "AccountReference", "TransactionDesc",
    }  # fmt: skip
    assert body["Timestamp"] == "20270115110000"
    assert body["PhoneNumber"] == "254712345678"
    assert "secret-token" not in repr(as_request("https://x", "/y", body, "secret-token"))
    assert PRACTICE_SECRET not in repr(client.__dict__)


def test_an_answer_about_another_prompt_is_not_believed(server: Mpesa, client: MpesaClient) -> None:
    checkout = client.stk_push(**PUSH).CheckoutRequestID
    other = {"ResponseCode": "0", "CheckoutRequestID": "ws_CO_other", "ResultCode": "0", "ResultDesc": "paid"}
    server.fault("query", "json", body=other)
    with pytest.raises(MaybeSent) as caught:
        query(client, checkout)
    assert caught.value.outcome.kind is OutcomeKind.NOT_UNDERSTOOD
    server.fault("query", "json", body=other | {"CheckoutRequestID": checkout})
    assert query(client, checkout).is_successful()


class Silent:
    """A server that takes connections and says nothing; `seen` fills with what came."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.seen = threading.Event()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take)
        self._thread.start()
        return self

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                self._held.append(taken)
                if taken.recv(1):
                    self.seen.set()

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for taken in self._held:
            taken.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"


@pytest.mark.parametrize("has_token", [False, True])
def test_stopped_it_says_whether_the_push_had_left(has_token: bool) -> None:
    from pos_app.common.http import StoppedBeforeSendingError

    async def run(url: str, seen: threading.Event) -> BaseException:
        client = AsyncMpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=url, patience=FAST)
        if has_token:
            client._account.tokens.keep("t", 3599, time.monotonic())

        async def ask() -> BaseException:
            # What a task raises on being cancelled is made anew by whoever waits for it: caught inside.
            with pytest.raises(asyncio.CancelledError) as caught:
                await client.stk_push(**PUSH)
            return caught.value

        push = asyncio.create_task(ask())
        await asyncio.to_thread(seen.wait, 5)
        push.cancel()
        caught = await push
        await client.aclose()
        return caught

    with Silent() as server:
        caught = asyncio.run(run(server.url, server.seen))
    # While the token is on its way the push has not left; once its own bytes go, nobody knows.
    assert isinstance(caught, StoppedBeforeSendingError) is not has_token


def test_a_query_whose_token_was_refused_waits_its_turn(server: Mpesa) -> None:
    async def run() -> float:
        pacer = Pacer(0.5)
        async with AsyncMpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=server.url, query_pacer=pacer) as client:
            checkout = (await client.stk_push(**PUSH)).CheckoutRequestID
            server.fault("query", "refuse_token")
            await pacer.acquire()
            started = time.monotonic()
            await client.stk_query(business_short_code=174379, checkout_request_id=checkout, passkey=PRACTICE_PASSKEY)
            return time.monotonic() - started

    assert asyncio.run(run()) >= 0.4


def test_the_async_client_does_the_same(server: Mpesa) -> None:
    async def run() -> None:
        async with AsyncMpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=server.url, patience=FAST) as client:
            response = await client.stk_push(**PUSH)
            assert response.is_successful()
            server.fault("push", "accept_lost")
            with pytest.raises(MaybeSent):
                await client.stk_push(**PUSH | {"phone_number": "0722000111"})
            server.fault("push", "refuse_token")
            assert (await client.stk_push(**PUSH | {"phone_number": "0722000222"})).is_successful()
            assert abs(client.clock_ahead_ms or 0) < 3000

    asyncio.run(run())
    assert server.records.pushes_seen == 3


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"consumer_key": ""}, "consumer_key"), ({"consumer_secret": None}, "consumer_secret"),
     ({"environment": "moon"}, "environment"), ({"base_url": "http://example.com"}, "base_url")],
)  # fmt: skip
def test_a_client_that_cannot_work_is_refused_with_the_reason_in_words(changed: dict, field: str) -> None:
    given = {"consumer_key": "k", "consumer_secret": "s", "environment": "sandbox", "base_url": None} | changed
    with pytest.raises(InvalidRequest) as caught:
        MpesaClient(**given)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ") and len(str(caught.value)) > len(field) + 12


def test_queries_with_wrong_parameters(client: MpesaClient) -> None:
    with pytest.raises(InvalidRequest) as caught:
        query(client, " ")
    assert caught.value.field == "checkout_request_id"
    with pytest.raises(InvalidRequest) as caught:
        client.stk_push(**PUSH, timestamp="2023")
    assert caught.value.field == "timestamp"


@pytest.mark.parametrize("body", [{"access_token": ""}, {"access_token": "t\n"}, [], {"hello": 1}])
def test_a_token_that_is_none_means_that_nothing_left(server: Mpesa, client: MpesaClient, body: object) -> None:
    server.fault("token", "json", body=body)
    with pytest.raises(NotSent) as caught:
        client.stk_push(**PUSH)
    assert caught.value.outcome.kind is OutcomeKind.NOT_UNDERSTOOD
    assert server.records.pushes_seen == 0


def test_the_app_without_the_product(server: Mpesa, client: MpesaClient) -> None:
    text = "Invalid API call as no apiproduct match found"
    server.fault("push", "error", times=2, status=401, code="401.003.01", text=text)
    with pytest.raises(Refused) as caught:
        client.stk_push(**PUSH)
    assert caught.value.outcome.kind is OutcomeKind.NO_PRODUCT


def test_queries_that_fail_say_how(server: Mpesa, client: MpesaClient) -> None:
    checkout = client.stk_push(**PUSH).CheckoutRequestID
    for fault, options, error in (
        ("html", {"status": 503}, MaybeSent), ("empty", {}, MaybeSent), ("throttle", {}, Throttled),
        ("error", {"status": 500, "code": "500.001.1001", "text": "Wrong credentials"}, Refused),
    ):  # fmt: skip
        server.fault("query", fault, **options)
        with pytest.raises(error):
            query(client, checkout)
    server.fault("query", "result", code="1", text="")
    assert query(client, checkout).error_message() == "ResultCode 1"


def test_the_async_client_gives_up_a_token_that_is_refused_for_ever_and_says_when_nobody_is_there(
    server: Mpesa,
) -> None:
    async def run() -> None:
        async with AsyncMpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=server.url, patience=FAST) as client:
            server.fault("push", "refuse_token", times=2)
            with pytest.raises(Refused):
                await client.stk_push(**PUSH)
            assert client._account.tokens.fresh(time.monotonic()) is None
        async with AsyncMpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url="http://127.0.0.1:9") as nobody:
            with pytest.raises(NotSent):
                await nobody.fetch_token()

    asyncio.run(run())


def test_the_clock_is_compared_and_a_token_shows_itself_nowhere(server: Mpesa, client: MpesaClient) -> None:
    from pos_app.daraja.auth import Token

    assert client.clock_ahead_ms is None
    client.fetch_token()
    assert abs(client.clock_ahead_ms or 0) < 5000
    assert "t0ken" not in repr(Token("t0ken", 1.0))


def test_a_pacer_that_is_slowed_down_lets_nobody_through() -> None:
    pacer = Pacer(0.0)
    pacer.slow_down(30.0)
    assert 29 < pacer.wait_s <= 30


def test_an_answer_without_a_date_leaves_the_clock_alone() -> None:
    from pos_app.common.http import HttpResponse
    from pos_app.daraja.client import _Account

    account = _Account.check("k", "s", "sandbox", None, None)
    account.note(HttpResponse(200, {}, b""))
    assert account.clock_ahead_ms() is None
