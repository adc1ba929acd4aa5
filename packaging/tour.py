"""A tour of the till on a (virtual) screen: the real window, real key presses, pictures of each step.

One sale paid, one cancelled and then paid by hand, a code checked, a receipt as PDF, the day as CSV: make tour
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QDialog, QWidget

WAIT_S = 20.0


class Guide:
    """Presses keys and buttons as a person would, by X events, and takes pictures."""

    def __init__(self, app: QApplication, folder: Path) -> None:
        self._app = app
        self._folder = folder
        self._number = 0

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Lets the program run until something is so."""
        ends = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > ends:
                self.picture("stuck")
                raise SystemExit(f"tour: waited {WAIT_S:.0f} s in vain for: {what}")
            self._app.processEvents()
            time.sleep(0.01)

    def rest(self, seconds: float) -> None:
        """Lets animations end before a picture."""
        ends = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > ends, "rest")

    def type(self, text: str) -> None:
        """Types."""
        self._xdotool("type", "--delay", "15", text)

    def key(self, *names: str) -> None:
        """Presses keys."""
        self._xdotool("key", "--delay", "30", *names)

    def click(self, widget: QWidget) -> None:
        """Clicks the middle of a widget."""
        spot = widget.mapToGlobal(QPoint(widget.width() // 2, widget.height() // 2))
        self._xdotool("mousemove", str(spot.x()), str(spot.y()), "click", "1")

    def back_to(self, window: QWidget) -> None:
        """After a dialog: a bare virtual screen has nobody who gives the focus back."""
        window.activateWindow()
        self.until(window.isActiveWindow, "the focus on the window")

    def picture(self, name: str) -> Path:
        """What the screen shows."""
        self.rest(0.2)
        self._number += 1
        target = self._folder / f"{self._number:02d}-{name}.png"
        self._app.primaryScreen().grabWindow(0).save(str(target))
        print(f"  {target}")
        return target

    def _xdotool(self, *words: str) -> None:
        process = subprocess.Popen(["xdotool", *words])
        self.until(lambda: process.poll() is not None, "xdotool")
        self._app.processEvents()


def child(parent: QWidget, name: str) -> QWidget:
    """A widget by its object name."""
    found = parent.findChild(QWidget, name)
    if found is None:
        raise SystemExit(f"tour: there is no {name}")
    return found


def dialog(window: QWidget, name: str) -> QDialog | None:
    """An open dialog by its object name."""
    return next(
        (found for found in window.findChildren(QDialog) if found.objectName() == name and found.isVisible()), None
    )


def tour(app: QApplication, folder: Path, width: int, height: int) -> None:
    """The whole tour."""
    from pos_app.common.i18n import _
    from pos_app.gui import theme
    from pos_app.gui.app import Program
    from pos_app.gui.main_window import MainWindow

    theme.load_fonts()
    program = Program(app)
    program.open()
    window = program.window
    if not isinstance(window, MainWindow):
        raise SystemExit("tour: the till did not open: " + child(window, "problemReason").text())
    window.setGeometry(0, 0, width, height)
    window.activateWindow()
    guide = Guide(app, folder)
    state = child(window, "currentState")
    light = child(window, "lightRelay")
    guide.until(lambda: "ms" in light.accessibleName(), "the practice M-PESA")
    guide.until(window.form.amount.line.hasFocus, "the focus on the amount")
    guide.picture("first-start")

    guide.type("1250")
    guide.key("Tab")
    guide.type("0712345678")
    guide.picture("typed")
    guide.key("Tab", "Return")
    guide.until(lambda: child(window, "phoneCancel").isEnabled(), "the prompt on the customer's phone")
    guide.picture("waiting-for-pin")
    for digit in "1234":
        guide.click(child(window, f"key_{digit}"))
    guide.click(child(window, "key_Pay"))
    guide.until(lambda: state.text() == _("Paid"), "paid")
    guide.until(lambda: window.day.model.rowCount() == 1, "the sale in the table")
    guide.rest(0.6)
    guide.picture("paid")

    guide.key("F2")
    guide.until(window.form.amount.line.hasFocus, "the focus on the amount")
    guide.type("300")
    guide.key("Tab")
    guide.type("0110222333")
    guide.key("Tab", "Return")
    guide.until(lambda: child(window, "phoneCancel").isEnabled(), "the second prompt")
    guide.click(child(window, "phoneCancel"))
    guide.until(lambda: state.text() == _("Cancelled"), "cancelled")
    guide.rest(0.6)
    guide.picture("cancelled")

    for key in ("3", "0", "0", "Pay"):
        guide.click(child(window, f"key_{key}"))
    guide.until(lambda: child(window, "notice").isVisible(), "the word of a payment straight to the till")
    guide.key("F9")
    guide.until(lambda: dialog(window, "inboxDialog") is not None, "the payments straight to the till")
    inbox = dialog(window, "inboxDialog")
    inbox.move(140, 60)
    guide.until(child(inbox, "attachPayment").isEnabled, "a sale it may be for")
    guide.picture("payments")
    guide.click(child(inbox, "attachPayment"))
    guide.until(lambda: state.text() == _("Paid"), "paid by hand")
    inbox.close()
    guide.back_to(window)
    guide.key("F4")
    guide.until(lambda: dialog(window, "inboxDialog") is not None, "the check of a code")
    inbox = dialog(window, "inboxDialog")
    inbox.move(140, 60)
    guide.back_to(inbox)
    guide.type("TKN7RT61SV")
    guide.key("Return")
    guide.until(lambda: child(inbox, "codeWord").isVisible(), "what is known of the code")
    guide.picture("code")
    inbox.close()
    guide.back_to(window)

    guide.key("F2")
    guide.until(window.form.amount.line.hasFocus, "the focus on the amount")
    guide.type("1e3")
    guide.key("Tab")
    guide.type("0202222222")
    guide.key("Tab")
    guide.picture("wrong-input")
    window.form.amount.line.clear()
    window.form.phone.line.clear()

    window.day.select_sale(1)
    guide.key("F6")
    guide.until(lambda: dialog(window, "receiptDialog") is not None, "the receipt")
    receipt = dialog(window, "receiptDialog")
    receipt.move(120, 40)
    guide.picture("receipt")
    pdf = folder / "receipt.pdf"
    receipt.save_to(pdf)
    guide.until(pdf.exists, "the PDF")
    guide.rest(0.3)
    receipt.close()
    guide.back_to(window)

    window.open_sale(1)
    guide.until(
        lambda: (found := dialog(window, "saleDialog")) is not None and _("Paid") in child(found, "saleState").text(),
        "the sale in full",
    )
    dialog(window, "saleDialog").move(160, 60)
    guide.picture("sale")
    dialog(window, "saleDialog").close()

    guide.until(lambda: dialog(window, "saleDialog") is None, "the dialog closed")
    guide.back_to(window)
    guide.key("F7")
    guide.until(lambda: dialog(window, "exportDialog") is not None, "the export dialog")
    export = dialog(window, "exportDialog")
    export.move(160, 120)
    target = folder / "day.csv"
    child(export, "exportFile").setText(str(target))
    guide.click(child(export, "exportStart"))
    guide.until(target.exists, "the CSV")
    guide.until(lambda: str(target) in child(export, "exportMessage").text(), "the export's word")
    guide.picture("export")
    export.close()
    guide.back_to(window)

    guide.key("ctrl+comma")
    guide.until(lambda: dialog(window, "settingsDialog") is not None, "the settings")
    settings = dialog(window, "settingsDialog")
    settings.move(160, 40)
    tabs = child(settings, "settingsTabs")
    for number in range(tabs.count()):
        tabs.setCurrentIndex(number)
        guide.picture(f"settings-{number + 1}")
    settings.close()
    guide.rest(0.2)
    window.close_without_asking()
    program.close()
    print(f"  {pdf}\n  {target}")


def main() -> None:
    """Reads the arguments and goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("build/tour"))
    parser.add_argument("--size", default="1366x768")
    arguments = parser.parse_args()
    folder: Path = arguments.out.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["POS_APP_HOME"] = str(folder / "home")
    os.environ["POS_APP_ENVIRONMENT"] = "practice"
    width, height = (int(part) for part in arguments.size.split("x"))
    app = QApplication(sys.argv[:1])
    tour(app, folder, width, height)
    print("tour: one sale paid, one cancelled and paid by hand, a code checked, a receipt, the day exported")


if __name__ == "__main__":
    main()
