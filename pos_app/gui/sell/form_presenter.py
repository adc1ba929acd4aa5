"""What the form does, without Qt: spells what is typed, checks it, makes a draft of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pos_app.common.errors import Mistake
from pos_app.common.i18n import _
from pos_app.domain.sales.sale import Draft
from pos_app.domain.values.money import MAX_SHILLINGS, format_ksh, is_sum, parse_amount
from pos_app.domain.values.order_reference import Reference, next_reference, parse_reference
from pos_app.domain.values.phone import format_phone, parse_phone
from pos_app.texts.errors import reason, reason_of

AMOUNT, PHONE, REFERENCE = "amount", "phone", "reference"


def spell_amount(text: str) -> str:
    """Thousands as they are typed; what is not a plain number stays as it is."""
    digits = text.replace(",", "").replace(" ", "")
    if not digits.isascii() or not digits.isdigit():
        return text
    return f"{int(digits):,}" if len(digits) <= 9 else digits


def spell_phone(text: str) -> str:
    """``0712 345 678`` as it is typed; a whole number in another form is re-spelled, the rest stays."""
    try:
        return format_phone(parse_phone(text))
    except Mistake:
        pass
    digits = re.sub(r"[\s-]", "", text)
    if not digits.isascii() or not digits.isdigit() or not digits.startswith("0") or len(digits) > 10:
        return text
    return " ".join(part for part in (digits[:4], digits[4:7], digits[7:]) if part)


def offer_by_hand(number: str) -> str:
    """``Or pay by hand: Paybill 174379``."""
    return _("Or pay by hand: {number}").format(number=number) if number else ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of the fields: a draft, or a reason for each that is wrong."""

    draft: Draft | None
    reasons: dict[str, str] = field(default_factory=dict)


class FormPresenter:
    """Checks the three fields.

    Args:
        max_shillings: The most that one payment may be.
        paid_by_hand: What a customer types to pay without a prompt.
    """

    def __init__(self, max_shillings: int = MAX_SHILLINGS, paid_by_hand: str = "", till_label: str = "") -> None:
        self.max_shillings = max_shillings
        self._till_label = till_label
        self._paid_by_hand = paid_by_hand

    @property
    def by_hand(self) -> str:
        """What to offer a customer who does not want to wait; empty where no number is set."""
        return offer_by_hand(self._paid_by_hand)

    def reason_for(self, name: str, text: str) -> str:
        """Why a field is wrong; empty where it is right, or still empty."""
        if not text.strip():
            return ""
        try:
            self._parse(name, text)
        except Mistake as mistake:
            return reason_of(mistake)
        return ""

    def result_of(self, text: str) -> str:
        """What a sum in the amount comes to, while it is typed; empty for a plain number."""
        if not is_sum(text):
            return ""
        try:
            return f"= {format_ksh(self._parse(AMOUNT, text))}"
        except Mistake:
            return ""

    def check(self, amount: str, phone: str, reference: str) -> Checked:
        """All three."""
        texts = {AMOUNT: amount, PHONE: phone, REFERENCE: reference}
        parsed: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        for name, text in texts.items():
            try:
                parsed[name] = self._parse(name, text)
            except Mistake as mistake:
                reasons[name] = reason_of(mistake)
        return Checked(None, reasons) if reasons else Checked(Draft(parsed[AMOUNT], parsed[PHONE], parsed[REFERENCE]))

    def _parse(self, name: str, text: str) -> Any:
        if name == AMOUNT:
            return parse_amount(text, max_shillings=self.max_shillings, sums=True)
        return parse_phone(text) if name == PHONE else parse_reference(text)

    @staticmethod
    def refused(code: str, params: dict[str, str | int]) -> tuple[str, str]:
        """Which field a refusal of the engine belongs to, and its reason."""
        return (PHONE if code.startswith("sale.wait") else AMOUNT), reason(code, params)

    def suggest(self, last: str | None) -> Reference:
        """The reference to suggest next."""
        return next_reference(last, self._till_label)
