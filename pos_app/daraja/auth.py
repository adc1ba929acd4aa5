"""The access token: kept, renewed early, dropped when M-PESA does not know it (docs/mpesa.md, 1)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pos_app.common.http import HttpResponse, Request
from pos_app.daraja.errors import CallbackUnreadable, MpesaError, NotSent
from pos_app.daraja.wire import ErrorBody, parse_json
from pos_app.domain.mpesa.outcome import Outcome, OutcomeKind

TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 - an address
RENEW_EARLY_S = 60.0
SHORTEST_LIFE_S = 1.0


@dataclass(frozen=True, slots=True)
class Token:
    """One token. Its ``repr`` does not show it."""

    value: str
    expires_at_s: float

    def __repr__(self) -> str:
        return f"Token(expires_at_s={self.expires_at_s:.0f})"


class TokenCache:
    """Holds one token. Times are monotonic seconds, so that a PC's clock that is set changes nothing."""

    def __init__(self) -> None:
        self._token: Token | None = None

    def fresh(self, now_s: float) -> str | None:
        """The token, if it lasts long enough for a request to be answered."""
        token = self._token
        return token.value if token is not None and now_s < token.expires_at_s else None

    def keep(self, value: str, life_s: float, now_s: float) -> None:
        """Keeps a token until a minute before its end, or for half its life if that is short."""
        early = min(RENEW_EARLY_S, life_s / 2)
        self._token = Token(value, now_s + max(life_s - early, SHORTEST_LIFE_S))

    def forget(self) -> None:
        """The next one is fetched."""
        self._token = None

    def drop(self, value: str) -> None:
        """Forgets a token that was refused; a newer one stays."""
        if self._token is not None and self._token.value == value:
            self._token = None


def token_request(base_url: str, consumer_key: str, consumer_secret: str) -> Request:
    """The request for a token."""
    pair = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode()
    return Request("GET", base_url + TOKEN_PATH, {"Authorization": f"Basic {pair}"})


def read_token(answer: HttpResponse) -> tuple[str, float]:
    """The token and its life in seconds.

    ``expires_in`` comes as a number or a string; wrong credentials come as
    HTTP 400 with an empty body; a firewall answers with HTML.

    Raises:
        NotSent: there is no token, so whatever wanted it did not leave.
    """
    if 200 <= answer.status < 300:
        value, life = _token_in(answer)
        if isinstance(value, str) and value and value.isascii() and value.isprintable():
            return value, life
        raise _no_token(answer, Outcome(OutcomeKind.NOT_UNDERSTOOD, "TOKEN_NOT_UNDERSTOOD"))
    body = ErrorBody.read(answer.body)
    outcome = body.meaning(answer.status).outcome
    if answer.status in (400, 401) and outcome.kind not in (OutcomeKind.THROTTLED, OutcomeKind.NO_PRODUCT):
        outcome = Outcome(OutcomeKind.WRONG_CREDENTIALS, body.code or str(answer.status), body.message)
    raise _no_token(answer, outcome, body)


_USUAL_LIFE_S = 3599.0


def _token_in(answer: HttpResponse) -> tuple[object, float]:
    """The token, and its life; an odd life beside a good token is half of the usual one."""
    try:
        parsed = parse_json(answer.body)
        value, life = parsed["access_token"], parsed.get("expires_in", _USUAL_LIFE_S)
    except (CallbackUnreadable, KeyError, TypeError, AttributeError):
        return "", 0.0
    try:
        life_s = float(life)
    except (TypeError, ValueError, OverflowError):
        life_s = 0.0
    return value, life_s if 0 < life_s < 1e7 else _USUAL_LIFE_S / 2


def _no_token(answer: HttpResponse, outcome: Outcome, body: ErrorBody | None = None) -> NotSent:
    code = (body.code if body else "") or outcome.code or "NO_TOKEN"
    message = (body.message if body else "") or "M-PESA gave no access token"
    return NotSent(MpesaError(code, message, answer.status, body.request_id if body else None), outcome)
