"""Sends each push once, and says what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final

from pos_app.common.http import Leaving, StoppedBeforeSendingError
from pos_app.daraja import AsyncMpesaClient, InvalidRequest, MaybeSent, NotSent, Refused, Throttled, TransactionType
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.stk.schedule import LEAVES_WITHIN_MS
from pos_app.domain.values.ids import AttemptId
from pos_app.domain.values.money import shillings_of
from pos_app.engine.attempts import Attempts
from pos_app.engine.context import Context
from pos_app.engine.updates import Service
from pos_app.ledger.writer import Applied
from pos_app.settings.effective import MpesaAccess

STOPPED: Final = Outcome(OutcomeKind.NO_ANSWER, "STOPPED", "the till was closed", is_final=False)
STOPPED_EARLY: Final = Outcome(OutcomeKind.NO_CONNECTION, "STOPPED", "the till was closed before it was sent")
TAKEN_BACK: Final = Outcome(OutcomeKind.NO_CONNECTION, "TAKEN_BACK", "taken back before it left")
_STOPPED_EVENT: Final = ev.PushLost(STOPPED)
_STOPPED_EARLY_EVENT: Final = ev.PushNotSent(STOPPED_EARLY)
_TAKEN_BACK_EVENT: Final = ev.PushNotSent(TAKEN_BACK)


@dataclass(slots=True)
class _Departure:
    """A push between Enter and its answer.

    Args:
        token: Of its callback address.
        entered_s: When the cashier wanted it, in monotonic seconds.
        task: What sends it, while that runs.
        left_at_ms: When its first byte left.
        is_taken_back: The cashier changed their mind.
    """

    token: str
    entered_s: float
    task: asyncio.Task[None] | None = None
    left_at_ms: int | None = None
    is_taken_back: bool = False


class StkSender:
    """Sends what `send` is given, each in a task of its own.

    Args:
        on_token: Told the token of each prompt before anything of it leaves.
    """

    name = "STK sender"
    shows = Service.MPESA

    def __init__(self, context: Context, attempts: Attempts, on_token: Callable[[str], None]) -> None:
        self._context = context
        self._attempts = attempts
        self._on_token = on_token
        self._departures: dict[AttemptId, _Departure] = {}
        self._waiting: dict[AttemptId, Attempt] = {}
        self._beginning: set[asyncio.Task[Attempt]] = set()
        self._changed = asyncio.Event()

    async def begin(self, write: Callable[[], Awaitable[Applied]], token: str, entered_s: float) -> Attempt:
        """Writes a prompt as *sending*, and has it sent. Whoever is cancelled meanwhile leaves none half begun.

        Args:
            write: Puts it into the ledger.
            entered_s: When the cashier wanted it, in monotonic seconds: it leaves soon after, or not at all.
        """
        beginning = asyncio.create_task(self._begin(write, token, entered_s))
        self._beginning.add(beginning)
        beginning.add_done_callback(self._on_begun)
        return await asyncio.shield(beginning)

    def _on_begun(self, beginning: asyncio.Task[Attempt]) -> None:
        self._beginning.discard(beginning)
        # A refusal is raised to whoever waits; where nobody does any more it is no fault.
        if not beginning.cancelled():
            beginning.exception()

    async def _begin(self, write: Callable[[], Awaitable[Applied]], token: str, entered_s: float) -> Attempt:
        applied = await write()
        self._departures[applied.attempt.id] = _Departure(token, entered_s)
        self._on_token(token)
        await self._attempts.follow_up(applied)
        return applied.attempt

    def token_of(self, attempt_id: AttemptId) -> str | None:
        """The token of a prompt that never left; None where another must be made."""
        departure = self._departures.get(attempt_id)
        return departure.token if departure is not None else None

    def send(self, attempt: Attempt) -> None:
        """Sends a push, once."""
        self._waiting[attempt.id] = attempt
        self._changed.set()

    async def take_back(self, attempt_id: AttemptId) -> None:
        """Stops a push of which no byte has left; one that has left goes on."""
        departure = self._departures.get(attempt_id)
        if departure is None or departure.left_at_ms is not None:
            return
        if departure.task is not None:
            departure.is_taken_back = True
            departure.task.cancel()
            await asyncio.gather(departure.task, return_exceptions=True)
        if self._waiting.pop(attempt_id, None) is not None:
            # It did not even begin.
            await self._attempts.apply_surely(attempt_id, _TAKEN_BACK_EVENT)

    async def run(self) -> None:
        """Starts what waits, until cancelled."""
        while True:
            self._changed.clear()
            for attempt in list(self._waiting.values()):
                departure = self._departures[attempt.id]
                if departure.task is None:
                    departure.task = self._context.supervisor.spawn(self._push(attempt), f"push {attempt.id}")
            await self._changed.wait()

    async def aclose(self) -> None:
        """Writes down what did not even begin to leave.

        Raises:
            Outside: ``ledger.…`` for the first that could not be written; all were tried.
        """
        # As long as the ledger takes: it would be waited for all the same.
        await asyncio.gather(*self._beginning, return_exceptions=True)
        async with AsyncExitStack() as stack:
            for attempt_id in list(self._waiting):
                stack.push_async_callback(self._attempts.apply, attempt_id, _STOPPED_EARLY_EVENT)
            self._waiting.clear()

    async def _push(self, attempt: Attempt) -> None:
        context, departure = self._context, self._departures[attempt.id]
        # Whatever ends this early, bytes may have left: the till says so before it closes.
        event: ev.Event = _STOPPED_EVENT
        del self._waiting[attempt.id]

        def begun() -> None:
            departure.left_at_ms = context.clock.now_ms()

        leaving = Leaving(departure.entered_s + LEAVES_WITHIN_MS / 1000, begun)
        try:
            event = await push(context.mpesa, context.access, attempt, departure.token, leaving)
        except StoppedBeforeSendingError:
            event = _TAKEN_BACK_EVENT if departure.is_taken_back else _STOPPED_EARLY_EVENT
            raise
        finally:
            departure.task = None
            if event is _TAKEN_BACK_EVENT:
                await self._attempts.apply_surely(attempt.id, event)
            elif event in (_STOPPED_EVENT, _STOPPED_EARLY_EVENT):
                # The till closes: what cannot be written now is found by the next start.
                await self._attempts.apply(attempt.id, _with_first_byte(event, departure.left_at_ms))
        if not isinstance(event, ev.PushNotSent):
            del self._departures[attempt.id]
        await self._attempts.apply_surely(attempt.id, _with_first_byte(event, departure.left_at_ms))
        context.board.show_push(event, context.client)


def _with_first_byte(event: ev.Event, left_at_ms: int | None) -> ev.Event:
    if isinstance(event, (ev.PushAccepted, ev.PushRefused, ev.PushLost)):
        return replace(event, left_at_ms=left_at_ms)
    return event


async def push(
    client: AsyncMpesaClient, access: MpesaAccess, attempt: Attempt, token: str, leaving: Leaving
) -> ev.Event:
    """Asks the customer's phone for the PIN.

    Args:
        leaving: By when it must have begun to leave.

    Returns:
        What happened, as an event. It is never sent again from here.
    """
    kind = TransactionType.CUSTOMER_BUYGOODS_ONLINE if access.is_buy_goods else TransactionType.CUSTOMER_PAYBILL_ONLINE
    try:
        response = await client.stk_push(
            business_short_code=access.shortcode,
            transaction_type=kind,
            amount=shillings_of(attempt.amount_cents),
            party_a=attempt.msisdn,
            party_b=access.party_b,
            phone_number=attempt.msisdn,
            callback_url=f"{access.callback_base}/{token}",
            account_reference=attempt.reference,
            transaction_desc=attempt.reference,
            passkey=access.passkey,
            leaving=leaving,
        )
    except InvalidRequest as error:
        return ev.PushNotSent(Outcome(OutcomeKind.BAD_REQUEST, error.code, str(error)))
    except NotSent as error:
        return ev.PushNotSent(error.outcome)
    except (Refused, Throttled) as error:
        return ev.PushRefused(error.outcome)
    except MaybeSent as error:
        return ev.PushLost(error.outcome)
    if response.is_successful():
        return ev.PushAccepted(response.MerchantRequestID, response.CheckoutRequestID)
    # Understood, yet neither queued nor refused with a code of the fact sheet: nobody knows.
    unclear = Outcome(OutcomeKind.OTHER, response.ResponseCode, response.error_message()[:200], is_final=False)
    return ev.PushLost(unclear, response.MerchantRequestID or None, response.CheckoutRequestID or None)
