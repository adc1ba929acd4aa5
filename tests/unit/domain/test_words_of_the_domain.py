"""Codes, references, receipts and sales: the small rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pos_app.common.errors import Bug, Mistake
from pos_app.domain.mpesa.callback_url import refused_word
from pos_app.domain.mpesa.mpesa_code import parse_mpesa_code
from pos_app.domain.printing.receipt import Closing, Receipt
from pos_app.domain.sales.sale import Sale, SaleState
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents, shillings_of
from pos_app.domain.values.order_reference import Reference, next_reference, parse_reference
from pos_app.domain.values.phone import Msisdn, parse_phone


@pytest.mark.parametrize(
    ("text", "code"),
    [("TKN7RT61SV", "TKN7RT61SV"), (" tkn7 rt61sv ", "TKN7RT61SV"),
     ("TKN7RT61SV Confirmed. Ksh1,250.00 sent to SHOP", "TKN7RT61SV")],
)  # fmt: skip
def test_a_code_is_read_as_typed_or_out_of_its_message(text: str, code: str) -> None:
    assert parse_mpesa_code(text) == code


@pytest.mark.parametrize(
    ("text", "mistake"),
    [("", "empty"), ("  ", "empty"), ("12345678", "not_a_code"), ("ABCDEFGH", "not_a_code"), ("A1", "not_a_code"),
     ("A1" * 9, "not_a_code"), ("TKN7RT61S!", "not_a_code")],
)  # fmt: skip
def test_what_is_no_code_is_refused(text: str, mistake: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_mpesa_code(text)
    assert caught.value.code == f"claim.{mistake}"


def test_words_that_mpesa_refuses_in_addresses() -> None:
    assert refused_word("https://shop.example/MySQL") == "sql"
    assert refused_word("https://shop.example/c/till") is None


def test_references() -> None:
    assert parse_reference(" A0044\t") == "A0044"
    assert next_reference("A0099") == "A0100"
    assert next_reference("SHOP") == next_reference(None) == next_reference("ABCDEFGHIJK9") == "A0001"


@pytest.mark.parametrize(("text", "mistake"), [("31234567", "too_short"), ("3123456789012", "too_long")])
def test_numbers_that_are_neither_mobile_nor_landline(text: str, mistake: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_phone(text)
    assert caught.value.code == f"phone.{mistake}"


def test_a_receipts_compact_text() -> None:
    receipt = Receipt(
        "Shop", "", "", "", "", "2026-11-23", "10:42", 17, Reference("A0044"), "0712•••678", Cents(125_000),
        Cents(125_000), ("TKN7RT61SV",),
    )  # fmt: skip
    assert receipt.lookup_text == "POS1/A0044/20261123/17/1250/TKN7RT61SV"
    assert replace(receipt, mpesa_codes=()).lookup_text == "POS1/A0044/20261123/17/1250"
    assert shillings_of(receipt.amount_cents) == 1250


def test_a_closing_receipts_compact_text_names_the_day_the_sum_and_the_chains_end() -> None:
    closing = Closing(
        "Shop", "", "", "2026-11-23", "2026-11-23 18:05", sales=9, paid_sales=7, paid_cents=Cents(1_234_500),
        waiting=1, unknown=0, review=1, last_hash="ab" * 32,
    )  # fmt: skip
    assert closing.lookup_text == f"POSZ1/20261123/12345/{'ab' * 32}"


@pytest.mark.parametrize(
    ("received", "voided", "state"),
    [(0, False, SaleState.OPEN), (0, True, SaleState.VOIDED), (50, True, SaleState.PART_PAID), (100, False, SaleState.PAID),
     (200, True, SaleState.OVERPAID)],
)  # fmt: skip
def test_a_sale_is_what_it_received(received: int, voided: bool, state: SaleState) -> None:
    sale = Sale(SaleId(1), Reference("A1"), Cents(100), Cents(received), "2026-11-23", 0, is_voided=voided)
    assert sale.state is state


def test_a_live_attempt_blocks_its_sale() -> None:
    attempt = Attempt(AttemptId(1), SaleId(1), Cents(100), Msisdn("254712345678"), "", Reference("A1"))
    assert attempt.is_live
    assert not replace(attempt, state=AttemptState.DECLINED).is_live


def test_an_illegal_change_is_a_bug_and_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from pos_app.domain.stk import events as ev
    from pos_app.domain.stk import transitions
    from pos_app.domain.stk.facts import NO_FACTS

    attempt = Attempt(AttemptId(1), SaleId(1), Cents(100), Msisdn("254712345678"), "", Reference("A1"))
    monkeypatch.setattr(transitions, "LEGAL", frozenset())
    with pytest.raises(Bug) as caught:
        transitions.step(attempt, ev.SendRequested(), NO_FACTS, 0)
    assert str(caught.value).startswith("attempt.illegal (before=")
    assert caught.value.params == {"before": "ready", "after": "sending"}


def test_a_code_of_letters_alone_is_one_at_its_usual_length() -> None:
    assert parse_mpesa_code("plkncbycjl") == "PLKNCBYCJL"
    for word in ("PAYMENTS", "CONFIRMED", "CONFIRMATION", "1234567890"):
        with pytest.raises(Mistake):
            parse_mpesa_code(word)
