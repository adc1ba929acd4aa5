"""STK attempts, each the detail of a tender that is a prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pos_app.common.errors import Bug, Mistake
from pos_app.common.tokens import token_digest
from pos_app.domain.sales.sale import Draft
from pos_app.domain.sales.tender import TenderState, tender_state_of
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt, AttemptState
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.phone import Msisdn
from pos_app.ledger import event_codec
from pos_app.ledger.event_codec import CODE_FREED, REQUESTED, SYSTEM, Subject
from pos_app.ledger.integrity.encryption import Vault
from pos_app.ledger.rows import ATTEMPTS, SPEAKS_OF_MONEY, attempt_of, by_name
from pos_app.ledger.unit_of_work import UnitOfWork

_ASKING: Final = ("asked_at_ms", "asks", "answered_at_ms", "answers")
"""When it was asked, and that it was answered, is no evidence: no event tells it."""


@dataclass(frozen=True, slots=True)
class PromptSeen:
    """A prompt to a phone: what the waits before the next one count from."""

    state: AttemptState
    sent_at_ms: int
    left_at_ms: int | None
    amount_cents: int


class AttemptStore:
    """The tables of attempts and of the tenders that are prompts."""

    def __init__(self, unit: UnitOfWork, vault: Vault) -> None:
        self._unit = unit
        self._vault = vault

    # Written

    def add(self, sale_id: SaleId, draft: Draft, token: str, now_ms: int, actor: str) -> Attempt:
        """A new prompt of a sale, which is ready to be sent."""
        db, number, tender = self._unit.db, self._unit.next_id("stk_attempts"), self._unit.next_id("tenders")
        national = "0" + draft.msisdn[3:]
        head, last3 = national[:4], national[-3:]
        sealed, digest = self._vault.seal(draft.msisdn.encode()), token_digest(token)
        details = {
            "tender": tender,
            "amount_cents": draft.amount_cents,
            "phone": f"{head}•••{last3}",
            "phone_sealed": hashlib.sha256(sealed).hexdigest(),
            "token": digest.hex(),
        }
        event = self._unit.add_event(
            Subject.ATTEMPT,
            number,
            sale_id,
            now_ms,
            REQUESTED,
            actor or SYSTEM,
            details,
            to_state=AttemptState.READY,
        )
        db.execute(
            "INSERT INTO tenders (id, sale_id, kind, amount_cents, state, made_at_ms, event_id)"
            " VALUES (?, ?, 'stk', ?, 'pending', ?, ?)",
            (tender, sale_id, draft.amount_cents, now_ms, event),
        )
        db.execute(
            "INSERT INTO stk_attempts (id, tender_id, state, tender_state, phone_head, phone_last3, phone_index,"
            " phone_sealed, token_hash, event_id) VALUES (?, ?, 'ready', 'pending', ?, ?, ?, ?, ?, ?)",
            (number, tender, head, last3, self._vault.tail(draft.msisdn), sealed, digest, event),
        )
        return self.get(number)

    def note(
        self, event: ev.Event, before: Attempt, after: Attempt, now_ms: int, *, evidence: bytes | None = None
    ) -> None:
        """Chains an event of an attempt, and stores what it changed; of its tender, all but money that came.

        Args:
            evidence: The digest of the message that brought the event.
        """
        changed = event_codec.changed_columns(before, after)
        kind = event_codec.attempt_kind(event, before, after)
        details = event_codec.details_of(event, before, after, changed)
        if evidence is not None:
            details["evidence"] = evidence.hex()
        number = self._chain(kind, before, after, now_ms, event_codec.actor_of(event), details) if kind else None
        if number is None and (before.state is not after.state or changed):
            raise Bug("ledger.silent_change", event=type(event).__name__)
        self._store(before, after, changed, number)

    def free_code(self, before: Attempt, after: Attempt, now_ms: int) -> None:
        """A sale was voided: the code that a customer showed for it may serve another."""
        changed = event_codec.changed_columns(before, after)
        if changed:
            number = self._chain(CODE_FREED, before, after, now_ms, SYSTEM, {"set": changed})
            self._store(before, after, changed, number)

    def _chain(
        self, kind: str, before: Attempt, after: Attempt, now_ms: int, actor: str, details: dict[str, Any]
    ) -> int:
        return self._unit.add_event(
            Subject.ATTEMPT,
            before.id,
            before.sale_id,
            now_ms,
            kind,
            actor,
            details,
            from_state=before.state,
            to_state=after.state,
        )

    def _store(self, before: Attempt, after: Attempt, changed: dict[str, Any], event: int | None) -> None:
        """What changed alone: an index whose columns stay is not written."""
        columns = dict(changed)
        columns |= {name: getattr(after, name) for name in _ASKING if getattr(before, name) != getattr(after, name)}
        if before.state is not after.state:
            columns["state"] = after.state.value
            columns["tender_state"] = tender_state_of(after.state).value
        if event is not None:
            columns["event_id"] = event
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            self._unit.db.execute(
                f"UPDATE stk_attempts SET {names} WHERE id = ?",  # noqa: S608 - our own names
                (*columns.values(), after.id),
            )
        if columns.get("tender_state") == TenderState.FAILED:
            self._unit.db.execute(
                "UPDATE tenders SET state = 'failed', event_id = ? WHERE state <> 'failed' AND id ="
                " (SELECT tender_id FROM stk_attempts WHERE id = ?)",
                (event, after.id),
            )

    # Read back

    def by_token(self, token_digest: bytes) -> Attempt | None:
        """The attempt whose callbacks carry a token."""
        return next(iter(self._many("a.token_hash = ?", token_digest)), None)

    def get(self, attempt_id: int) -> Attempt:
        """One attempt, its phone in full.

        Raises:
            Mistake: ``sale.not_found``.
        """
        for attempt in self._many("a.id = ?", attempt_id):
            return attempt
        raise Mistake("sale.not_found")

    def of_sale(self, sale_id: SaleId) -> list[Attempt]:
        """The attempts of a sale, the oldest first."""
        return self._many("t.sale_id = ?", sale_id)

    def by_code(self, mpesa_code: str) -> Attempt | None:
        """The attempt that was paid with a code."""
        return next(iter(self._many("m.mpesa_code = ? AND t.kind = 'stk'", mpesa_code)), None)

    def same_open(self, draft: Draft) -> tuple[SaleId, AttemptId] | None:
        """The newest sale for this phone, amount and reference of which it is not known whether it was paid."""
        rows = self._unit.db.execute(
            f"{ATTEMPTS} WHERE a.phone_index = ? AND s.total_cents = ? AND s.reference = ? AND NOT s.is_voided"
            " AND s.received_cents < s.total_cents"
            f" AND (a.state IN ('sending', 'pending', 'unknown') OR {SPEAKS_OF_MONEY}) ORDER BY a.id DESC",
            (self._vault.tail(draft.msisdn), draft.amount_cents, draft.reference),
        )
        attempts = [attempt_of(row, self._vault) for row in by_name(rows)]
        return next(((one.sale_id, one.id) for one in attempts if one.msisdn == draft.msisdn), None)

    def prompts_to(self, msisdn: Msisdn, since_ms: int) -> Iterator[PromptSeen]:
        """The prompts that a phone got since a time, but those that M-PESA refused."""
        rows = self._unit.db.execute(
            "SELECT a.state, a.sent_at_ms, a.left_at_ms, t.amount_cents, a.phone_sealed FROM stk_attempts a"
            " JOIN tenders t ON t.id = a.tender_id"
            " WHERE a.phone_index = ? AND a.sent_at_ms > ? AND a.state <> 'rejected'",
            (self._vault.tail(msisdn), since_ms),
        ).fetchall()
        for state, sent_at_ms, left_at_ms, amount, sealed in rows:
            if self._vault.open(sealed) == msisdn.encode():
                yield PromptSeen(AttemptState(state), sent_at_ms, left_at_ms, amount)

    def with_claim(self, mpesa_code: str) -> Attempt | None:
        """The attempt for which a customer showed a code."""
        return next(iter(self._many("a.claimed_code = ?", mpesa_code)), None)

    def that_heard(self, mpesa_code: str) -> list[Attempt]:
        """The attempts whose messages named a code, and that have no code of their own."""
        return self._many("a.heard_code = ? AND m.mpesa_code IS NULL", mpesa_code)

    def spoken_of(self, mpesa_code: str) -> frozenset[AttemptId]:
        """The attempts for which a message had named a code that was received: one that was uncertain is not kept."""
        rows = self._unit.db.execute(
            "SELECT subject_id FROM ledger_events WHERE kind = 'heard_received'"
            " AND json_extract(details, '$.mpesa_code') = ?",
            (mpesa_code,),
        )
        return frozenset(AttemptId(row[0]) for row in rows)

    def ready(self) -> list[Attempt]:
        """Those that were recorded and never left."""
        return self._many("a.tender_state = 'pending' AND a.state = 'ready'")

    def to_follow(self, since_ms: int) -> list[Attempt]:
        """Those of which a question is still owed: see `LedgerWriter.to_follow`."""
        rows = self._unit.db.execute(
            "SELECT a.id FROM stk_attempts a WHERE a.tender_state = 'pending'"
            "  AND a.state IN ('sending', 'pending', 'unknown')"
            " UNION SELECT a.id FROM stk_attempts a WHERE a.checkout_request_id IS NOT NULL"
            "  AND a.state IN ('declined', 'abandoned') AND a.sent_at_ms >= :since"
            " UNION SELECT a.id FROM stk_attempts a WHERE a.answers = 0 AND a.checkout_request_id IS NOT NULL"
            "  AND a.state IN ('declined', 'abandoned', 'rejected')"
            " UNION SELECT a.id FROM stk_attempts a WHERE a.said_paid_at_ms IS NOT NULL AND a.state <> 'paid'"
            "  AND a.checkout_request_id IS NOT NULL AND a.state IN ('declined', 'abandoned', 'rejected')"
            " UNION SELECT a.id FROM mpesa_transactions m JOIN tenders t ON t.transaction_id = m.id"
            "  JOIN stk_attempts a ON a.tender_id = t.id WHERE m.mpesa_code IS NULL AND m.merged_into IS NULL"
            "  AND a.checkout_request_id IS NOT NULL"
            "  AND (a.sent_at_ms >= :since OR a.answers = 0 OR a.said_paid_at_ms IS NOT NULL)",
            {"since": since_ms},
        )
        # Sorted here: for a sorted union SQLite would read the whole table.
        return [self.get(number) for number in sorted(row[0] for row in rows)]

    def live_token_digests(self) -> list[bytes]:
        """The digests of the tokens whose callbacks are still to come."""
        rows = self._unit.db.execute(
            "SELECT token_hash FROM stk_attempts WHERE tender_state = 'pending'"
            " AND state IN ('sending', 'pending', 'unknown') ORDER BY id"
        )
        return [row[0] for row in rows.fetchall()]

    def _many(self, condition: str, *values: int | str | bytes) -> list[Attempt]:
        found = self._unit.db.execute(f"{ATTEMPTS} WHERE {condition} ORDER BY a.id", values)
        return [attempt_of(row, self._vault) for row in by_name(found)]
