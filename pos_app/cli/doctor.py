"""``pos-app doctor``: settings, clock, connection, credentials, relay, printer: a line each, with the mend."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pos_app.cli import exits
from pos_app.cli.context import open_installation
from pos_app.cli.lines import print_line
from pos_app.common.clock import SystemClock, day_of, to_eat
from pos_app.common.errors import Outside, PosError
from pos_app.common.i18n import _
from pos_app.domain.values.money import format_ksh
from pos_app.installation.checks import PrinterCheck, RelayCheck, check_connection, check_printer, check_relay
from pos_app.installation.installation import Installation
from pos_app.ledger.edition import is_first_edition, unfinished
from pos_app.ledger.first_edition import MatterKind, OpenMatter, open_matters, set_aside
from pos_app.ledger.verify import verify
from pos_app.settings.effective import MpesaAccess
from pos_app.settings.lock import only_one
from pos_app.settings.model import Environment
from pos_app.texts.errors import reason, reason_of
from pos_app.texts.outcomes import words_of


@dataclass(frozen=True, slots=True)
class Check:
    """One line."""

    name: str
    is_good: bool
    text: str


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "doctor",
        help=_("check that everything is set up and reachable"),
        description=_("Checks settings, ledger, clock, connection, credentials, relay and printer. Takes no payment."),
        epilog=_("Exit: 0 all is well; 1 something needs mending (the line says what)."),
    )
    parser.add_argument(
        "--set-aside",
        action="store_true",
        help=_("put a ledger of the first edition aside, with its copies; lists what is open in it first"),
    )
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Runs it."""
    return _set_aside(open_installation()) if arguments.set_aside else _check_all()


def _set_aside(installation: Installation) -> int:
    """What nobody knows the end of is listed first: the new ledger will not know of it."""
    ledger = installation.ledger
    with only_one(installation.home):
        if is_first_edition(ledger) and unfinished(ledger) is None:
            # Once it is being moved nobody opens it any more: its WAL may be elsewhere.
            _list_matters(ledger)
        folder = set_aside(ledger, day_of(SystemClock().now_ms()))
    print_line(_("Set aside: {path}").format(path=folder))
    print_line(_("A new ledger begins with the next start. Messages that came before belong to the one set aside."))
    return exits.OK


def _list_matters(ledger: Path) -> None:
    """A ledger that cannot be read is set aside all the same, and that is said."""
    try:
        matters = open_matters(ledger)
    except Outside as error:
        print_line(_("What is open in it cannot be listed: {reason}").format(reason=reason_of(error)))
        return
    for matter in matters:
        print_line(_line(matter))


def _line(matter: OpenMatter) -> str:
    words = _("open, may still be paid") if matter.kind is MatterKind.PROMPT else _("paid, and no sale has it")
    at = to_eat(matter.at_ms).strftime("%Y-%m-%d %H:%M")
    amount = format_ksh(matter.amount_cents)
    return f"{at}  {matter.reference:<12}  {amount:>14}  {matter.phone_masked:<10}  {words}"


def _check_all() -> int:
    checks: list[Check] = []

    def show(check: Check) -> None:
        checks.append(check)
        print_line(f"{'ok ' if check.is_good else 'BAD'}  {check.name:<12}  {check.text}")

    try:
        installation = open_installation()
        access = installation.access()
    except PosError as error:
        show(Check(_("settings"), False, reason_of(error)))
        return exits.FAILED
    show(_settings(access))
    show(_ledger(installation))
    for check in _reach(access):
        show(check)
    show(_printer(installation))
    return exits.OK if all(check.is_good for check in checks) else exits.FAILED


def _settings(access: MpesaAccess) -> Check:
    name = _("settings")
    if access.environment is Environment.PRACTICE:
        return Check(name, True, _("Practice: no money moves."))
    missing = access.missing()
    if missing:
        return Check(name, False, reason("settings.missing", {"names": ", ".join(missing)}))
    number = access.till_number or access.shortcode
    kind = _("till") if access.is_buy_goods else _("paybill")
    return Check(name, True, f"{access.environment}, {kind} {number}")


def _ledger(installation: Installation) -> Check:
    name = _("ledger")
    try:
        verdict = verify(installation.ledger)
    except PosError as error:
        return Check(name, error.code == "ledger.missing", reason_of(error))
    if verdict.findings:
        first = verdict.findings[0]
        return Check(name, False, f"{first.row}: {first.found}. " + _("Run: pos-app verify"))
    return Check(name, True, _("{count} sales, whole and unchanged.").format(count=verdict.sales))


def _reach(access: MpesaAccess) -> Iterator[Check]:
    if access.runs_practice:
        yield Check(_("connection"), True, _("The practice M-PESA comes with the program."))
    else:
        filled = _filled(access)
        if not filled.missing():
            yield from _mpesa(filled)
    yield _relay(access)


def _filled(access: MpesaAccess) -> MpesaAccess:
    if access.environment is not Environment.PRACTICE:
        return access
    # A till with real money never loads any of it.
    from pos_app.practice.backend import with_practice_account  # noqa: PLC0415

    return with_practice_account(access)


def _mpesa(access: MpesaAccess) -> Iterator[Check]:
    found = check_connection(access.consumer_key, access.consumer_secret, access.environment, access.base_url)
    if found.problem is not None:
        words = words_of(found.problem)
        mend = "" if found.is_reached else " " + _("Check the internet connection, the firewall and the proxy.")
        text = _("M-PESA answers.") if found.is_reached else words.meaning + mend
        yield Check(_("connection"), found.is_reached, text)
        if found.is_reached:
            mend = _("Copy both again from M-PESA's portal into Settings.")
            yield Check(_("credentials"), False, f"{words.meaning} {mend}")
        return
    yield Check(_("connection"), True, _("M-PESA answers."))
    yield Check(_("credentials"), True, _("M-PESA accepts the consumer key and secret."))
    if found.clock_ahead_ms is None:
        yield Check(_("clock"), True, _("M-PESA did not say what time it is."))
    elif found.minutes_wrong:
        text = _("This PC's clock is wrong by {detail} minutes. Set the date and time.")
        yield Check(_("clock"), False, text.format(detail=found.minutes_wrong))
    else:
        yield Check(_("clock"), True, _("The clock is right."))


def _relay(access: MpesaAccess) -> Check:
    name = _("relay")
    if access.relay is None:
        return Check(name, True, _("No relay is set. M-PESA is asked for results instead."))
    match check_relay(access.relay):
        case RelayCheck.KNOWS_US:
            return Check(name, True, _("The relay knows this till."))
        case RelayCheck.UNREACHABLE:
            return Check(name, False, reason("relay.unreachable"))
        case RelayCheck.REFUSES:
            return Check(name, False, reason("relay.refused"))


def _printer(installation: Installation) -> Check:
    name, printer = _("printer"), installation.settings.printing.printer
    match check_printer(printer):
        case PrinterCheck.NONE:
            return Check(name, True, _("No printer is set. Receipts can be saved as PDF."))
        case PrinterCheck.WRONG_ADDRESS:
            return Check(name, False, reason("printer.address"))
        case PrinterCheck.SET:
            return Check(name, True, _("{printer}: print a test receipt from Settings.").format(printer=printer))
