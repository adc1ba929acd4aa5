"""Payments made straight to a shop's number: every till of the shop hears of them, one of them takes each."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from fakes.servers import Relay

from pos_app.common.http import HttpClient, HttpResponse, Request
from pos_app.common.tokens import token_digest

TOKEN = "T" * 22
CODE = hashlib.sha256(b"TKN7RT61SV").hexdigest()


@pytest.fixture
def shop(relay: Relay) -> dict[str, str]:
    """Two tills of one shop, and a stranger."""
    names = {"front": "njeri", "back": "njeri", "stranger": ""}
    return {name: relay.store.add_device(name, of) for name, of in names.items()}


def ask(web: HttpClient, relay: Relay, method: str, path: str, till: str, token: str) -> HttpResponse:
    return web.send(Request(method, relay.url + path, {"Authorization": f"Bearer {till}.{token}"}))


def mail(web: HttpClient, relay: Relay, till: str, token: str) -> list[dict]:
    return json.loads(ask(web, relay, "GET", "/v1/inbox?after=0", till, token).body)["messages"]


def bodies(web: HttpClient, relay: Relay, till: str, token: str) -> int:
    return len(mail(web, relay, till, token))


def test_every_till_of_the_shop_hears_and_no_stranger(web: HttpClient, relay: Relay, shop: dict[str, str]) -> None:
    assert web.send(Request("POST", f"{relay.url}/p/front/{TOKEN}", {}, b"forged")).status == 404, "no address yet"
    assert ask(web, relay, "PUT", f"/v1/payments/{token_digest(TOKEN).hex()}", "front", shop["front"]).status == 204
    assert web.send(Request("POST", f"{relay.url}/p/front/{'F' * 22}", {}, b"forged")).status == 404
    assert web.send(Request("POST", f"{relay.url}/p/stranger/{TOKEN}", {}, b"forged")).status == 404
    assert web.send(Request("POST", f"{relay.url}/p/front/{TOKEN}", {}, b"paid")).status == 200
    assert {name: bodies(web, relay, name, token) for name, token in shop.items()} == {
        "front": 1, "back": 1, "stranger": 0,
    }  # fmt: skip
    assert web.send(Request("POST", f"{relay.url}/c/front/{TOKEN}", {}, b"mine")).status == 200
    assert (bodies(web, relay, "front", shop["front"]), bodies(web, relay, "back", shop["back"])) == (2, 1)
    relay.store.revoke("back")
    assert web.send(Request("POST", f"{relay.url}/p/front/{TOKEN}", {}, b"later")).status == 200
    assert bodies(web, relay, "front", shop["front"]) == 3
    assert web.send(Request("POST", f"{relay.url}/p/back/{TOKEN}", {}, b"its shop's all the same")).status == 200
    assert bodies(web, relay, "front", shop["front"]) == 4
    assert web.send(Request("POST", f"{relay.url}/c/back/{TOKEN}", {}, b"shut out")).status == 404
    assert web.send(Request("POST", f"{relay.url}/p/nobody/{TOKEN}", {}, b"x")).status == 404


def test_the_first_to_claim_has_it_until_it_gives_it_back(web: HttpClient, relay: Relay, shop: dict[str, str]) -> None:
    numbers: dict[str, int] = {}

    def claim(till: str, method: str = "PUT", subject: str = CODE) -> tuple[int, str]:
        number = f"?claim={numbers.get(till, 0)}" if method == "DELETE" else ""
        answer = ask(web, relay, method, f"/v1/claims/{subject}{number}", till, shop[till])
        said = json.loads(answer.body) if answer.status in (200, 409) else {"till": ""}
        numbers[till] = said.get("claim", 0)
        return answer.status, said["till"]

    assert claim("front") == (200, "front")
    assert claim("front") == (200, "front"), "claiming again is no mistake"
    assert claim("back") == (409, "front")
    assert claim("stranger") == (200, "stranger"), "another shop's claims are its own"
    assert claim("back", "DELETE") == (404, "")
    assert claim("front", "DELETE") == (204, "")
    assert claim("back") == (200, "back")
    assert claim("front") == (409, "back")
    assert claim("front", subject="abc")[0] == 422
    assert (
        claim("front", subject=CODE + "?claim=-1")[0] == claim("front", subject=CODE + "?claim=" + "9" * 19)[0] == 422
    )
    assert claim("front", subject="zz" * 32)[0] == 422
    assert ask(web, relay, "PUT", f"/v1/claims/{CODE}", "front", "wrong").status == 401
    told = {name: mail(web, relay, name, token) for name, token in shop.items()}
    notices = {name: [base64.b64decode(one["body"]) for one in found] for name, found in told.items()}
    assert notices == {
        "back": [b'{"till": "front"}', b'{"till": ""}'], "front": [b'{"till": "back"}'], "stranger": [],
    }  # fmt: skip
    assert {one["token"] for one in told["back"]} == {CODE} and {one["kind"] for one in told["back"]} == {"claim"}


def test_a_release_that_was_held_up_frees_nothing_that_was_claimed_since(
    web: HttpClient, relay: Relay, shop: dict[str, str]
) -> None:
    def claim(till: str = "front") -> int:
        answer = ask(web, relay, "PUT", f"/v1/claims/{CODE}", till, shop[till])
        return json.loads(answer.body)["claim"] if answer.status == 200 else 0

    def release(number: int, till: str = "front") -> int:
        return ask(web, relay, "DELETE", f"/v1/claims/{CODE}?claim={number}", till, shop[till]).status

    first, second = claim(), claim()
    assert 0 < first < second
    assert [release(first), release(0), release(second, "back"), claim("back")] == [404, 404, 404, 0]
    assert [release(second), release(second)] == [204, 404]
    assert claim("back") > 0


def test_a_claim_that_was_given_back_in_just_this_moment_is_asked_for_again(
    web: HttpClient, relay: Relay, shop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(_till: str, _subject: bytes) -> None:
        """Another till's until it was looked for, and nobody's then."""

    with monkeypatch.context() as moment:
        moment.setattr(relay.store, "claim", nobody)
        assert ask(web, relay, "PUT", f"/v1/claims/{CODE}", "front", shop["front"]).status == 503
    assert ask(web, relay, "PUT", f"/v1/claims/{CODE}", "front", shop["front"]).status == 200
