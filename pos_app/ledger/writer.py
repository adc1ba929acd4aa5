"""The one writer. Every method is one transaction; when it returns, it is on the disk."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pos_app.common.clock import day_of
from pos_app.common.errors import Bug, Mistake
from pos_app.common.tokens import token_digest
from pos_app.domain.c2b.payment import C2bPayment, Use, reservation_subject
from pos_app.domain.sales import rules
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import CodeFacts, CodeOwner
from pos_app.domain.sales.sale import Draft, Sale, SaleSummary, summarize
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.stk.effects import Effect
from pos_app.domain.stk.facts import Facts, codes_in_question
from pos_app.domain.stk.schedule import LEAVES_WITHIN_MS, SAME_AMOUNT_WAIT_MS, Wait, left_ms, resend_wait
from pos_app.domain.stk.transitions import DEFAULT_TIMING, Timing, step
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger.db import converting, key_file, open_writer, problem
from pos_app.ledger.describe import changed_columns, describe
from pos_app.ledger.integrity import hash_chain
from pos_app.ledger.integrity.chain_head import Head, HeadFile, head_of, is_behind, read_head
from pos_app.ledger.integrity.encryption import KEY_CHECK, Vault, open_vault
from pos_app.ledger.one_writer import hold
from pos_app.ledger.payment_book import PaymentBook
from pos_app.ledger.rows import ATTEMPT_COLUMNS, PHONE_SEALED, SALE_COLUMNS, SPEAKS_OF_MONEY, attempt_of, sale_of


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


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a mailbox is read.

    Args:
        mailbox: Which relay's, and which till's.
        position: Number of the last message that the ledger has; 0 for none.
        mark: That message's own.
        identity: The mailbox's own name for itself: another one under the same address was set up afresh.
    """

    mailbox: str
    position: int
    mark: str = ""
    identity: str = ""


STRANGERS_A_DAY: Final = 500
STRANGER_KEPT_BYTES: Final = 1024
STRANGER_BYTES_A_DAY: Final = 256 * 1024
"""What messages with a token of nobody may leave here on one day, and how much of each is kept."""


def _prompted_ms(state: str, sent_at_ms: int, left_at_ms: int | None, now_ms: int) -> int:
    """When a phone was prompted; what is on its way now may leave this very moment."""
    if left_at_ms is None and state == AttemptState.SENDING:
        return now_ms
    at_ms = left_ms(AttemptState(state), sent_at_ms, left_at_ms)
    return min(at_ms, max(now_ms, sent_at_ms))


class LedgerWriter:
    """Writes sales, attempts, events and evidence.

    *Thread*: one at a time; the engine gives it a thread of its own.

    Args:
        environment: Which M-PESA's sales belong in it: practice sales never mix with real ones.

    Raises:
        Outside: as `pos_app.ledger.db.open_writer`; ``ledger.in_use`` where another program writes it;
            ``ledger.other_environment`` for another
            M-PESA's ledger, ``.replaced`` for one that lacks what was written before,
            ``.key_missing`` where the key beside it is not its own.
    """

    def __init__(self, path: Path, environment: str = "practice") -> None:
        self.path = path
        self._head = Head("", 0, "")
        self._lock = hold(path)
        try:
            self._db = open_writer(path)
        except BaseException:
            self._lock.release()
            raise
        self._head_file = HeadFile(path)
        try:
            with converting(path):
                is_empty = self._db.execute("SELECT NOT EXISTS (SELECT 1 FROM attempts)").fetchone()[0]
                self.vault: Vault = open_vault(key_file(path), may_create=bool(is_empty))
                self._check_facts(environment)
                self._payments = PaymentBook(self._db, self.vault, self._add_event)
                self._seal_elsewhere()
                self._head = self._check_head()
        except BaseException:
            self.close()
            raise

    def _check_facts(self, environment: str) -> None:
        known = dict(self._db.execute("SELECT name, value FROM facts"))
        if not known:
            facts = {
                "environment": environment,
                "ledger": secrets.token_hex(8),
                "key": self.vault.seal(KEY_CHECK).hex(),
            }
            with self._transaction() as db:
                db.executemany("INSERT INTO facts (name, value) VALUES (?, ?)", facts.items())
        elif known["environment"] != environment:
            raise problem("ledger.other_environment", self.path)
        elif self.vault.open(bytes.fromhex(known["key"])) != KEY_CHECK:
            raise problem("ledger.key_missing", key_file(self.path))

    def _seal_elsewhere(self) -> None:
        """Once: what an older program noted as another till's gets the seal that `verify` asks for."""
        if self._db.execute("SELECT 1 FROM facts WHERE name = 'elsewhere_sealed'").fetchone() is not None:
            return
        with self._transaction() as db:
            for code, till in db.execute(
                "SELECT mpesa_code, taken_by FROM till_payments WHERE use = 'elsewhere' AND taken_sealed IS NULL"
            ).fetchall():
                self._payments.take_elsewhere(code, till)
            db.execute("INSERT INTO facts (name, value) VALUES ('elsewhere_sealed', 'since version 4')")

    def _check_head(self) -> Head:
        before = read_head(self.path)
        if before is not None and is_behind(self._db, before):
            raise problem("ledger.replaced", self.path)
        head = head_of(self._db)
        if head != before:
            self._head_file.write(head)
        return head

    def close(self) -> None:
        """Closes the file; everything is on the disk already."""
        self._db.close()
        self._head_file.close()
        self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        before = self._head
        with converting(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._head = before
                # On a full disk SQLite may have rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        if self._head != before:
            self._head_file.write(self._head)

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
        with self._transaction():
            attempt = self._add_sale(draft, token, now_ms, cashier, till_label, anyway=anyway)
            return self._apply(attempt, ev.SendRequested(), now_ms, DEFAULT_TIMING)

    def _add_sale(
        self, draft: Draft, token: str, now_ms: int, cashier: str, till_label: str, *, anyway: bool
    ) -> Attempt:
        if not anyway:
            self._refuse_same_open(draft)
        rules.refuse_wait(self._wait(draft.msisdn, draft.amount_cents, now_ms, has_live_attempt=False), now_ms)
        cursor = self._db.execute(
            "INSERT INTO sales (reference, amount_cents, day, created_at_ms, cashier, till_label)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (draft.reference, draft.amount_cents, day_of(now_ms), now_ms, cashier, till_label),
        )
        return self._add_attempt(SaleId(cursor.lastrowid or 0), draft, token, now_ms)

    def begin_attempt(self, sale_id: SaleId, token: str, now_ms: int, *, msisdn: Msisdn | None = None) -> Applied:
        """Another attempt for an open sale, to the same phone unless told otherwise; it is about to be sent.

        Raises:
            Mistake: ``sale.not_found``, ``.voided``, ``.already_paid``, ``.live_attempt``, ``.said_paid``, ``.wait_…``.
        """
        with self._transaction():
            attempt = self._add_another(sale_id, token, now_ms, msisdn)
            return self._apply(attempt, ev.SendRequested(), now_ms, DEFAULT_TIMING)

    def _add_another(self, sale_id: SaleId, token: str, now_ms: int, msisdn: Msisdn | None) -> Attempt:
        sale = self._summary(sale_id)
        rules.ensure(SaleAction.SEND_AGAIN, sale)
        draft = rules.next_prompt(sale, msisdn)
        if sale.attempt.state is AttemptState.READY:
            # What never left makes room for another.
            self._apply(sale.attempt, ev.Withdrawn(), now_ms, DEFAULT_TIMING)
            sale = self._summary(sale_id)
        rules.refuse_wait(self._wait_of(sale, draft.msisdn, draft.amount_cents, now_ms), now_ms)
        return self._add_attempt(sale_id, draft, token, now_ms)

    def _refuse_same_open(self, draft: Draft) -> None:
        """The commonest way to charge twice: the sale that is not known yet, typed in anew."""
        rows = self._db.execute(
            "SELECT s.id, a.id, a.phone_sealed FROM attempts a JOIN sales s ON s.id = a.sale_id"  # noqa: S608 - our own
            " WHERE a.phone_tail = ? AND s.amount_cents = ? AND s.reference = ? COLLATE NOCASE AND NOT s.is_voided"
            " AND s.received_cents < s.amount_cents"
            f" AND (a.state IN ('sending', 'pending', 'unknown') OR {SPEAKS_OF_MONEY})"
            " ORDER BY a.id DESC",
            (self.vault.tail(draft.msisdn), draft.amount_cents, draft.reference),
        )
        for sale_id, attempt_id, sealed in rows:
            if self.vault.open(sealed) == draft.msisdn.encode():
                raise Mistake("sale.same_open", reference=draft.reference, sale=sale_id, attempt=attempt_id)

    def wait_of(self, attempt_id: AttemptId, now_ms: int) -> Wait | None:
        """What stands in the way of prompting the sale of this attempt again."""
        with converting(self.path):
            last = self._attempt(attempt_id)
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
            (_prompted_ms(row[0], row[1], row[2], now_ms), row[3])
            for row in self._db.execute(
                "SELECT state, sent_at_ms, left_at_ms, amount_cents, phone_sealed FROM attempts"
                " WHERE phone_tail = ? AND sent_at_ms > ? AND state <> 'rejected'",
                (self.vault.tail(msisdn), since_ms),
            )
            if self.vault.open(row[4]) == msisdn.encode()
        ]
        return resend_wait(
            now_ms,
            has_live_attempt=has_live_attempt,
            is_said_paid=is_said_paid,
            last_prompt_ms=max((at_ms for at_ms, _ in recent), default=None),
            last_same_amount_ms=max((at_ms for at_ms, amount in recent if amount == amount_cents), default=None),
        )

    def _add_attempt(self, sale_id: SaleId, draft: Draft, token: str, now_ms: int) -> Attempt:
        national = "0" + draft.msisdn[3:]
        sealed, digest = self.vault.seal(draft.msisdn.encode()), token_digest(token)
        cursor = self._db.execute(
            "INSERT INTO attempts (sale_id, amount_cents, phone_head, phone_last3, phone_tail, phone_sealed,"
            " token_hash, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                sale_id,
                draft.amount_cents,
                national[:4],
                national[-3:],
                self.vault.tail(draft.msisdn),
                sealed,
                digest,
                now_ms,
            ),
        )
        attempt_id = AttemptId(cursor.lastrowid or 0)
        attempt = self._attempt(attempt_id)
        sale = self._db.execute(
            "SELECT day, cashier, till_label, created_at_ms FROM sales WHERE id = ?", (sale_id,)
        ).fetchone()
        details = {
            "sale": sale_id,
            "reference": draft.reference,
            "amount_cents": draft.amount_cents,
            "phone": attempt.phone_masked,
            "phone_sealed": hashlib.sha256(sealed).hexdigest(),
            "token": digest.hex(),
            "created_at_ms": now_ms,
            "day": sale[0],
            "cashier": sale[1],
            "till_label": sale[2],
            "sold_at_ms": sale[3],
        }
        self._add_event(attempt_id, now_ms, "requested", AttemptState.READY, AttemptState.READY, details)
        return attempt

    # Events

    def apply(self, attempt_id: AttemptId, event: ev.Event, now_ms: int, timing: Timing = DEFAULT_TIMING) -> Applied:
        """Decides what an event means for an attempt and writes it down.

        Raises:
            Mistake: as `pos_app.domain.stk.transitions.step`.
            Outside: ``ledger.…``; then nothing was written.
        """
        with self._transaction():
            return self._apply(self._attempt(attempt_id), event, now_ms, timing)

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
        with self._transaction():
            self._note_cursor(cursor, now_ms)
            attempt = self._find_attempt("a.token_hash", token_digest)
            if attempt is None:
                self._keep_strangers(now_ms, token_digest, body)
                return None
            verdict = "read" if isinstance(event, ev.CallbackArrived) else "unreadable"
            digest = self._keep_evidence(attempt.id, now_ms, verdict, token_digest, body)
            if digest is None:
                return None
            return self._apply(attempt, event, now_ms, timing, evidence=digest)

    def pass_over(self, token_digest: bytes, body: bytes, now_ms: int, cursor: Cursor) -> None:
        """Keeps a message that its reader fell over, as far as it may be kept, and moves on: it stops nobody."""
        with self._transaction():
            self._note_cursor(cursor, now_ms)
            attempt = self._find_attempt("a.token_hash", token_digest)
            if attempt is None:
                self._keep_strangers(now_ms, token_digest, body)
            else:
                self._keep_evidence(attempt.id, now_ms, "unreadable", token_digest, body)

    def _keep_strangers(self, now_ms: int, token_digest: bytes, body: bytes) -> None:
        """Keeps the beginning of a message with a token of nobody, up to so many and so much a day.

        Anybody can send such messages, and what stands here is never deleted.
        """
        day, part = day_of(now_ms), body[:STRANGER_KEPT_BYTES]
        db = self._db
        db.execute("INSERT INTO strangers (day) VALUES (?) ON CONFLICT DO NOTHING", (day,))
        kept, size = db.execute("SELECT kept, bytes FROM strangers WHERE day = ?", (day,)).fetchone()
        if kept >= STRANGERS_A_DAY or size + len(part) > STRANGER_BYTES_A_DAY:
            db.execute("UPDATE strangers SET dropped = dropped + 1 WHERE day = ?", (day,))
        elif self._keep_evidence(None, now_ms, "unknown token", token_digest, body, part=part) is not None:
            db.execute("UPDATE strangers SET kept = kept + 1, bytes = bytes + ? WHERE day = ?", (len(part), day))

    def _note_cursor(self, cursor: Cursor, now_ms: int) -> None:
        self._db.execute(
            "INSERT INTO cursors (mailbox, position, mark, identity, read_at_ms) VALUES (?, ?, ?, ?, ?)"
            # As it is, not the highest ever: a mailbox that began anew counts from its own beginning.
            " ON CONFLICT (mailbox) DO UPDATE SET position = excluded.position, mark = excluded.mark,"
            " identity = excluded.identity, read_at_ms = excluded.read_at_ms",
            (cursor.mailbox, cursor.position, cursor.mark, cursor.identity, now_ms),
        )

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
        with self._transaction() as db:
            self._note_cursor(cursor, now_ms)
            listed = self._payments.find(payment.mpesa_code) if payment is not None else None
            if listed is not None and payment is not None and listed.amount_cents != payment.amount_cents:
                # One code with two amounts: a person must look at the second.
                payment = None
            verdict = "payment" if payment is not None else "unreadable payment"
            self._keep_evidence(None, now_ms, verdict, token_digest, body)
            digest = hashlib.sha256(token_digest + body).digest()
            if payment is None or not self._payments.keep(payment, digest, now_ms):
                return PaymentTaken(None)
            found = db.execute("SELECT id FROM attempts WHERE mpesa_code = ?", (payment.mpesa_code,)).fetchone()
            proved = None
            if found is not None:
                attempt = self._attempt(found[0])
                proved = self._proved(Applied(attempt, attempt, ()), now_ms)
            claimed = db.execute(
                "SELECT sale_id FROM attempts WHERE claimed_code = ?", (payment.mpesa_code,)
            ).fetchone()
            kept = self._payments.find(payment.mpesa_code)
            is_wanted = claimed is not None and kept is not None and kept.use is Use.FREE
            return PaymentTaken(kept, SaleId(claimed[0]) if is_wanted else None, proved)

    def payment(self, mpesa_code: str) -> C2bPayment | None:
        """The payment with a code."""
        with converting(self.path):
            return self._payments.find(mpesa_code)

    def allocate_payment(self, mpesa_code: str, sale_id: SaleId, by: str, now_ms: int) -> Applied:
        """Gives a payment to a sale. For a prompt that was paid without a code it is the proof, not more money.

        Raises:
            Mistake: ``payment.unknown``, ``.used``, ``.elsewhere``; ``sale.not_found``, ``.voided``, ``.already_paid``.
        """
        with self._transaction():
            code = self._code_facts(mpesa_code, sale_id)
            payment = rules.free_payment(code)
            sale = self._summary(sale_id)
            decision = rules.allocate(payment, code.heard_by, sale, self._attempts_of(sale_id))
            if decision.is_more_money:
                self._payments.use(payment, Use.PAYS, sale.attempt, now_ms, by=by)
            return self._follow(sale.attempt, decision, now_ms)

    def _follow(self, before: Attempt, decision: rules.Allocation, now_ms: int) -> Applied:
        """Writes down what an allocation, or its end, means for the attempts of the sale."""
        applied = [
            self._apply(self._attempt(attempt_id), event, now_ms, DEFAULT_TIMING)
            for attempt_id, event in decision.events
        ]
        if not decision.is_more_money:
            return applied[0]
        effects = tuple(effect for one in applied for effect in one.effects)
        return Applied(before, self._attempt(before.id), effects)

    def _spoken_of(self, mpesa_code: str) -> frozenset[AttemptId]:
        """The attempts for which a message had named a code that was received: one that was uncertain is not kept."""
        rows = self._db.execute(
            "SELECT attempt_id FROM attempt_events WHERE kind = 'heard_received'"
            " AND json_extract(details, '$.mpesa_code') = ?",
            (mpesa_code,),
        )
        return frozenset(AttemptId(row[0]) for row in rows)

    def _heard_by_another(self, mpesa_code: str, sale_id: SaleId) -> CodeOwner | None:
        """Another sale whose callback named this code, and which it may still turn out to pay."""
        row = self._db.execute(
            "SELECT s.id, s.reference, a.created_at_ms FROM attempts a JOIN sales s ON s.id = a.sale_id"
            " WHERE a.heard_code = ? AND a.sale_id <> ? AND a.mpesa_code IS NULL AND NOT a.heard_settled"
            " AND NOT s.is_voided AND s.received_cents < s.amount_cents",
            (mpesa_code, sale_id),
        ).fetchone()
        return CodeOwner(SaleId(row[0]), Reference(row[1]), row[2]) if row is not None else None

    def _code_facts(self, mpesa_code: str, sale_id: SaleId) -> CodeFacts:
        payment = self._payments.find(mpesa_code)
        used_by = None
        if payment is not None and payment.sale_id is not None:
            row = self._db.execute("SELECT reference FROM sales WHERE id = ?", (payment.sale_id,)).fetchone()
            used_by = CodeOwner(payment.sale_id, Reference(row[0]), payment.paid_at_ms)
        return CodeFacts(payment, used_by, self._heard_by_another(mpesa_code, sale_id))

    def codes_to_reserve(self, since_ms: int) -> list[tuple[AttemptId, str]]:
        """The codes that prompts were paid with since a time, and of which the relay has not confirmed anything."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT id, mpesa_code FROM attempts WHERE mpesa_code IS NOT NULL AND settled_at_ms >= ?"
                " AND NOT is_reserved ORDER BY id",
                (since_ms,),
            ).fetchall()
        return [(AttemptId(row[0]), row[1]) for row in rows]

    def note_reserved(self, attempt_id: AttemptId) -> None:
        """The relay confirmed that the money of this attempt's code is this till's: it is not asked again."""
        with self._transaction() as db:
            db.execute("UPDATE attempts SET is_reserved = 1 WHERE id = ?", (attempt_id,))

    def deallocate_payment(self, mpesa_code: str, by: str, reason: str, now_ms: int) -> Applied:
        """Takes a payment back from the sale it was given to; it is free again.

        Raises:
            Mistake: ``payment.unknown`` or ``payment.not_attached``.
        """
        with self._transaction():
            payment, sale_id = rules.given_payment(self._payments.find(mpesa_code))
            sale = self._summary(sale_id)
            spoken_of = self._spoken_of(mpesa_code)
            decision = rules.deallocate(payment, sale, self._attempts_of(sale_id), spoken_of)
            self._payments.use(payment, Use.FREE, sale.attempt, now_ms, by=by, reason=reason)
            # Whoever takes it back knows what follows: it rings for nobody.
            return replace(self._follow(sale.attempt, decision, now_ms), effects=())

    def note_reservation(self, subject: bytes, till: str, now_ms: int, cursor: Cursor) -> None:
        """Another till of the shop reserved a payment, or (an empty name) gave it back."""
        with self._transaction() as db:
            self._note_cursor(cursor, now_ms)
            for (code,) in db.execute("SELECT mpesa_code FROM till_payments WHERE use IN ('', 'elsewhere')").fetchall():
                if reservation_subject(code) == subject:
                    self._payments.take_elsewhere(code, till)

    def lose_payment(self, mpesa_code: str, till: str) -> None:
        """The relay says that another till has it."""
        with self._transaction():
            self._payments.take_elsewhere(mpesa_code, till)

    def settle_review(self, sale_id: SaleId, by: str, reason: str, now_ms: int) -> list[Applied]:
        """A person settled what needed one, for every attempt of a sale: all of them or none.

        Raises:
            Mistake: ``review.nothing``, ``review.listed``.
        """
        with self._transaction():
            rules.ensure(SaleAction.SETTLE_REVIEW, self._summary(sale_id))
            event = ev.ReviewSettled(by, reason)
            return [
                self._apply(self._attempt(attempt_id), event, now_ms, DEFAULT_TIMING)
                for attempt_id in self.for_review(sale_id)
            ]

    def void_sale(self, sale_id: SaleId, by: str, reason: str, now_ms: int) -> list[Applied]:
        """Takes a sale back, and a prompt that never left with it: both or neither.

        Raises:
            Mistake: ``sale.not_found``, ``.not_voidable``, ``.said_paid``.
        """
        with self._transaction():
            sale = self._summary(sale_id)
            rules.ensure(SaleAction.VOID, sale)
            events: list[ev.Event] = [ev.SaleVoided(by, reason)]
            if sale.attempt.state is AttemptState.READY:
                events.insert(0, ev.Withdrawn())
            return [self._apply(self._attempt(sale.attempt.id), event, now_ms, DEFAULT_TIMING) for event in events]

    def settle_strays(self, evidence: Sequence[int], by: str, reason: str, now_ms: int) -> None:
        """Notes what a person did about messages that belong to no payment. They stay as evidence."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO settled_strays (evidence_id, at_ms, settled_by, reason) SELECT id, ?, ?, ? FROM evidence"
                " WHERE id = ? AND attempt_id IS NULL AND verdict <> 'payment' ON CONFLICT DO NOTHING",
                [(now_ms, by, reason, number) for number in evidence],
            )

    def _keep_evidence(
        self,
        attempt_id: AttemptId | None,
        now_ms: int,
        verdict: str,
        token_digest: bytes,
        body: bytes,
        *,
        part: bytes | None = None,
    ) -> bytes | None:
        """Keeps a message, sealed as it came.

        Args:
            part: What is kept of it; the whole if None.

        Returns:
            The digest that knows it again; None for one that is here already.
        """
        digest = hashlib.sha256(token_digest + body).digest()
        part_digest = hashlib.sha256(token_digest + part).digest() if part is not None and part != body else None
        cursor = self._db.execute(
            "INSERT INTO evidence (attempt_id, received_at_ms, source, verdict, digest, body_sealed, token_digest,"
            " part_digest) VALUES (?, ?, 'callback', ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
            (
                attempt_id,
                now_ms,
                verdict,
                digest,
                self.vault.seal(body if part is None else part),
                token_digest,
                part_digest,
            ),
        )
        return digest if cursor.rowcount == 1 else None

    def _apply(
        self, before: Attempt, event: ev.Event, now_ms: int, timing: Timing, *, evidence: bytes | None = None
    ) -> Applied:
        """Decides and writes down, for an attempt as this transaction found it."""
        self._refuse_for_sale(before, event, now_ms)
        decision = step(before, event, self._facts(before, event), now_ms, timing)
        after = decision.attempt
        changed = changed_columns(before, after)
        kind, details = describe(event, before, after, changed)
        if evidence is not None:
            details["evidence"] = evidence.hex()
        # Asking leaves no event of its own: its answer does. The time of it is kept all the same.
        if kind:
            self._add_event(before.id, now_ms, kind, before.state, after.state, details)
        elif before.state is not after.state:
            raise Bug("ledger.silent_change", event=type(event).__name__)
        self._store(before, after, changed)
        applied = Applied(before, after, decision.effects)
        return self._proved(applied, now_ms) if after.mpesa_code not in (None, before.mpesa_code) else applied

    def _proved(self, applied: Applied, now_ms: int) -> Applied:
        """An attempt has its code: what stands in the list with it is the same money."""
        attempt = applied.attempt
        payment = self._payments.prove(attempt, now_ms)
        if payment is None:
            return applied
        effects = list(applied.effects)
        sale, attempts = self._sale(attempt.sale_id), self._attempts_of(attempt.sale_id)
        for attempt_id, event in rules.after_proof(payment, attempt, sale, attempts):
            effects += self._apply(self._attempt(attempt_id), event, now_ms, DEFAULT_TIMING).effects
        return Applied(applied.before, self._attempt(attempt.id), tuple(effects))

    def _facts(self, attempt: Attempt, event: ev.Event) -> Facts:
        """What the ledger knows of the codes that an event speaks of, and of the sale."""
        codes = codes_in_question(attempt, event)
        taken = frozenset(code for code in codes if self._is_code_taken(code, attempt))
        listed = self._payments.find(codes[0]) if codes else None
        return rules.facts_for(attempt, self._sale(attempt.sale_id), taken, listed)

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
                rules.refuse_settling(code_facts, sale, attempt, self._attempts_of(attempt.sale_id))
            case ev.SaleVoided():
                rules.ensure(SaleAction.VOID, sale)
            case ev.SendRequested():
                rules.refuse_sending(sale, attempt)
                wait = self._wait(attempt.msisdn, attempt.amount_cents, now_ms, has_live_attempt=False)
                rules.refuse_wait(wait, now_ms)

    def _is_code_taken(self, mpesa_code: str, attempt: Attempt) -> bool:
        query = "SELECT 1 FROM attempts WHERE mpesa_code = ? AND id <> ?"
        is_another_prompts = self._db.execute(query, (mpesa_code, attempt.id)).fetchone() is not None
        return is_another_prompts or self._payments.is_taken(mpesa_code, attempt.sale_id)

    def _refuse_quoted_code(self, mpesa_code: str, attempt: Attempt) -> None:
        row = self._db.execute(
            "SELECT s.id, s.reference, coalesce(a.settled_at_ms, a.created_at_ms) FROM attempts a"
            " JOIN sales s ON s.id = a.sale_id WHERE (a.mpesa_code = :code OR a.claimed_code = :code) AND a.id <> :id",
            {"code": mpesa_code, "id": attempt.id},
        ).fetchone()
        used_by = CodeOwner(SaleId(row[0]), Reference(row[1]), row[2]) if row is not None else None
        rules.refuse_quoted_code(self._code_facts(mpesa_code, attempt.sale_id), attempt.sale_id, used_by)

    def _store(self, before: Attempt, after: Attempt, changed: dict[str, Any]) -> None:
        """What changed alone: an index whose columns stay is not written."""
        columns = dict(changed)
        # When it was asked, and that it was answered, is no evidence: no event tells it.
        for name in ("asked_at_ms", "asks", "answered_at_ms", "answers"):
            if getattr(before, name) != getattr(after, name):
                columns[name] = getattr(after, name)
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            self._db.execute(
                f"UPDATE attempts SET {names} WHERE id = ?",  # noqa: S608 - our own names
                (*columns.values(), after.id),
            )

    def _add_event(
        self,
        attempt_id: AttemptId,
        at_ms: int,
        kind: str,
        from_state: AttemptState,
        to_state: AttemptState,
        details: dict[str, Any],
    ) -> None:
        last = self._db.execute("SELECT id, hash FROM attempt_events ORDER BY id DESC LIMIT 1").fetchone()
        event_id, previous = (last[0] + 1, last[1]) if last is not None else (1, hash_chain.FIRST)
        text = hash_chain.canonical(details)
        digest = hash_chain.link(previous, event_id, attempt_id, at_ms, kind, from_state, to_state, text)
        self._db.execute(
            "INSERT INTO attempt_events (id, attempt_id, at_ms, kind, from_state, to_state, details, hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (event_id, attempt_id, at_ms, kind, from_state, to_state, text, digest),
        )
        self._head = Head(self._head.ledger, event_id, digest.hex())

    # Reading back

    def _sale(self, sale_id: SaleId) -> Sale:
        row = self._db.execute(f"SELECT {SALE_COLUMNS} FROM sales s WHERE s.id = ?", (sale_id,)).fetchone()  # noqa: S608
        if row is None:
            raise Mistake("sale.not_found")
        return sale_of(row)

    def _summary(self, sale_id: SaleId) -> SaleSummary:
        """A sale as it stands in this transaction."""
        return summarize(self._sale(sale_id), self._attempts_of(sale_id), self._payments.codes_of(sale_id))

    def _find_attempt(self, column: str, value: int | bytes) -> Attempt | None:
        row = self._db.execute(
            f"SELECT {ATTEMPT_COLUMNS} FROM attempts a JOIN sales s ON s.id = a.sale_id WHERE {column} = ?",  # noqa: S608
            (value,),
        ).fetchone()
        return attempt_of(row, (self.vault.open(row[PHONE_SEALED]) or b"").decode()) if row is not None else None

    def _attempt(self, attempt_id: int) -> Attempt:
        attempt = self._find_attempt("a.id", attempt_id)
        if attempt is None:
            raise Mistake("sale.not_found")
        return attempt

    def _attempts_of(self, sale_id: SaleId) -> list[Attempt]:
        rows = self._db.execute("SELECT id FROM attempts WHERE sale_id = ? ORDER BY id", (sale_id,)).fetchall()
        return [self._attempt(row[0]) for row in rows]

    def attempt(self, attempt_id: AttemptId) -> Attempt:
        """One attempt, its phone in full."""
        with converting(self.path):
            return self._attempt(attempt_id)

    def last_attempt_of(self, sale_id: SaleId) -> Attempt:
        """The latest attempt of a sale.

        Raises:
            Mistake: ``sale.not_found``.
        """
        with converting(self.path):
            row = self._db.execute("SELECT last_attempt_id FROM sales WHERE id = ?", (sale_id,)).fetchone()
            if row is None:
                raise Mistake("sale.not_found")
            return self._attempt(row[0])

    def for_review(self, sale_id: SaleId) -> list[AttemptId]:
        """The attempts of a sale that need a person."""
        with converting(self.path):
            attempts = self._attempts_of(sale_id)
        return [attempt.id for attempt in attempts if attempt.review or attempt.speaks_of_money]

    def to_follow(self, since_ms: int) -> list[Attempt]:
        """Attempts of which a question is still owed.

        All live ones; those closed without money since a time; and, however old, those closed or paid that no answer
        has been had for since.
        """
        with converting(self.path):
            ids = self._db.execute(
                "SELECT id FROM attempts WHERE state IN ('sending', 'pending', 'unknown')"
                " UNION SELECT id FROM attempts WHERE state IN ('declined', 'abandoned', 'paid')"
                "  AND checkout_request_id IS NOT NULL AND sent_at_ms >= ?"
                "  AND NOT (state = 'paid' AND mpesa_code IS NOT NULL)"
                " UNION SELECT id FROM attempts WHERE state IN ('declined', 'abandoned', 'rejected', 'paid')"
                "  AND checkout_request_id IS NOT NULL AND (answers = 0 OR said_paid_at_ms IS NOT NULL)"
                "  AND NOT (state = 'paid' AND mpesa_code IS NOT NULL)"
                " ORDER BY id",
                (since_ms,),
            ).fetchall()
            return [self._attempt(row[0]) for row in ids]

    def live_token_digests(self) -> list[bytes]:
        """The digests of the tokens whose callbacks are still to come."""
        with converting(self.path):
            rows = self._db.execute(
                "SELECT token_hash FROM attempts WHERE state IN ('sending', 'pending', 'unknown') ORDER BY id"
            ).fetchall()
        return [row[0] for row in rows]

    def newest_event_ms(self) -> int:
        """When the newest event was written, by the clock of then; 0 for a new ledger."""
        with converting(self.path):
            row = self._db.execute("SELECT at_ms FROM attempt_events ORDER BY id DESC LIMIT 1").fetchone()
        return row[0] if row is not None else 0

    def left_ready(self) -> list[Attempt]:
        """Attempts that were recorded and never left."""
        with converting(self.path):
            ids = self._db.execute("SELECT id FROM attempts WHERE state = 'ready' ORDER BY id").fetchall()
            return [self._attempt(row[0]) for row in ids]

    def cursor(self, mailbox: str) -> Cursor:
        """How far a relay's mailbox is read."""
        with converting(self.path):
            row = self._db.execute(
                "SELECT position, mark, identity FROM cursors WHERE mailbox = ?", (mailbox,)
            ).fetchone()
        return Cursor(mailbox, *row) if row is not None else Cursor(mailbox, 0)
