"""The settings dialog."""

from __future__ import annotations

import stat
import sys
import zipfile
from pathlib import Path

import pytest
from fakes.servers import Mpesa
from keyring.errors import NoKeyringError
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from pos_app.common.errors import Mistake
from pos_app.common.mailbox import Pairing
from pos_app.gui.main_window import MainWindow
from pos_app.gui.settings.dialog import SettingsDialog
from pos_app.practice.simulator.shop import PRACTICE_KEY, PRACTICE_SECRET
from pos_app.settings import file as settings_file
from pos_app.settings.manager import check_pin
from pos_app.settings.model import Environment
from pos_app.settings.secrets import KeyringStore


class Keyring:
    """A password store in memory, in the place of the system's."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.kept[service, name] = value


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    import keyring as real

    store = Keyring()
    monkeypatch.setattr(real, "get_password", store.get_password)
    monkeypatch.setattr(real, "set_password", store.set_password)
    return store


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring as real

    def refuse(*_: object) -> None:
        raise NoKeyringError

    monkeypatch.setattr(real, "get_password", refuse)
    monkeypatch.setattr(real, "set_password", refuse)


@pytest.fixture
def dialog(window: MainWindow) -> SettingsDialog:
    window.open_settings()
    return window.findChildren(SettingsDialog)[0]


def fill(dialog: SettingsDialog, **texts: str) -> None:
    for name, text in texts.items():
        dialog.findChild(QLineEdit, name).setText(text)


def choose(dialog: SettingsDialog, name: str, value: str) -> None:
    combo = dialog.findChild(QComboBox, name)
    combo.setCurrentIndex(combo.findData(value))


def real_account(dialog: SettingsDialog) -> None:
    choose(dialog, "mpesa_environment", "production")
    fill(dialog, shop_name="Mama Njeri", mpesa_shortcode="600100", secret_consumer_key="key-of-mama",
         secret_consumer_secret="secret-of-mama", secret_passkey="passkey-of-mama")  # fmt: skip


def test_secrets_go_to_the_keyring_and_never_to_the_file(
    dialog, home: Path, keyring: Keyring, say_yes, qtbot: QtBot
) -> None:
    real_account(dialog)
    with qtbot.waitSignal(dialog.saved, timeout=10_000):
        dialog.save_all()
    assert "paybill 600100" in say_yes[0]
    text = (home / "settings.toml").read_text("utf-8")
    assert "Mama Njeri" in text and "production" in text
    assert not any(secret in text for secret in ("key-of-mama", "secret-of-mama", "passkey-of-mama"))
    assert set(keyring.kept.values()) == {"key-of-mama", "secret-of-mama", "passkey-of-mama"}
    assert not (home / "secrets.toml").exists()


def test_without_a_keyring_it_asks_before_it_uses_a_private_file(dialog, home, no_keyring, say_yes, qtbot) -> None:
    real_account(dialog)
    with qtbot.waitSignal(dialog.saved, timeout=10_000):
        dialog.save_all()
    assert "password store" in say_yes[-1]
    file = home / "secrets.toml"
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "key-of-mama" not in (home / "settings.toml").read_text("utf-8")
    assert settings_file.load(home / "settings.toml").secrets_in_file


def test_what_is_missing_or_wrong_is_said_beside_its_field(
    dialog: SettingsDialog, home: Path, keyring: Keyring
) -> None:
    choose(dialog, "mpesa_environment", "production")
    choose(dialog, "mpesa_account", "buy_goods")
    fill(dialog, mpesa_shortcode="12", mpesa_callback_url="http://example.com")
    dialog.save_all()
    assert "5 to 7" in dialog.findChild(QLabel, "mpesa_shortcodeReason").text()
    assert "https" in dialog.findChild(QLabel, "mpesa_callback_urlReason").text()
    fill(dialog, mpesa_shortcode="600100", mpesa_callback_url="https://shop.example/mpesa")
    dialog.save_all()
    assert "mpesa" in dialog.findChild(QLabel, "mpesa_callback_urlReason").text()
    fill(dialog, mpesa_callback_url="")
    dialog.save_all()
    assert "both numbers" in dialog.findChild(QLabel, "mpesa_till_numberReason").text()
    assert not (home / "settings.toml").exists()


@pytest.mark.parametrize(("secret", "good"), [(PRACTICE_SECRET, True), ("wrong", False)])
def test_the_connection_is_tried_and_the_answer_is_in_words(dialog, monkeypatch, keyring, qtbot, secret, good) -> None:
    with Mpesa() as mpesa:
        monkeypatch.setenv("POS_APP_BASE_URL", mpesa.url)
        choose(dialog, "mpesa_environment", "sandbox")
        fill(dialog, secret_consumer_key=PRACTICE_KEY, secret_consumer_secret=secret)
        dialog.findChild(QAbstractButton, "testConnection").click()
        result = dialog.findChild(QLabel, "testResult")
        qtbot.waitUntil(lambda: "Asking" not in result.text() and bool(result.text()), timeout=10_000)
    assert ("accepts" in result.text()) is good
    assert secret not in result.text()


def test_a_pairing_line_fills_the_relay(dialog: SettingsDialog) -> None:
    fill(dialog, relay_pairing=Pairing("https://relay.example", "till-9", "token-9").line())
    assert dialog.findChild(QLineEdit, "relay_url").text() == "https://relay.example"
    assert dialog.findChild(QLineEdit, "relay_till").text() == "till-9"
    fill(dialog, relay_pairing="nonsense")
    assert dialog.findChild(QLabel, "relay_pairingReason").text()


def test_backup_now(dialog: SettingsDialog, home: Path, qtbot: QtBot) -> None:
    dialog.findChild(QAbstractButton, "backupNow").click()
    qtbot.waitUntil(lambda: "Copied" in dialog.findChild(QLabel, "backupResult").text(), timeout=10_000)
    assert len(list((home / "practice" / "copies").glob("by-hand-*.sqlite3"))) == 1


def test_the_ledger_is_checked_and_a_copy_put_back(dialog, window, home: Path, qtbot: QtBot, say_yes) -> None:
    dialog.findChild(QAbstractButton, "verifyNow").click()
    result = dialog.findChild(QLabel, "verifyResult")
    qtbot.waitUntil(lambda: "All is well" in result.text(), timeout=10_000)
    dialog.findChild(QAbstractButton, "backupNow").click()
    qtbot.waitUntil(lambda: "Copied" in dialog.findChild(QLabel, "backupResult").text(), timeout=10_000)
    choice = dialog.findChild(QComboBox, "restoreCopy")
    choice.setCurrentIndex(0)
    with qtbot.waitSignal(dialog.restore_wanted, timeout=10_000):
        dialog.findChild(QAbstractButton, "restoreNow").click()
    assert "0 sales" in say_yes[-1]
    assert next((home / "practice").glob("replaced-*-ledger.sqlite3"))


def test_a_thermal_printer_is_checked_as_it_is_left_and_prints_a_test(dialog, qtbot: QtBot, tmp_path: Path) -> None:
    choose(dialog, "printing_printer", "escpos:")
    fill(dialog, printing_thermal="not an address")
    dialog.findChild(QAbstractButton, "testPrint").click()
    assert "host:port" in dialog.findChild(QLabel, "printing_thermalReason").text()
    device = tmp_path / "lp0"
    device.touch()
    fill(dialog, printing_thermal=str(device))
    dialog.findChild(QAbstractButton, "testPrint").click()
    result = dialog.findChild(QLabel, "testPrintResult")
    qtbot.waitUntil(lambda: "Handed to the printer" in result.text(), timeout=10_000)
    assert b"TESTCODE00" in device.read_bytes()
    with qtbot.waitSignal(dialog.saved, timeout=10_000):
        dialog.save_all()


def test_the_managers_pin_is_kept_as_a_slow_hash(dialog, home: Path, keyring: Keyring, say_yes, qtbot: QtBot) -> None:
    real_account(dialog)
    fill(dialog, secret_manager_pin="12")
    dialog.save_all()
    assert "4 to 8 digits" in dialog.findChild(QLabel, "secret_manager_pinReason").text()
    fill(dialog, secret_manager_pin="482916")
    with qtbot.waitSignal(dialog.saved, timeout=10_000):
        dialog.save_all()
    store = KeyringStore(settings_file.load(home / "settings.toml").installation)
    check_pin(store, Environment.PRODUCTION, "482916")
    for wrong in ("482917", "", "0000"):
        with pytest.raises(Mistake):
            check_pin(store, Environment.PRODUCTION, wrong)
    assert "482916" not in str(keyring.kept)


def test_a_report_for_support_holds_no_secret_and_no_phone(dialog, window, home: Path, qtbot: QtBot) -> None:
    planted = "0712345678 254712345678 Bearer abcdefgh12345 passkey=supersecretvalue"
    (home / "logs").mkdir(parents=True, exist_ok=True)
    (home / "logs" / "till.log").write_text(f"{planted}\n", "utf-8")
    dialog.findChild(QAbstractButton, "supportReport").click()
    result = dialog.findChild(QLabel, "supportResult")
    qtbot.waitUntil(lambda: "clipboard" in result.text(), timeout=10_000)
    report = QGuiApplication.clipboard().text()
    assert "environment: practice" in report and "0 findings" in report
    with zipfile.ZipFile(next(home.glob("support-*.zip"))) as bundle:
        texts = [bundle.read(name).decode() for name in bundle.namelist()] + [report]
    assert len(texts) >= 3
    for secret in ("12345678", "abcdefgh12345", "supersecretvalue"):
        assert all(secret not in text for text in texts)


def test_the_sandboxs_public_numbers_are_offered_and_the_limits_are_named(dialog: SettingsDialog, qtbot: QtBot) -> None:
    choose(dialog, "mpesa_environment", "sandbox")
    shortcode = dialog.findChild(QLineEdit, "mpesa_shortcode")
    passkey = dialog.findChild(QLineEdit, "secret_passkey")
    assert shortcode.placeholderText() == "174379, the sandbox's own"
    qtbot.waitUntil(lambda: passkey.placeholderText() == "the sandbox's own", timeout=5000)
    choose(dialog, "mpesa_environment", "production")
    assert shortcode.placeholderText() == ""
    assert dialog.findChild(QLabel, "secret_passkeyHint").text() == "M-PESA's go-live e-mail"
    name = dialog.findChild(QLineEdit, "shop_name")
    name.setText("x" * 61)
    name.left.emit()
    assert dialog.findChild(QLabel, "shop_nameReason").text() == "Too long: 60 characters at most."


def test_a_till_is_asked_for_both_its_numbers_and_practice_for_none(dialog: SettingsDialog) -> None:
    numbers = [dialog.findChild(QLineEdit, name) for name in ("mpesa_shortcode", "mpesa_till_number")]
    choose(dialog, "mpesa_environment", "production")
    for account, has_till in (("buy_goods", True), ("paybill", False)):
        choose(dialog, "mpesa_account", account)
        assert [not number.isHidden() and not number.parentWidget().isHidden() for number in numbers] == [
            True,
            has_till,
        ]
        assert numbers[0].accessibleName() == ("Store number" if has_till else "Paybill number")
    choose(dialog, "mpesa_environment", "practice")
    assert not numbers[0].isEnabled()
