"""Asking the targets of a route in turn until one answers."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import ModuleType

from gateway.candidates import Candidate
from gateway.errors import (
    ParameterUnsupported,
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
from gateway.exchange import Exchange, exchange_for
from gateway.metering import Attempt, Meter
from gateway.protocols import ADAPTERS
from gateway.streams import RelayedStream
from gateway.targets import Target, target_for
from gateway.transport import Transport, UpstreamCall
from gateway.types import (
    PLAIN,
    InferenceRequest,
    Outgoing,
    UpstreamFault,
    UpstreamReply,
)

MAX_WAIT_S = 120.0
_LONGEST_RETRY_AFTER_S = 60


@dataclass(slots=True)
class Answer:
    """What a target gave: a whole reply, or a stream of which the first content is here."""

    candidate: Candidate
    attempt: Attempt
    attempts: int
    is_fallback: bool
    upstream_s: float
    reply: UpstreamReply | None = None
    stream: RelayedStream | None = None
    dropped: tuple[str, ...] = ()


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
    upstream_s = 0.0
    calls = 0
    for candidate in route:
        target = target_for(candidate)
        exchange = exchange_for(request, target, dialect, defaults, meter.request_id)
        outgoing = exchange.outgoing()
        if exchange.dropped and request.strict_params:
            errors.append(_unsaid(exchange.dropped, target))
            continue
        if outgoing.variant is not PLAIN:
            target = target_for(candidate, outgoing.variant)
        calls += 1
        attempt = meter.begin(candidate, calls, upstream_s, is_fallback=bool(errors))
        asked = time.monotonic()
        try:
            answer = await _ask(
                target, exchange, outgoing, request.stream, attempt, transport, dialect
            )
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
            return Answer(
                candidate,
                attempt,
                calls,
                bool(errors),
                upstream_s,
                reply,
                stream,
                exchange.dropped,
            )
    raise _refusal_for(errors)


def _unsaid(dropped: Sequence[str], target: Target) -> UpstreamError:
    """Name what the project wants said or not asked at all."""
    names = ", ".join(dropped)
    msg = f"{target.model.name} has no counterpart for {names}; leave that out."
    return ParameterUnsupported(msg, param=dropped[0])


def _settle(attempt: Attempt, reply: UpstreamReply) -> None:
    attempt.settle(
        "ok",
        reply.tokens or attempt.seen_so_far(len(reply.body)),
        http_status=200,
        reported_model=reply.reported_model,
    )


async def _ask(
    target: Target,
    exchange: Exchange,
    outgoing: Outgoing,
    streamed: bool,
    attempt: Attempt,
    transport: Transport,
    dialect: ModuleType,
) -> tuple[UpstreamReply | None, RelayedStream | None]:
    adapter = ADAPTERS[target.handler]
    call = await transport.post(target, outgoing, attempt.id, streamed=streamed)
    try:
        if call.status != 200:
            raise await _error_of(call, adapter)
        if not streamed:
            reply = _reply_of(await call.read(), call, adapter, exchange)
            call.close()
            return reply, None
        stream = RelayedStream(
            call,
            attempt,
            exchange.inspector(),
            dialect,
            adapter,
            target.redacted,
        )
        await stream.open(adapter.parse_response)
    except BaseException:
        call.close()
        raise
    else:
        return None, stream


def _reply_of(
    body: bytes, call: UpstreamCall, adapter: ModuleType, exchange: Exchange
) -> UpstreamReply:
    try:
        reply = adapter.parse_response(body)
        if isinstance(reply, UpstreamFault):
            raise classify_hidden(reply.code, reply.message, reply.status)
        return exchange.reply(reply)
    except adapter.Unreadable as error:
        raise UpstreamUnreadable(str(error), status=call.status) from error


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
        retry_after_s=_wait_of(call, fault.retry_after_s),
    )


def _wait_of(call: UpstreamCall, told_s: float | None) -> float | None:
    """Return how long the provider asks to wait, made sensible: 0 to 120 seconds.

    `told_s` is what its body says, where the headers say nothing.
    """
    if text := call.header("retry-after-ms"):
        seconds = _number(text)
        return None if seconds is None else min(max(seconds / 1000, 0.0), MAX_WAIT_S)
    text = call.header("retry-after") or ""
    seconds = _number(text)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            seconds = told_s
    return None if seconds is None else min(max(seconds, 0.0), MAX_WAIT_S)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


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
