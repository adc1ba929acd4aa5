"""Translations: gettext, needed by receipts and the command line as much as by the window."""

from __future__ import annotations

import gettext as _gettext
from typing import Final

from pos_app.common import paths

DOMAIN: Final = "pos_app"
LANGUAGES: Final = ("en", "sw")

_active: _gettext.NullTranslations = _gettext.NullTranslations()


def use_language(language: str) -> None:
    """Makes ``_`` speak a language; one without a catalogue speaks English."""
    global _active  # noqa: PLW0603 - the one switch of the whole process, set at start
    _active = _gettext.translation(
        DOMAIN, localedir=str(paths.resources() / "locale"), languages=[language], fallback=True
    )


def _(text: str) -> str:
    """The text in the language in use."""
    return _active.gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The singular or plural text for a count, in the language in use."""
    return _active.ngettext(one, many, count)


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate later"
    """Marks a text for translation where it is written; ``_`` translates it where it is shown."""
    return text
