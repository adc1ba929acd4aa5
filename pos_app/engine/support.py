"""A report for whoever helps: what the till is and how it fares, without secrets, phones or customers."""

from __future__ import annotations

import platform
import sys
import zipfile
from pathlib import Path
from typing import Final

from pos_app import __version__
from pos_app.common.clock import Clock, to_eat
from pos_app.common.errors import Outside, PosError
from pos_app.common.paths import Home, make_private
from pos_app.common.redact import redact
from pos_app.ledger.backups import copies_in
from pos_app.ledger.verify import verify
from pos_app.settings.model import Settings

LOG_LINES: Final = 400


def support_report(home: Home, settings: Settings, environment: str, clock: Clock) -> str:
    """The report as text, ready to be pasted into a message."""
    mpesa, relay = settings.mpesa, settings.relay
    lines = [
        f"till {__version__}, {to_eat(clock.now_ms()).isoformat(timespec='seconds')}",
        f"{platform.platform()}, Python {sys.version.split()[0]}",
        f"environment: {environment}, account: {mpesa.account}, shortcode set: {bool(mpesa.shortcode)}",
        f"callback: {'own address' if mpesa.callback_url else 'none'}, relay: {'set' if relay.url else 'none'}",
        f"printer: {'set' if settings.printing.printer else 'none'}, paper: {settings.printing.paper}",
        f"language: {settings.look.language}, secrets in a file: {settings.secrets_in_file}",
        *_ledger(home, environment),
    ]
    return redact("\n".join(lines))


def _ledger(home: Home, environment: str) -> list[str]:
    ledger = home.ledger_file(environment)
    copies = copies_in(home.copies(environment))
    lines = [f"copies: {len(copies)}, newest: {copies[0].name if copies else '-'}"]
    try:
        verdict = verify(ledger)
    except PosError as error:
        return [*lines, f"ledger: {error.code}"]
    lines.append(f"ledger: {verdict.sales} sales, {verdict.events} events, {len(verdict.findings)} findings")
    lines += [f"  {finding.check}: {finding.row}: {finding.found}" for finding in verdict.findings[:20]]
    return lines


def write_bundle(report: str, home: Home, clock: Clock) -> Path:
    """Report and the end of the log in one file, redacted once more.

    Returns:
        Where it is.

    Raises:
        Outside: ``file.unwritable``.
    """
    stamp = to_eat(clock.now_ms()).strftime("%Y%m%d-%H%M%S")
    target = home.data / f"support-{stamp}.zip"
    try:
        make_private(home.data)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("report.txt", report)
            for log in sorted(home.logs.glob("till.log*")):
                tail = log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
                bundle.writestr(f"{log.name}.txt", redact("\n".join(tail)))
        target.chmod(0o600)
    except OSError as error:
        raise Outside("file.unwritable", path=str(target)) from error
    return target
