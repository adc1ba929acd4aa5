"""Sends a push, once, and says what became of it."""

from __future__ import annotations

from typing import Final

from pos_app.common.http import Leaving
from pos_app.daraja import AsyncMpesaClient, InvalidRequest, MaybeSent, NotSent, Refused, Throttled, TransactionType
from pos_app.domain import events as ev
from pos_app.domain.attempt import Attempt
from pos_app.domain.money import shillings_of
from pos_app.domain.outcome import Outcome, OutcomeKind
from pos_app.settings.effective import MpesaAccess

STOPPED: Final = Outcome(OutcomeKind.NO_ANSWER, "STOPPED", "the till was closed", is_final=False)
STOPPED_EARLY: Final = Outcome(OutcomeKind.NO_CONNECTION, "STOPPED", "the till was closed before it was sent")

TAKEN_BACK: Final = Outcome(OutcomeKind.NO_CONNECTION, "TAKEN_BACK", "taken back before it left")


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
