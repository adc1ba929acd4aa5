"""What is in force: the settings file, the secrets, and the environment over both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pos_app.common.errors import Mistake, Outside
from pos_app.common.redact import keep_secret
from pos_app.common.urls import is_safe_address
from pos_app.domain.mpesa.callback_url import refused_word
from pos_app.domain.stk.schedule import DEFAULT_PACING, Pacing
from pos_app.settings.environment import given
from pos_app.settings.model import Account, Environment, Settings
from pos_app.settings.secrets import SecretName, SecretStore

NOWHERE: Final = "https://till.invalid"
"""Resolves nowhere: without a callback address nobody else's server is handed the customer's data."""

SANDBOX_SHORTCODE: Final = "174379"
SANDBOX_PASSKEY: Final = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
"""Of M-PESA's sandbox, the same for everybody (docs/mpesa.md, 6)."""


@dataclass(frozen=True, slots=True)
class RelayAccess:
    """How to read this till's mailbox."""

    url: str
    till: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MpesaAccess:
    """How to reach the shop's M-PESA.

    Args:
        base_url: None for M-PESA's own address.
        till_number: Empty for a paybill.
        callback_base: The token of each attempt is appended to it.
        runs_practice: No address was given for practice: the program brings its own M-PESA.
    """

    environment: Environment
    base_url: str | None
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    shortcode: str
    till_number: str
    passkey: str = field(repr=False)
    callback_base: str
    relay: RelayAccess | None
    pacing: Pacing
    max_shillings: int
    runs_practice: bool

    @property
    def is_buy_goods(self) -> bool:
        return bool(self.till_number)

    @property
    def party_b(self) -> str:
        """The paybill, or the till under the store (docs/mpesa.md, 2.3)."""
        return self.till_number or self.shortcode

    def missing(self) -> list[str]:
        """What must be set before a payment can be asked for."""
        wanted = {
            "consumer key": self.consumer_key,
            "consumer secret": self.consumer_secret,
            "shortcode": self.shortcode,
            "passkey": self.passkey,
        }
        return [name for name, value in wanted.items() if not value]


def environment_of(settings: Settings) -> Environment:
    """Which M-PESA is meant.

    Raises:
        Mistake: ``settings.environment``.
    """
    name = given().get("POS_APP_ENVIRONMENT", "").strip().lower()
    if not name:
        return settings.mpesa.environment
    try:
        return Environment(name)
    except ValueError:
        raise Mistake("settings.environment") from None


def access(settings: Settings, store: SecretStore) -> MpesaAccess:
    """Everything the engine needs to know, environment variables over the file.

    Raises:
        Mistake: ``settings.…`` for a value that cannot be right.
        Outside: ``secrets.…``
    """
    environ = given()
    environment = environment_of(settings)
    is_practice = environment is Environment.PRACTICE
    base_url = _address(environ, "POS_APP_BASE_URL", "settings.base_url") or None
    own_till = settings.mpesa.till_number if settings.mpesa.account is Account.BUY_GOODS else ""
    from_file = not is_practice
    shortcode = environ.get("POS_APP_SHORTCODE", settings.mpesa.shortcode if from_file else "").strip()
    till_number = environ.get("POS_APP_TILL_NUMBER", own_till if from_file else "").strip()
    for name, value in (("POS_APP_SHORTCODE", shortcode), ("POS_APP_TILL_NUMBER", till_number)):
        if value and not re.fullmatch(r"[0-9]{5,7}", value):
            raise Mistake("settings.invalid", field=name)
    passkey = _secret(environ, "POS_APP_PASSKEY", store, environment, SecretName.PASSKEY)
    if environment is Environment.SANDBOX:
        shortcode = shortcode or SANDBOX_SHORTCODE
        if shortcode == SANDBOX_SHORTCODE:
            passkey = passkey or SANDBOX_PASSKEY
    relay = _relay(settings, store, environment, environ)
    callback = _address(environ, "POS_APP_CALLBACK_URL", "settings.callback_url")
    if not callback and from_file:
        callback = settings.mpesa.callback_url
    refused = refused_word(callback) if callback.startswith("https://") else None
    if refused is not None:
        raise Mistake("settings.callback_words", word=refused)
    till_name = relay.till if relay is not None else _slug(settings.shop.till_label)
    return MpesaAccess(
        environment=environment,
        base_url=base_url,
        consumer_key=_secret(environ, "POS_APP_CONSUMER_KEY", store, environment, SecretName.CONSUMER_KEY),
        consumer_secret=_secret(environ, "POS_APP_CONSUMER_SECRET", store, environment, SecretName.CONSUMER_SECRET),
        shortcode=shortcode,
        till_number=till_number,
        passkey=passkey,
        callback_base=f"{callback or (relay.url if relay is not None else NOWHERE)}/c/{till_name}",
        relay=relay,
        pacing=_pacing(environment, environ),
        max_shillings=settings.mpesa.max_shillings,
        runs_practice=is_practice and base_url is None,
    )


def _secret(
    environ: Mapping[str, str], variable: str, store: SecretStore, environment: Environment, name: SecretName
) -> str:
    value = environ.get(variable, "").strip()
    if value:
        keep_secret(value)
        return value
    if environment is Environment.PRACTICE:
        return ""
    try:
        return store.get(environment, name) or ""
    except Outside:
        # No password store: what the environment does not give is missing, and said to be.
        return ""


def _address(environ: Mapping[str, str], variable: str, code: str) -> str:
    value = environ.get(variable, "").strip().rstrip("/")
    if value and not is_safe_address(value):
        raise Mistake(code)
    return value


def _relay(
    settings: Settings, store: SecretStore, environment: Environment, environ: Mapping[str, str]
) -> RelayAccess | None:
    is_practice = environment is Environment.PRACTICE
    url = _address(environ, "POS_APP_RELAY_URL", "settings.relay_url") or ("" if is_practice else settings.relay.url)
    if not url:
        return None
    till = environ.get("POS_APP_RELAY_TILL", "").strip() or settings.relay.till
    token = _secret(environ, "POS_APP_RELAY_TOKEN", store, environment, SecretName.RELAY_TOKEN)
    lacking = [name for name, value in (("POS_APP_RELAY_TILL", till), ("POS_APP_RELAY_TOKEN", token)) if not value]
    if lacking:
        raise Mistake("settings.relay_incomplete", names=", ".join(lacking))
    if not re.fullmatch(r"[A-Za-z0-9-]{1,32}", till):
        raise Mistake("relay.till_name")
    return RelayAccess(url, till, token)


def _pacing(environment: Environment, environ: Mapping[str, str]) -> Pacing:
    """The spacing of queries; production keeps the design's own, or more."""
    defaults = DEFAULT_PACING
    found = Pacing(
        _ms(environ, "POS_APP_FIRST_QUERY_S", defaults.first_ms),
        _ms(environ, "POS_APP_QUERY_INTERVAL_S", defaults.interval_ms),
        _ms(environ, "POS_APP_CONFIRM_GAP_S", defaults.confirm_gap_ms),
    )
    if environment is not Environment.PRODUCTION:
        return found
    return Pacing(
        max(found.first_ms, defaults.first_ms),
        max(found.interval_ms, defaults.interval_ms),
        max(found.confirm_gap_ms, defaults.confirm_gap_ms),
    )


def _ms(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,6})?", text):
        raise Mistake("settings.number", name=variable)
    return int(float(text) * 1000)


def _slug(label: str) -> str:
    """A till's label as a part of an address, unless M-PESA refuses a word in it."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:32]
    return slug if slug and refused_word(slug) is None else "till"
