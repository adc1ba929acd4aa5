"""Payments that customers make straight to the paybill or till: C2B (docs/mpesa.md, 5)."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, field_validator

from pos_app.common.clock import EAT
from pos_app.daraja.errors import CallbackUnreadable
from pos_app.daraja.requests import check_callback_url, check_shortcode
from pos_app.daraja.wire import as_mpesa_code, number_of, parse_json, text_of

REGISTER_PATH: Final = "/mpesa/c2b/v2/registerurl"
_DONE: Final = ("0", "00000000")


class RegisterUrlResponse(BaseModel):
    """The answer to a registration. ``OriginatorCoversationID`` is M-PESA's own spelling."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    OriginatorCoversationID: str = ""
    ResponseCode: str = ""
    ResponseDescription: str = ""

    @field_validator("ResponseCode", mode="before")
    @classmethod
    def _spell(cls, value: object) -> str:
        return text_of(value) or ""

    def is_successful(self) -> bool:
        """Whether the addresses are registered. v2 answers eight zeros."""
        return self.ResponseCode in _DONE


def build_register(*, short_code: int | str, confirmation_url: str, validation_url: str) -> dict[str, str | int]:
    """The body of a registration: payments are completed even where nobody answers the validation.

    Raises:
        InvalidRequest: for the first field that M-PESA would refuse.
    """
    return {
        "ShortCode": check_shortcode("short_code", short_code),
        "ResponseType": "Completed",
        "ConfirmationURL": check_callback_url("confirmation_url", confirmation_url),
        "ValidationURL": check_callback_url("validation_url", validation_url),
    }


class C2bConfirmation(BaseModel):
    """A confirmation: somebody paid the shop's number, by hand, by QR, or at a prompt.

    Args:
        mpesa_code: ``TransID``.
        amount: Shillings, exact.
        time: ``TransTime`` in East Africa Time; None where it is no time.
        short_code: The number that was paid.
        reference: ``BillRefNumber``: what the customer typed as the account, for a paybill.
        phone: As M-PESA spells it: masked (``2547 ***** 126``), a hash, or whole.
        first_name: Of the customer.
    """

    model_config = ConfigDict(frozen=True)

    mpesa_code: str
    amount: Decimal
    time: datetime | None = None
    short_code: str = ""
    reference: str = ""
    phone: str = ""
    first_name: str = ""

    @classmethod
    def parse(cls, body: bytes | str) -> Self:
        """Reads a confirmation's body.

        Raises:
            CallbackUnreadable: without a code or an amount it proves nothing.
        """
        fields: Any = parse_json(body)
        if not isinstance(fields, dict):
            raise CallbackUnreadable("no object")
        code = as_mpesa_code((text_of(fields.get("TransID")) or "").strip().upper())
        if code is None:
            raise CallbackUnreadable("no TransID")
        return cls(
            mpesa_code=code,
            amount=_amount(fields.get("TransAmount")),
            time=_time(text_of(fields.get("TransTime")) or ""),
            short_code=(text_of(fields.get("BusinessShortCode")) or "").strip(),
            reference=(text_of(fields.get("BillRefNumber")) or "").strip()[:40],
            phone=(text_of(fields.get("MSISDN")) or "").strip(),
            first_name=(text_of(fields.get("FirstName")) or "").strip()[:40],
        )

    @property
    def phone_last3(self) -> str:
        """The last three digits of the payer's phone, which masking leaves; empty for what can be no phone."""
        found = _PHONE.fullmatch("".join(self.phone.split()))
        return found.group(1) if found else ""


_PHONE = re.compile(r"(?:\+?254|0)?[0-9*xX•.]{4,6}([0-9]{3})")
"""Whole, or masked in its middle (``2547*****126``): nine digits and signs, with or without what stands before them."""


def _amount(value: object) -> Decimal:
    amount = number_of(value.replace(",", "") if isinstance(value, str) else value)
    if amount is None or amount <= 0 or amount > Decimal(10**9):
        raise CallbackUnreadable("no TransAmount")
    return amount


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%Y%m%d%H%M%S").replace(tzinfo=EAT)
    except ValueError:
        return None
