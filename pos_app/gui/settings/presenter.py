"""Checks the settings as they are typed, and tries them out; no Qt here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from pos_app.common.errors import Outside, PosError
from pos_app.common.i18n import N_, _
from pos_app.domain.mpesa.callback_url import refused_word
from pos_app.settings.effective import SANDBOX_SHORTCODE
from pos_app.settings.model import Account, Data, Environment, Mpesa, Relay, Settings, Shop
from pos_app.settings.secrets import SecretName, SecretStore
from pos_app.texts.errors import reason, reason_of
from pos_app.texts.outcomes import words_of

_SECTIONS: dict[str, type[BaseModel]] = {"shop": Shop, "mpesa": Mpesa, "relay": Relay, "data": Data}
_WRONG = {
    "5 to 7 digits": N_("5 to 7 digits."),
    "https://": N_("An address that begins with https:// (http:// only on this machine)."),
    "letters, digits and dashes": N_("Letters, digits and dashes, 32 at most."),
    "one line": N_("One line only."),
    "plain text": N_("Plain text only."),
}
_TOO_LONG = N_("Too long: {max} characters at most.")


def reason_for(section: str, field: str, value: Any) -> str:
    """Why a value is wrong; empty where it is right."""
    model = _SECTIONS[section]
    try:
        setattr(model(), field, value)
    except ValidationError as error:
        first = error.errors()[0]
        return _why(model.model_fields[field].metadata, first["type"], first.get("ctx", {}))
    if section == "mpesa" and field == "callback_url":
        return reason_for_callback(str(value))
    return ""


def _why(constraints: list[Any], kind: str, about: dict[str, Any]) -> str:
    """What is wrong, and the limit where there is one."""
    if kind in ("too_long", "string_too_long"):
        return _(_TOO_LONG).format(max=about.get("max_length", ""))
    if kind in ("int_parsing", "greater_than_equal", "less_than_equal"):
        limits = {name: value for one in constraints for name, value in _limits(one)}
        return _("A whole number from {least} to {most}.").format(least=limits.get("ge", 0), most=limits.get("le", ""))
    said = str(about.get("error", ""))
    return _(_WRONG[said]) if said in _WRONG else _("Choose one of the values that are offered.")


def _limits(constraint: Any) -> list[tuple[str, int]]:
    return [(name, getattr(constraint, name)) for name in ("ge", "le") if hasattr(constraint, name)]


def reason_for_callback(url: str) -> str:
    """M-PESA refuses some words in callback addresses (docs/mpesa.md, 4)."""
    found = refused_word(url)
    return reason("settings.callback_words", {"word": found}) if found is not None else ""


def lacking(settings: Settings, has_secret: dict[SecretName, bool]) -> dict[str, str]:
    """Fields that must be filled before M-PESA can be used, with the reason."""
    mpesa = settings.mpesa
    if mpesa.environment is Environment.PRACTICE:
        return {}
    missing: dict[str, str] = {}
    needed = _("Needed to take payments.")
    is_public_sandbox = mpesa.environment is Environment.SANDBOX and mpesa.shortcode in ("", SANDBOX_SHORTCODE)
    if not mpesa.shortcode and mpesa.environment is Environment.PRODUCTION:
        missing["shortcode"] = needed
    if mpesa.account is Account.BUY_GOODS and not mpesa.till_number:
        missing["till_number"] = _("A till needs both numbers: the store number and the till number.")
    for name in (SecretName.CONSUMER_KEY, SecretName.CONSUMER_SECRET):
        if not has_secret[name]:
            missing[name] = needed
    if not has_secret[SecretName.PASSKEY] and not is_public_sandbox:
        missing[SecretName.PASSKEY] = needed
    return missing


def receiver_of(mpesa: Mpesa) -> str:
    """Who gets the customers' money, in words."""
    if mpesa.account is Account.BUY_GOODS:
        return _("till {till} (store {store})").format(till=mpesa.till_number, store=mpesa.shortcode)
    return _("paybill {number}").format(number=mpesa.shortcode)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a try of the connection showed."""

    is_good: bool
    text: str


def try_connection(
    settings: Settings, typed: dict[SecretName, str], store: SecretStore, environ: dict[str, str] | None = None
) -> Tried:
    """Gets a token with what is typed, or kept; says in words what is right or wrong.

    *Thread*: not the GUI's: it waits for the network and for the password store.
    """
    from pos_app.installation.checks import check_connection  # noqa: PLC0415 - loaded where it is needed

    environment = settings.mpesa.environment
    if environment is Environment.PRACTICE:
        return Tried(True, _("Practice needs no connection: its M-PESA comes with the program."))
    variables = environ if environ is not None else dict(os.environ)
    try:
        secrets = {name: typed.get(name) or _kept(store, environment, name) for name in SecretName}
    except PosError as error:
        return Tried(False, reason_of(error))
    if not secrets[SecretName.CONSUMER_KEY] or not secrets[SecretName.CONSUMER_SECRET]:
        return Tried(False, _("Type the consumer key and the consumer secret first."))
    try:
        found = check_connection(
            secrets[SecretName.CONSUMER_KEY],
            secrets[SecretName.CONSUMER_SECRET],
            environment,
            variables.get("POS_APP_BASE_URL") or None,
        )
    except PosError as error:
        return Tried(False, reason_of(error))
    if found.problem is not None:
        words = words_of(found.problem)
        return Tried(False, f"{words.meaning} {_mend(found.problem.value)}")
    text = _("M-PESA accepts the consumer key and secret.")
    if not secrets[SecretName.PASSKEY] and settings.mpesa.shortcode not in ("", SANDBOX_SHORTCODE):
        text += " " + _("The passkey is still missing; only a payment can prove it.")
    if found.minutes_wrong:
        text += " " + _("But this PC's clock is wrong by {detail} minutes. Set the date and time.").format(
            detail=found.minutes_wrong
        )
    return Tried(True, text)


def _mend(kind: str) -> str:
    if kind == "wrong_credentials":
        return _("Copy both again from M-PESA's portal; sandbox and production have different ones.")
    if kind == "no_connection":
        return _("Check the internet connection, the firewall and the proxy.")
    return _("Try again in a minute.")


def _kept(store: SecretStore, environment: Environment, name: SecretName) -> str:
    try:
        return store.get(environment, name) or ""
    except Outside:
        return ""
