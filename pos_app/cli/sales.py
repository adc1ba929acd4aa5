"""``pos-app sales``: the ledger, one line a sale."""

from __future__ import annotations

import argparse
from contextlib import closing

from pos_app.cli import exits
from pos_app.cli.context import open_installation
from pos_app.cli.lines import as_line, print_line, sale_json, sale_text
from pos_app.common.clock import SystemClock, day_of, parse_day
from pos_app.common.errors import Mistake, Outside
from pos_app.common.i18n import _
from pos_app.domain.values.money import format_ksh
from pos_app.ledger.reader import LedgerReader
from pos_app.receipts.code import search_of


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "sales",
        help=_("list the sales of a day"),
        description=_("Lists the ledger, oldest first. Works beside an open window."),
        epilog=_("Example: pos-app sales --day 2026-11-23 --json"),
    )
    parser.add_argument("--day", metavar="YYYY-MM-DD", help=_("default: today in Kenya"))
    parser.add_argument(
        "--find",
        metavar="TEXT",
        help=_("phone digits, reference, M-PESA code, amount or a receipt's QR text; all days"),
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))
    parser.set_defaults(run=command)


def checked_day(text: str | None) -> str:
    """A day, today without one.

    Raises:
        Mistake: ``day.invalid``.
    """
    if text is None:
        return day_of(SystemClock().now_ms())
    try:
        return parse_day(text).isoformat()
    except ValueError:
        raise Mistake("day.invalid") from None


def command(arguments: argparse.Namespace) -> int:
    """Runs it."""
    day = checked_day(arguments.day)
    installation = open_installation()
    try:
        reader = LedgerReader(installation.ledger)
    except Outside as error:
        if error.code != "ledger.missing":
            raise
        if not arguments.json:
            print_line(_("No sales on {day}.").format(day=day))
        return exits.OK
    with closing(reader):
        if arguments.find is not None:
            ids = reader.ids(day=arguments.day and day, search=search_of(arguments.find))
        else:
            ids = reader.ids(day=day)
        rows = reader.rows(ids[::-1])
        for row in rows:
            print_line(as_line(sale_json(row)) if arguments.json else sale_text(row))
        if not arguments.json:
            if not rows:
                print_line(_("No sales found.") if arguments.find else _("No sales on {day}.").format(day=day))
            elif arguments.find is None:
                totals = reader.totals(day)
                paid = _("Paid: {count} sales, {sum}")
                print_line(paid.format(count=totals.paid_sales, sum=format_ksh(totals.paid_cents)))
    return exits.OK
