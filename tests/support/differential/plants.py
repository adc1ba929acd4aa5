"""Bugs to plant in the program's side: the judge must see each. They name the program's own lines and go with them."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Plant:
    """One line of the program said otherwise.

    Args:
        place: ``module:function`` or ``module:Class.method``, below `pos_app`.
        line: What stands there, once.
        instead: What is put in its place.
        seed, steps: The shortest walk that was seen to find it.
    """

    name: str
    place: str
    line: str
    instead: str
    seed: int = 0
    steps: int = 120

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Plants it for a test."""
        module_name, _, path = self.place.partition(":")
        module: Any = importlib.import_module(f"pos_app.{module_name}")
        *owners, name = path.split(".")
        owner = module
        for step in owners:
            owner = getattr(owner, step)
        found = inspect.getattr_static(owner, name)
        function: Any = found.__func__ if isinstance(found, staticmethod) else found
        function = function.fget if isinstance(function, property) else function
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.line) == 1, f"{self.place} has no such line: renew the plant"
        made: dict[str, Any] = {}
        # No file's name: the room's coverage does not count it. The annotations stay words, as in the program.
        planted = f"from __future__ import annotations\n{source.replace(self.line, self.instead)}"
        exec(compile(planted, "<plant>", "exec"), function.__globals__, made)
        value = made[name]
        value = value.__func__ if isinstance(value, staticmethod) else value
        value = value.fget if isinstance(value, property) else value
        # In place: also where a table holds the function.
        monkeypatch.setattr(function, "__code__", value.__code__)


PLANTS = (
    Plant("what was said of money blocks nothing", "domain.stk.attempt:Attempt.speaks_of_money",
          "bool(self.review & OF_MONEY)", "False", seed=0, steps=4),
    Plant("one code pays two prompts", "ledger.stores.transactions:TransactionStore.is_taken",
          "return bool(row.reserved_by) or is_anothers or self._is_another_prompts(row, attempt)", "return False", seed=1, steps=14),
    Plant("a payment is given to a voided sale", "domain.sales.rules:_more_money", "if sale.sale.is_voided:", "if False:", seed=8, steps=27),
    Plant("too much is not flagged", "domain.sales.rules:allocate",
          "payment.amount_cents > sale.due_cents", "payment.amount_cents <= sale.due_cents", seed=0, steps=8),
    Plant("a late payment counts on the day it was heard", "ledger.stores.transactions:TransactionStore.arrive",
          "day_of(payment.paid_at_ms),", "day_of(now_ms),", seed=1, steps=6),
    Plant("late money counts on another day", "ledger.db:migrations", '.read_text("utf-8"))',
          '.read_text("utf-8").replace("WHERE day = NEW.day;", "WHERE day = (SELECT max(day) FROM day_totals);"))', seed=21, steps=15),
    Plant("late proof is not heard after giving up", "domain.stk.transitions:_callback_said_paid", "if attempt.state is S.PAID:",
          "if attempt.state is S.ABANDONED:\n        return Decision(attempt)\n    if attempt.state is S.PAID:", seed=32, steps=33),
    Plant("two answers at once prove a payment", "domain.stk.transitions:_query_said_paid",
          "if apart_ms < timing.confirm_gap_ms:", "if False:", seed=3, steps=58),
    Plant("a failure is final although paid was said", "domain.stk.transitions:_query_said_failed",
          "if _was_said_paid(attempt):", "if False:", seed=47, steps=30),
    Plant("a wrong amount is good enough", "domain.stk.transitions:_callback_said_paid",
          "event.amount_cents != attempt.amount_cents", "event.amount_cents < attempt.amount_cents", seed=1, steps=11),
    Plant("another prompt's callback counts", "domain.stk.transitions:_names_another_prompt", "return any(", "return all(", seed=0, steps=12),
    Plant("a message counts twice", "ledger.stores.messages:MessageStore.keep",
          "return None", "return digest", seed=6, steps=18),
    Plant("what is listed is settled as not there", "domain.sales.rules:refuse_settling",
          "not attempt.is_heard", "True", seed=50, steps=30),
    Plant("a prompt and its confirmation count as two", "ledger.stores.transactions:TransactionStore._prove",
          "self._release(listed.tender_id, event)", "pass", seed=9, steps=16),
    Plant("a payment that proves a prompt pays once more", "domain.sales.rules:allocate",
          "if is_code_missing and", "if False and", seed=10, steps=34),
    Plant("the whole amount is asked for again", "domain.sales.rules:next_prompt",
          "whole_shillings(sale.due_cents)", "whole_shillings(sale.sale.amount_cents)", seed=3, steps=43),
    Plant("the same amount may be prompted for after a minute", "ledger.writer:LedgerWriter._wait",
          "if amount == amount_cents", "if amount == -amount_cents", seed=2, steps=21),
    Plant("waits count from Enter", "ledger.writer:left_ms", "if left_at_ms is not None:", "if False:", seed=9, steps=10),
    Plant("another till's payment can be given away", "domain.sales.rules:free_payment",
          "if payment.use is Use.ELSEWHERE:", "if False:", seed=8, steps=65),
    Plant("what was heard is forgotten when its payment is taken back", "domain.sales.rules:deallocate",
          "attempt.heard_code == payment.mpesa_code or attempt.id in spoken_of", "False", seed=5, steps=98),
    Plant("a sale that received money is voided", "domain.sales.rules:_void",
          "sale.sale.received_cents > 0 or", "", seed=19, steps=9),
    Plant("the mailbox is never read from its beginning again", "ledger.stores.messages:MessageStore.note_cursor",
          "position = excluded.position", "position = max(position, excluded.position)", seed=4, steps=30),
    Plant("a code that a customer shows serves two sales", "domain.sales.rules:refuse_quoted_code",
          "if used_by is not None:", "if False:", seed=11, steps=52),
    Plant("the same sale is typed in twice", "ledger.writer:LedgerWriter._refuse_same_open",
          "if same is not None:", "if False:", seed=4, steps=23),
    Plant("what was being sent waits for its PIN after a restart", "domain.stk.transitions:_decide",
          "if attempt.state is S.SENDING else attempt", "if False else attempt", seed=5, steps=4),
    Plant("another code claimed for it is not noticed", "domain.stk.transitions:_claim_differs", "return not is_look_alike(",
          "return is_look_alike(", seed=4, steps=104),
)  # fmt: skip
