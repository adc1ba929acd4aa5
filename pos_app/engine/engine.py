"""The engine: the same under the window, the command line and the tests. It starts, stops and supervises."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeVar

from pos_app.common import faults
from pos_app.common.clock import Clock, SystemClock
from pos_app.common.tokens import token_digest
from pos_app.common.urls import is_loopback
from pos_app.daraja import AsyncMpesaClient, Pacer
from pos_app.domain.staff.actor import PRACTICE
from pos_app.domain.stk import events as ev
from pos_app.domain.stk.attempt import FOLLOWED, Attempt, AttemptState
from pos_app.domain.stk.schedule import RECENT_MS
from pos_app.domain.stk.transitions import Timing
from pos_app.domain.values.ids import AttemptId
from pos_app.engine.attempts import Attempts
from pos_app.engine.commands import NOBODY_IN_PARTICULAR, Command, Sender
from pos_app.engine.context import FOLLOW_ALL, Context, Recovery, SalesContext
from pos_app.engine.dispatcher import Authenticator, Dispatcher
from pos_app.engine.ledger_thread import LedgerThread
from pos_app.engine.message_intake import MessageIntake
from pos_app.engine.parts import Parts
from pos_app.engine.recheck import Recheck
from pos_app.engine.services.code_reservations import CodeReservations
from pos_app.engine.services.daily_backup import DailyBackup
from pos_app.engine.services.prompt_registrar import PromptRegistrar
from pos_app.engine.services.relay_reader import Beginning, RelayReader, mailbox_of
from pos_app.engine.services.status_poller import StatusPoller
from pos_app.engine.services.stk_sender import StkSender
from pos_app.engine.status_board import StatusBoard
from pos_app.engine.supervisor import Supervisor
from pos_app.engine.updates import EngineStarted, Health, MailboxBegun, Polled, Service, ServiceStatusChanged, Update
from pos_app.ledger.stores.messages import Cursor
from pos_app.ledger.writer import LedgerWriter
from pos_app.settings.effective import MpesaAccess, RelayAccess
from pos_app.settings.model import Environment

R = TypeVar("R")
PRACTICE_RESTARTED: Final = "The practice M-PESA was started anew and does not know this prompt."


class Engine:
    """Takes payments.

    *Thread*: everything but the constructor belongs to the loop that runs `start`.

    Args:
        ledger: The ledger's file.
        access: Which M-PESA, how.
        on_update: Told everything, in the loop's thread.
        authenticator: Asked where a command wants a permission.
        recovery: What a start makes of what an earlier run left.
    """

    def __init__(
        self,
        ledger: Path,
        access: MpesaAccess,
        sales: SalesContext,
        on_update: Callable[[Update], None],
        *,
        authenticator: Authenticator,
        clock: Clock | None = None,
        recovery: Recovery = FOLLOW_ALL,
    ) -> None:
        def emit(update: Update) -> None:
            try:
                on_update(update)
            except Exception as error:  # noqa: BLE001 - a face that falls over stops no payment
                faults.note(error, "update")

        used = clock or SystemClock()
        board = StatusBoard(emit)
        self._context = Context(
            ledger, access, sales, used, recovery, emit,
            LedgerThread(), board, Supervisor(used, board, emit), Timing(access.pacing.confirm_gap_ms),
        )  # fmt: skip
        attempts, recheck = Attempts(self._context), Recheck(self._context)
        sender = StkSender(self._context, attempts, self._name_prompt)
        attempts.send = sender.send
        attempts.observers.append(recheck.observe)
        self._parts = Parts(self._context, attempts, sender, recheck)
        self._dispatcher = Dispatcher(self._parts, authenticator)

    async def execute(self, command: Command[R], sender: Sender = NOBODY_IN_PARTICULAR) -> R:
        """Does what a person wants; returns its reply.

        Raises:
            Mistake, Outside, Bug: as `pos_app.engine.dispatcher.Dispatcher.execute`.
        """
        return await self._dispatcher.execute(command, sender)

    # Life

    async def open(self) -> None:
        """Opens and locks the ledger: before anything else is started, or written.

        Raises:
            Outside: ``ledger.…``; then nothing runs.
        """
        context = self._context
        await context.ledger.open(context.path, context.access.environment)

    async def start(self, access: MpesaAccess | None = None) -> None:
        """Takes up what was left, and takes commands. Comes after `open`.

        Args:
            access: In place of the one that was known before the ledger was open.

        Raises:
            Outside: ``ledger.…``
        """
        context = self._context
        context.access = access or context.access
        context.supervisor.start(self._parts.sender)
        self._reach_mpesa()
        following = await self._take_up()
        if context.access.relay is not None:
            await self._listen(context.access.relay)
        else:
            context.board.show(ServiceStatusChanged(Service.RELAY, Health.OFF, "relay.off"))
        if context.access.environment is not Environment.PRACTICE:
            context.supervisor.start(DailyBackup(context.path, context.clock, context.board.show))
        context.emit(EngineStarted(following))

    def _reach_mpesa(self) -> None:
        context, access = self._context, self._context.access
        missing = access.missing()
        if missing:
            context.board.show(ServiceStatusChanged(Service.MPESA, Health.OFF, "mpesa.missing", ", ".join(missing)))
            return
        pacer = Pacer(access.pacing.interval_ms / 1000)
        context.client = AsyncMpesaClient(
            access.consumer_key,
            access.consumer_secret,
            environment="production" if access.environment is Environment.PRODUCTION else "sandbox",
            base_url=access.base_url,
            # Plain http is allowed on this machine alone: it must not leave through a proxy.
            use_proxies=not is_loopback(access.base_url or ""),
            clock=context.clock,
            query_pacer=pacer,
            max_amount=access.max_shillings,
        )
        poller = StatusPoller(
            context.client,
            access,
            context.clock,
            apply=self._parts.attempts.apply_surely,
            spawn=context.supervisor.spawn,
            show_status=context.board.show,
            on_answer=lambda: context.board.show_answer(context.client),
            on_asked=self._note_asked,
            pacer=pacer,
        )
        self._parts.poller = self._parts.attempts.poller = poller
        context.supervisor.start(poller)
        context.board.show(ServiceStatusChanged(Service.MPESA, Health.OK, "mpesa.set_up"))

    async def _take_up(self) -> int:
        """What an earlier run left: what was being sent is unknown now, what never left is withdrawn."""
        context, attempts = self._context, self._parts.attempts
        now_ms = context.clock.now_ms()
        following = 0
        for attempt in await context.ledger.call(LedgerWriter.left_ready):
            await attempts.apply(attempt.id, ev.Withdrawn())
        for attempt in await context.ledger.call(LedgerWriter.to_follow, now_ms - RECENT_MS):
            if context.recovery.is_forgetful:
                if attempt.state in FOLLOWED:
                    await self._give_up_forgotten(attempt)
                continue
            following += attempt.state in FOLLOWED
            await attempts.apply(attempt.id, ev.Restarted(), always_emit=attempt.state in FOLLOWED)
        return following

    async def _give_up_forgotten(self, attempt: Attempt) -> None:
        """Its M-PESA lived in the process that ended: nobody will ever know, and no money is at stake."""
        attempts = self._parts.attempts
        await attempts.apply(attempt.id, ev.Restarted())
        if attempt.state is AttemptState.PENDING:
            await attempts.apply(attempt.id, ev.DeadlinePassed())
        await attempts.apply(attempt.id, ev.GivenUp(PRACTICE.name, PRACTICE_RESTARTED))

    async def _listen(self, relay: RelayAccess) -> None:
        context, parts, use_proxies = self._context, self._parts, not is_loopback(relay.url)
        mailbox = context.recovery.mailbox or mailbox_of(relay)
        cursor = await context.ledger.call(LedgerWriter.cursor, mailbox)
        reservations = parts.reservations = CodeReservations(
            context, parts.attempts, relay, reserves_prompts=not context.recovery.is_forgetful, use_proxies=use_proxies
        )
        parts.attempts.observers.append(reservations.observe)
        registrar = parts.registrar = PromptRegistrar(relay, use_proxies=use_proxies)
        registrar.add(await context.ledger.call(LedgerWriter.live_token_digests))
        mail_begins_ms = await context.ledger.call(LedgerWriter.mail_begins_ms)
        reader = parts.relay_reader = RelayReader(
            relay,
            cursor,
            take=MessageIntake(parts).take,
            beginning=Beginning(mail_begins_ms, self._begin_mailbox) if mail_begins_ms is not None else None,
            show_status=context.board.show,
            on_polled=self._note_look,
            clock=context.clock,
            use_proxies=use_proxies,
        )
        for service in (reader, registrar, reservations):
            context.supervisor.start(service)
        since_ms = context.clock.now_ms() - RECENT_MS
        for attempt_id, code in await context.ledger.call(LedgerWriter.codes_to_reserve, since_ms):
            reservations.reserve_for_prompt(attempt_id, code)

    async def stop(self) -> None:
        """Stops. A push on its way is written down as unknown; everything goes on at the next start."""
        context = self._context
        async with AsyncExitStack() as stack:
            # From the last to the first: each is closed, whatever became of those before it.
            stack.push_async_callback(context.ledger.close)
            if context.client is not None:
                stack.push_async_callback(context.client.aclose)
            stack.push_async_callback(context.supervisor.aclose)
            await self._dispatcher.finish()
            await context.supervisor.cancel()

    # What it is doing

    @property
    def following(self) -> list[Attempt]:
        """The attempts that may still be paid."""
        return self._parts.attempts.following

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open, the mailbox was read, and what `RecheckClosed` began is done."""
        parts = self._parts
        has_read = parts.relay_reader is None or parts.relay_reader.has_looked
        is_asking = parts.poller is not None and parts.poller.is_asking
        return has_read and not is_asking and not self.following and parts.recheck.is_done

    def _note_asked(self, attempt_id: AttemptId) -> None:
        self._parts.recheck.note_asked(attempt_id)
        self._note_look()

    async def _begin_mailbox(self, cursor: Cursor, passed_over: int) -> None:
        now_ms = self._context.clock.now_ms()
        await self._context.ledger.call(LedgerWriter.begin_mailbox, cursor, now_ms)
        self._context.emit(MailboxBegun(passed_over, now_ms))

    def _note_look(self) -> None:
        self._context.emit(Polled())

    def _name_prompt(self, token: str) -> None:
        """The relay is told whose callbacks are ours, and no prompt waits for it."""
        if self._parts.registrar is not None:
            self._parts.registrar.add([token_digest(token)])
