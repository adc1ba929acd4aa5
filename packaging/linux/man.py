"""The man page, made of the command line itself, so that it says what the program takes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pos_app import __version__
from pos_app.cli.main import make_parser
from pos_app.common.i18n import use_language

_HEADINGS = {
    "en": ("NAME", "takes M-PESA payments and never guesses about money", "SYNOPSIS", "COMMANDS", "MORE"),
    "sw": ("JINA", "inapokea malipo ya M-PESA na haikisii kuhusu pesa", "MATUMIZI", "AMRI", "ZAIDI"),
}


def man_page(language: str) -> str:
    """The page in a language, as roff."""
    use_language(language)
    name, purpose, synopsis, commands, more = _HEADINGS[language]
    parser = make_parser()
    lines = [
        f'.TH POS-APP 1 "" "pos-app {__version__}" "Till"',
        f".SH {name}", f"pos-app \\- {_roff(purpose)}",
        f".SH {synopsis}", ".B pos-app", "[COMMAND] [OPTIONS]", ".PP", _roff(parser.description or ""),
        f".SH {commands}",
    ]  # fmt: skip
    for command in _commands_of(parser):
        lines += _section(command)
    lines += [f".SH {more}", ".nf", *map(_roff, (parser.epilog or "").splitlines()), ".fi", ""]
    return "\n".join(lines)


def _commands_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                under = list(_commands_of(command))
                yield from under or [command]


def _section(command: argparse.ArgumentParser) -> list[str]:
    words = command.format_usage().partition(":")[2].split()
    lines = [".SS", _roff(" ".join(words)), ".PP", _roff(command.description or "")]
    for action in command._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = f" {action.metavar or action.dest.upper()}" if action.option_strings and action.nargs != 0 else ""
        lines += [".TP", f".B {_roff(name + value)}", _roff((action.help or "") % {"default": action.default})]
    return [*lines, ".PP", _roff(command.epilog or "")] if command.epilog else lines


def _roff(text: str) -> str:
    """A text that roff prints as it is."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
