"""The first edition's side."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from first_edition.clock import day_of
from first_edition.domain import events as ev
from first_edition.domain.attempt import Attempt, SaleId
from first_edition.domain.commands import Announce, Command
from first_edition.domain.money import Cents
from first_edition.domain.outcome import Outcome, OutcomeKind
from first_edition.domain.phone import Msisdn
from first_edition.domain.reference import Reference
from first_edition.domain.sale import Draft, SaleSummary
from first_edition.domain.till_payment import TillPayment, claim_subject
from first_edition.errors import Bug, Mistake
from first_edition.ledger.reader import Filter, LedgerReader
from first_edition.ledger.verify import verify
from first_edition.ledger.writer import Applied, Cursor, LedgerWriter, token_hash

from differential.acts import GIVEN_BY, MAILBOX, REASON, Act, Answer, Observation


class Ledger:
    """A ledger in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.sqlite3"
        self._attempts: dict[str, Any] = {}
        self._sales: dict[str, Any] = {}
        self._codes: set[str] = set()
        self._days: set[str] = set()
        self._open()

    def _open(self) -> None:
        self._writer = LedgerWriter(self._path)
        self._reader = LedgerReader(self._path)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    # Acts

    def do(self, act: Act) -> Answer:
        """Carries out an act; a refusal is an answer."""
        given = dict(act)
        try:
            return getattr(self, f"_{given.pop('act')}")(**given) or {}
        except Mistake as error:
            return {"refused": error.code} | self._named(error.params)
        except Bug as error:
            return {"bug": error.code}
        except sqlite3.IntegrityError as error:
            return {"crashed": type(error).__name__}

    def _named(self, params: dict[str, Any]) -> dict[str, Any]:
        """The values of a refusal, with names in place of numbers; an attempt's state beside it is for the log."""
        named = {name: value for name, value in params.items() if name != "state"}
        if "sale" in named:
            named["sale"] = self._name(self._sales, named["sale"])
        if "attempt" in named:
            named["attempt"] = self._name(self._attempts, named["attempt"])
        return named

    @staticmethod
    def _name(names: dict[str, Any], number: object) -> str:
        return next(name for name, known in names.items() if known == number)

    def _told(self, applied: Iterable[Applied]) -> Answer:
        follows = [self._command(command) for one in applied for command in one.commands]
        # The same news twice in one answer is one piece of news: a payment with one code rings once now (decision 0015).
        return {"follows": list(dict.fromkeys(follows))}

    @staticmethod
    def _command(command: Command) -> str:
        return f"announce {command.news.value}" if isinstance(command, Announce) else type(command).__name__

    def _apply(self, attempt: str, event: ev.Event, at: int) -> Answer:
        return self._told([self._writer.apply(self._attempts[attempt], event, at)])

    def _record_sale(self, token: str, amount: int, phone: str, reference: str, anyway: bool, at: int) -> Answer:
        self._days.add(day_of(at))
        draft = Draft(Cents(amount), Msisdn(phone), Reference(reference))
        made = self._writer.record_sale(draft, token, at, cashier=GIVEN_BY, till_label="Till 1", anyway=anyway)
        self._sales[token], self._attempts[token] = made.sale_id, made.id
        return {"asks": made.amount_cents}

    def _record_attempt(self, sale: str, token: str, phone: str | None, at: int) -> Answer:
        made = self._writer.record_attempt(
            self._sales[sale], token, at, msisdn=Msisdn(phone) if phone is not None else None
        )
        self._attempts[token] = made.id
        return {"asks": made.amount_cents}

    def _send(self, attempt: str, at: int) -> Answer:
        return self._apply(attempt, ev.SendRequested(), at)

    def _accepted(self, attempt: str, merchant: str, checkout: str, left: int | None, at: int) -> Answer:
        return self._apply(attempt, ev.PushAccepted(merchant, checkout, left), at)

    def _not_sent(self, attempt: str, outcome: Any, at: int) -> Answer:
        return self._apply(attempt, ev.PushNotSent(_outcome(outcome)), at)

    def _refused(self, attempt: str, outcome: Any, left: int | None, at: int) -> Answer:
        return self._apply(attempt, ev.PushRefused(_outcome(outcome), left), at)

    def _lost(self, attempt: str, outcome: Any, checkout: str | None, left: int | None, at: int) -> Answer:
        return self._apply(attempt, ev.PushLost(_outcome(outcome), None, checkout, left), at)

    def _asked(self, attempt: str, at: int) -> Answer:
        return self._apply(attempt, ev.Asked(), at)

    def _query(self, attempt: str, outcome: Any, apart: int | None, at: int) -> Answer:
        return self._apply(attempt, ev.QueryAnswered(_outcome(outcome), apart), at)

    def _query_refused(self, attempt: str, at: int) -> Answer:
        return self._apply(attempt, ev.QueryRefused(), at)

    def _deadline(self, attempt: str, at: int) -> Answer:
        return self._apply(attempt, ev.DeadlinePassed(), at)

    def _withdraw(self, attempt: str, at: int) -> Answer:
        return self._apply(attempt, ev.Withdrawn(), at)

    def _give_up(self, attempt: str, at: int) -> Answer:
        return self._apply(attempt, ev.GivenUp(GIVEN_BY, REASON), at)

    def _claim(self, attempt: str, code: str, at: int) -> Answer:
        return self._apply(attempt, ev.CodeClaimed(code, GIVEN_BY), at)

    def _receipt(self, attempt: str, at: int) -> Answer:
        return self._apply(attempt, ev.ReceiptMade("paper"), at)

    def _used_elsewhere(self, attempt: str, till: str, at: int) -> Answer:
        return self._apply(attempt, ev.CodeUsedElsewhere(till), at)

    def _reserved(self, attempt: str, at: int) -> None:
        number = self._attempts[attempt]
        # The engine notes what it was given to reserve, and nothing else.
        if number in [one for one, _code in self._writer.codes_to_reserve(0)]:
            self._writer.note_reserved(number)

    def _void(self, sale: str, at: int) -> Answer:
        last = self._writer.last_attempt_of(self._sales[sale])
        return self._told([self._writer.apply(last.id, ev.SaleVoided(GIVEN_BY, REASON), at)])

    def _settle(self, sale: str, at: int) -> Answer:
        return self._told(self._writer.settle_review(self._sales[sale], GIVEN_BY, REASON, at))

    def _callback(
        self, token: str, body: str, position: int, outcome: Any, merchant: str | None, checkout: str | None,
        amount: int | None, code: str | None, at: int,
    ) -> Answer:  # fmt: skip
        cents = Cents(amount) if amount is not None else None
        event = ev.CallbackArrived(_outcome(outcome), merchant, checkout, cents, code)
        return self._taken(token, body, position, event, at)

    def _unclear(
        self, token: str, body: str, position: int, checkout: str | None, amount: int | None, code: str | None, at: int
    ) -> Answer:
        cents = Cents(amount) if amount is not None else None
        return self._taken(token, body, position, ev.CallbackUnclear(cents, code, checkout), at)

    def _taken(
        self, token: str, body: str, position: int, event: ev.CallbackArrived | ev.CallbackUnclear, at: int
    ) -> Answer:
        applied = self._writer.take_callback(
            token_digest=token_hash(token), body=body.encode(), event=event, now_ms=at, cursor=_cursor(position)
        )
        return self._told([applied]) if applied is not None else {"taken": False}

    def _pass_over(self, token: str, body: str, position: int, at: int) -> None:
        self._writer.pass_over(token_hash(token), body.encode(), at, _cursor(position))

    def _payment(
        self, code: str, amount: int, paid: int, name: str, phone: str, account: str, body: str, position: int, at: int
    ) -> Answer:
        self._codes.add(code)
        self._days.add(day_of(paid))
        return self._paid(TillPayment(code, Cents(amount), paid, name, phone, account), body, position, at)

    def _unreadable_payment(self, body: str, position: int, at: int) -> Answer:
        return self._paid(None, body, position, at)

    def _paid(self, payment: TillPayment | None, body: str, position: int, at: int) -> Answer:
        taken = self._writer.take_payment(
            token_digest=token_hash("payments"), body=body.encode(), payment=payment, now_ms=at,
            cursor=_cursor(position),
        )  # fmt: skip
        listed = taken.payment.mpesa_code if taken.payment is not None else None
        claimed = taken.claimed_sale
        return {"listed": listed, "claimed": self._name(self._sales, claimed) if claimed is not None else None}

    def _attach(self, code: str, sale: str, at: int) -> Answer:
        return self._told([self._writer.attach_payment(code, self._sales[sale], GIVEN_BY, at)])

    def _detach(self, code: str, at: int) -> Answer:
        return self._told([self._writer.detach_payment(code, GIVEN_BY, REASON, at)])

    def _elsewhere(self, code: str, till: str, position: int, at: int) -> None:
        self._writer.note_claim(claim_subject(code), till, at, _cursor(position))

    def _lose(self, code: str, till: str, at: int) -> None:
        self._writer.lose_payment(code, till)

    def _settle_strays(self, numbers: list[int], at: int) -> None:
        came = [stray.id for stray in reversed(self._reader.strays(with_settled=True))]
        self._writer.settle_strays([came[number] for number in numbers if number < len(came)], GIVEN_BY, REASON, at)

    def _restart(self, at: int) -> None:
        """As the engine starts."""
        self.close()
        self._open()
        for attempt in self._writer.left_ready():
            self._writer.apply(attempt.id, ev.Withdrawn(), at)
        for attempt in self._writer.to_follow(at - 86_400_000):
            self._writer.apply(attempt.id, ev.Restarted(), at)

    # Observations

    def observe(self, now_ms: int) -> Observation:
        """Everything that people and the engine can read."""
        writer, reader = self._writer, self._reader
        sale_names = {number: name for name, number in self._sales.items()}
        attempt_names = {number: name for name, number in self._attempts.items()}
        summaries = reader.rows(list(sale_names))
        days = sorted(self._days)
        return {
            "sales": {sale_names[one.sale.id]: self._sale(one, attempt_names) for one in summaries},
            "attempts": {
                name: self._attempt(writer.attempt(number), now_ms) for name, number in self._attempts.items()
            },
            "days": {day: self._totals(day) for day in days},
            "payments": {code: self._listed(code) for code in sorted(self._codes)},
            "free": [payment.mpesa_code for payment in reader.free_payments()],
            "strays": [
                [(one.body or b"").decode(), one.is_payment, one.settled_by, one.reason]
                for one in reversed(reader.strays(with_settled=True))
            ],
            "cursor": writer.cursor(MAILBOX).position,
            "follow": [attempt_names[one.id] for one in writer.to_follow(now_ms - 86_400_000)],
            "ready": [attempt_names[one.id] for one in writer.left_ready()],
            "expected": len(writer.live_token_digests()),
            "to_reserve": [[attempt_names[number], code] for number, code in writer.codes_to_reserve(0)],
            "shown": {only.value: [sale_names[SaleId(n)] for n in reader.ids(day=None, only=only)] for only in Filter},
            "open": [[sale_names[one.id], one.due_cents] for one in reader.open_sales(days[0] if days else "")],
        }

    def _sale(self, summary: SaleSummary, attempt_names: dict[Any, str]) -> dict[str, Any]:
        sale = summary.sale
        return {
            "state": sale.state.value, "reference": sale.reference, "amount": sale.amount_cents,
            "received": sale.received_cents, "due": summary.due_cents, "excess": summary.excess_cents, "day": sale.day,
            "voided": sale.is_voided, "codes": sorted(summary.codes), "review": sorted(one.value for one in summary.review),
            "reasons": sorted(one.value for one in summary.reasons), "has_receipt": summary.has_receipt,
            "code_missing": summary.is_code_missing, "said_paid": summary.is_said_paid,
            "last": attempt_names[summary.attempt.id],
            "for_review": [attempt_names[one] for one in self._writer.for_review(sale.id)],
        }  # fmt: skip

    def _attempt(self, attempt: Attempt, now_ms: int) -> dict[str, Any]:
        outcome, wait = attempt.outcome, self._writer.wait_of(attempt.id, now_ms)
        return {
            "state": attempt.state.value, "sale": self._name(self._sales, attempt.sale_id),
            "amount": attempt.amount_cents, "phone": attempt.msisdn, "merchant": attempt.merchant_request_id,
            "checkout": attempt.checkout_request_id, "code": attempt.mpesa_code, "heard": attempt.heard_code,
            "heard_settled": attempt.heard_settled, "claimed": attempt.claimed_code,
            "outcome": [outcome.kind.value, outcome.code, outcome.is_final] if outcome is not None else None,
            "sent": attempt.sent_at_ms, "left": attempt.left_at_ms, "settled": attempt.settled_at_ms,
            "asks": attempt.asks, "answers": attempt.answers, "answered": attempt.answered_at_ms,
            "said_paid": attempt.said_paid_at_ms, "said_by_callback": attempt.is_said_by_callback,
            "said_failed": attempt.said_failed_at_ms, "review": sorted(one.value for one in attempt.review),
            "speaks_of_money": attempt.speaks_of_money,
            "wait": [wait.reason.value, wait.until_ms] if wait is not None else None,
        }  # fmt: skip

    def _totals(self, day: str) -> dict[str, int]:
        totals = self._reader.totals(day)
        return {
            "sales": totals.sales, "paid_sales": totals.paid_sales, "paid": totals.paid_cents,
            "waiting": totals.waiting, "unknown": totals.unknown, "review": totals.review,
            "unclaimed": totals.unclaimed, "unclaimed_cents": totals.unclaimed_cents, "strays": totals.strays,
            "part_paid": totals.part_paid,
        }  # fmt: skip

    def _listed(self, code: str) -> dict[str, Any] | None:
        payment = self._reader.payment(code)
        if payment is None:
            return None
        sale = payment.sale_id
        return {
            "amount": payment.amount_cents, "paid": payment.paid_at_ms, "name": payment.first_name,
            "account": payment.account, "use": payment.use.value, "till": payment.taken_by,
            "sale": self._name(self._sales, sale) if sale is not None else None,
        }  # fmt: skip

    def findings(self) -> list[str]:
        """What `verify` says of the file."""
        return [f"{one.check}: {one.row}" for one in verify(self._path).findings]


def _outcome(outcome: tuple[str, str, bool, bool]) -> Outcome:
    kind, code, is_final, may_turn = outcome
    return Outcome(OutcomeKind(kind), code, is_final=is_final, may_turn_paid=may_turn)


def _cursor(position: int) -> Cursor:
    return Cursor(MAILBOX, position)
