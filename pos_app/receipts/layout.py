"""A receipt as a list of elements, the same for every paper."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pos_app.common.i18n import _
from pos_app.domain.printing.receipt import Closing, Receipt
from pos_app.domain.values.money import format_ksh


class Size(StrEnum):
    """How large a text is."""

    SMALL = "small"
    NORMAL = "normal"
    LARGE = "large"
    HUGE = "huge"


@dataclass(frozen=True, slots=True)
class Text:
    """A centred text, wrapped where it is too wide."""

    text: str
    size: Size = Size.NORMAL
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A label on the left and a value on the right."""

    label: str
    value: str
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A thin line across."""


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code."""

    text: str


Element = Text | Pair | Rule | Code


def lay_out(receipt: Receipt) -> list[Element]:
    """The elements from top to bottom."""
    elements: list[Element] = []
    if receipt.is_practice:
        elements.append(Text(_("PRACTICE: no money moved"), Size.NORMAL, is_bold=True))
    if receipt.is_slip:
        elements.append(Text(_("Payment requested, not confirmed"), Size.LARGE, is_bold=True))
        elements.append(Text(_("This is no receipt."), Size.NORMAL))
    if receipt.is_copy:
        elements.append(Text(_("COPY"), Size.LARGE, is_bold=True))
    # A slip is no receipt, and does not say that it is one.
    heading = receipt.shop or ("" if receipt.is_slip else _("Receipt"))
    if heading:
        elements.append(Text(heading, Size.LARGE, is_bold=True))
    if receipt.header:
        elements.append(Text(receipt.header, Size.SMALL))
    elements.append(Rule())
    elements.append(Pair(_("Date"), f"{receipt.day}  {receipt.time}"))
    elements.append(Pair(_("Order"), receipt.reference))
    if receipt.till_label:
        elements.append(Pair(_("Till"), receipt.till_label))
    if receipt.cashier:
        elements.append(Pair(_("Served by"), receipt.cashier))
    elements.append(Pair(_("Phone"), receipt.phone_masked))
    elements.append(Rule())
    elements.append(Pair(_("Amount"), format_ksh(receipt.amount_cents), is_bold=True))
    elements.extend(_paid(receipt))
    elements.append(Rule())
    if not receipt.is_slip:
        elements.append(Code(receipt.lookup_text))
    elements.append(Text(_("Not a tax invoice"), Size.SMALL))
    if receipt.footer:
        elements.append(Text(receipt.footer, Size.SMALL))
    return elements


def _paid(receipt: Receipt) -> list[Element]:
    """What was received, and what is still owed or was too much."""
    if receipt.is_slip:
        return []
    rest = receipt.amount_cents - receipt.received_cents
    elements: list[Element] = []
    if rest > 0:
        elements.append(Text(_("PART PAID"), Size.LARGE, is_bold=True))
    if rest != 0:
        elements.append(Pair(_("Received by M-PESA"), format_ksh(receipt.received_cents), is_bold=True))
        elements.append(
            Pair(_("Still to pay") if rest > 0 else _("Paid too much"), format_ksh(abs(rest)), is_bold=True)
        )
    else:
        elements.append(Text(_("Paid by M-PESA"), Size.NORMAL))
    elements.extend(Text(code, Size.HUGE, is_bold=True) for code in receipt.mpesa_codes)
    if receipt.is_code_to_follow or not receipt.mpesa_codes:
        elements.append(Text(_("M-PESA code to follow"), Size.NORMAL, is_bold=True))
    return elements


def lay_out_closing(closing: Closing) -> list[Element]:
    """A closing receipt from top to bottom."""
    elements: list[Element] = []
    if closing.is_practice:
        elements.append(Text(_("PRACTICE: no money moved"), Size.NORMAL, is_bold=True))
    if closing.shop:
        elements.append(Text(closing.shop, Size.LARGE, is_bold=True))
    elements.append(Text(_("Closing receipt"), Size.NORMAL, is_bold=True))
    elements.append(Rule())
    elements.append(Pair(_("Day"), closing.day))
    elements.append(Pair(_("Printed"), closing.made_at))
    if closing.till_label:
        elements.append(Pair(_("Till"), closing.till_label))
    if closing.cashier:
        elements.append(Pair(_("Served by"), closing.cashier))
    elements.append(Rule())
    elements.append(Pair(_("Sales"), str(closing.sales)))
    elements.append(Pair(_("Paid sales"), str(closing.paid_sales)))
    if closing.part_paid:
        elements.append(Pair(_("Part paid"), str(closing.part_paid)))
    elements.append(Pair(_("Paid by M-PESA"), format_ksh(closing.paid_cents), is_bold=True))
    elements.append(Pair(_("Waiting"), str(closing.waiting)))
    elements.append(Pair(_("Not confirmed"), str(closing.unknown)))
    elements.append(Pair(_("To check"), str(closing.review)))
    if closing.unclaimed:
        title = _("Unmatched payments ({count})").format(count=closing.unclaimed)
        elements.append(Pair(title, format_ksh(closing.unclaimed_cents)))
    elements.append(Rule())
    elements.append(Text(_("The ledger's hash; pos-app verify --hash finds it again:"), Size.SMALL))
    elements.append(Text(closing.last_hash or "-", Size.SMALL))
    elements.append(Code(closing.lookup_text))
    elements.append(Text(_("Not a tax invoice"), Size.SMALL))
    return elements
