"""Drives the till as a screen reader's user does: by what AT-SPI tells and takes, and by nothing else.

Run by the system's own Python, which has the library (python3-pyatspi), on a screen and a session bus of its own:

    screen_reader.py PROGRAM…
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyatspi
from gi.repository import GLib

WITHIN_S = 30.0
Node = Any


class Reader:
    """Finds things by role and name among what is shown."""

    def __init__(self, till: subprocess.Popen[bytes]) -> None:
        self._till = till
        self.said: list[str] = []
        pyatspi.Registry.registerEventListener(self._hear, "object:announcement")

    def _hear(self, event: Any) -> None:
        self.said.append(str(event.any_data))

    def program(self) -> Node | None:
        desktop = pyatspi.Registry.getDesktop(0)
        for number in range(desktop.childCount):
            found = desktop.getChildAtIndex(number)
            if found is not None and found.get_process_id() == self._till.pid:
                return found
        return None

    def shown(self, node: Node | None = None) -> Iterator[Node]:
        """All that is shown, from the top."""
        node = node or self.program()
        for number in range(node.childCount if node is not None else 0):
            child = node.getChildAtIndex(number)
            if child is None or not child.getState().contains(pyatspi.STATE_SHOWING):
                continue
            yield child
            yield from self.shown(child)

    def find(self, role: str, name: str) -> Node | None:
        return next((node for node in self.shown() if node.getRoleName() == role and node.name.startswith(name)), None)

    def until(self, found: Callable[[], Any], what: str) -> Any:
        """Waits until something is there; hears what is said meanwhile."""
        ends = time.monotonic() + WITHIN_S
        while True:
            try:
                value = found()
            except Exception:  # noqa: BLE001 - a widget that goes while it is looked at
                value = None
            if value:
                return value
            if self._till.poll() is not None or time.monotonic() > ends:
                tree = "\n".join(f"{node.getRoleName()} {node.name!r}" for node in self.shown())
                raise SystemExit(f"waited in vain for: {what}\nheard: {self.said}\n{tree}")
            time.sleep(0.05)
            while GLib.MainContext.default().iteration(False):
                pass
            pyatspi.Registry.pumpQueuedEvents()

    def press(self, name: str, role: str = "push button") -> None:
        def sensitive() -> Node | None:
            node = self.find(role, name)
            return node if node is not None and node.getState().contains(pyatspi.STATE_SENSITIVE) else None

        node = self.until(sensitive, f"{role} {name!r}")
        actions = node.queryAction()
        names = [actions.getName(number) for number in range(actions.nActions)]
        actions.doAction(next(number for number, each in enumerate(names) if each.lower() in ("press", "toggle")))

    def type(self, name: str, text: str) -> None:
        field = self.until(lambda: self.find("text", name), f"the field {name!r}")
        field.queryEditableText().setTextContents(text)

    def dial(self, digits: str, read: str) -> None:
        """On the customer's phone, each once the one before was taken: a button that is still down takes no press.

        Args:
            read: What stands there after each, with `{typed}` and `{count}`.
        """
        for count in range(1, len(digits) + 1):
            self.press(digits[count - 1])
            self.read(read.format(typed=digits[:count], count=count))

    def read(self, text: str) -> None:
        """Waits until something that is shown says this."""
        self.until(lambda: any(text in node.name for node in self.shown()), f"the words {text!r}")

    def announced(self, text: str) -> None:
        self.until(lambda: any(text in said for said in self.said), f"the announcement {text!r}")


def go(reader: Reader) -> None:
    """A sale, its receipt, a payment straight to the till and F9: and the roles of what was met."""
    reader.until(lambda: reader.find("frame", ""), "the window as a frame")
    reader.until(lambda: reader.find("radio button", "To check"), "the filters as a group of choices")
    for role, name in (("combo box", "Show"), ("filler", "Till")):
        if reader.find(role, name):
            raise SystemExit(f"a hidden twin is read aloud: {role} {name!r}")
    reader.read("Relay: ")

    reader.type("Amount", "1250")
    reader.type("Phone", "0712345678")
    reader.press("Request payment")
    reader.read("Waiting for PIN")
    reader.announced("Waiting for PIN")
    reader.until(lambda: any(node.name.endswith("seconds left") for node in reader.shown()), "what the ring says")
    reader.dial("1234", "{count} digit")
    reader.press("Pay")
    reader.announced("Paid")
    reader.until(lambda: reader.find("table cell", "1,250"), "the sale in the table")
    print("sale")

    reader.press("Receipt…")
    reader.until(lambda: reader.find("dialog", "Receipt"), "the receipt's dialog")
    reader.press("Print")
    reader.read("Handed to the printer.")
    reader.press("Close")
    reader.until(lambda: reader.find("dialog", "Receipt") is None, "the receipt closed")
    print("receipt")

    reader.type("Amount", "300")
    reader.type("Phone", "0110222333")
    reader.press("Request payment")
    reader.press("Cancel request")
    reader.announced("Cancelled")
    reader.dial("300", "KSh {typed}")
    reader.press("Pay")
    reader.announced("came straight to the till")
    reader.press("F9")
    reader.until(lambda: reader.find("dialog", ""), "the dialog of payments")
    reader.press("Add to this sale")
    reader.until(lambda: reader.find("label", "Paid"), "the sale is paid by it")
    print("payment straight to the till")


def main() -> None:
    """Ends with 1 and with what was shown at the first thing that a screen reader's user would miss."""
    till = subprocess.Popen(sys.argv[1:])
    try:
        reader = Reader(till)
        reader.until(lambda: (found := reader.program()) is not None and found.childCount, "the program on the bus")
        go(reader)
    finally:
        till.terminate()
        till.wait(30)


if __name__ == "__main__":
    main()
