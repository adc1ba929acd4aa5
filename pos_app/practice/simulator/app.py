"""The HTTP face of the practice M-PESA, its control endpoint included."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pos_app.practice.simulator.checks import Refusal
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.faults import Fault, Target, UnknownFaultError
from pos_app.practice.simulator.service import PracticeMpesa

TRANSPORT_KEY = "pos_app.transport"
SILENCE_S = 120.0
_FIREWALL = (
    "<html><head><title>Error</title></head><body>Request unsuccessful. "
    "Incapsula incident ID: 1171000450091-51</body></html>"
)


class _Json(JSONResponse):
    """JSON in ASCII: whatever a fault is to say, it can be said."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


class Hangup:
    """A response that ends the connection without a word, at once or after a silence."""

    def __init__(self, silence_s: float = 0.0) -> None:
        self._silence_s = silence_s

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        if self._silence_s:
            try:
                async with asyncio.timeout(self._silence_s):
                    await _until_gone(receive)
            except TimeoutError:
                pass
        scope[TRANSPORT_KEY].abort()
        await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    """Until the connection has ended: a server complains of an answer that is missing only where somebody waits."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Half:
    """Headers that promise more than comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"400")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"MerchantRequestID":"29', "more_body": True})
        scope[TRANSPORT_KEY].close()
        await _until_gone(receive)


def make_app(mpesa: PracticeMpesa) -> Starlette:
    """The ASGI application of one practice M-PESA."""
    return Starlette(
        routes=[
            Route("/oauth/v1/generate", _Exchange(mpesa, Target.TOKEN), methods=["GET"]),
            Route("/mpesa/stkpush/v1/processrequest", _Exchange(mpesa, Target.PUSH), methods=["POST"]),
            Route("/mpesa/stkpushquery/v1/query", _Exchange(mpesa, Target.QUERY), methods=["POST"]),
            Route("/mpesa/c2b/v1/registerurl", _Exchange(mpesa, Target.REGISTER), methods=["POST"]),
            Route("/mpesa/c2b/v2/registerurl", _Exchange(mpesa, Target.REGISTER), methods=["POST"]),
            *_Control(mpesa).routes(),
        ],
        exception_handlers={404: _not_found},
    )


async def _not_found(_request: Request, _error: Exception) -> Response:
    return _error_response(Refusal(404, "404.001.01", "Resource not found"))


def _error_response(refusal: Refusal) -> Response:
    if refusal.code == "spike":
        rate = "MessageRate{messagesPerPeriod=5, periodInMicroseconds=60000000, maxBurstMessageCount=1.0}"
        return _Json(
            {
                "fault": {
                    "faultstring": f"Spike arrest violation. Allowed rate : {rate}",
                    "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
                }
            },
            429,
        )
    if not refusal.code:
        return Response(b"", refusal.status)
    return _Json({"requestId": "practice-1", "errorCode": refusal.code, "errorMessage": refusal.text}, refusal.status)


class _Exchange:
    """One endpoint of M-PESA: takes a fault if one is ordered, else does the work."""

    def __init__(self, mpesa: PracticeMpesa, target: Target) -> None:
        self._mpesa = mpesa
        self._target = target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            # Half a request is no request.
            return
        if isinstance(response, Response):
            response.headers["date"] = formatdate(time.time() + self._mpesa.options.date_skew_s, usegmt=True)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Any:
        fault = self._mpesa.faults.take(self._target)
        body = await request.body()
        if fault is None:
            return self._work(request, body)
        match fault.kind:
            case "late":
                response = self._work(request, body)
                await asyncio.sleep(float(fault.options.get("seconds", 5)))
                return response
            case "never":
                return Hangup(SILENCE_S)
            case "reset":
                return Hangup()
            case "accept_lost":
                self._work(request, body)
                return Hangup()
            case "accept_never":
                self._work(request, body)
                return Hangup(SILENCE_S)
            case "half":
                self._work(request, body)
                return Half()
            case _:
                return self._worded(fault, body)

    def _worded(self, fault: Fault, body: bytes) -> Response:
        options = fault.options
        match fault.kind:
            case "status":
                return Response(b"", int(options.get("status", 503)))
            case "html":
                return Response(_FIREWALL, int(options.get("status", 503)), media_type="text/html")
            case "empty":
                return Response(b"", 200)
            case "json":
                return _Json(options.get("body", {"hello": "world"}))
            case "throttle":
                return _error_response(Refusal(429, "spike", ""))
            case "refuse_token":
                return _error_response(Refusal(404, "404.001.03", "Invalid Access Token"))
            case "error":
                return _error_response(
                    Refusal(
                        int(options.get("status", 500)),
                        str(options.get("code", "500.003.1001")),
                        str(options.get("text", "Internal Server Error")),
                    )
                )
            case _:
                return self._about_result(fault, body)

    def _about_result(self, fault: Fault, body: bytes) -> Response:
        prompt = self._mpesa.records.prompts.get(str(_json(body).get("CheckoutRequestID", "")))
        if prompt is None:
            return _error_response(Refusal(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID"))
        try:
            if fault.kind == "pending":
                return _Json(self._mpesa.pending(prompt, int(fault.options.get("form", 1))))
            code, text = str(fault.options.get("code", "0")), str(fault.options.get("text", "altered"))
            return _Json(self._mpesa.result(prompt, code, text))
        except Refusal as refusal:
            return _error_response(refusal)

    def _work(self, request: Request, body: bytes) -> Response:
        authorization = request.headers.get("authorization", "")
        try:
            if self._target is Target.TOKEN:
                grant = request.query_params.get("grant_type", "")
                return _Json(self._mpesa.give_token(grant, authorization))
            self._mpesa.check_token(authorization)
            if self._target is Target.PUSH:
                return _Json(self._mpesa.push(_json(body), request.headers.get("content-type", "")))
            if self._target is Target.REGISTER:
                return _Json(self._mpesa.register_urls(_json(body)))
            return _Json(self._mpesa.query(_json(body)))
        except Refusal as refusal:
            return _error_response(refusal)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {}


class _Control:
    """For tests and for the curious: records, customers, faults, options."""

    def __init__(self, mpesa: PracticeMpesa) -> None:
        self._mpesa = mpesa

    def routes(self) -> list[Route]:
        return [
            Route("/practice/books", self.records, methods=["GET"]),
            Route("/practice/customers/{msisdn}", self.customer, methods=["GET", "POST"]),
            Route("/practice/customers/{msisdn}/answer", self.answer, methods=["POST"]),
            Route("/practice/customers/{msisdn}/pay", self.pay, methods=["POST"]),
            Route("/practice/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/practice/manner", self.options, methods=["POST"]),
        ]

    async def records(self, _request: Request) -> Response:
        return _Json(self._mpesa.records.as_json())

    async def customer(self, request: Request) -> Response:
        customer = self._mpesa.customer(request.path_params["msisdn"])
        if request.method == "POST":
            wanted = _json(await request.body())
            try:
                if "habit" in wanted:
                    customer.habit = CustomerBehaviour(wanted["habit"])
                if "balance" in wanted:
                    customer.balance_cents = int(wanted["balance"]) * 100
                for name in ("pin", "is_locked", "is_on", "is_registered", "habit_after_s"):
                    if name in wanted:
                        setattr(customer, name, wanted[name])
            except (ValueError, TypeError) as error:
                return _Json({"error": str(error)}, 422)
        prompt = self._mpesa.records.open_prompt_of(customer.msisdn)
        return _Json(
            {
                "name": customer.name,
                "balance": customer.balance_cents / 100,
                "is_locked": customer.is_locked,
                "is_on": customer.is_on,
                "habit": customer.habit,
                "prompt": prompt.checkout_request_id if prompt is not None else None,
                "messages": customer.messages,
            }
        )

    async def answer(self, request: Request) -> Response:
        msisdn = request.path_params["msisdn"]
        wanted = _json(await request.body())
        if wanted.get("do") == "cancel":
            return _Json({"result_code": self._mpesa.cancel(msisdn)})
        return _Json({"result_code": self._mpesa.enter_pin(msisdn, str(wanted.get("pin", "")))})

    async def pay(self, request: Request) -> Response:
        wanted = _json(await request.body())
        try:
            code = self._mpesa.pay_by_hand(
                request.path_params["msisdn"],
                int(wanted.get("amount", 0)),
                shortcode=str(wanted.get("shortcode", "")),
                reference=str(wanted.get("reference", "")),
            )
        except (ValueError, TypeError) as error:
            return _Json({"error": str(error)}, 422)
        return _Json({"mpesa_code": code})

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._mpesa.faults.clear()
        if request.method == "POST":
            wanted = _json(await request.body())
            try:
                target, kind = str(wanted.pop("target", "")), str(wanted.pop("fault", ""))
                self._mpesa.faults.order(target, kind, int(wanted.pop("times", 1)), **wanted)
            except (UnknownFaultError, ValueError) as error:
                return _Json({"error": str(error)}, 422)
        return _Json(self._mpesa.faults.as_json())

    async def options(self, request: Request) -> Response:
        wanted = _json(await request.body())
        options = self._mpesa.options
        unknown = [name for name in wanted if name not in options.__slots__]
        if unknown:
            return _Json({"error": f"no setting {unknown[0]!r}; there are {', '.join(options.__slots__)}"}, 422)
        for name, value in wanted.items():
            setattr(options, name, CustomerBehaviour(value) if name == "habit" else value)
        return _Json({name: getattr(options, name) for name in options.__slots__})
