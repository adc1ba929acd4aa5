"""Says that a payment came straight to the till: not while it may be a prompt's own money, and not for ever."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from pos_app.common.i18n import _
from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.values.money import format_ksh

LOOKED_AT_AGAIN_MS = 2_000
TWIN_WITHIN_MS = 12_000
"""M-PESA tells of a prompt's money twice, a few seconds apart, in either order: as its result, and as a payment."""


class Arrivals(QObject):
    """Holds a payment back that may be the twin of an open prompt, and takes back what was said of one that was.

    Args:
        open_amounts: Of the prompts that may still be paid, in cents.
        payment_of: A payment as the ledger has it now.

    Signals:
        said: what to tell the cashier.
        taken_back: that it is true no more.
    """

    said = Signal(str)
    taken_back = Signal()

    def __init__(
        self,
        open_amounts: Callable[[], frozenset[int]],
        payment_of: Callable[[str], C2bPayment | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._open_amounts = open_amounts
        self._payment_of = payment_of
        self._held: dict[str, int] = {}
        self._told = ""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOKED_AT_AGAIN_MS)
        self._timer.timeout.connect(self._look)

    def hear(self, payment: C2bPayment) -> None:
        """One came."""
        if payment.use is not Use.FREE:
            return
        if payment.amount_cents in self._open_amounts():
            self._held[payment.mpesa_code] = TWIN_WITHIN_MS
            self._timer.start()
        else:
            self._tell(payment)

    def look_again(self) -> None:
        """Something changed: what was told of may have its sale by now."""
        payment = self._payment_of(self._told) if self._told else None
        if payment is not None and payment.use is not Use.FREE:
            self._told = ""
            self.taken_back.emit()

    @Slot()
    def _look(self) -> None:
        for mpesa_code, left_ms in list(self._held.items()):
            payment = self._payment_of(mpesa_code)
            if payment is None or payment.use is not Use.FREE:
                del self._held[mpesa_code]
            elif left_ms <= LOOKED_AT_AGAIN_MS:
                del self._held[mpesa_code]
                self._tell(payment)
            else:
                self._held[mpesa_code] = left_ms - LOOKED_AT_AGAIN_MS
        if not self._held:
            self._timer.stop()

    def _tell(self, payment: C2bPayment) -> None:
        self._told = payment.mpesa_code
        self.said.emit(
            _("{amount} came straight to the till from {name}. Press F9 to match it.").format(
                amount=format_ksh(payment.amount_cents), name=payment.first_name or _("somebody")
            )
        )
