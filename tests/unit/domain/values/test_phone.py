import pytest

from pos_app.common.errors import Mistake
from pos_app.domain.values.order_reference import next_reference, parse_reference
from pos_app.domain.values.phone import format_phone, mask_phone, parse_phone


@pytest.mark.parametrize(
    "text",
    ["0712345678", "712345678", "254712345678", "+254712345678", "+254 712 345 678", "0712 345 678", "0712-345-678",
     "00254712345678", "+254 (0) 712 345678", "\u202a+254712345678\u202c", " 0712345678\n"],
)  # fmt: skip
def test_every_way_a_number_is_typed(text: str) -> None:
    assert parse_phone(text) == "254712345678"


def test_numbers_that_begin_with_01() -> None:
    assert parse_phone("0110222333") == parse_phone("110222333") == "254110222333"
    assert parse_phone("0722-000-000") == "254722000000"


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "phone.empty"), ("07123", "phone.too_short"), ("07123456789", "phone.too_long"), ("+255712345678", "phone.foreign"),
     ("255712345678", "phone.foreign"), ("+447911123456", "phone.foreign"), ("0202222222", "phone.landline"),
     ("+254 20 222 2222", "phone.landline"), ("abc", "phone.letters"), ("0712x45678", "phone.letters"),
     ("\u0660712345678", "phone.digits"), ("0812345678", "phone.not_mobile")],
)  # fmt: skip
def test_what_is_not_a_mobile_number_says_why(text: str, code: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_phone(text)
    assert caught.value.code == code


def test_masks_and_spelling() -> None:
    assert mask_phone("254712345678") == "0712•••678"
    assert format_phone("254110222333") == "0110 222 333"


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "reference.empty"), ("A" * 13, "reference.too_long"), ("A-1", "reference.symbols"), ("A 1", "reference.symbols"),
     ("😀", "reference.symbols"), ("A\nB", "reference.symbols"), ("Ä1", "reference.symbols")],
)  # fmt: skip
def test_references_that_would_fail_in_silence(text: str, code: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_reference(text)
    assert caught.value.code == code


def test_the_next_reference() -> None:
    assert next_reference(None) == "A0001"
    assert next_reference("A0044") == "A0045"
    assert next_reference("A9999") == "A10000"
    assert next_reference("TABLE") == "A0001"
    assert next_reference("ABC999999999") == "A0001"


@pytest.mark.parametrize(
    ("till_label", "letter"),
    [("", "A"), ("Till 1", "A"), ("Till 2", "B"), ("26", "Z"), ("Till 27", "T"), ("Kaunta ya nje namba 12", "L"),
     ("Front", "F"), ("nyuma", "N"), ("0", "A"), ("…", "A")],
)  # fmt: skip
def test_each_till_of_a_shop_begins_with_its_own_letter(till_label: str, letter: str) -> None:
    assert next_reference(None, till_label) == f"{letter}0001"
    assert next_reference("TABLE", till_label) == f"{letter}0001"
    assert next_reference("A0044", till_label) == f"{letter}0045", "the till got its name after 44 sales"
    assert next_reference(f"{letter}0045", till_label) == f"{letter}0046"
    assert next_reference("INV7", till_label) == "INV8", "what a person began goes on"
    assert next_reference("A7", till_label) == "A8"
