"""A till that sells without pause until it is killed: the process that the torture ends with -9.

    python tests/torture/till.py sell   --step STEP --sales N --first N [--plant BUG]
    python tests/torture/till.py follow | listen

What its judge goes by is printed: each sale that it accepted before anything else is done, each act of a person
before it is done and again after it, each receipt before it is noted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fakes.people import Anyone, People
from torture.steps import PLANTS, STEPS

from pos_app.cli.lines import sale_json
from pos_app.common import paths
from pos_app.common.errors import Mistake, Outside
from pos_app.daraja.client import AsyncMpesaClient
from pos_app.domain.printing.receipt import Receipt
from pos_app.domain.sales.sale import Draft
from pos_app.domain.staff.actor import Actor
from pos_app.domain.stk import schedule
from pos_app.domain.stk.attempt import Attempt, Review
from pos_app.domain.stk.effects import News
from pos_app.domain.values.money import parse_amount, shillings_of
from pos_app.domain.values.order_reference import parse_reference
from pos_app.domain.values.phone import parse_phone
from pos_app.engine.context import SalesContext
from pos_app.engine.engine import Engine
from pos_app.engine.services import relay_reader
from pos_app.engine.services.stk_sender import StkSender
from pos_app.engine.updates import Announced, Update
from pos_app.exports.sales import Format, export
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.writer import LedgerWriter
from pos_app.receipts.layout import lay_out
from pos_app.receipts.paper import PaperKind
from pos_app.receipts.printers import printer_for
from pos_app.receipts.thermal_printer import ThermalPrinter
from pos_app.settings.effective import access
from pos_app.settings.model import Settings
from pos_app.settings.secrets import FileStore


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


class Fuse:
    """Lets a step pass a few times, then ends the process in it."""

    def __init__(self, passes: int) -> None:
        self._left = passes

    def holds(self) -> bool:
        """Burns it, and says that it is not at its end."""
        self.burn()
        return True

    def burn(self) -> None:
        self._left -= 1
        if self._left < 0:
            die()


def lay(step: str, passes: int) -> None:
    """Puts the end of the process into one step."""
    fuse = Fuse(passes)
    if step == "after_journal":
        _after(StkSender, "_push", fuse, before=True)
    elif step == "bytes_left":
        from pos_app.common import http

        real = http.SendTracker.note

        def note(self: Any, name: str, info: Any) -> None:
            real(self, name, info)
            if name.endswith("send_request_body.complete"):
                fuse.burn()

        http.SendTracker.note = note  # type: ignore[method-assign]
    elif step == "after_answer":
        _after(AsyncMpesaClient, "stk_push", fuse, before=False)
    elif step == "printing":
        # Half of the receipt is with the printer when the power goes.
        def half(self: ThermalPrinter, content: bytes) -> None:
            with socket.create_connection((self._host, self._port)) as printer:
                printer.sendall(content[: len(content) // 2])
                fuse.burn()
                printer.sendall(content[len(content) // 2 :])

        ThermalPrinter._send = half  # type: ignore[method-assign]
    elif step == "in_commit":
        real_init = LedgerWriter.__init__

        def opened(self: LedgerWriter, *args: Any) -> None:
            real_init(self, *args)
            self._unit.db.set_trace_callback(lambda sql: fuse.burn() if sql.startswith("COMMIT") else None)

        LedgerWriter.__init__ = opened  # type: ignore[method-assign,assignment]


def _after(owner: type, name: str, fuse: Fuse, *, before: bool) -> None:
    real = getattr(owner, name)

    async def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if before:
            fuse.burn()
        result = await real(self, *args, **kwargs)
        if not before:
            fuse.burn()
        return result

    setattr(owner, name, wrapped)


class Till:
    """One run."""

    def __init__(self, on_paid: Callable[[Attempt], None]) -> None:
        reached = access(Settings(), FileStore(Path("/nonexistent")))
        self.ledger = paths.home().ledger_file(reached.environment)
        self._on_paid = on_paid
        self.engine = Engine(
            self.ledger, reached, SalesContext("Asha", "Till 1"), self._on_update, authenticator=Anyone()
        )
        self.people = People(self.engine, Actor("Asha"))

    async def start(self) -> None:
        await self.engine.open()
        await self.engine.start()

    def _on_update(self, event: Update) -> None:
        if isinstance(event, Announced) and event.news is News.PAID:
            self._on_paid(event.attempt)


async def sell(arguments: argparse.Namespace) -> None:
    printed: list[Attempt] = []
    till = Till(printed.append)
    await till.start()
    say(started=True)
    people = asyncio.create_task(do_as_people_do(till, random.Random(arguments.first)))
    people.add_done_callback(lambda done: None if done.cancelled() else done.result())
    if arguments.step == "exporting":
        threading.Thread(target=_export_for_ever, args=(till.ledger, arguments.passes), daemon=True).start()
    for number in range(arguments.first, arguments.first + arguments.sales):
        draft = Draft(
            parse_amount(str(number % 900 + 1)), parse_phone(f"0700{number:06d}"), parse_reference(f"T{number}")
        )
        attempt = await till.people.request(draft)
        say(accepted=attempt.sale_id, reference=draft.reference, amount=shillings_of(draft.amount_cents))
        await asyncio.sleep(0.02)
        await _print_receipts(till, printed)
    while True:
        await asyncio.sleep(0.02)
        await _print_receipts(till, printed)


async def do_as_people_do(till: Till, chance: random.Random) -> None:
    """A cashier and a manager in a hurry: sends again, gives up, voids, settles, gives payments to sales and takes back."""
    # Nobody at this counter waits for two minutes; M-PESA's own rule about them stands.
    schedule.PHONE_WAIT_MS = schedule.SAME_AMOUNT_WAIT_MS = 0
    people = till.people
    while True:
        await asyncio.sleep(chance.uniform(0.01, 0.08))
        with contextlib.closing(LedgerReader(till.ledger)) as reader:
            found = list(reader.ids(day=None))[:24]
            looked = time.monotonic()
            row = reader.sale(chance.choice(found)) if found else None  # type: ignore[arg-type]
            free = reader.free_payments()
        if row is None:
            continue
        sale, attempt = row.sale.id, row.attempt.id
        wishes: list[tuple[str, Callable[[], Any]]] = [
            ("sent again", partial(people.send_again, sale)),
            ("sent again", partial(people.send_again, sale)),
            ("checked", partial(people.check_now, attempt)),
            ("withdrawn", partial(people.withdraw, attempt)),
            ("given_up", partial(people.give_up, attempt, "the customer left")),
            ("voided", partial(people.void, sale, "the customer left")),
        ]
        if row.reasons:
            wishes.append(("review_settled", partial(people.settle_review, sale, "not in the statement")))
        if free:
            wishes += [("attach", partial(people.allocate, chance.choice(free).mpesa_code, sale))] * 2
        if row.codes and not row.attempt.mpesa_code:
            wishes.append(("detach", partial(people.deallocate, row.codes[0], "another sale's")))
        act, wish = chance.choice(wishes)
        say(act=act, sale=sale, looked=looked, at=time.monotonic(), row=sale_json(row))
        acted = "failed"
        with contextlib.suppress(Mistake, Outside):
            try:
                await wish()
                acted = "done"
            except Mistake:
                acted = "refused"
        say(acted=acted, at=time.monotonic())


async def _print_receipts(till: Till, printed: list[Attempt]) -> None:
    """As the window does it: first the paper, then the note that there is one."""
    printer = os.environ.get("TORTURE_PRINTER")
    while printed and printer:
        attempt = printed.pop()
        receipt = Receipt(
            shop="Shop", till_label="Till 1", cashier="Asha", header="", footer="", day="2026-11-24", time="10:00",
            sale=attempt.sale_id, reference=attempt.reference, phone_masked=attempt.phone_masked,
            amount_cents=attempt.amount_cents, mpesa_codes=(attempt.mpesa_code,) if attempt.mpesa_code else (),
            received_cents=attempt.amount_cents,
        )  # fmt: skip
        await asyncio.to_thread(printer_for(printer).print, lay_out(receipt), PaperKind.MM80)
        say(receipt=attempt.sale_id)
        await till.people.note_receipt(attempt.sale_id, "paper")


def _export_for_ever(ledger: Path, passes: int) -> None:
    fuse = Fuse(passes * 3)
    while True:
        with contextlib.closing(LedgerReader(ledger)) as reader:
            target = ledger.parent / "exports" / "day.csv"
            export(reader, "2000-01-01", "2999-12-31", Format.CSV, target, lambda _progress: fuse.holds())


async def follow() -> None:
    """What the next start does, and `pos-app follow`: until nothing more is to be had."""
    till = Till(lambda _attempt: None)
    await till.start()
    await till.people.recheck_closed()
    async with asyncio.timeout(60):
        while not (till.engine.is_at_rest or _only_unknowable(till)):
            await asyncio.sleep(0.02)
    await till.engine.stop()


async def listen() -> None:
    """Reads its mailbox until it is killed, with short pauses: it meets more of the storm."""
    relay_reader.LONGEST_PAUSE_S = relay_reader.LONGEST_PAUSE_WHILE_WELL_S = 0.3  # type: ignore[misc]
    till = Till(lambda _attempt: None)
    await till.start()
    await asyncio.Event().wait()


def _only_unknowable(till: Till) -> bool:
    """What has no number to ask by, and no mail any more, stays unknown, and what M-PESA contradicted: that is the truth."""
    mailbox = till.engine._parts.relay_reader
    has_read = mailbox is not None and mailbox.has_looked
    return has_read and all(
        attempt.checkout_request_id is None or Review.CONTRADICTION in attempt.review
        for attempt in till.engine.following
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("sell", "follow", "listen"))
    parser.add_argument("--step", choices=STEPS, default="random")
    parser.add_argument("--passes", type=int, default=0)
    parser.add_argument("--sales", type=int, default=6)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--plant", choices=PLANTS)
    arguments = parser.parse_args()
    if arguments.plant:
        from torture.plants import plant

        plant(arguments.plant)
    if arguments.what == "follow":
        asyncio.run(follow())
    elif arguments.what == "listen":
        asyncio.run(listen())
    else:
        lay(arguments.step, arguments.passes)
        asyncio.run(sell(arguments))


if __name__ == "__main__":
    main()
