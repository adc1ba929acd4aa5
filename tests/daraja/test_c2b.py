"""Registration and confirmations of payments made straight to a number."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest
from fakes.servers import Canned, Mpesa

from pos_app.common.clock import EAT
from pos_app.common.http import HttpResponse
from pos_app.daraja import (
    AsyncMpesaClient,
    C2bConfirmation,
    CallbackUnreadable,
    InvalidRequest,
    MaybeSent,
    MpesaClient,
    Refused,
)
from pos_app.daraja.answers import read_register
from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_SECRET

URLS = {"confirmation_url": "https://relay.example.org/p/front/x", "validation_url": "https://relay.example.org/a"}


def test_registered_once_and_refused_the_second_time_by_both_clients() -> None:
    with Mpesa() as mpesa:
        with MpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=mpesa.url) as client:
            assert client.c2b_register(short_code=174379, **URLS).is_successful()
            assert mpesa.records.confirmation_urls == {"174379": URLS["confirmation_url"]}
            with pytest.raises(MaybeSent) as caught:
                client.c2b_register(short_code="174379", **URLS)
            assert caught.value.error.error_message == "Urls are already registered"
            with pytest.raises(Refused):
                client.c2b_register(short_code="999999", **URLS)

        async def other() -> bool:
            async with AsyncMpesaClient(PRACTICE_KEY, PRACTICE_SECRET, base_url=mpesa.url) as client:
                return (await client.c2b_register(short_code="600101", **URLS)).is_successful()

        assert asyncio.run(other())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"short_code": "12"}, "short_code"), ({"confirmation_url": "ftp://x"}, "confirmation_url"),
     ({"validation_url": ""}, "validation_url")],
)  # fmt: skip
def test_what_mpesa_would_refuse_is_not_sent(wrong: dict[str, str], field: str) -> None:
    with Canned(b"{}") as nobody, MpesaClient("k", "s", base_url=nobody.url) as client:
        with pytest.raises(InvalidRequest) as caught:
            client.c2b_register(**{"short_code": "174379"} | URLS | wrong)
        assert (caught.value.field, nobody.count) == (field, 0)


@pytest.mark.parametrize("code", ["0", "00000000", 0])
def test_eight_zeros_are_a_yes_too(code: object) -> None:
    body = json.dumps({"OriginatorCoversationID": "1", "ResponseCode": code, "ResponseDescription": "Success"})
    assert read_register(HttpResponse(200, {}, body.encode())).is_successful()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"ResponseCode":null}', b"<html>"])
def test_an_answer_that_says_nothing_is_none(body: bytes) -> None:
    with pytest.raises(MaybeSent):
        read_register(HttpResponse(200, {}, body))
    assert not read_register(HttpResponse(200, {}, b'{"ResponseCode":"1","ResponseDescription":"no"}')).is_successful()


def test_a_confirmation_as_the_documents_show_it() -> None:
    body = {
        "TransactionType": "Pay Bill", "TransID": "RKTQDM7W6S", "TransTime": "20191122063845", "TransAmount": "10.50",
        "BusinessShortCode": "600638", "BillRefNumber": "invoice008", "InvoiceNumber": "", "OrgAccountBalance": "",
        "ThirdPartyTransID": "", "MSISDN": "2547 ***** 126", "FirstName": "John", "MiddleName": "", "LastName": "",
    }  # fmt: skip
    read = C2bConfirmation.parse(json.dumps(body))
    assert (read.mpesa_code, read.amount, read.short_code) == ("RKTQDM7W6S", Decimal("10.50"), "600638")
    assert (read.reference, read.first_name, read.phone_last3) == ("invoice008", "John", "126")
    assert read.time is not None and read.time.tzinfo is EAT and read.time.isoformat() == "2019-11-22T06:38:45+03:00"


@pytest.mark.parametrize(
    ("msisdn", "last3"),
    [("2547 ***** 126", "126"), ("254712345678", "678"), ("254708***430", "430"), ("", ""), (None, ""), ("***", ""),
     ("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e123", "")],
)  # fmt: skip
def test_what_masking_leaves_of_a_phone(msisdn: str | None, last3: str) -> None:
    body = {"TransID": "RKTQDM7W6S", "TransAmount": "10", "MSISDN": msisdn}
    assert C2bConfirmation.parse(json.dumps(body)).phone_last3 == last3


@pytest.mark.parametrize(
    "change",
    [{"TransID": None}, {"TransID": "x"}, {"TransAmount": None}, {"TransAmount": "ten"}, {"TransAmount": "0"},
     {"TransAmount": "-1"}, {"TransAmount": "NaN"}, {"TransAmount": "1e12"}, {"TransAmount": []}],
)  # fmt: skip
def test_without_a_code_or_an_amount_it_proves_nothing(change: dict[str, object]) -> None:
    with pytest.raises(CallbackUnreadable):
        C2bConfirmation.parse(json.dumps({"TransID": "RKTQDM7W6S", "TransAmount": "10"} | change))


@pytest.mark.parametrize("body", ["[]", "1", "{", ""])
def test_what_is_no_object_is_none(body: str) -> None:
    with pytest.raises(CallbackUnreadable):
        C2bConfirmation.parse(body)
