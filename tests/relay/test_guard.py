"""Whom the relay lets in, by address and by how often."""

from __future__ import annotations

from typing import Any

import pytest

from pos_app.common.errors import Mistake
from pos_app.relay.access_policy import AccessPolicy, AccessRules, TokenBuckets, networks


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def scope(client: str | None, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"client": (client, 1) if client is not None else None, "headers": headers}


def test_a_bucket_gives_exactly_its_burst_and_fills_by_time() -> None:
    clock = Clock()
    buckets = TokenBuckets(2.0, 3, clock)
    assert [buckets.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert buckets.is_empty("a") and not buckets.is_empty("b")
    clock.now_s += 0.5
    assert not buckets.is_empty("a"), "exactly one is left"
    assert [buckets.take("a"), buckets.take("a")] == [True, False]
    clock.now_s += 1000
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False], "never more than the burst"


def test_refusals_take_nothing_from_what_fills_up() -> None:
    clock = Clock()
    buckets = TokenBuckets(1.0, 1, clock)
    assert buckets.take("a")
    for _ in range(10):
        assert not buckets.take("a")
    clock.now_s += 1.0
    assert buckets.take("a")


def test_the_keys_longest_unheard_of_are_forgotten_and_no_others() -> None:
    clock = Clock()
    buckets = TokenBuckets(0.0, 1, clock, most=2)
    for key in ("a", "b"):
        buckets.take(key)
    assert buckets.is_empty("a") and buckets.is_empty("b"), "two are kept"
    buckets.take("a")
    buckets.take("c")
    assert buckets.is_empty("a") and not buckets.is_empty("b")


@pytest.mark.parametrize(
    ("client", "forwarded", "shows"),
    [
        ("127.0.0.1", (), True), ("::1", (), True), ("10.0.0.5", (), False), ("127.0.0.1", ("9.9.9.9",), False),
        ("10.0.0.5", ("127.0.0.1",), False), (None, (), False),
    ],
)  # fmt: skip
def test_metrics_are_for_this_machine_with_no_proxy_in_between(
    client: str | None, forwarded: tuple[str, ...], shows: bool
) -> None:
    assert AccessPolicy(AccessRules()).shows_metrics(scope(client, *forwarded)) is shows


def test_a_network_may_be_written_by_any_of_its_addresses() -> None:
    assert [str(one) for one in networks(("10.1.2.3/8", " ::1 "))] == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(Mistake) as caught:
        networks(("10.0.0.0/99",))
    assert caught.value.params == {"name": "10.0.0.0/99"}
