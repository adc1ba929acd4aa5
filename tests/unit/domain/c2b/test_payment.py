"""Which sale a payment is likely for: proposed in an order that a cashier would choose, never decided."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pos_app.domain.c2b.payment import NEAR_MS, C2bPayment, OpenSale, Sign, rank, reservation_subject
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference

T = 1_795_000_000_000
PAYMENT = C2bPayment("TKN7RT61SV", Cents(62_000), T, "Nicholas", "126", "a0003")


def sale(number: int, due: int = 100, minutes: int = 60, last3: str = "000") -> OpenSale:
    return OpenSale(SaleId(number), Reference(f"A{number:04d}"), Cents(due * 100), T - minutes * 60_000, last3)


def test_account_then_amount_then_last_digits_then_minutes() -> None:
    sales = [sale(1, minutes=5), sale(2, last3="126"), sale(3), sale(4, 620), sale(5), sale(6, minutes=30)]
    found = rank(PAYMENT, sales)
    assert [match.sale.id for match in found] == [3, 4, 2, 1, 6, 5]
    assert [match.signs for match in found[:4]] == [{Sign.REFERENCE}, {Sign.AMOUNT}, {Sign.PHONE}, {Sign.TIME}]
    assert [match.minutes_apart for match in found] == [60, 60, 60, 5, 30, 60]


def test_signs_add_up_and_of_equals_the_nearer_then_the_newer_comes_first() -> None:
    both, near = sale(7, 620, 2, "126"), sale(8, 620, 2)
    assert [match.sale.id for match in rank(PAYMENT, [sale(1, 620), near, both])] == [7, 8, 1]
    assert [match.sale.id for match in rank(PAYMENT, [sale(1), sale(2)])] == [2, 1]
    assert rank(PAYMENT, [both])[0].signs == {Sign.AMOUNT, Sign.PHONE, Sign.TIME}


def test_an_empty_phone_or_account_is_no_sign() -> None:
    bare = C2bPayment("TKN7RT61SV", Cents(1), T)
    assert rank(bare, [OpenSale(SaleId(1), Reference("A1"), Cents(2), T - NEAR_MS - 1, "")])[0].signs == frozenset()
    assert (bare.phone_masked, PAYMENT.phone_masked) == ("", "•••126")


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 90), st.sampled_from(["126", "000"])), max_size=8))
def test_every_open_sale_is_proposed_once(drawn: list[tuple[int, int, str]]) -> None:
    sales = [sale(number, due, minutes, last3) for number, (due, minutes, last3) in enumerate(drawn)]
    assert sorted(match.sale.id for match in rank(PAYMENT, sales)) == [one.id for one in sales]


def test_a_claim_is_named_by_what_no_address_can_spell() -> None:
    import hashlib

    assert reservation_subject("TKN7RT61SV") == hashlib.sha256(b"claim:TKN7RT61SV").digest()
    assert reservation_subject("TKN7RT61SV") != hashlib.sha256(b"TKN7RT61SV").digest()
