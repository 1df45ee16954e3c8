"""Asking the targets of a route in turn until one answers."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import ModuleType

import orjson

from gateway.candidates import Candidate
from gateway.errors import (
    Refusal,
    RequestRefused,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamTimedOut,
    UpstreamUnreadable,
    classify,
    classify_hidden,
)
from gateway.metering import Attempt, Meter
from gateway.protocols import ADAPTERS
from gateway.streams import RelayedStream
from gateway.strict_json import join_fields
from gateway.targets import Target, target_for
from gateway.transport import Transport, UpstreamCall
from gateway.types import InferenceRequest, UpstreamFault, UpstreamReply

MAX_WAIT_S = 120.0
_LONGEST_RETRY_AFTER_S = 60

# Controls of Signalbox in a body; no provider sees them.
CONTROLS = frozenset({"models", "provider"})

# What a request is must be said by the request.
_NEVER_DEFAULTED = frozenset({"model", "messages", "stream", "stream_options"})
# Two names of one bound: who gives either wants no other.
_SAME_BOUND = frozenset({"max_tokens", "max_completion_tokens"})


@dataclass(slots=True)
class Answer:
    """What a target gave: a whole reply, or a stream of which the first content is here."""

    candidate: Candidate
    attempt: Attempt
    attempts: int
    upstream_s: float
    reply: UpstreamReply | None = None
    stream: RelayedStream | None = None


async def try_in_order(
    route: Sequence[Candidate],
    request: InferenceRequest,
    defaults: Mapping[str, object],
    meter: Meter,
    transport: Transport,
    dialect: ModuleType,
) -> Answer:
    """Return the first answer. Raises a `Refusal` when no target gave one."""
    errors: list[UpstreamError] = []
    fields = _with_defaults(request.fields, defaults)
    upstream_s = 0.0
    for number, candidate in enumerate(route, start=1):
        target = target_for(candidate)
        body = _body(fields, request, target)
        attempt = meter.begin(candidate, number)
        asked = time.monotonic()
        try:
            answer = await _ask(target, body, request, attempt, transport, dialect)
        except UpstreamError as error:
            upstream_s += time.monotonic() - asked
            attempt.settle_nothing(http_status=error.status, error_code=error.code)
            error.message = target.redacted(error.message)
            errors.append(error)
            if not error.try_next:
                break
        except BaseException as error:
            # The client has gone; the provider may bill what it was sent.
            is_gone = isinstance(error, asyncio.CancelledError)
            attempt.settle(
                "cancelled" if is_gone else "failed",
                attempt.seen_so_far(0),
                error_code="client_gone" if is_gone else "internal_error",
            )
            raise
        else:
            upstream_s += time.monotonic() - asked
            reply, stream = answer
            if reply is not None:
                _settle(attempt, reply)
            return Answer(candidate, attempt, number, upstream_s, reply, stream)
    raise _refusal_for(errors)


def _settle(attempt: Attempt, reply: UpstreamReply) -> None:
    attempt.settle(
        "ok",
        reply.tokens or attempt.seen_so_far(len(reply.body)),
        http_status=200,
        reported_model=reply.reported_model,
    )


async def _ask(
    target: Target,
    body: bytes,
    request: InferenceRequest,
    attempt: Attempt,
    transport: Transport,
    dialect: ModuleType,
) -> tuple[UpstreamReply | None, RelayedStream | None]:
    adapter = ADAPTERS[target.handler]
    call = await transport.post(target, body, attempt.id)
    try:
        if call.status != 200:
            raise await _error_of(call, adapter)
        if not request.stream:
            reply = _reply_of(await call.read(), call, adapter)
            call.close()
            return reply, None
        stream = RelayedStream(
            call,
            attempt,
            adapter.StreamInspector(hide_usage=not request.wants_usage),
            dialect,
            adapter.Unreadable,
            target.redacted,
        )
        await stream.open(adapter.parse_response)
    except BaseException:
        call.close()
        raise
    else:
        return None, stream


def _reply_of(body: bytes, call: UpstreamCall, adapter: ModuleType) -> UpstreamReply:
    try:
        reply = adapter.parse_response(body)
    except adapter.Unreadable as error:
        raise UpstreamUnreadable(str(error), status=call.status) from error
    if isinstance(reply, UpstreamFault):
        raise classify_hidden(reply.code, reply.message)
    checked: UpstreamReply = reply
    return checked


async def _error_of(call: UpstreamCall, adapter: ModuleType) -> UpstreamError:
    fault: UpstreamFault = adapter.error_code(await call.read_error())
    if 300 <= call.status < 400:
        msg = "The provider answered with a redirect, which is not followed."
        return UpstreamUnreadable(msg, status=call.status)
    return classify(
        call.status,
        fault.code,
        fault.message,
        param=fault.param,
        retry_after_s=_wait_of(call),
    )


def _wait_of(call: UpstreamCall) -> float | None:
    """Return how long the provider asks to wait, made sensible: 0 to 120 seconds."""
    if text := call.header("retry-after-ms"):
        seconds = _number(text)
        return None if seconds is None else min(max(seconds / 1000, 0.0), MAX_WAIT_S)
    text = call.header("retry-after") or ""
    seconds = _number(text)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), MAX_WAIT_S)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _with_defaults(
    fields: Mapping[str, bytes], defaults: Mapping[str, object]
) -> dict[str, bytes]:
    if not defaults:
        return dict(fields)
    taken = {*fields, *_NEVER_DEFAULTED}
    if not taken.isdisjoint(_SAME_BOUND):
        taken |= _SAME_BOUND
    return {
        **{n: orjson.dumps(value) for n, value in defaults.items() if n not in taken},
        **fields,
    }


def _body(fields: dict[str, bytes], request: InferenceRequest, target: Target) -> bytes:
    adapter = ADAPTERS[target.handler]
    return join_fields(
        adapter.build_relayed(
            fields,
            target.model.model_id,
            target.quirks,
            stream=request.stream,
            dropped=CONTROLS,
        )
    )


def _refusal_for(errors: list[UpstreamError]) -> Refusal:
    """Return what the caller is told when no target answered."""
    last = errors[-1]
    refused = next((e for e in errors if isinstance(e, RequestRefused)), None)
    if refused is not None:
        # The client's own doing: passed on with the provider's status and words.
        return Refusal(
            refused.message,
            status=refused.status or 400,
            code=refused.upstream_code or refused.code,
            param=refused.param,
            headers={"x-should-retry": "false"},
        )
    if all(isinstance(error, UpstreamRateLimited) for error in errors):
        waits = [error.retry_after_s for error in errors]
        wait = min((w for w in waits if w is not None), default=1.0)
        return Refusal(
            "Every model behind this name is rate limited by its provider; wait, then retry.",
            status=429,
            code=UpstreamRateLimited.code,
            headers={"retry-after": str(round(min(wait, _LONGEST_RETRY_AFTER_S)) or 1)},
        )
    if all(isinstance(error, UpstreamModelMissing) for error in errors):
        return Refusal(
            f"The provider does not know the model: {last.message}",
            status=404,
            code=UpstreamModelMissing.code,
            param="model",
            headers={"x-should-retry": "false"},
        )
    kinds = {type(error) for error in errors}
    alike = len(kinds) == 1
    timed_out = alike and isinstance(last, UpstreamTimedOut)
    told = f" (HTTP {last.status})" if last.status else ""
    return Refusal(
        f"No provider could answer; the last one said{told}: {last.message}",
        status=504 if timed_out else 502,
        code=_code_of(last) if alike else UpstreamError.code,
        headers={"x-should-retry": "false"},
    )


def _code_of(error: UpstreamError) -> str:
    code = error.code
    return code if code.startswith("upstream_") else UpstreamError.code
