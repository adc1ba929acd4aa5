"""The command line as a process that stays: one command a line comes in, what it said goes out.

    python tests/torture/command_line.py [--plant BUG]

It saves the start of a process for each look at a ledger. A line is a JSON list of words; the answer has ``code``,
``out`` and ``err``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys

from torture.steps import PLANTS

from pos_app.cli.main import main as pos_app


def answer(words: list[str]) -> dict[str, int | str]:
    """What one command says."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = pos_app(words)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plant", choices=PLANTS)
    bug = parser.parse_args().plant
    if bug:
        from torture.plants import plant

        plant(bug)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
