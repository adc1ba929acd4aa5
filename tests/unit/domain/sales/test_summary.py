"""A sale in one summary, and the words that everything says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.domain.stk.test_transitions import Playbook, pending

from pos_app.domain.printing.receipt import Receipt
from pos_app.domain.sales.sale import Sale, SaleState, SaleSummary, sale_state, summary_of
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import AttemptState, Review
from pos_app.domain.values.money import Cents
from pos_app.texts.states import words_of_sale

S = AttemptState


def sale(received: int, state: AttemptState = S.DECLINED, *, voided: bool = False, **facts: object) -> SaleSummary:
    """KSh 100 are owed."""
    attempt = replace(Playbook().attempt, state=state, amount_cents=Cents(10_000))
    alone = summary_of(attempt)
    sums = replace(alone.sale, amount_cents=Cents(10_000), received_cents=Cents(received), is_voided=voided)
    return replace(alone, sale=sums, **facts)


def test_what_it_received_outweighs_its_prompts() -> None:
    assert words_of_sale(sale(10_000)).word == "Paid"
    assert words_of_sale(sale(0, voided=True)).word == "Voided"
    part = sale(4_000)
    assert (part.sale.state, part.due_cents, part.excess_cents, part.is_told_by_prompt) == (
        SaleState.PART_PAID, 6_000, 0, False,
    )  # fmt: skip
    words = words_of_sale(part)
    assert (words.word, words.customer) == ("Part paid", "KSh 40 has come; KSh 60 is still to pay.")
    assert "KSh 60" in words.step
    assert "said “paid”" in words_of_sale(replace(part, is_said_paid=True)).step
    assert words_of_sale(sale(4_000, S.PENDING)).word == "Waiting for PIN", "the rest is being asked for"


def test_too_much_is_said_with_its_amount_until_it_is_settled_and_after() -> None:
    over = sale(17_400)
    assert (over.excess_cents, over.due_cents) == (7_400, 0)
    to_check = replace(over, review=frozenset({Review.PAID_TOO_MUCH}))
    assert words_of_sale(to_check).word == words_of_sale(over).word == "Paid KSh 74 too much"
    assert "Pay the rest back" in words_of_sale(to_check).step and "was settled" in words_of_sale(over).step
    assert words_of_sale(to_check).customer == "Thank you, it is paid."


def test_paid_with_a_prompt_still_out_or_without_a_code() -> None:
    assert "without a PIN" in words_of_sale(sale(10_000, S.PENDING)).step
    assert words_of_sale(replace(sale(10_000, S.PAID), is_code_missing=True)).word == "Paid, code to follow"


def test_an_earlier_prompt_of_which_paid_was_said() -> None:
    words = words_of_sale(replace(sale(0), is_said_paid=True))
    assert "said “paid”" in words.step and words.word == "Said to be paid" and "keep the SMS" in words.customer
    live = words_of_sale(replace(sale(0, S.PENDING), is_said_paid=True))
    assert live.word == "Waiting for PIN" and "said “paid”" in live.step
    flagged = replace(sale(0), is_said_paid=True, review=frozenset({Review.OTHER_AMOUNT}))
    assert "keep the SMS" in words_of_sale(flagged).customer, "nobody is told that nothing was charged"


@pytest.mark.parametrize(("state", "received", "codes"), [(S.PAID, 10_000, ("TKN7RT61SV",)), (S.PENDING, 0, ())])
def test_one_attempt_alone(state: AttemptState, received: int, codes: tuple[str, ...]) -> None:
    attempt = replace(Playbook().attempt, state=state, amount_cents=Cents(10_000), mpesa_code="TKN7RT61SV")
    attempt = replace(attempt, created_at_ms=5, review=frozenset({Review.OTHER_PROMPT}))
    alone = summary_of(attempt)
    owed = Sale(attempt.sale_id, attempt.reference, Cents(10_000), Cents(received), "", 5)
    is_said = state is not S.PAID
    assert alone == SaleSummary(owed, attempt, codes, attempt.review, is_said_paid=is_said)
    assert summary_of(replace(attempt, state=S.PAID, mpesa_code=None)).is_code_missing


def test_too_much_comes_and_goes() -> None:
    book = pending().hear(ev.TooMuchReceived()).is_now(S.PENDING, Review.PAID_TOO_MUCH)
    book.hear(ev.TooMuchGivenBack()).is_now(S.PENDING)


def test_a_paper_for_which_nothing_came_is_a_slip() -> None:
    paper = Receipt(
        shop="", till_label="", cashier="", header="", footer="", day="2026-11-28", time="10:00", sale=1,
        reference=Playbook().attempt.reference, phone_masked="", amount_cents=Cents(100), received_cents=Cents(0),
        mpesa_codes=(),
    )  # fmt: skip
    assert paper.is_slip and not replace(paper, received_cents=Cents(1)).is_slip


def test_the_first_cent_is_a_part() -> None:
    assert sale_state(10_000, 1, is_voided=True) is SaleState.PART_PAID
