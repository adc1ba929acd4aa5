"""Carries what was done about messages that belong to no payment to the engine, and its answer back."""

from __future__ import annotations

from PySide6.QtCore import Slot

from pos_app.common.i18n import _
from pos_app.engine.events import RequestFailed, RequestTaken
from pos_app.gui.dialog_desk import DialogDesk
from pos_app.gui.strays.view import StraysDialog


class StraysDesk(DialogDesk[StraysDialog]):
    """Opened from *Needs you*."""

    kind = StraysDialog

    def connect_dialog(self, dialog: StraysDialog) -> None:
        dialog.settle_wanted.connect(self._settle)

    @Slot(object, str)
    def _settle(self, evidence: list[int], done: str) -> None:
        by = self._cashier()
        self._ask(lambda engine: engine.settle_strays(evidence, by, done), self._settled)

    def _settled(self, answer: RequestTaken | RequestFailed) -> None:
        self.tell(answer, _("Settled; they stay as evidence."))
