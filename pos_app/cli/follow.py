"""``pos-app follow``: asks for every attempt that may still be paid, as at start."""

from __future__ import annotations

import argparse
import asyncio

from pos_app.cli import exits
from pos_app.cli.arguments import seconds
from pos_app.cli.context import open_installation
from pos_app.cli.lines import print_line
from pos_app.cli.session import Session, run
from pos_app.common.i18n import _
from pos_app.domain.stk.attempt import FOLLOWED, AttemptState
from pos_app.engine.commands import RecheckClosed
from pos_app.ledger.db import key_file
from pos_app.settings.lock import only_one

DEFAULT_WAIT_S = 120.0


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "follow",
        help=_("ask M-PESA for every payment that is not confirmed"),
        description=_("Takes up every payment that was left pending or unknown and asks M-PESA for its result."),
        epilog=_("Exit: 0 nothing is left open; 1 at least one was declined; 3 at least one is still not known."),
    )
    parser.add_argument(
        "--wait", metavar="SECONDS", type=seconds, default=DEFAULT_WAIT_S, help=_("how long to wait (default 120)")
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line for each change"))
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Runs it."""
    installation = open_installation()
    if not installation.ledger.exists() and not key_file(installation.ledger).exists():
        # Opening it would create it; asking must not.
        if not arguments.json:
            print_line(_("There is nothing to follow."))
        return exits.PAID

    async def work(session: Session) -> None:
        # What was closed may have been paid since: 1037 (docs/mpesa.md, 3.2), or given up too early.
        await session.execute(RecheckClosed())
        await session.until(lambda: session.runtime.engine.is_at_rest, arguments.wait)

    with only_one(installation.home):
        attempts = asyncio.run(run(installation, as_json=arguments.json, work=work)).values()
    if not attempts and not arguments.json:
        print_line(_("There is nothing to follow."))
    if any(attempt.state in FOLLOWED for attempt in attempts):
        return exits.NOT_KNOWN
    declined = any(attempt.state in (AttemptState.DECLINED, AttemptState.REJECTED) for attempt in attempts)
    return exits.NOT_PAID if declined else exits.PAID
