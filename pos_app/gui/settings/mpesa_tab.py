"""The shop's account at M-PESA: which one, its numbers, its secrets, and whether they work."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal, Slot

from pos_app.common.errors import Mistake, PosError
from pos_app.common.i18n import _
from pos_app.domain.sales.sale import Draft, summary_of
from pos_app.domain.stk.attempt import Attempt
from pos_app.domain.values.ids import AttemptId
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.domain.values.phone import parse_phone
from pos_app.engine.commands import RequestStkPayment
from pos_app.engine.updates import AttemptChanged
from pos_app.gui.runtime.engine_client import EngineClient
from pos_app.gui.settings.presenter import Tried
from pos_app.gui.settings.tab import Tab, choose, combo, say
from pos_app.gui.tones import look_of_sale
from pos_app.gui.widgets.dress import button, label
from pos_app.gui.widgets.field import Field
from pos_app.settings.effective import SANDBOX_SHORTCODE
from pos_app.settings.model import Account, Environment, Settings
from pos_app.settings.secrets import SecretName
from pos_app.texts.errors import reason_of
from pos_app.texts.states import words_of_sale

TEST_CENTS: Final = Cents(100)
TEST_REFERENCE: Final = Reference("TEST1")


class MpesaTab(Tab):
    """The account.

    Signals:
        environment_changed: another M-PESA was chosen.
        trial_wanted: "Test connection".
        payment_wanted: "Send KSh 1 test".
    """

    environment_changed = Signal()
    trial_wanted = Signal()
    payment_wanted = Signal()

    def __init__(self, client: EngineClient, chosen: Environment) -> None:
        super().__init__("mpesa")
        self._client = client
        self._chosen = chosen
        self._test_attempt: AttemptId | None = None
        self._is_passkey_kept = False
        self._make_account()
        self._make_trial()
        self.stack(
            label(_("Which M-PESA"), "label"), self._environment,
            label(_("Kind of number"), "label"), self._account, self._account_note,
            self._shortcode, self._till_number, *self._secret.values(), self._callback,
            self.trial, self._tried, self._test_phone, self._test_pay, self._test_result,
        )  # fmt: skip
        client.updates.attempt_changed.connect(self._attempt_changed)

    def _make_account(self) -> None:
        self._environment = combo(
            "mpesa_environment",
            _("Which M-PESA"),
            (
                (Environment.PRACTICE, _("Practice: no account, no money moves")),
                (Environment.SANDBOX, _("Sandbox: M-PESA's test system")),
                (Environment.PRODUCTION, _("Production: real payments")),
            ),
        )
        self._account = combo(
            "mpesa_account",
            _("Kind of number"),
            ((Account.PAYBILL, _("Paybill")), (Account.BUY_GOODS, _("Till (Buy Goods)"))),
        )
        self._shortcode = self.add_field("shortcode", _("Paybill number"), hint=_("5 to 7 digits"))
        self._till_number = self.add_field("till_number", _("Till number"), hint=_("what customers see"))
        self._account_note = label("", "muted", name="accountNote", wrap=True)
        portal = _("developer portal, My Apps")
        self.add_secret(SecretName.CONSUMER_KEY, _("Consumer key"), hint=portal)
        self.add_secret(SecretName.CONSUMER_SECRET, _("Consumer secret"), hint=portal)
        self.add_secret(SecretName.PASSKEY, _("Passkey"), hint=_("M-PESA's go-live e-mail"))
        self._callback = self.add_field(
            "callback_url", _("Callback base URL (leave empty with a relay, or with none)"), hint="https://"
        )
        self._environment.currentIndexChanged.connect(self._changed)
        self._account.currentIndexChanged.connect(self._changed)

    def _make_trial(self) -> None:
        self.trial = button(_("Test connection"), "testConnection")
        self._tried = label("", "muted", name="testResult", wrap=True)
        self._test_phone = Field("testPhone", _("KSh 1 test payment: your own phone"))
        self._test_pay = button(_("Send KSh 1 test"), "testPayment")
        self._test_result = label("", "muted", name="testPaymentResult", wrap=True)
        self.trial.clicked.connect(self.trial_wanted)
        self._test_pay.clicked.connect(self.payment_wanted)

    @property
    def environment(self) -> Environment:
        """The one that is chosen."""
        # Qt gives back the text that the value is.
        return Environment(self._environment.currentData())

    def fill(self, settings: Settings) -> None:
        super().fill(settings)
        choose(self._environment, self._chosen)
        choose(self._account, settings.mpesa.account)
        self._suit()

    def put_into(self, settings: Settings) -> None:
        super().put_into(settings)
        settings.mpesa.environment = self.environment
        settings.mpesa.account = self._account.currentData()

    @Slot()
    def _changed(self) -> None:
        self._suit()
        self.environment_changed.emit()

    def _suit(self) -> None:
        """Shows what the chosen M-PESA and kind of number need."""
        is_till = Account(self._account.currentData()) is Account.BUY_GOODS
        is_real = self.environment is not Environment.PRACTICE
        for widget in (
            self._account, self._account_note, self._shortcode, self._till_number, *self._secret.values(),
            self._callback, self.trial, self._test_phone, self._test_pay,
        ):  # fmt: skip
            widget.setEnabled(is_real)
        self._till_number.setVisible(is_till)
        self._offer_sandbox()
        self._shortcode.set_label(_("Store number") if is_till else _("Paybill number"))
        self._account_note.setText(
            _(
                "M-PESA gives a till two numbers. The store number (head office) is the one the app went live with "
                "and belongs above; the till number is the one customers see and pay to."
            )
            if is_till
            else _("The paybill is the number customers pay to; the passkey belongs to it.")
        )

    def _offer_sandbox(self) -> None:
        """The sandbox's shortcode and passkey are public, and serve where nothing else is typed."""
        is_sandbox = self.environment is Environment.SANDBOX
        number = _("{number}, the sandbox's own").format(number=SANDBOX_SHORTCODE) if is_sandbox else ""
        self._shortcode.line.setPlaceholderText(number)
        if is_sandbox and not self._is_passkey_kept:
            self._secret[SecretName.PASSKEY].line.setPlaceholderText(_("the sandbox's own"))

    def show_kept(self, kept: dict[SecretName, bool]) -> None:
        super().show_kept(kept)
        self._is_passkey_kept = kept[SecretName.PASSKEY]
        self._offer_sandbox()

    # Trying

    def begin_trial(self) -> None:
        """M-PESA is being asked."""
        say(self._tried, _("Asking M-PESA…"), "muted")
        self.trial.setEnabled(False)

    def end_trial(self, tried: Tried) -> None:
        """What it said."""
        self.trial.setEnabled(True)
        say(self._tried, tried.text, "good" if tried.is_good else "error")

    def pay_test(self, *, is_saved: bool) -> None:
        """KSh 1 over the real path: the engine that sells."""
        if not is_saved:
            say(self._test_result, _("Save first: the test uses what the till sells with."), "error")
            return
        try:
            draft = Draft(TEST_CENTS, parse_phone(self._test_phone.text), TEST_REFERENCE)
        except Mistake as mistake:
            self._test_phone.show_reason(reason_of(mistake))
            return
        say(self._test_result, _("Sending…"), "muted")
        order = self._client.execute(RequestStkPayment(draft), owner=self)
        order.then(self._on_test_sent).otherwise(self._on_test_refused)

    def _on_test_sent(self, attempt: Attempt) -> None:
        self._test_attempt = attempt.id

    def _on_test_refused(self, error: PosError) -> None:
        say(self._test_result, reason_of(error), "error")

    @Slot(object)
    def _attempt_changed(self, change: AttemptChanged) -> None:
        if change.attempt.id == self._test_attempt:
            sale = summary_of(change.attempt)
            (_icon, tone, word), step = look_of_sale(sale), words_of_sale(sale).step
            role = {"paid": "good", "not_paid": "error"}.get(str(tone), "muted")
            say(self._test_result, f"{word}. {step}", role)
