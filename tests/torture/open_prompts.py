"""Puts prompts into a till's ledger as if they had just been sent: what the storm's callbacks are for.

    python tests/torture/open_prompts.py --count 1000 --seed 7

The sale, the token and the prompt of a number are spelled by `torture.storm`, by the same rules.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing

from fakes.recording import record_sale
from torture.callbacks import checkout_of, merchant_of, phone_of, reference_of, shillings_of, token_of

from pos_app.common import paths
from pos_app.domain.sales.sale import Draft
from pos_app.domain.stk import events as ev
from pos_app.domain.values.money import parse_amount
from pos_app.domain.values.order_reference import parse_reference
from pos_app.domain.values.phone import parse_phone
from pos_app.ledger.writer import LedgerWriter
from pos_app.settings.effective import environment_of
from pos_app.settings.model import Settings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    now_ms = int(time.time() * 1000)
    environment = environment_of(Settings())
    with closing(LedgerWriter(paths.home().ledger_file(environment), environment)) as ledger:
        for number in range(arguments.count):
            draft = Draft(
                parse_amount(str(shillings_of(number))),
                parse_phone(phone_of(number)),
                parse_reference(reference_of(number)),
            )
            attempt = record_sale(ledger, draft, token_of(arguments.seed, number), now_ms)
            ledger.apply(attempt.id, ev.SendRequested(), now_ms)
            ledger.apply(attempt.id, ev.PushAccepted(merchant_of(number), checkout_of(number)), now_ms)


if __name__ == "__main__":
    main()
