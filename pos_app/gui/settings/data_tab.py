"""The ledger: where it is, its copies, whether it is whole, and putting a copy back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox

from pos_app.common.clock import SystemClock, to_eat
from pos_app.common.i18n import _
from pos_app.gui.background import Done
from pos_app.gui.installation import Installation
from pos_app.gui.settings.tab import Tab, combo, say
from pos_app.gui.widgets.dress import button, label
from pos_app.ledger.copies import backup, check_copy, copies_in
from pos_app.ledger.verify import Verdict, verify
from pos_app.words.mistakes import reason_of

COPY, CHECK, LOOK_AT, SUPPORT = "copy", "check", "look_at", "support"
"""What the background is asked for."""
_OTHER: Final = Path()


class DataTab(Tab):
    """Folders, copies, checks.

    Args:
        ask: Has something done in the background, under a name.

    Signals:
        restore_wanted: a copy that was looked at and agreed to.
    """

    restore_wanted = Signal(object)

    def __init__(self, installation: Installation, ask: Callable[[str, Callable[[], Any]], None]) -> None:
        super().__init__("data")
        self._installation = installation
        self._ask = ask
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

        def work() -> Path:
            backup(ledger, target)
            return target

        self._ask(COPY, work)

    @Slot()
    def _verify(self) -> None:
        ledger = self._installation.ledger
        self._check.setEnabled(False)
        say(self._checked, _("Checking…"), "muted")
        self._ask(CHECK, lambda: verify(ledger))

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
        self._ask(LOOK_AT, lambda: (copy, check_copy(copy, environment)))

    @Slot()
    def _make_report(self) -> None:
        from pos_app.engine.support import support_report, write_bundle  # noqa: PLC0415 - seldom wanted

        installation, clock = self._installation, SystemClock()
        self._support.setEnabled(False)

        def work() -> tuple[str, Path]:
            report = support_report(installation.home, installation.settings, installation.environment, clock)
            return report, write_bundle(report, installation.home, clock)

        self._ask(SUPPORT, work)

    def hear(self, done: Done) -> None:
        """Something of this tab is done."""
        match done.tag:
            case "copy":
                self._hear_copied(done)
            case "check":
                self._hear_checked(done)
            case "look_at":
                self._hear_looked(done)
            case "support":
                self._hear_reported(done)

    def _hear_copied(self, done: Done) -> None:
        self.copy.setEnabled(True)
        if done.error is not None:
            say(self._copied, reason_of(done.error), "error")
            return
        say(self._copied, _("Copied and checked: {path}").format(path=done.result), "good")
        self._choice.insertItem(0, done.result.name, done.result)

    def _hear_checked(self, done: Done) -> None:
        self._check.setEnabled(True)
        if done.error is not None:
            say(self._checked, reason_of(done.error), "error")
            return
        verdict: Verdict = done.result
        if verdict.findings:
            first = verdict.findings[0]
            text = _("The ledger does not fit together: {row} {found}. Keep it, and compare it with a copy.")
            say(self._checked, text.format(row=first.row, found=first.found), "error")
        else:
            text = _("All is well: {sales} sales, {events} events. Hash: {hash}")
            shown = text.format(sales=verdict.sales, events=verdict.events, hash=verdict.last_hash[:16] or "–")
            say(self._checked, shown, "good")

    def _hear_reported(self, done: Done) -> None:
        self._support.setEnabled(True)
        if done.error is not None:
            say(self._reported, reason_of(done.error), "error")
            return
        report, bundle = done.result
        QGuiApplication.clipboard().setText(report)
        text = _("The report is on the clipboard, without secrets and phone numbers. With the log: {path}")
        say(self._reported, text.format(path=bundle), "good")

    def _hear_looked(self, done: Done) -> None:
        self._restore.setEnabled(True)
        if done.error is not None:
            say(self._restored, reason_of(done.error), "error")
            return
        copy, verdict = done.result
        say(self._restored, "", "muted")
        question = _(
            "Put {name} back? It holds {sales} sales. Sales made since then are not in it; the ledger of now is kept "
            "beside it. The till starts anew."
        ).format(name=copy.name, sales=verdict.sales)
        if QMessageBox.question(self, _("Put a copy back"), question) is QMessageBox.StandardButton.Yes:
            self.restore_wanted.emit(copy)
