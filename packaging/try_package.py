"""Tries a built program as a shop would use it, each step until it is so and not for a time:

a payment without a window, three exports, the mailbox in a file and in PostgreSQL, the window with a receipt on a
network printer, and a polite end. Ends with 1 and the program's own words at the first thing that does not work.

    try_package.py dist/pos-app/pos-app
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from fakes.network_printer import NetworkPrinter  # noqa: E402

WITHIN_S = 60.0
IS_WINDOWS = sys.platform == "win32"


class Trial:
    """The program, with a home of its own.

    Args:
        program: The built program.
        folder: Where it keeps its files; thrown away afterwards.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program.absolute()
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("POS_APP_", "PYTHON"))}
        self.env |= {"POS_APP_HOME": str(folder), "POS_APP_ENVIRONMENT": "practice"}

    def run(self, *words: str, **env: str) -> str:
        """One command that must end with 0; what it printed."""
        done = subprocess.run(
            [self._program, *words], env=self.env | env, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(words)}: ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def running(self, *words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
        """The program while it is used; ended politely, and it must then end with 0."""
        said = self.folder / "said.txt"
        with said.open("w") as out:
            process = subprocess.Popen([self._program, *words], env=self.env | env, stdout=out, stderr=out, text=True)
        try:
            yield process
            # Windows knows no polite end for a process without a console; there the window is ended as it is.
            process.terminate() if IS_WINDOWS else process.send_signal(signal.SIGTERM)
            code = process.wait(WITHIN_S)
        except BaseException:
            print(f"{' '.join(words) or 'the window'} said:\n{said.read_text()}", file=sys.stderr)
            raise
        finally:
            process.kill()
            process.wait()
        if code != 0 and not IS_WINDOWS:
            raise SystemExit(f"{' '.join(words) or 'the window'}: ended with {code}\n{said.read_text()}")
        if "Traceback" in said.read_text():
            raise SystemExit(said.read_text())

    def until(self, is_so: Callable[[], bool], what: str, process: subprocess.Popen[str]) -> None:
        """Waits for a condition; a program that has ended is not waited for."""
        ends = time.monotonic() + WITHIN_S
        while not is_so():
            if process.poll() is not None:
                raise SystemExit(f"{what}: the program ended with {process.returncode} before")
            if time.monotonic() > ends:
                raise SystemExit(f"waited {WITHIN_S:.0f} s in vain for: {what}")
            time.sleep(0.05)


def expect(is_so: bool, what: str) -> None:
    """Ends with 1 where something is not so."""
    if not is_so:
        raise SystemExit(f"not as it should be: {what}")


def commands(trial: Trial) -> None:
    """A payment, three exports, the check of the ledger, Kiswahili, the mailbox in a file."""
    paid = json.loads(trial.run("request", "20", "0712345678", "--json").splitlines()[-1])
    expect(paid["state"] == "paid", f"the payment: {paid}")
    for kind in ("csv", "xlsx", "json"):
        expect(Path(trial.run("export", "--format", kind).strip()).stat().st_size > 50, f"the export as {kind}")
    expect("All is well" in trial.run("verify"), "verify")
    expect("mauzo" in trial.run("sales", POS_APP_LANGUAGE="sw"), "the catalogue of Kiswahili")
    expect(json.loads(trial.run("relay", "add-till", "front", "--json"))["till"] == "front", "the mailbox in a file")
    print("package: a payment, three exports, verify, Kiswahili and the mailbox in a file work")


def mailbox(trial: Trial, database: str) -> None:
    """The mailbox in PostgreSQL: a till let in, and a callback that it keeps."""
    trial.env["POS_APP_RELAY_DATABASE"] = database
    trial.run("relay", "add-till", "front", "--json")
    with trial.running("relay", "serve", "--port", "0") as relay:
        said = trial.folder / "said.txt"
        trial.until(lambda: "http://" in said.read_text(), "the relay's address", relay)
        url = next(word for word in said.read_text().split() if word.startswith("http://")).rstrip(".")
        asked = urllib.request.Request(f"{url}/c/front/0123456789abcdef", b'{"hello":1}', method="POST")
        with urllib.request.urlopen(asked, timeout=WITHIN_S) as answer:
            expect(json.loads(answer.read())["ResultCode"] == 0, "the answer to a callback")
        waiting = json.loads(trial.run("relay", "list", "--json"))
        expect(waiting["waiting"] == 1, f"the mailbox in PostgreSQL: {waiting}")
    del trial.env["POS_APP_RELAY_DATABASE"]
    print("package: the mailbox in PostgreSQL keeps a callback")


def window(trial: Trial) -> None:
    """The window opens, and ends when it is asked to."""
    with trial.running(QT_QPA_PLATFORM="offscreen") as process:
        trial.until((trial.folder / "window").exists, "the window", process)
    print("package: the window opens and closes")


def receipt(trial: Trial) -> None:
    """On a screen, by keys: the sale at hand's receipt reaches a network printer, whole."""
    with NetworkPrinter() as printer, screen() as display:
        (trial.folder / "settings.toml").write_text(f'[printing]\nprinter = "escpos:127.0.0.1:{printer.port}"\n')

        def is_there(title: str) -> bool:
            words = ["xdotool", "search", "--onlyvisible", "--name", title]
            env = trial.env | {"DISPLAY": display}
            return subprocess.run(words, env=env, capture_output=True, check=False).returncode == 0

        def press(*keys: str) -> None:
            subprocess.run(["xdotool", "key", "--delay", "50", *keys], env=trial.env | {"DISPLAY": display}, check=True)

        def is_previewed() -> bool:
            # Keys that come before the window can take them do nothing: they are pressed until the receipt is shown.
            press("Escape", "ctrl+f", "Down", "F6")
            ends = time.monotonic() + 2
            while not (shown := is_there("^Receipt ")) and time.monotonic() < ends:
                time.sleep(0.05)
            return shown

        with trial.running(QT_QPA_PLATFORM="xcb", DISPLAY=display) as process:
            trial.until((trial.folder / "window").exists, "the window on a screen", process)
            trial.until(is_previewed, "the preview of the receipt", process)
            press("Return")
            trial.until(lambda: printer.whole + printer.torn > 0, "a receipt on the network printer", process)
        expect(printer.torn == 0, f"{printer.torn} receipts were torn off")
    print("package: a receipt reaches a network printer, whole")


@contextmanager
def screen() -> Iterator[str]:
    """A virtual screen with a window manager, which gives keys to windows; its name."""
    quiet = subprocess.DEVNULL
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1366x768x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=quiet)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            name = f":{told.readline().strip()}"
        manager = subprocess.Popen(["openbox"], env=os.environ | {"DISPLAY": name}, stdout=quiet, stderr=quiet)
        try:
            yield name
        finally:
            manager.terminate()
            manager.wait()
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """All of it; on Windows without the screen's keys and without PostgreSQL, and it says so."""
    with tempfile.TemporaryDirectory(prefix="try-package-") as folder:
        trial = Trial(Path(sys.argv[1]), Path(folder))
        commands(trial)
        window(trial)
        if IS_WINDOWS or not shutil.which("openbox"):
            print("package: NOT TRIED here: a receipt on a printer, and PostgreSQL")
            return
        receipt(trial)
        from fakes.postgres import Postgres

        with Postgres() as server:
            mailbox(trial, server.new_database())


if __name__ == "__main__":
    main()
