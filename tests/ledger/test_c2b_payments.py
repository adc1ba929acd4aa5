"""Payments made straight to the till: each counts once, for one sale, and everything that happened to it shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.recording import record_attempt, record_sale
from fakes.tampering import tampering

from pos_app.common.clock import day_of, to_eat
from pos_app.common.errors import Mistake, Outside
from pos_app.domain.c2b.payment import C2bPayment, Use, reservation_subject
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Draft, SaleState
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState, Review
from pos_app.domain.stk.effects import Announce, News
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.db import key_file
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.unit_of_work import UnitOfWork
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter, PaymentTaken
from pos_app.texts.errors import reason_of

T = 1_795_000_000_000
DAY = day_of(T)
PAID = Outcome(OutcomeKind.PAID, "0")
PAYMENT = C2bPayment("TKN7RT61SV", Cents(25_000), T, "Nicholas", "678", "0712345678")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[LedgerWriter]:
    opened = LedgerWriter(path)
    yield opened
    opened.close()


def prompt(ledger: LedgerWriter, number: int, shillings: int = 250) -> Attempt:
    draft = Draft(Cents(shillings * 100), Msisdn(f"2547000000{number:02d}"), Reference(f"A{number:04d}"))
    attempt = record_sale(ledger, draft, f"token-{number}", T)
    ledger.apply(attempt.id, ev.SendRequested(), T)
    return ledger.apply(attempt.id, ev.PushAccepted(f"m{number}", f"ws{number}"), T).attempt


def arrive(ledger: LedgerWriter, payment: C2bPayment = PAYMENT, body: bytes = b"{}", position: int = 1) -> PaymentTaken:
    return ledger.take_payment(
        token_digest=b"d" * 32, body=body, payment=payment, now_ms=T, cursor=Cursor("m", position)
    )


def callback(attempt: Attempt, code: str = "TKN7RT61SV") -> ev.CallbackArrived:
    return ev.CallbackArrived(
        PAID, attempt.merchant_request_id, attempt.checkout_request_id, attempt.amount_cents, code
    )


def sale(path: Path, sale_id: int = 1):
    with closing(LedgerReader(path)) as reader:
        return reader.sale(sale_id)


def totals(path: Path) -> tuple[int, int, int, int]:
    assert verify(path).findings == ()
    with closing(LedgerReader(path)) as reader:
        found = reader.totals(DAY)
    return found.paid_sales, found.paid_cents, found.unclaimed, found.unclaimed_cents


def test_it_is_listed_free_once_and_counts_on_its_own_line(ledger: LedgerWriter, path: Path) -> None:
    taken = arrive(ledger)
    assert taken.payment == PAYMENT and taken.quoted_for is None
    assert arrive(ledger, position=2) == PaymentTaken(None), "the same message again"
    assert arrive(ledger, replace(PAYMENT, amount_cents=Cents(1)), b"other", 3) == PaymentTaken(None), (
        "the same code again"
    )
    assert ledger.cursor("m").position == 3
    assert totals(path) == (0, 0, 1, 25_000)
    with closing(LedgerReader(path)) as reader:
        assert reader.free_payments() == [PAYMENT]
    content = path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()
    assert b"Nicholas" not in content and b"0712345678" not in content, (
        "names are sealed, and what was typed as account"
    )


def test_what_cannot_be_read_is_kept_as_evidence_and_shown(ledger: LedgerWriter, path: Path) -> None:
    taken = ledger.take_payment(token_digest=b"d" * 32, body=b"?", payment=None, now_ms=T, cursor=Cursor("m", 7))
    assert taken == PaymentTaken(None) and ledger.cursor("m").position == 7
    with closing(LedgerReader(path)) as reader:
        assert (reader.free_payments(), reader.stray_count()) == ([], 1)


def test_given_to_a_sale_it_pays_it_and_can_be_taken_back(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    row = sale(path)
    assert (row.sale.state, row.codes, row.attempt.state) == (SaleState.PAID, ("TKN7RT61SV",), AttemptState.DECLINED)
    assert totals(path) == (1, 25_000, 0, 0)
    with pytest.raises(Mistake) as caught:
        ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    assert (caught.value.code, caught.value.params["reference"]) == ("payment.used", "A0001")
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, attempt.sale_id, "another", T + 900_000)
    assert caught.value.code == "sale.already_paid"
    with pytest.raises(Mistake) as caught:
        ledger.apply(attempt.id, ev.SaleVoided("Asha", "x"), T)
    assert caught.value.code == "sale.not_voidable"
    ledger.deallocate_payment(PAYMENT.mpesa_code, "Asha", "wrong sale", T)
    assert sale(path).sale.state is SaleState.OPEN and totals(path) == (0, 0, 1, 25_000)
    with pytest.raises(Mistake) as caught:
        ledger.deallocate_payment(PAYMENT.mpesa_code, "Asha", "again", T)
    assert caught.value.code == "payment.not_attached"
    with closing(LedgerReader(path)) as reader:
        told = [(one.kind, one.actor) for one in reader.timeline(attempt.sale_id)]
    assert told[-2:] == [("allocated", "Asha"), ("deallocated", "Asha")]


def test_a_lost_key_is_not_made_anew_although_nothing_was_ever_prompted_for(path: Path) -> None:
    """What is sealed in a ledger that knows payments alone would be lost for good."""
    with closing(LedgerWriter(path)) as ledger:
        arrive(ledger)
    key_file(path).unlink()
    with pytest.raises(Outside) as caught:
        LedgerWriter(path)
    assert caught.value.code == "ledger.key_missing" and not key_file(path).exists()


def test_several_pay_one_sale_and_only_the_rest_is_prompted_for(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1, 1000)
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    for number, shillings in enumerate((250, 350)):
        payment = replace(PAYMENT, mpesa_code=f"CODE00000{number}", amount_cents=Cents(shillings * 100))
        arrive(ledger, payment, b"%d" % number, number + 1)
        ledger.allocate_payment(payment.mpesa_code, attempt.sale_id, "Asha", T)
    assert sale(path).sale.state is SaleState.PART_PAID and totals(path) == (0, 60_000, 0, 0)
    with pytest.raises(Mistake):
        ledger.apply(attempt.id, ev.SaleVoided("Asha", "x"), T)
    again = record_attempt(ledger, attempt.sale_id, "token-rest", T + 900_000)
    assert again.amount_cents == 40_000
    ledger.apply(again.id, ev.SendRequested(), T + 900_000)
    ledger.apply(again.id, ev.PushAccepted("m9", "ws9"), T + 900_000)
    paid = ledger.apply(
        again.id, replace(callback(again, "CODEREST01"), merchant_request_id="m9", checkout_request_id="ws9"), T
    )
    assert paid.attempt.review == frozenset()
    row = sale(path)
    assert row.sale.state is SaleState.PAID and set(row.codes) == {"CODE000000", "CODE000001", "CODEREST01"}
    assert totals(path) == (1, 100_000, 0, 0)


def test_the_twin_of_a_prompt_is_its_second_proof_and_no_more_money(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, callback(attempt), T)
    taken = arrive(ledger)
    assert taken.payment is not None and taken.payment.use is Use.PROVES
    assert totals(path) == (1, 25_000, 0, 0)


def test_the_twin_that_comes_first_merges_when_the_callback_comes(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    assert totals(path) == (0, 0, 1, 25_000)
    ledger.apply(attempt.id, callback(attempt), T)
    assert totals(path) == (1, 25_000, 0, 0)


def test_a_twin_that_was_given_to_its_own_sale_counts_once(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    assert totals(path) == (1, 25_000, 0, 0)
    paid = ledger.apply(attempt.id, callback(attempt), T).attempt
    assert (paid.state, paid.review) == (AttemptState.PAID, frozenset()), "nobody has to look at one payment"
    assert sale(path).sale.state is SaleState.PAID and totals(path) == (1, 25_000, 0, 0)


@pytest.mark.parametrize("more_cents", [0, 5_000])
def test_its_own_money_given_to_its_sale_and_then_said_by_queries_alone_counts_once(
    ledger: LedgerWriter, path: Path, more_cents: int
) -> None:
    """A callback with another amount proves nothing; its code came straight to the till, and a person gave it to the sale."""
    attempt = prompt(ledger, 1)
    wrong = replace(callback(attempt), amount_cents=Cents(150))
    assert ledger.apply(attempt.id, wrong, T).attempt.review == {Review.OTHER_AMOUNT}
    arrive(ledger, replace(PAYMENT, amount_cents=Cents(25_000 + more_cents)))
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    for at_ms in (T + 1, T + 20_000):
        paid = ledger.apply(attempt.id, ev.QueryAnswered(PAID), at_ms).attempt
    assert paid.state is AttemptState.PAID
    if more_cents:
        # Another amount is other money, or nobody knows: both count, and a person looks.
        assert Review.PAID_TWICE in paid.review and totals(path) == (1, 55_000, 0, 0)
        return
    assert (paid.mpesa_code, paid.review) == (PAYMENT.mpesa_code, {Review.OTHER_AMOUNT})
    assert sale(path).sale.state is SaleState.PAID and totals(path) == (1, 25_000, 0, 0)
    assert ledger.payment(PAYMENT.mpesa_code).use is Use.PROVES


def test_a_code_that_pays_another_sale_is_for_a_person(ledger: LedgerWriter, path: Path) -> None:
    first, second = prompt(ledger, 1), prompt(ledger, 2)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, second.sale_id, "Asha", T)
    after = ledger.apply(first.id, callback(first), T).attempt
    assert (after.state, after.review) == (AttemptState.PENDING, frozenset({Review.CODE_REUSED}))
    assert totals(path) == (1, 25_000, 0, 0)


def test_a_prompt_paid_as_well_as_the_till_is_paid_twice(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    paid = ledger.apply(attempt.id, callback(attempt, "SECOND0001"), T).attempt
    assert Review.PAID_TWICE in paid.review
    assert sale(path).sale.state is SaleState.OVERPAID and totals(path) == (1, 50_000, 0, 0)


def test_given_to_a_prompt_that_was_paid_without_a_code_it_brings_the_code(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    for at_ms in (T, T + 20_000):
        ledger.apply(attempt.id, ev.QueryAnswered(PAID), at_ms)
    arrive(ledger)
    with closing(LedgerReader(path)) as reader:
        assert [one.id for one in reader.open_sales(DAY)] == [attempt.sale_id]
    after = ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T).attempt
    assert (after.state, after.mpesa_code) == (AttemptState.PAID, PAYMENT.mpesa_code)
    assert totals(path) == (1, 25_000, 0, 0)
    assert ledger.payment(PAYMENT.mpesa_code).use is Use.PROVES


def test_a_code_that_was_noted_before_the_payment_came_names_its_sale(ledger: LedgerWriter) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, ev.CodeClaimed(PAYMENT.mpesa_code, "Asha"), T)
    assert arrive(ledger).quoted_for == attempt.sale_id


def test_a_claim_of_a_code_that_is_used_is_refused(ledger: LedgerWriter) -> None:
    first, second = prompt(ledger, 1), prompt(ledger, 2)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, first.sale_id, "Asha", T)
    with pytest.raises(Mistake) as caught:
        ledger.apply(second.id, ev.CodeClaimed(PAYMENT.mpesa_code, "Asha"), T)
    assert caught.value.code == "payment.used"


def test_what_another_till_claimed_is_free_no_more_until_it_gives_it_back(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    subject = reservation_subject(PAYMENT.mpesa_code)
    ledger.note_reservation(subject, "back", T, Cursor("m", 5))
    assert totals(path) == (0, 0, 0, 0) and ledger.cursor("m").position == 5
    with pytest.raises(Mistake) as caught:
        ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    assert (caught.value.code, caught.value.params) == ("payment.elsewhere", {"till": "back"})
    ledger.note_reservation(reservation_subject("ANOTHER001"), "back", T, Cursor("m", 6))
    ledger.note_reservation(subject, "", T, Cursor("m", 7))
    assert totals(path) == (0, 0, 1, 25_000)
    ledger.lose_payment(PAYMENT.mpesa_code, "front", T)
    assert totals(path) == (0, 0, 0, 0)


@pytest.mark.parametrize("wrong", ["unknown", "no sale", "voided", "paid"])
def test_what_cannot_be_given_is_refused_with_its_reason(ledger: LedgerWriter, wrong: str) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    code, sale_id = PAYMENT.mpesa_code, attempt.sale_id
    if wrong == "unknown":
        code = "NOBODY0001"
        with pytest.raises(Mistake):
            ledger.deallocate_payment(code, "Asha", "x", T)
    elif wrong == "no sale":
        sale_id = 99
    elif wrong == "voided":
        ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
        ledger.apply(attempt.id, ev.SaleVoided("Asha", "x"), T)
    else:
        ledger.apply(attempt.id, callback(attempt, "OTHER00001"), T)
    with pytest.raises(Mistake) as caught:
        ledger.allocate_payment(code, sale_id, "Asha", T)
    assert caught.value.code == {
        "unknown": "payment.unknown", "no sale": "sale.not_found", "voided": "sale.voided", "paid": "sale.already_paid",
    }[wrong]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("UPDATE mpesa_transactions SET amount_cents = 30000", "transaction"),
        ("UPDATE tenders SET state = 'released' WHERE kind = 'c2b'", "transaction"),
        ("UPDATE tenders SET sale_id = 2 WHERE kind = 'c2b'", "transaction"),
        ("DELETE FROM tenders WHERE kind = 'c2b'", "transaction"),
        ("DELETE FROM mpesa_transactions", "transaction"),
        ("DELETE FROM evidence", "transaction"),
        ("UPDATE sales SET received_cents = 0", "sale"),
    ],
)
def test_a_payment_that_was_changed_by_another_hand_shows(
    ledger: LedgerWriter, path: Path, change: str, check: str
) -> None:
    attempt = prompt(ledger, 1)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    with closing(sqlite3.connect(path)) as db:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("UPDATE tenders SET state = 'released' WHERE kind = 'c2b'")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("DELETE FROM mpesa_transactions")
    with tampering(path) as db:
        db.execute(change)
    assert check in {finding.check for finding in verify(path).findings}


def test_a_code_that_was_heard_for_one_sale_pays_no_other(ledger: LedgerWriter, path: Path) -> None:
    first, second = prompt(ledger, 1), prompt(ledger, 2)
    ledger.apply(first.id, replace(callback(first), amount_cents=None), T)
    arrive(ledger)
    with pytest.raises(Mistake) as caught:
        ledger.allocate_payment(PAYMENT.mpesa_code, second.sale_id, "Asha", T)
    assert (caught.value.code, caught.value.params["reference"]) == ("payment.used", "A0001")
    ledger.allocate_payment(PAYMENT.mpesa_code, first.sale_id, "Asha", T)
    paid = ledger.apply(first.id, ev.QueryAnswered(PAID), T + 20_000).attempt
    assert (paid.state, paid.mpesa_code) == (AttemptState.PAID, PAYMENT.mpesa_code)
    assert totals(path) == (1, 25_000, 0, 0)


def test_a_code_that_was_given_away_before_it_was_heard_brings_a_person(ledger: LedgerWriter, path: Path) -> None:
    first, second = prompt(ledger, 1), prompt(ledger, 2)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, second.sale_id, "Asha", T)
    ledger.apply(first.id, replace(callback(first), amount_cents=None), T)
    after = ledger.apply(first.id, ev.QueryAnswered(PAID), T + 20_000).attempt
    if after.state is not AttemptState.PAID:
        after = ledger.apply(first.id, ev.QueryAnswered(PAID), T + 40_000).attempt
    assert (after.state, after.mpesa_code, after.review) == (AttemptState.PAID, None, {Review.CODE_REUSED})
    assert verify(path).findings == ()


def test_the_cursor_follows_a_mailbox_that_began_anew(ledger: LedgerWriter) -> None:
    arrive(ledger, position=4_812)
    arrive(ledger, position=3)
    assert ledger.cursor("m").position == 3


def test_the_codes_that_prompts_were_paid_with(ledger: LedgerWriter) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, callback(attempt), T)
    assert ledger.codes_to_reserve(T) == [(attempt.id, PAYMENT.mpesa_code)]
    assert ledger.codes_to_reserve(T + 1) == []
    ledger.note_reserved(attempt.id)
    assert ledger.codes_to_reserve(T) == [], "what the relay confirmed is not sent again"


def test_a_prompt_that_waited_asks_for_what_is_still_due_or_not_at_all(ledger: LedgerWriter, path: Path) -> None:
    def ready(number: int) -> Attempt:
        draft = Draft(Cents(25_000), Msisdn(f"2547000000{number:02d}"), Reference(f"B{number:04d}"))
        return record_sale(ledger, draft, f"waited-{number}", T)

    def refused(attempt: Attempt) -> str:
        with pytest.raises(Mistake) as caught:
            ledger.apply(attempt.id, ev.SendRequested(), T)
        return caught.value.code

    whole, part = ready(1), ready(2)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, whole.sale_id, "Asha", T)
    arrive(ledger, replace(PAYMENT, mpesa_code="CODE000001", amount_cents=Cents(10_000)), b"part", 2)
    ledger.allocate_payment("CODE000001", part.sale_id, "Asha", T)
    assert [refused(one) for one in (whole, part)] == ["sale.already_paid", "sale.other_due"]
    assert verify(path).findings == ()


def test_money_that_a_message_spoke_of_and_that_is_given_back_is_for_a_person_again(
    ledger: LedgerWriter, path: Path
) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    ledger.apply(attempt.id, replace(callback(attempt), amount_cents=None), T)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    ledger.deallocate_payment(PAYMENT.mpesa_code, "Asha", "wrong sale", T)
    given_back = ledger.attempt(attempt.id)
    assert Review.SAID_PAID in given_back.review and given_back.speaks_of_money
    assert verify(path).findings == ()
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, attempt.sale_id, "again", T + 900_000)
    assert caught.value.code == "sale.said_paid"


def test_money_that_stands_in_the_list_is_not_settled_as_not_there(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    ledger.apply(attempt.id, replace(callback(attempt), amount_cents=None), T)
    arrive(ledger)
    settled = ev.ReviewSettled("manager", "not in the statement")
    with pytest.raises(Mistake) as caught:
        ledger.apply(attempt.id, settled, T)
    assert (caught.value.code, caught.value.params) == ("review.listed", {"mpesa_code": PAYMENT.mpesa_code})
    assert ledger.attempt(attempt.id).speaks_of_money
    # Another till has it: then there is nothing to give, and a person may settle it.
    ledger.lose_payment(PAYMENT.mpesa_code, "till-2", T)
    assert not ledger.apply(attempt.id, settled, T).attempt.speaks_of_money
    assert verify(path).findings == ()


BODY = b'{"TransID": "TKN7RT61SV", "TransAmount": "250.00", "TransTime": "%s"}'


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"paid_at_ms": T - 1000}, "is not listed as it came"),
        ({"amount_cents": 25_001}, "is not listed as it came"),
        ({"day": "2026-01-02"}, "is listed on another day than it came"),
        ({"mpesa_code": "ANOTHER001"}, "is missing, its evidence is there"),
    ],
)
def test_what_its_own_message_says_is_held_against_the_list(
    ledger: LedgerWriter, path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], found: str
) -> None:
    """A till that lists something else than what came shows, although its rows and its chain agree."""
    body = BODY % to_eat(T).strftime("%Y%m%d%H%M%S").encode()
    add_event = UnitOfWork.add_event

    def lie(unit: UnitOfWork, *values: Any, **states: str) -> int:
        *rest, details = values
        return add_event(unit, *rest, details | change if "paid_at_ms" in details else details, **states)

    monkeypatch.setattr(UnitOfWork, "add_event", lie)
    arrive(ledger, body=body)
    assert [one.found for one in verify(path).findings if one.check == "payment"] == [found]


def test_a_used_payment_is_refused_with_its_sale_and_time(ledger: LedgerWriter) -> None:
    first, second = prompt(ledger, 1), prompt(ledger, 2)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, first.sale_id, "Asha", T)
    with pytest.raises(Mistake) as caught:
        ledger.allocate_payment(PAYMENT.mpesa_code, second.sale_id, "Asha", T)
    expected = {"reference": "A0001", "at_ms": PAYMENT.paid_at_ms}
    assert (caught.value.code, caught.value.params) == ("payment.used", expected)
    when = to_eat(PAYMENT.paid_at_ms)
    assert f"{when:%d %b} {when.hour:02d}:{when.minute:02d}" in reason_of(caught.value)


def test_a_payment_that_pays_this_sale_already_is_proof_of_no_other(ledger: LedgerWriter, path: Path) -> None:
    first, second = prompt(ledger, 1), prompt(ledger, 2)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, second.sale_id, "Asha", T)
    ledger.apply(first.id, callback(first), T)
    kept = ledger.payment(PAYMENT.mpesa_code)
    assert kept is not None and (kept.use, kept.sale_id) == (Use.PAYS, second.sale_id)
    assert totals(path)[1] == 25_000, "the same shillings count once"


def test_more_than_is_due_is_to_check_until_it_is_taken_back(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1, shillings=100)
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
    arrive(ledger)
    applied = ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    assert applied.attempt.review == {Review.PAID_TOO_MUCH} and applied.effects, "it rings"
    with closing(LedgerReader(path)) as reader:
        assert (reader.sale(attempt.sale_id).excess_cents, reader.totals(DAY).review) == (15_000, 1)
    ledger.deallocate_payment(PAYMENT.mpesa_code, "Asha", "wrong sale", T)
    assert ledger.attempt(attempt.id).review == frozenset()
    assert verify(path).findings == ()


def test_a_code_that_was_misread_is_looked_for_among_those_of_late(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, callback(attempt, "OTHERO0001"), T)
    arrive(ledger, replace(PAYMENT, mpesa_code="TKN7RT61S0"))
    with closing(LedgerReader(path)) as reader:
        assert reader.looks_like("TKN7RT61SO", 0) == "TKN7RT61S0"
        assert reader.looks_like("0THERO0OO1", 0) == "OTHERO0001"
        assert reader.looks_like("TKN7RT61S0", 0) is None, "it is that one"
        assert reader.looks_like("TKN7RT61SO", T + 1) is None, "too long ago"
        assert reader.environment() == "practice"
        assert list(reader.ids(day=None, search="TKN7RT61S0")) == []
    free = prompt(ledger, 2)
    ledger.allocate_payment("TKN7RT61S0", free.sale_id, "Asha", T)
    with closing(LedgerReader(path)) as reader:
        assert list(reader.ids(day=None, search="TKN7RT")) == [free.sale_id]


def test_what_an_uncertain_message_spoke_of_is_back_when_its_money_is_given_back(
    ledger: LedgerWriter, path: Path
) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, replace(callback(attempt), amount_cents=Cents(99)), T)
    for _ in range(2):
        ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.WRONG_PIN, "2001")), T + 20_000 * (_ + 1))
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    ledger.deallocate_payment(PAYMENT.mpesa_code, "Asha", "wrong sale", T)
    assert ledger.attempt(attempt.id).speaks_of_money
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, attempt.sale_id, "again", T + 900_000)
    assert caught.value.code == "sale.said_paid"


def test_where_two_sales_heard_one_code_it_is_the_others_once_one_is_settled(ledger: LedgerWriter, path: Path) -> None:
    first, second = (prompt(ledger, number) for number in (1, 2))
    for attempt in (first, second):
        ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T)
        ledger.apply(attempt.id, replace(callback(attempt), amount_cents=None), T)
    arrive(ledger)
    for attempt in (first, second):
        # Neither can be given the money: the other one heard of it, too.
        with pytest.raises(Mistake) as caught:
            ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
        assert caught.value.code == "payment.used"
    settled = ledger.settle_review(first.sale_id, "manager", "asked M-PESA", T)
    assert [applied.attempt.speaks_of_money for applied in settled] == [False]
    with pytest.raises(Mistake) as caught:
        ledger.settle_review(second.sale_id, "manager", "asked M-PESA", T)
    assert caught.value.code == "review.listed", "it can be given now, and is not settled as not there"
    ledger.allocate_payment(PAYMENT.mpesa_code, second.sale_id, "Asha", T)
    assert totals(path) == (1, 25_000, 0, 0) and verify(path).findings == ()


def test_a_sale_that_has_its_own_money_from_the_list_is_not_voided(ledger: LedgerWriter) -> None:
    attempt = prompt(ledger, 1)
    ledger.apply(attempt.id, replace(callback(attempt), amount_cents=Cents(150)), T)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    ledger.apply(attempt.id, ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032")), T + 1)
    with pytest.raises(Mistake) as caught:
        ledger.apply(attempt.id, ev.SaleVoided("Asha", "gone"), T + 2)
    assert caught.value.code == "sale.not_voidable"


def test_what_a_person_did_and_why_stands_in_the_history(ledger: LedgerWriter, path: Path) -> None:
    attempt = prompt(ledger, 1)
    with pytest.raises(Mistake) as unknown:
        ledger.deallocate_payment(PAYMENT.mpesa_code, "Asha", "wrong sale", T)
    assert unknown.value.code == "payment.unknown"
    arrive(ledger)
    with pytest.raises(Mistake) as free:
        ledger.deallocate_payment(PAYMENT.mpesa_code, "Asha", "wrong sale", T)
    assert free.value.code == "payment.not_attached"
    given = ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", T)
    assert given.effects == () and given.before.id == given.attempt.id == attempt.id
    taken = ledger.deallocate_payment(PAYMENT.mpesa_code, "Njeri", "wrong sale", T)
    assert taken.effects == () and taken.before.id == taken.attempt.id == attempt.id
    ledger.apply(attempt.id, replace(callback(attempt, "OTHERCODE1"), amount_cents=Cents(150)), T)
    settled = ledger.settle_review(attempt.sale_id, "Njeri", "not in the statement", T)
    assert [one.attempt.review for one in settled] == [frozenset()]
    with closing(LedgerReader(path)) as reader:
        history = {
            entry.kind: (entry.actor, entry.details["reason"])
            for entry in reader.timeline(attempt.sale_id)[-3:]
            if "reason" in entry.details
        }
    assert history == {"deallocated": ("Njeri", "wrong sale"), "review_settled": ("Njeri", "not in the statement")}


def test_a_code_that_two_want_brings_a_person_and_rings_once(ledger: LedgerWriter) -> None:
    first, second = prompt(ledger, 1), prompt(ledger, 2)
    arrive(ledger)
    ledger.allocate_payment(PAYMENT.mpesa_code, second.sale_id, "Asha", T)
    rung = ledger.apply(first.id, callback(first), T)
    assert [effect for effect in rung.effects if effect == Announce(News.NEEDS_YOU)] == [Announce(News.NEEDS_YOU)]
    again = ledger.apply(first.id, callback(first), T + 1)
    assert Announce(News.NEEDS_YOU) not in again.effects
