"""``pos-app request AMOUNT PHONE``: one payment with no window."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import closing

from pos_app.cli import exits
from pos_app.cli.arguments import seconds
from pos_app.cli.context import open_installation
from pos_app.cli.lines import advice, print_error
from pos_app.cli.session import Session, is_settled, run
from pos_app.common.errors import Outside
from pos_app.common.i18n import _
from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk.attempt import AttemptState
from pos_app.domain.values.ids import AttemptId
from pos_app.domain.values.money import parse_amount
from pos_app.domain.values.order_reference import Reference, next_reference, parse_reference
from pos_app.domain.values.phone import parse_phone
from pos_app.engine.commands import RequestStkPayment
from pos_app.installation.installation import Installation
from pos_app.ledger.reader import LedgerReader
from pos_app.settings.lock import only_one

DEFAULT_WAIT_S = 150.0
PUSH_ANSWER_S = 5.0


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "request",
        help=_("ask one customer for one payment"),
        description=_("Asks a customer's phone for the M-PESA PIN and waits for the result."),
        epilog=_(
            "Exit: 0 paid; 1 declined, rejected or not sent; 2 wrong usage; 3 not known yet or still pending "
            "(it is followed at the next start, or by: pos-app follow). "
            "Example: pos-app request 1250 0712345678 --reference A0044"
        ),
    )
    parser.add_argument("amount", metavar="AMOUNT", help=_("whole shillings, 1 to 250,000"))
    parser.add_argument("phone", metavar="PHONE", help=_("07…, 01…, 254… or +254…"))
    parser.add_argument("--reference", metavar="R", help=_("order reference, at most 12 letters and digits"))
    parser.add_argument(
        "--wait", metavar="SECONDS", type=seconds, default=DEFAULT_WAIT_S, help=_("how long to wait (default 150)")
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help=_("although a sale with this phone, amount and reference is not confirmed yet"),
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line for each change"))
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Runs it."""
    installation = open_installation()
    draft = Draft(
        parse_amount(arguments.amount, max_shillings=installation.settings.mpesa.max_shillings),
        parse_phone(arguments.phone),
        parse_reference(arguments.reference) if arguments.reference is not None else _suggested(installation),
    )

    asked: list[AttemptId] = []

    async def work(session: Session) -> None:
        attempt = await session.execute(RequestStkPayment(draft, anyway=arguments.anyway))
        asked.append(attempt.id)
        session.tell(attempt)
        await session.until(lambda: is_settled(session.attempts[attempt.id]), arguments.wait)
        # However short the wait: what M-PESA says to the push itself is worth having before it is cut off.
        is_sending = session.attempts[attempt.id].state is AttemptState.SENDING
        if is_sending and not session.is_stopping:
            left_s = max(0.0, PUSH_ANSWER_S - arguments.wait)
            await session.until(lambda: session.attempts[attempt.id].state is not AttemptState.SENDING, left_s)

    with only_one(installation.home):
        # Stopping the engine may change it: what was on its way is unknown then.
        attempt = asyncio.run(run(installation, as_json=arguments.json, work=work))[asked[0]]
    if not arguments.json:
        print_error(advice(attempt))
    return _exit_of(attempt.state)


def _exit_of(state: AttemptState) -> int:
    if state is AttemptState.PAID:
        return exits.PAID
    if state in (AttemptState.DECLINED, AttemptState.REJECTED, AttemptState.READY, AttemptState.WITHDRAWN):
        return exits.NOT_PAID
    return exits.NOT_KNOWN


def _suggested(installation: Installation) -> Reference:
    till_label = installation.settings.shop.till_label
    try:
        with closing(LedgerReader(installation.ledger)) as reader:
            return next_reference(reader.last_reference(), till_label)
    except Outside as error:
        if error.code != "ledger.missing":
            raise
        return next_reference(None, till_label)
