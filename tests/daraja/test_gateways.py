"""What gateways, proxies and odd answers do to the library: nothing but Daraja's own words says that nothing happened."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from daraja.test_client import FAST, PUSH, query
from fakes.scripted import ACCEPTED, Said, Scripted, result, says

from pos_app.common.clock import SystemClock
from pos_app.common.http import AsyncHttpClient, Leaving, NotSentError, Request
from pos_app.daraja import (
    AsyncMpesaClient,
    C2bConfirmation,
    CallbackUnreadable,
    MaybeSent,
    MpesaClient,
    NotSent,
    Refused,
    Throttled,
)
from pos_app.daraja.recognise import recognise
from pos_app.domain.mpesa.outcome import OutcomeKind

WORDS = "upstream timed out; rate limit or quota exceeded; Spike arrest violation; Invalid Access Token"
SOAP = {"Envelope": {"Body": {"Fault": {"faultcode": "soap:Server", "faultstring": WORDS}}}}
PAGE = f"<html><body>{WORDS}</body></html>".encode()
OWN = {"requestId": "1", "errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Amount"}


def client_of(server: Scripted) -> MpesaClient:
    return MpesaClient("key", "secret", base_url=server.url, patience=FAST)


def error_of(said: Said, *, of_query: bool = False) -> Exception | None:
    scripts = {"query" if of_query else "push": says(said)}
    with Scripted(**scripts) as server, client_of(server) as client:
        try:
            query(client, "ws-1") if of_query else client.stk_push(**PUSH)
        except (MaybeSent, NotSent, Refused, Throttled) as error:
            return error
        finally:
            assert len(server.asked["query" if of_query else "push"]) == 1, "nothing is sent twice"
    return None


@pytest.mark.parametrize("of_query", [False, True])
@pytest.mark.parametrize("body", [PAGE, SOAP, b"", b"{}", OWN | {"errorCode": "500.003.03", "errorMessage": WORDS}])
@pytest.mark.parametrize("status", [501, 502, 503, 504, 520, 599])
def test_a_page_from_behind_the_gateway_refuses_nothing(status: int, body: object, of_query: bool) -> None:
    assert type(error_of(Said(body, status), of_query=of_query)) is MaybeSent


@pytest.mark.parametrize("body", [PAGE, SOAP, b"", OWN])
@pytest.mark.parametrize("status", [408, 409, 425, 499])
def test_statuses_that_tell_nothing_refuse_nothing_whatever_they_say(status: int, body: object) -> None:
    assert type(error_of(Said(body, status))) is MaybeSent


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, PAGE, MaybeSent),
        (500, SOAP, MaybeSent),
        (500, {"message": WORDS}, MaybeSent),
        (400, PAGE, MaybeSent),
        (403, PAGE, MaybeSent),
        (404, PAGE, MaybeSent),
        (429, PAGE, Throttled),
        (429, b"", Throttled),
        (400, OWN, Refused),
        (500, {"errorCode": "500.003.03", "errorMessage": "Quota Violation"}, Throttled),
        (500, {"errorCode": "500.003.02", "errorMessage": "Error Occurred: Spike Arrest Violation"}, Throttled),
        (500, {"errorCode": "500.003.02", "errorMessage": "System is busy. Please try again"}, MaybeSent),
        (400, {"errorCode": "500.003.02", "errorMessage": "System is busy. Please try again"}, MaybeSent),
        (500, {"errorCode": "500.003.1001", "errorMessage": "Internal Server Error; quota"}, MaybeSent),
        (500, {"errorCode": "500.001.1001", "errorMessage": "Merchant does not exist"}, Refused),
        (500, {"errorCode": "500.001.1001", "errorMessage": "a new text with quota"}, MaybeSent),
        (500, {"fault": {"faultstring": "x", "detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}}, Throttled),
        (500, {"fault": {"faultstring": WORDS, "detail": {"errorcode": "steps.servicecallout.Failed"}}}, MaybeSent),
    ],
)
def test_only_darajas_own_words_say_that_nothing_was_done(status: int, body: object, error: type[Exception]) -> None:
    assert type(error_of(Said(body, status))) is error


def test_an_app_without_the_product_is_told_apart() -> None:
    said = {"errorCode": "403.1", "errorMessage": "Invalid API call as no apiproduct match found"}
    with Scripted(push=says(Said(said, 403))) as server, client_of(server) as client:
        with pytest.raises(Refused) as caught:
            client.stk_push(**PUSH)
    assert caught.value.outcome.kind is OutcomeKind.NO_PRODUCT


@pytest.mark.parametrize(("status", "body"), [(503, PAGE), (500, SOAP), (502, {"errorMessage": WORDS})])
def test_a_token_that_a_page_stands_for_is_no_token_and_no_throttling(status: int, body: object) -> None:
    with Scripted(token=says(Said(body, status))) as server, client_of(server) as client:
        with pytest.raises(NotSent) as caught:
            client.stk_push(**PUSH)
        assert caught.value.outcome.kind is not OutcomeKind.THROTTLED
        assert server.asked["push"] == []


# What must not be followed, kept open, or shared


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_to_another_host(status: int) -> None:
    with Scripted() as other:
        to = Said(b"", status, ((b"location", other.url.encode()),))
        assert type(error_of(to)) is MaybeSent
        assert type(error_of(to, of_query=True)) is MaybeSent
        assert sum(map(len, other.asked.values())) == 0, "token and phone went to another host"


def test_every_request_has_a_connection_of_its_own() -> None:
    """One that died unnoticed would swallow a push."""
    with Scripted() as server, client_of(server) as client:
        client.stk_push(**PUSH)
        client.stk_push(**PUSH)
        peers = [asked.peer for asked in (*server.asked["token"], *server.asked["push"])]
        assert len(set(peers)) == 3

    async def twice(url: str) -> None:
        async with AsyncMpesaClient("key", "secret", base_url=url, patience=FAST) as client:
            await client.stk_push(**PUSH)
            await client.stk_push(**PUSH)

    with Scripted() as server:
        asyncio.run(twice(server.url))
        peers = [asked.peer for asked in (*server.asked["token"], *server.asked["push"])]
        assert len(set(peers)) == 3


# The good part of an answer is not thrown away for its odd part


@pytest.mark.parametrize(
    "odd",
    [
        {"CustomerMessage": None},
        {"CustomerMessage": ["x"], "ResponseDescription": {"a": 1}},
        {"MerchantRequestID": None, "more": True},
        {"ResponseCode": 0},
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_accepted_push_is_accepted_however_odd_its_words(odd: dict[str, object], status: int) -> None:
    with Scripted(push=says(Said(ACCEPTED | odd, status))) as server, client_of(server) as client:
        response = client.stk_push(**PUSH)
    assert response.is_successful() and response.CheckoutRequestID == ACCEPTED["CheckoutRequestID"]


@pytest.mark.parametrize(
    "odd", [{"ResponseCode": None}, {"ResponseCode": "1"}, {"ResponseCode": "00"}, {"ResponseCode": True}]
)
def test_a_push_that_is_not_clearly_accepted_keeps_its_number_to_ask_by(odd: dict[str, object]) -> None:
    with Scripted(push=says(Said(ACCEPTED | odd))) as server, client_of(server) as client:
        response = client.stk_push(**PUSH)
    assert not response.is_successful() and response.CheckoutRequestID == ACCEPTED["CheckoutRequestID"]


@pytest.mark.parametrize("odd", [None, "", "  ", [], {}, False])
def test_accepted_without_a_number_to_ask_by_is_not_accepted(odd: object) -> None:
    with Scripted(push=says(Said(ACCEPTED | {"CheckoutRequestID": odd}))) as server, client_of(server) as client:
        assert not client.stk_push(**PUSH).is_successful()


@pytest.mark.parametrize("life", [None, "soon", -1, 0, [], 1e300])
def test_a_token_with_an_odd_life_is_a_token(life: object) -> None:
    with Scripted(token=says(Said({"access_token": "t", "expires_in": life}))) as server, client_of(server) as client:
        client.stk_push(**PUSH)
        client.stk_push(**PUSH)
        assert len(server.asked["token"]) == 1


@pytest.mark.parametrize("said", [result("00"), result("0.0"), result(" 0 "), result("0", ResponseCode="1")])
def test_what_only_looks_like_zero_is_not_paid(said: Said) -> None:
    with Scripted(query=says(said)) as server, client_of(server) as client:
        answer = query(client, ACCEPTED["CheckoutRequestID"])
        assert answer.is_pending() and not answer.is_successful()


# What is recognised where nothing can be read for certain


@pytest.mark.parametrize(
    ("body", "amount", "code"),
    [
        (b'{"stkCallback": {"Amount": 10, "MpesaReceiptNumber": "TKN7RT61SV"}}', "10", "TKN7RT61SV"),
        (b'{"Body": [{"Item": [{"Name": "Amount", "Value": "1,250.50"}]}]}', "1250.50", None),
        (b'{"Item": {"Name": "MpesaReceiptNumber", "Value": " tkn7rt61sv "}}', None, "TKN7RT61SV"),
        (b'{"Amount": 10, "x": {"Amount": 11}, "TransID": "TKN7RT61SV"}', None, "TKN7RT61SV"),
        (b'{"Body":{"stkCallback":{"Item":[{"Name":"Amount","Value":10.00},{"Name":"MpesaReceiptNumber","Value":"TKN7RT61SV"},',
         "10.00", "TKN7RT61SV"),
        (b'{"Amount": true, "MpesaReceiptNumber": "!"}', None, None),
        (b"[" * 60 + b'{"Amount": 10}' + b"]" * 60, None, None),
        (b'[{"Name": 5, "Value": 3}, {"Amount": "KSh 12"}]', "12", None),
        (b"nothing of it", None, None),
        (b"5", None, None),
    ],
)  # fmt: skip
def test_what_is_recognised(body: bytes, amount: str | None, code: str | None) -> None:
    seen = recognise(body)
    assert (seen.amount, seen.mpesa_code) == (Decimal(amount) if amount else None, code)
    assert seen.amounts or seen.codes or (amount, code) == (None, None)


@pytest.mark.parametrize("amount", ["١٠", "1_0", "0x10", "", "ten", None, [10], "1e3", "-5", "0"])
def test_an_amount_of_a_payment_is_a_plain_number(amount: object) -> None:
    with pytest.raises(CallbackUnreadable):
        C2bConfirmation.parse(json.dumps({"TransID": "TKN7RT61SV", "TransAmount": amount}))


# Late prompts


def test_those_who_wait_for_a_token_share_its_failure() -> None:
    with Scripted(token=says(Said(b"", 503, after_s=0.5))) as server:

        async def eight() -> list[object]:
            async with AsyncMpesaClient("key", "secret", base_url=server.url, patience=FAST) as client:
                return await asyncio.gather(*(client.stk_push(**PUSH) for _ in range(8)), return_exceptions=True)

        errors = asyncio.run(eight())
        assert [type(error) for error in errors] == [NotSent] * 8
        assert len(server.asked["token"]) == 1, "each fetched for itself, one after the other"
        client = client_of(server)
        failed: list[Exception] = []

        def push() -> None:
            with pytest.raises(NotSent) as caught:
                client.stk_push(**PUSH)
            failed.append(caught.value)

        threads = [threading.Thread(target=push) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(failed) == 5 and len(server.asked["token"]) <= 3
        # Whoever asks after that asks anew.
        before = len(server.asked["token"])
        push()
        assert len(server.asked["token"]) == before + 1
        client.close()


@pytest.mark.parametrize("where", ["token", "connect"])
def test_what_has_not_begun_to_leave_in_time_is_not_sent(where: str) -> None:
    begun: list[str] = []

    async def push(url: str) -> None:
        leaving = Leaving(time.monotonic() + 0.4, lambda: begun.append("left"))
        async with AsyncMpesaClient("key", "secret", base_url=url) as client:
            if where == "connect":
                client._account.tokens.keep("token", 3599, time.monotonic())
            await client.stk_push(**PUSH, leaving=leaving)

    if where == "token":
        with Scripted(token=says(Said({}, after_s=5))) as server:
            with pytest.raises(NotSent) as caught:
                asyncio.run(push(server.url))
            assert server.asked["push"] == []
    else:
        with _black_hole() as url, pytest.raises(NotSent) as caught:
            asyncio.run(push(url))
    assert caught.value.outcome.kind is OutcomeKind.TOO_LATE and begun == []


def test_what_has_begun_to_leave_has_all_its_time() -> None:
    begun: list[str] = []

    async def push(url: str) -> object:
        leaving = Leaving(time.monotonic() + 0.3, lambda: begun.append("left"))
        async with AsyncMpesaClient("key", "secret", base_url=url) as client:
            return await client.stk_push(**PUSH, leaving=leaving)

    with Scripted(push=says(Said(ACCEPTED, after_s=1.0))) as server:
        assert asyncio.run(push(server.url)).is_successful()
    assert begun == ["left"]


class _black_hole:  # noqa: N801 - reads as a context
    """A port whose queue is full: connecting to it neither succeeds nor fails."""

    def __enter__(self) -> str:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        address = self._listener.getsockname()
        self._waiting = []
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(address)
            self._waiting.append(waiting)
        return f"http://127.0.0.1:{address[1]}"

    def __exit__(self, *_: object) -> None:
        for one in (*self._waiting, self._listener):
            one.close()


# Clocks


class _Wrong(SystemClock):
    def __init__(self, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


def test_the_servers_time_serves_for_the_timestamp_when_it_is_known() -> None:
    clock = _Wrong(3_600_000)
    with Scripted() as server, MpesaClient("k", "s", base_url=server.url, patience=FAST, clock=clock) as client:
        now = format_datetime(dt.datetime.now(dt.UTC), usegmt=True).encode()
        server.scripts["token"] = says(Said({"access_token": "t"}, headers=((b"date", now),)))
        client.fetch_token()
        assert abs((client.clock_ahead_ms or 0) - 3_600_000) < 5_000
        # Put right in the middle: what M-PESA said does not age with it.
        clock.ahead_ms = 0
        assert abs(client.clock_ahead_ms or 0) < 5_000
        clock.ahead_ms = -7_200_000
        client.stk_push(**PUSH)
        stamp = server.asked["push"][0].body["Timestamp"]
    sent = dt.datetime.strptime(stamp + "+0300", "%Y%m%d%H%M%S%z")
    assert abs((sent - dt.datetime.now(dt.UTC)).total_seconds()) < 10


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Servers whose certificates are of yesterday, of today and of tomorrow."""
    day = dt.timedelta(days=1)
    now = dt.datetime.now(dt.UTC)
    urls, servers, bundle = {}, [], b""
    for name, start in (("expired", now - 3 * day), ("valid", now - day), ("not yet valid", now + day)):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + 2 * day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
        )  # fmt: skip
        content = made.public_bytes(serialization.Encoding.PEM)
        bundle += content
        file = tmp_path / f"{name}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(content + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        servers.append((listener, thread))
        urls[name] = f"https://localhost:{listener.getsockname()[1]}"
    (tmp_path / "bundle.pem").write_bytes(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    yield urls
    for listener, thread in servers:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(connection, server_side=True) as safe:
                safe.recv(4096)
        except OSError:
            connection.close()


def test_a_certificate_that_is_not_of_now_speaks_of_the_clock(certified: dict[str, str]) -> None:
    kinds = {}
    for name, url in certified.items():
        with MpesaClient("k", "s", base_url=url, patience=FAST) as client, pytest.raises(NotSent) as caught:
            client.stk_push(**PUSH)
        kinds[name] = caught.value.outcome.kind
    assert kinds == {
        "expired": OutcomeKind.WRONG_CLOCK,
        "valid": OutcomeKind.NO_CONNECTION,
        "not yet valid": OutcomeKind.WRONG_CLOCK,
    }


def test_after_a_pcs_sleep_mpesas_time_is_asked_anew() -> None:
    clock = _Wrong(0)

    def date() -> bytes:
        return format_datetime(dt.datetime.fromtimestamp(clock.now_ms() / 1000, dt.UTC), usegmt=True).encode()

    async def wakes() -> None:
        def tells(_: int) -> Said:
            return Said({"access_token": "t"}, headers=((b"date", date()),))

        with Scripted(token=tells) as server:
            async with AsyncMpesaClient("k", "s", base_url=server.url, patience=FAST, clock=clock) as client:
                assert not client.is_time_unsure, "nobody has said what time it is"
                await client.fetch_token()
                server.scripts["token"] = says(Said({}, status=503))
                assert abs(await client.ask_time() or 10_000) < 5_000, "it does not age by being asked for in vain"
                server.scripts["token"] = tells
                assert not client.is_time_unsure and abs(client.clock_ahead_ms or 0) < 5_000
                # The wall went on, and the monotonic clock stood still.
                clock.ahead_ms = 72_000_000
                assert client.is_time_unsure and abs(client.clock_ahead_ms or 0) > 70_000_000
                assert abs(await client.ask_time() or 0) < 5_000 and not client.is_time_unsure
                assert len(server.asked["token"]) == 3
                clock.ahead_ms = 144_000_000
                server.scripts["token"] = says(Said({}, status=503))
                assert await client.ask_time() is None, "what was known before it slept is not known now"

    asyncio.run(wakes())


# Proxies


def test_nothing_of_a_request_has_left_while_its_proxy_refuses_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[None] = []

    def refuse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            # It takes the words and closes: neither yes nor no.

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()

        async def send() -> None:
            web = AsyncHttpClient(FAST, use_proxies=True)
            try:
                leaving = Leaving(time.monotonic() + 10, lambda: begun.append(None))
                await web.send(Request("GET", "https://shop.example/"), leaving=leaving)
            finally:
                await web.aclose()

        with pytest.raises(NotSentError):
            asyncio.run(send())
        thread.join()
    assert begun == []


# What a callback says of money, however it is spelled


@pytest.mark.parametrize(
    "body",
    [
        {"Item": [{"name": "MpesaReceiptNumber", "value": "TKN7RT61SV"}]},
        {"ITEM": [{"NAME": "mpesareceiptnumber", "VALUE": "tkn7rt61sv"}]},
        {"Body": json.dumps({"Item": [{"Name": "MpesaReceiptNumber", "Value": "TKN7RT61SV"}]})},
        json.dumps({"TransID": "TKN7RT61SV"}),
    ],
)
def test_a_code_is_recognised_in_any_case_and_in_json_within_a_text(body: object) -> None:
    assert recognise(json.dumps(body).encode()).mpesa_code == "TKN7RT61SV"
