"""No second prompt, and no void, while "paid" may have been said: a promise of the sale, over all its attempts."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.recording import record_attempt, record_sale
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from unit.domain.stk.test_transitions import (
    CANCELLED,
    PAID,
    PENDING,
    TAKEN,
    UNREACHABLE,
    Playbook,
    callback,
    pending,
    sent,
)

from pos_app.common.errors import Mistake
from pos_app.common.tokens import token_digest
from pos_app.domain.c2b.payment import C2bPayment
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import allowed_actions, refusal, refuse_sending
from pos_app.domain.sales.sale import Draft, Sale, SaleSummary, summarize
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import OF_MONEY, Attempt, AttemptState, Review
from pos_app.domain.stk.effects import AskSoon
from pos_app.domain.stk.transitions import Timing
from pos_app.domain.values.ids import SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.rows import SPEAKS_OF_MONEY
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter

S = AttemptState
QUERY_PAID, QUERY_CANCELLED = ev.QueryAnswered(PAID), ev.QueryAnswered(CANCELLED)
WEAK = callback(amount=None)
"""Our token, our ids, a code, and no amount."""
REFUSED = ev.PushRefused(Outcome(OutcomeKind.THROTTLED, "429"))


def sale_of(attempts: list[Attempt]) -> SaleSummary:
    """A sale over what one prompt asks for, with nothing received."""
    return summarize(Sale(SaleId(1), Reference("A0001"), Cents(10_000), Cents(0), "2026-11-28", 0), attempts)


def declined(outcome: Outcome = CANCELLED) -> Playbook:
    return pending().hear(ev.QueryAnswered(outcome)).is_now(S.DECLINED)


SAID: dict[str, Callable[[], Playbook]] = {
    "expired, and a query says paid": lambda: declined(UNREACHABLE).hear(QUERY_PAID),
    "expired, paid, and expired again": lambda: declined(UNREACHABLE).hear(QUERY_PAID, ev.QueryAnswered(UNREACHABLE)),
    "expired, paid, and still processing": lambda: declined(UNREACHABLE).hear(QUERY_PAID, ev.QueryAnswered(PENDING)),
    "cancelled, and queries say paid": lambda: declined().hear(QUERY_PAID, QUERY_PAID, QUERY_PAID, after_s=12),
    "cancelled, and a callback without an amount": lambda: declined().hear(WEAK),
    "cancelled, and a callback with another amount": lambda: declined().hear(callback(amount=99)),
    "cancelled, and a callback with another prompt": lambda: declined().hear(callback(checkout="ws-2")),
    "cancelled, and another sale's code": lambda: declined().hear(callback(), facts=TAKEN),
    "cancelled, and a message that is not clear": lambda: declined().hear(ev.CallbackUnclear(Cents(10_000), None)),
    "rejected, and a callback without an amount": lambda: sent().hear(REFUSED, WEAK),
    "rejected, and a callback with another amount": lambda: sent().hear(REFUSED, callback(amount=99)),
    "rejected after a callback without an amount": lambda: sent().hear(WEAK, REFUSED),
    "given up, and a callback without an amount": lambda: Playbook(state=S.ABANDONED).hear(WEAK),
    "heard, still processing, then cancelled twice": lambda: pending().hear(
        WEAK, ev.QueryAnswered(PENDING), QUERY_CANCELLED, QUERY_CANCELLED, after_s=12
    ),
    "never sent, and a callback": lambda: Playbook().hear(callback()),
    "never sent, and a message that is not clear": lambda: Playbook().hear(ev.CallbackUnclear(None, "TKN7RT61SV")),
}


@pytest.mark.parametrize("story", SAID)
def test_while_paid_is_said_nothing_is_sent_again_and_nothing_voided(story: str) -> None:
    book = SAID[story]()
    assert book.attempt.state is not S.PAID and book.attempt.speaks_of_money
    earlier = Playbook(state=S.DECLINED).attempt
    for attempts in ([book.attempt], [earlier, book.attempt], [book.attempt, earlier]):
        sale = sale_of(attempts)
        assert {refusal(SaleAction.SEND_AGAIN, sale), refusal(SaleAction.VOID, sale)} == {"sale.said_paid"}
        with pytest.raises(Mistake) as caught:
            refuse_sending(sale, attempts[-1])
        assert caught.value.code == "sale.said_paid"
    wish = ev.SendRequested() if book.attempt.state is S.READY else ev.SaleVoided("Asha", "gone")
    with pytest.raises(Mistake) as caught:
        book.hear(wish)
    assert caught.value.code == "sale.said_paid"


@pytest.mark.parametrize("story", SAID)
def test_a_person_settles_it_and_late_proof_still_wins(story: str) -> None:
    book = SAID[story]()
    book.hear(ev.ReviewSettled("manager", "not in the statement"))
    assert not book.attempt.speaks_of_money and book.attempt.review == frozenset()
    assert {SaleAction.SEND_AGAIN, SaleAction.VOID} <= allowed_actions(sale_of([book.attempt]))
    if book.attempt.state is S.READY:
        book.hear(ev.SendRequested()).is_now(S.SENDING)
        return
    book.hear(ev.SaleVoided("manager", "gone"))
    book.attempt = replace(book.attempt, checkout_request_id="ws-1")
    late = book.hear(callback()).attempt
    assert late.state is S.PAID and Review.PAID_LATE in late.review


@pytest.mark.parametrize("story", [story for story in SAID if "expired, and" not in story])
def test_whoever_must_look_is_told(story: str) -> None:
    """Only what M-PESA is just being asked about once more rings nobody yet."""
    assert SAID[story]().attempt.review & OF_MONEY


def test_what_came_to_a_rejected_attempt_is_noted_and_asked_for() -> None:
    book = sent().hear(REFUSED).is_now(S.REJECTED).hear(WEAK).is_now(S.REJECTED, Review.SAID_PAID)
    assert book.effects[0] == AskSoon() and book.attempt.heard_code == "TKN7RT61SV"
    proved = book.hear(QUERY_PAID).hear(QUERY_PAID, after_s=12).is_now(S.PAID, Review.PAID_LATE)
    assert proved.attempt.mpesa_code == "TKN7RT61SV"


def test_a_code_with_another_amount_proves_nothing_when_queries_do() -> None:
    book = pending().hear(callback(amount=99), QUERY_PAID).hear(QUERY_PAID, after_s=12)
    assert (book.attempt.state, book.attempt.mpesa_code) == (S.PAID, None), "code to follow (decision 0004)"
    settled = pending().hear(callback(amount=99), ev.ReviewSettled("m", "x"), QUERY_PAID).hear(QUERY_PAID, after_s=12)
    assert (settled.attempt.state, settled.attempt.mpesa_code) == (S.PAID, None)


def test_a_clock_that_jumps_does_not_make_two_voices_of_one() -> None:
    book = pending().hear(QUERY_PAID).hear(ev.QueryAnswered(PAID, apart_ms=300), after_s=86_400).is_now(S.PENDING)
    book.hear(ev.QueryAnswered(PAID, apart_ms=10_000)).is_now(S.PAID)


def test_money_that_was_heard_of_and_is_received_ends_it_for_the_rest() -> None:
    book = declined().hear(callback(amount=50, code="CODEAAAAAA")).is_now(S.DECLINED, Review.OTHER_AMOUNT)
    assert book.hear(ev.HeardReceived("CODEBBBBBB")).attempt.speaks_of_money
    assert not book.hear(ev.HeardReceived("CODEAAAAAA")).attempt.speaks_of_money
    # An open prompt keeps its code: it may be what pays it.
    live = pending().hear(WEAK).hear(ev.HeardReceived("TKN7RT61SV")).attempt
    assert (live.heard_code, live.said_paid_at_ms is None) == ("TKN7RT61SV", False)


attempts = st.builds(
    lambda state, review, said, heard, settled: replace(
        Playbook().attempt, state=state, review=frozenset(review), said_paid_at_ms=said, heard_code=heard,
        heard_settled=settled,
    ),
    st.sampled_from(S), st.sets(st.sampled_from(Review), max_size=3), st.sampled_from([None, 5]),
    st.sampled_from([None, "TKN7RT61SV"]), st.booleans(),
)  # fmt: skip


@given(attempts)
def test_the_database_asks_the_same_question(attempt: Attempt) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE attempts (state, said_paid_at_ms, heard_code, heard_settled, review)")
        db.execute(
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?)",
            (
                attempt.state,
                attempt.said_paid_at_ms,
                attempt.heard_code,
                attempt.heard_settled,
                ",".join(sorted(attempt.review)),
            ),
        )
        found = db.execute(f"SELECT {SPEAKS_OF_MONEY} FROM attempts a").fetchone()[0]
    assert bool(found) is attempt.speaks_of_money


# The same over whole sales, in a real ledger

outcomes = st.sampled_from([PAID, CANCELLED, UNREACHABLE, PENDING, Outcome(OutcomeKind.OTHER, "777", is_final=False)])
CODES = ("CODEAAAAAA", "CODEBBBBBB")


class Sales(RuleBasedStateMachine):
    """A cashier, a manager, M-PESA and a stranger over two sales of one ledger."""

    @initialize()
    def open(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name) / "ledger.sqlite3"
        self.ledger = LedgerWriter(self.path)
        self.now_ms = 1_800_000_000_000
        self.number = 0
        self.position = 0
        self.sales = [self._sell(one) for one in range(2)]
        self.unsettled: dict[SaleId, set[str]] = {sale: set() for sale in self.sales}

    def _token(self) -> str:
        self.number += 1
        return f"token-{self.number}"

    def _sell(self, one: int) -> SaleId:
        draft = Draft(Cents(100_000), Msisdn(f"25471234567{one}"), Reference(f"A{one}"))
        attempt = record_sale(self.ledger, draft, self._token(), self.now_ms)
        self.ledger.apply(attempt.id, ev.SendRequested(), self.now_ms)
        return attempt.sale_id

    def _last(self, sale: int) -> Attempt:
        return self.ledger.last_attempt_of(self.sales[sale])

    def _apply(self, attempt: Attempt, event: ev.Event) -> None:
        self.now_ms += 12_000
        with contextlib.suppress(Mistake):
            self.ledger.apply(attempt.id, event, self.now_ms, Timing(confirm_gap_ms=10_000))

    @rule(sale=st.integers(0, 1), outcome=st.sampled_from([CANCELLED, UNREACHABLE]))
    def ends(self, sale: int, outcome: Outcome) -> None:
        last = self._last(sale)
        self._apply(last, ev.PushAccepted(f"m-{last.id}", f"ws-{last.id}", self.now_ms))
        self._apply(last, ev.QueryAnswered(outcome))

    @rule(sale=st.integers(0, 1), what=st.sampled_from(["accepted", "refused", "lost", "deadline", "given up"]))
    def moves(self, sale: int, what: str) -> None:
        last = self._last(sale)
        events: dict[str, ev.Event] = {
            "accepted": ev.PushAccepted(f"m-{last.id}", f"ws-{last.id}", self.now_ms),
            "refused": ev.PushRefused(Outcome(OutcomeKind.BAD_REQUEST, "400")),
            "lost": ev.PushLost(Outcome(OutcomeKind.NO_ANSWER, is_final=False), None, f"ws-{last.id}"),
            "deadline": ev.DeadlinePassed(),
            "given up": ev.GivenUp("manager", "gone"),
        }
        self._apply(last, events[what])

    @rule(sale=st.integers(0, 1), outcome=outcomes)
    def query(self, sale: int, outcome: Outcome) -> None:
        last = self._last(sale)
        if last.checkout_request_id is not None:
            self._apply(last, ev.QueryAnswered(outcome))

    @rule(
        sale=st.integers(0, 1), outcome=outcomes, old=st.booleans(), cents=st.sampled_from([None, 100_000, 50_000]),
        code=st.sampled_from([None, *CODES]), unclear=st.booleans(),
    )  # fmt: skip
    def message(
        self, sale: int, outcome: Outcome, old: bool, cents: int | None, code: str | None, unclear: bool
    ) -> None:
        found = self.ledger._attempts.of_sale(self.sales[sale])[0 if old else -1]
        amount = None if cents is None else Cents(cents)
        event: ev.CallbackArrived | ev.CallbackUnclear = ev.CallbackUnclear(amount, code)
        if not unclear:
            event = ev.CallbackArrived(outcome, f"m-{found.id}", f"ws-{found.id}", amount, code)
        self.position += 1
        self.now_ms += 12_000
        token = self.ledger._unit.db.execute(
            "SELECT token_hash FROM stk_attempts WHERE id = ?", (found.id,)
        ).fetchone()[0]
        self.ledger.take_callback(
            token_digest=token, body=b"%d" % self.position, event=event, now_ms=self.now_ms,
            cursor=Cursor("r", self.position),
        )  # fmt: skip

    @rule(code=st.sampled_from(CODES), cents=st.sampled_from([100_000, 50_000]))
    def pays_by_hand(self, code: str, cents: int) -> None:
        self.position += 1
        self.ledger.take_payment(
            token_digest=token_digest("c2b"), body=b"p%d" % self.position,
            payment=C2bPayment(code, Cents(cents), self.now_ms, "Njeri", "678", ""), now_ms=self.now_ms,
            cursor=Cursor("r", self.position),
        )  # fmt: skip

    @rule(sale=st.integers(0, 1), code=st.sampled_from(CODES))
    def allocate(self, sale: int, code: str) -> None:
        with contextlib.suppress(Mistake):
            self.ledger.allocate_payment(code, self.sales[sale], "Asha", self.now_ms)

    @rule(sale=st.integers(0, 1))
    def settle(self, sale: int) -> None:
        for attempt_id in self.ledger.for_review(self.sales[sale]):
            self._apply(self.ledger.attempt(attempt_id), ev.ReviewSettled("manager", "not in the statement"))

    @rule(sale=st.integers(0, 1))
    def send_again(self, sale: int) -> None:
        self.now_ms += 300_000
        said = self._said(sale)
        try:
            attempt = record_attempt(self.ledger, self.sales[sale], self._token(), self.now_ms)
            self.ledger.apply(attempt.id, ev.SendRequested(), self.now_ms)
        except Mistake:
            return
        assert not said, "prompted again after paid was said"
        received = self.ledger._unit.db.execute("SELECT received_cents FROM sales WHERE id = ?", (self.sales[sale],))
        assert attempt.amount_cents == 100_000 - received.fetchone()[0], "what came in is not asked for again"

    @rule(sale=st.integers(0, 1))
    def void(self, sale: int) -> None:
        said = self._said(sale)
        try:
            self.ledger.apply(self._last(sale).id, ev.SaleVoided("manager", "gone"), self.now_ms)
        except Mistake:
            return
        assert not said, "voided after paid was said"

    def _said(self, sale: int) -> bool:
        """As a stranger to the rules would see it: by the words of every event that stands unsettled."""
        paid_codes = {row[0] for row in self.ledger._unit.db.execute(
            "SELECT m.mpesa_code FROM mpesa_transactions m JOIN tenders t ON t.transaction_id = m.id"
            " WHERE t.sale_id = ? AND t.state = 'received'", (self.sales[sale],))}  # fmt: skip
        return any(self._speaks(attempt, paid_codes) for attempt in self.ledger._attempts.of_sale(self.sales[sale]))

    def _speaks(self, attempt: Attempt, paid_codes: set[str]) -> bool:
        if attempt.state is S.PAID:
            return False
        speaks = False
        events = self.ledger._unit.db.execute(
            "SELECT kind, from_state, details FROM ledger_events WHERE subject = 'attempt' AND subject_id = ? ORDER BY id",
            (attempt.id,),
        )
        for kind, from_state, text in events.fetchall():
            details = json.loads(text)
            if kind == "review_settled":
                speaks = False
            elif kind in ("callback", "callback_unclear") and (
                details.get("outcome") == "paid" or kind == "callback_unclear"
            ):
                speaks |= details.get("mpesa_code") is None or details["mpesa_code"] not in paid_codes
            elif kind == "query" and details["outcome"] == "paid":
                speaks |= from_state not in ("pending", "unknown")
        return speaks and not attempt.is_live

    @invariant()
    def received_is_what_came(self) -> None:
        for sale in range(len(self.sales)):
            row = self.ledger._unit.db.execute(
                "SELECT received_cents, (SELECT coalesce(sum(amount_cents), 0) FROM tenders WHERE sale_id = s.id AND"
                " state = 'received') FROM sales s WHERE id = ?", (self.sales[sale],),
            ).fetchone()  # fmt: skip
            assert row[0] == row[1]

    def teardown(self) -> None:
        assert verify(self.path).findings == ()
        self.ledger.close()
        self._folder.cleanup()


TestSales = Sales.TestCase
TestSales.settings = settings(
    max_examples=min(settings().max_examples * 2, 1000), stateful_step_count=20, deadline=None
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerWriter]:
    with closing(LedgerWriter(tmp_path / "ledger.sqlite3")) as writer:
        yield writer


def test_five_hundred_of_a_thousand_came_and_the_next_prompt_asks_for_the_rest(ledger: LedgerWriter) -> None:
    now = 1_800_000_000_000
    first = record_sale(ledger, Draft(Cents(100_000), Msisdn("254712345678"), Reference("A1")), "token-1", now)
    for event in (ev.SendRequested(), ev.PushAccepted("m", "ws"), QUERY_CANCELLED):
        ledger.apply(first.id, event, now)
    ledger.take_callback(
        token_digest=token_digest("token-1"), body=b"half", now_ms=now, cursor=Cursor("r", 1),
        event=ev.CallbackArrived(PAID, "m", "ws", Cents(50_000), "CODEAAAAAA"),
    )  # fmt: skip
    with pytest.raises(Mistake) as caught:
        record_attempt(ledger, first.sale_id, "token-2", now + 600_000)
    assert caught.value.code == "sale.said_paid"
    ledger.take_payment(
        token_digest=token_digest("c2b"), body=b"p", now_ms=now, cursor=Cursor("r", 2),
        payment=C2bPayment("CODEAAAAAA", Cents(50_000), now, "Njeri", "678", ""),
    )  # fmt: skip
    ledger.allocate_payment("CODEAAAAAA", first.sale_id, "Asha", now)
    assert record_attempt(ledger, first.sale_id, "token-2", now + 600_000).amount_cents == 50_000
    assert verify(ledger.path).findings == ()
