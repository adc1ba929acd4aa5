"""The command line as a stranger uses it: real processes, a real M-PESA look-alike, a real relay."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from e2e.program import PROGRAM, environment, run, start
from fakes.servers import Mpesa, Relay

from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.shop import (
    PRACTICE_KEY,
    PRACTICE_PASSKEY,
    PRACTICE_SECRET,
    PRACTICE_STORE,
    PRACTICE_TILL,
)


def test_a_payment_with_the_relay_and_all_that_follows(home: Path, tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay)
        paid = run(env, "request", "1,250", "+254 712-345-678", "--reference", "A0044", "--json")
        assert paid.code == 0
        assert [line["state"] for line in paid.lines] == ["sending", "pending", "paid"]
        code = mpesa.records.payments[0].mpesa_code
        assert paid.last | {"mpesa_code": code, "review": False, "sale": 1, "attempt": 1} == paid.last
        sale = run(env, "sales", "--json").last
        assert sale["state"] == "paid" and sale["mpesa_codes"] == [code] and sale["phone"] == "0712•••678"
        assert {"reference", "amount", "created_at"} <= set(sale)
        assert run(env, "sales", "--find", code, "--json").last == sale
        assert run(env, "sales", "--find", f"POS1/A0044/20261123/1/1250/{code}", "--json").last == sale
        assert "All is well" in run(env, "verify").out
        for fmt in ("csv", "xlsx", "json"):
            assert Path(run(env, "export", "--format", fmt).out.strip()).stat().st_size > 50
        assert run(env, "backup", str(tmp_path / "copy")).code == 0
        assert run(env, "backup", str(tmp_path / "copy")).code == 2
        assert run(env, "restore", str(tmp_path / "copy")).code == 0
        doctor = run(env, "doctor")
        assert doctor.code == 0, doctor.out
        assert run(env, "follow", "--json").out == ""


def test_buy_goods(home: Path, tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay, POS_APP_SHORTCODE=PRACTICE_STORE, POS_APP_TILL_NUMBER=PRACTICE_TILL)
        assert run(env, "request", "5", "0712345678", "--json").code == 0
        prompt = next(iter(mpesa.records.prompts.values()))
        assert (prompt.shortcode, prompt.party_b, prompt.transaction_type) == (
            PRACTICE_STORE,
            PRACTICE_TILL,
            "CustomerBuyGoodsOnline",
        )


def test_exit_codes(home: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.CANCELS) as mpesa:
        env = environment(home, mpesa)
        declined = run(env, "request", "5", "0712345678", "--json")
        assert (declined.code, declined.last["outcome"]) == (1, "cancelled")
        mpesa.fault("push", "throttle")
        assert (run(env, "request", "5", "0712345001", "--json").code) == 1
        mpesa.fault("push", "accept_never")
        unknown = run(env, "request", "5", "0712345002", "--json", "--wait", "1")
        assert (unknown.code, unknown.last["state"]) == (3, "unknown")
        mpesa.customer("254712345003", habit=CustomerBehaviour.WAITS)
        pending = run(env, "request", "5", "0712345003", "--json", "--wait", "0.5")
        assert (pending.code, pending.last["state"]) == (3, "pending")
        assert mpesa.records.pushes_seen == 3
    nobody = environment(home, "http://127.0.0.1:9")
    not_sent = run(nobody, "request", "5", "0712345004", "--json")
    assert (not_sent.code, not_sent.last["state"], not_sent.last["outcome"]) == (1, "ready", "no_connection")


@pytest.mark.parametrize(
    ("amount", "phone", "more"),
    [("", "0712345678", []), ("0", "0712345678", []), ("-5", "0712345678", []), ("1.5", "0712345678", []), ("250001", "0712345678", []),
     ("1e3", "0712345678", []), ("abc", "0712345678", []), ("\u0661\u0662", "0712345678", []), ("5", "0712", []), ("5", "+255712345678", []),
     ("5", "0202222222", []), ("5", "0712345678", ["--reference", "A" * 13]), ("5", "0712345678", ["--reference", "A-1"]),
     ("5", "0712345678", ["--reference", "😀"]), ("5", "0712345678", ["--reference", "A\nB"]), ("5", "0712345678", ["--wait", "x"]),
     ("5", "0712345678", ["--unknown"])],
)  # fmt: skip
def test_wrong_use_is_explained_and_leaves_nothing(home: Path, amount: str, phone: str, more: list[str]) -> None:
    wrong = run(environment(home), "request", amount, phone, *more)
    assert wrong.code == 2
    assert wrong.out == "" and len(wrong.err) > 20
    assert not (home / "sandbox").exists()


def test_help_teaches() -> None:
    text = run(environment(Path("/nonexistent")), "--help").out
    for name in ("request", "follow", "sales", "export", "verify", "backup", "restore", "doctor", "relay", "practice"):
        assert name in text
        assert len(run(environment(Path("/nonexistent")), name, "--help").out) > 150


@pytest.mark.parametrize("moment", ["sending", "pending"])
def test_killed_then_followed(home: Path, tmp_path: Path, moment: str) -> None:
    with Mpesa(habit_after_s=60.0) as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay)
        if moment == "sending":
            mpesa.fault("push", "accept_never")
        process = start(env, "request", "10", "0712345678", "--json")
        assert process.stdout is not None
        while json.loads(process.stdout.readline())["state"] != moment:
            pass
        while not mpesa.records.pushes_seen:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        followed = run(env, "follow", "--json", "--wait", "20")
        assert followed.last["state"] == "paid", followed.out
        assert followed.last["mpesa_code"] == mpesa.records.payments[0].mpesa_code
        assert followed.code == 0
        assert mpesa.records.pushes_seen == 1
        assert run(env, "verify").code == 0


def test_a_polite_end_writes_down_what_is_on_its_way(home: Path) -> None:
    with Mpesa() as mpesa:
        mpesa.fault("push", "never")
        process = start(environment(home, mpesa), "request", "10", "0712345678", "--json")
        assert process.stdout is not None
        process.stdout.readline()
        while mpesa.mpesa.faults.as_json():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, _err = process.communicate(timeout=20)
        assert process.returncode == 3
        assert json.loads(out.splitlines()[-1])["state"] == "unknown"


def test_two_at_once(home: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa:
        env = environment(home, mpesa)
        first = start(env, "request", "10", "0712345678", "--json", "--wait", "30")
        assert first.stdout is not None
        first.stdout.readline()
        second = run(env, "request", "10", "0722000000", "--json")
        assert second.code == 2 and "already open" in second.err
        assert run(env, "sales", "--json").last["reference"] == "A0001"
        assert run(env, "export", "--format", "json").code == 0
        first.terminate()
        first.communicate()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("format = 99\n", "newer"),
        ("format = 1\n[shop\n", "line 2"),
        ("[mpesa]\nshortcode = 'x'\n", "mpesa.shortcode"),
        ("\x00\xff", "cannot be read"),
    ],
)
def test_settings_that_cannot_be_used_are_left_alone(home: Path, content: str, said: str) -> None:
    home.mkdir()
    file = home / "settings.toml"
    file.write_bytes(content.encode("latin-1"))
    ran = run(environment(home), "sales")
    assert ran.code == 2 and said in ran.err
    assert file.read_bytes() == content.encode("latin-1")


def test_a_ledger_that_cannot_be_used_is_left_alone(home: Path) -> None:
    with Mpesa() as mpesa:
        env = environment(home, mpesa)
        assert run(env, "request", "10", "0712345678").code == 0
        ledger = home / "sandbox" / "ledger.sqlite3"
        good = ledger.read_bytes()
        for bad in (good[:5000], b"junk" * 2000, b""):
            ledger.write_bytes(bad)
            for words in (("request", "10", "0722000000"), ("sales",), ("follow",)):
                ran = run(env, *words)
                assert ran.code == 2 and "damaged" in ran.err, words
            assert ledger.read_bytes() == bad
        ledger.unlink()
        ran = run(env, "request", "10", "0722000000")
        assert ran.code == 2 and "gone" in ran.err
        assert mpesa.records.pushes_seen == 1


def test_no_secret_and_no_full_phone_is_left_anywhere(home: Path, tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay)
        mpesa.fault(
            "push", "error", status=400, code="400.002.02", text="Bad Request - Invalid PhoneNumber 254733111222"
        )
        texts = [run(env, "request", "10", "0733111222", "--json")]
        texts.append(run(env, "request", "10", "0712345678", "--json"))
        texts.extend(run(env, "export", "--format", fmt) for fmt in ("csv", "json", "xlsx"))
        texts.append(run(env, "doctor"))
        tokens = {prompt.callback_url.rsplit("/", 1)[1] for prompt in mpesa.records.prompts.values()}
        planted = {"712345678", "733111222", PRACTICE_KEY, PRACTICE_SECRET, PRACTICE_PASSKEY, relay.token, *tokens}
        everything = [text.out.encode() + text.err.encode() for text in texts]
        everything += [file.read_bytes() for file in home.rglob("*") if file.is_file()]
        for content in everything:
            for secret in planted:
                assert secret.encode() not in content


def test_the_relay_and_the_practice_server_as_programs(home: Path, tmp_path: Path) -> None:
    database = str(tmp_path / "mail.sqlite3")
    env = environment(home)
    added = json.loads(run(env, "relay", "add-till", "shop-1", "--json", "--database", database).out)
    assert set(added) == {"till", "token", "pairing"}
    relay = start(env, "relay", "serve", "--port", "0", "--database", database)
    practice = start(env, "practice", "--port", "0", "--after", "0.2", "--query-spacing", "0")
    try:
        assert relay.stdout is not None and practice.stdout is not None
        url = re.search(r"http://\S+?(?=[.]? )", relay.stdout.readline()).group(0)
        practice.stdout.readline()
        given = dict(practice.stdout.readline().strip().split("=", 1) for _ in range(5))
        paying = env | given | {
            "POS_APP_RELAY_URL": url, "POS_APP_RELAY_TILL": added["till"], "POS_APP_RELAY_TOKEN": added["token"],
            "POS_APP_CALLBACK_URL": url,
        }  # fmt: skip
        paid = run(paying, "request", "7", "0712345678", "--json")
        assert paid.code == 0 and paid.last["mpesa_code"]
        listed = json.loads(run(env, "relay", "list", "--json", "--database", database).out)
        assert listed["till"] == "shop-1"
        assert run(env, "relay", "purge", "--database", database).code == 0
        rotated = json.loads(run(env, "relay", "rotate", "shop-1", "--json", "--database", database).out)
        assert rotated["token"] != added["token"]
        assert run(env, "relay", "revoke", "shop-1", "--database", database).code == 0
        assert run(env, "relay", "revoke", "nobody", "--database", database).code == 2
    finally:
        for process in (relay, practice):
            process.terminate()
            process.communicate(timeout=15)


def test_commands_about_a_mailbox_make_none_and_touch_no_other_file(home: Path, tmp_path: Path) -> None:
    env = environment(home, POS_APP_ENVIRONMENT="practice")
    usual = home / "relay" / "relay.sqlite3"
    for words in (["list"], ["revoke", "front"], ["rotate", "front"], ["purge"]):
        told = run(env, "relay", *words)
        assert told.code == 2 and f"There is no mailbox at {usual}" in told.err and not told.out
        assert not usual.parent.exists()
    assert run(env, "request", "20", "0712345678").code == 0
    ledger = home / "practice" / "ledger.sqlite3"
    text = tmp_path / "notes.txt"
    text.write_text("not a database at all, but long enough to be looked at as one" * 20)
    for other in (ledger, text):
        before = other.read_bytes()
        for words in (["list"], ["add-till", "front"], ["serve", "--port", "0"]):
            told = run(env, "relay", *words, "--database", str(other))
            assert told.code == 2 and "not a relay's mailbox" in told.err
        assert other.read_bytes() == before


def test_a_databases_address_says_what_is_wrong_with_it_and_shows_no_password(home: Path) -> None:
    env = environment(home)
    for address in ("postgresql://relay:p@w/x@127.0.0.1/relay", "postgresql://relay:p/w@127.0.0.1/relay"):
        told = run(env | {"POS_APP_RELAY_DATABASE": address}, "relay", "list")
        assert told.code == 2 and "%40" in told.err and "w/x" not in told.err and "p@w" not in told.err
    refused = run(env | {"POS_APP_RELAY_DATABASE": "postgresql://relay:p%40wx@127.0.0.1:1/relay"}, "relay", "list")
    assert refused.code == 2 and "database on 127.0.0.1" in refused.err and "p@wx" not in refused.err
    assert "refused" in refused.err, "the server's own word"


def test_practice_needs_no_account(home: Path) -> None:
    env = environment(home, POS_APP_ENVIRONMENT="practice")
    paid = run(env, "request", "20", "0712345678", "--json")
    assert paid.code == 0 and paid.last["mpesa_code"]
    assert (home / "practice" / "ledger.sqlite3").exists()
    assert not (home / "production").exists() and not (home / "sandbox").exists()


def test_production_keeps_its_spacing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pos_app.settings.effective import access
    from pos_app.settings.model import Settings
    from pos_app.settings.secrets import FileStore

    environ = {"POS_APP_ENVIRONMENT": "production", "POS_APP_FIRST_QUERY_S": "0.1", "POS_APP_CONFIRM_GAP_S": "30"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    pacing = access(Settings(), FileStore(home / "none")).pacing
    assert (pacing.first_ms, pacing.interval_ms, pacing.confirm_gap_ms) == (10_000, 12_000, 30_000)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(home: Path) -> None:
    home.mkdir(mode=0o500)
    assert run(environment(home), "request", "5", "0712345678").code == 2


def test_the_readmes_example_of_the_library_runs(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    found = re.search(r"```python\n(# library example.*?)```", readme, re.DOTALL)
    assert found is not None
    with Mpesa(habit=CustomerBehaviour.PAYS, indexed_after_s=0.0) as mpesa:
        script = tmp_path / "example.py"
        script.write_text(found.group(1).replace("http://127.0.0.1:8200", mpesa.url))
        done = subprocess.run(
            [*PROGRAM[:1], str(script)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "Paid" in done.stdout


def run_to(env: dict[str, str], output: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs it with its standard output going to a file of the system."""
    with Path(output).open("w") as out:
        return subprocess.run(
            [*PROGRAM, *words], env=env, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_the_output_changes_nothing_for_the_payment(home: Path) -> None:
    with Mpesa() as mpesa:
        env = environment(home, mpesa)
        paid = run_to(env, "/dev/full", "request", "10", "0712345678", "--json")
        assert (paid.returncode, "Traceback" in paid.stderr) == (0, False)
        assert run(env, "sales", "--json").last["state"] == "paid"
        listed = run_to(env, "/dev/full", "sales")
        assert listed.returncode == 2 and "cannot be written" in listed.stderr


def test_whoever_reads_may_leave_early(home: Path) -> None:
    with Mpesa() as mpesa:
        env = environment(home, mpesa)
        process = start(env, "request", "10", "0712345678", "--json")
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 0
        process.stderr.close()
        listing = start(env, "sales", "--json")
        assert listing.stdout is not None and listing.stderr is not None
        listing.stdout.close()
        assert listing.wait(timeout=30) == 141
        assert listing.stderr.read() == ""
        listing.stderr.close()


def test_a_terminal_without_the_signs_gets_them_spelled_out(home: Path) -> None:
    with Mpesa() as mpesa:
        env = environment(home, mpesa, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
        assert run(env, "request", "10", "0712345678").code == 0
        listed = run(env, "sales")
        assert listed.code == 0 and r"0712\u2022" in listed.out
        assert run(env, "sales", "--json").last["phone"] == "0712•••678"


def test_however_short_the_wait_the_pushs_own_answer_is_heard(home: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa:
        env = environment(home, mpesa)
        pending = run(env, "request", "10", "0712345678", "--json", "--wait", "0")
        assert (pending.code, pending.last["state"]) == (3, "pending")
        mpesa.fault("token", "never")
        not_sent = run(env, "request", "10", "0722000000", "--json", "--wait", "0")
        assert (not_sent.code, not_sent.last["state"]) == (1, "ready")
        assert mpesa.records.pushes_seen == 1


@pytest.mark.parametrize("callback_lost", [False, True])
def test_money_that_came_late_is_found_by_follow(home: Path, tmp_path: Path, callback_lost: bool) -> None:
    with Mpesa(habit=CustomerBehaviour.WAITS) as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay)
        mpesa.fault("query", "result", code="1037", text="DS timeout user cannot be reached")
        assert run(env, "request", "10", "0712345678", "--json").code == 1
        if callback_lost:
            mpesa.fault("callback", "lose")
        mpesa.pays()
        while not mpesa.records.callbacks:
            time.sleep(0.01)
        followed = run(env, "follow", "--json")
        assert followed.code == 0
        assert (followed.last["state"], followed.last["review"]) == ("paid", True)
        assert run(env, "sales", "--json").last["state"] == "paid"


def test_a_wrong_clock_is_told_on_the_command_line_too(home: Path) -> None:
    with Mpesa(date_skew_s=-3 * 3600) as mpesa:
        ran = run(environment(home, mpesa), "request", "10", "0712345678", "--json")
        assert ran.code == 0
        assert "clock is wrong by 180 minutes" in ran.err


def test_a_practice_copy_does_not_become_the_books_of_the_shop(home: Path, tmp_path: Path) -> None:
    practice = environment(home, POS_APP_ENVIRONMENT="practice")
    assert run(practice, "request", "10", "0712345678").code == 0
    assert run(practice, "backup", str(tmp_path / "copy")).code == 0
    for name in ("sandbox", "production"):
        refused = run(environment(home, POS_APP_ENVIRONMENT=name), "restore", str(tmp_path / "copy"))
        assert refused.code == 2 and "practice" in refused.err
        assert not (home / name / "ledger.sqlite3").exists()


def test_an_export_proves_later_that_nothing_before_it_was_rewritten(home: Path) -> None:
    with Mpesa() as mpesa:
        env = environment(home, mpesa)
        run(env, "request", "10", "0712345678")
        exported = json.loads(Path(run(env, "export", "--format", "json").out.strip()).read_text("utf-8"))
        run(env, "request", "20", "0722000000")
        assert run(env, "verify", "--hash", exported["ledger_hash"]).code == 0
        assert run(env, "verify", "--hash", "00" * 32).code == 1


def test_a_tills_name_holds_no_word_that_mpesa_refuses(home: Path, tmp_path: Path) -> None:
    env = environment(home)
    refused = run(env, "relay", "add-till", "mySQL-shop", "--database", str(tmp_path / "mail"))
    assert refused.code == 2 and "SQL" in refused.err
    refused = run(env | {"POS_APP_CALLBACK_URL": "https://shop.example/query"}, "doctor")
    assert "query" in refused.out


def test_half_a_character_in_mpesas_words_settles_as_any_other(home: Path, tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.CANCELS) as mpesa, Relay(tmp_path) as relay:
        env = environment(home, mpesa, relay)
        mpesa.fault("push", "error", status=400, code="400.002.02", text="Bad \ud800 Amount")
        refused = run(env, "request", "10", "0712345678", "--json")
        assert (refused.code, refused.last["state"]) == (1, "rejected")
        mpesa.fault("callback", "alter", text="Cancelled \udfff")
        declined = run(env, "request", "10", "0722000000", "--json")
        assert (declined.code, declined.last["outcome"]) == (1, "cancelled")
        assert run(env, "verify").code == 0


def test_the_doctor_reads_no_mail(home: Path, tmp_path: Path) -> None:
    from pos_app.common.http import HttpClient, Request

    with Mpesa() as mpesa, Relay(tmp_path) as relay:
        HttpClient(use_proxies=False).send(Request("POST", f"{relay.url}/c/till-1/{'a' * 32}", {}, b"{}"))
        assert run(environment(home, mpesa, relay), "doctor").code == 0
        assert relay.store.devices()[0].waiting == 1


def test_the_most_that_one_payment_may_be_is_a_setting(home: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("[mpesa]\nmax_shillings = 70000\n")
    refused = run(environment(home), "request", "70001", "0712345678")
    assert refused.code == 2 and "70,000" in refused.err
    (home / "settings.toml").write_text("[mpesa]\nmax_shillings = 300000\n")
    with Mpesa() as mpesa:
        asked = run(environment(home, mpesa), "request", "300000", "0712345678", "--json")
    # It is M-PESA that refuses it now, in its own words.
    assert (asked.code, asked.last["state"], mpesa.records.pushes_seen) == (1, "rejected", 1)
