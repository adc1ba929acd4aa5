"""The ledger: where it is, its copies, whether it is whole, and putting a copy back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox

from pos_app.common.clock import SystemClock, to_eat
from pos_app.common.errors import PosError
from pos_app.common.i18n import _
from pos_app.gui.runtime.job_runner import JobRunner
from pos_app.gui.settings.tab import Tab, combo, say
from pos_app.gui.widgets.dress import button, label
from pos_app.installation.installation import Installation
from pos_app.ledger.backups import backup, check_copy, copies_in
from pos_app.ledger.verify import Verdict, verify
from pos_app.texts.errors import reason_of

_OTHER: Final = Path()


class DataTab(Tab):
    """Folders, copies, checks.

    Args:
        jobs: Does what takes its time.

    Signals:
        restore_wanted: a copy that was looked at and agreed to.
    """

    restore_wanted = Signal(object)

    def __init__(self, installation: Installation, jobs: JobRunner) -> None:
        super().__init__("data")
        self._installation = installation
        self._jobs = jobs
        self._copies = installation.home.copies(installation.environment)
        export_folder = self.add_field("export_folder", _("Folder for exports"), hint=_("empty: the usual one"))
        ledger = label(str(installation.ledger), "muted", wrap=True)
        ledger.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        folder = button(_("Open the data folder"), "openDataFolder")
        self.copy = button(_("Back up now"), "backupNow")
        self._copied = label("", "muted", name="backupResult", wrap=True)
        self._check = button(_("Check the ledger"), "verifyNow", tip=_("Whether it is whole and was not changed"))
        self._checked = label("", "muted", name="verifyResult", wrap=True)
        self._choice = combo("restoreCopy", _("Copy to put back"), self._choices())
        self._restore = button(_("Put this copy back…"), "restoreNow")
        self._restored = label("", "muted", name="restoreResult", wrap=True)
        self._support = button(_("Copy a report for support"), "supportReport")
        self._reported = label("", "muted", name="supportResult", wrap=True)
        self.stack(
            export_folder, label(_("Ledger"), "label"), ledger, folder, self.copy, self._copied,
            self._check, self._checked, label(_("Copies"), "label"), self._choice, self._restore, self._restored,
            self._support, self._reported,
        )  # fmt: skip
        folder.clicked.connect(self._open_folder)
        self.copy.clicked.connect(self._back_up)
        self._check.clicked.connect(self._verify)
        self._restore.clicked.connect(self._look_at_copy)
        self._support.clicked.connect(self._make_report)

    def _choices(self) -> tuple[tuple[Path, str], ...]:
        found = [(copy, copy.name) for copy in copies_in(self._copies)]
        return (*found, (_OTHER, _("Another file…")))

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._installation.home.data)))

    @Slot()
    def _back_up(self) -> None:
        stamp = to_eat(SystemClock().now_ms()).strftime("%Y%m%d-%H%M%S")
        ledger, target = self._installation.ledger, self._copies / f"by-hand-{stamp}.sqlite3"
        self.copy.setEnabled(False)
        say(self._copied, _("Copying…"), "muted")
        self._jobs.run(partial(_back_up, ledger, target), owner=self).then(self._on_copied).otherwise(
            self._on_not_copied
        )

    @Slot()
    def _verify(self) -> None:
        ledger = self._installation.ledger
        self._check.setEnabled(False)
        say(self._checked, _("Checking…"), "muted")
        self._jobs.run(partial(verify, ledger), owner=self).then(self._on_checked).otherwise(self._on_not_checked)

    @Slot()
    def _look_at_copy(self) -> None:
        copy: Path = self._choice.currentData()
        if copy == _OTHER:
            chosen, _filter = QFileDialog.getOpenFileName(self, _("Copy to put back"), str(self._copies))
            if not chosen:
                return
            copy = Path(chosen)
        environment = self._installation.environment
        self._restore.setEnabled(False)
        say(self._restored, _("Looking at the copy…"), "muted")
        asked = self._jobs.run(partial(check_copy, copy, environment), owner=self)
        asked.then(partial(self._ask_to_restore, copy)).otherwise(self._on_bad_copy)

    @Slot()
    def _make_report(self) -> None:
        self._support.setEnabled(False)
        asked = self._jobs.run(partial(_report, self._installation), owner=self)
        asked.then(self._on_reported).otherwise(self._on_not_reported)

    def _on_copied(self, copy: Path) -> None:
        self.copy.setEnabled(True)
        say(self._copied, _("Copied and checked: {path}").format(path=copy), "good")
        self._choice.insertItem(0, copy.name, copy)

    def _on_not_copied(self, error: PosError) -> None:
        self.copy.setEnabled(True)
        say(self._copied, reason_of(error), "error")

    def _on_not_checked(self, error: PosError) -> None:
        self._check.setEnabled(True)
        say(self._checked, reason_of(error), "error")

    def _on_checked(self, verdict: Verdict) -> None:
        self._check.setEnabled(True)
        if verdict.findings:
            first = verdict.findings[0]
            text = _("The ledger does not fit together: {row} {found}. Keep it, and compare it with a copy.")
            say(self._checked, text.format(row=first.row, found=first.found), "error")
        else:
            text = _("All is well: {sales} sales, {events} events. Hash: {hash}")
            shown = text.format(sales=verdict.sales, events=verdict.events, hash=verdict.last_hash[:16] or "–")
            say(self._checked, shown, "good")

    def _on_not_reported(self, error: PosError) -> None:
        self._support.setEnabled(True)
        say(self._reported, reason_of(error), "error")

    def _on_reported(self, made: tuple[str, Path]) -> None:
        self._support.setEnabled(True)
        report, bundle = made
        QGuiApplication.clipboard().setText(report)
        text = _("The report is on the clipboard, without secrets and phone numbers. With the log: {path}")
        say(self._reported, text.format(path=bundle), "good")

    def _on_bad_copy(self, error: PosError) -> None:
        self._restore.setEnabled(True)
        say(self._restored, reason_of(error), "error")

    def _ask_to_restore(self, copy: Path, verdict: Verdict) -> None:
        self._restore.setEnabled(True)
        say(self._restored, "", "muted")
        question = _(
            "Put {name} back? It holds {sales} sales. Sales made since then are not in it; the ledger of now is kept "
            "beside it. The till starts anew."
        ).format(name=copy.name, sales=verdict.sales)
        if QMessageBox.question(self, _("Put a copy back"), question) is QMessageBox.StandardButton.Yes:
            self.restore_wanted.emit(copy)


def _back_up(ledger: Path, target: Path) -> Path:
    backup(ledger, target)
    return target


def _report(installation: Installation) -> tuple[str, Path]:
    from pos_app.engine.support import support_report, write_bundle  # noqa: PLC0415 - seldom wanted

    clock = SystemClock()
    report = support_report(installation.home, installation.settings, installation.environment, clock)
    return report, write_bundle(report, installation.home, clock)
