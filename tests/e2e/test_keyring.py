"""Secrets in a real password store on a real D-Bus, and what happens where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.program import environment, run
from fakes.servers import Mpesa

from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_PASSKEY, PRACTICE_SECRET
from pos_app.settings import file as settings_file
from pos_app.settings.model import Settings

SCRIPT = """
import subprocess, sys
subprocess.run(["gnome-keyring-daemon", "--unlock", "--components=secrets"], input=b"x\\n", check=True, stdout=subprocess.DEVNULL)
from pos_app.settings.model import Environment
from pos_app.settings.secrets import KeyringStore, SecretName
store = KeyringStore("installation-1")
for name, value in zip((SecretName.CONSUMER_KEY, SecretName.CONSUMER_SECRET, SecretName.PASSKEY), sys.argv[1:4]):
    assert store.get(Environment.SANDBOX, name) is None
    store.set(Environment.SANDBOX, name, value)
    assert store.get(Environment.SANDBOX, name) == value
assert store.get(Environment.PRODUCTION, SecretName.PASSKEY) is None
done = subprocess.run([sys.executable, "-m", "pos_app", "request", "10", "0712345678", "--json"])
store.set(Environment.SANDBOX, SecretName.PASSKEY, "")
assert store.get(Environment.SANDBOX, SecretName.PASSKEY) is None
sys.exit(done.returncode)
"""


@pytest.fixture
def env(home: Path, tmp_path: Path) -> dict[str, str]:
    settings = Settings(installation="installation-1")
    settings.mpesa.environment, settings.mpesa.shortcode = "sandbox", "174379"
    settings_file.save(settings, home / "settings.toml")
    fresh = tmp_path / "user"
    fresh.mkdir(mode=0o700)
    return environment(home) | {
        "XDG_DATA_HOME": str(fresh), "XDG_RUNTIME_DIR": str(fresh), "HOME": str(fresh), "POS_APP_FIRST_QUERY_S": "0.1",
        "POS_APP_QUERY_INTERVAL_S": "0.1", "POS_APP_CONFIRM_GAP_S": "0.2", "PYTHONPATH": str(Path.cwd()),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("gnome-keyring-daemon") is None, reason="make test installs gnome-keyring on Debian")
def test_a_payment_with_secrets_from_the_systems_password_store(env: dict[str, str], home: Path) -> None:
    with Mpesa() as mpesa:
        secrets = [PRACTICE_KEY, PRACTICE_SECRET, PRACTICE_PASSKEY]
        words = ["dbus-run-session", "--", sys.executable, "-W", "error", "-c", SCRIPT, *secrets]
        done = subprocess.run(
            words, env=env | {"POS_APP_BASE_URL": mpesa.url}, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"state": "paid"' in done.stdout
    for secret in secrets:
        assert all(secret.encode() not in file.read_bytes() for file in home.rglob("*") if file.is_file())


def test_without_a_password_store_it_says_what_is_missing(env: dict[str, str]) -> None:
    alone = {name: value for name, value in env.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
    alone["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    ran = run(alone, "request", "10", "0712345678")
    assert ran.code == 2
    assert "consumer key" in ran.err and "not set up" in ran.err
