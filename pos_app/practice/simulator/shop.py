"""The shop that the practice M-PESA knows, and its times."""

from __future__ import annotations

from dataclasses import dataclass, field

from pos_app.practice.simulator.customers import CustomerBehaviour

PRACTICE_KEY = "practice-consumer-key"
PRACTICE_SECRET = "practice-consumer-secret"  # noqa: S105 - public, opens nothing
PRACTICE_PASSKEY = "practice-passkey"
PRACTICE_SHORTCODE = "174379"
PRACTICE_STORE = "600100"
PRACTICE_TILL = "600101"


@dataclass(slots=True)
class Shop:
    """A merchant's account: one paybill, and one store with a till, under the same app.

    Args:
        limit_cents: What the shop's own account can hold.
    """

    consumer_key: str = PRACTICE_KEY
    consumer_secret: str = field(default=PRACTICE_SECRET, repr=False)
    passkey: str = field(default=PRACTICE_PASSKEY, repr=False)
    paybill: str = PRACTICE_SHORTCODE
    store: str = PRACTICE_STORE
    till: str = PRACTICE_TILL
    name: str = "PRACTICE SHOP"
    limit_cents: int = 10**12


@dataclass(slots=True)
class SimulatorOptions:
    """How this M-PESA behaves; all times in practice seconds, which ``speed`` makes shorter.

    Args:
        speed: Practice seconds in one real second.
        pending_form: 1, 2 or 3 (docs/mpesa.md, 3.1).
        indexed_after_s: Until then a query says "Invalid CheckoutRequestID".
        query_spacing_s: The sandbox allows one query in 12 s.
        registers_once: Addresses for payments can be registered once, as in production.
        date_skew_s: How wrong the ``Date`` header is.
    """

    speed: float = 1.0
    pending_form: int = 1
    indexed_after_s: float = 2.0
    prompt_life_s: float = 60.0
    token_life_s: float = 3599.0
    query_spacing_s: float = 12.0
    same_amount_s: float = 120.0
    callback_after_s: float = 0.5
    date_skew_s: float = 0.0
    expires_as_text: bool = True
    registers_once: bool = True
    habit: CustomerBehaviour = CustomerBehaviour.WAITS
    habit_after_s: float = 3.0
