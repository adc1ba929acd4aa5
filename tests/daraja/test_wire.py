"""What M-PESA sends, read field by field."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pos_app.daraja import CallbackUnreadable, StkCallback, StkPushResponse, StkQueryResponse
from pos_app.daraja.codes import Speaker
from pos_app.daraja.wire import ErrorBody, as_mpesa_code, number_of, parse_json, text_of


def callback(**changes: Any) -> bytes:
    said = {
        "MerchantRequestID": "29115-1", "CheckoutRequestID": "ws_CO_1", "ResultCode": 0, "ResultDesc": "done",
        "CallbackMetadata": {"Item": [{"Name": "Amount", "Value": 1250.0}]},
    }  # fmt: skip
    return json.dumps({"Body": {"stkCallback": {**said, **changes}}}).encode()


def test_every_field_of_a_callback() -> None:
    read = StkCallback.parse(callback())
    assert (read.merchant_request_id, read.checkout_request_id) == ("29115-1", "ws_CO_1")
    assert (read.result_code, read.result_desc, read.items) == ("0", "done", {"Amount": Decimal("1250.0")})
    bare = StkCallback.parse(json.dumps({"Body": {"stkCallback": {"ResultCode": "1032"}}}).encode())
    assert (bare.merchant_request_id, bare.checkout_request_id, bare.result_desc) == (None, None, "")


@pytest.mark.parametrize("code", [None, True, [], {}, "", "   "])
def test_a_callback_without_a_code_says_what_is_missing(code: object) -> None:
    with pytest.raises(CallbackUnreadable) as caught:
        StkCallback.parse(callback(ResultCode=code))
    assert "no ResultCode" in str(caught.value)


@pytest.mark.parametrize("body", [b"{}", b'{"Body": []}', b'{"Body": {"stkCallback": 5}}', b"[]"])
def test_a_body_that_is_no_callback_says_so(body: bytes) -> None:
    with pytest.raises(CallbackUnreadable) as caught:
        StkCallback.parse(body)
    assert "no Body.stkCallback" in str(caught.value)


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": Infinity}', b"{", b'{"\xff": 1}'])
def test_what_is_no_json_is_unreadable_and_not_a_number(body: bytes) -> None:
    with pytest.raises(CallbackUnreadable):
        parse_json(body)


def test_numbers_and_texts_have_their_limits() -> None:
    assert number_of("1250.50") == Decimal("1250.50") and number_of("NaN") is None and number_of("Infinity") is None
    assert len(text_of("x" * 900) or "") == 500
    assert as_mpesa_code("A" * 6) == "A" * 6 and as_mpesa_code("A" * 20) == "A" * 20
    assert as_mpesa_code("A" * 5) is None and as_mpesa_code("A" * 21) is None and as_mpesa_code("TKN7RT61S!") is None


@pytest.mark.parametrize("only", ["errorCode", "errorMessage"])
def test_either_half_of_darajas_own_error_is_daraja_speaking(only: str) -> None:
    read = ErrorBody.read(json.dumps({only: "500.001.1001", "requestId": "r-1"}).encode())
    assert read.speaker is Speaker.DARAJA and read.request_id == "r-1"
    other = read.message if only == "errorCode" else read.code
    assert other == "" and (read.code or read.message) == "500.001.1001"
    nobody = ErrorBody.read(b'{"ErrorCode": "1", "ResponseDescription": "x"}')
    assert nobody.speaker is Speaker.NOBODY and nobody.message == "x"
    assert len(ErrorBody.read(b"<p>" + b"y" * 9000).message) == 200


def test_the_words_of_an_answer_that_is_none() -> None:
    good = StkPushResponse(ResponseCode="0", CheckoutRequestID="ws_CO_1", ResponseDescription="Success")
    assert good.error_message() == ""
    refused = StkPushResponse(ResponseCode="1", ResponseDescription="Rejected")
    assert refused.error_message() == "Rejected"
    assert StkPushResponse(ResponseCode="1").error_message() == "ResponseCode 1"
    declined = StkQueryResponse(ResponseCode="0", ResultCode="1032", ResultDesc="Cancelled by user")
    assert declined.error_message() == "Cancelled by user"
    assert StkQueryResponse(ResponseCode="0", ResultCode="1032").error_message() == "ResultCode 1032"
    for fine in (
        StkQueryResponse(ResponseCode="0", ResultCode="0", ResultDesc="done"),
        StkQueryResponse(ResponseCode="0"),
    ):
        assert fine.error_message() == ""
