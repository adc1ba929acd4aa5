import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_app.daraja import CallbackUnreadable, StkCallback, explain
from pos_app.daraja.codes import RESULTS, result_outcome, spell_code
from pos_app.daraja.wire import ErrorBody
from pos_app.domain.outcome import OutcomeKind
from pos_app.words.outcomes import WORDS


def test_there_are_words_for_every_kind() -> None:
    assert set(WORDS) == set(OutcomeKind)


@pytest.mark.parametrize("code", RESULTS)
def test_every_result_code_is_explained(code: str) -> None:
    explained = explain(code)
    assert explained.meaning and explained.cashier and explained.customer
    assert explained.is_final is (code != "4999")
    assert result_outcome(int(code) if code.isdigit() else code) == result_outcome(code)


def test_codes_that_are_not_known_settle_nothing() -> None:
    assert not result_outcome("31337").is_final
    assert result_outcome("1037").may_turn_paid
    assert not result_outcome(1032, "The transaction is being processed").is_final
    assert result_outcome(0, "The service request is processed successfully.").kind is OutcomeKind.PAID
    assert [spell_code(value) for value in (0, 0.0, " 0 ", "00", 1032.0, None, True)] == [
        "0",
        "0",
        "0",
        "0",
        "1032",
        "",
        "",
    ]
    assert explain("500.001.1001", "Merchant does not exist").kind is OutcomeKind.UNKNOWN_MERCHANT


def callback(**changed: object) -> bytes:
    inner = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": "ws_CO_191220191020363925",
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {
            "Item": [
                {"Name": "PhoneNumber", "Value": 254708374149},
                {"Name": "Amount", "Value": 1.00},
                {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"},
                {"Name": "Balance"},
                {"Name": "TransactionDate", "Value": 20191219102115},
            ]
        },
    } | changed
    return json.dumps({"Body": {"stkCallback": inner}}).encode()


def test_a_callback_is_read_by_name() -> None:
    read = StkCallback.parse(callback())
    assert (read.amount, read.mpesa_code, read.phone) == (1, "NLJ7RT61SV", "254708374149")
    assert read.outcome.kind is OutcomeKind.PAID


def test_callbacks_that_lack_something() -> None:
    bare = StkCallback.parse(callback(CallbackMetadata=None, ResultCode="SFC_IC0003"))
    assert (bare.amount, bare.mpesa_code, bare.outcome.kind) == (None, None, OutcomeKind.WRONG_TILL)
    masked = StkCallback.parse(callback(CallbackMetadata={"Item": [{"Name": "PhoneNumber", "Value": "254708***430"}]}))
    assert masked.phone == "254708***430"
    odd = StkCallback.parse(callback(ResultCode=31337, ResultDesc="new"))
    assert odd.outcome.is_final and odd.outcome.kind is OutcomeKind.OTHER


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"Body": 1}', b'{"Body": {"stkCallback": {}}}', b'{"Body": {"stkCallback": {"ResultCode": true}}}',
     b'{"Body": {"stkCallback": {"ResultCode": NaN}}}', b"[" * 60_000, b"\xff\xfe", b'"' + b"x" * 70_000],
)  # fmt: skip
def test_what_is_not_a_callback_is_a_typed_error(body: bytes) -> None:
    with pytest.raises(CallbackUnreadable):
        StkCallback.parse(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["Body", "stkCallback", "ResultCode", "CallbackMetadata", "Item", "Name", "Value", "Amount"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(json_values | st.binary(max_size=200))
def test_no_input_escapes_the_readers(value: object) -> None:
    body = value if isinstance(value, bytes) else json.dumps({"Body": {"stkCallback": value}}).encode()
    try:
        read = StkCallback.parse(body)
    except CallbackUnreadable:
        pass
    else:
        assert isinstance(read.result_code, str)
        _ = (read.amount, read.mpesa_code, read.outcome, read.phone)
    assert isinstance(ErrorBody.read(body).message, str)


def test_the_five_shapes_of_error_body() -> None:
    shapes = {
        b'{"requestId":"r","errorCode":"400.002.02","errorMessage":"Bad"}': ("400.002.02", "Bad"),
        b'{"fault":{"faultstring":"Spike arrest violation","detail":{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}': (
            "policies.ratelimit.SpikeArrestViolation", "Spike arrest violation"),
        b'{"Envelope":{"Body":{"Fault":{"faultcode":"soap:Server","faultstring":"Execution failed"}}}}': ("", "Execution failed"),
        b"<html><title>Error</title><body>Request unsuccessful.</body></html>": ("", "Error Request unsuccessful."),
        b"": ("", ""),
    }  # fmt: skip
    for body, expected in shapes.items():
        read = ErrorBody.read(body)
        assert (read.code, read.message) == expected


def test_callbacks_whose_items_are_odd() -> None:
    def parsed(**callback: object) -> StkCallback:
        return StkCallback.parse(json.dumps({"Body": {"stkCallback": {"ResultCode": 0, **callback}}}))

    one = parsed(CallbackMetadata={"Item": {"Name": "Amount", "Value": "ten"}})
    assert (one.amount, one.has_amount) == (None, True)
    items = [
        3,
        {"Name": 7},
        {"Name": "TransactionDate", "Value": 20261123104200},
        {"Name": "TransactionDate", "Value": 1},
    ]
    dated = parsed(CallbackMetadata={"Item": items})
    assert (dated.transaction_date, dated.has_amount, dated.phone) == ("20261123104200", False, None)
    assert parsed(ResultCode=1032.0).result_code == "1032"
    assert parsed(ResultCode="1032.00").result_code == "1032"


def test_an_error_code_is_explained_too() -> None:
    assert explain("500.001.1001", "Merchant does not exist").kind is OutcomeKind.UNKNOWN_MERCHANT
    assert explain(1032).is_final and explain(1032).meaning and explain(1032).cashier and explain(1032).customer
