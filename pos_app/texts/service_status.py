"""The words of a service's status: one for beside its light, a sentence for its tooltip."""

from __future__ import annotations

from pos_app.common.clock import to_eat
from pos_app.common.i18n import N_, _, ngettext
from pos_app.texts.errors import REASONS
from pos_app.texts.outcomes import WORDS

_STATUS_TEXTS: dict[str, tuple[str, str]] = {
    "mpesa.set_up": (N_("ready"), N_("M-PESA is set up.")),
    "mpesa.ready": (N_("ready"), N_("M-PESA answers.")),
    "mpesa.missing": (N_("not set up"), N_("M-PESA is not set up: {detail} missing. Open Settings.")),
    "mpesa.throttled": (N_("busy"), N_("M-PESA asks this till to slow down; answers take longer.")),
    "mpesa.clock": (N_("clock wrong"), N_("This PC's clock is wrong by {detail} minutes. Set the date and time.")),
    "relay.ready": (N_("{detail} ms"), N_("The relay answers in {detail} ms; results arrive at once.")),
    "relay.heard": (
        N_("{detail} ms"),
        N_("The relay answers in {detail} ms; results arrive at once. The last message came at {at}."),
    ),
    "relay.off": (N_("off"), N_("No relay is set. M-PESA is asked for results instead.")),
    "relay.unreachable": (N_("away"), REASONS["relay.unreachable"]),
    "relay.clock": (N_("clock wrong"), REASONS["relay.clock"]),
    "engine.part_again": (
        N_("restarted"),
        N_("A part of the till fell over ({detail}) and begins again by itself. The log has the details."),
    ),
    "relay.refused": (N_("refused"), REASONS["relay.refused"]),
    "relay.not_understood": (N_("error"), N_("The relay's answer is not understood. Check its address.")),
    "printer.ready": (N_("ready"), N_("The printer {detail} is set.")),
    "printer.off": (N_("none"), N_("No printer is set. Receipts can be saved as PDF.")),
    "printer.busy": (N_("printing"), N_("A receipt is being printed.")),
    "printer.bad": (N_("failed"), N_("The last receipt was not printed: {detail}. Print it again from its sale.")),
    "ledger.no_copy": (
        N_("no copy"),
        N_("Today's copy of the ledger could not be made. Check the space on the disk; selling goes on."),
    ),
    "ledger.ready": (N_("ready"), N_("The ledger can be written again.")),
}


def status_text(code: str, detail: str = "", at_ms: int | None = None) -> tuple[str, str]:
    """A word for beside the light and a sentence for its tooltip."""
    at = to_eat(at_ms).strftime("%H:%M") if at_ms is not None else ""
    found = _STATUS_TEXTS.get(code)
    if found is not None:
        return _(found[0]).format(detail=detail), _(found[1]).format(detail=detail, at=at)
    kind = code.partition(".")[2]
    for outcome, words in WORDS.items():
        if outcome.value == kind:
            return words.word, words.meaning
    sentence = _(REASONS[code]) if code in REASONS else code
    return _("error"), sentence.replace("{path}", "").replace("{copies}", "")


def mailbox_begun(passed_over: int, at_ms: int) -> str:
    """From when on a new ledger reads its mailbox."""
    at = to_eat(at_ms).strftime("%Y-%m-%d %H:%M")
    if not passed_over:
        return _("This is a new ledger. It reads the mailbox from {at}.").format(at=at)
    text = ngettext(
        "This is a new ledger. It reads the mailbox from {at}: {count} message before that belongs to the one set aside.",
        "This is a new ledger. It reads the mailbox from {at}: {count} messages before that belong to the one set aside.",
        passed_over,
    )
    return text.format(at=at, count=passed_over)
