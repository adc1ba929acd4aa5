"""The reason beside a field, for each code of `Mistake` and `Outside`."""

from __future__ import annotations

from pos_app.common.clock import to_eat
from pos_app.common.errors import PosError
from pos_app.common.i18n import N_, _

REASONS: dict[str, str] = {
    # Amount
    "amount.empty": N_("Type the amount in shillings."),
    "amount.zero": N_("The amount must be at least KSh 1."),
    "amount.negative": N_("The amount cannot be below zero."),
    "amount.fraction": N_("M-PESA takes whole shillings only, without cents."),
    "amount.too_large": N_("M-PESA takes at most KSh {max:,} in one payment."),
    "amount.digits": N_("Use the digits 0 to 9."),
    "amount.not_a_number": N_("This is not an amount: use digits only, for example 1250."),
    # Phone
    "phone.empty": N_("Type the customer's phone number."),
    "phone.digits": N_("Use the digits 0 to 9."),
    "phone.letters": N_("A phone number has digits only, for example 0712 345 678."),
    "phone.foreign": N_("M-PESA prompts go to Kenyan numbers only (07…, 01… or +254…)."),
    "phone.landline": N_("This is a landline. Type a mobile number (07… or 01…)."),
    "phone.too_short": N_("The number is too short: digits missing: {missing}."),
    "phone.too_long": N_("The number is too long: digits too many: {extra}."),
    "phone.not_mobile": N_("Kenyan mobile numbers begin with 07 or 01."),
    # Reference
    "reference.empty": N_("Type an order reference."),
    "reference.too_long": N_("At most 12 letters and digits; this has {length}."),
    "reference.symbols": N_("Letters and digits only: no spaces, symbols or line breaks. {bad}"),
    # Library
    "request.shortcode": N_("A shortcode is 5 to 7 digits."),
    "request.party_b": N_("Party B is a till or paybill number of 5 to 7 digits."),
    "request.transaction_type": N_("The transaction type is CustomerPayBillOnline or CustomerBuyGoodsOnline."),
    "request.callback_url": N_("The callback address must begin with https:// (http:// only on this machine)."),
    "request.description": N_("The description is at most 13 letters, digits and spaces."),
    "request.password": N_("Give the passkey, or a password together with its timestamp."),
    "request.timestamp": N_("A timestamp is 14 digits, YYYYMMDDHHMMSS."),
    "request.checkout_id": N_("A CheckoutRequestID is needed to ask for a result."),
    "client.environment": N_("The environment is sandbox or production (or give base_url)."),
    "client.base_url": N_("The address of the API must begin with https:// (http:// only on this machine)."),
    "client.credentials": N_("A consumer key and a consumer secret are needed."),
    "program.fault": N_(
        "Something went wrong inside the till ({where}: {kind}). Look at the sale before you do it again; the log has"
        " the details."
    ),
    "program.hangs": N_("The till did not close within three seconds. Close this window, then start the till again."),
    "secrets.no_answer": N_(
        "The password store does not answer. Unlock it, or allow a private file in Settings, then try again."
    ),
    # Attempts
    "attempt.not_ready": N_("This payment has already left the till."),
    "review.nothing": N_("Nothing of this sale is to check."),
    "attempt.not_unknown": N_("Only a payment that is not confirmed can be given up."),
    "sale.live_attempt": N_("This sale has a payment that may still be paid. Wait until it is settled."),
    "sale.said_paid": N_(
        "M-PESA said “paid” for this sale, and it is not cleared yet. Do not charge again: wait for the second answer, or look it up in the M-PESA statement and settle it."
    ),
    "sale.same_open": N_(
        "{reference} for this phone and amount is not confirmed yet. Check it before you charge again."
    ),
    "sale.other_due": N_("A part of this sale was paid since. Send again to ask for the rest."),
    "clock.behind": N_(
        "This PC's clock says {now}, and that cannot be: the newest entry is of {newest}. Set the date and time, then send again."
    ),
    "clock.wrong": N_("This PC's clock says {now}, M-PESA's says {right}. Set the date and time, then send again."),
    "review.no_reason": N_("Write what you found: it stays in the sale's history."),
    "review.listed": N_(
        "This money has come: {mpesa_code} stands among the payments to the till. Give it to this sale with F9."
    ),
    "sale.voided": N_("This sale was voided. Type it in anew."),
    "sale.not_voidable": N_("Only a sale that is not paid, and of which nothing can still be paid, can be voided."),
    "claim.empty": N_("Type the M-PESA code that the customer shows, for example TKN7RT61SV."),
    "claim.not_a_code": N_("This is not an M-PESA code: ten letters and digits, for example TKN7RT61SV."),
    "claim.not_open": N_("A code is noted only for a payment that is not known to be paid."),
    "claim.used": N_("This code is already used for sale {reference}, {time}. Do not hand over the goods."),
    # Payments made straight to the till
    "payment.unknown": N_("No such payment has been received. Do not hand over the goods."),
    "claim.noted": N_("This code stands at this sale already."),
    "payment.used": N_("This payment is already used for sale {reference} (paid {time}). Do not hand over the goods."),
    "payment.elsewhere": N_("This payment is already used at till {till}. Do not hand over the goods."),
    "payment.not_attached": N_("This payment was not given to a sale."),
    "payment.no_claim": N_(
        "The relay cannot be asked now, so another till might take this payment too. Try again in a moment."
    ),
    "payment.register_taken": N_(
        "Another system has registered this number before, and M-PESA keeps the first. Payments go there, not here."
        " To bring them here, have M-PESA's support remove that registration, then try again."
    ),
    "payment.register_refused": N_("M-PESA did not register the address: {text}"),
    "payment.no_relay": N_("Payments made straight to the till come through a relay. Set one in Settings, Relay."),
    "engine.too_late": N_("The till took too long to start, so nothing was sent. Send it again."),
    "engine.starting": N_("The till is still starting. Try again in a moment."),
    "engine.stopping": N_("The till is closing: this was not done."),
    "sale.wait_phone": N_("M-PESA needs a minute between two prompts to one phone. Wait {seconds} s."),
    "sale.wait_same_amount": N_(
        "M-PESA refuses the same amount to the same phone within two minutes. Wait {seconds} s."
    ),
    "sale.not_found": N_("There is no such sale."),
    "sale.already_paid": N_("This sale is paid."),
    "permission.missing": N_("Only the manager can do that, with the manager's PIN."),
    "command.unknown": N_("This till does not know how to do that. Is all of it the same version?"),
    "manager.pin": N_("A manager's PIN is 4 to 8 digits."),
    "manager.wrong_pin": N_("This is not the manager's PIN."),
    "manager.no_pin": N_("No manager's PIN is set. Set one in Settings, Shop."),
    # Settings
    "settings.broken": N_(
        "The settings file cannot be read (line {line}): {path}. Mend it, or move it away to start with new settings."
    ),
    "settings.invalid": N_("A setting is not valid: {field}."),
    "settings.newer": N_(
        "The settings file was written by a newer version of the till (format {found}): {path}. Update this program."
    ),
    "settings.unreadable": N_("The settings file cannot be read: {path}. Check the folder's permissions."),
    "settings.unwritable": N_(
        "The settings file cannot be written: {path}. Check the disk and the folder's permissions."
    ),
    "settings.missing": N_("M-PESA is not set up yet: {names} missing. Set it in Settings or by the environment."),
    "settings.base_url": N_("POS_APP_BASE_URL must begin with https:// (http:// only on this machine)."),
    "settings.callback_url": N_("POS_APP_CALLBACK_URL must begin with https:// (http:// only on this machine)."),
    "settings.relay_url": N_("The relay's address must begin with https:// (http:// only on this machine)."),
    "settings.relay_incomplete": N_("The relay needs an address, a till and a token; {names} missing."),
    "settings.environment": N_("POS_APP_ENVIRONMENT is practice, sandbox or production."),
    "settings.number": N_("{name} must be a number of seconds."),
    "settings.callback_words": N_("M-PESA refuses addresses with the word “{word}” in them."),
    "secrets.no_keyring": N_("There is no password store on this machine. Allow a private file instead, in Settings."),
    "secrets.file_open": N_("The file with the secrets can be read by others: {path}. Make it private (chmod 600)."),
    # Ledger
    "ledger.in_use": N_("The till is already open on this machine. Use that window, or close it first."),
    "ledger.newer": N_(
        "The ledger was written by a newer version of the till: {path}. Update this program; nothing was changed."
    ),
    "ledger.first_edition": N_(
        "The ledger is one of this program's first edition, which this one does not read: {path}. Nothing was changed. Run: pos-app doctor --set-aside. It lists what is open in it, puts it aside with its copies, and a new ledger begins."
    ),
    "first_edition.none": N_("There is no ledger of the first edition here. Nothing was changed."),
    "ledger.foreign": N_("This is not a ledger of the till: {path}. Nothing was changed."),
    "ledger.damaged": N_(
        "The ledger is damaged: {path}. It was left as it is. Restore the last good copy with: pos-app restore FILE (copies: {copies})."
    ),
    "ledger.read_only": N_(
        "The ledger cannot be written: {path}. Check the folder's permissions and that the disk is not write-protected."
    ),
    "ledger.disk_full": N_("The disk is full. Free some space; nothing was sent."),
    "ledger.locked": N_(
        "Another program holds the ledger (a backup program?). Wait until it has finished and try again."
    ),
    "ledger.vanished": N_(
        "The ledger is gone, but it was here: {path}. Put it back, or restore the last good copy with: pos-app restore FILE (copies: {copies})."
    ),
    "ledger.other_environment": N_(
        "This ledger belongs to another M-PESA (practice, sandbox and production never mix): {path}. Nothing was changed."
    ),
    "ledger.replaced": N_(
        "The ledger is not the one this till wrote last: its end is missing, or another file was put in its place: {path}. Put the right one back, take a copy with: pos-app restore FILE (copies: {copies}), or accept that the end is missing with: pos-app restore --accept-missing-end."
    ),
    "ledger.missing": N_("There is no ledger yet: no sale was made here."),
    "ledger.unreadable": N_("The ledger cannot be opened: {path}. Check the disk and the folder's permissions."),
    "ledger.key_missing": N_("The key to the phone numbers in the ledger is missing: {path}. Restore it from a copy."),
    # Files
    "file.unwritable": N_("The file cannot be written: {path}. Check the folder and the space on the disk."),
    "file.exists": N_("The file exists already: {path}. Choose another name."),
    "file.missing": N_("There is no such file: {path}."),
    "day.invalid": N_("A day is written YYYY-MM-DD, for example 2026-11-23."),
    "copy.other_environment": N_("This copy holds sales of {found}, not of {wanted}: {path}. Nothing was changed."),
    "copy.changed": N_(
        "This copy was changed after it was written ({row} {found}): {path}. Nothing was restored. Take an older copy, or insist with --even-if-changed."
    ),
    "copy.bad": N_("This copy is damaged or not a ledger: {path}. Nothing was changed."),
    # Network
    "relay.refused": N_("The relay does not accept this till's token. Pair the till again."),
    "relay.unreachable": N_("The relay cannot be reached. Payments go on, M-PESA is asked instead."),
    "relay.pairing": N_("This is not a pairing line. Copy the whole line that add-till printed."),
    "relay.store": N_("The relay cannot use its database: {path}. Check the disk and the folder's permissions."),
    "relay.postgres": N_("The relay cannot use its database on {server}: {detail}"),
    "relay.no_mailbox": N_(
        "There is no mailbox at {path}. Name the one that the service uses with --database, or let a till in first (add-till)."
    ),
    "relay.not_a_mailbox": N_("This is not a relay's mailbox: {path}. Nothing was changed."),
    "relay.address": N_(
        "A password in a database's address has @ written as %40, / as %2F, ? as %3F and # as %23; or leave it out and set PGPASSWORD."
    ),
    "relay.no_postgres": N_("PostgreSQL needs its library: install pos-app[relay]."),
    "relay.network": N_("{name} is neither an address nor a network (for example 10.0.0.0/8)."),
    "relay.retention": N_("Mail is kept for at least one day, and unread mail no shorter than read mail."),
    "relay.unknown_till": N_("The relay knows no such till."),
    "relay.name_taken": N_("There is already a till of this name."),
    "relay.till_name": N_("A till's name has letters, digits and dashes only, 32 at most."),
    # Printing
    "server.port": N_("Port {port} is taken or not allowed. Choose another one."),
    "engine.bug": N_(
        "A part of the till fell over ({part}). What is in the ledger is safe; start the till again. The log has the details."
    ),
    "engine.part_again": N_(
        "A part of the till fell over ({part}) and begins again by itself. What is in the ledger is safe. The log has the details."
    ),
    "engine.message": N_(
        "A message of the relay could not be read. It is kept, and reading goes on. The log has the details."
    ),
    "relay.clock": N_(
        "The relay's certificate is not valid at the time that this PC shows. Set this PC's date and time."
    ),
    "copy.whole": N_("Nothing is missing at the end of this ledger: {path}. Nothing was changed."),
    "copy.no_key": N_(
        "The key to this copy is missing ({key}): without it the till cannot open the copy. Nothing was changed. Find the key, or take another copy."
    ),
    "printer.none": N_("No printer is set. Choose one in Settings, or save the receipt as PDF."),
    "printer.address": N_("A printer's address is a host, host:port, or the path of a device such as /dev/usb/lp0."),
    "printer.cut_off": N_(
        "The printer took a part of the receipt and then failed ({detail}). What is printed next is a copy."
    ),
    "printer.no_answer": N_("The printer does not answer. It can be printed later from the sale."),
    "printer.paper": N_("This receipt cannot be made ({detail}). The printer is not at fault."),
    "printer.failed": N_("The printer did not take the receipt ({detail}). It can be printed later from the sale."),
}


def reason_of(error: PosError) -> str:
    """The sentence for an error, in the language in use."""
    return reason(error.code, error.params)


def reason(code: str, params: dict[str, str | int] | None = None) -> str:
    """The sentence for a code; a code without one is shown as it is."""
    text = REASONS.get(code)
    if text is None:
        return code
    values = dict(params or {})
    if "at_ms" in values:
        values["time"] = to_eat(int(values["at_ms"])).strftime("%d %b %H:%M")
    return _(text).format(**values).strip()
