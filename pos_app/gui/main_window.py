"""The cashier's window: puts the cards together and carries wishes to the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import shiboken6
from PySide6.QtCore import QChildEvent, QDeadlineTimer, QSettings, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from pos_app.common.clock import SystemClock, day_of
from pos_app.common.errors import Outside, PosError
from pos_app.common.i18n import _, ngettext
from pos_app.domain.c2b.payment import C2bPayment
from pos_app.domain.sales.actions import SaleAction
from pos_app.domain.sales.rules import allowed_actions
from pos_app.domain.sales.sale import Draft, SaleState, SaleSummary, summary_of
from pos_app.domain.sales.totals import Totals
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.stk.effects import News
from pos_app.domain.values.ids import AttemptId, SaleId
from pos_app.domain.values.phone import format_phone
from pos_app.engine.commands import CheckNow, NoteReceipt, RequestStkPayment, SendAgain, Withdraw
from pos_app.engine.updates import (
    Announced,
    AttemptChanged,
    EngineFailed,
    EngineStarted,
    MailboxBegun,
    PaymentArrived,
    ServiceStatusChanged,
)
from pos_app.exports.queries import ChangedDays
from pos_app.gui import theme
from pos_app.gui.frame import KeyBar, Notice, TopBar, banner
from pos_app.gui.help import show_help
from pos_app.gui.ledger.day_view import DayView
from pos_app.gui.ledger.export_dialog import ExportDialog
from pos_app.gui.ledger.sale_dialog import SaleDialog
from pos_app.gui.payments.arrivals import Arrivals
from pos_app.gui.payments.view import InboxDialog
from pos_app.gui.practice.phone_dock import PhoneDock
from pos_app.gui.practice.phone_line import PhoneLine
from pos_app.gui.printing import Paper, PaperDone, ReceiptDialog, ReceiptPrinter
from pos_app.gui.runtime.dialog_controller import DialogController, bring_forward
from pos_app.gui.runtime.engine_client import EngineClient, PendingCommand
from pos_app.gui.runtime.query_runner import QueryRunner
from pos_app.gui.sell.current_view import CurrentView
from pos_app.gui.sell.form_presenter import FormPresenter
from pos_app.gui.sell.form_view import FormView
from pos_app.gui.sounds import Sounds
from pos_app.gui.stray_keys import StrayDigits
from pos_app.gui.strays.view import StraysDialog
from pos_app.gui.widgets.column import Column
from pos_app.gui.widgets.fit import open_within_screen
from pos_app.gui.widgets.question import Choice, ask
from pos_app.installation.installation import Installation
from pos_app.ledger.queries.sales import DayEnd, EndOfDay, LastReference
from pos_app.ledger.reader import LedgerReader
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.printers import PrinterFactory
from pos_app.texts.days import changed_days
from pos_app.texts.errors import reason, reason_of
from pos_app.texts.service_status import mailbox_begun, status_text

CHANGED_DAYS = "changed days"
SOON_MS = 2_000
"""After something of an exported day may have changed: several changes are one look."""
ARRIVAL = "arrival"
"""What a notice is about that says that a payment came straight to the till."""
ENDS_WITHIN_MS = 2_500
SHARE_OF_PAPER = 0.25
"""Of that time, for the receipt that is being printed."""
OF_THE_PAYMENT_AT_HAND = ("F5", "F6", "F8")
"""In a sale's own dialog these are that sale's."""
ONE_NUMBER_MS = 2_000
"""Digits that follow one another so soon are one number."""
LEFT_WIDTH = 348
LEFT_WIDTH_NARROW = 300
PHONE_FROM_WIDTH = 960


class MainWindow(QMainWindow):
    """The window.

    Args:
        installation: Folders and settings.
        on_settings_saved: Called after new settings: starts the window anew.
        on_restore: Called with a copy of the ledger that is to be put back.
        on_broken: Called when the ledger cannot be used at all.
        printers: The printer of a name.
    """

    def __init__(
        self,
        installation: Installation,
        on_settings_saved: Callable[[], None],
        on_restore: Callable[[Path], None],
        on_broken: Callable[[PosError], None],
        printers: PrinterFactory,
    ) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.installation = installation
        self._on_settings_saved = on_settings_saved
        self._on_restore = on_restore
        self._on_broken = on_broken
        self._printers = printers
        self._has_started = False
        self._reader: LedgerReader | None = None
        self._phone_wanted: bool | None = None
        self._closing = False
        self.has_hung = False
        self._held_payment: PendingCommand[Attempt] | None = None
        self._look_at_exported = QTimer(self)
        self._look_at_exported.setSingleShot(True)
        self._look_at_exported.setInterval(SOON_MS)
        self._look_at_exported.timeout.connect(self._ask_for_changed_days)
        self._digits = QTimer(self)
        self._digits.setSingleShot(True)
        self._digits.setInterval(ONE_NUMBER_MS)
        self.client = EngineClient(installation, self)
        self.queries = QueryRunner(installation.ledger, self._show_error, self)
        self.receipts = ReceiptPrinter(installation, printers, self)
        self.sounds = Sounds(is_on=installation.settings.look.sounds)
        self._build()
        self._connect()
        self._open_reader()
        self.receipts.tell_status()
        self.setMinimumSize(820, 440)
        self._restore_geometry()

    # Layout

    def _build(self) -> None:
        shop = self.installation.settings.shop
        self.setWindowTitle(shop.name or _("Till"))
        self.top = TopBar(shop.name or _("Your shop"), shop.till_label, shop.cashier)
        self.banner = banner(self.installation.environment)
        presenter = FormPresenter(
            self.installation.settings.mpesa.max_shillings, self.installation.paid_by_hand, shop.till_label
        )
        self.form = FormView(presenter)
        self.current = CurrentView(
            is_practice=self.installation.is_practice,
            paid_by_hand=self.installation.paid_by_hand,
            payer_of=self._payer_of,
        )
        self.day = DayView(self.queries)
        self.dock = PhoneDock() if self.installation.is_practice else None
        self.keys = KeyBar(has_phone=self.dock is not None)
        left = Column()
        self._left_column = left.rows
        self._left_column.addWidget(self.form)
        self._left_column.addWidget(self.current)
        self._left_column.addStretch(1)
        self._left = QScrollArea()
        self._left.setObjectName("leftColumn")
        self._left.setWidgetResizable(True)
        self._left.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._left.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._left.setWidget(left)
        self._row = QHBoxLayout()
        self._row.addWidget(self._left)
        self._row.addWidget(self.day, 1)
        if self.dock is not None:
            self._row.addWidget(self.dock)
        middle = QWidget()
        self.setCentralWidget(middle)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        if self.banner is not None:
            column.addWidget(self.banner)
        column.addLayout(self._row, 1)
        column.addWidget(self.keys)
        self.notice = Notice(middle, self.keys, self.day)
        self._order_tabs()

    def _order_tabs(self) -> None:
        chain: list[QWidget] = [
            self.form.amount.line,
            self.form.phone.line,
            self.form.reference.line,
            self.form.send,
            self.current.check,
            self.current.resend,
            self.current.claim,
            self.day.search,
        ]
        for first, second in pairwise(chain):
            QWidget.setTabOrder(first, second)
        self.day.order_tabs()
        QWidget.setTabOrder(self.day.table, self.top.settings)

    def _connect(self) -> None:
        self.unmatched_payments = DialogController(InboxDialog, self.client, self.queries, self)
        self.unmatched_messages = DialogController(StraysDialog, self.client, self.queries, self)
        self.arrivals = Arrivals(lambda: self.current.open_amounts, self._payment_of, self)
        self.arrivals.said.connect(self._payment_told)
        self.arrivals.taken_back.connect(self._payment_taken_back)
        updates = self.client.updates
        updates.attempt_changed.connect(self._attempt_changed)
        updates.announced.connect(self._announced)
        updates.service_status_changed.connect(self._show_status)
        updates.started.connect(self._started)
        updates.payment_arrived.connect(self._payment_arrived)
        updates.messages_changed.connect(self._messages_changed)
        updates.mailbox_begun.connect(self._mailbox_begun)
        self.client.refused.connect(self._show_error)
        self.day.strays.wanted.connect(self.unmatched_messages.open)
        self.day.search_left.connect(self.form.start_over)
        self._stray_digits = StrayDigits(self, self._take_digit)
        self.day.summed.connect(self._summed)
        updates.failed.connect(self._failed)
        self.receipts.status_changed.connect(self._show_status)
        self.receipts.made.connect(self._receipt_made)
        self.receipts.done.connect(self._on_paper)
        self.form.wanted.connect(self._payment_wanted)
        self.form.take_back_wanted.connect(self._take_back_held)
        self.form.resized.connect(self._give_card_room)
        self.current.check_wanted.connect(self._check)
        self.current.resend_wanted.connect(self._resend)
        self.current.take_back_wanted.connect(self._withdraw)
        self.current.claim_wanted.connect(self._claim_of)
        self.current.receipt_wanted.connect(self._receipt_wanted)
        self.day.sale_opened.connect(self.open_sale)
        self.top.settings.clicked.connect(self.open_settings)
        self.notice.pressed.connect(self._notice_pressed)
        if self.dock is not None:
            updates.phone_changed.connect(self.dock.hear)
            self.dock.hidden.connect(self.toggle_phone)
            self._phone_line = PhoneLine(self.dock, self.client)
        actions: dict[str, Callable[[], None]] = {
            "F1": self.open_help,
            "F2": self.start_new,
            "F4": self.open_code_check,
            "F5": self.check_selected,
            "F6": self.open_receipt,
            "F7": self.open_export,
            "F8": self.current.ask_resend,
            "F9": self.unmatched_payments.open,
            "F11": self.show_to_check,
            "F12": self.toggle_phone,
            "Ctrl+F": self.day.start_search,
            "Ctrl+,": self.open_settings,
        }
        for key, action in actions.items():
            shortcut = QShortcut(QKeySequence(key), self)
            # Also while one of its dialogs is in front: those block nothing.
            if key not in OF_THE_PAYMENT_AT_HAND:
                shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
            shortcut.activated.connect(action)
            self.keys.connect_key(key, action)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width, height = event.size().width(), event.size().height()
        is_compact = height < theme.COMPACT_BELOW_HEIGHT
        is_narrow = width < theme.NARROW_BELOW_WIDTH
        margin = 8 if is_compact or is_narrow else 16
        self._row.setContentsMargins(margin, margin, margin, margin)
        self._row.setSpacing(margin)
        self._left_column.setSpacing(margin)
        self._left.setFixedWidth(LEFT_WIDTH_NARROW if is_narrow else LEFT_WIDTH)
        for part in (self.day, self.top, self.keys):
            part.set_compact(is_compact)
        for card in (self.form, self.current):
            card.set_height(height)
        if self.dock is not None:
            self.dock.set_compact(is_compact)
            self._place_phone(is_narrow=is_narrow)
        self._give_card_room()

    @Slot()
    def _give_card_room(self) -> None:
        """What the form leaves of the left column is the card's: its texts give way, its buttons never."""
        self.current.set_room(
            self._left.viewport().height() - self.form.sizeHint().height() - self._left_column.spacing()
        )

    def _place_phone(self, *, is_narrow: bool) -> None:
        assert self.dock is not None
        # Until F12 says otherwise it stands where there is room for it.
        is_wanted = self.width() >= PHONE_FROM_WIDTH if self._phone_wanted is None else self._phone_wanted
        self.dock.setVisible(is_wanted)
        self.dock.setFixedWidth(204 if is_narrow else 232)

    # Life

    def start_engine(self) -> None:
        """After the first paint."""
        self.client.start()
        self._ask_for_reference()
        # Behind the first table, which it must not hold up.
        self._look_at_exported.start()

    @Slot()
    def _ask_for_changed_days(self) -> None:
        query = ChangedDays(day_of(SystemClock().now_ms()))
        self.queries.run(query, owner=self).then(self._show_changed_days).otherwise(self._ignore)

    def _show_changed_days(self, days: list[str]) -> None:
        if days:
            self.notice.say_later(changed_days(days), CHANGED_DAYS)
        else:
            self.notice.clear(CHANGED_DAYS)

    def _ask_for_reference(self) -> None:
        asked = self.queries.run(LastReference(), owner=self)
        asked.then(self.form.suggest_after).otherwise(self._on_no_reference)

    def _on_no_reference(self, error: PosError) -> None:
        # A ledger that is just being made can be read only when it is whole: it is asked again then.
        if self._has_started:
            self._show_error(error)

    def _ignore(self, _error: PosError) -> None:
        """What cannot be read now is looked at again later."""

    def _open_reader(self) -> None:
        """The window's own connection, for pages by key. A new shop's ledger is made by the engine."""
        if self._reader is not None:
            return
        try:
            self._reader = LedgerReader(self.installation.ledger)
        except Outside as error:
            if error.code != "ledger.missing":
                self.notice.say(reason_of(error), is_bad=True)
            return
        self.day.read_from(self._reader)

    def _close_reader(self) -> None:
        self.day.model.read_from(None)
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def shut_down(self) -> bool:
        """Stops the engine and closes the ledger; what is open goes on at the next start.

        Returns:
            Whether all of it ended in time; what hangs (a store, a printer, a disk) ends with the process.
        """
        ends = QDeadlineTimer(ENDS_WITHIN_MS)
        # A receipt that comes out now is noted by the engine, which ends after it.
        has_ended = self.receipts.finish(ENDS_WITHIN_MS / 1000 * SHARE_OF_PAPER)
        has_ended &= self.client.stop(ends)
        has_ended &= self.queries.close(max(0.05, ends.remainingTime() / 1000))
        self._close_reader()
        self.has_hung = not has_ended
        return has_ended

    @property
    def is_closing(self) -> bool:
        """Whether it is being closed, or is."""
        return self._closing

    def close_without_asking(self) -> None:
        """For a polite end of the process: nobody may be there to answer."""
        self._closing = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        following = self.current.open_count
        if following and not self._closing:
            question = ngettext(
                "{count} payment is still being followed; it goes on at the next start.",
                "{count} payments are still being followed; they go on at the next start.",
                following,
            ).format(count=following)
            answer = QMessageBox.question(
                self,
                _("Close the till?"),
                question,
                QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
                QMessageBox.StandardButton.Cancel,
            )
            if answer is not QMessageBox.StandardButton.Close:
                event.ignore()
                return
        self._closing = True
        self._save_geometry()
        self.hide()
        self.shut_down()
        event.accept()

    def _geometry(self) -> QSettings:
        return QSettings(str(self.installation.home.config / "window.ini"), QSettings.Format.IniFormat)

    def _restore_geometry(self) -> None:
        kept = self._geometry().value("geometry")
        if kept is None or not self.restoreGeometry(kept):
            # The first start fills the screen; given back its title bar, the window still lies within it.
            open_within_screen(self, 1366, 768)
            self.setWindowState(Qt.WindowState.WindowMaximized)

    def _save_geometry(self) -> None:
        self._geometry().setValue("geometry", self.saveGeometry())

    # What the engine says

    @Slot(object)
    def _started(self, started: EngineStarted) -> None:
        self._has_started = True
        # Those that were opened before may have seen the ledger of an older version.
        self._close_reader()
        self.queries.reopen()
        self._ask_for_reference()
        self._open_reader()
        self.day.reload()
        if started.following:
            text = ngettext(
                "{count} payment from before is being followed.",
                "{count} payments from before are being followed.",
                started.following,
            )
            self.notice.say(text.format(count=started.following))

    @Slot(object)
    def _mailbox_begun(self, begun: MailboxBegun) -> None:
        self.notice.say(mailbox_begun(begun.passed_over, begun.at_ms))

    @Slot(object)
    def _failed(self, failed: EngineFailed) -> None:
        if failed.code.startswith("ledger.") and not self._has_started:
            self._on_broken(Outside(failed.code, **failed.params))
            return
        self.notice.say(reason(failed.code, failed.params), is_bad=True)

    @Slot(object)
    def _attempt_changed(self, change: AttemptChanged) -> None:
        self._open_reader()
        summary = self._summary(change.attempt)
        self.current.hear(change, summary)
        if summary.sale.day < day_of(SystemClock().now_ms()):
            self._look_at_exported.start()
        self.arrivals.look_again()
        self.day.hear(change.attempt)
        for dialog in self.findChildren(SaleDialog):
            if dialog.sale_id == change.attempt.sale_id:
                dialog.reload()

    def _summary(self, attempt: Attempt) -> SaleSummary:
        """The sale of an attempt as the ledger has it; as the attempt alone tells it where that cannot be read."""
        if self._reader is not None:
            with contextlib.suppress(PosError):
                return self._reader.sale(attempt.sale_id)
        return summary_of(attempt)

    @Slot(object)
    def _announced(self, announced: Announced) -> None:
        self.sounds.play(announced.news)
        if announced.news is News.PAID and self.installation.settings.printing.print_when_paid:
            self._print_paid(announced.attempt.sale_id)
        if announced.news is News.NEEDS_YOU:
            self.notice.say(
                _("Sale {reference} is to check: open it to see what to do.").format(
                    reference=announced.attempt.reference
                ),
                is_bad=True,
                sale_id=announced.attempt.sale_id,
            )

    def _print_paid(self, sale_id: SaleId) -> None:
        printing = self.installation.settings.printing
        if self._reader is not None:
            self.receipts.print(self._reader.sale(sale_id), PaperKind(printing.paper), printing.printer)

    @Slot()
    def _messages_changed(self) -> None:
        """A message came that belongs to no payment, or some were settled."""
        self.day.reload()
        self.unmatched_messages.reload()
        self.unmatched_payments.reload()

    @Slot(object)
    def _payment_arrived(self, arrived: PaymentArrived) -> None:
        """A payment came straight to the till, or one changed its place."""
        if arrived.payment is not None:
            self.arrivals.hear(arrived.payment)
        else:
            self.arrivals.look_again()
        self.current.hear_of_payers()
        self._look_at_exported.start()
        self.day.reload()
        self.unmatched_payments.reload()

    def _payment_of(self, mpesa_code: str) -> C2bPayment | None:
        with contextlib.suppress(PosError):
            return self._reader.payment(mpesa_code) if self._reader is not None else None
        return None

    def _payer_of(self, mpesa_code: str) -> str:
        payment = self._payment_of(mpesa_code)
        return payment.first_name if payment is not None else ""

    @Slot(str)
    def _payment_told(self, text: str) -> None:
        self.notice.say(text, about=ARRIVAL)

    @Slot()
    def _payment_taken_back(self) -> None:
        self.notice.clear(ARRIVAL)

    @Slot(object)
    def _summed(self, totals: Totals) -> None:
        self.keys.show_count("F9", _("Till payments"), totals.unclaimed)

    @Slot(object)
    def _show_status(self, changed: ServiceStatusChanged) -> None:
        word, sentence = status_text(changed.code, changed.detail, changed.at_ms)
        self.top.show_status(changed.service, changed.health, word, sentence)

    @Slot(object)
    def _show_error(self, error: PosError) -> None:
        self.notice.say(reason_of(error), is_bad=True)

    # What the cashier wants

    @Slot(object)
    def _payment_wanted(self, draft: Draft) -> None:
        self._request(draft, anyway=False)

    def _request(self, draft: Draft, *, anyway: bool) -> None:
        pending = self.client.execute(RequestStkPayment(draft, anyway=anyway), owner=self)
        pending.then(partial(self._on_requested, draft)).otherwise(partial(self._on_request_refused, draft))
        if pending.is_held:
            self._held_payment = pending
            self.form.wait_for_start()

    def _on_requested(self, draft: Draft, attempt: Attempt) -> None:
        self.notice.clear_moment()
        self.form.accept(draft.reference)
        # What was chosen in the table belongs to a customer who is gone.
        self.day.clear_selection()
        self.current.show_attempt(attempt.id, format_phone(draft.msisdn))

    def _on_request_refused(self, draft: Draft, error: PosError) -> None:
        self.form.refuse(error.code, error.params)
        if error.code == "sale.same_open":
            self._ask_same(draft, error)

    @Slot()
    def _take_back_held(self) -> None:
        """The till was not ready yet, and the cashier wants it no more."""
        if self._held_payment is not None and self._held_payment.take_back():
            self._held_payment = None
            self.form.taken_back()

    def _ask_same(self, draft: Draft, refused: PosError) -> None:
        """The commonest way to charge twice: asks before it happens, and offers to look first."""
        attempt_id = int(refused.params["attempt"])

        def check() -> None:
            self.current.show_attempt(AttemptId(attempt_id), "")
            self._check(attempt_id)

        ask(
            self,
            "sameSale",
            _("The same sale again?"),
            reason_of(refused),
            Choice(_("Check now"), check),
            Choice(_("Charge again"), lambda: self._request(draft, anyway=True), is_grave=True),
        )

    @Slot(int)
    def _check(self, attempt_id: int) -> None:
        self.client.execute(CheckNow(AttemptId(attempt_id)), owner=self)

    @Slot(int)
    def _resend(self, sale_id: int) -> None:
        self.client.execute(SendAgain(SaleId(sale_id)), owner=self).then(self._show_sent_again)

    @Slot(object)
    def _send_again_from(self, dialog: SaleDialog) -> None:
        """Asked for in a sale's dialog: the card turns to the new prompt, also where the dialog is closed meanwhile."""
        sent = self.client.execute(SendAgain(SaleId(dialog.sale_id)), owner=self)
        sent.then(self._show_sent_again).otherwise(partial(self._refuse_in, dialog))

    def _refuse_in(self, dialog: SaleDialog, error: PosError) -> None:
        if shiboken6.isValid(dialog):
            dialog.show_refusal(error)
        else:
            self._show_error(error)

    def _show_sent_again(self, attempt: Attempt) -> None:
        self.current.show_attempt(attempt.id, "")

    @Slot(int)
    def _withdraw(self, attempt_id: int) -> None:
        self.client.execute(Withdraw(AttemptId(attempt_id)), owner=self)

    @Slot(int, str)
    def _receipt_made(self, sale_id: int, how: str) -> None:
        self.client.execute(NoteReceipt(SaleId(sale_id), how), owner=self)

    @Slot()
    def start_new(self) -> None:
        """F2, from wherever one is."""
        self.activateWindow()
        self.form.start_over()

    @Slot()
    def show_to_check(self) -> None:
        """F11: what is to check; again: the table."""
        self.activateWindow()
        self.day.show_to_check()

    def childEvent(self, event: QChildEvent) -> None:
        super().childEvent(event)
        # Whole, and about to be shown.
        child = event.child()
        if event.polished() and isinstance(child, QDialog):
            self._stray_digits.watch(child)

    def _take_digit(self, digit: str) -> None:
        line = self.form.amount.line
        if self._digits.isActive():
            # The focus may still be on its way from the dialog: this one stands behind the one before.
            line.end(False)
        else:
            self.start_new()
        self._digits.start()
        line.insert(digit)
        line.textEdited.emit(line.text())

    @Slot()
    def check_selected(self) -> None:
        """F5: the payment at hand, or the selected one where the table has the focus."""
        row = self.day.selected_row() if self.day.table.hasFocus() else None
        if row is not None and SaleAction.CHECK_NOW in allowed_actions(row):
            self._check(row.attempt.id)
        else:
            self.current.ask_check()

    @Slot(int)
    def _claim_of(self, sale_id: int) -> None:
        self.open_sale(sale_id).ask_claim()

    @Slot(int)
    def open_sale(self, sale_id: int) -> SaleDialog:
        """One sale in full, beside the window."""
        for dialog in self.findChildren(SaleDialog):
            dialog.close()
        dialog = SaleDialog(sale_id, self.client, self.queries, self, is_practice=self.installation.is_practice)
        dialog.send_again_requested.connect(self._send_again_from)
        dialog.settled.connect(partial(self.notice.clear_of_sale, sale_id))
        dialog.print_requested.connect(self._open_receipt_of)
        dialog.show()
        return dialog

    @Slot()
    def open_receipt(self) -> None:
        """F6: of the payment at hand, or of the selected sale where the table has the focus (as F5)."""
        row = self.day.selected_row() if self.day.table.hasFocus() else self.current.sale_at_hand
        if row is None:
            self.notice.say(_("There is no payment at hand. Choose a sale in the table, then press F6."))
        else:
            self._open_receipt_of(row)

    @Slot(int)
    def _receipt_wanted(self, sale_id: int) -> None:
        if self._reader is not None:
            self._open_receipt_of(self._reader.sale(SaleId(sale_id)))

    @Slot(object)
    def _open_receipt_of(self, row: SaleSummary) -> None:
        if row.sale.state is SaleState.VOIDED:
            text = _("Sale {reference} was voided: there is nothing to print.")
            self.notice.say(text.format(reference=row.sale.reference))
            return
        for dialog in self.findChildren(ReceiptDialog):
            dialog.close()
        ReceiptDialog(row, self.receipts, self.installation, self).show()

    @Slot()
    def open_code_check(self) -> None:
        """F4: the code that a customer shows, ready to be typed."""
        self.unmatched_payments.open()
        dialog = self.unmatched_payments.dialog()
        if dialog is not None:
            dialog.code.line.setFocus()

    @Slot()
    def open_export(self) -> None:
        """F7."""
        if bring_forward(self.findChild(ExportDialog)):
            return
        chosen = self.installation.settings.data.export_folder
        folder = Path(chosen) if chosen else self.installation.home.exports
        dialog = ExportDialog(self.day.chosen_day, folder, self.installation.environment, self.queries, self)
        dialog.closing_wanted.connect(self._closing_wanted)
        dialog.exported.connect(self._ask_for_changed_days)
        dialog.show()

    @Slot(str)
    def _closing_wanted(self, day: str) -> None:
        self.queries.run(EndOfDay(day), owner=self).then(self._make_closing)

    def _make_closing(self, end: DayEnd) -> None:
        now_ms = SystemClock().now_ms()
        self.receipts.make_closing(self.installation.receipts.closing_of(end.totals, end.last_hash, now_ms))

    @Slot(object)
    def _on_paper(self, done: PaperDone) -> None:
        if done.key.kind is not Paper.CLOSING:
            self._say_of_receipt(done)
            return
        if done.error is not None:
            text = reason_of(done.error)
        else:
            text = _("Saved as {path}").format(path=done.path) if done.path else _("Handed to the printer.")
        for dialog in self.findChildren(ExportDialog):
            dialog.say_of_closing(text, is_good=done.error is None)

    def _say_of_receipt(self, done: PaperDone) -> None:
        """A customer who waits for a receipt that did not come out: its dialog says so, and without one the notice."""
        is_told = any(dialog.is_of(done.key) for dialog in self.findChildren(ReceiptDialog))
        if done.error is not None and not is_told:
            text = _("The receipt was not printed: {reason}").format(reason=reason_of(done.error))
            self.notice.say(text, is_bad=True, sale_id=int(done.key.of))

    @Slot()
    def open_settings(self) -> None:
        """Ctrl+,"""
        from pos_app.gui.settings.dialog import SettingsDialog  # noqa: PLC0415 - seldom opened

        if bring_forward(self.findChild(SettingsDialog)):
            return
        dialog = SettingsDialog(self.installation, self.client, self._printers, self)
        dialog.saved.connect(self._settings_saved)
        dialog.restore_wanted.connect(self._restore_wanted)
        dialog.show()

    @Slot()
    def _settings_saved(self) -> None:
        self._on_settings_saved()

    @Slot(object)
    def _restore_wanted(self, copy: Path) -> None:
        self._on_restore(copy)

    @Slot()
    def open_help(self) -> None:
        """F1."""
        show_help(self)

    @Slot()
    def toggle_phone(self) -> None:
        """F12."""
        if self.dock is not None:
            self._phone_wanted = not self.dock.isVisible()
            self.dock.setVisible(self._phone_wanted)

    @Slot(int)
    def _notice_pressed(self, sale_id: int) -> None:
        self.open_sale(sale_id)
