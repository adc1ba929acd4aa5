"""M-PESA Express (STK Push) as a library: no window, no ledger needed.

    from pos_app.daraja import MpesaClient, TransactionType

It speaks the vocabulary M-PESA developers know; `pos_app.daraja.errors` says
what can go wrong, `pos_app.daraja.codes.explain` what a code means.
"""

from pos_app.daraja.c2b import C2bConfirmation, RegisterUrlResponse
from pos_app.daraja.client import AsyncMpesaClient, MpesaClient
from pos_app.daraja.codes import CodeExplained, explain
from pos_app.daraja.errors import (
    CallbackUnreadable,
    InvalidRequest,
    MaybeSent,
    MpesaApiException,
    MpesaError,
    NotSent,
    Refused,
    Throttled,
)
from pos_app.daraja.pace import Pacer
from pos_app.daraja.wire import (
    StkCallback,
    StkPushResponse,
    StkQueryResponse,
    TransactionType,
)

StkPushSimulateResponse = StkPushResponse
"""The name of the answer in the guide that users of this API know."""

__all__ = [
    "AsyncMpesaClient",
    "C2bConfirmation",
    "CallbackUnreadable",
    "CodeExplained",
    "InvalidRequest",
    "MaybeSent",
    "MpesaApiException",
    "MpesaClient",
    "MpesaError",
    "NotSent",
    "Pacer",
    "Refused",
    "RegisterUrlResponse",
    "StkCallback",
    "StkPushResponse",
    "StkPushSimulateResponse",
    "StkQueryResponse",
    "Throttled",
    "TransactionType",
    "explain",
]
