"""The one writer. Every method is one transaction; when it returns, it is on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pos_app.common.clock import SystemClock
from pos_app.common.errors import Mistake
from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.sales import rules
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import CodeFacts, CodeOwner
from pos_app.domain.sales.sale import Draft, SaleSummary, summarize
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.stk.effects import Effect
from pos_app.domain.stk.facts import Facts, codes_in_question
from pos_app.domain.stk.schedule import LEAVES_WITHIN_MS, SAME_AMOUNT_WAIT_MS, Wait, left_ms, resend_wait
from pos_app.domain.stk.transitions import DEFAULT_TIMING, Timing, step
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger import event_codec
from pos_app.ledger.db import converting, key_file, open_writer, problem
from pos_app.ledger.edition import refuse_first_edition
from pos_app.ledger.first_edition import was_set_aside
from pos_app.ledger.integrity.encryption import Vault, open_vault
from pos_app.ledger.integrity.identity import are_its_facts, is_its_key, make_facts
from pos_app.ledger.one_writer import hold
from pos_app.ledger.stores.attempts import AttemptStore, PromptSeen
from pos_app.ledger.stores.messages import Cursor, MessageStore, digest_of
from pos_app.ledger.stores.sales import SaleStore
from pos_app.ledger.stores.transactions import TransactionStore
from pos_app.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Applied:
    """An event that is in the ledger: the attempt before and after, and what follows."""

    before: Attempt
    attempt: Attempt
    effects: tuple[Effect, ...]

    @property
    def has_changed(self) -> bool:
        return self.before != self.attempt


@dataclass(frozen=True, slots=True)
class PaymentTaken:
    """What came of a message about a payment.

    Args:
        payment: As it is listed now; None for one that is listed already, or cannot be read.
        quoted_for: The sale that its code was quoted for before it came.
        proved: What it meant for the prompt that had been paid with its code.
    """

    payment: C2bPayment | None
    quoted_for: SaleId | None = None
    proved: Applied | None = None


CLOCKS_APART_MS: Final = 600_000
"""By so much this PC's clock and the relay's may differ before a message is taken for an older ledger's."""


def _prompted_ms(prompt: PromptSeen, now_ms: int) -> int:
    """When a phone was prompted; what is on its way now may leave this very moment."""
    if prompt.left_at_ms is None and prompt.state is AttemptState.SENDING:
        return now_ms
    at_ms = left_ms(prompt.state, prompt.sent_at_ms, prompt.left_at_ms)
    return min(at_ms, max(now_ms, prompt.sent_at_ms))


class LedgerWriter:
    """Writes sales, attempts, events and evidence.

    *Thread*: one at a time; the engine gives it a thread of its own.

    Args:
        environment: Which M-PESA's sales belong in it: practice sales never mix with real ones.

    Raises:
        Outside: as `pos_app.ledger.db.open_writer`; ``ledger.in_use`` where another program writes it;
            ``ledger.other_environment`` for another M-PESA's ledger, ``.replaced`` for one that lacks what was
            written before, ``.key_missing`` where the key beside it is not its own.
    """

    def __init__(self, path: Path, environment: str = "practice") -> None:
        refuse_first_edition(path)
        self.path = path
        self._lock = hold(path)
        try:
            self._unit = UnitOfWork(open_writer(path), path)
        except BaseException:
            self._lock.release()
            raise
        try:
            with converting(path):
                facts = dict(self._unit.db.execute("SELECT name, value FROM ledger_facts").fetchall())
                self.vault: Vault = open_vault(key_file(path), may_create=not facts)
                self._check_facts(facts, environment)
                self._unit.check_head()
        except BaseException:
            self.close()
            raise
        self._sales = SaleStore(self._unit)
        self._attempts = AttemptStore(self._unit, self.vault)
        self._money = TransactionStore(self._unit, self.vault)
        self._messages = MessageStore(self._unit, self.vault)

    def _check_facts(self, known: dict[str, str], environment: str) -> None:
        if not known:
            facts = make_facts(self.vault, environment, SystemClock().now_ms())
            with self._unit.transaction() as db:
                db.executemany("INSERT INTO ledger_facts (name, value) VALUES (?, ?)", facts.items())
        elif not is_its_key(self.vault, known):
            raise problem("ledger.key_missing", key_file(self.path))
        elif not are_its_facts(self.vault, known):
            raise problem("ledger.replaced", self.path)
        elif known["environment"] != environment:
            raise problem("ledger.other_environment", self.path)

    def close(self) -> None:
        """Closes the file; everything is on the disk already."""
        self._unit.close()
        self._lock.release()

    # Sales and attempts

    def begin_sale(
        self,
        draft: Draft,
        token: str,
        now_ms: int,
        *,
        cashier: str = "",
        till_label: str = "",
        anyway: bool = False,
    ) -> Applied:
        """A new sale whose prompt is about to be sent: Enter to *sending* is one transaction.

        Args:
            anyway: Although a sale with this phone, amount and reference is not known yet.

        Raises:
            Mistake: ``sale.same_open`` (reference, sale, attempt) where it seems to be that sale again;
                ``sale.wait_…`` where M-PESA would refuse the prompt.
            Outside: ``ledger.…``; then nothing was recorded.
        """
        with self._unit.transaction():
            attempt = self._add_sale(draft, token, now_ms, cashier, till_label, anyway=anyway)
            return self._apply(attempt, ev.SendRequested(), now_ms, DEFAULT_TIMING)

    def _add_sale(
        self, draft: Draft, token: str, now_ms: int, cashier: str, till_label: str, *, anyway: bool
    ) -> Attempt:
        if not anyway:
            self._refuse_same_open(draft)
        rules.refuse_wait(self._wait(draft.msisdn, draft.amount_cents, now_ms, has_live_attempt=False), now_ms)
        sale_id = self._sales.add(draft, now_ms, cashier, till_label)
        return self._attempts.add(sale_id, draft, token, now_ms, cashier)

    def begin_attempt(
        self, sale_id: SaleId, token: str, now_ms: int, *, msisdn: Msisdn | None = None, by: str = ""
    ) -> Applied:
        """Another attempt for an open sale, to the same phone unless told otherwise; it is about to be sent.

        Args:
            by: Who asks for it.

        Raises:
            Mistake: ``sale.not_found``, ``.voided``, ``.already_paid``, ``.live_attempt``, ``.said_paid``, ``.wait_…``.
        """
        with self._unit.transaction():
            attempt = self._add_another(sale_id, token, now_ms, msisdn, by)
            return self._apply(attempt, ev.SendRequested(), now_ms, DEFAULT_TIMING)

    def _add_another(self, sale_id: SaleId, token: str, now_ms: int, msisdn: Msisdn | None, by: str = "") -> Attempt:
        sale = self._summary(sale_id)
        rules.ensure(SaleAction.SEND_AGAIN, sale)
        draft = rules.next_prompt(sale, msisdn)
        if sale.attempt.state is AttemptState.READY:
            # What never left makes room for another.
            self._apply(sale.attempt, ev.Withdrawn(), now_ms, DEFAULT_TIMING)
            sale = self._summary(sale_id)
        rules.refuse_wait(self._wait_of(sale, draft.msisdn, draft.amount_cents, now_ms), now_ms)
        return self._attempts.add(sale_id, draft, token, now_ms, by)

    def _refuse_same_open(self, draft: Draft) -> None:
        """The commonest way to charge twice: the sale that is not known yet, typed in anew."""
        same = self._attempts.same_open(draft)
        if same is not None:
            raise Mistake("sale.same_open", reference=draft.reference, sale=same[0], attempt=same[1])

    def wait_of(self, attempt_id: AttemptId, now_ms: int) -> Wait | None:
        """What stands in the way of prompting the sale of this attempt again."""
        with converting(self.path):
            last = self._attempts.get(attempt_id)
            sale = replace(self._summary(last.sale_id), attempt=last)
            return self._wait_of(sale, last.msisdn, last.amount_cents, now_ms)

    def _wait_of(self, sale: SaleSummary, msisdn: Msisdn, amount_cents: Cents, now_ms: int) -> Wait | None:
        return self._wait(
            msisdn,
            amount_cents,
            now_ms,
            has_live_attempt=sale.attempt.is_live,
            is_said_paid=sale.is_said_paid,
        )

    def _wait(
        self, msisdn: Msisdn, amount_cents: int, now_ms: int, *, has_live_attempt: bool, is_said_paid: bool = False
    ) -> Wait | None:
        """By the first bytes of earlier prompts; one that is on its way may leave this very moment."""
        since_ms = now_ms - SAME_AMOUNT_WAIT_MS - LEAVES_WITHIN_MS
        recent = [
            (_prompted_ms(prompt, now_ms), prompt.amount_cents)
            for prompt in self._attempts.prompts_to(msisdn, since_ms)
        ]
        return resend_wait(
            now_ms,
            has_live_attempt=has_live_attempt,
            is_said_paid=is_said_paid,
            last_prompt_ms=max((at_ms for at_ms, _ in recent), default=None),
            last_same_amount_ms=max((at_ms for at_ms, amount in recent if amount == amount_cents), default=None),
        )

    # Events

    def apply(self, attempt_id: AttemptId, event: ev.Event, now_ms: int, timing: Timing = DEFAULT_TIMING) -> Applied:
        """Decides what an event means for an attempt and writes it down.

        Raises:
            Mistake: as `pos_app.domain.stk.transitions.step`.
            Outside: ``ledger.…``; then nothing was written.
        """
        with self._unit.transaction():
            return self._apply(self._attempts.get(attempt_id), event, now_ms, timing)

    def take_callback(
        self,
        *,
        token_digest: bytes,
        body: bytes,
        event: ev.CallbackArrived | ev.CallbackUnclear,
        now_ms: int,
        cursor: Cursor,
        timing: Timing = DEFAULT_TIMING,
    ) -> Applied | None:
        """Evidence, its effect, and how far the mailbox is read: one transaction.

        Args:
            token_digest: SHA-256 of the token in the callback's address; it says whose callback it is.
            body: As it came.
            event: What it says.
            cursor: Its place in the mailbox.

        Returns:
            The effect, or None for an unknown token or a duplicate.
        """
        with self._unit.transaction():
            self._messages.note_cursor(cursor, now_ms)
            attempt = self._attempts.by_token(token_digest)
            if attempt is None:
                self._messages.keep_strangers(now_ms, token_digest, body)
                return None
            verdict = "read" if isinstance(event, ev.CallbackArrived) else "unreadable"
            digest = self._messages.keep(attempt.id, now_ms, verdict, token_digest, body)
            if digest is None:
                return None
            return self._apply(attempt, event, now_ms, timing, evidence=digest)

    def pass_over(self, token_digest: bytes, body: bytes, now_ms: int, cursor: Cursor) -> None:
        """Keeps a message that its reader fell over, as far as it may be kept, and moves on: it stops nobody."""
        with self._unit.transaction():
            self._messages.note_cursor(cursor, now_ms)
            attempt = self._attempts.by_token(token_digest)
            if attempt is None:
                self._messages.keep_strangers(now_ms, token_digest, body)
            else:
                self._messages.keep(attempt.id, now_ms, "unreadable", token_digest, body)

    # Payments made straight to the till

    def take_payment(
        self,
        *,
        token_digest: bytes,
        body: bytes,
        payment: C2bPayment | None,
        now_ms: int,
        cursor: Cursor,
    ) -> PaymentTaken:
        """Evidence, the payment's place in the list, what it proves, and how far the mailbox is read: at once.

        Args:
            payment: What the body says; None where it cannot be read, or is for another shop's number.
        """
        with self._unit.transaction():
            self._messages.note_cursor(cursor, now_ms)
            listed = self._money.payment(payment.mpesa_code) if payment is not None else None
            if listed is not None and payment is not None and listed.amount_cents != payment.amount_cents:
                # One code with two amounts: a person must look at the second.
                payment = None
            verdict = "payment" if payment is not None else "unreadable payment"
            self._messages.keep(None, now_ms, verdict, token_digest, body)
            if payment is None or not self._money.arrive(payment, digest_of(token_digest, body), now_ms):
                return PaymentTaken(None)
            attempt = self._attempts.by_code(payment.mpesa_code)
            proved = None
            if attempt is not None:
                proved = self._after_proof(Applied(attempt, attempt, ()), payment, now_ms)
            claimed = self._attempts.with_claim(payment.mpesa_code)
            kept = self._money.payment(payment.mpesa_code)
            is_wanted = claimed is not None and kept is not None and kept.use is Use.FREE
            return PaymentTaken(kept, claimed.sale_id if claimed is not None and is_wanted else None, proved)

    def payment(self, mpesa_code: str) -> C2bPayment | None:
        """The payment with a code."""
        with converting(self.path):
            return self._money.payment(mpesa_code)

    def allocate_payment(self, mpesa_code: str, sale_id: SaleId, by: str, now_ms: int) -> Applied:
        """Gives a payment to a sale. For a prompt that was paid without a code it is the proof, not more money.

        Raises:
            Mistake: ``payment.unknown``, ``.used``, ``.elsewhere``; ``sale.not_found``, ``.voided``, ``.already_paid``.
        """
        with self._unit.transaction():
            code = self._code_facts(mpesa_code, sale_id)
            payment = rules.free_payment(code)
            sale = self._summary(sale_id)
            decision = rules.allocate(payment, code.heard_by, sale, self._attempts.of_sale(sale_id))
            if decision.is_more_money:
                self._money.allocate(payment, sale_id, now_ms, by)
            return self._follow(sale.attempt, decision, now_ms)

    def _follow(self, before: Attempt, decision: rules.Allocation, now_ms: int) -> Applied:
        """Writes down what an allocation, or its end, means for the attempts of the sale."""
        applied = [
            self._apply(self._attempts.get(attempt_id), event, now_ms, DEFAULT_TIMING)
            for attempt_id, event in decision.events
        ]
        if not decision.is_more_money:
            return applied[0]
        effects = tuple(effect for one in applied for effect in one.effects)
        return Applied(before, self._attempts.get(before.id), effects)

    def _heard_by_another(self, mpesa_code: str, sale_id: SaleId) -> CodeOwner | None:
        """Another sale whose callback named this code, and which it may still turn out to pay."""
        for attempt in self._attempts.that_heard(mpesa_code):
            sale = self._sales.get(attempt.sale_id)
            is_open = not sale.is_voided and sale.received_cents < sale.amount_cents
            if sale.id != sale_id and not attempt.heard_settled and is_open:
                return CodeOwner(sale.id, sale.reference, attempt.created_at_ms)
        return None

    def _code_facts(self, mpesa_code: str, sale_id: SaleId) -> CodeFacts:
        payment = self._money.payment(mpesa_code)
        used_by = None
        if payment is not None and payment.sale_id is not None:
            used_by = CodeOwner(payment.sale_id, self._sales.get(payment.sale_id).reference, payment.paid_at_ms)
        return CodeFacts(payment, used_by, self._heard_by_another(mpesa_code, sale_id))

    def codes_to_reserve(self, since_ms: int) -> list[tuple[AttemptId, str]]:
        """The codes that prompts were paid with since a time, and of which the relay has not confirmed anything."""
        with converting(self.path):
            return self._money.codes_to_reserve(since_ms)

    def note_reserved(self, attempt_id: AttemptId) -> None:
        """The relay confirmed that the money of this attempt's code is this till's: it is not asked again."""
        with self._unit.transaction():
            self._money.note_reserved(attempt_id)

    def deallocate_payment(self, mpesa_code: str, by: str, reason: str, now_ms: int) -> Applied:
        """Takes a payment back from the sale it was given to; it is free again.

        Raises:
            Mistake: ``payment.unknown`` or ``payment.not_attached``.
        """
        with self._unit.transaction():
            payment, sale_id = rules.given_payment(self._money.payment(mpesa_code))
            sale = self._summary(sale_id)
            spoken_of = self._attempts.spoken_of(mpesa_code)
            decision = rules.deallocate(payment, sale, self._attempts.of_sale(sale_id), spoken_of)
            self._money.deallocate(payment, now_ms, by, reason)
            # Whoever takes it back knows what follows: it rings for nobody.
            return replace(self._follow(sale.attempt, decision, now_ms), effects=())

    def note_reservation(self, subject: bytes, till: str, now_ms: int, cursor: Cursor) -> None:
        """Another till of the shop reserved a payment, or (an empty name) gave it back."""
        with self._unit.transaction():
            self._messages.note_cursor(cursor, now_ms)
            mpesa_code = self._money.code_of_reservation(subject)
            if mpesa_code is not None:
                self._money.reserve_elsewhere(mpesa_code, till, now_ms)

    def lose_payment(self, mpesa_code: str, till: str, now_ms: int) -> None:
        """The relay says that another till has it."""
        with self._unit.transaction():
            self._money.reserve_elsewhere(mpesa_code, till, now_ms)

    def settle_review(self, sale_id: SaleId, by: str, reason: str, now_ms: int) -> list[Applied]:
        """A person settled what needed one, for every attempt of a sale: all of them or none.

        Raises:
            Mistake: ``review.nothing``, ``review.listed``.
        """
        with self._unit.transaction():
            rules.ensure(SaleAction.SETTLE_REVIEW, self._summary(sale_id))
            event = ev.ReviewSettled(by, reason)
            return [
                self._apply(self._attempts.get(attempt_id), event, now_ms, DEFAULT_TIMING)
                for attempt_id in self.for_review(sale_id)
            ]

    def void_sale(self, sale_id: SaleId, by: str, reason: str, now_ms: int) -> list[Applied]:
        """Takes a sale back, and a prompt that never left with it: both or neither.

        Raises:
            Mistake: ``sale.not_found``, ``.not_voidable``, ``.said_paid``.
        """
        with self._unit.transaction():
            sale = self._summary(sale_id)
            rules.ensure(SaleAction.VOID, sale)
            events: list[ev.Event] = [ev.SaleVoided(by, reason)]
            if sale.attempt.state is AttemptState.READY:
                events.insert(0, ev.Withdrawn())
            return [self._apply(self._attempts.get(sale.attempt.id), event, now_ms, DEFAULT_TIMING) for event in events]

    def settle_strays(self, evidence: Sequence[int], by: str, reason: str, now_ms: int) -> None:
        """Notes what a person did about messages that belong to no payment. They stay as evidence."""
        with self._unit.transaction():
            self._messages.settle(evidence, by, reason, now_ms)

    def _apply(
        self, before: Attempt, event: ev.Event, now_ms: int, timing: Timing, *, evidence: bytes | None = None
    ) -> Applied:
        """Decides and writes down, for an attempt as this transaction found it."""
        self._refuse_for_sale(before, event, now_ms)
        decision = step(before, event, self._facts(before, event), now_ms, timing)
        after = decision.attempt
        kind = event_codec.sale_kind(event)
        if kind is not None:
            details = event_codec.details_of(event, before, after, {})
            self._sales.change(before.sale_id, kind, now_ms, event_codec.actor_of(event), details)
            self._attempts.free_code(before, after, now_ms)
            return Applied(before, after, decision.effects)
        self._attempts.note(event, before, after, now_ms, evidence=evidence)
        applied = Applied(before, after, decision.effects)
        if after.state is not AttemptState.PAID:
            return applied
        payment = self._money.receive(after, now_ms)
        return self._after_proof(applied, payment, now_ms) if payment is not None else applied

    def _after_proof(self, applied: Applied, payment: C2bPayment, now_ms: int) -> Applied:
        """An attempt has its code: what stood in the list with it is the same money."""
        attempt, effects = applied.attempt, list(applied.effects)
        sale, attempts = self._sales.get(attempt.sale_id), self._attempts.of_sale(attempt.sale_id)
        for attempt_id, event in rules.after_proof(payment, attempt, sale, attempts):
            effects += self._apply(self._attempts.get(attempt_id), event, now_ms, DEFAULT_TIMING).effects
        return Applied(applied.before, self._attempts.get(attempt.id), tuple(effects))

    def _facts(self, attempt: Attempt, event: ev.Event) -> Facts:
        """What the ledger knows of the codes that an event speaks of, and of the sale."""
        codes = codes_in_question(attempt, event)
        taken = frozenset(code for code in codes if self._money.is_taken(code, attempt))
        listed = self._money.payment(codes[0]) if codes else None
        return rules.facts_for(attempt, self._sales.get(attempt.sale_id), taken, listed)

    def _refuse_for_sale(self, attempt: Attempt, event: ev.Event, now_ms: int) -> None:
        """What the sale forbids, or another one: an attempt alone cannot know it."""
        if not isinstance(event, (ev.CodeClaimed, ev.GivenUp, ev.ReviewSettled, ev.SaleVoided, ev.SendRequested)):
            return
        sale = replace(self._summary(attempt.sale_id), attempt=attempt)
        match event:
            case ev.CodeClaimed(code):
                self._refuse_quoted_code(code, attempt)
                rules.ensure(SaleAction.QUOTE_CODE, sale)
            case ev.GivenUp():
                rules.ensure(SaleAction.GIVE_UP, sale)
            case ev.ReviewSettled():
                code_facts = self._code_facts(attempt.heard_code or "", attempt.sale_id)
                rules.refuse_settling(code_facts, sale, attempt, self._attempts.of_sale(attempt.sale_id))
            case ev.SaleVoided():
                rules.ensure(SaleAction.VOID, sale)
            case ev.SendRequested():
                rules.refuse_sending(sale, attempt)
                wait = self._wait(attempt.msisdn, attempt.amount_cents, now_ms, has_live_attempt=False)
                rules.refuse_wait(wait, now_ms)

    def _refuse_quoted_code(self, mpesa_code: str, attempt: Attempt) -> None:
        owners = (self._attempts.by_code(mpesa_code), self._attempts.with_claim(mpesa_code))
        owner = next((one for one in owners if one is not None and one.id != attempt.id), None)
        used_by = None
        if owner is not None:
            at_ms = owner.settled_at_ms if owner.settled_at_ms is not None else owner.created_at_ms
            used_by = CodeOwner(owner.sale_id, owner.reference, at_ms)
        rules.refuse_quoted_code(self._code_facts(mpesa_code, attempt.sale_id), attempt.sale_id, used_by)

    # Reading back

    def _summary(self, sale_id: SaleId) -> SaleSummary:
        """A sale as it stands in this transaction."""
        sale = self._sales.get(sale_id)
        return summarize(sale, self._attempts.of_sale(sale_id), self._money.codes_of(sale_id))

    def attempt(self, attempt_id: AttemptId) -> Attempt:
        """One attempt, its phone in full."""
        with converting(self.path):
            return self._attempts.get(attempt_id)

    def last_attempt_of(self, sale_id: SaleId) -> Attempt:
        """The latest attempt of a sale.

        Raises:
            Mistake: ``sale.not_found``.
        """
        with converting(self.path):
            attempts = self._attempts.of_sale(sale_id)
        if not attempts:
            raise Mistake("sale.not_found")
        return attempts[-1]

    def for_review(self, sale_id: SaleId) -> list[AttemptId]:
        """The attempts of a sale that need a person."""
        with converting(self.path):
            attempts = self._attempts.of_sale(sale_id)
        return [attempt.id for attempt in attempts if attempt.review or attempt.speaks_of_money]

    def to_follow(self, since_ms: int) -> list[Attempt]:
        """Attempts of which a question is still owed.

        All live ones; those closed without money since a time; and, however old, those closed or paid that no answer
        has been had for since.
        """
        with converting(self.path):
            return self._attempts.to_follow(since_ms)

    def live_token_digests(self) -> list[bytes]:
        """The digests of the tokens whose callbacks are still to come."""
        with converting(self.path):
            return self._attempts.live_token_digests()

    def newest_event_ms(self) -> int:
        """When the newest event was written, by the clock of then; 0 for a new ledger."""
        with converting(self.path):
            row = self._unit.db.execute("SELECT at_ms FROM ledger_events ORDER BY id DESC LIMIT 1").fetchone()
        return int(row[0]) if row is not None else 0

    def left_ready(self) -> list[Attempt]:
        """Attempts that were recorded and never left."""
        with converting(self.path):
            return self._attempts.ready()

    def cursor(self, mailbox: str) -> Cursor:
        """How far a relay's mailbox is read."""
        with converting(self.path):
            return self._messages.cursor(mailbox)

    def mail_begins_ms(self) -> int | None:
        """Since when mail is this ledger's; None where all of it is.

        What came before belongs to the ledger that was set aside. Once: a mailbox that takes the first one's place
        later is read from its beginning.
        """
        with converting(self.path):
            if not was_set_aside(self.path) or self._messages.has_cursors():
                return None
            row = self._unit.db.execute("SELECT value FROM ledger_facts WHERE name = 'began_at_ms'").fetchone()
        return int(row[0]) - CLOCKS_APART_MS

    def begin_mailbox(self, cursor: Cursor, now_ms: int) -> None:
        """Notes from where on a mailbox is read."""
        with self._unit.transaction():
            self._messages.note_cursor(cursor, now_ms)
