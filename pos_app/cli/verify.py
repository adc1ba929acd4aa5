"""``pos-app verify``: checks the ledger."""

from __future__ import annotations

import argparse

from pos_app.cli import exits
from pos_app.cli.context import open_context
from pos_app.cli.lines import say
from pos_app.i18n import _
from pos_app.ledger.verify import verify


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "verify",
        help="check that the ledger is whole and was not changed",
        description="Checks the file, the hash chain over all events, every attempt against its events, "
        "and the totals against the rows. Changes nothing.",
        epilog="Exit: 0 all is well; 1 something does not fit (the first bad rows are named).",
    )
    parser.set_defaults(run=command)


def command(_arguments: argparse.Namespace) -> int:
    """Runs it."""
    verdict = verify(open_context().ledger)
    for finding in verdict.findings:
        say(f"{finding.check}: {finding.row}: {finding.found}")
    if verdict.findings:
        say(_("The ledger does not fit together. Keep this file, and compare it with the last good copy."))
        return exits.FAILED
    say(
        _("All is well: {sales} sales, {events} events, last hash {hash}.").format(
            sales=verdict.sales, events=verdict.events, hash=verdict.last_hash[:16] or "-"
        )
    )
    return exits.PAID
