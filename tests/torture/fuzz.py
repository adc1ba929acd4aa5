"""Feeds the readers of M-PESA's answers and callbacks with nonsense: nothing may escape but a typed error.

python tests/torture/fuzz.py --inputs 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from pos_app.common.http import HttpResponse  # noqa: E402
from pos_app.daraja import C2bConfirmation, CallbackUnreadable, MpesaApiException  # noqa: E402
from pos_app.daraja.answers import is_token_refusal, read_push, read_query  # noqa: E402
from pos_app.daraja.auth import read_token  # noqa: E402
from pos_app.daraja.wire import StkCallback  # noqa: E402
from pos_app.domain.mpesa.outcome import OutcomeKind  # noqa: E402
from pos_app.domain.mpesa.unmatched_message import UnmatchedMessage  # noqa: E402
from pos_app.domain.stk.events import CallbackArrived, CallbackUnclear  # noqa: E402
from pos_app.domain.values.money import cents_of  # noqa: E402
from pos_app.engine.relay_messages import read_callback  # noqa: E402
from pos_app.gui.strays.presenter import row_of  # noqa: E402

CORPUS = [
    b"", b"{}", b"[]", b"null", b"<html><body>Incapsula incident ID: 1</body></html>",
    json.dumps({"access_token": "t0ken", "expires_in": "3599"}).encode(),
    json.dumps({"requestId": "1", "errorCode": "500.001.1001", "errorMessage": "The transaction is being processed"}).encode(),
    json.dumps({"fault": {"faultstring": "Spike arrest violation", "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"}}}).encode(),
    json.dumps({"Envelope": {"Body": {"Fault": {"faultcode": "soap:Server", "faultstring": "x"}}}}).encode(),
    json.dumps({"MerchantRequestID": "1", "CheckoutRequestID": "ws_CO_1", "ResponseCode": "0", "ResultCode": "0", "ResultDesc": "ok"}).encode(),
    json.dumps({"Body": {"stkCallback": {"MerchantRequestID": "1", "CheckoutRequestID": "ws_CO_1", "ResultCode": 0,
        "ResultDesc": "ok", "CallbackMetadata": {"Item": [{"Name": "Amount", "Value": 10.0},
        {"Name": "MpesaReceiptNumber", "Value": "TKN7RT61SV"}, {"Name": "Balance"}, {"Name": "PhoneNumber", "Value": 254712345678}]}}}}).encode(),
    json.dumps({"TransactionType": "Pay Bill", "TransID": "TKN7RT61SW", "TransTime": "20261128104200", "TransAmount": "10.00",
        "BusinessShortCode": "174379", "BillRefNumber": "A1", "MSISDN": "2547 ***** 126", "FirstName": "Njeri"}).encode(),
]  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 10**40, "", "0", "1032", "SFC_IC0003", "\ud800", "\x00", "é" * 50, [], {}, [[[]]], {"Value": 1}, "NaN", "9" * 500,
)  # fmt: skip
NUMBERS = (
    b"1E+999999999",
    b"-1e-999999999",
    b"1e308",
    b"1" + b"0" * 4000,
    b"0.1e-400",
    b"-0",
    b"00",
    b"1E+3",
    b"1.005",
)
"""Numbers as no writer of JSON makes them: their text replaces one of the message's own."""
STATUSES = (200, 200, 200, 400, 401, 403, 404, 429, 500, 503)


def mutate(chance: random.Random) -> bytes:
    """One input: bytes thrown about, or a value of a good message replaced."""
    seed = chance.choice(CORPUS)
    if chance.random() < 0.5 and seed.startswith(b"{"):
        message = json.loads(seed)
        replace_one(message, chance)
        spelled = json.dumps(message).encode("utf-8", "surrogatepass")
        return re.sub(rb"10\.0|\b0\b", chance.choice(NUMBERS), spelled) if chance.random() < 0.3 else spelled
    content = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(content) + 1)
        what = chance.random()
        if what < 0.4:
            content[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 4)))
        elif what < 0.7 and content:
            del content[at : at + chance.randrange(1, 8)]
        elif content:
            content[min(at, len(content) - 1)] = chance.randrange(256)
    return bytes(content)


def replace_one(value: Any, chance: random.Random) -> None:
    while isinstance(value, (dict, list)) and value:
        key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
        if not isinstance(value[key], (dict, list)) or chance.random() < 0.3:
            value[key] = chance.choice(VALUES)
            return
        value = value[key]


def said(callback: StkCallback) -> object:
    return callback.outcome, callback.amount, callback.has_amount, callback.mpesa_code, callback.phone, callback.items


def readers(status: int, body: bytes) -> dict[str, Callable[[], object]]:
    answer = HttpResponse(status, {}, body)
    return {
        "token": lambda: read_token(answer),
        "push": lambda: read_push(answer).error_message(),
        "query": lambda: read_query(answer, "ws_CO_1").outcome,
        "refusal": lambda: is_token_refusal(answer),
        "callback": lambda: said(StkCallback.parse(body)),
        "payment": lambda: cents_of(C2bConfirmation.parse(body).amount),
        "stray": lambda: row_of(UnmatchedMessage(1, 0, body, is_payment=status == 200)),
        "event": lambda: read_callback(body),
    }


def read_all(status: int, body: bytes, seen: Counter[str]) -> None:
    """Gives one input to every reader and counts what came of it."""
    for name, read in readers(status, body).items():
        try:
            found = read()
        except (MpesaApiException, CallbackUnreadable) as error:
            seen[f"{name}: {type(error).__name__}"] += 1
            str(error).encode()
        else:
            seen[f"{name}: read"] += 1
            if isinstance(found, CallbackArrived) and found.outcome.kind is OutcomeKind.PAID:
                json.dumps([found.mpesa_code, found.checkout_request_id]).encode()
            elif isinstance(found, CallbackUnclear):
                seen["event: unclear"] += 1
                json.dumps([found.mpesa_code, found.amount_cents]).encode()


def fuzz(inputs: int, seed: int) -> Counter[str]:
    """Reads so many inputs; what came of them.

    Raises:
        whatever escaped: that is the finding.
    """
    chance, seen = random.Random(seed), Counter[str]()
    for _ in range(inputs):
        read_all(chance.choice(STATUSES), mutate(chance), seen)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    started = time.monotonic()
    seen = fuzz(arguments.inputs, arguments.seed)
    print(f"seed {arguments.seed}: {arguments.inputs} inputs, {time.monotonic() - started:.0f} s, nothing escaped")
    for name, count in sorted(seen.items()):
        print(f"  {name:<30} {count}")


if __name__ == "__main__":
    main()
