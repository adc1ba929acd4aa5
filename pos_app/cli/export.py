"""``pos-app export``: the day for the accountant."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from pos_app.cli import exits
from pos_app.cli.context import open_installation
from pos_app.cli.lines import print_error, print_line
from pos_app.cli.sales import checked_day
from pos_app.common.i18n import _
from pos_app.exports.sales import CSV_COLUMNS, Format, changed_since_export, default_name, export
from pos_app.ledger.reader import LedgerReader
from pos_app.texts.days import changed_days


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "export",
        help=_("write the day for the accountant"),
        description=_("Writes the sales of a day as CSV, XLSX or JSON, whole or not at all."),
        epilog=_("Columns: {columns}. Example: pos-app export --day 2026-11-23 --format xlsx").format(
            columns=", ".join(CSV_COLUMNS)
        ),
    )
    parser.add_argument("--day", metavar="D", help=_("YYYY-MM-DD; default: today in Kenya"))
    parser.add_argument("--to", metavar="D", help=_("last day of a range"))
    parser.add_argument("--format", choices=[str(one) for one in Format], default="csv", help=_("default: csv"))
    parser.add_argument("--output", metavar="FILE", type=Path, help=_("default: by date, in the exports folder"))
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Runs it."""
    first = checked_day(arguments.day)
    last = checked_day(arguments.to) if arguments.to is not None else first
    installation = open_installation()
    fmt = Format(arguments.format)
    chosen = installation.settings.data.export_folder
    folder = Path(chosen) if chosen else installation.home.exports
    target = arguments.output or folder / default_name(first, last, fmt, installation.environment)
    with closing(LedgerReader(installation.ledger)) as reader:
        written = export(reader, first, last, fmt, target)
        changed = changed_since_export(reader, checked_day(None))
    print_error(_("{count} sales written.").format(count=written.sales))
    if written.last_hash:
        print_error(_("Ledger hash {hash}").format(hash=written.last_hash))
    if changed:
        print_error(changed_days(changed))
    print_line(str(target))
    return exits.OK
