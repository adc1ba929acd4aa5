"""The settings, field by field, with their limits."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pos_app.common.urls import is_safe_address

FORMAT = 1


class Environment(StrEnum):
    """Which M-PESA is meant."""

    PRACTICE = "practice"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class Account(StrEnum):
    """Which kind of number the shop has."""

    PAYBILL = "paybill"
    BUY_GOODS = "buy_goods"


class Paper(StrEnum):
    """What receipts are printed on."""

    MM58 = "58mm"
    MM80 = "80mm"
    A4 = "a4"


class Theme(StrEnum):
    """Colours of the window."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


def _one_line(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("one line")
    return text.strip()


def _few_lines(text: str) -> str:
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text):
        raise ValueError("plain text")
    return text.strip()


def _number(text: str) -> str:
    if text and not re.fullmatch(r"[0-9]{5,7}", text):
        raise ValueError("5 to 7 digits")
    return text


def _address(text: str) -> str:
    text = text.strip().rstrip("/")
    if text and not is_safe_address(text):
        raise ValueError("https://")
    return text


def _till_name(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9-]{1,32}", text):
        raise ValueError("letters, digits and dashes")
    return text


Line = Annotated[str, AfterValidator(_one_line), Field(max_length=60)]
LongLine = Annotated[str, AfterValidator(_one_line), Field(max_length=400)]
Lines = Annotated[str, AfterValidator(_few_lines), Field(max_length=300)]
ShortCode = Annotated[str, AfterValidator(_number)]
Address = Annotated[str, AfterValidator(_address), Field(max_length=300)]
TillName = Annotated[str, AfterValidator(_till_name)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="ignore", validate_assignment=True)


class Shop(_Section):
    """What stands on the receipt."""

    name: Line = ""
    till_label: Line = ""
    cashier: Line = ""
    receipt_header: Lines = ""
    receipt_footer: Lines = ""


class Mpesa(_Section):
    """The shop's account at M-PESA; the secrets of it are elsewhere.

    Args:
        shortcode: The paybill; for Buy Goods the store number.
        till_number: For Buy Goods only.
        max_shillings: The most that one payment may be.
    """

    environment: Environment = Environment.PRACTICE
    account: Account = Account.PAYBILL
    shortcode: ShortCode = ""
    till_number: ShortCode = ""
    callback_url: Address = ""
    max_shillings: Annotated[int, Field(ge=1, le=10_000_000)] = 250_000


class Relay(_Section):
    """The callback mailbox."""

    url: Address = ""
    till: TillName = ""


class Printing(_Section):
    """Receipts on paper."""

    printer: LongLine = ""
    paper: Paper = Paper.MM80
    print_when_paid: bool = False


class Look(_Section):
    """The window."""

    theme: Theme = Theme.SYSTEM
    language: str = "en"
    sounds: bool = True


class Data(_Section):
    """Where exports go; empty for the usual folder."""

    export_folder: LongLine = ""


class Settings(_Section):
    """Everything in the settings file.

    Args:
        installation: Tells this installation's secrets from another's in the same password store.
        secrets_in_file: The owner said yes to a private file where there is no password store.
    """

    format: int = FORMAT
    installation: str = ""
    secrets_in_file: bool = False
    shop: Shop = Field(default_factory=Shop)
    mpesa: Mpesa = Field(default_factory=Mpesa)
    relay: Relay = Field(default_factory=Relay)
    printing: Printing = Field(default_factory=Printing)
    look: Look = Field(default_factory=Look)
    data: Data = Field(default_factory=Data)
