"""Every line of every paper, in order: what a customer, an accountant and a manager hold in their hands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pos_app.domain.printing.receipt import Closing, Receipt
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.receipts.layout import Code, Element, Pair, Rule, Size, Text, lay_out, lay_out_closing

PAID = Receipt(
    shop="Mama Njeri", till_label="Till 1", cashier="Asha", header="Moi Avenue 12", footer="Karibu tena",
    day="2026-11-24", time="10:42", sale=17, reference=Reference("A0044"), phone_masked="0712•••678",
    amount_cents=Cents(125_000), mpesa_codes=("TKN7RT61SV",), received_cents=Cents(125_000),
)  # fmt: skip
BARE = replace(PAID, shop="", till_label="", cashier="", header="", footer="")
CLOSING = Closing(
    shop="Mama Njeri", till_label="Till 1", cashier="Asha", day="2026-11-24", made_at="2026-11-24 19:05", sales=43,
    paid_sales=41, paid_cents=Cents(9_155_000), waiting=1, unknown=2, review=3, last_hash="3f2a" * 16, part_paid=4,
    unclaimed=5, unclaimed_cents=60_000,
)  # fmt: skip


def lines(elements: list[Element]) -> list[str]:
    """Each element as a line: its weight and size before its text where they are not the usual ones."""
    shown = []
    for element in elements:
        match element:
            case Text(text, size, is_bold):
                shown.append(f"{'*' if is_bold else ''}{'' if size is Size.NORMAL else size + ' '}{text}")
            case Pair(label, value, is_bold):
                shown.append(f"{'*' if is_bold else ''}{label} | {value}")
            case Rule():
                shown.append("---")
            case Code(text):
                shown.append(f"[{text}]")
    return shown


def test_a_receipt_line_by_line() -> None:
    assert lines(lay_out(PAID)) == [
        "*large Mama Njeri", "small Moi Avenue 12", "---", "Date | 2026-11-24  10:42", "Order | A0044",
        "Till | Till 1", "Served by | Asha", "Phone | 0712•••678", "---", "*Amount | KSh 1,250", "Paid by M-PESA",
        "*huge TKN7RT61SV", "---", "[POS1/A0044/20261124/17/1250/TKN7RT61SV]", "small Not a tax invoice",
        "small Karibu tena",
    ]  # fmt: skip


def test_a_shop_that_has_typed_nothing_has_no_empty_lines() -> None:
    assert lines(lay_out(BARE))[:6] == [
        "*large Receipt", "---", "Date | 2026-11-24  10:42", "Order | A0044", "Phone | 0712•••678", "---",
    ]  # fmt: skip
    assert lines(lay_out(BARE))[-1] == "small Not a tax invoice"


@pytest.mark.parametrize(
    ("received", "codes", "wanted"),
    [
        (100_000, ("TKN7RT61SV",), ["*large PART PAID", "*Received by M-PESA | KSh 1,000", "*Still to pay | KSh 250", "*huge TKN7RT61SV"]),
        (250_000, ("TKN7RT61SV", "TKN7RT61SW"), ["*Received by M-PESA | KSh 2,500", "*Paid too much | KSh 1,250", "*huge TKN7RT61SV", "*huge TKN7RT61SW"]),
        (125_000, (), ["Paid by M-PESA", "*M-PESA code to follow"]),
    ],
)  # fmt: skip
def test_what_was_received_and_what_is_still_owed(received: int, codes: tuple[str, ...], wanted: list[str]) -> None:
    shown = lines(lay_out(replace(PAID, received_cents=Cents(received), mpesa_codes=codes)))
    start = shown.index("*Amount | KSh 1,250") + 1
    assert shown[start : shown.index("---", start)] == wanted


def test_a_code_that_is_to_follow_beside_one_that_is_there_is_said() -> None:
    shown = lines(lay_out(replace(PAID, is_code_to_follow=True)))
    assert shown[shown.index("*huge TKN7RT61SV") + 1] == "*M-PESA code to follow"


@pytest.mark.parametrize("shop", ["", "Mama Njeri"])
def test_a_slip_says_first_what_it_is_not_and_nowhere_that_it_is_a_receipt(shop: str) -> None:
    slip = replace(BARE, shop=shop, received_cents=Cents(0), mpesa_codes=(), is_practice=True)
    assert lines(lay_out(slip)) == [
        "*PRACTICE: no money moved", "*large Payment requested, not confirmed", "This is no receipt.",
        *([f"*large {shop}"] if shop else []), "---", "Date | 2026-11-24  10:42", "Order | A0044", "Phone | 0712•••678",
        "---", "*Amount | KSh 1,250", "---", "small Not a tax invoice",
    ]  # fmt: skip


def test_a_copy_says_so_before_the_shops_name() -> None:
    assert lines(lay_out(replace(PAID, is_copy=True)))[:2] == ["*large COPY", "*large Mama Njeri"]


def test_a_closing_receipt_line_by_line() -> None:
    assert lines(lay_out_closing(CLOSING)) == [
        "*large Mama Njeri", "*Closing receipt", "---", "Day | 2026-11-24", "Printed | 2026-11-24 19:05",
        "Till | Till 1", "Served by | Asha", "---", "Sales | 43", "Paid sales | 41", "Part paid | 4",
        "*Paid by M-PESA | KSh 91,550", "Waiting | 1", "Not confirmed | 2", "To check | 3",
        "Unmatched payments (5) | KSh 600", "---", "small The ledger's hash; pos-app verify --hash finds it again:",
        f"small {'3f2a' * 16}", f"[POSZ1/20261124/91550/{'3f2a' * 16}]", "small Not a tax invoice",
    ]  # fmt: skip


def test_a_closing_receipt_of_a_quiet_day() -> None:
    quiet = replace(
        CLOSING, shop="", till_label="", cashier="", part_paid=0, unclaimed=0, last_hash="", is_practice=True
    )
    assert lines(lay_out_closing(quiet)) == [
        "*PRACTICE: no money moved", "*Closing receipt", "---", "Day | 2026-11-24", "Printed | 2026-11-24 19:05",
        "---", "Sales | 43", "Paid sales | 41", "*Paid by M-PESA | KSh 91,550", "Waiting | 1", "Not confirmed | 2",
        "To check | 3", "---", "small The ledger's hash; pos-app verify --hash finds it again:", "small -",
        "[POSZ1/20261124/91550/]", "small Not a tax invoice",
    ]  # fmt: skip
