"""Parses the command line and runs one command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from pos_app import __version__
from pos_app.cli import backup, doctor, exits, export, follow, request, sales, verify
from pos_app.cli.context import set_language
from pos_app.cli.lines import OutputLostError, prepare_output, print_error
from pos_app.common import faults
from pos_app.common.errors import PosError
from pos_app.common.i18n import N_, _
from pos_app.texts.errors import reason_of

_EPILOG = N_(
    """\
without a command the window opens; practice mode until M-PESA is set up

exit codes: 0 paid, or done   1 declined, rejected or not sent; something is wrong
            2 wrong usage, or the till cannot run as it is   3 not known yet, or still pending

examples:
  pos-app                                   the window
  pos-app request 1250 0712345678 --json    one payment, followed by a program
  pos-app follow                            what became of payments that were left open
  pos-app export --format xlsx              today for the accountant
  pos-app doctor                            is everything set up and reachable?

environment (over the settings file): POS_APP_HOME POS_APP_ENVIRONMENT POS_APP_BASE_URL
  POS_APP_CONSUMER_KEY POS_APP_CONSUMER_SECRET POS_APP_SHORTCODE POS_APP_TILL_NUMBER POS_APP_PASSKEY
  POS_APP_CALLBACK_URL POS_APP_RELAY_URL POS_APP_RELAY_TILL POS_APP_RELAY_TOKEN
  POS_APP_FIRST_QUERY_S POS_APP_QUERY_INTERVAL_S POS_APP_CONFIRM_GAP_S
"""
)


class _Parser(argparse.ArgumentParser):
    """argparse, with a hint where to read on."""

    def error(self, message: str) -> NoReturn:
        print_error(f"{self.prog}: {message}")
        print_error(_("{program} --help explains.").format(program=self.prog))
        raise SystemExit(exits.WRONG_USE)


def make_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The command line.

    Args:
        chosen: The command that will run: what only others need is not loaded. None for the whole.
    """
    parser = _Parser(
        prog="pos-app",
        description=_("The till: takes M-PESA payments and never guesses about money."),
        epilog=_(_EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pos-app {__version__}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        metavar="COMMAND", parser_class=_Parser
    )
    for module in (request, follow, sales, export, verify, backup, doctor):
        module.add(commands)
    # Both bring a web server, which no till needs.
    if chosen in (None, "relay"):
        from pos_app.cli import relay  # noqa: PLC0415 - see above

        relay.add(commands)
    if chosen in (None, "practice"):
        from pos_app.cli import practice  # noqa: PLC0415 - see above

        practice.add(commands)
    return parser


_OF_A_TILL: Final = frozenset({"request", "follow", "sales", "export", "verify", "backup", "restore", "doctor"})
_OTHERS: Final = frozenset({"relay", "practice"})


def _chosen(arguments: Sequence[str]) -> str | None:
    """The command that is called by its full name; None where all must be known to say what is wrong."""
    first = arguments[0] if arguments else ""
    return first if first in _OF_A_TILL | _OTHERS else None


def main(arguments: Sequence[str]) -> int:
    """Runs one command; the exit code."""
    prepare_output()
    set_language()
    parser = make_parser(_chosen(arguments))
    parsed, unknown = parser.parse_known_args(_protect_negative(arguments))
    if unknown:
        parser.error(_("not understood: {words}").format(words=" ".join(unknown)))
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except PosError as error:
        print_error(f"pos-app: {reason_of(error)}")
        return exits.CANNOT_RUN
    except OutputLostError as lost:
        # Nothing is lost by it but the lines: the ledger has it all.
        if lost.is_gone:
            return exits.NOBODY_READS
        print_error("pos-app: " + _("The output cannot be written. Is the disk full?"))
        return exits.CANNOT_RUN
    except Exception as error:  # noqa: BLE001 - a person at a terminal gets words, the log the rest
        print_error(f"pos-app: {reason_of(faults.as_error(error, 'command'))}")
        return exits.CANNOT_RUN


def _protect_negative(arguments: Sequence[str]) -> list[str]:
    """Lets ``request -5 07…`` reach the check of the amount, which says what is wrong with it."""
    if not arguments or arguments[0] != "request":
        return list(arguments)
    rest = list(arguments[1:])
    for index, word in enumerate(rest):
        if word.startswith("-") and word[1:2].isdigit():
            rest[index] = "\u2212" + word[1:]
    return ["request", *rest]
