"""``pos-app backup FILE`` and ``pos-app restore FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path

from pos_app.cli import exits
from pos_app.cli.context import open_installation
from pos_app.cli.lines import print_line
from pos_app.common.i18n import _
from pos_app.installation.installation import Installation
from pos_app.ledger.backups import accept_missing_end, backup, restore
from pos_app.settings.lock import only_one


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds both commands."""
    keep = commands.add_parser(
        "backup",
        help=_("write a checked copy of the ledger"),
        description=_(
            "Writes a copy of the ledger, checks it, and puts the key to its phone numbers beside it "
            "(FILE.key). Works beside an open window."
        ),
    )
    keep.add_argument("file", metavar="FILE", type=Path)
    keep.set_defaults(run=run_backup)
    back = commands.add_parser(
        "restore",
        help=_("put a copy of the ledger back"),
        description=_("Checks a copy and puts it in the ledger's place. The ledger that was there is kept beside it."),
    )
    back.add_argument("file", metavar="FILE", type=Path, nargs="?")
    back.add_argument(
        "--even-if-changed", action="store_true", help=_("take a copy too that was changed after it was written")
    )
    back.add_argument(
        "--accept-missing-end",
        action="store_true",
        help=_("without FILE: I accept that the end of the ledger is missing; go on with what is there"),
    )
    back.set_defaults(run=run_restore, parser=back)


def run_backup(arguments: argparse.Namespace) -> int:
    """Writes the copy."""
    backup(open_installation().ledger, arguments.file.absolute())
    print_line(_("Copied and checked: {path}").format(path=arguments.file))
    return exits.OK


def run_restore(arguments: argparse.Namespace) -> int:
    """Puts it back."""
    installation = open_installation()
    if arguments.accept_missing_end == (arguments.file is not None):
        # One of the two, and not both.
        arguments.parser.error(_("Give a FILE, or --accept-missing-end without one."))
    if arguments.accept_missing_end:
        return _accept(installation)
    with only_one(installation.home):
        kept = restore(
            arguments.file.absolute(),
            installation.ledger,
            installation.environment,
            even_if_changed=arguments.even_if_changed,
        )
    print_line(_("Restored: {path}").format(path=installation.ledger))
    if kept is not None:
        print_line(_("What was there before is kept as {path}").format(path=kept))
    return exits.OK


def _accept(installation: Installation) -> int:
    with only_one(installation.home):
        missing = accept_missing_end(installation.ledger, installation.environment)
    if missing.is_other:
        print_line(_("Accepted: this is another ledger, or another branch of it, than the one that was written last."))
    else:
        text = _("Accepted: events {first} to {last} are gone. The till goes on after event {has}.")
        print_line(text.format(first=missing.has + 1, last=missing.had, has=missing.has))
    print_line(_("Compare the last sales with the M-PESA statement: what is gone may have been paid."))
    return exits.OK
