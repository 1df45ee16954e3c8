"""Asking the targets of a route in turn until one answers."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import ModuleType

from gateway.candidates import Candidate
from gateway.canonical import ChatRequest, OutputFormat
from gateway.errors import (
    InvalidRequest,
    ParameterUnsupported,
    Refusal,
    RequestRefused,
    SchemaViolated,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamTimedOut,
    UpstreamUnreadable,
    classify,
    classify_hidden,
)
from gateway.exchange import Exchange, canonical_of, exchange_for
from gateway.metering import Attempt, Meter
from gateway.protocols import ADAPTERS
from gateway.streams import RelayedStream
from gateway.structured_output import (
    SchemaRefused,
    check_format,
    fault_of,
    instructed,
    repaired,
)
from gateway.targets import Target, target_for
from gateway.transport import Transport, UpstreamCall
from gateway.types import (
    PLAIN,
    InferenceRequest,
    NoCounterpart,
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
    asking = _Asking(request, defaults, meter, transport, dialect)
    wanted = asking.wanted_format()
    errors: list[UpstreamError] = []
    for candidate in route:
        try:
            if wanted is None:
                return await asking.ask(candidate, is_fallback=bool(errors))
            return await asking.ask_for(wanted, candidate, is_fallback=bool(errors))
        except UpstreamError as error:
            errors.append(error)
            if not error.try_next:
                break
    raise _refusal_for(errors)


class _Asking:
    """One request on its way from target to target."""

    def __init__(
        self,
        request: InferenceRequest,
        defaults: Mapping[str, object],
        meter: Meter,
        transport: Transport,
        dialect: ModuleType,
    ) -> None:
        self._request = request
        self._defaults = defaults
        self._meter = meter
        self._transport = transport
        self._dialect = dialect
        self._calls = 0
        self._upstream_s = 0.0

    def wanted_format(self) -> OutputFormat | None:
        """Return what the answer must look like; None when that is open.

        Raises `InvalidRequest` for a schema that nothing can be checked against.
        """
        wants_json = getattr(self._dialect, "wants_json", None)
        if wants_json is None or not wants_json(self._request.body):
            return None
        wanted: OutputFormat = canonical_of(self._request, self._dialect).output_format
        if wanted.kind == "text":
            return None
        try:
            check_format(wanted)
        except SchemaRefused as error:
            raise InvalidRequest(str(error), param="response_format") from error
        return wanted

    async def ask_for(
        self, wanted: OutputFormat, candidate: Candidate, *, is_fallback: bool
    ) -> Answer:
        """Return an answer of that format, asking a second time when it has another.

        Raises `UpstreamError`, `SchemaViolated` among them. A stream is passed on as it
        comes.
        """
        asked: ChatRequest = canonical_of(self._request, self._dialect)
        told = instructed(asked, candidate.model.capabilities)
        try:
            return await self.ask(
                candidate,
                None if told is asked else told,
                wanted=wanted,
                is_fallback=is_fallback,
            )
        except SchemaViolated as violated:
            again = repaired(told, violated.answer, violated.message)
        return await self.ask(candidate, again, wanted=wanted, is_fallback=is_fallback)

    async def ask(
        self,
        candidate: Candidate,
        said_instead: ChatRequest | None = None,
        *,
        wanted: OutputFormat | None = None,
        is_fallback: bool,
    ) -> Answer:
        """Return the answer of one target. Raises `UpstreamError`."""
        request, meter = self._request, self._meter
        target = target_for(candidate)
        try:
            exchange = exchange_for(
                request,
                target,
                self._dialect,
                self._defaults,
                meter.request_id,
                said_instead,
            )
            outgoing = exchange.outgoing()
        except NoCounterpart as error:
            raise ParameterUnsupported(str(error), param=error.param) from error
        except InvalidRequest as error:
            # Another target may speak the client's own dialect.
            raise ParameterUnsupported(error.message, param=error.param) from error
        if exchange.dropped and request.strict_params:
            raise _unsaid(exchange.dropped, target)
        if outgoing.variant is not PLAIN:
            target = target_for(candidate, outgoing.variant)
        self._calls += 1
        attempt = meter.begin(
            candidate, self._calls, self._upstream_s, is_fallback=is_fallback
        )
        began = time.monotonic()
        try:
            reply, stream = await _ask(
                target,
                exchange,
                outgoing,
                request.stream,
                attempt,
                self._transport,
                self._dialect,
            )
            if reply is not None and wanted is not None:
                _check_format(reply, exchange, wanted, attempt)
        except UpstreamError as error:
            self._upstream_s += time.monotonic() - began
            attempt.settle_nothing(http_status=error.status, error_code=error.code)
            error.message = target.redacted(error.message)
            raise
        except BaseException as error:
            # The client has gone; the provider may bill what it was sent.
            is_gone = isinstance(error, asyncio.CancelledError)
            attempt.settle(
                "cancelled" if is_gone else "failed",
                attempt.seen_so_far(0),
                error_code="client_gone" if is_gone else "internal_error",
            )
            raise
        self._upstream_s += time.monotonic() - began
        if reply is not None:
            _settle(attempt, reply, "ok")
        return Answer(
            candidate,
            attempt,
            self._calls,
            is_fallback,
            self._upstream_s,
            reply,
            stream,
            exchange.dropped,
        )


def _check_format(
    reply: UpstreamReply, exchange: Exchange, wanted: OutputFormat, attempt: Attempt
) -> None:
    """Raise `SchemaViolated` for an answer that is not as wanted; it is paid for."""
    try:
        found = fault_of(exchange.result(reply), wanted)
    except SchemaRefused as error:
        _settle(attempt, reply, "failed", InvalidRequest.default_code)
        raise InvalidRequest(str(error), param="response_format") from error
    if found is not None:
        answer, reason = found
        _settle(attempt, reply, "failed", SchemaViolated.code)
        raise SchemaViolated(reason, answer=answer)


def _unsaid(dropped: Sequence[str], target: Target) -> UpstreamError:
    """Name what the project wants said or not asked at all."""
    names = ", ".join(dropped)
    msg = f"{target.model.name} has no counterpart for {names}; leave that out."
    return ParameterUnsupported(msg, param=dropped[0])


def _settle(
    attempt: Attempt, reply: UpstreamReply, status: str, error_code: str = ""
) -> None:
    attempt.settle(
        status,
        reply.tokens or attempt.seen_so_far(len(reply.body)),
        http_status=200,
        error_code=error_code,
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
    call = await transport.send(target, outgoing, attempt.id, streamed=streamed)
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
    errors = [e for e in errors if not isinstance(e, ParameterUnsupported)] or errors
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
    if violated := [e for e in errors if isinstance(e, SchemaViolated)]:
        return Refusal(
            "No model gave an answer that fits the schema; the last one was refused "
            f"because {violated[-1].message}",
            status=422,
            code=SchemaViolated.code,
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
