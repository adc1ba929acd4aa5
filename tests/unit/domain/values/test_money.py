from decimal import Decimal

import pytest

from pos_app.common.errors import Mistake
from pos_app.domain.values.money import cents_of, format_ksh, is_sum, parse_amount, whole_shillings


@pytest.mark.parametrize(
    ("text", "cents"),
    [("1", 100), ("1250", 125_000), ("1,250", 125_000), ("1 250", 125_000), (" 250000 ", 25_000_000),
     ("KSh 1,250", 125_000), ("kes1250", 125_000), ("007", 700), ("1,250.00", 125_000), ("1250/=", 125_000),
     ("KSh 1 250", 125_000), ("Sh1,250/-", 125_000), ("1250.", 125_000), ("3*250+80", 83_000), ("3 x 250 + 80", 83_000),
     ("2.5*80", 20_000), ("1,000-250", 75_000), ("100+2\u00d750", 20_000), ("2*3*4", 2_400)],
)  # fmt: skip
def test_amounts_as_they_are_typed(text: str, cents: int) -> None:
    assert parse_amount(text, sums=True) == cents


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "amount.empty"), ("   ", "amount.empty"), ("0", "amount.zero"), ("000", "amount.zero"), ("-5", "amount.negative"),
     ("\u22125", "amount.negative"), ("1.5", "amount.fraction"), (".5", "amount.fraction"), ("250001", "amount.too_large"),
     ("999999999999999999999", "amount.too_large"), ("1e3", "amount.not_a_number"), ("abc", "amount.not_a_number"),
     ("12,50", "amount.not_a_number"), ("\u0661\u0662", "amount.digits"), ("1_000", "amount.not_a_number"),
     ("Receipt A0044\nKSh 1,250\nTKN7RT61SV", "amount.not_a_number"), ("0x10", "amount.not_a_number"), ("3*", "amount.not_a_number"), ("+5", "amount.not_a_number"), ("5-10", "amount.negative"),
     ("2.5*3", "amount.fraction"), ("500*501", "amount.too_large"), ("3**4", "amount.not_a_number"), ("5/2", "amount.not_a_number"),
     ("1250/", "amount.not_a_number"), ("9*" * 60 + "9", "amount.not_a_number"), ("5-5", "amount.zero")],
)  # fmt: skip
def test_what_is_not_an_amount_says_why(text: str, code: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_amount(text, sums=True)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    ["0722-000-123", "0712-345-100", "722-111-123", "2024-01-15", "2024-11-15", "0x250+80", "1*0", "3*007",
     "2.555*2", "1.00000000000000000000000000000000001*1", "100000000000000000000000000005-1", "0.0000001+5"],
)  # fmt: skip
def test_a_phone_or_a_date_is_no_sum_and_no_sum_is_rounded(text: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_amount(text, sums=True)
    assert caught.value.code == "amount.not_a_number"


@pytest.mark.parametrize("text", ["3*250+80", "1+1", "100-1", "2x3"])
def test_sums_are_taken_only_where_their_result_is_shown(text: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_amount(text)
    assert caught.value.code == "amount.not_a_number"


@pytest.mark.parametrize("text", ["1.000", "12.000", "1.5", "1,250.50"])
def test_a_point_for_thousands_is_no_thousandth(text: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_amount(text)
    assert caught.value.code == "amount.fraction"


def test_the_maximum_is_a_setting() -> None:
    assert parse_amount("300000", max_shillings=300_000) == 30_000_000
    with pytest.raises(Mistake):
        parse_amount("300001", max_shillings=300_000)


def test_decimals_of_a_callback() -> None:
    from decimal import Decimal

    assert cents_of(Decimal("1250.00")) == 125_000
    assert cents_of(Decimal("0.5")) == 50
    assert cents_of(Decimal("1.005")) is None
    assert cents_of(Decimal("NaN")) is None
    assert format_ksh(125_050) == "KSh 1,250.50"


def test_what_is_left_is_asked_for_in_whole_shillings() -> None:
    assert [whole_shillings(cents) for cents in (100, 101, 199, 200, 1)] == [100, 200, 200, 200, 100]


@pytest.mark.parametrize(
    ("number", "cents"),
    [
        ("1E+999999999", None), ("-1E+999999999", None), ("1E-999999999", None), ("0E+999999999", 0), ("NaN", None),
        ("Infinity", None), ("1000000000000", 100_000_000_000_000), ("10000000000000", None), ("1.005", None),
        ("1.00000000000000000000000000000001", None), ("12.50", 1250), ("12.500", 1250), ("1E+3", 100_000), ("-3.5", -350),
        ("0." + "0" * 2000, 0), ("1." + "0" * 2000, None),
    ],
)  # fmt: skip
def test_numbers_of_strangers_are_cents_or_nothing_and_never_a_crash(number: str, cents: int | None) -> None:
    assert cents_of(Decimal(number)) == cents


def test_what_is_a_sum() -> None:
    assert [is_sum(text) for text in ("3*250", "1 + 1", "2x3", "100-1", "KSh 1,250", "1250/=", "")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip
