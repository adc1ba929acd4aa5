"""Nobody gets in: each attack of docs/relay-attacks.md, tried over a real socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.servers import Relay
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos_app.common.http import HttpClient, Request
from pos_app.relay import protocol
from pos_app.relay.access_policy import AccessRules, Limits, networks

TOKEN = "T" * 22
PROXY = networks(("127.0.0.1",))


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    with Relay(tmp_path) as running:
        yield running


def raw(relay: Relay, *parts: bytes, gap_s: float = 0.0, stays_open: bool = False) -> bytes:
    """What comes back for bytes as they are; empty where the relay hangs up without a word."""
    host, _, port = relay.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=2 if stays_open else 15) as connection:
        got = b""
        try:
            for part in parts:
                connection.sendall(part)
                if gap_s:
                    time.sleep(gap_s)
            while chunk := connection.recv(65536):
                got += chunk
                if b"\r\n\r\n" in got and b"connection: close" in got.lower():
                    break
        except ConnectionError:
            return got
        except TimeoutError:
            assert stays_open, "it neither answers nor hangs up"
        return got


def mail(relay: Relay, web: HttpClient) -> list[dict]:
    answer = web.send(
        Request("GET", f"{relay.url}/v1/inbox?after=0", {"Authorization": f"Bearer till-1.{relay.token}"})
    )
    return json.loads(answer.body)["messages"]


def post(path: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: relay", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def test_a_head_that_drips_or_never_comes_is_hung_up_on(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_WITHIN_S", 0.5)
    assert raw(relay) == b""
    assert status(raw(relay, b"GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n", b"\r\n", gap_s=0.1)) == 200
    assert raw(relay, *[b"X-Slow: 1\r\n"] * 20, gap_s=0.1) == b""
    dripped = [bytes([one]) for one in post(f"/c/till-1/{TOKEN}")]
    assert raw(relay, *dripped, gap_s=0.02) == b""


def test_a_body_that_drips_is_not_waited_for(relay: Relay, web: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_WITHIN_S", 0.4)
    assert raw(relay, post(f"/c/till-1/{TOKEN}", "Content-Length: 100"), *[b"x"] * 8, gap_s=0.1) == b""
    assert mail(relay, web) == []


def test_no_answer_that_comes_early_leaves_a_connection_open_for_ever(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "REQUEST_WITHIN_S", 0.5)
    answer = raw(relay, b"GET /healthz HTTP/1.1\r\nHost: r\r\nContent-Length: 1\r\n\r\n", b"x", gap_s=0.2)
    assert status(answer) == 200, "and then it hung up"


def test_half_a_request_behind_another_takes_nothing_from_its_answer(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "REQUEST_WITHIN_S", 0.3)
    poll = f"GET /v1/inbox?after=0&wait=1 HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer till-1.{relay.token}\r\n\r\n"
    for half in (post(f"/c/till-1/{TOKEN}", "Content-Length: 9", body=b"half"), b"POST /c/til"):
        answer = raw(relay, poll.encode() + half)
        assert b'"messages":[]' in answer, "and then it hung up"


def test_a_request_without_end_is_hung_up_on(relay: Relay, web: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # By its size, long before by its time.
    monkeypatch.setattr(protocol, "REQUEST_WITHIN_S", 60)
    head = post(f"/c/till-1/{TOKEN}", "Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n")
    trailers = [b"X-More: " + b"y" * 8_000 + b"\r\n"] * (2 * protocol.LARGEST_REQUEST // 8_000)
    assert raw(relay, head, *trailers) == b""
    assert mail(relay, web) == []


def test_a_body_that_is_cut_off_is_not_kept(relay: Relay, web: HttpClient) -> None:
    host, _, port = relay.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(post(f"/c/till-1/{TOKEN}", "Content-Length: 100", body=b"half"))
    assert status(raw(relay, post(f"/c/till-1/{TOKEN}", "Content-Length: 4", body=b"full"))) == 200
    assert len(mail(relay, web)) == 1


def test_a_head_without_end_is_hung_up_on(relay: Relay) -> None:
    flood = [b"POST /c/till-1/x HTTP/1.1\r\n"] + [b"X-Many: " + b"a" * 1000 + b"\r\n"] * 200
    assert status(raw(relay, *flood)) in (0, 400, 431)
    assert status(raw(relay, b"GET /" + b"a" * 100_000)) in (0, 400, 414)


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 50"),
        ("Content-Length: +5",),
        ("Content-Length: 5, 5",),
        ("Content-Length: -1",),
        ("Content-Length: 5\x0b",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: xchunked",),
        ("X-Bad\x00: 1",),
    ],
)
def test_smuggled_requests_reach_nobody(relay: Relay, web: HttpClient, headers: tuple[str, ...]) -> None:
    """Whatever the head claims, what follows it is never taken for a second request's head of a till."""
    hidden = f"GET /v1/inbox?after=0 HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer till-1.{relay.token}\r\n\r\n"
    request = post(f"/c/till-1/{TOKEN}", *headers, body=b"0\r\n\r\n" + hidden.encode())
    answer = raw(relay, request.replace(b"Connection: close\r\n", b""), stays_open=True)
    assert b'"messages"' not in answer
    assert answer.count(b"HTTP/1.1 200") <= 1


def test_chunks_over_the_limit_are_refused_before_they_are_all_read(relay: Relay, web: HttpClient) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer = raw(relay, post(f"/c/till-1/{TOKEN}", "Transfer-Encoding: chunked"), *[chunk] * 6, b"0\r\n\r\n")
    assert status(answer) in (0, 413)
    assert mail(relay, web) == []


@pytest.mark.parametrize(
    "path",
    [
        "/c/till-1/../../v1/inbox", "/c/..%2f..%2fetc/passwd", "/c/till-1/%2e%2e/%2e%2e", "//c/till-1/" + TOKEN,
        "/c/till-1/" + "%00" * 10, "/c/till-1%0d%0aX-Evil:1/" + TOKEN, "/C/TILL-1/" + TOKEN, "/c/till-1/" + TOKEN + "/x",
        "/c/till-1;/" + TOKEN, "/c/till_1/" + TOKEN, "/static/../relay.sqlite3", "/c/'%20OR%201=1--/" + TOKEN,
    ],
)  # fmt: skip
def test_no_path_leads_anywhere_else(relay: Relay, web: HttpClient, path: str) -> None:
    answer = raw(relay, post(path, "Content-Length: 1", body=b"x"))
    assert status(answer) in (400, 404), answer
    assert b"X-Evil" not in answer
    assert mail(relay, web) == []


def test_a_deeply_nested_or_malformed_body_is_bytes_like_any_other(relay: Relay, web: HttpClient) -> None:
    for body in (b"[" * 30_000, b'{"a":' * 10_000, b"\xff\xfe\x00", b"not json"):
        assert status(raw(relay, post(f"/c/till-1/{TOKEN}", f"Content-Length: {len(body)}", body=body))) == 200
    assert len(mail(relay, web)) == 4


def limited(tmp_path: Path, **rules: object) -> Relay:
    limits = Limits(address_per_s=0.001, address_burst=5, till_per_s=0.001, till_burst=8, wrong_tokens_per_s=0.001,
                    wrong_tokens_burst=3)  # fmt: skip
    return Relay(tmp_path, rules=AccessRules(limits=limits, **rules))  # type: ignore[arg-type]


def knock(relay: Relay, web: HttpClient, *forwarded: str, path: str = f"/c/till-1/{TOKEN}") -> int:
    headers = {"X-Forwarded-For": ", ".join(forwarded)} if forwarded else {}
    return web.send(Request("POST", relay.url + path, headers, b"x")).status


def test_a_flood_is_stopped_for_its_address_and_never_for_mpesa(tmp_path: Path, web: HttpClient) -> None:
    with limited(tmp_path) as relay:
        assert [knock(relay, web, "203.0.113.9") for _ in range(7)] == [200] * 5 + [429] * 2
        assert [knock(relay, web, "198.51.100.7") for _ in range(4)] == [200] * 3 + [429], "all strangers for one till"
        assert [knock(relay, web, "196.201.214.200") for _ in range(20)] == [200] * 20
        assert knock(relay, web, "203.0.113.10", path=f"/c/till-2/{TOKEN}") == 404


def test_only_a_named_proxy_is_believed(tmp_path: Path, web: HttpClient) -> None:
    allowed = networks(("196.201.214.200",))
    with limited(tmp_path, allowed=allowed) as relay:
        assert knock(relay, web, "196.201.214.200") == 200
        assert knock(relay, web, "196.201.214.200", "203.0.113.9") == 403, "the proxy saw a stranger"
        assert knock(relay, web, "203.0.113.9", "196.201.214.200") == 200, "what is left of it is its own invention"
        assert knock(relay, web, "196.201.214.200", "127.0.0.1") == 200, "two proxies in a row"
        assert knock(relay, web, "nonsense") == 403
        assert knock(relay, web) == 403, "this machine is not M-PESA"
    with limited(tmp_path / "two", allowed=allowed, proxies=networks(("10.0.0.1",))) as relay:
        assert knock(relay, web, "196.201.214.200") == 403, "this machine is no proxy here"


def test_guessing_tokens_is_stopped_and_does_not_shut_out_the_till(tmp_path: Path, web: HttpClient) -> None:
    with limited(tmp_path) as relay:

        def ask(credential: str, address: str) -> int:
            headers = {"Authorization": f"Bearer {credential}", "X-Forwarded-For": address}
            return web.send(Request("GET", f"{relay.url}/v1/inbox?after=0", headers)).status

        assert [ask("till-1.wrong", "203.0.113.9") for _ in range(5)] == [401] * 3 + [429] * 2
        assert ask(f"till-1.{relay.token}", "198.51.100.7") == 200


def test_tokens_stand_nowhere_in_the_database(relay: Relay, web: HttpClient, tmp_path: Path) -> None:
    assert knock(relay, web) == 200
    content = b"".join(file.read_bytes() for file in tmp_path.glob("relay.sqlite3*"))
    assert relay.token.encode() not in content and TOKEN.encode() not in content


METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
PIECES = st.one_of(
    st.sampled_from(["c", "p", "v1", "inbox", "claims", "healthz", "metrics", "till-1", TOKEN, "..", "%00", "%2f", ""]),
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?# "), max_size=40),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "Accept", "Last-Event-ID", "X-Forwarded-For", "Content-Type", "Range", "Cookie"]),
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    max_size=4,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    METHODS,
    st.lists(PIECES, max_size=5),
    st.text(alphabet="afterwi=&0123456789-.%x", max_size=30),
    HEADERS,
    st.binary(max_size=200),
)
def test_whatever_is_asked_the_answer_keeps_the_contract(relay, method, pieces, query, headers, body) -> None:
    """No request has the relay fall over, and none is answered outside the table of the contract."""
    if method in ("GET", "HEAD"):
        headers = headers | {"Accept": "application/json"}
    lines = [f"{method} /{'/'.join(pieces)}?{query} HTTP/1.1", "Host: relay", "Connection: close",
             *(f"{name}: {value.strip()}" for name, value in headers.items()), f"Content-Length: {len(body)}"]  # fmt: skip
    answer = raw(relay, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
    assert status(answer) in (200, 400, 401, 404, 405, 409, 413, 422, 429), answer
    if status(answer) == 200 and method == "GET":
        assert "/".join(pieces) in ("healthz", "metrics"), "a stranger was let in"
