"""What a store of mail must do, whatever database it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pos_app.common.mailbox import MessageKind

TRUSTED: Final = "trusted_ms"
"""The fact that says what time it is, as far as the mailbox has seen time pass (`pos_app.relay.retention`)."""
PAGE: Final = 100
"""Messages a page, at most."""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A callback on its way into the store.

    Args:
        till: The name in its address.
        token_digest: SHA-256 of the token in its address.
        body: Unread.
        kind: A payment goes to every till of that till's shop, if the shop named its token before.
    """

    till: str
    token_digest: bytes
    body: bytes
    received_at_ms: int
    kind: MessageKind = MessageKind.CALLBACK


@dataclass(frozen=True, slots=True)
class Message:
    """One callback as it came.

    Args:
        id: Its place in the mailbox; the cursor.
        token_digest: SHA-256 of the token in its address.
        body: Unread.
    """

    id: int
    token_digest: bytes
    body: bytes
    received_at_ms: int
    kind: str = MessageKind.CALLBACK

    @property
    def mark(self) -> str:
        """Tells it from another message that has its number in another life of the mailbox."""
        return mark_of(self.token_digest, self.received_at_ms)


def mark_of(token_digest: bytes, received_at_ms: int) -> str:
    """See `Message.mark`."""
    return hashlib.sha256(token_digest + received_at_ms.to_bytes(8, "big")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a till has read.

    Args:
        id: Of the last message it has; 0 for none.
        mark: That message's; empty where the till does not say.
        mailbox: The identity of the mailbox that it read; empty where the till does not say.
    """

    id: int = 0
    mark: str = ""
    mailbox: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Mail after a cursor, oldest first.

    Args:
        is_reset: The cursor is of another life of this mailbox (it was restored, or moved): this is all there is.
        digest: The kept form of the till's token now; None where it was shut out.
    """

    messages: tuple[Message, ...]
    is_reset: bool = False
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A till that the relay knows."""

    name: str
    created_at_ms: int
    is_revoked: bool
    position: int
    waiting: int
    seen_at_ms: int | None
    shop: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose something is.

    Args:
        number: Another one each time its holder claims it.
    """

    till: str
    number: int


def claim_notice(holder: str) -> bytes:
    """What the other tills of a shop are told; nobody's for what was given back."""
    return json.dumps({"till": holder}).encode()


class StoreError(Exception):
    """The store could not take or give mail; nothing was promised."""


class CrowdedOutError(StoreError):
    """There is no room left today for messages with a token that its till has not named."""


class MailboxStore(Protocol):
    """Keeps mail until its till has it. Belongs to one loop."""

    @property
    def identity(self) -> str:
        """The mailbox's own name for itself: one that was set up afresh is another."""
        ...

    @property
    def floor_ms(self) -> int:
        """What time it is at least: a clock that was set back makes no message older than the mail before it."""
        ...

    async def start(self) -> None:
        """Gets ready on the running loop."""
        ...

    async def stop(self) -> None:
        """Writes what is on its way, then lets go."""
        ...

    async def device_digest(self, name: str) -> bytes | None:
        """The kept form of a till's token; None for one that is unknown or revoked.

        Raises:
            StoreError: it cannot be told.
        """
        ...

    async def put(self, message: IncomingMessage) -> bool:
        """Keeps a message; when it returns, it is on the disk. False where nobody is meant by it.

        Raises:
            CrowdedOutError: strangers have used up their room in this mailbox for today.
            StoreError: it could not be kept.
        """
        ...

    async def name_prompts(self, till: str, digests: Sequence[bytes], now_ms: int) -> None:
        """A till names the tokens of prompts of its own: their callbacks never count as a stranger's.

        Raises:
            StoreError: they were not noted.
        """
        ...

    async def after(self, till: str, cursor: Cursor) -> Page:
        """Messages after what a till says it has; saying so acknowledges all up to there.

        Raises:
            StoreError: they cannot be had.
        """
        ...

    async def next(self, till: str, position: int, timeout_s: float) -> Page:
        """Messages after a number, as soon as there are any; an empty page after a time. Acknowledges nothing.

        Raises:
            StoreError: they cannot be had.
        """
        ...

    async def expect_payments(self, till: str, token_digest: bytes, now_ms: int) -> None:
        """From now on payments with this token in their address are for the shop of a till. Older tokens stay good.

        Raises:
            StoreError: it was not noted.
        """
        ...

    async def claim(self, till: str, subject: bytes) -> Claim | None:
        """Takes something for a till, of which its shop has one: the first wins, and the others are told.

        Args:
            subject: What, as a digest.

        Returns:
            Whose it is now; None for an unknown till, or where it was given back in just this moment.

        Raises:
            StoreError: nobody has it.
        """
        ...

    async def release(self, till: str, subject: bytes, number: int) -> bool:
        """Gives back what a till took, and tells the others; False where it is not that till's.

        Args:
            number: Of the claim that is meant: a release that was held up on its way frees nothing claimed since.

        Raises:
            StoreError: it is as it was.
        """
        ...


class Devices(Protocol):
    """Who may read, and for how long mail is kept. For the command line: each call is whole when it returns."""

    def add_device(self, name: str, shop: str = "") -> str:
        """Adds a till and returns its token, which is not shown again.

        Args:
            shop: Devices of one shop share the payments made straight to its till number; a shop of its own if empty.

        Raises:
            Mistake: ``relay.till_name`` or ``relay.name_taken``.
            Outside: ``relay.store``.
        """
        ...

    def rotate(self, name: str) -> str:
        """Gives a till a new token; the old one stops at once.

        Raises:
            Mistake: ``relay.unknown_till``.
            Outside: ``relay.store``.
        """
        ...

    def revoke(self, name: str) -> None:
        """Shuts a till out; its mail stays until it is purged.

        Raises:
            Mistake: ``relay.unknown_till``.
            Outside: ``relay.store``.
        """
        ...

    def devices(self) -> list[Device]:
        """Every till, by name.

        Raises:
            Outside: ``relay.store``.
        """
        ...

    def purge(self, *, read_before_ms: int, unread_before_ms: int, claims_before_ms: int = 0) -> int:
        """Deletes read mail that is older than one time and unread mail older than another; how many.

        Also claims older than a third time, and what was noted of prompts and strangers before the second.

        Raises:
            Outside: ``relay.store``.
        """
        ...

    def fact(self, name: str) -> int:
        """A number that the mailbox keeps about itself; 0 for one that it does not know.

        Raises:
            Outside: ``relay.store``.
        """
        ...

    def set_fact(self, name: str, value: int) -> None:
        """Keeps such a number.

        Raises:
            Outside: ``relay.store``.
        """
        ...

    def close(self) -> None:
        """Lets go."""
        ...


class Store(MailboxStore, Devices, Protocol):
    """Both, over one database."""
