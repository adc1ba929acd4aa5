"""Qt's own buttons in the till's language: Qt brings no Swahili."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTranslator

from pos_app.common.i18n import N_, _

_WORDS: Final = {
    "OK": N_("OK"),
    "Cancel": N_("Cancel"),
    "Yes": N_("Yes"),
    "No": N_("No"),
    "Close": N_("Close"),
    "Save": N_("Save"),
    "Open": N_("Open"),
    "Discard": N_("Discard"),
    "Apply": N_("Apply"),
    "Reset": N_("Reset"),
    "Help": N_("Help"),
    "Retry": N_("Retry"),
    "Ignore": N_("Ignore"),
    "Abort": N_("Abort"),
}
_CONTEXTS: Final = frozenset({"QPlatformTheme", "QDialogButtonBox", "QMessageBox"})


class QtTranslator(QTranslator):
    """Answers for the words of Qt's standard buttons."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)

    def isEmpty(self) -> bool:
        """Qt does not install a translator that says it is empty."""
        return False

    def translate(self, context: str, source_text: str, _disambiguation: str | None = None, _n: int = -1) -> str:
        """Qt's word in the language in use; an empty text where it is none of ours."""
        word = _WORDS.get(source_text.replace("&", "")) if context in _CONTEXTS else None
        return _(word) if word is not None else ""
