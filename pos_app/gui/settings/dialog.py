"""The settings: each field checked as it is left, secrets never shown again, production asked about once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from pos_app.clock import SystemClock, to_eat
from pos_app.domain.attempt import AttemptId
from pos_app.domain.money import Cents
from pos_app.domain.phone import parse_phone
from pos_app.domain.reference import Reference
from pos_app.domain.sale import Draft
from pos_app.engine.events import AttemptChanged, RequestFailed, RequestTaken
from pos_app.errors import Mistake, Outside, TillError
from pos_app.gui.background import Background, Done
from pos_app.gui.installation import Installation
from pos_app.gui.settings.presenter import Tried, lacking, reason_for, try_connection
from pos_app.gui.tones import look_of
from pos_app.gui.widgets.dress import button, dress, label
from pos_app.gui.widgets.field import Field
from pos_app.i18n import _
from pos_app.receipts.printers import printer_names
from pos_app.relay.auth import read_pairing
from pos_app.settings import file as settings_file
from pos_app.settings.manager import hash_pin
from pos_app.settings.model import Account, Environment, Paper, Settings, Theme
from pos_app.settings.secrets import FileStore, SecretName, SecretStore
from pos_app.words.mistakes import reason, reason_of
from pos_app.words.states import cashier_sentence

if TYPE_CHECKING:
    from pos_app.gui.main_window import MainWindow

TEST_CENTS = Cents(100)
TEST_REFERENCE = Reference("TEST1")


class SettingsDialog(QDialog):
    """All settings, in tabs. Nothing takes effect before Save.

    Signals:
        saved: they are in the file; the till must be opened anew.
    """

    saved = Signal()

    def __init__(self, installation: Installation, window: MainWindow) -> None:
        super().__init__(window)
        self.setObjectName("settingsDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Settings"))
        self.resize(640, min(620, window.screen().availableSize().height() - 60))
        self._installation = installation
        self._window = window
        self._kept = dict.fromkeys(SecretName, False)
        self._test_attempt: AttemptId | None = None
        self._checked: list[tuple[Field, str, str]] = []
        self._background = Background("settings", self)
        self._background.done.connect(self._hear)
        self._build(installation.settings)
        self._fill(installation.settings)
        self._environment_changed()
        window.bridge.attempt_changed.connect(self._attempt_changed)

    # Layout

    def _build(self, settings: Settings) -> None:
        self._tabs = QTabWidget()
        self._tabs.setObjectName("settingsTabs")
        self._tabs.addTab(self._shop_tab(), _("Shop"))
        self._tabs.addTab(self._mpesa_tab(), "M-PESA")
        self._tabs.addTab(self._relay_tab(), _("Relay"))
        self._tabs.addTab(self._printing_tab(settings), _("Printing"))
        self._tabs.addTab(self._data_tab(), _("Data"))
        self._tabs.addTab(self._look_tab(), _("Window"))
        self._message = label("", "error", name="settingsMessage", wrap=True)
        self.save = button(_("Save"), "settingsSave", is_main=True)
        self.save.setDefault(True)
        cancel = button(_("Cancel"), "settingsCancel")
        buttons = QHBoxLayout()
        buttons.addWidget(self._message, 1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 14)
        column.addWidget(self._tabs, 1)
        column.addLayout(buttons)
        self.save.clicked.connect(self.save_all)
        cancel.clicked.connect(self.close)

    def _field(self, section: str, name: str, text: str, *, hint: str = "") -> Field:
        field = Field(f"{section}_{name}", text, hint=hint)
        self._checked.append((field, section, name))
        field.line.left.connect(self._left)
        return field

    def _secret(self, name: SecretName, text: str) -> Field:
        field = Field(f"secret_{name}", text)
        field.line.setEchoMode(QLineEdit.EchoMode.Password)
        return field

    def _shop_tab(self) -> QWidget:
        self._name = self._field("shop", "name", _("Shop's name"))
        self._till = self._field("shop", "till_label", _("Till label"), hint=_("for example: Till 1"))
        self._cashier = self._field("shop", "cashier", _("Cashier's name"))
        self._pin = self._secret(
            SecretName.MANAGER_PIN, _("Manager's PIN (4 to 8 digits): needed to give a payment up")
        )
        self._header = _text_box("shop_receipt_header", _("Receipt header"))
        self._footer = _text_box("shop_receipt_footer", _("Receipt footer"))
        return _tab(
            self._name, self._till, self._cashier, self._pin,
            label(_("Receipt header (address, phone)"), "label"), self._header,
            label(_("Receipt footer (thank you, opening hours)"), "label"), self._footer,
        )  # fmt: skip

    def _mpesa_tab(self) -> QWidget:
        self._environment = _combo(
            "mpesa_environment",
            _("Which M-PESA"),
            (
                (Environment.PRACTICE, _("Practice: no account, no money moves")),
                (Environment.SANDBOX, _("Sandbox: M-PESA's test system")),
                (Environment.PRODUCTION, _("Production: real payments")),
            ),
        )
        self._account = _combo(
            "mpesa_account",
            _("Kind of number"),
            ((Account.PAYBILL, _("Paybill")), (Account.BUY_GOODS, _("Till (Buy Goods)"))),
        )
        self._shortcode = self._field("mpesa", "shortcode", _("Paybill number"), hint=_("5 to 7 digits"))
        self._till_number = self._field("mpesa", "till_number", _("Till number"), hint=_("what customers see"))
        self._account_note = label("", "muted", name="accountNote", wrap=True)
        self._consumer_key = self._secret(SecretName.CONSUMER_KEY, _("Consumer key"))
        self._consumer_secret = self._secret(SecretName.CONSUMER_SECRET, _("Consumer secret"))
        self._passkey = self._secret(SecretName.PASSKEY, _("Passkey"))
        self._callback = self._field(
            "mpesa", "callback_url", _("Callback base URL (leave empty with a relay, or with none)"), hint="https://"
        )
        self._try = button(_("Test connection"), "testConnection")
        self._tried = label("", "muted", name="testResult", wrap=True)
        self._test_phone = Field("testPhone", _("KSh 1 test payment: your own phone"))
        self._test_pay = button(_("Send KSh 1 test"), "testPayment")
        self._test_result = label("", "muted", name="testPaymentResult", wrap=True)
        self._environment.currentIndexChanged.connect(self._environment_changed)
        self._account.currentIndexChanged.connect(self._environment_changed)
        self._try.clicked.connect(self._try_connection)
        self._test_pay.clicked.connect(self._pay_test)
        return _tab(
            label(_("Which M-PESA"), "label"), self._environment,
            label(_("Kind of number"), "label"), self._account, self._account_note,
            self._shortcode, self._till_number, self._consumer_key, self._consumer_secret, self._passkey,
            self._callback, self._try, self._tried, self._test_phone, self._test_pay, self._test_result,
        )  # fmt: skip

    def _relay_tab(self) -> QWidget:
        self._pairing = Field("relay_pairing", _("Pairing line (from: pos-app relay add-till NAME)"))
        self._pairing.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._pairing.line.textChanged.connect(self._paired)
        self._relay_url = self._field("relay", "url", _("Relay's address"), hint="https://")
        self._relay_till = self._field("relay", "till", _("This till's name at the relay"))
        self._relay_token = self._secret(SecretName.RELAY_TOKEN, _("Token"))
        note = _(
            "A relay brings M-PESA's results within milliseconds. Without one the till asks M-PESA itself, "
            "every few seconds; both work."
        )
        return _tab(
            label(note, "muted", wrap=True), self._pairing, self._relay_url, self._relay_till, self._relay_token
        )

    def _printing_tab(self, settings: Settings) -> QWidget:
        names = printer_names()
        kept = settings.printing.printer
        if kept and kept not in names:
            names.append(kept)
        self._printer = _combo(
            "printing_printer", _("Printer"), (("", _("No printer")), *((name, name) for name in names))
        )
        self._paper = _combo(
            "printing_paper", _("Paper"), ((Paper.MM58, "58 mm"), (Paper.MM80, "80 mm"), (Paper.A4, "A4"))
        )
        self._auto_print = QCheckBox(_("Print the receipt as soon as a sale is paid"))
        self._auto_print.setObjectName("printing_print_when_paid")
        note = "" if names else _("This system has no printer. Add one in the system's settings, then come back.")
        return _tab(
            label(_("Printer"), "label"), self._printer, label(_("Paper"), "label"), self._paper, self._auto_print,
            label(note, "muted", wrap=True),
        )  # fmt: skip

    def _data_tab(self) -> QWidget:
        self._export_folder = self._field(
            "data", "export_folder", _("Folder for exports"), hint=_("empty: the usual one")
        )
        ledger = label(str(self._installation.ledger), "muted", wrap=True)
        ledger.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        folder = button(_("Open the data folder"), "openDataFolder")
        folder.clicked.connect(self._open_folder)
        self._copy = button(_("Back up now"), "backupNow")
        self._copy.clicked.connect(self._back_up)
        self._copied = label("", "muted", name="backupResult", wrap=True)
        return _tab(
            self._export_folder, label(_("Ledger"), "label"), ledger, folder, self._copy, self._copied,
        )  # fmt: skip

    def _look_tab(self) -> QWidget:
        self._theme = _combo(
            "look_theme",
            _("Colours"),
            ((Theme.SYSTEM, _("As the system")), (Theme.LIGHT, _("Light")), (Theme.DARK, _("Dark"))),
        )
        self._language = _combo("look_language", _("Language"), (("en", "English"), ("sw", "Kiswahili")))
        self._sounds = QCheckBox(_("Sounds for paid and not paid"))
        self._sounds.setObjectName("look_sounds")
        return _tab(
            label(_("Colours"), "label"), self._theme, label(_("Language"), "label"), self._language, self._sounds
        )

    # Fields and settings

    def _fill(self, settings: Settings) -> None:
        for field, section, name in self._checked:
            field.set_text(getattr(getattr(settings, section), name))
        self._header.setPlainText(settings.shop.receipt_header)
        self._footer.setPlainText(settings.shop.receipt_footer)
        for combo, value in (
            (self._environment, self._installation.environment), (self._account, settings.mpesa.account),
            (self._printer, settings.printing.printer), (self._paper, settings.printing.paper),
            (self._theme, settings.look.theme), (self._language, settings.look.language),
        ):  # fmt: skip
            combo.setCurrentIndex(max(0, combo.findData(value)))
        self._auto_print.setChecked(settings.printing.print_when_paid)
        self._sounds.setChecked(settings.look.sounds)

    def _gather(self) -> Settings:
        """The settings as they stand in the fields; all of them were checked."""
        settings = self._installation.settings.model_copy(deep=True)
        for field, section, name in self._checked:
            setattr(getattr(settings, section), name, field.text.strip())
        settings.shop.receipt_header = self._header.toPlainText()
        settings.shop.receipt_footer = self._footer.toPlainText()
        settings.mpesa.environment = self._environment.currentData()
        settings.mpesa.account = self._account.currentData()
        settings.printing.printer = self._printer.currentData()
        settings.printing.paper = self._paper.currentData()
        settings.printing.print_when_paid = self._auto_print.isChecked()
        settings.look.theme = self._theme.currentData()
        settings.look.language = self._language.currentData()
        settings.look.sounds = self._sounds.isChecked()
        return settings

    def _typed_secrets(self) -> dict[SecretName, str]:
        fields = {
            SecretName.CONSUMER_KEY: self._consumer_key,
            SecretName.CONSUMER_SECRET: self._consumer_secret,
            SecretName.PASSKEY: self._passkey,
            SecretName.RELAY_TOKEN: self._relay_token,
            SecretName.MANAGER_PIN: self._pin,
        }
        return {name: field.text.strip() for name, field in fields.items() if field.text.strip()}

    @Slot()
    def _left(self) -> None:
        for field, section, name in self._checked:
            if field.line is self.sender():
                field.show_reason(reason_for(section, name, field.text))

    @Slot()
    def _environment_changed(self) -> None:
        environment: Environment = self._environment.currentData()
        is_till = self._account.currentData() is Account.BUY_GOODS
        is_real = environment is not Environment.PRACTICE
        for widget in (
            self._account, self._account_note, self._shortcode, self._consumer_key, self._consumer_secret,
            self._passkey, self._callback, self._try, self._test_phone, self._test_pay, self._pin,
        ):  # fmt: skip
            widget.setEnabled(is_real)
        self._till_number.setVisible(is_till)
        self._till_number.setEnabled(is_real)
        self._shortcode.set_label(_("Store number") if is_till else _("Paybill number"))
        self._account_note.setText(
            _(
                "M-PESA gives a till two numbers. The store number (head office) is the one the app went live with "
                "and belongs above; the till number is the one customers see and pay to."
            )
            if is_till
            else _("The paybill is the number customers pay to; the passkey belongs to it.")
        )
        store = self._installation.secrets()
        self._background.ask("kept", lambda: _kept_secrets(store, environment))

    @Slot(str)
    def _paired(self, text: str) -> None:
        if not text.strip():
            self._pairing.show_reason("")
            return
        try:
            pairing = read_pairing(text)
        except Mistake as mistake:
            self._pairing.show_reason(reason_of(mistake))
            return
        self._pairing.show_reason("")
        self._relay_url.set_text(pairing.url)
        self._relay_till.set_text(pairing.till)
        self._relay_token.set_text(pairing.token)

    # Trying

    @Slot()
    def _try_connection(self) -> None:
        settings, typed, store = self._gather_or_none(), self._typed_secrets(), self._installation.secrets()
        if settings is None:
            return
        self._say(self._tried, _("Asking M-PESA…"), "muted")
        self._try.setEnabled(False)
        self._background.ask("try", lambda: try_connection(settings, typed, store))

    @Slot()
    def _pay_test(self) -> None:
        """KSh 1 over the real path: the engine that sells."""
        if self._gather_or_none() != self._installation.settings or self._typed_secrets():
            self._say(self._test_result, _("Save first: the test uses what the till sells with."), "error")
            return
        try:
            draft = Draft(TEST_CENTS, parse_phone(self._test_phone.text), TEST_REFERENCE)
        except Mistake as mistake:
            self._test_phone.show_reason(reason_of(mistake))
            return
        self._say(self._test_result, _("Sending…"), "muted")
        self._window.ask(lambda engine: engine.request_payment(draft), self._test_answered)

    def _test_answered(self, answer: RequestTaken | RequestFailed) -> None:
        if isinstance(answer, RequestFailed):
            self._say(self._test_result, reason(answer.code, answer.params), "error")
        elif answer.attempt is not None:
            self._test_attempt = answer.attempt.id

    @Slot(object)
    def _attempt_changed(self, change: AttemptChanged) -> None:
        if change.attempt.id == self._test_attempt:
            _icon, tone, word = look_of(change.attempt)
            role = {"paid": "good", "not_paid": "error"}.get(str(tone), "muted")
            self._say(self._test_result, f"{word}. {cashier_sentence(change.attempt)}", role)

    @staticmethod
    def _say(where: QLabel, text: str, role: str) -> None:
        where.setText(text)
        dress(where, role=role)

    # Saving

    def _gather_or_none(self) -> Settings | None:
        """The settings, or None with a reason beside each field that is wrong."""
        wrong = [
            (field, found)
            for field, section, name in self._checked
            if (found := reason_for(section, name, field.text.strip()))
        ]
        for field, found in wrong:
            field.show_reason(found)
        if wrong:
            self._message.setText(_("Some fields are not right yet."))
            self._go_to(wrong[0][0])
            return None
        self._message.setText("")
        return self._gather()

    def _go_to(self, widget: QWidget) -> None:
        for number in range(self._tabs.count()):
            page = self._tabs.widget(number)
            if page is not None and page.isAncestorOf(widget):
                self._tabs.setCurrentIndex(number)
        if isinstance(widget, Field):
            widget.line.setFocus()

    @Slot()
    def save_all(self) -> None:
        """Checks, asks what must be asked, then writes secrets and settings."""
        settings = self._gather_or_none()
        if settings is None:
            return
        typed = self._typed_secrets()
        if SecretName.MANAGER_PIN in typed:
            try:
                typed[SecretName.MANAGER_PIN] = hash_pin(typed[SecretName.MANAGER_PIN])
            except Mistake as mistake:
                self._pin.show_reason(reason_of(mistake))
                self._go_to(self._pin)
                return
        has_secret = {name: name in typed or self._kept[name] for name in SecretName}
        fields: dict[str, Field] = {
            "shortcode": self._shortcode, "till_number": self._till_number,
            SecretName.CONSUMER_KEY: self._consumer_key, SecretName.CONSUMER_SECRET: self._consumer_secret,
            SecretName.PASSKEY: self._passkey,
        }  # fmt: skip
        missing = lacking(settings, has_secret)
        for name, text in missing.items():
            fields[name].show_reason(text)
        if missing:
            self._message.setText(_("Some fields are still empty."))
            self._go_to(fields[next(iter(missing))])
            return
        if not self._agrees_to_production(settings):
            return
        self.save.setEnabled(False)
        store = self._installation.secrets()
        environment = settings.mpesa.environment
        self._background.ask("save", lambda: self._write(settings, typed, store, environment))

    def _agrees_to_production(self, settings: Settings) -> bool:
        production = Environment.PRODUCTION
        before = self._installation.settings.mpesa
        if settings.mpesa.environment is not production:
            return True
        same = (before.environment, before.shortcode, before.till_number) == (
            production, settings.mpesa.shortcode, settings.mpesa.till_number,
        )  # fmt: skip
        if same:
            return True
        if settings.mpesa.account is Account.BUY_GOODS:
            where = _("till {till} (store {store})").format(
                till=settings.mpesa.till_number, store=settings.mpesa.shortcode
            )
        else:
            where = _("paybill {number}").format(number=settings.mpesa.shortcode)
        question = _("From now on real money moves. Customers pay to {where}. Is that yours?").format(where=where)
        answer = QMessageBox.question(self, _("Real payments"), question)
        return answer is QMessageBox.StandardButton.Yes

    def _write(
        self, settings: Settings, typed: dict[SecretName, str], store: SecretStore, environment: Environment
    ) -> Settings:
        for name, value in typed.items():
            store.set(environment, name, value)
        settings_file.save(settings, self._installation.home.settings_file)
        return settings

    @Slot(object)
    def _hear(self, done: Done) -> None:
        match done.tag:
            case "kept":
                self._show_kept(done.result if done.error is None else dict.fromkeys(SecretName, False))
            case "try":
                self._try.setEnabled(True)
                tried: Tried = done.result
                self._say(self._tried, tried.text, "good" if tried.is_good else "error")
            case "save":
                self._hear_saved(done.error)
            case "copy":
                self._hear_copied(done)

    def _show_kept(self, kept: dict[SecretName, bool]) -> None:
        self._kept = kept
        for name, field in (
            (SecretName.CONSUMER_KEY, self._consumer_key), (SecretName.CONSUMER_SECRET, self._consumer_secret),
            (SecretName.PASSKEY, self._passkey), (SecretName.RELAY_TOKEN, self._relay_token),
            (SecretName.MANAGER_PIN, self._pin),
        ):  # fmt: skip
            field.line.setPlaceholderText(_("kept; type to replace") if kept[name] else _("not set"))

    def _hear_saved(self, error: TillError | None) -> None:
        self.save.setEnabled(True)
        if error is None:
            self.close()
            self.saved.emit()
        elif isinstance(error, Outside) and error.code == "secrets.no_keyring":
            self._offer_file()
        else:
            self._message.setText(reason_of(error))

    def _offer_file(self) -> None:
        """No password store: a private file only after an explicit yes."""
        path = self._installation.home.secrets_file
        question = _(
            "This machine has no password store. Keep the secrets in a file that only your user can read?\n\n{path}"
        ).format(path=path)
        if QMessageBox.question(self, _("Secrets"), question) is not QMessageBox.StandardButton.Yes:
            self._message.setText(_("Not saved: the secrets have nowhere to go."))
            return
        settings = self._gather()
        settings.secrets_in_file = True
        typed, environment = self._typed_secrets(), settings.mpesa.environment
        store = FileStore(path)
        self._background.ask("save", lambda: self._write(settings, typed, store, environment))

    # Data

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._installation.home.data)))

    @Slot()
    def _back_up(self) -> None:
        from pos_app.ledger.copies import backup  # noqa: PLC0415 - seldom wanted

        stamp = to_eat(SystemClock().now_ms()).strftime("%Y%m%d-%H%M%S")
        installation = self._installation
        target = installation.home.copies(installation.environment) / f"by-hand-{stamp}.sqlite3"
        self._copy.setEnabled(False)
        self._say(self._copied, _("Copying…"), "muted")

        def work() -> Path:
            target.parent.mkdir(parents=True, exist_ok=True)
            backup(installation.ledger, target)
            return target

        self._background.ask("copy", work)

    def _hear_copied(self, done: Done) -> None:
        self._copy.setEnabled(True)
        if done.error is not None:
            self._say(self._copied, reason_of(done.error), "error")
        else:
            self._say(self._copied, _("Copied and checked: {path}").format(path=done.result), "good")

    def done(self, result: int) -> None:
        """Closed, in whatever way."""
        self._background.close()
        super().done(result)


def _kept_secrets(store: SecretStore, environment: Environment) -> dict[SecretName, bool]:
    if environment is Environment.PRACTICE:
        return dict.fromkeys(SecretName, False)
    return {name: bool(store.get(environment, name)) for name in SecretName}


def _tab(*widgets: QWidget) -> QScrollArea:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(4, 12, 12, 12)
    column.setSpacing(7)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    return area


def _combo(name: str, title: str, choices: tuple[tuple[object, str], ...]) -> QComboBox:
    combo = QComboBox()
    combo.setObjectName(name)
    combo.setAccessibleName(title)
    for value, text in choices:
        combo.addItem(text, value)
    return combo


def _text_box(name: str, title: str) -> QPlainTextEdit:
    box = QPlainTextEdit()
    box.setObjectName(name)
    box.setAccessibleName(title)
    box.setTabChangesFocus(True)
    box.setFixedHeight(72)
    return box
