"""The clients: one for scripts that wait, one for asyncio, over the same requests and answers.

A push is sent once. The one exception is a token that the gateway does not
know: M-PESA never saw that request, so it goes again, once, with a new token.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

from pos_app.common.clock import Clock, SystemClock
from pos_app.common.http import (
    TOO_LATE,
    AsyncHttpClient,
    HttpClient,
    HttpResponse,
    Leaving,
    MaybeSentError,
    NotSentError,
    StoppedBeforeSendingError,
    Timeouts,
)
from pos_app.common.urls import is_safe_address
from pos_app.daraja.answers import from_web, is_token_refusal, read_push, read_query, read_register
from pos_app.daraja.auth import TokenCache, read_token, token_request
from pos_app.daraja.c2b import REGISTER_PATH, RegisterUrlResponse, build_register
from pos_app.daraja.errors import InvalidRequest, MaybeSent, NotSent
from pos_app.daraja.pace import Pacer
from pos_app.daraja.requests import PUSH_PATH, QUERY_PATH, as_request, build_push, build_query
from pos_app.daraja.wire import StkPushResponse, StkQueryResponse, TransactionType
from pos_app.domain.values.money import MAX_SHILLINGS

HOSTS: Final = {
    "sandbox": "https://sandbox.safaricom.co.ke",
    "production": "https://api.safaricom.co.ke",
}

CLOCK_EXACT_MS: Final = 5_000
"""What a second's ``Date`` and its way here may differ by from a clock that is right."""

Body = dict[str, str | int]
R = TypeVar("R")


@dataclass(slots=True)
class _Account:
    """What both clients know: where, with which credentials, and the token they share."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    base_url: str
    tokens: TokenCache = field(default_factory=TokenCache, repr=False)
    clock: Clock = field(default_factory=SystemClock, repr=False)
    max_amount: int = MAX_SHILLINGS
    _server: tuple[int, float, int] | None = None
    _failure: tuple[float, NotSent] | None = None

    @classmethod
    def check(
        cls,
        consumer_key: str | None,
        consumer_secret: str | None,
        environment: str,
        base_url: str | None,
        clock: Clock | None,
        max_amount: int = MAX_SHILLINGS,
    ) -> Self:
        if not consumer_key or not consumer_secret:
            raise InvalidRequest("consumer_key" if not consumer_key else "consumer_secret", "client.credentials")
        address = base_url or HOSTS.get(str(environment).lower())
        if address is None:
            raise InvalidRequest("environment", "client.environment")
        if not is_safe_address(address):
            raise InvalidRequest("base_url", "client.base_url")
        return cls(
            consumer_key, consumer_secret, address.rstrip("/"), clock=clock or SystemClock(), max_amount=max_amount
        )

    def note(self, answer: HttpResponse) -> HttpResponse:
        if answer.date_ms is not None:
            self._server = (answer.date_ms, self.clock.monotonic_s(), self.clock.now_ms())
        return answer

    def is_time_unsure(self) -> bool:
        """Whether this PC was set or slept since M-PESA said what time it is: which of the two, its clocks cannot tell.

        Some systems stop the monotonic clock while they sleep.
        """
        if self._server is None:
            return False
        _, at_s, at_ms = self._server
        return abs(self.clock.now_ms() - at_ms - (self.clock.monotonic_s() - at_s) * 1000) > CLOCK_EXACT_MS

    def forget_time(self) -> None:
        self._server = None

    def server_ms(self) -> int | None:
        """What time M-PESA has now, whatever became of this PC's clock since it said so; None until it did."""
        if self._server is None:
            return None
        date_ms, at_s, _ = self._server
        return date_ms + int((self.clock.monotonic_s() - at_s) * 1000)

    def clock_ahead_ms(self) -> int | None:
        """How far this PC's clock is ahead of M-PESA's; None until M-PESA has said what time it is."""
        server_ms = self.server_ms()
        return self.clock.now_ms() - server_ms if server_ms is not None else None

    def stamp_ms(self) -> int:
        """The time for a Timestamp: M-PESA refuses one that is off as wrong credentials."""
        ahead_ms = self.clock_ahead_ms() or 0
        return self.clock.now_ms() - (ahead_ms if abs(ahead_ms) > CLOCK_EXACT_MS else 0)

    def share_failure(self, since_s: float) -> None:
        """For whoever waited for another's token, which did not come: it is not fetched again for each of them.

        Raises:
            NotSent: the failure that was waited for.
        """
        if self._failure is not None and self._failure[0] >= since_s:
            raise NotSent(self._failure[1].error, self._failure[1].outcome)

    def note_failure(self, error: NotSent) -> NotSent:
        self._failure = (time.monotonic(), error)
        return error

    def keep_token(self, answer: HttpResponse) -> str:
        try:
            value, life_s = read_token(self.note(answer))
        except NotSent as error:
            self.note_failure(error)
            raise
        self.tokens.keep(value, life_s, time.monotonic())
        return value


class MpesaClient:
    """M-PESA Express for programs that wait for the answer. Safe to share between threads.

    Args:
        consumer_key: Of the app on M-PESA's portal.
        consumer_secret: Of the same app.
        environment: ``sandbox`` or ``production``.
        base_url: Another address for the API; https, or http on this machine alone.
        patience: How long to wait.
        use_proxies: Whether the proxies in the environment are used.
        max_amount: The most that one payment may be, in shillings.

    Raises:
        InvalidRequest: for a parameter that cannot be right.
    """

    def __init__(
        self,
        consumer_key: str | None = None,
        consumer_secret: str | None = None,
        environment: str = "sandbox",
        base_url: str | None = None,
        *,
        patience: Timeouts | None = None,
        use_proxies: bool = True,
        clock: Clock | None = None,
        max_amount: int = MAX_SHILLINGS,
    ) -> None:
        self._account = _Account.check(consumer_key, consumer_secret, environment, base_url, clock, max_amount)
        self._web = HttpClient(patience, use_proxies=use_proxies)
        self._one_fetch = threading.Lock()

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far this PC's clock is ahead of M-PESA's; None until M-PESA has said what time it is."""
        return self._account.clock_ahead_ms()

    def stk_push(
        self,
        *,
        business_short_code: int | str,
        transaction_type: TransactionType | str,
        amount: int | str,
        party_a: int | str,
        party_b: int | str,
        phone_number: int | str,
        callback_url: str,
        account_reference: str,
        transaction_desc: str | None = None,
        passkey: str | None = None,
        password: str | None = None,
        timestamp: str | None = None,
    ) -> StkPushResponse:
        """Asks a customer's phone for the PIN.

        Args:
            business_short_code: The paybill; for Buy Goods the store number.
            transaction_type: Paybill or Buy Goods.
            amount: Whole shillings, 1 to 250,000.
            party_a: The payer's phone.
            party_b: The paybill again; for Buy Goods the till number.
            phone_number: The phone that is prompted, usually ``party_a``.
            callback_url: Public https address for the result.
            account_reference: At most 12 letters and digits.
            transaction_desc: At most 13 letters, digits and spaces.
            passkey: Makes password and timestamp; it never leaves in the body.
            password: Instead of the passkey, together with its ``timestamp``; sent as given. Beside a
                passkey that it does not fit, the passkey counts.
            timestamp: ``YYYYMMDDHHMMSS`` in East Africa Time.

        Returns:
            M-PESA's answer: the prompt is queued, nothing is paid yet.

        Raises:
            InvalidRequest: a parameter is wrong; nothing was sent.
            NotSent, MaybeSent, Refused, Throttled: see `pos_app.daraja.errors`.
        """
        body = build_push(
            self._account.stamp_ms(),
            business_short_code=business_short_code,
            transaction_type=transaction_type,
            amount=amount,
            party_a=party_a,
            party_b=party_b,
            phone_number=phone_number,
            callback_url=callback_url,
            account_reference=account_reference,
            transaction_desc=transaction_desc,
            passkey=passkey,
            password=password,
            timestamp=timestamp,
            max_shillings=self._account.max_amount,
        )
        return self._call(PUSH_PATH, body, read_push)

    def stk_query(
        self,
        *,
        business_short_code: int | str,
        checkout_request_id: str,
        passkey: str | None = None,
        password: str | None = None,
        timestamp: str | None = None,
    ) -> StkQueryResponse:
        """Asks what became of a push.

        Raises:
            InvalidRequest: a parameter is wrong; nothing was sent.
            NotSent, MaybeSent, Refused, Throttled: see `pos_app.daraja.errors`; none settles a payment.
        """
        body = build_query(
            self._account.stamp_ms(),
            business_short_code=business_short_code,
            checkout_request_id=checkout_request_id,
            passkey=passkey,
            password=password,
            timestamp=timestamp,
        )
        return self._call(QUERY_PATH, body, partial(read_query, checkout_request_id=checkout_request_id))

    def c2b_register(self, *, short_code: int | str, confirmation_url: str, validation_url: str) -> RegisterUrlResponse:
        """Names the address for payments made straight to a paybill or till. In production once, for good.

        Args:
            short_code: The paybill or the till (docs/mpesa.md is unsure which for Buy Goods).
            confirmation_url: Public https address that every payment is posted to.
            validation_url: Used only where M-PESA switched validation on.

        Raises:
            InvalidRequest: a parameter is wrong; nothing was sent.
            NotSent, MaybeSent, Refused, Throttled: see `pos_app.daraja.errors`.
        """
        body = build_register(short_code=short_code, confirmation_url=confirmation_url, validation_url=validation_url)
        return self._call(REGISTER_PATH, body, read_register)

    def fetch_token(self) -> None:
        """Gets a token if there is none; what "Test connection" does.

        Raises:
            NotSent: there is none to be had; its outcome says why.
        """
        self._token()

    def close(self) -> None:
        self._web.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, path: str, body: Body, read: Callable[[HttpResponse], R]) -> R:
        try:
            token = self._token()
            answer = self._web.send(as_request(self._account.base_url, path, body, token))
            if is_token_refusal(answer):
                self._account.tokens.drop(token)
                token = self._token()
                answer = self._web.send(as_request(self._account.base_url, path, body, token))
                if is_token_refusal(answer):
                    self._account.tokens.drop(token)
        except (NotSentError, MaybeSentError) as error:
            raise from_web(error) from None
        return read(self._account.note(answer))

    def _token(self) -> str:
        account, since_s = self._account, time.monotonic()
        with self._one_fetch:
            token = account.tokens.fresh(time.monotonic())
            if token is not None:
                return token
            account.share_failure(since_s)
            try:
                answer = self._web.send(token_request(account.base_url, account.consumer_key, account.consumer_secret))
            except (NotSentError, MaybeSentError) as error:
                raise account.note_failure(_no_token(error)) from None
            return account.keep_token(answer)


class AsyncMpesaClient:
    """The same for asyncio; belongs to the loop it is first used on. Parameters as `MpesaClient`.

    Args:
        query_pacer: Takes a turn for the second sending of a query whose token was refused; the
            first one's turn is the caller's, who knows which query is the most urgent.
    """

    def __init__(
        self,
        consumer_key: str | None = None,
        consumer_secret: str | None = None,
        environment: str = "sandbox",
        base_url: str | None = None,
        *,
        patience: Timeouts | None = None,
        use_proxies: bool = True,
        clock: Clock | None = None,
        query_pacer: Pacer | None = None,
        max_amount: int = MAX_SHILLINGS,
    ) -> None:
        self._account = _Account.check(consumer_key, consumer_secret, environment, base_url, clock, max_amount)
        self._web = AsyncHttpClient(patience, use_proxies=use_proxies)
        self._one_fetch = asyncio.Lock()
        self._query_pacer = query_pacer

    @property
    def is_time_unsure(self) -> bool:
        """Whether this PC was set or slept since M-PESA said what time it is."""
        return self._account.is_time_unsure()

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far this PC's clock is ahead of M-PESA's; None until M-PESA has said what time it is."""
        return self._account.clock_ahead_ms()

    async def stk_push(
        self,
        *,
        business_short_code: int | str,
        transaction_type: TransactionType | str,
        amount: int | str,
        party_a: int | str,
        party_b: int | str,
        phone_number: int | str,
        callback_url: str,
        account_reference: str,
        transaction_desc: str | None = None,
        passkey: str | None = None,
        password: str | None = None,
        timestamp: str | None = None,
        leaving: Leaving | None = None,
    ) -> StkPushResponse:
        """As `MpesaClient.stk_push`.

        Args:
            leaving: By when it must have begun to leave, else it is not sent; and who is told that it did.
        """
        body = build_push(
            self._account.stamp_ms(),
            business_short_code=business_short_code,
            transaction_type=transaction_type,
            amount=amount,
            party_a=party_a,
            party_b=party_b,
            phone_number=phone_number,
            callback_url=callback_url,
            account_reference=account_reference,
            transaction_desc=transaction_desc,
            passkey=passkey,
            password=password,
            timestamp=timestamp,
            max_shillings=self._account.max_amount,
        )
        return await self._call(PUSH_PATH, body, read_push, leaving=leaving)

    async def stk_query(
        self,
        *,
        business_short_code: int | str,
        checkout_request_id: str,
        passkey: str | None = None,
        password: str | None = None,
        timestamp: str | None = None,
    ) -> StkQueryResponse:
        """As `MpesaClient.stk_query`."""
        body = build_query(
            self._account.stamp_ms(),
            business_short_code=business_short_code,
            checkout_request_id=checkout_request_id,
            passkey=passkey,
            password=password,
            timestamp=timestamp,
        )
        read = partial(read_query, checkout_request_id=checkout_request_id)
        return await self._call(QUERY_PATH, body, read, self._query_pacer)

    async def c2b_register(
        self, *, short_code: int | str, confirmation_url: str, validation_url: str
    ) -> RegisterUrlResponse:
        """As `MpesaClient.c2b_register`."""
        body = build_register(short_code=short_code, confirmation_url=confirmation_url, validation_url=validation_url)
        return await self._call(REGISTER_PATH, body, read_register)

    async def fetch_token(self) -> None:
        """As `MpesaClient.fetch_token`."""
        await self._token()

    async def ask_time(self) -> int | None:
        """Gets a new token, and with it M-PESA's time.

        Returns:
            As `clock_ahead_ms`: what was known before stays where M-PESA cannot be reached, unless it is unsure.
        """
        self._account.tokens.forget()
        try:
            await self._token()
        except NotSent:
            if self._account.is_time_unsure():
                self._account.forget_time()
        return self.clock_ahead_ms

    async def aclose(self) -> None:
        await self._web.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _call(
        self,
        path: str,
        body: Body,
        read: Callable[[HttpResponse], R],
        pacer: Pacer | None = None,
        *,
        leaving: Leaving | None = None,
    ) -> R:
        try:
            token = await self._token(leaving)
            answer = await self._web.send(as_request(self._account.base_url, path, body, token), leaving=leaving)
            if is_token_refusal(answer):
                self._account.tokens.drop(token)
                token = await self._token(leaving)
                if pacer is not None:
                    await pacer.acquire()
                answer = await self._web.send(as_request(self._account.base_url, path, body, token), leaving=leaving)
                if is_token_refusal(answer):
                    self._account.tokens.drop(token)
        except (NotSentError, MaybeSentError) as error:
            raise from_web(error) from None
        return read(self._account.note(answer))

    async def _token(self, leaving: Leaving | None = None) -> str:
        patience = asyncio.timeout(leaving.left_s() if leaving is not None else None)
        try:
            async with patience:
                return await self._fetch_if_stale()
        except (TimeoutError, asyncio.CancelledError):
            # Whatever wanted the token had not left, or was refused at the gateway.
            if patience.expired():
                raise from_web(NotSentError("web.not_sent", kind=TOO_LATE)) from None
            raise StoppedBeforeSendingError from None

    async def _fetch_if_stale(self) -> str:
        account, since_s = self._account, time.monotonic()
        async with self._one_fetch:
            token = account.tokens.fresh(time.monotonic())
            if token is not None:
                return token
            account.share_failure(since_s)
            try:
                answer = await self._web.send(
                    token_request(account.base_url, account.consumer_key, account.consumer_secret)
                )
            except (NotSentError, MaybeSentError) as error:
                raise account.note_failure(_no_token(error)) from None
            return account.keep_token(answer)


def _no_token(error: NotSentError | MaybeSentError) -> NotSent:
    """A token that did not come means that what wanted it did not leave, whatever became of the asking."""
    failure: NotSent | MaybeSent = from_web(error)
    return NotSent(failure.error, from_web(NotSentError("web.not_sent", **error.params)).outcome)
