"""One run of the playground: the gateway is asked as by the API, and told as it answers."""

import codecs
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from rest_framework.exceptions import APIException

from gateway.admin.playground.places import Composed
from gateway.admin.playground.reading import AnswerReader
from gateway.callers import project_caller
from gateway.configuration.database_threads import ConfigurationUnavailable
from gateway.configuration.records import KeyRecord
from gateway.configuration.tenant_loading import read_project
from gateway.event_streams import EventStream
from gateway.refusals import Unforeseen
from gateway.replies import EdgeReply
from gateway.serve import Gateway
from gateway.types import JSON
from gateway.views.base import InferenceView
from gateway.views.edge_request import EdgeRequest
from gateway.views.explain import ExplainView

logger = logging.getLogger(__name__)

# What is shown of an answer; the rest is read, paid for and left out.
MAX_SHOWN = 1_000_000
_FOUND = 200


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked, on behalf of which project; `headers` are those of the request."""

    gateway: Gateway
    project_id: int
    request_id: str
    composed: Composed
    headers: Mapping[str, str]


async def frames(run: Run) -> AsyncIterator[bytes]:
    """Yield what becomes of the run, a JSON object to a line.

    Kinds: `explained`, `refused` (the explanation was), `head`, `text`, `raw`, `cut` and
    `end`.
    """
    try:
        record = await run.gateway.snapshot.read(partial(read_project, run.project_id))
    except ConfigurationUnavailable:
        record = None
    if record is None:
        yield _line("end", error="The project cannot be read now; try again shortly.")
        return
    caller = project_caller(record)
    yield await _explained(run, caller)
    began = time.monotonic()
    reply = await _reply(run, caller, began)
    try:
        yield _line(
            "head",
            status=reply.status,
            headers=[(n.decode(), v.decode("latin-1")) for n, v in reply.headers],
            overhead_ms=reply.overhead_ms,
        )
        async for line in _answer(run, reply):
            yield line
    finally:
        if reply.stream is not None:
            reply.stream.close()
    yield _end(reply, began)


async def _explained(run: Run, caller: KeyRecord) -> bytes:
    """Tell who would be asked. Nothing of it is kept or captured."""
    view = ExplainView()
    request = _request(run, caller, "/v1/route/explain", run.composed.explained)
    view.request, view.kwargs = request, {}
    try:
        reply = await view.post(request)
    except APIException as refused:
        return _line("refused", message=str(refused.detail))
    return _line("explained", **_shown(orjson.loads(reply.body)))


async def _reply(run: Run, caller: KeyRecord, began: float) -> EdgeReply:
    view: type[InferenceView] = run.composed.view
    request = _request(run, caller, run.composed.path, run.composed.content)
    request.began = began
    try:
        return await view().respond(request, **run.composed.kwargs)
    except APIException as refused:
        return view.refusal_reply(refused, run.request_id)
    except Exception:
        # As the edge does: the unforeseen becomes an answer.
        logger.exception("request failed", extra={"request_id": run.request_id})
        return view.refusal_reply(Unforeseen(), run.request_id)


def _request(run: Run, caller: KeyRecord, path: str, content: bytes) -> EdgeRequest:
    headers = {
        b"content-type": b"application/json",
        **{
            name.encode(): value.encode("ascii")
            for name, value in {**run.composed.place.headers, **run.headers}.items()
        },
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": run.composed.query.encode(),
        "headers": list(headers.items()),
    }
    return EdgeRequest(
        scope,
        headers,
        content,
        caller,
        run.request_id,
        run.gateway,
        time.monotonic(),
    )


async def _answer(run: Run, reply: EdgeReply) -> AsyncIterator[bytes]:
    view = run.composed.view
    reader = AnswerReader(view.dialect.NAME, run.composed.place.operation)
    if reply.stream is not None:
        async for line in _streamed(reply.stream, reader):
            yield line
        return
    content_type = dict(reply.headers).get(b"content-type", b"").decode("latin-1")
    text = reader.read_whole(reply.body, reply.status, content_type)
    if text:
        yield _line("text", text=text[:MAX_SHOWN])
    if "json" in content_type or content_type.startswith("text/"):
        yield _line("raw", text=_readable(reply.body)[:MAX_SHOWN])
        if len(reply.body) > MAX_SHOWN:
            yield _line("cut")


async def _streamed(stream: EventStream, reader: AnswerReader) -> AsyncIterator[bytes]:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    shown = 0
    async for events in stream.events():
        if shown > MAX_SHOWN:
            continue
        shown += len(events)
        if text := reader.read_events(events):
            yield _line("text", text=text)
        yield _line("raw", text=decode(events))
        if shown > MAX_SHOWN:
            yield _line("cut")


def _readable(body: bytes) -> str:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()


def _end(reply: EdgeReply, began: float) -> bytes:
    attempt = reply.attempt
    took_ms = (time.monotonic() - began) * 1000
    if attempt is None:
        return _line("end", took_ms=took_ms)
    first = attempt.first_token
    cost = attempt.spent_usd
    return _line(
        "end",
        took_ms=took_ms,
        first_token_ms=None if first is None else (first - began) * 1000,
        cost_usd=None if cost is None else f"{cost.normalize():f}",
        input_tokens=attempt.tokens.input,
        output_tokens=attempt.tokens.output,
        is_estimated=attempt.tokens.estimated,
        outcome=attempt.status,
    )


def _shown(told: JSON) -> JSON:
    """Return what the page shows of an explanation."""
    return {
        "alias": told["alias"],
        "model": told["model"],
        "strategy": told["strategy"],
        "input_tokens": told["input_tokens"],
        "refusal": told["refusal"],
        "candidates": [
            {
                "rank": each["rank"],
                "name": each["name"],
                "score": each["score"],
                "expected_usd": each["estimate"]["cost_usd"]["expected"],
                "health": _health(each["health"]),
            }
            for each in told["candidates"][:_FOUND]
        ],
        "dropped": [
            {"name": each["name"], "reason": each["reason"]}
            for each in told["dropped"][:_FOUND]
        ],
    }


def _health(told: JSON) -> str:
    if told.get("reason"):
        return str(told["reason"])
    return "ready" if told.get("readiness") == "ready" else f"breaker {told['breaker']}"


def _line(kind: str, **values: Any) -> bytes:
    return orjson.dumps({"kind": kind, **values}) + b"\n"
