"""``pos-app verify``: checks the ledger."""

from __future__ import annotations

import argparse

from pos_app.cli import exits
from pos_app.cli.context import open_installation
from pos_app.cli.lines import print_line
from pos_app.common.i18n import _
from pos_app.ledger.verify import holds_hash, verify


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "verify",
        help=_("check that the ledger is whole and was not changed"),
        description=_(
            "Checks the file, the hash chain over all events, every attempt against its events, "
            "and the totals against the rows. Changes nothing."
        ),
        epilog=_("Exit: 0 all is well; 1 something does not fit (the first bad rows are named)."),
    )
    parser.add_argument(
        "--hash", metavar="HASH", help=_("a hash from an earlier export or closing receipt: is it still in the ledger?")
    )
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Runs it."""
    ledger = open_installation().ledger
    verdict = verify(ledger)
    if arguments.hash is not None:
        event = holds_hash(ledger, arguments.hash)
        if event is None:
            print_line(_("The ledger does not hold this hash: it was rewritten, or the hash is another ledger's."))
            return exits.FAILED
        print_line(_("The hash is that of event {number}: nothing before it was rewritten.").format(number=event))
    for finding in verdict.findings:
        print_line(f"{finding.check}: {finding.row}: {finding.found}")
    for note in verdict.notes:
        print_line(_("Note:") + f" {note.row}: {note.found}")
    if verdict.findings:
        print_line(_("The ledger does not fit together. Keep this file, and compare it with the last good copy."))
        return exits.FAILED
    print_line(
        _("All is well: {sales} sales, {events} events, last hash {hash}.").format(
            sales=verdict.sales, events=verdict.events, hash=verdict.last_hash or "-"
        )
    )
    return exits.OK
