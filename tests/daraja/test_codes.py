import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_app.daraja import CallbackUnreadable, StkCallback, explain
from pos_app.daraja.codes import RESULTS, error_meaning, result_outcome, spell_code
from pos_app.daraja.wire import ErrorBody, StkQueryResponse, parse_json
from pos_app.domain.mpesa.outcome import OutcomeKind
from pos_app.texts.outcomes import WORDS


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
    assert [spell_code(value) for value in (0, "0", 1032.0, " 1032 ", "0017", None, True)] == [
        "0", "0", "1032", "1032", "17", "", "",
    ]  # fmt: skip
    assert explain("500.001.1001", "Merchant does not exist").kind is OutcomeKind.UNKNOWN_MERCHANT


@pytest.mark.parametrize("spelled", ["00", "00000000", "0.0", " 0 ", "0\n", 0.0, "O", "+0", "0x0", "٠", [0], {"a": 0}])
def test_only_a_plain_zero_is_paid(spelled: object) -> None:
    assert not result_outcome(spelled).is_final
    answer = StkQueryResponse.model_validate({"ResponseCode": "0", "ResultCode": spelled})
    assert not answer.is_successful() and answer.is_pending()


def test_a_result_beside_a_refused_query_settles_nothing() -> None:
    for result in ("0", "1032"):
        answer = StkQueryResponse.model_validate({"ResponseCode": "1", "ResultCode": result})
        assert not answer.is_successful() and answer.is_pending()
    assert StkQueryResponse.model_validate({"ResultCode": "0"}).is_successful()


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
    assert not odd.outcome.is_final and odd.outcome.kind is OutcomeKind.OTHER


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


@pytest.mark.parametrize(
    ("status", "code", "text", "treatment", "kind"),
    [
        (400, "400.002.02", "Bad Request - Invalid Amount", "refused", OutcomeKind.BAD_REQUEST),
        (400, "400.008.02", "Invalid grant type passed", "refused", OutcomeKind.WRONG_CREDENTIALS),
        (404, "404.001.04", "Invalid Authentication Header", "refused", OutcomeKind.WRONG_CREDENTIALS),
        (400, "400.777.77", "", "refused", OutcomeKind.BAD_REQUEST),
        (404, "404.001.01", "Resource not found", "refused", OutcomeKind.WRONG_ADDRESS),
        (404, "404.777.77", "", "refused", OutcomeKind.WRONG_ADDRESS),
        (405, "405.777", "", "refused", OutcomeKind.BAD_REQUEST),
        (404, "404.001.03", "Invalid Access Token", "token", OutcomeKind.WRONG_CREDENTIALS),
        (401, "", "", "token", OutcomeKind.WRONG_CREDENTIALS),
        (402, "", "", "maybe", OutcomeKind.NOT_UNDERSTOOD),
        (401, "", "Invalid API call as no apiproduct match found", "token", OutcomeKind.NO_PRODUCT),
        (429, "", "", "throttled", OutcomeKind.THROTTLED),
        (430, "", "", "maybe", OutcomeKind.NOT_UNDERSTOOD),
        (500, "500.003.03", "", "throttled", OutcomeKind.THROTTLED),
        (500, "policies.ratelimit.SpikeArrestViolation", "", "throttled", OutcomeKind.THROTTLED),
        (500, "", "Spike arrest violation", "maybe", OutcomeKind.INTERNAL_ERROR),
        (500, "500.003.02", "Error Occurred: Spike Arrest Violation", "throttled", OutcomeKind.THROTTLED),
        (400, "500.003.02", "System is busy. Please try again in few minutes.", "maybe", OutcomeKind.SYSTEM_BUSY),
        (500, "500.001.1001", "The transaction is being processed", "pending", OutcomeKind.STILL_PROCESSING),
        (500, "500.001.1001", "Unable to lock subscriber", "refused", OutcomeKind.LINE_BUSY),
        (500, "500.001.1001", "Wrong credentials", "refused", OutcomeKind.WRONG_PASSKEY),
        (500, "500.001.1001", "Something new", "maybe", OutcomeKind.INTERNAL_ERROR),
        (500, "500.003.02", "System is busy", "maybe", OutcomeKind.SYSTEM_BUSY),
        (500, "500.777.77", "", "maybe", OutcomeKind.INTERNAL_ERROR),
        (503, "", "", "maybe", OutcomeKind.INTERNAL_ERROR),
        (403, "", "<html>", "maybe", OutcomeKind.NOT_UNDERSTOOD),
        (200, "", "", "maybe", OutcomeKind.NOT_UNDERSTOOD),
    ],
)
def test_what_an_error_settles(status: int, code: str, text: str, treatment: str, kind: OutcomeKind) -> None:
    """docs/mpesa.md, 2.6: what M-PESA refused is over, what may have been done is not known."""
    meaning = error_meaning(status, code, text)
    assert (meaning.treatment, meaning.outcome.kind) == (treatment, kind)
    assert meaning.outcome.is_final is (treatment in ("refused", "throttled", "token"))
    assert (meaning.outcome.code, meaning.outcome.text) == (code or str(status), text)


@pytest.mark.parametrize(
    ("code", "text", "kind", "is_final"),
    [
        (1032, "Request  Cancelled\nby user", OutcomeKind.CANCELLED, True),
        (1032, "The transaction is still under processing", OutcomeKind.STILL_PROCESSING, False),
        ("31337", "Something new", OutcomeKind.OTHER, False),
    ],
)
def test_an_outcome_keeps_code_and_words(code: object, text: str, kind: OutcomeKind, is_final: bool) -> None:
    outcome = result_outcome(code, text)
    assert (outcome.kind, outcome.is_final) == (kind, is_final)
    assert (outcome.code, outcome.text) == (str(code), " ".join(text.split()))


def test_words_without_end_are_cut_and_a_code_keeps_its_letters() -> None:
    assert len(result_outcome(1, "x" * 5_000).text) == 200
    assert [spell_code(value) for value in ("0100", "1.0.0", "SFC_IC0003", "0" * 10, "Y" * 50)] == [
        "100", "1.0.0", "SFC_IC0003", "0" * 10, "Y" * 40,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "text", "status", "kind", "is_final"),
    [
        ("404.777.77", "", None, OutcomeKind.WRONG_ADDRESS, True),
        ("404.777.77", "", 500, OutcomeKind.INTERNAL_ERROR, False),
        ("odd.777", "", None, OutcomeKind.INTERNAL_ERROR, False),
        ("1032", "The transaction is being processed", None, OutcomeKind.STILL_PROCESSING, False),
    ],
)
def test_a_code_alone_tells_its_status(
    code: str, text: str, status: int | None, kind: OutcomeKind, is_final: bool
) -> None:
    explained = explain(code, text, status=status)
    assert (explained.code, explained.kind, explained.is_final) == (code, kind, is_final)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: json.dumps(text).encode(),
        lambda text: json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        lambda text: json.dumps(text, ensure_ascii=False).encode("utf-16-le", "surrogatepass"),
        lambda text: json.dumps(text).encode("utf-16-be"),
        lambda text: json.dumps(text).encode("utf-32-le"),
    ],
)
def test_half_a_character_never_comes_out_of_json(encode: Callable[[object], bytes]) -> None:
    """It could be read and never be written: neither into the ledger nor onto the screen."""
    read = parse_json(encode({"words": ["half \ud83d", "whole \U0001f600"]}))
    assert read == {"words": ["half ?", "whole \U0001f600"]}
