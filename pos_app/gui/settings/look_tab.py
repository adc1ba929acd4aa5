"""How the window looks and sounds."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox

from pos_app.common.i18n import _
from pos_app.gui.settings.tab import Tab, choose, combo
from pos_app.gui.widgets.dress import label
from pos_app.settings.model import Settings, Theme


class LookTab(Tab):
    """Colours, language, sounds."""

    def __init__(self) -> None:
        super().__init__("look")
        self._theme = combo(
            "look_theme",
            _("Colours"),
            ((Theme.SYSTEM, _("As the system")), (Theme.LIGHT, _("Light")), (Theme.DARK, _("Dark"))),
        )
        self._language = combo("look_language", _("Language"), (("en", "English"), ("sw", "Kiswahili")))
        self._sounds = QCheckBox(_("Sounds for paid and not paid"))
        self._sounds.setObjectName("look_sounds")
        self.stack(
            label(_("Colours"), "label"), self._theme, label(_("Language"), "label"), self._language, self._sounds
        )

    def fill(self, settings: Settings) -> None:
        choose(self._theme, settings.look.theme)
        choose(self._language, settings.look.language)
        self._sounds.setChecked(settings.look.sounds)

    def put_into(self, settings: Settings) -> None:
        settings.look.theme = self._theme.currentData()
        settings.look.language = self._language.currentData()
        settings.look.sounds = self._sounds.isChecked()
