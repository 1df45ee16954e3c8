"""The simulator's ASGI application: which path is answered by what."""

import re
import time
from collections import Counter
from urllib.parse import unquote

import orjson

from gateway.simulator import bench, elevenlabs, faults
from gateway.simulator.answers import answer
from gateway.simulator.behaviour import EVERY_MODEL, BadSetting, Behaviours
from gateway.simulator.delivery import Delivery
from gateway.simulator.exchange import (
    Broken,
    ClientGone,
    Exchange,
    Receive,
    Scope,
    Send,
)
from gateway.simulator.ledger import Call, Ledger
from gateway.simulator.model_lists import list_of, model_of
from gateway.simulator.models import BENCH, ModelList, fault_named
from gateway.simulator.protocols import protocol_at, spoken_by
from gateway.simulator.types import JSON, Ask, Failure, Glance, Refused, WireProtocol

_BAD_JSON = "We could not parse the JSON body of your request."
# A part of a body is of another type, or deeper, than its reader takes for granted.
_MISREAD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_MODELS = re.compile(r"/v1(?:beta|alpha)?/models(?:/(?P<name>.+))?")


class Application:
    """Answers as a provider, and lets tests look behind the scenes under /sim/."""

    def __init__(
        self, behaviours: Behaviours, ledger: Ledger, models: ModelList
    ) -> None:
        self.behaviours = behaviours
        self.ledger = ledger
        self.models = models
        self.requests_by_model: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        path: str = scope["path"]
        try:
            protocol = None
            if scope["method"] == "POST":
                protocol = protocol_at(path, exchange.head)
            if protocol is not None:
                exchange.id_header = protocol.id_header
                await self._answer(exchange, protocol)
            else:
                await self._answer_other(exchange, scope["method"], path)
        except ClientGone:
            # The server would complain of an answer without an end before it knows.
            await exchange.has_left()
        except Broken:
            pass
        finally:
            exchange.close()

    async def _answer(self, exchange: Exchange, protocol: WireProtocol) -> None:
        arrived_at = time.time()
        raw = await exchange.read()
        body = _read(protocol, raw)
        if body is None:
            failure = Failure(400, "bad_json", _BAD_JSON)
            await _fail(exchange, protocol, failure)
            return
        glance = protocol.glance(body)
        call = Call(
            id=exchange.head.header(b"x-client-request-id"),
            model=glance.model,
            stream=glance.stream,
            arrived_at=arrived_at,
            protocol=protocol.name,
        )
        if self.ledger.keep_bodies:
            call.body = body
            call.headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in exchange.head.headers
            }
        self.ledger.open(call)
        try:
            protocol.check_key()
            if self._is_bench(glance):
                await bench.answer(exchange, protocol, glance, self.ledger, call)
            else:
                await self._deliver(exchange, protocol, body, call)
        except Refused as refused:
            call.status = refused.failure.status
            await _fail(exchange, protocol, refused.failure)
        except ClientGone:
            self.ledger.close(call, "cut")
            raise
        except Broken:
            self.ledger.close(call, "broken")
            raise
        self.ledger.close(call, "completed")

    async def _deliver(
        self, exchange: Exchange, protocol: WireProtocol, body: JSON, call: Call
    ) -> None:
        ask = _parsed(protocol, body)
        if not self.models.knows(ask.model):
            message = (
                f"The model `{ask.model}` does not exist or you do not have access "
                "to it."
            )
            raise Refused(Failure(404, "missing", message))
        try:
            behaviour = self.behaviours.of(ask.model, exchange.head.headers)
        except BadSetting as error:
            raise Refused(Failure(400, "invalid", str(error))) from error
        fault = fault_named(ask.model)
        if fault is None and behaviour.fault:
            fault = faults.find(behaviour.fault)
        delivery = Delivery(
            exchange,
            protocol,
            ask,
            answer(ask, behaviour),
            behaviour,
            self.ledger,
            call,
        )
        if fault is None:
            await delivery.in_full()
        else:
            await self._spoil(delivery, *fault)

    def _is_bench(self, glance: Glance) -> bool:
        is_bench = glance.is_chat and glance.model.startswith(BENCH)
        return is_bench and not self.behaviours.by_model

    async def _spoil(self, delivery: Delivery, kind: str, parameter: str) -> None:
        """Do what the fault wants instead of a good delivery."""
        if (failure := faults.failure_of(kind, parameter)) is not None:
            await delivery.latency()
            raise Refused(failure)
        if (spoiled := faults.delivery_of(kind)) is not None:
            await spoiled(delivery, parameter)
            return
        if kind == faults.FLAKY:
            self.requests_by_model[delivery.ask.model] += 1
            every = max(1, int(parameter or 2))
            if self.requests_by_model[delivery.ask.model] % every == 0:
                raise Refused(faults.failure(500, "server"))
        else:
            alter = faults.ALTERATIONS[kind]
            delivery.answer = alter(delivery.ask, delivery.answer)
        await delivery.in_full()

    async def _answer_other(self, exchange: Exchange, method: str, path: str) -> None:
        match method, path:
            case "GET", _ if (found := _MODELS.fullmatch(path)) is not None:
                await self._show_models(exchange, path, found["name"])
            case "GET", "/v1/voices":
                await exchange.reply(200, orjson.dumps(elevenlabs.voices()))
            case "GET", "/sim/calls":
                await self._show_calls(exchange)
            case "DELETE", "/sim/calls":
                self.ledger.clear()
                await exchange.reply(200, b"{}")
            case "POST", "/sim/settings":
                await self._change_settings(exchange)
            case "POST", "/sim/reset":
                self.reset()
                await exchange.reply(200, b"{}")
            case _:
                message = f"Invalid URL ({method} {path})"
                failure = Failure(404, "not_found", message)
                await _fail(exchange, spoken_by(path, exchange.head), failure)

    def reset(self) -> None:
        """Forget every call and every setting made at run time."""
        self.ledger.clear()
        self.behaviours.reset()
        self.requests_by_model.clear()

    async def _show_models(
        self, exchange: Exchange, path: str, name: str | None
    ) -> None:
        """Show one model, or the list of them when none is named."""
        protocol = spoken_by(path, exchange.head)
        exchange.id_header = protocol.id_header
        try:
            protocol.check_key()
            if name is None:
                found = list_of(protocol.name, self.models.names(), exchange.head)
            elif self.models.knows(name := unquote(name)):
                found = model_of(protocol.name, name)
            else:
                message = f"The model `{name}` does not exist."
                raise Refused(Failure(404, "missing", message))
        except Refused as refused:
            await _fail(exchange, protocol, refused.failure)
        else:
            await exchange.reply(200, orjson.dumps(found))

    async def _show_calls(self, exchange: Exchange) -> None:
        since = float(exchange.head.parameter("since") or 0)
        await exchange.reply(200, orjson.dumps(self.ledger.as_json(since)))

    async def _change_settings(self, exchange: Exchange) -> None:
        """Change one model's behaviour, or all models' when none is named."""
        try:
            wanted = orjson.loads(await exchange.read())
            if not isinstance(wanted, dict):
                raise BadSetting("Settings are a JSON object.")
            model = wanted.pop("model", EVERY_MODEL)
            self.change(model, wanted)
        except ValueError as error:
            message = {"error": {"message": str(error)}}
            await exchange.reply(400, orjson.dumps(message))
            return
        await exchange.reply(200, orjson.dumps(self.behaviours.by_model))

    def change(self, model: str, settings: JSON) -> None:
        """Change how a model behaves; raises BadSetting."""
        fault = settings.get("fault")
        if fault and faults.find(str(fault)) is None:
            raise BadSetting(f"There is no fault {fault!r}.")
        self.behaviours.change(model, settings)


def _read(protocol: WireProtocol, raw: bytes) -> JSON | None:
    """Return the body as an object; None when it is none. Forms are read otherwise."""
    if (read := getattr(protocol, "read", None)) is not None:
        form: JSON | None = read(raw)
        return form
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _parsed(protocol: WireProtocol, body: JSON) -> Ask:
    try:
        return protocol.parse(body)
    except _MISREAD as error:
        message = f"Invalid type in the request: {error}."
        raise Refused(Failure(400, "invalid", message)) from error


async def _fail(exchange: Exchange, protocol: WireProtocol, failure: Failure) -> None:
    body = protocol.build_error(failure)
    exchange.id_header = protocol.id_header
    await exchange.reply(failure.status, body, protocol.error_headers(failure))
