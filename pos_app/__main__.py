"""The entry: the window without arguments, else one command."""

from __future__ import annotations

import sys

from pos_app.settings.environment import take_secrets


def main() -> int:
    """Runs the program; the exit code."""
    take_secrets()
    arguments = sys.argv[1:]
    if arguments:
        from pos_app.cli.main import main as run_command  # noqa: PLC0415 - the window does not need it

        return run_command(arguments)
    try:
        from pos_app.gui.app import main as run_window  # noqa: PLC0415 - commands do without Qt
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("PySide6"):
            raise
        print("pos-app: the window needs PySide6 (install pos-app[window]); pos-app --help lists the commands.")
        return 2
    return run_window()


if __name__ == "__main__":
    sys.exit(main())
