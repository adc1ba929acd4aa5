"""What buttons show is what the ledger does: over sales in every state, in a real file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.recording import record_attempt, record_sale
from ledger.test_c2b_payments import PAID, PAYMENT, T, arrive, callback, prompt

from pos_app.common.errors import Mistake
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import allowed_actions, refusal
from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter

A, S = SaleAction, AttemptState
SALE, LATER = SaleId(1), T + 600_000
CANCELLED = ev.QueryAnswered(Outcome(OutcomeKind.CANCELLED, "1032"))
LOST = ev.PushLost(Outcome(OutcomeKind.NO_ANSWER, is_final=False), None, "ws-1")
REFUSED = ev.PushRefused(Outcome(OutcomeKind.BAD_REQUEST, "400"))


def ready(ledger: LedgerWriter) -> Attempt:
    return record_sale(ledger, Draft(Cents(25_000), Msisdn("254712345671"), Reference("A0001")), "token-1", T)


def ready_again(ledger: LedgerWriter) -> Attempt:
    declined = hears(CANCELLED)(ledger)
    return record_attempt(ledger, declined.sale_id, "token-again", LATER)


def hears(*events: ev.Event) -> Callable[[LedgerWriter], Attempt]:
    def story(ledger: LedgerWriter) -> Attempt:
        attempt = prompt(ledger, 1)
        for event in events:
            attempt = ledger.apply(attempt.id, event, T + 20_000).attempt
        return attempt

    return story


def lost(ledger: LedgerWriter) -> Attempt:
    attempt = ready(ledger)
    for event in (ev.SendRequested(), LOST):
        attempt = ledger.apply(attempt.id, event, T).attempt
    return attempt


def refused(ledger: LedgerWriter) -> Attempt:
    attempt = ready(ledger)
    for event in (ev.SendRequested(), REFUSED):
        attempt = ledger.apply(attempt.id, event, T).attempt
    return attempt


def given(shillings: int, story: Callable[[LedgerWriter], Attempt]) -> Callable[[LedgerWriter], Attempt]:
    """With a payment straight to the till that a person gave to the sale."""

    def told(ledger: LedgerWriter) -> Attempt:
        attempt = story(ledger)
        arrive(ledger, replace(PAYMENT, amount_cents=Cents(shillings * 100)))
        ledger.allocate_payment(PAYMENT.mpesa_code, attempt.sale_id, "Asha", LATER)
        return attempt

    return told


def voided(story: Callable[[LedgerWriter], Attempt]) -> Callable[[LedgerWriter], Attempt]:
    def told(ledger: LedgerWriter) -> Attempt:
        attempt = story(ledger)
        ledger.void_sale(attempt.sale_id, "manager", "gone", LATER)
        return attempt

    return told


def voided_and_paid_late(ledger: LedgerWriter) -> Attempt:
    attempt = voided(hears(CANCELLED))(ledger)
    return ledger.apply(attempt.id, callback(attempt), LATER).attempt


def heard(code: str, *, is_listed: bool) -> Callable[[LedgerWriter], Attempt]:
    """A callback with another amount after the end, and its code among the payments to the till or not."""

    def told(ledger: LedgerWriter) -> Attempt:
        attempt = hears(CANCELLED)(ledger)
        if is_listed:
            arrive(ledger, replace(PAYMENT, mpesa_code=code, amount_cents=Cents(10_000)))
        wrong = replace(callback(attempt, code), amount_cents=Cents(10_000))
        return ledger.apply(attempt.id, wrong, LATER).attempt

    return told


def settled(ledger: LedgerWriter) -> Attempt:
    attempt = heard("HEARD00001", is_listed=False)(ledger)
    ledger.settle_review(attempt.sale_id, "manager", "not in the statement", LATER)
    return ledger.attempt(attempt.id)


STORIES: dict[str, Callable[[LedgerWriter], Attempt]] = {
    "never left": ready,
    "waits for its PIN": hears(),
    "lost": lost,
    "refused": refused,
    "cancelled": hears(CANCELLED),
    "cancelled, and the next one never left": ready_again,
    "given up": hears(ev.DeadlinePassed(), ev.GivenUp("manager", "gone")),
    "paid": lambda ledger: ledger.apply((attempt := prompt(ledger, 1)).id, callback(attempt), T).attempt,
    "paid, the code to follow": hears(ev.QueryAnswered(PAID), ev.QueryAnswered(PAID, apart_ms=20_000)),
    "a part came, cancelled": given(100, hears(CANCELLED)),
    "a part came, waits": given(100, hears()),
    "a part came, lost": given(100, lost),
    "a part came, the next one never left": given(100, ready_again),
    "paid by hand": given(250, hears(CANCELLED)),
    "paid by hand, too much": given(300, hears(CANCELLED)),
    "paid by hand, and the prompt waits": given(250, hears()),
    "voided": voided(hears(CANCELLED)),
    "voided, never left": voided(ready),
    "voided and paid late": voided_and_paid_late,
    "heard of money": heard("HEARD00001", is_listed=False),
    "heard of money that is listed": heard("HEARD00001", is_listed=True),
    "heard of money, settled": settled,
    "said to be paid": hears(CANCELLED, ev.QueryAnswered(PAID)),
}

ACTS: dict[SaleAction, Callable[[LedgerWriter, Attempt], object]] = {
    A.SEND_AGAIN: lambda ledger, last: ledger.begin_attempt(last.sale_id, "token-new", LATER + 600_000),
    A.QUOTE_CODE: lambda ledger, last: ledger.apply(last.id, ev.CodeClaimed("SHOWN00001", "Asha"), LATER),
    A.GIVE_UP: lambda ledger, last: ledger.apply(last.id, ev.GivenUp("manager", "gone"), LATER),
    A.VOID: lambda ledger, last: ledger.void_sale(last.sale_id, "manager", "gone", LATER),
    A.SETTLE_REVIEW: lambda ledger, last: ledger.settle_review(last.sale_id, "manager", "looked", LATER),
    A.WITHDRAW: lambda ledger, last: ledger.apply(last.id, ev.Withdrawn(), LATER),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_is_offered_is_done_and_what_is_not_is_refused_with_the_same_reason(story: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    with closing(LedgerWriter(made / "ledger.sqlite3")) as ledger:
        STORIES[story](ledger)
    with closing(LedgerReader(made / "ledger.sqlite3")) as reader:
        sale = reader.sale(SALE)
    for action, act in ACTS.items():
        there = tmp_path / action.value
        shutil.copytree(made, there)
        expected = refusal(action, sale)
        assert (expected is None) is (action in allowed_actions(sale))
        with closing(LedgerWriter(there / "ledger.sqlite3")) as ledger:
            last = ledger.last_attempt_of(SALE)
            before = [ledger.attempt(one.id) for one in ledger._attempts.of_sale(SALE)]
            try:
                act(ledger, last)
                done = None
            except Mistake as mistake:
                done = mistake.code
                assert [ledger.attempt(one.id) for one in ledger._attempts.of_sale(SALE)] == before, (
                    "refused, and half done"
                )
        if (story, action) == ("heard of money that is listed", A.SETTLE_REVIEW):
            assert (expected, done) == (None, "review.listed"), "whose money it is is known: it is given, not settled"
        else:
            assert done == expected, action
        assert verify(there / "ledger.sqlite3").findings == ()


def test_what_never_left_makes_room_for_another_or_stays_as_it_is(tmp_path: Path) -> None:
    with closing(LedgerWriter(tmp_path / "ledger.sqlite3")) as ledger:
        waiting = ready(ledger)
        # The other phone was prompted a moment ago.
        record_sale(ledger, Draft(Cents(25_000), Msisdn("254700000009"), Reference("B1")), "token-b", T)
        ledger.apply(ledger.last_attempt_of(SaleId(2)).id, ev.SendRequested(), T)
        with pytest.raises(Mistake) as caught:
            ledger.begin_attempt(SALE, "token-2", T + 1_000, msisdn=Msisdn("254700000009"))
        assert caught.value.code == "sale.wait_same_amount"
        assert ledger.attempt(waiting.id).state is S.READY, "what waited waits on"
        begun = ledger.begin_attempt(SALE, "token-3", T + 600_000, msisdn=Msisdn("254700000009"))
        assert ledger.attempt(waiting.id).state is S.WITHDRAWN and begun.attempt.state is S.SENDING
