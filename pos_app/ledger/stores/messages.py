"""What came from outside: evidence, what strangers may leave, and how far each mailbox is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pos_app.common.clock import day_of
from pos_app.domain.values.ids import AttemptId
from pos_app.ledger.integrity.encryption import Vault
from pos_app.ledger.unit_of_work import UnitOfWork

STRANGERS_A_DAY: Final = 500
STRANGER_KEPT_BYTES: Final = 1024
STRANGER_BYTES_A_DAY: Final = 256 * 1024
"""What messages with a token of nobody may leave here on one day, and how much of each is kept."""


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


class MessageStore:
    """The tables of evidence and of mailboxes."""

    def __init__(self, unit: UnitOfWork, vault: Vault) -> None:
        self._unit = unit
        self._vault = vault

    def keep(
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
        digest = digest_of(token_digest, body)
        part_digest = digest_of(token_digest, part) if part is not None and part != body else None
        sealed = self._vault.seal(body if part is None else part)
        db = self._unit.db
        if db.execute("SELECT 1 FROM evidence WHERE digest = ?", (digest,)).fetchone() is not None:
            return None
        db.execute(
            "INSERT INTO evidence (attempt_id, received_at_ms, verdict, digest, token_digest, part_digest, body_sealed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (attempt_id, now_ms, verdict, digest, token_digest, part_digest, sealed),
        )
        return digest

    def keep_strangers(self, now_ms: int, token_digest: bytes, body: bytes) -> None:
        """Keeps the beginning of a message with a token of nobody, up to so many and so much a day.

        Anybody can send such messages, and what stands here is never deleted.
        """
        day, part, db = day_of(now_ms), body[:STRANGER_KEPT_BYTES], self._unit.db
        db.execute("INSERT INTO strangers (day) VALUES (?) ON CONFLICT DO NOTHING", (day,))
        kept, size = db.execute("SELECT kept, bytes FROM strangers WHERE day = ?", (day,)).fetchone()
        if kept >= STRANGERS_A_DAY or size + len(part) > STRANGER_BYTES_A_DAY:
            db.execute("UPDATE strangers SET dropped = dropped + 1 WHERE day = ?", (day,))
        elif self.keep(None, now_ms, "unknown token", token_digest, body, part=part) is not None:
            db.execute("UPDATE strangers SET kept = kept + 1, bytes = bytes + ? WHERE day = ?", (len(part), day))

    def settle(self, evidence: Sequence[int], by: str, reason: str, now_ms: int) -> None:
        """Notes what a person did about messages that belong to no payment. They stay as evidence."""
        self._unit.db.executemany(
            "INSERT INTO settled_messages (evidence_id, at_ms, settled_by, reason) SELECT id, ?, ?, ? FROM evidence"
            " WHERE id = ? AND attempt_id IS NULL AND verdict <> 'payment'"
            " AND id NOT IN (SELECT evidence_id FROM settled_messages)",
            [(now_ms, by, reason, number) for number in evidence],
        )

    def note_cursor(self, cursor: Cursor, now_ms: int) -> None:
        """How far a mailbox is read now."""
        self._unit.db.execute(
            "INSERT INTO cursors (mailbox, position, mark, identity, read_at_ms) VALUES (?, ?, ?, ?, ?)"
            # As it is, not the highest ever: a mailbox that began anew counts from its own beginning.
            " ON CONFLICT (mailbox) DO UPDATE SET position = excluded.position, mark = excluded.mark,"
            " identity = excluded.identity, read_at_ms = excluded.read_at_ms",
            (cursor.mailbox, cursor.position, cursor.mark, cursor.identity, now_ms),
        )

    def cursor(self, mailbox: str) -> Cursor:
        """How far a mailbox was read."""
        row = self._unit.db.execute(
            "SELECT position, mark, identity FROM cursors WHERE mailbox = ?", (mailbox,)
        ).fetchone()
        return Cursor(mailbox, *row) if row is not None else Cursor(mailbox, 0)

    def has_cursors(self) -> bool:
        """Whether any mailbox was ever read."""
        return self._unit.db.execute("SELECT 1 FROM cursors").fetchone() is not None


def digest_of(token_digest: bytes, body: bytes) -> bytes:
    """What knows a message again, and what its body is checked against."""
    return hashlib.sha256(token_digest + body).digest()
