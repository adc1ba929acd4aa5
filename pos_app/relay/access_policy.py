"""Who may knock, and how often: addresses behind named proxies, allowed networks, limits."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from pos_app.common.errors import Mistake

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MPESA_ADDRESSES: Final = (
    "196.201.214.200", "196.201.214.206", "196.201.214.207", "196.201.214.208", "196.201.213.114", "196.201.213.44",
    "196.201.212.127", "196.201.212.128", "196.201.212.129", "196.201.212.132", "196.201.212.136", "196.201.212.138",
    "196.201.212.69", "196.201.212.74",
)  # fmt: skip
"""Where callbacks come from (docs/mpesa.md, 4; the list is said to be under revision)."""
_NOWHERE: Final = ipaddress.ip_address("0.0.0.0")  # noqa: S104 - stands for an address that cannot be read
_LONGEST_ADDRESS: Final = 64


def networks(names: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks as they are written.

    Raises:
        Mistake: ``relay.network`` (name).
    """
    found: list[Network] = []
    for name in names:
        try:
            found.append(ipaddress.ip_network(name.strip(), strict=False))
        except ValueError:
            raise Mistake("relay.network", name=name) from None
    return tuple(found)


LOOPBACK: Final = networks(("127.0.0.0/8", "::1"))
MPESA: Final = networks(MPESA_ADDRESSES)


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second, and how many may come at once. M-PESA's own addresses are not limited."""

    address_per_s: float = 20.0
    address_burst: int = 200
    till_per_s: float = 20.0
    till_burst: int = 500
    wrong_tokens_per_s: float = 0.2
    wrong_tokens_burst: int = 20


class TokenBuckets:
    """A limit for each of many keys; the keys longest unheard of are forgotten first."""

    def __init__(
        self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic, most: int = 20_000
    ) -> None:
        self._per_s, self._burst, self._clock, self._most = per_s, burst, clock, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Takes one; False where nothing is left."""
        left = self._now(key)
        self._keep(key, left - 1 if left >= 1 else left)
        return left >= 1

    def is_empty(self, key: str) -> bool:
        """Whether nothing is left. Takes nothing."""
        return self._now(key) < 1

    def _now(self, key: str) -> float:
        left, at_s = self._left.get(key, (float(self._burst), 0.0))
        return min(float(self._burst), left + (self._clock() - at_s) * self._per_s) if key in self._left else left

    def _keep(self, key: str, left: float) -> None:
        self._left[key] = (left, self._clock())
        self._left.move_to_end(key)
        while len(self._left) > self._most:
            self._left.popitem(last=False)


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Whom to believe and whom to let in.

    Args:
        proxies: Whose X-Forwarded-For is believed.
        allowed: From where callbacks are taken; None for from everywhere.
        metrics_from: Who may read the metrics, without a proxy in between.
    """

    proxies: tuple[Network, ...] = LOOPBACK
    allowed: tuple[Network, ...] | None = None
    metrics_from: tuple[Network, ...] = LOOPBACK
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Args:
        address: As it is written; ``0.0.0.0`` for one that cannot be read.
        is_proxy: A named one: what it says of others is believed.
        is_mpesa: One of M-PESA's own addresses.
        is_admitted: Callbacks are taken from there.
    """

    address: str
    is_proxy: bool
    is_mpesa: bool
    is_admitted: bool


class AccessPolicy:
    """Judges a request by its address, before its body is read."""

    def __init__(self, rules: AccessRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        limits = rules.limits
        self._addresses = TokenBuckets(limits.address_per_s, limits.address_burst, clock)
        self._tills = TokenBuckets(limits.till_per_s, limits.till_burst, clock)
        self._wrong = TokenBuckets(limits.wrong_tokens_per_s, limits.wrong_tokens_burst, clock)
        # Few addresses send nearly all requests: each is looked at once.
        self._judge = lru_cache(maxsize=4096)(self._judge_anew)

    def caller(self, scope: Mapping[str, Any]) -> Caller:
        """Who asks: the peer, or what a named proxy says of it.

        Read from the right: each named proxy has appended whom it saw, and
        everything left of the first stranger is that stranger's own invention.
        """
        seen = self._judge((scope.get("client") or ("",))[0])
        if not seen.is_proxy:
            return seen
        for said in reversed(_forwarded(scope)):
            seen = self._judge(said if len(said) <= _LONGEST_ADDRESS else "")
            if not seen.is_proxy:
                return seen
        return seen

    def _judge_anew(self, text: str) -> Caller:
        address, rules = _address(text), self._rules
        is_admitted = rules.allowed is None or _is_in(address, rules.allowed)
        return Caller(str(address), _is_in(address, rules.proxies), _is_in(address, MPESA), is_admitted)

    def is_too_much(self, caller: Caller, till: str) -> bool:
        """Whether an address, or all together for one till, knock too often."""
        if caller.is_mpesa or caller.is_proxy:
            return False
        return not (self._addresses.take(caller.address) and self._tills.take(till))

    def has_guessed_enough(self, caller: Caller) -> bool:
        """Whether an address tried too many wrong tokens."""
        return not caller.is_proxy and self._wrong.is_empty(caller.address)

    def note_wrong_token(self, caller: Caller) -> None:
        """Counts a wrong token."""
        self._wrong.take(caller.address)

    def shows_metrics(self, scope: Mapping[str, Any]) -> bool:
        """Whether the metrics are for whoever asks."""
        return not _forwarded(scope) and _is_in(_address((scope.get("client") or ("",))[0]), self._rules.metrics_from)


def _forwarded(scope: Mapping[str, Any]) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _address(text: str) -> Address:
    """An address, with or without a port; one that cannot be read is nobody's."""
    for spelled in (text, text.strip("[]"), text.rpartition(":")[0].strip("[]")):
        try:
            found = ipaddress.ip_address(spelled)
        except ValueError:
            continue
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return mapped or found
    return _NOWHERE


def _is_in(address: Address, wanted: tuple[Network, ...]) -> bool:
    return any(address in network for network in wanted)
