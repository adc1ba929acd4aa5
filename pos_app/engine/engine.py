"""The engine: the same under the window, the command line and the tests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pos_app.common.clock import EARLIEST_MS, Clock, SystemClock, to_eat
from pos_app.common.errors import Mistake, Outside, TillError
from pos_app.common.http import Leaving, StoppedBeforeSendingError
from pos_app.common.mailbox import MessageKind
from pos_app.common.tokens import new_address_token, token_digest
from pos_app.common.urls import is_loopback
from pos_app.daraja import AsyncMpesaClient, Pacer
from pos_app.domain import events as ev
from pos_app.domain.attempt import FOLLOWED, Attempt, AttemptId, AttemptState, SaleId
from pos_app.domain.commands import Announce, AskSoon, SendPush
from pos_app.domain.flow import Rules
from pos_app.domain.mpesa_code import parse_mpesa_code
from pos_app.domain.phone import Msisdn
from pos_app.domain.sale import Draft
from pos_app.domain.schedule import LEAVES_WITHIN_MS, RECENT_MS, WaitReason
from pos_app.domain.till_payment import Use
from pos_app.engine import events as out
from pos_app.engine.copies import keep_copies
from pos_app.engine.inbox import Inbox, mailbox_of
from pos_app.engine.ledger_thread import LedgerThread
from pos_app.engine.mail import Mail, read_callback
from pos_app.engine.poller import Poller
from pos_app.engine.practice_mode import PracticeMode, with_practice_account
from pos_app.engine.prompt_names import PromptNames
from pos_app.engine.sender import STOPPED, STOPPED_EARLY, TAKEN_BACK, push
from pos_app.engine.till_payments import Registered, TillPayments
from pos_app.ledger.writer import Applied, LedgerWriter
from pos_app.practice.customers import Habit
from pos_app.settings.effective import MpesaAccess
from pos_app.settings.model import Environment

_log = logging.getLogger("pos_app.engine")
RETRY_WRITE_S: Final = 2.0
CLOCK_TOLERANCE_MS: Final = 60_000
CLOCK_USELESS_MS: Final = 12 * 3_600_000
"""A clock that is off by more dates sales on another day."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Before a background duty that fell over begins again."""
_STOPPED_EVENT: Final = ev.PushLost(STOPPED)
_STOPPED_EARLY_EVENT: Final = ev.PushNotSent(STOPPED_EARLY)
_TAKEN_BACK_EVENT: Final = ev.PushNotSent(TAKEN_BACK)
PRACTICE_RESTARTED: Final = "The practice M-PESA was started anew and does not know this prompt."


@dataclass(frozen=True, slots=True)
class Counter:
    """Who sells and where, for the sale's row."""

    cashier: str = ""
    till_label: str = ""
    shop_name: str = ""


@dataclass(slots=True)
class _Departure:
    """A push between Enter and its first byte.

    Args:
        entered_s: When the cashier wanted it, in monotonic seconds.
        task: What sends it, while that runs.
        left_at_ms: When its first byte left.
        is_taken_back: The cashier changed their mind.
    """

    entered_s: float
    task: asyncio.Task[None] | None = None
    left_at_ms: int | None = None
    is_taken_back: bool = False


def _with_first_byte(event: ev.Event, left_at_ms: int | None) -> ev.Event:
    if isinstance(event, (ev.PushAccepted, ev.PushRefused, ev.PushLost)):
        return replace(event, left_at_ms=left_at_ms)
    return event


def _spoken(at_ms: int) -> str:
    return to_eat(at_ms).strftime("%Y-%m-%d %H:%M")


class Engine:
    """Takes payments.

    *Thread*: everything but the constructor belongs to the loop that runs `start`.

    Args:
        ledger: The ledger's file.
        access: Which M-PESA, how.
        on_event: Told everything, in the loop's thread.
        practice_habit: What customers of the built-in practice M-PESA do by themselves.
    """

    def __init__(
        self,
        ledger: Path,
        access: MpesaAccess,
        counter: Counter,
        on_event: Callable[[out.EngineEvent], None],
        *,
        clock: Clock | None = None,
        practice_habit: Habit = Habit.WAITS,
    ) -> None:
        self._path = ledger
        self._access = access
        self._counter = counter
        self._on_event = on_event
        self._clock = clock or SystemClock()
        self._practice_habit = practice_habit
        self._ledger = LedgerThread()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pushes: set[asyncio.Task[None]] = set()
        self._waiting_to_push: set[AttemptId] = set()
        self._to_recheck: set[AttemptId] = set()
        self._rechecked: dict[AttemptId, Attempt] = {}
        self._tokens: dict[AttemptId, str] = {}
        self._rules = Rules(access.pacing.confirm_gap_ms)
        self._lights: dict[out.Light, out.LightChanged] = {}
        self._followed: dict[AttemptId, Attempt] = {}
        self.practice: PracticeMode | None = None
        self._client: AsyncMpesaClient | None = None
        self._poller: Poller | None = None
        self._inbox: Inbox | None = None
        self._payments: TillPayments | None = None
        self._names: PromptNames | None = None
        self._departures: dict[AttemptId, _Departure] = {}

    # Life

    async def start(self) -> None:
        """Opens the ledger, takes up what was left, and takes requests.

        Raises:
            Outside: ``ledger.…``; then nothing runs.
        """
        await self._ledger.open(self._path, self._access.environment)
        access = self._access
        if access.environment is Environment.PRACTICE:
            if access.runs_practice:
                self.practice = PracticeMode(
                    self._path.parent, self._counter.shop_name, self._practice_habit, self._on_event
                )
                access = await self.practice.start(access)
            else:
                access = with_practice_account(access)
        self._access = access
        if not access.missing():
            pacer = Pacer(access.pacing.interval_ms / 1000)
            self._client = AsyncMpesaClient(
                access.consumer_key,
                access.consumer_secret,
                environment="production" if access.environment is Environment.PRODUCTION else "sandbox",
                base_url=access.base_url,
                # Plain http is allowed on this machine alone: it must not leave through a proxy.
                use_proxies=not is_loopback(access.base_url or ""),
                clock=self._clock,
                query_pacer=pacer,
                max_amount=access.max_shillings,
            )
            self._poller = Poller(
                self._client,
                access,
                self._clock,
                apply=self._apply_surely,
                spawn=self._spawn,
                tell=self._tell,
                answered=self._mpesa_answered,
                asked=self._asked,
                pacer=pacer,
            )
            self._keep_up(self._poller.run, "poller", out.Light.MPESA)
            self._tell(out.LightChanged(out.Light.MPESA, out.Status.READY, "mpesa.set_up"))
        else:
            self._tell(out.LightChanged(out.Light.MPESA, out.Status.OFF, "mpesa.missing", ", ".join(access.missing())))
        following = await self._take_up()
        await self._listen(access)
        if access.environment is not Environment.PRACTICE:
            self._keep_up(lambda: keep_copies(self._path, self._clock, self._tell), "copies", out.Light.LEDGER)
        self._on_event(out.EngineStarted(following))

    async def _take_up(self) -> int:
        """What an earlier run left: what was being sent is unknown now, what never left is withdrawn."""
        now_ms = self._clock.now_ms()
        following = 0
        for attempt in await self._ledger.call(LedgerWriter.left_ready):
            await self._apply(attempt.id, ev.Withdrawn())
        for attempt in await self._ledger.call(LedgerWriter.to_follow, now_ms - RECENT_MS):
            if self.practice is not None:
                if attempt.state in FOLLOWED:
                    await self._give_up_practice(attempt)
                continue
            following += attempt.state in FOLLOWED
            await self._apply(attempt.id, ev.Restarted(), always_tell=attempt.state in FOLLOWED)
        return following

    async def _give_up_practice(self, attempt: Attempt) -> None:
        """Its M-PESA lived in the process that ended: nobody will ever know, and no money is at stake."""
        await self._apply(attempt.id, ev.Restarted())
        if attempt.state is AttemptState.PENDING:
            await self._apply(attempt.id, ev.DeadlinePassed())
        await self._apply(attempt.id, ev.GivenUp("practice", PRACTICE_RESTARTED))

    async def _listen(self, access: MpesaAccess) -> None:
        relay = access.relay
        if relay is None:
            self._tell(out.LightChanged(out.Light.RELAY, out.Status.OFF, "relay.off"))
            return
        mailbox = "practice" if self.practice is not None else mailbox_of(relay)
        cursor = await self._ledger.call(LedgerWriter.cursor, mailbox)

        use_proxies = not is_loopback(relay.url)
        payments = self._payments = TillPayments(
            self._ledger, access, self._clock, tell=self._on_event, applied=self._follow_up_all, use_proxies=use_proxies
        )

        async def take(mail: Mail) -> None:
            match mail.kind:
                case MessageKind.PAYMENT:
                    await payments.take(mail)
                case MessageKind.CLAIM:
                    await payments.note_claim(mail)
                case MessageKind.CALLBACK:
                    await self._take_callback(mail)
                case None:
                    _log.warning("the relay sent a message of a kind that this till does not know")
                    await self._pass_over(mail)
                    self._on_event(out.StraysChanged())

        self._inbox = Inbox(
            relay,
            cursor,
            take=lambda mail: self._take_or_pass(mail, take),
            tell=self._tell,
            looked=self._looked,
            clock=self._clock,
            use_proxies=use_proxies,
        )
        self._keep_up(self._inbox.run, "inbox", out.Light.RELAY)
        self._names = PromptNames(relay, use_proxies=use_proxies)
        self._names.add(await self._ledger.call(LedgerWriter.live_token_digests))
        self._keep_up(self._names.run, "prompt names")
        for attempt_id, code in await self._ledger.call(
            LedgerWriter.codes_to_reserve, self._clock.now_ms() - RECENT_MS
        ):
            self._claim_code(attempt_id, code)

    async def stop(self) -> None:
        """Stops. A push on its way is written down as unknown; everything goes on at the next start."""
        for task in (*self._pushes, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._pushes, *self._tasks, return_exceptions=True)
        for attempt_id in list(self._waiting_to_push):
            # Cancelled before its first step: it did not even begin.
            await self._apply(attempt_id, _STOPPED_EARLY_EVENT)
        if self._inbox is not None:
            await self._inbox.aclose()
        if self._payments is not None:
            await self._payments.aclose()
        if self._names is not None:
            await self._names.aclose()
        if self._client is not None:
            await self._client.aclose()
        if self.practice is not None:
            await self.practice.stop()
        await self._ledger.close()

    @property
    def following(self) -> list[Attempt]:
        """The attempts that may still be paid."""
        return [attempt for attempt in self._followed.values() if attempt.state in FOLLOWED]

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open, the mailbox was read, and what `recheck_closed` began is done."""
        has_read = self._inbox is None or self._inbox.has_looked
        is_asking = self._poller is not None and self._poller.is_asking
        return has_read and not is_asking and not self.following and not self._to_recheck

    async def recheck_closed(self) -> None:
        """Asks at once for every closed attempt that would be asked about later: it may have been paid since."""
        if self._poller is None or self.practice is not None:
            return
        since_ms = self._clock.now_ms() - RECENT_MS
        for attempt in await self._ledger.call(LedgerWriter.to_follow, since_ms):
            is_owed = attempt.state not in FOLLOWED and self._poller.follows(attempt.id)
            if is_owed and self._poller.ask_now(attempt):
                self._to_recheck.add(attempt.id)

    # Requests

    async def request_payment(self, draft: Draft, *, anyway: bool = False) -> Attempt:
        """Records a sale and sends its prompt; returns when both are in the ledger, before any byte left.

        Args:
            anyway: Although a sale with this phone, amount and reference is not known yet.

        Raises:
            Mistake: ``sale.same_open``, ``sale.wait_…``, ``clock.…`` or ``settings.missing``.
            Outside: ``ledger.…``; then nothing was recorded and nothing is sent.
        """
        self._refuse_unset()
        entered_s = time.monotonic()
        await self._refuse_wrong_clock()
        token = new_address_token()
        counter = self._counter
        attempt = await self._ledger.call(
            LedgerWriter.record_sale,
            draft,
            token,
            self._clock.now_ms(),
            cashier=counter.cashier,
            till_label=counter.till_label,
            anyway=anyway,
        )
        return await self._send(attempt, token, entered_s)

    async def send_again(self, sale_id: SaleId, msisdn: Msisdn | None = None) -> Attempt:
        """Prompts again: the same attempt if it never left, else a new one once the old is settled.

        Raises:
            Mistake: ``sale.…`` or ``settings.missing``.
            Outside: ``ledger.…``
        """
        self._refuse_unset()
        entered_s = time.monotonic()
        await self._refuse_wrong_clock()
        last = await self._ledger.call(LedgerWriter.last_attempt_of, sale_id)
        if last.state is AttemptState.READY and last.id in self._tokens and msisdn in (None, last.msisdn):
            try:
                return await self._send(last, self._tokens[last.id], entered_s)
            except Mistake as mistake:
                if mistake.code != "sale.other_due":
                    raise
        if last.state is AttemptState.READY:
            await self._apply(last.id, ev.Withdrawn())
        token = new_address_token()
        attempt = await self._ledger.call(
            LedgerWriter.record_attempt, sale_id, token, self._clock.now_ms(), msisdn=msisdn
        )
        return await self._send(attempt, token, entered_s)

    async def _send(self, attempt: Attempt, token: str, entered_s: float) -> Attempt:
        self._tokens[attempt.id] = token
        self._departures[attempt.id] = _Departure(entered_s)
        if self._names is not None:
            # The relay is told whose callbacks are ours, and no prompt waits for it.
            self._names.add([token_digest(token)])
        return (await self._apply(attempt.id, ev.SendRequested())).attempt

    async def _refuse_wrong_clock(self) -> None:
        """Nothing is dated by a clock that is plainly wrong, unless M-PESA itself says that it is right.

        Raises:
            Mistake: ``clock.behind`` (now, newest) or ``clock.wrong`` (now, right).
        """
        assert self._client is not None, "refused where nothing is set up"
        now_ms = self._clock.now_ms()
        newest_ms = max(await self._ledger.call(LedgerWriter.newest_event_ms), EARLIEST_MS)
        ahead_ms, is_behind = self._client.clock_ahead_ms, now_ms < newest_ms - CLOCK_TOLERANCE_MS
        tolerated_ms = CLOCK_TOLERANCE_MS if is_behind else CLOCK_USELESS_MS
        is_known = ahead_ms is not None or not is_behind
        if self._client.is_time_unsure or not is_known or abs(ahead_ms or 0) > tolerated_ms:
            # Nobody is refused over what was true before this PC slept, or was set right.
            ahead_ms = await self._client.ask_time()
            now_ms = self._clock.now_ms()
        if is_behind:
            if ahead_ms is None or abs(ahead_ms) > CLOCK_TOLERANCE_MS:
                raise Mistake("clock.behind", now=_spoken(now_ms), newest=_spoken(newest_ms))
        elif ahead_ms is not None and abs(ahead_ms) > CLOCK_USELESS_MS:
            raise Mistake("clock.wrong", now=_spoken(now_ms), right=_spoken(now_ms - ahead_ms))

    async def check_now(self, attempt_id: AttemptId) -> Attempt:
        """Asks M-PESA as soon as the limiter allows."""
        attempt = await self._ledger.call(LedgerWriter.attempt, attempt_id)
        if self._poller is not None:
            self._poller.follow(attempt)
            self._poller.ask_now(attempt)
        await self._emit(attempt, attempt.state)
        return attempt

    async def withdraw(self, attempt_id: AttemptId) -> Attempt:
        """Takes back an attempt that never left, also one that is still on its way to leaving.

        Raises:
            Mistake: ``attempt.not_ready``: it has left.
        """
        departure = self._departures.get(attempt_id)
        if departure is not None and departure.task is not None and departure.left_at_ms is None:
            departure.is_taken_back = True
            departure.task.cancel()
            await asyncio.gather(departure.task, return_exceptions=True)
            if attempt_id in self._waiting_to_push:
                # Cancelled before its first step: it did not even begin.
                self._waiting_to_push.discard(attempt_id)
                await self._apply(attempt_id, _TAKEN_BACK_EVENT)
        return (await self._apply(attempt_id, ev.Withdrawn())).attempt

    async def claim_code(self, attempt_id: AttemptId, code: str, by: str) -> Attempt:
        """Notes a code that the customer shows; it proves nothing and is compared when proof comes.

        Raises:
            Mistake: ``claim.…``
        """
        mpesa_code = parse_mpesa_code(code)
        claimed = (await self._apply(attempt_id, ev.CodeClaimed(mpesa_code, by))).attempt
        payment = await self._ledger.call(LedgerWriter.payment, mpesa_code)
        if payment is not None and payment.use is Use.FREE:
            # The money has come already, straight to the till.
            return await self.attach_payment(mpesa_code, claimed.sale_id, by)
        return claimed

    async def attach_payment(self, mpesa_code: str, sale_id: SaleId, by: str) -> Attempt:
        """Gives a payment that was made straight to the till to a sale.

        Raises:
            Mistake, Outside: as `TillPayments.attach`.
        """
        return await self._till_payments().attach(mpesa_code, sale_id, by)

    async def detach_payment(self, mpesa_code: str, by: str, reason: str) -> Attempt:
        """Takes such a payment back.

        Raises:
            Mistake, Outside: as `TillPayments.detach`.
        """
        return await self._till_payments().detach(mpesa_code, by, reason)

    async def register_payments(self) -> Registered:
        """Has M-PESA send the payments made straight to the till.

        Raises:
            Mistake, Outside: as `TillPayments.register`; ``settings.missing``.
        """
        self._refuse_unset()
        assert self._client is not None, "refused above"
        return await self._till_payments().register(self._client)

    def _till_payments(self) -> TillPayments:
        if self._payments is None:
            raise Mistake("payment.no_relay")
        return self._payments

    async def void_sale(self, sale_id: SaleId, by: str, reason: str) -> Attempt:
        """Takes a sale back that is not paid; an attempt that never left is withdrawn with it.

        Raises:
            Mistake: ``sale.not_voidable``.
        """
        last = await self._ledger.call(LedgerWriter.last_attempt_of, sale_id)
        if last.state is AttemptState.READY:
            await self._apply(last.id, ev.Withdrawn())
        return (await self._apply(last.id, ev.SaleVoided(by, reason), always_tell=True)).attempt

    async def note_receipt(self, sale_id: SaleId, how: str) -> Attempt:
        """Notes that a receipt was made: the next one is a copy."""
        last = await self._ledger.call(LedgerWriter.last_attempt_of, sale_id)
        return (await self._apply(last.id, ev.ReceiptMade(how), always_tell=True)).attempt

    async def give_up(self, attempt_id: AttemptId, by: str, reason: str) -> Attempt:
        """Stops waiting for an attempt that is not known. Late proof still counts.

        Raises:
            Mistake: ``attempt.not_unknown``.
        """
        return (await self._apply(attempt_id, ev.GivenUp(by, reason))).attempt

    async def settle_review(self, sale_id: SaleId, by: str, reason: str) -> None:
        """Notes that a person settled what needed one, for every attempt of a sale. What was heard stays in the events.

        Raises:
            Mistake: ``review.no_reason``; ``review.listed`` (mpesa_code): its money came and can be given to the sale.
        """
        if not reason.strip():
            raise Mistake("review.no_reason")
        settled = await self._ledger.call(LedgerWriter.settle_review, sale_id, by, reason, self._clock.now_ms())
        for applied in settled:
            await self._follow_up(applied, always_tell=False)

    async def settle_strays(self, evidence: Sequence[int], by: str, reason: str) -> None:
        """Notes what a person did about messages that belong to no payment."""
        await self._ledger.call(LedgerWriter.settle_strays, evidence, by, reason, self._clock.now_ms())
        self._on_event(out.StraysChanged())

    def _refuse_unset(self) -> None:
        if self._client is None:
            raise Mistake("settings.missing", names=", ".join(self._access.missing()))

    # Events and their consequences

    async def _apply(self, attempt_id: AttemptId, event: ev.Event, *, always_tell: bool = False) -> Applied:
        applied = await self._ledger.call(LedgerWriter.apply, attempt_id, event, self._clock.now_ms(), self._rules)
        await self._follow_up(applied, always_tell=always_tell)
        return applied

    async def _apply_surely(self, attempt_id: AttemptId, event: ev.Event) -> None:
        """For facts from outside, which must not be lost to a full or locked disk: tries until it is written."""

        async def write() -> None:
            await self._apply(attempt_id, event)

        await self._surely(write)

    async def _take_or_pass(self, mail: Mail, take: Callable[[Mail], Coroutine[Any, Any, None]]) -> None:
        """No message stops its reader: one that it falls over is kept as evidence, and passed."""
        try:
            await self._surely(lambda: take(mail))
        except Exception:  # noqa: BLE001 - whatever a stranger can make it raise
            _log.exception("a message of the relay was passed over")
            try:
                await self._surely(lambda: self._pass_over(mail))
            except Exception:  # noqa: BLE001 - the same
                _log.exception("a message of the relay could not be kept either")
            self._on_event(out.EngineFailed("engine.message", {}))
            self._on_event(out.StraysChanged())

    async def _pass_over(self, mail: Mail) -> None:
        await self._ledger.call(LedgerWriter.pass_over, mail.digest, mail.body, self._clock.now_ms(), mail.cursor)

    async def _surely(self, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await write()
            except Outside as error:
                _log.error("an event waits for the disk: %s", error.code)
                self._tell(out.LightChanged(out.Light.LEDGER, out.Status.BAD, error.code))
                await asyncio.sleep(RETRY_WRITE_S)
            else:
                if out.Light.LEDGER in self._lights:
                    self._tell(out.LightChanged(out.Light.LEDGER, out.Status.READY, "ledger.ready"))
                return

    async def _take_callback(self, mail: Mail) -> None:
        applied = await self._ledger.call(
            LedgerWriter.take_callback,
            token_digest=mail.digest,
            body=mail.body,
            event=read_callback(mail.body),
            now_ms=self._clock.now_ms(),
            cursor=mail.cursor,
            rules=self._rules,
        )
        if applied is not None:
            await self._follow_up(applied)
        else:
            self._on_event(out.StraysChanged())

    async def _follow_up_all(self, applied: Applied) -> None:
        await self._follow_up(applied, always_tell=True)

    async def _follow_up(self, applied: Applied, *, always_tell: bool = False) -> None:
        attempt = applied.attempt
        self._followed[attempt.id] = attempt
        if attempt.state not in FOLLOWED:
            del self._followed[attempt.id]
        if attempt.id in self._to_recheck:
            self._rechecked[attempt.id] = attempt
        if self._poller is not None:
            self._poller.follow(attempt)
        if attempt.mpesa_code not in (None, applied.before.mpesa_code):
            self._claim_code(attempt.id, attempt.mpesa_code)
        self._obey(applied)
        if always_tell or applied.has_changed:
            await self._emit(attempt, applied.before.state)

    def _obey(self, applied: Applied) -> None:
        """What follows from what is in the ledger now."""
        attempt = applied.attempt
        for command in applied.commands:
            match command:
                case SendPush():
                    self._waiting_to_push.add(attempt.id)
                    task = self._start(self._push(attempt), f"push {attempt.id}")
                    self._departures[attempt.id].task = task
                    self._pushes.add(task)
                    task.add_done_callback(self._pushes.discard)
                case AskSoon():
                    if self._poller is not None:
                        self._poller.ask_now(attempt)
                case Announce(news):
                    self._on_event(out.Announced(news, attempt))

    def _claim_code(self, attempt_id: AttemptId, mpesa_code: str | None) -> None:
        """The money of a prompt is claimed before the other tills of the shop, which hear of it too."""
        payments = self._payments
        if payments is None or mpesa_code is None or self.practice is not None:
            return

        async def claim() -> None:
            till = await payments.claim_for_prompt(mpesa_code)
            if till is not None:
                await self._apply_surely(attempt_id, ev.CodeUsedElsewhere(till))
            await self._surely(lambda: self._ledger.call(LedgerWriter.note_reserved, attempt_id))

        self._spawn(claim(), f"claim of attempt {attempt_id}")

    async def _emit(self, attempt: Attempt, before: AttemptState | None) -> None:
        next_ask = self._poller.next_ask_in_s(attempt.id) if self._poller is not None else None
        resend: float | None = None
        is_said_paid = False
        if not attempt.is_live and attempt.state is not AttemptState.PAID:
            now_ms = self._clock.now_ms()
            wait = await self._ledger.call(LedgerWriter.wait_of, attempt.id, now_ms)
            if wait is None:
                resend = 0.0
            elif wait.until_ms is not None:
                resend = max(0.0, (wait.until_ms - now_ms) / 1000)
            is_said_paid = wait is not None and wait.reason is WaitReason.SAID_PAID
        self._on_event(out.AttemptChanged(attempt, before, next_ask, resend, is_said_paid))

    async def _push(self, attempt: Attempt) -> None:
        token, departure = self._tokens[attempt.id], self._departures[attempt.id]
        client = self._client
        assert client is not None, "a push needs a client"
        # Whatever ends this early, bytes may have left: the till says so before it closes.
        event: ev.Event = _STOPPED_EVENT
        self._waiting_to_push.discard(attempt.id)

        def begun() -> None:
            departure.left_at_ms = self._clock.now_ms()

        leaving = Leaving(departure.entered_s + LEAVES_WITHIN_MS / 1000, begun)
        try:
            event = await push(client, self._access, attempt, token, leaving)
        except StoppedBeforeSendingError:
            event = _TAKEN_BACK_EVENT if departure.is_taken_back else _STOPPED_EARLY_EVENT
            raise
        finally:
            departure.task = None
            if event in (_STOPPED_EVENT, _STOPPED_EARLY_EVENT, _TAKEN_BACK_EVENT):
                await self._apply(attempt.id, _with_first_byte(event, departure.left_at_ms))
        if not isinstance(event, ev.PushNotSent):
            del self._tokens[attempt.id]
            del self._departures[attempt.id]
        self._light_of_push(event)
        await self._apply_surely(attempt.id, _with_first_byte(event, departure.left_at_ms))

    def _light_of_push(self, event: ev.Event) -> None:
        match event:
            case ev.PushNotSent(outcome):
                self._tell(out.LightChanged(out.Light.MPESA, out.Status.BAD, f"mpesa.{outcome.kind}"))
            case ev.PushRefused(outcome) | ev.PushLost(outcome):
                self._tell(out.LightChanged(out.Light.MPESA, out.Status.BUSY, f"mpesa.{outcome.kind}"))
            case _:
                self._mpesa_answered()

    def _mpesa_answered(self) -> None:
        """M-PESA answers; whether this PC's clock agrees with it is told as well."""
        ahead_ms = (self._client.clock_ahead_ms if self._client else None) or 0
        if abs(ahead_ms) > CLOCK_TOLERANCE_MS:
            minutes = str(round(ahead_ms / 60_000))
            self._tell(out.LightChanged(out.Light.MPESA, out.Status.BUSY, "mpesa.clock", minutes))
        else:
            self._tell(out.LightChanged(out.Light.MPESA, out.Status.READY, "mpesa.ready"))

    def _asked(self, attempt_id: AttemptId) -> None:
        attempt = self._rechecked.get(attempt_id)
        if attempt is None or not attempt.is_being_confirmed:
            self._to_recheck.discard(attempt_id)
        self._looked()

    def _looked(self) -> None:
        self._on_event(out.Looked())

    # Supervision

    def _tell(self, light: out.LightChanged) -> None:
        if self._lights.get(light.light) != light:
            self._lights[light.light] = light
            self._on_event(light)

    def _keep_up(
        self, begin: Callable[[], Coroutine[Any, Any, None]], name: str, light: out.Light | None = None
    ) -> None:
        """A background duty, for as long as the till runs: one that falls over says so and begins again."""

        async def keep() -> None:
            pause_s = FIRST_PAUSE_S
            while True:
                began_s = self._clock.monotonic_s()
                try:
                    await begin()
                except Exception:  # noqa: BLE001 - a border: it becomes visible, is logged, and work goes on
                    _log.exception("%s fell over and begins again", name)
                else:
                    return
                if self._clock.monotonic_s() - began_s > LONGEST_PAUSE_S:
                    pause_s = FIRST_PAUSE_S
                self._on_event(out.EngineFailed("engine.part_again", {"part": name}))
                if light is not None:
                    self._tell(out.LightChanged(light, out.Status.BAD, "engine.part_again", name))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

        self._spawn(keep(), name)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._start(work, name)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._supervise(work, name), name=name)
        self._tasks.add(task)

        def done(_task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            # A task that is cancelled before its first step never awaited its work.
            work.close()

        task.add_done_callback(done)
        return task

    async def _supervise(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """The one place where an unexpected error is caught: it becomes visible, and is logged."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except TillError as error:
            _log.error("%s: %s", name, error)
            self._on_event(out.EngineFailed(error.code, error.params))
        except Exception:  # noqa: BLE001 - the one place, and it hides nothing
            _log.exception("%s fell over", name)
            self._on_event(out.EngineFailed("engine.bug", {"part": name}))


Request = Callable[[Engine], Coroutine[Any, Any, Any]]
"""Something to do on the engine's loop."""
