"""What is said of whole days."""

from __future__ import annotations

from collections.abc import Sequence

from pos_app.common.i18n import _

MOST_NAMED = 3


def changed_days(days: Sequence[str]) -> str:
    """That somebody holds a file of these days that is not the ledger's any more; empty for none."""
    if not days:
        return ""
    named = ", ".join(days[-MOST_NAMED:]) + ("…" if len(days) > MOST_NAMED else "")
    return _("Changed since it was exported: {days}. Export it again (F7).").format(days=named)
