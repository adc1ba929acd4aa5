"""Each outcome in plain words: what it is, what to do, what to tell the customer."""

from __future__ import annotations

from dataclasses import dataclass

from pos_app.common.i18n import N_, _
from pos_app.domain.mpesa.outcome import OutcomeKind as K


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """Texts for one kind of outcome, marked for translation; read them through the properties."""

    _word: str
    _meaning: str
    _cashier: str
    _customer: str

    @property
    def word(self) -> str:
        """One to three words for a table cell."""
        return _(self._word)

    @property
    def meaning(self) -> str:
        """What happened, in a sentence."""
        return _(self._meaning)

    @property
    def cashier(self) -> str:
        """What the cashier should do next."""
        return _(self._cashier)

    @property
    def customer(self) -> str:
        """What to say to the customer."""
        return _(self._customer)


_OTHER_WAY = N_("Ask for another way to pay, or send again in a minute.")
_SETUP = N_("Sell for cash and call whoever looks after the till: the M-PESA set-up is wrong.")
_SORRY_SETUP = N_("Sorry, M-PESA is not working at this till at the moment. You have not been charged.")
_NOT_CHARGED = N_("You have not been charged.")
_WAIT = N_("Do not charge again. The till keeps asking M-PESA by itself.")
_WAIT_CUSTOMER = N_("Please wait a moment, we are checking with M-PESA. Keep the SMS if one comes.")

WORDS: dict[K, OutcomeWords] = {
    K.PAID: OutcomeWords(
        N_("Paid"), N_("M-PESA confirmed the payment."), N_("Hand over the goods."), N_("Thank you, it is paid.")
    ),
    K.STILL_PROCESSING: OutcomeWords(
        N_("Waiting for PIN"),
        N_("M-PESA is still working on it."),
        _WAIT,
        N_("Please look at your phone and enter your M-PESA PIN."),
    ),
    K.INSUFFICIENT_FUNDS: OutcomeWords(
        N_("Not enough money"),
        N_("The customer's M-PESA account, with Fuliza, does not hold this amount."),
        N_("Ask for another way to pay, or take a smaller amount."),
        N_("Your M-PESA balance is too low for this payment. You have not been charged."),
    ),
    K.CANCELLED: OutcomeWords(
        N_("Cancelled"),
        N_("The customer closed the prompt without paying."),
        N_("Ask the customer; you may send it again."),
        N_("The request was cancelled on your phone. Shall I send it again?"),
    ),
    K.WRONG_PIN: OutcomeWords(
        N_("Wrong PIN"),
        N_("The PIN was wrong."),
        N_("Send again. After three wrong PINs M-PESA locks it."),
        N_("The PIN was not right. Please try again carefully."),
    ),
    K.PIN_LOCKED: OutcomeWords(
        N_("PIN locked"),
        N_("M-PESA has locked the customer's PIN."),
        N_("Ask for another way to pay."),
        N_("Your M-PESA PIN is locked. Please call 100 or 200 to unlock it. You have not been charged."),
    ),
    K.EXPIRED: OutcomeWords(
        N_("Prompt expired"),
        N_("The prompt ended before a PIN was entered."),
        N_("Send it again once."),
        N_("The request timed out. I can send it again."),
    ),
    K.UNREACHABLE: OutcomeWords(
        N_("No PIN entered"),
        N_("No PIN came in time: the prompt was ignored, or the phone was off, out of network or busy."),
        N_(
            "Ask the customer, then send again. If the phone showed nothing: is it on, with network, the M-PESA SIM in"
            " use? The till keeps checking for a late payment."
        ),
        N_(
            "The request ran out. Shall I send it again? If your phone showed nothing, is it on, with network? An old"
            " SIM may need *234#."
        ),
    ),
    K.LINE_BUSY: OutcomeWords(
        N_("Line busy"),
        N_("Another M-PESA session is open on this phone."),
        N_("Wait one to two minutes, then send again."),
        N_("Please close any open M-PESA menu or prompt on your phone; then I send it again."),
    ),
    K.DAILY_LIMIT: OutcomeWords(
        N_("Daily limit reached"),
        N_("The customer has reached M-PESA's daily limit."),
        N_("Ask for another way to pay."),
        N_("You have reached your M-PESA limit for today. You have not been charged."),
    ),
    K.NOT_MPESA_LINE: OutcomeWords(
        N_("Not an M-PESA line?"),
        N_("M-PESA does not seem to know this number as a line of its own."),
        N_("Do not charge again until the till knows. Check the number with the customer."),
        N_("Is this number registered for M-PESA?"),
    ),
    K.BELOW_MINIMUM: OutcomeWords(
        N_("Amount too small"), N_("The amount is below M-PESA's minimum."), N_("Change the amount."), _NOT_CHARGED
    ),
    K.ABOVE_MAXIMUM: OutcomeWords(
        N_("Amount too large"),
        N_("The amount is above M-PESA's maximum for one payment."),
        N_("Split it into smaller payments."),
        _NOT_CHARGED,
    ),
    K.SAME_AMOUNT_TOO_SOON: OutcomeWords(
        N_("Same amount too soon"),
        N_("M-PESA refuses the same amount from the same customer within two minutes."),
        N_("Check first that the earlier request was not paid; then wait two minutes and send again."),
        N_("M-PESA asks us to wait two minutes before trying the same amount again."),
    ),
    K.PROMPT_NOT_DELIVERED: OutcomeWords(
        N_("Prompt not delivered"),
        N_("M-PESA could not show the prompt on the phone."),
        N_("Send it again once; then ask for another way to pay."),
        N_("The request did not reach your phone. You have not been charged."),
    ),
    K.PROMPT_TOO_LONG: OutcomeWords(
        N_("Prompt too long"), N_("The shop's name makes the prompt too long for M-PESA."), _SETUP, _SORRY_SETUP
    ),
    K.BAD_REQUEST: OutcomeWords(
        N_("Refused by M-PESA"),
        N_("M-PESA did not accept the request."),
        N_(
            "Check the amount and the phone number. If they are right, the M-PESA set-up is wrong: open Settings and test the connection."
        ),
        _NOT_CHARGED,
    ),
    K.RECEIVER_FULL: OutcomeWords(
        N_("Shop account full"),
        N_("The payment would take the shop's M-PESA account over its limit."),
        N_("Ask for another way to pay. The owner must withdraw from the M-PESA account."),
        N_("Sorry, our M-PESA account cannot take this payment now. You have not been charged."),
    ),
    K.NOT_PERMITTED: OutcomeWords(
        N_("Not permitted"),
        N_("This shortcode may not take this kind of payment: Paybill and Till may be mixed up."),
        _SETUP,
        _SORRY_SETUP,
    ),
    K.WRONG_TILL: OutcomeWords(
        N_("Till not known"),
        N_("M-PESA does not know the till under this store number: the two may be swapped."),
        _SETUP,
        _SORRY_SETUP,
    ),
    K.UNKNOWN_MERCHANT: OutcomeWords(
        N_("Shop not known"),
        N_("M-PESA does not know this shortcode, or it is not enabled for M-PESA Express."),
        _SETUP,
        _SORRY_SETUP,
    ),
    K.WRONG_PASSKEY: OutcomeWords(
        N_("Wrong passkey"), N_("The passkey does not belong to this shortcode."), _SETUP, _SORRY_SETUP
    ),
    K.WRONG_CREDENTIALS: OutcomeWords(
        N_("Wrong credentials"),
        N_("M-PESA does not accept the consumer key and secret."),
        _SETUP,
        _SORRY_SETUP,
    ),
    K.NO_PRODUCT: OutcomeWords(
        N_("M-PESA Express off"),
        N_("The app on M-PESA's portal has no M-PESA Express product."),
        _SETUP,
        _SORRY_SETUP,
    ),
    K.WRONG_ADDRESS: OutcomeWords(
        N_("Wrong address"), N_("There is no M-PESA service at this address."), _SETUP, _SORRY_SETUP
    ),
    K.SYSTEM_BUSY: OutcomeWords(
        N_("M-PESA is busy"), N_("M-PESA says it is busy."), _OTHER_WAY, N_("M-PESA is busy at the moment.")
    ),
    K.THROTTLED: OutcomeWords(
        N_("Too many requests"),
        N_("M-PESA asks this till to slow down. Nothing was sent to the customer."),
        N_("Wait a minute, then send again."),
        N_("M-PESA asks us to wait a minute. You have not been charged."),
    ),
    K.INTERNAL_ERROR: OutcomeWords(
        N_("M-PESA error"), N_("M-PESA reported an error of its own."), _WAIT, _WAIT_CUSTOMER
    ),
    K.NO_CONNECTION: OutcomeWords(
        N_("Not sent"),
        N_("The till could not reach M-PESA. Nothing was sent to the customer."),
        N_("Check the internet connection, then send again."),
        N_("Our connection is down. You have not been charged."),
    ),
    K.TOO_LATE: OutcomeWords(
        N_("Not sent"),
        N_("M-PESA could not be reached within 30 seconds, so the request was not sent. Nothing was charged."),
        N_("Is the customer still here? Then send again. Else take cash, or withdraw it."),
        N_("M-PESA took too long. You have not been charged."),
    ),
    K.WRONG_CLOCK: OutcomeWords(
        N_("PC clock wrong?"),
        N_("M-PESA's certificate is not valid at the time that this PC shows. Nothing was sent to the customer."),
        N_("Set this PC's date and time, then send again."),
        N_("Our till's clock is wrong. You have not been charged."),
    ),
    K.NO_ANSWER: OutcomeWords(
        N_("No answer"), N_("The request may have reached M-PESA, but no answer came back."), _WAIT, _WAIT_CUSTOMER
    ),
    K.NOT_UNDERSTOOD: OutcomeWords(
        N_("Answer not understood"), N_("M-PESA's answer could not be read."), _WAIT, _WAIT_CUSTOMER
    ),
    K.OTHER: OutcomeWords(
        N_("Not paid"),
        N_("M-PESA gave a reason this till does not know."),
        N_("Read M-PESA's own words below, and ask for another way to pay."),
        N_("M-PESA says that it did not take this payment. Keep the SMS if one comes."),
    ),
}


def words_of(kind: K) -> OutcomeWords:
    """The words for a kind of outcome; there are words for every kind."""
    return WORDS[kind]
