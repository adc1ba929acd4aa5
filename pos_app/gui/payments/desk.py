"""Carries what is done in the till inbox to the engine, and its answers back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from pos_app.domain.attempt import SaleId
from pos_app.engine.events import RequestFailed, RequestTaken
from pos_app.errors import Outside
from pos_app.gui.background import Background
from pos_app.gui.engine_thread import Ask
from pos_app.gui.ledger.reports import Reports
from pos_app.gui.payments.view import InboxDialog
from pos_app.i18n import _
from pos_app.words.mistakes import reason

if TYPE_CHECKING:
    # The engine is imported by its own thread, after the first paint.
    from pos_app.engine.engine import Engine


class InboxDesk(QObject):
    """Opens the till inbox and does what is wanted in it.

    Args:
        ask: Has the engine do something, and hears how it went.
        cashier: Who does it.
    """

    def __init__(
        self, reports: Reports, background: Background, ask: Ask, cashier: Callable[[], str], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._reports = reports
        self._background = background
        self._ask = ask
        self._cashier = cashier
        self._window = parent

    def _dialogs(self) -> list[InboxDialog]:
        return self._window.findChildren(InboxDialog)

    @Slot()
    def open(self) -> None:
        """F9: one inbox at a time."""
        for dialog in self._dialogs():
            dialog.raise_()
            dialog.activateWindow()
            return
        dialog = InboxDialog(self._reports, self._background, self._window)
        dialog.attach_wanted.connect(self._attach)
        dialog.detach_wanted.connect(self._detach)
        dialog.show()

    def reload(self) -> None:
        """Something about payments changed."""
        for dialog in self._dialogs():
            dialog.reload()

    @Slot(str, int)
    def _attach(self, code: str, sale_id: int) -> None:
        by = self._cashier()
        self._ask(lambda engine: engine.attach_payment(code, SaleId(sale_id), by), self._attached)

    @Slot(str, str)
    def _detach(self, code: str, why: str) -> None:
        by = self._cashier()
        self._ask(lambda engine: engine.detach_payment(code, by, why), self._detached)

    def _attached(self, answer: RequestTaken | RequestFailed) -> None:
        self._tell(answer, _("Sale {reference} has it now."))

    def _detached(self, answer: RequestTaken | RequestFailed) -> None:
        self._tell(answer, _("Taken back from sale {reference}: it is free again."))

    def _tell(self, answer: RequestTaken | RequestFailed, done: str) -> None:
        for dialog in self._dialogs():
            if isinstance(answer, RequestFailed):
                dialog.say(reason(answer.code, answer.params), is_good=False)
            elif answer.attempt is not None:
                dialog.say(done.format(reference=answer.attempt.reference), is_good=True)
            dialog.reload()

    def register(self, heard: Callable[[str, bool], None]) -> None:
        """Has M-PESA send the payments made straight to the till; says in words how it went."""

        async def work(engine: Engine) -> None:
            registered = await engine.register_payments()
            if not registered.is_good:
                code = "payment.register_taken" if registered.is_taken else "payment.register_refused"
                raise Outside(code, text=registered.text)

        def answered(answer: RequestTaken | RequestFailed) -> None:
            if isinstance(answer, RequestFailed):
                heard(reason(answer.code, answer.params), False)
            else:
                heard(_("Registered. Payments made straight to the till come to F9 from now on."), True)

        self._ask(work, answered)
