"""Whatever happens in whatever order, the promises hold; and the database agrees with the rules."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from fakes.recording import record_sale
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pos_app.common.errors import Mistake
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import LEGAL, AttemptState
from pos_app.domain.stk.facts import NO_FACTS
from pos_app.domain.stk.transitions import Timing, step
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.verify import verify
from pos_app.ledger.writer import LedgerWriter

S = AttemptState
TIMING = Timing(confirm_gap_ms=10_000)
outcomes = st.sampled_from(
    [
        Outcome(OutcomeKind.PAID, "0"),
        Outcome(OutcomeKind.CANCELLED, "1032"),
        Outcome(OutcomeKind.UNREACHABLE, "1037", may_turn_paid=True),
        Outcome(OutcomeKind.STILL_PROCESSING, "4999", is_final=False),
        Outcome(OutcomeKind.OTHER, "777", "new", is_final=False),
    ]
)
callbacks = st.builds(
    ev.CallbackArrived,
    outcomes,
    st.sampled_from([None, "m-1"]),
    st.sampled_from([None, "ws-1", "ws-2"]),
    st.sampled_from([None, Cents(10_000), Cents(9_900)]),
    st.sampled_from([None, "CODEAAAAAA", "CODEBBBBBB"]),
)
events = st.one_of(
    st.sampled_from(
        [
            ev.SendRequested(), ev.PushAccepted("m-1", "ws-1"), ev.Restarted(), ev.DeadlinePassed(), ev.Asked(),
            ev.GivenUp("a", "b"), ev.Withdrawn(), ev.ReviewSettled("a", "b"), ev.CodeClaimed("CODEAAAAAA", "a"),
            ev.SaleVoided("a", "b"), ev.ReceiptMade("paper"),
        ]
    ),
    st.builds(ev.PushLost, outcomes), st.builds(ev.PushNotSent, outcomes), st.builds(ev.PushRefused, outcomes),
    st.builds(ev.QueryAnswered, outcomes), callbacks,
)  # fmt: skip


class Promises(RuleBasedStateMachine):
    """Drives the rules and the ledger side by side."""

    @initialize()
    def open(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name) / "ledger.sqlite3"
        self.ledger = LedgerWriter(self.path)
        self.now_ms = 1_800_000_000_000
        draft = Draft(Cents(10_000), Msisdn("254712345678"), Reference("A0001"))
        self.attempt = record_sale(self.ledger, draft, "token", self.now_ms)
        self.seen = [self.attempt.state]
        self.pushes = 0
        self.proofs: list[str] = []

    @rule(event=events, seconds=st.sampled_from([1, 12, 100]))
    def happens(self, event: ev.Event, seconds: int) -> None:
        self.now_ms += seconds * 1000
        before = self.attempt
        expected = None
        with contextlib.suppress(Mistake):
            expected = step(before, event, NO_FACTS, self.now_ms, TIMING).attempt
        try:
            applied = self.ledger.apply(before.id, event, self.now_ms, TIMING)
        except Mistake:
            assert expected is None
            return
        assert applied.attempt == expected
        self.attempt = applied.attempt
        self.seen.append(self.attempt.state)
        if before.state is S.READY and self.attempt.state is S.SENDING:
            self.pushes += 1
        if isinstance(event, (ev.QueryAnswered, ev.CallbackArrived)):
            self.proofs.append(event.outcome.kind.value)

    @invariant()
    def every_change_is_legal(self) -> None:
        for before, after in zip(self.seen, self.seen[1:], strict=False):
            assert before is after or (before, after) in LEGAL

    @invariant()
    def paid_is_final_and_proved(self) -> None:
        if S.PAID in self.seen:
            assert self.attempt.state is S.PAID
            assert "paid" in self.proofs

    @invariant()
    def declined_only_by_a_word_of_mpesa(self) -> None:
        if self.attempt.state is S.DECLINED:
            assert {"cancelled", "unreachable"} & set(self.proofs)

    @invariant()
    def the_ledger_says_the_same(self) -> None:
        assert self.ledger.attempt(self.attempt.id) == self.attempt

    def teardown(self) -> None:
        assert verify(self.path).findings == ()
        self.ledger.close()
        self._folder.cleanup()


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=25, deadline=None)
