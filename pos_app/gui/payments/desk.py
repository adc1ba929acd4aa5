"""Carries what is done in the till inbox to the engine, and its answers back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from pos_app.common.errors import Outside
from pos_app.common.i18n import _
from pos_app.domain.attempt import SaleId
from pos_app.engine.events import RequestFailed, RequestTaken
from pos_app.gui.dialog_desk import DialogDesk
from pos_app.gui.payments.view import InboxDialog
from pos_app.words.mistakes import reason

if TYPE_CHECKING:
    # The engine is imported by its own thread, after the first paint.
    from pos_app.engine.engine import Engine


class InboxDesk(DialogDesk[InboxDialog]):
    """The till inbox: F9."""

    kind = InboxDialog

    def connect_dialog(self, dialog: InboxDialog) -> None:
        dialog.attach_wanted.connect(self._attach)
        dialog.detach_wanted.connect(self._detach)

    @Slot(str, int)
    def _attach(self, code: str, sale_id: int) -> None:
        by = self._cashier()
        self._ask(lambda engine: engine.attach_payment(code, SaleId(sale_id), by), self._attached)

    @Slot(str, str)
    def _detach(self, code: str, why: str) -> None:
        by = self._cashier()
        self._ask(lambda engine: engine.detach_payment(code, by, why), self._detached)

    def _attached(self, answer: RequestTaken | RequestFailed) -> None:
        self.tell(answer, _("Added to sale {reference}."))

    def _detached(self, answer: RequestTaken | RequestFailed) -> None:
        self.tell(answer, _("Taken back from sale {reference}: it is free again."))

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
