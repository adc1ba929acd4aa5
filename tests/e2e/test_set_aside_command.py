"""``pos-app`` on a ledger of the first edition, as an administrator meets it."""

from __future__ import annotations

from pathlib import Path

from e2e.program import environment, run
from fakes.old_home import all_of, make_old_home
from fakes.servers import Mpesa, Relay


def test_every_command_says_the_same_and_changes_nothing(home: Path, tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay)
        folder = make_old_home(home / "sandbox").parent
        before = all_of(folder)
        for words in (
            ("request", "10", "0712345678"), ("follow",), ("sales",), ("export",), ("verify",),
            ("backup", str(tmp_path / "copy")), ("restore", str(folder / "copies" / "day-2026-11-01.sqlite3")), ("doctor",),
        ):  # fmt: skip
            said = run(env, *words)
            assert said.code != 0 and "pos-app doctor --set-aside" in said.out + said.err, words
            assert all_of(folder) == before, words
        assert not mpesa.records.prompts, "nothing was sent"


def test_it_lists_what_is_open_sets_it_aside_and_the_till_sells(home: Path, tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay)
        folder = make_old_home(home / "sandbox").parent
        before = all_of(folder)
        done = run(env, "doctor", "--set-aside")
        assert done.code == 0, done.err
        prompt, payment, told, after = done.out.splitlines()
        assert prompt.split()[2:] == ["A0002", "KSh", "800", "0722•••678", "open,", "may", "still", "be", "paid"]
        assert payment.split()[2:6] == ["TKN7RT61SW", "KSh", "250.50", "•••123"]
        (aside,) = folder.glob("first-edition-*")
        assert told == f"Set aside: {aside}" and after.startswith("A new ledger begins")
        assert all_of(aside) == before
        assert "712345678" not in done.out and "722000678" not in done.out
        sold = run(env, "request", "10", "0712345678")
        assert sold.code == 0 and "This is a new ledger. It reads the mailbox from" in sold.err
        assert "All is well" in run(env, "verify").out
        again = run(env, "doctor", "--set-aside")
        assert again.code == 2 and "no ledger of the first edition" in again.err
