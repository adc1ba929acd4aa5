"""Payments made straight to the till, over a real M-PESA look-alike, a real relay and real tills."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.servers import Canned, Mpesa, Relay
from fakes.till import Till

from pos_app.common.errors import Mistake, Outside
from pos_app.domain.c2b.payment import C2bPayment, Use
from pos_app.domain.sales.sale import SaleState
from pos_app.domain.stk.attempt import AttemptState as S
from pos_app.domain.stk.attempt import Review
from pos_app.domain.stk.schedule import Pacing
from pos_app.engine.message_intake import read_payment
from pos_app.engine.services.code_reservations import CodeReservations
from pos_app.engine.updates import PaymentArrived
from pos_app.ledger.reader import LedgerReader
from pos_app.ledger.verify import verify
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.settings.effective import RelayAccess

SLOW = Pacing(first_ms=60_000, interval_ms=60_000, confirm_gap_ms=60_000)
BUYER = "254722000126"


def until(condition: Callable[[], object], what: str = "") -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(0.01)


def by_hand(mpesa: Mpesa, shillings: int, reference: str = "", msisdn: str = BUYER) -> str:
    code: str = mpesa.call(lambda: mpesa.mpesa.pay_by_hand(msisdn, shillings, reference=reference))
    return code


def listed(till: Till, code: str) -> C2bPayment | None:
    with closing(LedgerReader(till.path)) as reader:
        return reader.payment(code)


def arrived(till: Till, code: str) -> C2bPayment:
    until(lambda: listed(till, code) is not None, "the payment did not arrive")
    found = listed(till, code)
    assert found is not None
    return found


def sale_state(till: Till, sale_id: int) -> SaleState:
    with closing(LedgerReader(till.path)) as reader:
        return reader.sale(sale_id).sale.state


def test_registered_then_a_payment_by_hand_is_listed_and_pays_a_sale(tmp_path: Path) -> None:
    with (
        Mpesa(habit=CustomerBehaviour.CANCELS) as mpesa,
        Relay(tmp_path) as relay,
        Till(tmp_path, mpesa, relay, pacing=SLOW) as till,
    ):
        assert till.run(till.people.register_urls()).is_good
        again = till.run(till.people.register_urls())
        assert (again.is_good, again.is_taken) == (False, True), "once, as in production"
        attempt = till.until_state(till.request(amount="620", phone="0722000126"), S.DECLINED)
        code = by_hand(mpesa, 620)
        payment = arrived(till, code)
        assert (payment.first_name, payment.phone_masked, payment.amount_cents, payment.use) == (
            mpesa.mpesa.customer(BUYER).name, "•••126", 62_000, Use.FREE,
        )  # fmt: skip

        def told() -> list[str]:
            return [one.payment.mpesa_code for one in till.events if isinstance(one, PaymentArrived) and one.payment]

        # It is in the ledger a moment before it is told.
        until(told)
        assert told() == [code]
        till.run(till.people.allocate(code, attempt.sale_id))
        assert sale_state(till, attempt.sale_id) is SaleState.PAID
        with pytest.raises(Mistake) as caught:
            till.run(till.people.allocate(code, attempt.sale_id))
        assert caught.value.code == "payment.used"
        till.run(till.people.deallocate(code, "wrong"))
        assert sale_state(till, attempt.sale_id) is SaleState.OPEN
        till.run(till.people.allocate(code, attempt.sale_id))
    assert verify(till.path).findings == ()


def test_the_twin_of_a_prompt_counts_once_and_brings_the_code_of_one_without(tmp_path: Path) -> None:
    with Mpesa(habit=CustomerBehaviour.PAYS) as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay) as till:
        till.run(till.people.register_urls())
        first = till.until_state(till.request(), S.PAID)
        assert first.mpesa_code is not None
        until(lambda: (found := listed(till, first.mpesa_code)) is not None and found.use is Use.PROVES)
        mpesa.fault("callback", "lose")
        second = till.until_state(till.request(amount="30", phone="0722000126", reference="A0002"), S.PAID)
        assert second.mpesa_code is None, "two queries said so"
        code = mpesa.records.payments[1].mpesa_code
        assert arrived(till, code).use is Use.FREE, "nobody guesses whose it is"
        after = till.run(till.people.allocate(code, second.sale_id))
        assert after.mpesa_code == code
        with closing(LedgerReader(till.path)) as reader:
            totals = reader.totals(reader.days()[0])
        assert (totals.paid_cents, totals.unclaimed) == (sum(one.amount_cents for one in mpesa.records.payments), 0)
    assert verify(till.path).findings == ()


def test_a_code_that_the_customer_shows_meets_its_payment_whichever_comes_first(tmp_path: Path) -> None:
    with (
        Mpesa(habit=CustomerBehaviour.IGNORES) as mpesa,
        Relay(tmp_path) as relay,
        Till(tmp_path, mpesa, relay, pacing=SLOW) as till,
    ):
        till.run(till.people.register_urls())
        first = till.until_state(till.request(amount="100"), S.PENDING)
        second = till.until_state(till.request(amount="200", phone="0722000126", reference="A0002"), S.PENDING)
        mpesa.fault("confirmation", "delay", seconds=20)
        late = by_hand(mpesa, 100)
        till.run(till.people.quote_code(first.id, late))
        assert sale_state(till, first.sale_id) is SaleState.OPEN, "a code proves nothing"
        until(lambda: sale_state(till, first.sale_id) is SaleState.PAID, "it was not given to its sale")
        early = by_hand(mpesa, 200, msisdn="254733000777")
        arrived(till, early)
        till.run(till.people.quote_code(second.id, early))
        assert sale_state(till, second.sale_id) is SaleState.PAID


@pytest.fixture
def two_tills(tmp_path: Path):
    with Mpesa(habit=CustomerBehaviour.CANCELS) as mpesa, Relay(tmp_path, till=None) as relay:
        access = {
            name: RelayAccess(relay.url, name, relay.store.add_device(name, "njeri")) for name in ("front", "back")
        }
        with (
            Till(tmp_path / "front", mpesa, relay, pacing=SLOW, relay_access=access["front"],
                 callback_base=f"{relay.url}/c/front") as front,
            Till(tmp_path / "back", mpesa, relay, pacing=SLOW, relay_access=access["back"],
                 callback_base=f"{relay.url}/c/back") as back,
        ):  # fmt: skip
            front.run(front.people.register_urls())
            yield mpesa, relay, front, back


def test_two_tills_of_a_shop_never_use_one_payment_twice(two_tills: tuple[Mpesa, Relay, Till, Till]) -> None:
    mpesa, _relay, front, back = two_tills
    code = by_hand(mpesa, 50)
    arrived(front, code), arrived(back, code)
    of_front = front.until_state(front.request(amount="50"), S.DECLINED)
    of_back = back.until_state(back.request(amount="50", phone="0722000126"), S.DECLINED)
    front.run(front.people.allocate(code, of_front.sale_id))
    with pytest.raises(Mistake) as caught:
        back.run(back.people.allocate(code, of_back.sale_id))
    assert (caught.value.code, caught.value.params) == ("payment.elsewhere", {"till": "front"})
    until(lambda: listed(back, code).use is Use.ELSEWHERE)
    assert sale_state(back, of_back.sale_id) is SaleState.OPEN
    front.run(front.people.deallocate(code, "wrong sale"))
    until(lambda: listed(back, code).use is Use.FREE, "the other till was not told")
    back.run(back.people.allocate(code, of_back.sale_id))
    until(lambda: listed(front, code).use is Use.ELSEWHERE)
    assert (sale_state(front, of_front.sale_id), sale_state(back, of_back.sale_id)) == (SaleState.OPEN, SaleState.PAID)


def test_without_the_relay_no_till_takes_what_another_could(two_tills: tuple[Mpesa, Relay, Till, Till]) -> None:
    mpesa, relay, front, _back = two_tills
    code = by_hand(mpesa, 50)
    arrived(front, code)
    sale = front.until_state(front.request(amount="50"), S.DECLINED).sale_id
    with pytest.raises(Mistake) as wrong:
        front.run(front.people.allocate(code, 99))
    assert wrong.value.code == "sale.not_found"
    relay.run(relay.server.stop())
    with pytest.raises(Outside) as caught:
        front.run(front.people.allocate(code, sale))
    assert caught.value.code == "payment.no_claim"
    with pytest.raises(Outside) as refused:
        front.run(front.people.register_urls())
    assert refused.value.code == "relay.unreachable"


def test_a_relay_that_refuses_claims_is_no_yes(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Canned(b"{}", 503) as broken:
        reached = RelayAccess(broken.url, "till-1", "x")
        with Till(tmp_path, mpesa, relay_access=reached, callback_base=f"{broken.url}/c/till-1") as till:
            with pytest.raises(Outside) as caught:
                till.run(till.people.allocate("TKN7RT61SV", 1))
            assert caught.value.code == "payment.no_claim"
            with pytest.raises(Outside) as refused:
                till.run(till.people.register_urls())
            assert refused.value.code == "relay.refused"
    with Mpesa() as mpesa, Till(tmp_path / "alone", mpesa) as till:
        for work in (till.people.register_urls(), till.people.allocate("X", 1)):
            with pytest.raises(Mistake) as without:
                till.run(work)
            assert without.value.code == "payment.no_relay"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (409, b"[" * 5000, "payment.elsewhere"),
        (409, b'{"till": 5}', "payment.elsewhere"),
        (409, b"\xff", "payment.elsewhere"),
        (409, b'{"till": "\\ud800"}', "payment.elsewhere"),
        (200, b'{"claim": 1e999}', "payment.unknown"),
        (200, b"{" * 5000, "payment.unknown"),
        (200, b'{"claim": ' + b"9" * 5000 + b"}", "payment.unknown"),
    ],
)
def test_a_relay_that_answers_oddly_to_a_claim_is_taken_by_its_status(
    tmp_path: Path, status: int, body: bytes, code: str
) -> None:
    with Mpesa() as mpesa, Canned(body, status) as odd:
        reached = RelayAccess(odd.url, "till-1", "x")
        with Till(tmp_path, mpesa, relay_access=reached, callback_base=f"{odd.url}/c/till-1") as till:
            with pytest.raises(Mistake) as caught:
                till.run(till.people.allocate("TKN7RT61SV", 1))
            assert (caught.value.code, caught.value.params) == (code, {"till": "?"} if status == 409 else {})


def test_what_is_for_another_number_or_cannot_be_read_is_evidence_only(tmp_path: Path) -> None:
    with Mpesa() as mpesa, Relay(tmp_path) as relay, Till(tmp_path, mpesa, relay, pacing=SLOW) as till:
        till.run(till.people.register_urls())
        url = mpesa.records.confirmation_urls["174379"]
        send = mpesa.mpesa._callbacks._send
        fields = {"TransID": "TKN7RT61SV", "TransAmount": "10.00", "BusinessShortCode": "999999", "TransTime": "x"}
        for body in (fields, fields | {"TransAmount": "-5"}, fields | {"TransID": ""}, {"hello": 1}):
            assert mpesa.run(send(url, body)) == "200"

        def unowned() -> int:
            with closing(LedgerReader(till.path)) as reader:
                return reader.stray_count()

        until(lambda: unowned() == 4)
        assert listed(till, "TKN7RT61SV") is None
        assert mpesa.run(send(url, fields | {"BusinessShortCode": 174379, "FirstName": "Amina"})) == "200"
        payment = arrived(till, "TKN7RT61SV")
        assert (payment.first_name, payment.phone_masked) == ("Amina", "")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ((b'{"TransID":"tkn7rt61sv","TransAmount":"1,250.00","BusinessShortCode":174379,"TransTime":"20261124101400",'
         b'"MSISDN":"2547 ***** 126","FirstName":"Nicholas","BillRefNumber":" a0044 "}'),
         C2bPayment("TKN7RT61SV", 125_000, 1_795_504_440_000, "Nicholas", "126", "a0044")),
        (b'{"TransID":"TKN7RT61SV","TransAmount":10,"BusinessShortCode":"174379","MSISDN":"254712345678"}',
         C2bPayment("TKN7RT61SV", 1_000, 0, "", "678", "")),
        ((b'{"TransID":"TKN7RT61SV","TransAmount":"10","BusinessShortCode":"174379",'
         b'"MSISDN":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e123"}'),
         C2bPayment("TKN7RT61SV", 1_000, 0, "", "", "")),
        (
            b'{"TransID":"TKN7RT61SV","TransAmount":"1","BusinessShortCode":"174379","TransTime":"00010101000000"}',
            C2bPayment("TKN7RT61SV", 100, 0),
        ),
        (b'{"TransID":"TKN7RT61SV","TransAmount":"0","BusinessShortCode":"174379"}', None),
        (b'{"TransID":"TKN7RT61SV","TransAmount":"NaN","BusinessShortCode":"174379"}', None),
        (b'{"TransID":"TKN7RT61SV","TransAmount":"0.001","BusinessShortCode":"174379"}', None),
        (b'{"TransID":"x","TransAmount":"1","BusinessShortCode":"174379"}', None),
        (b"[]", None), (b"", None), (b"<html>", None),
    ],
)  # fmt: skip
def test_confirmations_are_read_as_they_come(body: bytes, wanted: C2bPayment | None) -> None:
    from fakes.till import access

    now = 1_795_504_500_000
    wanted = replace(wanted, paid_at_ms=wanted.paid_at_ms or now) if wanted is not None else None
    assert read_payment(body, access("http://127.0.0.1:1"), now) == wanted
    buy_goods = replace(access("http://127.0.0.1:1"), shortcode="600100", till_number="174379")
    assert read_payment(body, buy_goods, now) == wanted


def test_the_money_of_a_prompt_is_no_other_tills_payment(two_tills: tuple[Mpesa, Relay, Till, Till]) -> None:
    mpesa, _relay, front, back = two_tills
    mpesa.customer("254712345678", habit=CustomerBehaviour.PAYS)
    paid = front.until_state(front.request(amount="50"), S.PAID)
    until(lambda: (found := listed(back, paid.mpesa_code)) is not None and found.use is Use.ELSEWHERE)
    of_back = back.until_state(back.request(amount="50", phone="0722000126"), S.DECLINED)
    with pytest.raises(Mistake) as caught:
        back.run(back.people.allocate(paid.mpesa_code, of_back.sale_id))
    assert caught.value.params == {"till": "front"}


def test_a_prompts_money_that_another_till_took_first_brings_a_person(
    two_tills: tuple[Mpesa, Relay, Till, Till],
) -> None:
    mpesa, _relay, front, back = two_tills
    mpesa.customer("254712345678", habit=CustomerBehaviour.PAYS)
    of_back = back.until_state(back.request(amount="50", phone="0722000126"), S.DECLINED)
    mpesa.fault("callback", "delay", seconds=40)
    attempt = front.request(amount="50")
    until(lambda: mpesa.records.payments)
    code = mpesa.records.payments[0].mpesa_code
    arrived(back, code)
    back.run(back.people.allocate(code, of_back.sale_id))
    flagged = front.until(attempt, lambda one: bool(one.review))
    assert flagged.review == {Review.CODE_REUSED}


def test_a_claim_is_tried_until_the_relay_answers(two_tills: tuple[Mpesa, Relay, Till, Till], monkeypatch) -> None:
    mpesa, _relay, front, back = two_tills
    real, tries = CodeReservations.ask, []

    async def refuse_once(self: CodeReservations, method: str, path: str):
        tries.append(path)
        if len(tries) == 1:
            raise Outside("payment.no_claim")
        return await real(self, method, path)

    monkeypatch.setattr(CodeReservations, "ask", refuse_once)
    mpesa.customer("254712345678", habit=CustomerBehaviour.PAYS)
    paid = front.until_state(front.request(amount="50"), S.PAID)
    until(lambda: (found := listed(back, paid.mpesa_code)) is not None and found.use is Use.ELSEWHERE)
    assert len(tries) >= 2


def test_a_prompt_that_waited_while_a_part_came_asks_for_the_rest(tmp_path: Path) -> None:
    with (
        Mpesa(habit=CustomerBehaviour.WAITS) as mpesa,
        Relay(tmp_path) as relay,
        Till(tmp_path, mpesa, relay, pacing=SLOW) as till,
    ):
        mpesa.fault("token", "reset")
        waited = till.until_state(till.request(amount="1000", phone="0722000126"), S.READY)
        till.run(till.people.register_urls())
        code = by_hand(mpesa, 400)
        arrived(till, code)
        till.run(till.people.allocate(code, waited.sale_id))
        again = till.run(till.people.send_again(waited.sale_id))
        assert (again.id != waited.id, again.amount_cents) == (True, 60_000)
        assert till.until_state(waited.id, S.WITHDRAWN)
        till.until_state(again.id, S.PENDING)
    assert verify(till.path).findings == ()
