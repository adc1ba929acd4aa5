"""What can go wrong with a request to M-PESA, split by the only question that matters.

Did the request leave, and may it have moved money? `NotSent`: no byte left.
`MaybeSent`: nobody knows. `Refused`: M-PESA or its gateway said no.
`Throttled`: refused for its rate, so it did nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.common.errors import Mistake
from pos_app.domain.mpesa.outcome import Outcome


@dataclass(frozen=True, slots=True)
class MpesaError:
    """M-PESA's own account of an error, as far as it gave one.

    Args:
        error_code: M-PESA's or the gateway's code; one of ours in capitals where it gave none.
        error_message: The words that came with it.
        status_code: HTTP status; None where there was no answer.
        request_id: M-PESA's ``requestId``, for its support.
    """

    error_code: str
    error_message: str
    status_code: int | None = None
    request_id: str | None = None


class MpesaApiException(Exception):  # noqa: N818 - the name the guide's users know
    """Base of every error of the API. ``error`` says what M-PESA said, ``outcome`` what it means."""

    def __init__(self, error: MpesaError, outcome: Outcome) -> None:
        super().__init__(f"{error.error_code}: {error.error_message}")
        self.error = error
        self.outcome = outcome


class NotSent(MpesaApiException):
    """No byte of the request left (connect, DNS, TLS, proxy, no token): sending again is safe."""


class MaybeSent(MpesaApiException):
    """It may have been carried out: time-out, reset, 5xx, an answer that is not understood.

    Never send a push again after this: look for evidence instead.
    """


class Refused(MpesaApiException):
    """M-PESA refused the request with a code of its own: it was not carried out."""


class Throttled(MpesaApiException):
    """The gateway refused it for its rate: it was not carried out.

    Args:
        after_s: How long to wait, in seconds; None where M-PESA did not say (the sandbox's own rate is a minute).
    """

    def __init__(self, error: MpesaError, outcome: Outcome, after_s: float | None = None) -> None:
        super().__init__(error, outcome)
        self.after_s = after_s


class InvalidRequest(Mistake, ValueError):  # noqa: N818 - a Mistake
    """A parameter that M-PESA would refuse or silently fail on; nothing was sent.

    Args:
        field: The parameter's name.
        code: The reason, for `pos_app.texts.errors`.
    """

    def __init__(self, field: str, code: str, **params: str | int) -> None:
        super().__init__(code, **params)
        self.field = field

    def __str__(self) -> str:
        from pos_app.texts.errors import reason_of  # noqa: PLC0415 - only where it is shown

        return f"{self.field}: {reason_of(self)}"


class CallbackUnreadable(ValueError):  # noqa: N818
    """A callback body that is not a callback; what it says must be ignored, not guessed."""
