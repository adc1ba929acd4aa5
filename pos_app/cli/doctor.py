"""``pos-app doctor``: settings, clock, connection, credentials, relay, printer: a line each, with the mend."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pos_app.cli import exits
from pos_app.cli.context import Context, open_context
from pos_app.cli.lines import say
from pos_app.common.errors import TillError
from pos_app.common.http import AsyncWeb, MaybeSentError, NotSentError, Patience, Request
from pos_app.common.i18n import _
from pos_app.daraja import AsyncMpesaClient, NotSent
from pos_app.domain.outcome import OutcomeKind
from pos_app.engine.engine import CLOCK_TOLERANCE_MS
from pos_app.engine.practice_mode import with_practice_account
from pos_app.ledger.verify import verify
from pos_app.settings.effective import MpesaAccess
from pos_app.settings.model import Environment
from pos_app.words.mistakes import reason, reason_of
from pos_app.words.outcomes import words_of


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
    parser.set_defaults(run=command)


def command(_arguments: argparse.Namespace) -> int:
    """Runs it."""
    checks: list[Check] = []

    def show(check: Check) -> None:
        checks.append(check)
        say(f"{'ok ' if check.is_good else 'BAD'}  {check.name:<12}  {check.text}")

    try:
        context = open_context()
        access = context.access()
    except TillError as error:
        show(Check(_("settings"), False, reason_of(error)))
        return exits.FAILED
    show(_settings(access))
    show(_ledger(context))
    asyncio.run(_show_all(access, show))
    show(_printer(context))
    return exits.PAID if all(check.is_good for check in checks) else exits.FAILED


async def _show_all(access: MpesaAccess, show: object) -> None:
    async for check in _reach(access):
        show(check)  # type: ignore[operator]


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


def _ledger(context: Context) -> Check:
    name = _("ledger")
    try:
        verdict = verify(context.ledger)
    except TillError as error:
        return Check(name, error.code == "ledger.missing", reason_of(error))
    if verdict.findings:
        first = verdict.findings[0]
        return Check(name, False, f"{first.row}: {first.found}. " + _("Run: pos-app verify"))
    return Check(name, True, _("{count} sales, whole and unchanged.").format(count=verdict.sales))


async def _reach(access: MpesaAccess) -> AsyncIterator[Check]:
    if access.runs_practice:
        yield Check(_("connection"), True, _("The practice M-PESA comes with the program."))
    else:
        filled = with_practice_account(access) if access.environment is Environment.PRACTICE else access
        if not filled.missing():
            async for check in _mpesa(filled):
                yield check
    yield await _relay(access)


async def _mpesa(access: MpesaAccess) -> AsyncIterator[Check]:
    async with AsyncMpesaClient(
        access.consumer_key,
        access.consumer_secret,
        environment="production" if access.environment is Environment.PRODUCTION else "sandbox",
        base_url=access.base_url,
        patience=Patience(5, 10, 15),
    ) as client:
        try:
            await client.fetch_token()
        except NotSent as error:
            words = words_of(error.outcome.kind)
            reached = error.outcome.kind is not OutcomeKind.NO_CONNECTION
            mend = "" if reached else " " + _("Check the internet connection, the firewall and the proxy.")
            yield Check(_("connection"), reached, _("M-PESA answers.") if reached else words.meaning + mend)
            if reached:
                mend = _("Copy both again from M-PESA's portal into Settings.")
                yield Check(_("credentials"), False, f"{words.meaning} {mend}")
            return
        yield Check(_("connection"), True, _("M-PESA answers."))
        yield Check(_("credentials"), True, _("M-PESA accepts the consumer key and secret."))
        ahead_ms = client.clock_ahead_ms
        if ahead_ms is None:
            yield Check(_("clock"), True, _("M-PESA did not say what time it is."))
        elif abs(ahead_ms) > CLOCK_TOLERANCE_MS:
            text = _("This PC's clock is wrong by {detail} minutes. Set the date and time.")
            yield Check(_("clock"), False, text.format(detail=round(ahead_ms / 60_000)))
        else:
            yield Check(_("clock"), True, _("The clock is right."))


async def _relay(access: MpesaAccess) -> Check:
    name, relay = _("relay"), access.relay
    if relay is None:
        return Check(name, True, _("No relay is set. M-PESA is asked for results instead."))
    web = AsyncWeb(Patience(5, 10, 15))
    try:
        # Asking after a message acknowledges all before it: after none, nothing.
        headers = {"Authorization": f"Bearer {relay.till}.{relay.token}"}
        answer = await web.send(Request("GET", f"{relay.url}/v1/inbox?after=0", headers))
    except (NotSentError, MaybeSentError):
        return Check(name, False, reason("relay.unreachable"))
    finally:
        await web.aclose()
    if answer.status == 200:
        return Check(name, True, _("The relay knows this till."))
    return Check(name, False, reason("relay.refused"))


def _printer(context: Context) -> Check:
    name, printer = _("printer"), context.settings.printing.printer
    if not printer:
        return Check(name, True, _("No printer is set. Receipts can be saved as PDF."))
    if shutil.which("lpstat") is None:
        return Check(name, True, printer)
    return Check(name, True, _("{printer}: print a test receipt from Settings.").format(printer=printer))
