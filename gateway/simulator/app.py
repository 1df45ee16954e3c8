"""The simulator's ASGI application: which path is answered by what."""

import time
from collections import Counter
from urllib.parse import parse_qs, unquote

import orjson

from gateway.simulator import bench, faults
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
from gateway.simulator.models import BENCH, ModelList, fault_named
from gateway.simulator.openai_chat import OpenAIChat
from gateway.simulator.types import JSON, Failure, Refused, WireProtocol

PROTOCOLS: dict[str, WireProtocol] = {"/v1/chat/completions": OpenAIChat()}
_INVALID_KEY = b"Bearer sk-invalid"
_BAD_JSON = "We could not parse the JSON body of your request."
_ERROR_SHAPE = OpenAIChat()


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
            if scope["method"] == "POST" and (protocol := PROTOCOLS.get(path)):
                await self._answer(exchange, protocol)
            else:
                await self._answer_other(exchange, scope["method"], path)
        except (ClientGone, Broken):
            pass
        finally:
            exchange.close()

    async def _answer(self, exchange: Exchange, protocol: WireProtocol) -> None:
        arrived_at = time.time()
        raw = await exchange.read()
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            failure = Failure(400, "invalid", _BAD_JSON)
            await _fail(exchange, protocol, failure)
            return
        call = Call(
            id=exchange.header(b"x-client-request-id"),
            model=str(body.get("model")),
            stream=body.get("stream") is True,
            arrived_at=arrived_at,
        )
        if self.ledger.keep_bodies:
            call.body = body
            call.headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in exchange.headers
            }
        self.ledger.open(call)
        try:
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
        self._check_key(exchange)
        if call.model.startswith(BENCH) and not self.behaviours.by_model:
            await bench.answer(exchange, body, self.ledger, call)
            return
        ask = protocol.parse(body)
        if not self.models.knows(ask.model):
            message = (
                f"The model `{ask.model}` does not exist or you do not have access "
                "to it."
            )
            raise Refused(Failure(404, "missing", message))
        try:
            behaviour = self.behaviours.of(ask.model, exchange.headers)
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
            delivery.answer = faults.ALTERATIONS[kind](delivery.answer)
        await delivery.in_full()

    def _check_key(self, exchange: Exchange) -> None:
        for name, value in exchange.headers:
            if name == b"authorization" and value == _INVALID_KEY:
                message = "Incorrect API key provided: sk-invalid."
                raise Refused(Failure(401, "auth", message))

    async def _answer_other(self, exchange: Exchange, method: str, path: str) -> None:
        match method, path:
            case "GET", "/v1/models":
                await self._list_models(exchange)
            case "GET", _ if path.startswith("/v1/models/"):
                await self._show_model(exchange, unquote(path[len("/v1/models/") :]))
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
                await _fail(exchange, _ERROR_SHAPE, failure)

    def reset(self) -> None:
        """Forget every call and every setting made at run time."""
        self.ledger.clear()
        self.behaviours.reset()
        self.requests_by_model.clear()

    async def _list_models(self, exchange: Exchange) -> None:
        try:
            self._check_key(exchange)
        except Refused as refused:
            await _fail(exchange, _ERROR_SHAPE, refused.failure)
            return
        models = [_model(name) for name in self.models.names()]
        await exchange.reply(200, orjson.dumps({"object": "list", "data": models}))

    async def _show_model(self, exchange: Exchange, name: str) -> None:
        if self.models.knows(name):
            await exchange.reply(200, orjson.dumps(_model(name)))
            return
        failure = Failure(404, "missing", f"The model `{name}` does not exist.")
        await _fail(exchange, _ERROR_SHAPE, failure)

    async def _show_calls(self, exchange: Exchange) -> None:
        query = parse_qs(exchange.scope["query_string"].decode("latin-1"))
        since = float(query.get("since", ["0"])[0])
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
            failure = Failure(400, "invalid", str(error))
            await _fail(exchange, _ERROR_SHAPE, failure)
            return
        await exchange.reply(200, orjson.dumps(self.behaviours.by_model))

    def change(self, model: str, settings: JSON) -> None:
        """Change how a model behaves; raises BadSetting."""
        fault = settings.get("fault")
        if fault and faults.find(str(fault)) is None:
            raise BadSetting(f"There is no fault {fault!r}.")
        self.behaviours.change(model, settings)


def _model(name: str) -> JSON:
    return {
        "id": name,
        "object": "model",
        "created": 1_790_000_000,
        "owned_by": "simulator",
    }


async def _fail(exchange: Exchange, protocol: WireProtocol, failure: Failure) -> None:
    body = protocol.build_error(failure)
    await exchange.reply(failure.status, body, failure.headers)
