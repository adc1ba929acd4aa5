"""The settings: each field checked as it is left, secrets never shown again, production asked about once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QMessageBox, QTabWidget, QToolButton, QVBoxLayout, QWidget

from pos_app.common.clock import SystemClock
from pos_app.common.errors import Outside, PosError
from pos_app.common.i18n import _
from pos_app.engine.commands import RegisterC2bUrls
from pos_app.gui.runtime.engine_client import EngineClient
from pos_app.gui.runtime.job_runner import JobRunner
from pos_app.gui.settings.data_tab import DataTab
from pos_app.gui.settings.look_tab import LookTab
from pos_app.gui.settings.mpesa_tab import MpesaTab
from pos_app.gui.settings.presenter import Tried, lacking, receiver_of, try_connection
from pos_app.gui.settings.printing_tab import PrintingTab
from pos_app.gui.settings.relay_tab import RelayTab
from pos_app.gui.settings.shop_tab import ShopTab
from pos_app.gui.settings.tab import Tab
from pos_app.gui.widgets.announce import Answer
from pos_app.gui.widgets.dress import button
from pos_app.gui.widgets.field import Field
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.gui.widgets.question import Choice, ask
from pos_app.installation.installation import Installation
from pos_app.receipts.layout import Element, lay_out
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.printers import PrinterFactory
from pos_app.settings import file as settings_file
from pos_app.settings.model import Environment, Settings
from pos_app.settings.secrets import FileStore, SecretName, SecretStore
from pos_app.texts.errors import reason, reason_of

LEAVES_WITHIN_S = 0.2
STORE_ANSWERS_WITHIN_MS = 20_000


class SettingsDialog(QDialog):
    """All settings, in tabs. Nothing takes effect before Save.

    Signals:
        saved: they are in the file; the till must be opened anew.
        restore_wanted: a copy of the ledger to be put back.
    """

    saved = Signal()
    restore_wanted = Signal(object)

    def __init__(
        self, installation: Installation, client: EngineClient, printers: PrinterFactory, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settingsDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Settings"))
        open_within_screen(self, 640, 620)
        self._installation = installation
        self._client = client
        self._printers = printers
        self._kept = dict.fromkeys(SecretName, False)
        self._writes = 0
        self._is_left = threading.Event()
        """What was thrown away is not written by a store that answers late."""
        self._jobs = JobRunner("settings", self._show_error, self)
        self._make_tabs()
        self._build()
        for tab in self._pages:
            tab.fill(installation.settings)
        self._environment_changed()

    def _make_tabs(self) -> None:
        self._shop = ShopTab()
        self._mpesa = MpesaTab(self._client, self._installation.environment)
        self._relay = RelayTab()
        self._printing = PrintingTab(self._installation.settings.printing.printer)
        self._data = DataTab(self._installation, self._jobs)
        titled: tuple[tuple[Tab, str], ...] = (
            (self._shop, _("Shop")),
            (self._mpesa, "M-PESA"),
            (self._relay, _("Relay")),
            (self._printing, _("Printing")),
            (self._data, _("Data")),
            (LookTab(), _("Window")),
        )
        self._pages = [page for page, _title in titled]
        self._tabs = QTabWidget()
        self._tabs.setObjectName("settingsTabs")
        for page, title in titled:
            self._tabs.addTab(page, title)
        for arrow in self._tabs.tabBar().findChildren(QToolButton):
            arrow.setAccessibleName(_("More tabs"))
        self._mpesa.environment_changed.connect(self._environment_changed)
        self._mpesa.trial_wanted.connect(self._try_connection)
        self._mpesa.payment_wanted.connect(self._pay_test)
        self._printing.test_wanted.connect(self._print_test)
        self._relay.register_wanted.connect(self._register)
        self._data.restore_wanted.connect(self.restore_wanted)

    def _build(self) -> None:
        self._message = Answer("settingsMessage", "error")
        self._save = button(_("Save"), "settingsSave", is_main=True)
        self._save.setDefault(True)
        cancel = button(_("Cancel"), "settingsCancel")
        buttons = QHBoxLayout()
        buttons.addWidget(self._message, 1)
        buttons.addWidget(cancel)
        buttons.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 14)
        column.addWidget(self._tabs, 1)
        column.addLayout(buttons)
        self._save.clicked.connect(self.save_all)
        cancel.clicked.connect(self.reject)

    def _show_error(self, error: PosError) -> None:
        self._message.setText(reason_of(error))

    # What is typed

    def _typed_secrets(self) -> dict[SecretName, str]:
        return {name: value for page in self._pages for name, value in page.typed_secrets().items()}

    def _gather(self) -> Settings | None:
        """The settings as typed, or None with a reason beside each field that is wrong."""
        wrong = [found for page in self._pages for found in page.wrong()]
        for field, text in wrong:
            field.show_reason(text)
        if wrong:
            self._message.setText(_("Some fields are not right yet."))
            self._go_to(wrong[0][0])
            return None
        self._message.setText("")
        settings = self._installation.settings.model_copy(deep=True)
        for page in self._pages:
            page.put_into(settings)
        return settings

    def _go_to(self, field: Field) -> None:
        for page in self._pages:
            if page.isAncestorOf(field):
                self._tabs.setCurrentWidget(page)
        field.line.setFocus()

    @Slot()
    def _environment_changed(self) -> None:
        environment = self._mpesa.environment
        self._shop.suit(environment)
        store = self._installation.secrets()
        asked = self._jobs.run(partial(_kept_secrets, store, environment), owner=self)
        asked.then(self._show_kept).otherwise(self._show_none_kept)

    def _show_kept(self, kept: dict[SecretName, bool]) -> None:
        self._kept = kept
        for page in self._pages:
            page.show_kept(kept)

    def _show_none_kept(self, _error: PosError) -> None:
        """Where a store does not answer, nothing is known to be kept; what is wrong with it is said at Save."""
        self._show_kept(dict.fromkeys(SecretName, False))

    @Slot()
    def _register(self) -> None:
        order = self._client.execute(RegisterC2bUrls(), owner=self)
        order.then(self._relay.show_registration).otherwise(self._relay.show_registration_error)

    # Trying

    @Slot()
    def _try_connection(self) -> None:
        settings, typed, store = self._gather(), self._typed_secrets(), self._installation.secrets()
        if settings is not None:
            self._mpesa.begin_trial()
            asked = self._jobs.run(partial(try_connection, settings, typed, store), owner=self)
            asked.then(self._mpesa.end_trial).otherwise(self._end_trial_badly)

    def _end_trial_badly(self, error: PosError) -> None:
        self._mpesa.end_trial(Tried(is_good=False, text=reason_of(error)))

    @Slot()
    def _pay_test(self) -> None:
        is_saved = self._gather() == self._installation.settings and not self._typed_secrets()
        self._mpesa.pay_test(is_saved=is_saved)

    @Slot(str, object)
    def _print_test(self, printer: str, paper: PaperKind) -> None:
        elements = lay_out(self._installation.receipts.test_receipt(SystemClock().now_ms()))
        asked = self._jobs.run(partial(_print, self._printers, printer, elements, paper), owner=self)
        asked.then(lambda _nothing: self._printing.end_test(None)).otherwise(self._printing.end_test)

    # Saving

    @Slot()
    def save_all(self) -> None:
        """Checks, asks what must be asked, then writes secrets and settings."""
        settings = self._gather()
        if settings is None:
            return
        typed = self._typed_secrets()
        missing = lacking(settings, {name: name in typed or self._kept[name] for name in SecretName})
        for name, text in missing.items():
            self._field_of(name).show_reason(text)
        if missing:
            self._message.setText(_("Some fields are still empty."))
            self._go_to(self._field_of(next(iter(missing))))
            return
        if not self._agrees_to_production(settings):
            return
        self._save.setEnabled(False)
        self._write(settings, typed, self._installation.secrets())

    def _field_of(self, name: str) -> Field:
        return next(field for page in self._pages if (field := page.field_of(name)) is not None)

    def _agrees_to_production(self, settings: Settings) -> bool:
        """Asked once for each number that real money will go to."""
        if settings.mpesa.environment is not Environment.PRODUCTION:
            return True
        before = self._installation.settings.mpesa
        if before.environment is Environment.PRODUCTION and receiver_of(before) == receiver_of(settings.mpesa):
            return True
        question = _("From now on real money moves. Customers pay to {where}. Is that yours?")
        answer = QMessageBox.question(self, _("Real payments"), question.format(where=receiver_of(settings.mpesa)))
        return answer is QMessageBox.StandardButton.Yes

    def _write(self, settings: Settings, typed: dict[SecretName, str], store: SecretStore) -> None:
        target = self._installation.home.settings_file

        self._writes += 1
        written = self._writes
        job = partial(_save, settings, target, typed, store, self._is_left)
        self._jobs.run(job, owner=self).then(self._on_saved).otherwise(self._on_save_failed)
        QTimer.singleShot(STORE_ANSWERS_WITHIN_MS, self, lambda: self._store_waits(written))

    def _store_waits(self, written: int) -> None:
        """A password store may wait for a person, or for ever: Save never stays grey in silence."""
        if written == self._writes and not self._save.isEnabled():
            self._save.setEnabled(True)
            self._message.setText(reason("secrets.no_answer"))

    def _on_saved(self, _nothing: None) -> None:
        self._save.setEnabled(True)
        self.accept()
        self.saved.emit()

    def _on_save_failed(self, error: PosError) -> None:
        self._save.setEnabled(True)
        if isinstance(error, Outside) and error.code == "secrets.no_keyring":
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
        if settings is not None:
            settings.secrets_in_file = True
            self._write(settings, self._typed_secrets(), FileStore(path))

    def _has_changes(self) -> bool:
        """Whether something was typed that is not saved."""
        if self._typed_secrets():
            return True
        settings = self._installation.settings.model_copy(deep=True)
        try:
            for page in self._pages:
                page.put_into(settings)
        except ValueError:
            # What is wrong was typed, too.
            return True
        return settings != self._installation.settings

    def reject(self) -> None:
        """Escape, *Cancel* or the frame: asks before it throws away what was typed."""
        if not self._has_changes():
            super().reject()
            return
        throw = Choice(_("Throw the changes away"), lambda: QDialog.reject(self), is_grave=True)
        ask(
            self,
            "unsaved",
            _("Settings"),
            _("Your changes are not saved yet."),
            Choice(_("Save"), self.save_all),
            throw,
        )

    def done(self, result: int) -> None:
        """Closed, in whatever way. What still waits for a store or a printer is not waited for."""
        self._is_left.set()
        self._jobs.close(LEAVES_WITHIN_S)
        super().done(result)


def _kept_secrets(store: SecretStore, environment: Environment) -> dict[SecretName, bool]:
    if environment is Environment.PRACTICE:
        return dict.fromkeys(SecretName, False)
    return {name: bool(store.get(environment, name)) for name in SecretName}


def _print(printers: PrinterFactory, printer: str, elements: Sequence[Element], paper: PaperKind) -> None:
    printers(printer).print(elements, paper)


def _save(
    settings: Settings, target: Path, typed: dict[SecretName, str], store: SecretStore, is_left: threading.Event
) -> None:
    for name, value in typed.items():
        if is_left.is_set():
            return
        store.set(settings.mpesa.environment, name, value)
    if not is_left.is_set():
        settings_file.save(settings, target)
