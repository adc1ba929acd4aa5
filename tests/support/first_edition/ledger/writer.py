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

from first_edition.clock import day_of, to_eat
from first_edition.domain import events as ev
from first_edition.domain.attempt import OF_TOO_MUCH, Attempt, AttemptId, AttemptState, Review, SaleId
from first_edition.domain.commands import Announce, Command, News
from first_edition.domain.flow import DEFAULT_RULES, Decision, Rules, step
from first_edition.domain.money import whole_shillings
from first_edition.domain.phone import Msisdn
from first_edition.domain.sale import Draft, is_said_paid, refuse_while_paid_is_said
from first_edition.domain.schedule import LEAVES_WITHIN_MS, SAME_AMOUNT_WAIT_MS, Wait, WaitReason, left_ms, resend_wait
from first_edition.domain.till_payment import TillPayment, Use, claim_subject
from first_edition.errors import Bug, Mistake
from first_edition.ledger import chain
from first_edition.ledger.db import converting, key_file, open_writer, problem
from first_edition.ledger.describe import changed_columns, describe
from first_edition.ledger.head import Head, HeadFile, head_of, is_behind, read_head
from first_edition.ledger.one_writer import hold
from first_edition.ledger.payment_book import PaymentBook
from first_edition.ledger.rows import ATTEMPT_COLUMNS, PHONE_SEALED, SPEAKS_OF_MONEY, attempt_of
from first_edition.ledger.vault import KEY_CHECK, Vault, open_vault


@dataclass(frozen=True, slots=True)
class Applied:
    """An event that is in the ledger: the attempt before and after, and what follows."""

    before: Attempt
    attempt: Attempt
    commands: tuple[Command, ...]

    @property
    def has_changed(self) -> bool:
        return self.before != self.attempt


@dataclass(frozen=True, slots=True)
class PaymentTaken:
    """What came of a message about a payment.

    Args:
        payment: As it is listed now; None for one that is listed already, or cannot be read.
        claimed_sale: The sale that its code was noted for before it came.
    """

    payment: TillPayment | None
    claimed_sale: SaleId | None = None


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


def token_hash(token: str) -> bytes:
    """How the ledger knows an attempt's token."""
    return hashlib.sha256(token.encode()).digest()


class LedgerWriter:
    """Writes sales, attempts, events and evidence.

    *Thread*: one at a time; the engine gives it a thread of its own.

    Args:
        environment: Which M-PESA's sales belong in it: practice sales never mix with real ones.

    Raises:
        Outside: as `first_edition.ledger.db.open_writer`; ``ledger.in_use`` where another program writes it;
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

    def record_sale(
        self,
        draft: Draft,
        token: str,
        now_ms: int,
        *,
        cashier: str = "",
        till_label: str = "",
        anyway: bool = False,
    ) -> Attempt:
        """A new sale with its first attempt, ready to be sent.

        Args:
            anyway: Although a sale with this phone, amount and reference is not known yet.

        Raises:
            Mistake: ``sale.same_open`` (reference, sale, attempt) where it seems to be that sale again;
                ``sale.wait_…`` where M-PESA would refuse the prompt.
            Outside: ``ledger.…``; then nothing was recorded.
        """
        with self._transaction() as db:
            if not anyway:
                self._refuse_same_open(draft)
            self._refuse_wait(self._wait(draft.msisdn, draft.amount_cents, now_ms, has_live_attempt=False), now_ms)
            cursor = db.execute(
                "INSERT INTO sales (reference, amount_cents, day, created_at_ms, cashier, till_label)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (draft.reference, draft.amount_cents, day_of(now_ms), now_ms, cashier, till_label),
            )
            return self._add_attempt(SaleId(cursor.lastrowid or 0), draft, token, now_ms)

    def record_attempt(self, sale_id: SaleId, token: str, now_ms: int, *, msisdn: Msisdn | None = None) -> Attempt:
        """Another attempt for an open sale, to the same phone unless told otherwise.

        Raises:
            Mistake: ``sale.not_found``, ``.voided``, ``.already_paid``, ``.live_attempt``, ``.said_paid``, ``.wait_…``.
        """
        with self._transaction() as db:
            row = db.execute(
                "SELECT reference, amount_cents, received_cents, last_attempt_id, is_voided FROM sales WHERE id = ?",
                (sale_id,),
            ).fetchone()
            if row is None:
                raise Mistake("sale.not_found")
            if row[4]:
                raise Mistake("sale.voided")
            if row[2] >= row[1]:
                raise Mistake("sale.already_paid")
            last = self._attempt(row[3])
            # Whatever came in by other ways is not asked for again.
            due = whole_shillings(row[1] - row[2])
            draft = Draft(due, msisdn or last.msisdn, row[0])
            wait = self._wait(
                draft.msisdn,
                draft.amount_cents,
                now_ms,
                has_live_attempt=last.is_live,
                is_said_paid=is_said_paid(self._attempts_of(sale_id)),
            )
            self._refuse_wait(wait, now_ms)
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
            return self._wait(
                last.msisdn,
                last.amount_cents,
                now_ms,
                has_live_attempt=last.is_live,
                is_said_paid=is_said_paid(self._attempts_of(last.sale_id)),
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

    @staticmethod
    def _refuse_wait(wait: Wait | None, now_ms: int) -> None:
        if wait is None:
            return
        if wait.reason is WaitReason.SAID_PAID:
            raise Mistake("sale.said_paid")
        if wait.reason is WaitReason.LIVE_ATTEMPT or wait.until_ms is None:
            raise Mistake("sale.live_attempt")
        seconds = max(1, -(-(wait.until_ms - now_ms) // 1000))
        same = wait.reason is WaitReason.SAME_AMOUNT
        raise Mistake("sale.wait_same_amount" if same else "sale.wait_phone", seconds=seconds)

    def _add_attempt(self, sale_id: SaleId, draft: Draft, token: str, now_ms: int) -> Attempt:
        national = "0" + draft.msisdn[3:]
        sealed, digest = self.vault.seal(draft.msisdn.encode()), token_hash(token)
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

    def apply(self, attempt_id: AttemptId, event: ev.Event, now_ms: int, rules: Rules = DEFAULT_RULES) -> Applied:
        """Decides what an event means for an attempt and writes it down.

        Raises:
            Mistake: as `first_edition.domain.flow.step`.
            Outside: ``ledger.…``; then nothing was written.
        """
        with self._transaction():
            return self._apply(self._attempt(attempt_id), event, now_ms, rules)

    def take_callback(
        self,
        *,
        token_digest: bytes,
        body: bytes,
        event: ev.CallbackArrived | ev.CallbackUnclear,
        now_ms: int,
        cursor: Cursor,
        rules: Rules = DEFAULT_RULES,
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
            return self._apply(attempt, event, now_ms, rules, evidence=digest)

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
        payment: TillPayment | None,
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
                payment = None
            verdict = "payment" if payment is not None else "unreadable payment"
            self._keep_evidence(None, now_ms, verdict, token_digest, body)
            digest = hashlib.sha256(token_digest + body).digest()
            if payment is None or not self._payments.keep(payment, digest, now_ms):
                return PaymentTaken(None)
            found = db.execute("SELECT id FROM attempts WHERE mpesa_code = ?", (payment.mpesa_code,)).fetchone()
            if found is not None:
                attempt = self._attempt(found[0])
                self._proved(Applied(attempt, attempt, ()), now_ms)
            claimed = db.execute(
                "SELECT sale_id FROM attempts WHERE claimed_code = ?", (payment.mpesa_code,)
            ).fetchone()
            kept = self._payments.find(payment.mpesa_code)
            is_wanted = claimed is not None and kept is not None and kept.use is Use.FREE
            return PaymentTaken(kept, SaleId(claimed[0]) if is_wanted else None)

    def payment(self, mpesa_code: str) -> TillPayment | None:
        """The payment with a code."""
        with converting(self.path):
            return self._payments.find(mpesa_code)

    def attach_payment(self, mpesa_code: str, sale_id: SaleId, by: str, now_ms: int) -> Applied:
        """Gives a payment to a sale. For a prompt that was paid without a code it is the proof, not more money.

        Raises:
            Mistake: ``payment.unknown``, ``.used``, ``.elsewhere``; ``sale.not_found``, ``.voided``, ``.already_paid``.
        """
        with self._transaction() as db:
            payment = self._payments.free(mpesa_code)
            self._refuse_heard_code(mpesa_code, sale_id)
            before = self._attempt(self._last_attempt_id(sale_id))
            sale = db.execute("SELECT is_voided, received_cents >= amount_cents FROM sales WHERE id = ?", (sale_id,))
            is_voided, is_paid = sale.fetchone()
            twin = db.execute(
                "SELECT id FROM attempts WHERE sale_id = ? AND state = 'paid' AND mpesa_code IS NULL"
                " AND amount_cents = ?",
                (sale_id, payment.amount_cents),
            ).fetchone()
            if twin is not None:
                return self._apply(self._attempt(twin[0]), ev.TwinArrived(mpesa_code), now_ms, DEFAULT_RULES)
            if is_voided:
                raise Mistake("sale.voided")
            if is_paid:
                raise Mistake("sale.already_paid")
            self._payments.use(payment, Use.PAYS, before, now_ms, by=by)
            for attempt in self._attempts_of(sale_id):
                if attempt.heard_code == mpesa_code:
                    # What a message had spoken of is received now: it stands in the way of nothing.
                    self._apply(attempt, ev.HeardReceived(mpesa_code), now_ms, DEFAULT_RULES)
            commands: tuple[Command, ...] = ()
            if self._is_overpaid(sale_id):
                commands = self._apply(self._attempt(before.id), ev.TooMuchReceived(), now_ms, DEFAULT_RULES).commands
            return Applied(before, self._attempt(before.id), commands)

    def _spoken_of(self, mpesa_code: str) -> set[int]:
        """The attempts for which a message had named a code that was received: one that was uncertain is not kept."""
        rows = self._db.execute(
            "SELECT attempt_id FROM attempt_events WHERE kind = 'heard_received'"
            " AND json_extract(details, '$.mpesa_code') = ?",
            (mpesa_code,),
        )
        return {row[0] for row in rows}

    def _is_overpaid(self, sale_id: SaleId) -> bool:
        query = "SELECT received_cents > amount_cents FROM sales WHERE id = ?"
        return bool(self._db.execute(query, (sale_id,)).fetchone()[0])

    def _heard_for_another(self, mpesa_code: str, sale_id: SaleId) -> tuple[str, int] | None:
        """Reference and time of another sale whose callback named this code, and which it may still turn out to pay."""
        row: tuple[str, int] | None = self._db.execute(
            "SELECT s.reference, a.created_at_ms FROM attempts a JOIN sales s ON s.id = a.sale_id"
            " WHERE a.heard_code = ? AND a.sale_id <> ? AND a.mpesa_code IS NULL AND NOT a.heard_settled"
            " AND NOT s.is_voided AND s.received_cents < s.amount_cents",
            (mpesa_code, sale_id),
        ).fetchone()
        return row

    def _refuse_heard_code(self, mpesa_code: str, sale_id: SaleId) -> None:
        row = self._heard_for_another(mpesa_code, sale_id)
        if row is not None:
            raise Mistake("payment.used", reference=row[0], time=to_eat(row[1]).strftime("%d %b %H:%M"))

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

    def detach_payment(self, mpesa_code: str, by: str, reason: str, now_ms: int) -> Applied:
        """Takes a payment back from the sale it was given to; it is free again.

        Raises:
            Mistake: ``payment.unknown`` or ``payment.not_attached``.
        """
        with self._transaction():
            payment = self._payments.find(mpesa_code)
            if payment is None:
                raise Mistake("payment.unknown")
            if payment.use is not Use.PAYS or payment.sale_id is None:
                raise Mistake("payment.not_attached")
            before = self._attempt(self._last_attempt_id(payment.sale_id))
            self._payments.use(payment, Use.FREE, before, now_ms, by=by, reason=reason)
            spoken_of = self._spoken_of(mpesa_code)
            for attempt in self._attempts_of(payment.sale_id):
                if attempt.heard_code == mpesa_code or attempt.id in spoken_of:
                    # What a message had spoken of is not received any more.
                    self._apply(attempt, ev.HeardGivenBack(mpesa_code), now_ms, DEFAULT_RULES)
            self._end_too_much(payment.sale_id, now_ms)
            return Applied(before, self._attempt(before.id), ())

    def note_claim(self, subject: bytes, till: str, now_ms: int, cursor: Cursor) -> None:
        """Another till of the shop claimed a payment, or (an empty name) gave it back."""
        with self._transaction() as db:
            self._note_cursor(cursor, now_ms)
            for (code,) in db.execute("SELECT mpesa_code FROM till_payments WHERE use IN ('', 'elsewhere')").fetchall():
                if claim_subject(code) == subject:
                    self._payments.take_elsewhere(code, till)

    def lose_payment(self, mpesa_code: str, till: str) -> None:
        """The relay says that another till has it."""
        with self._transaction():
            self._payments.take_elsewhere(mpesa_code, till)

    def settle_review(self, sale_id: SaleId, by: str, reason: str, now_ms: int) -> list[Applied]:
        """A person settled what needed one, for every attempt of a sale: all of them or none.

        Raises:
            Mistake: ``review.listed``.
        """
        with self._transaction():
            event = ev.ReviewSettled(by, reason)
            wanted = self.for_review(sale_id)
            if not wanted:
                raise Mistake("review.nothing")
            return [self._apply(self._attempt(attempt_id), event, now_ms, DEFAULT_RULES) for attempt_id in wanted]

    def settle_strays(self, evidence: Sequence[int], by: str, reason: str, now_ms: int) -> None:
        """Notes what a person did about messages that belong to no payment. They stay as evidence."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO settled_strays (evidence_id, at_ms, settled_by, reason) SELECT id, ?, ?, ? FROM evidence"
                " WHERE id = ? AND attempt_id IS NULL AND verdict <> 'payment' ON CONFLICT DO NOTHING",
                [(now_ms, by, reason, number) for number in evidence],
            )

    def _last_attempt_id(self, sale_id: SaleId) -> int:
        row = self._db.execute("SELECT last_attempt_id FROM sales WHERE id = ?", (sale_id,)).fetchone()
        if row is None:
            raise Mistake("sale.not_found")
        return int(row[0])

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
        self, before: Attempt, event: ev.Event, now_ms: int, rules: Rules, *, evidence: bytes | None = None
    ) -> Applied:
        """Decides and writes down, for an attempt as this transaction found it."""
        free_code: str | None = None
        if isinstance(event, ev.CallbackArrived):
            if self._is_code_taken(event.mpesa_code, before):
                event = replace(event, code_taken=True)
            else:
                free_code = event.mpesa_code
        self._refuse_for_sale(before, event, now_ms)
        own = self._own_in_list(before, event)
        if own is not None:
            before = self._without(before, own)
        decision = step(before, event, now_ms, rules)
        after = decision.attempt
        if after.mpesa_code != free_code:
            after = self._without_a_used_code(before, after)
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
        applied = Applied(before, after, self._commands_of(decision, after))
        if after.mpesa_code not in (None, before.mpesa_code):
            applied = self._proved(applied, now_ms)
        if own is not None and after.state is AttemptState.PAID and after.mpesa_code is None:
            # Queries bring no code; its own message had named one, whose money this sale has already: it is the same.
            merged = self._apply(after, ev.TwinArrived(own.mpesa_code), now_ms, rules)
            return Applied(before, merged.attempt, (*applied.commands, *merged.commands))
        return applied

    def _proved(self, applied: Applied, now_ms: int) -> Applied:
        """An attempt has its code: what stands in the list with it is the same money."""
        attempt = applied.attempt
        payment = self._payments.prove(attempt, now_ms)
        if payment is None:
            return applied
        commands = list(applied.commands)
        if payment.amount_cents != attempt.amount_cents:
            event = ev.ConfirmationDiffers(payment.mpesa_code, payment.amount_cents)
            commands += self._apply(self._attempt(attempt.id), event, now_ms, DEFAULT_RULES).commands
        self._end_too_much(attempt.sale_id, now_ms)
        return Applied(applied.before, self._attempt(attempt.id), tuple(commands))

    def _end_too_much(self, sale_id: SaleId, now_ms: int) -> None:
        if not self._is_overpaid(sale_id):
            for attempt in self._attempts_of(sale_id):
                if attempt.review & OF_TOO_MUCH:
                    self._apply(attempt, ev.TooMuchGivenBack(), now_ms, DEFAULT_RULES)

    def _own_in_list(self, attempt: Attempt, event: ev.Event) -> TillPayment | None:
        """The payment straight to the till that an attempt's own message named, and that was given to its sale."""
        told = event.mpesa_code if isinstance(event, ev.CallbackArrived) else None
        code = told or attempt.heard_code
        if not isinstance(event, (ev.CallbackArrived, ev.QueryAnswered)) or attempt.state is AttemptState.PAID:
            return None
        found = self._payments.find(code) if code is not None else None
        is_own = (
            found is not None
            and found.use is Use.PAYS
            and (found.sale_id, found.amount_cents) == (attempt.sale_id, attempt.amount_cents)
        )
        return found if is_own else None

    def _without(self, attempt: Attempt, own: TillPayment) -> Attempt:
        """The attempt as it is but for a payment that is its own money: that pays the sale by no other way."""
        query = "SELECT received_cents - ? + ? > amount_cents FROM sales WHERE id = ?"
        row = self._db.execute(query, (own.amount_cents, attempt.amount_cents, attempt.sale_id)).fetchone()
        return replace(attempt, paid_elsewhere=bool(row[0]))

    def _refuse_for_sale(self, attempt: Attempt, event: ev.Event, now_ms: int) -> None:
        """What the sale forbids, or another one: an attempt alone cannot know it."""
        if isinstance(event, ev.CodeClaimed):
            self._refuse_used_code(event.code, attempt)
            self._refuse_claim_of_what_wants_nothing(attempt)
        if isinstance(event, ev.ReviewSettled):
            self._refuse_listed(attempt)
        if isinstance(event, ev.SaleVoided):
            self._refuse_received(attempt.sale_id)
        if isinstance(event, (ev.SaleVoided, ev.SendRequested)):
            refuse_while_paid_is_said(self._attempts_of(attempt.sale_id))
        if isinstance(event, ev.SendRequested):
            self._refuse_other_due(attempt, now_ms)

    def _refuse_claim_of_what_wants_nothing(self, attempt: Attempt) -> None:
        if attempt.state not in (
            AttemptState.PENDING, AttemptState.UNKNOWN, AttemptState.DECLINED, AttemptState.ABANDONED,
        ):  # fmt: skip
            return
        query = "SELECT is_voided, received_cents >= amount_cents FROM sales WHERE id = ?"
        is_voided, is_paid = self._db.execute(query, (attempt.sale_id,)).fetchone()
        if is_voided or is_paid:
            raise Mistake("sale.voided" if is_voided else "sale.already_paid")

    def _refuse_listed(self, attempt: Attempt) -> None:
        """What stands in the till's own list, and can be given to this sale, nobody settles as "not there"."""
        if attempt.state is AttemptState.PAID or attempt.heard_code is None or not attempt.is_heard:
            return
        row = self._db.execute(
            "SELECT 1 FROM till_payments p, sales s WHERE p.mpesa_code = ? AND p.use = '' AND s.id = ?"
            " AND ((NOT s.is_voided AND s.received_cents < s.amount_cents) OR EXISTS (SELECT 1 FROM attempts t"
            "  WHERE t.sale_id = s.id AND t.state = 'paid' AND t.mpesa_code IS NULL AND t.amount_cents = p.amount_cents))",
            (attempt.heard_code, attempt.sale_id),
        ).fetchone()
        # Where two sales heard one code neither can be given its money, and a person must settle it.
        if row is not None and self._heard_for_another(attempt.heard_code, attempt.sale_id) is None:
            raise Mistake("review.listed", mpesa_code=attempt.heard_code)

    def _refuse_other_due(self, attempt: Attempt, now_ms: int) -> None:
        """A prompt that waited to be sent asks for what is still due, and for nothing when M-PESA would refuse it."""
        amount, received, is_voided = self._db.execute(
            "SELECT amount_cents, received_cents, is_voided FROM sales WHERE id = ?", (attempt.sale_id,)
        ).fetchone()
        if is_voided:
            raise Mistake("sale.voided")
        if received >= amount:
            raise Mistake("sale.already_paid")
        if whole_shillings(amount - received) != attempt.amount_cents:
            raise Mistake("sale.other_due")
        self._refuse_wait(self._wait(attempt.msisdn, attempt.amount_cents, now_ms, has_live_attempt=False), now_ms)

    def _is_code_taken(self, mpesa_code: str | None, attempt: Attempt) -> bool:
        if mpesa_code is None:
            return False
        query = "SELECT 1 FROM attempts WHERE mpesa_code = ? AND id <> ?"
        is_another_prompts = self._db.execute(query, (mpesa_code, attempt.id)).fetchone() is not None
        return is_another_prompts or self._payments.is_taken(mpesa_code, attempt.sale_id)

    def _without_a_used_code(self, before: Attempt, after: Attempt) -> Attempt:
        """A code that was heard before may have been given to another sale since: a person must look."""
        if after.mpesa_code in (None, before.mpesa_code) or not self._is_code_taken(after.mpesa_code, after):
            return after
        return replace(after, mpesa_code=before.mpesa_code, review=after.review | {Review.CODE_REUSED})

    @staticmethod
    def _commands_of(decision: Decision, after: Attempt) -> tuple[Command, ...]:
        """What follows; a code that was given away since rings as well."""
        needs_you = Announce(News.NEEDS_YOU)
        is_new = after.review - decision.attempt.review and needs_you not in decision.commands
        return (*decision.commands, needs_you) if is_new else decision.commands

    def _refuse_received(self, sale_id: SaleId) -> None:
        row = self._db.execute("SELECT received_cents, is_voided FROM sales WHERE id = ?", (sale_id,)).fetchone()
        if row[0] > 0 or row[1]:
            raise Mistake("sale.not_voidable")

    def _refuse_used_code(self, mpesa_code: str, attempt: Attempt) -> None:
        """A code serves one sale only, whether it paid it or is claimed for it."""
        if self._payments.is_taken(mpesa_code, attempt.sale_id):
            self._payments.free(mpesa_code)
        row = self._db.execute(
            "SELECT s.reference, coalesce(a.settled_at_ms, a.created_at_ms), s.id FROM attempts a"
            " JOIN sales s ON s.id = a.sale_id WHERE (a.mpesa_code = :code OR a.claimed_code = :code) AND a.id <> :id",
            {"code": mpesa_code, "id": attempt.id},
        ).fetchone()
        if row is not None and row[2] == attempt.sale_id:
            raise Mistake("claim.noted")
        if row is not None:
            raise Mistake("claim.used", reference=row[0], time=to_eat(row[1]).strftime("%d %b %H:%M"))

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
        event_id, previous = (last[0] + 1, last[1]) if last is not None else (1, chain.FIRST)
        text = chain.canonical(details)
        digest = chain.link(previous, event_id, attempt_id, at_ms, kind, from_state, to_state, text)
        self._db.execute(
            "INSERT INTO attempt_events (id, attempt_id, at_ms, kind, from_state, to_state, details, hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (event_id, attempt_id, at_ms, kind, from_state, to_state, text, digest),
        )
        self._head = Head(self._head.ledger, event_id, digest.hex())

    # Reading back

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
