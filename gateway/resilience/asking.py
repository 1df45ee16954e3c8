"""Asking one target: the request in its protocol, the call, the answer, the bill."""

import time
from collections.abc import Awaitable, Mapping, Sequence
from types import ModuleType

from gateway.attempts import Attempt
from gateway.budgets.purse import Hold, Purse
from gateway.candidates import Candidate
from gateway.canonical import ChatRequest, OutputFormat
from gateway.context.prepared import placed
from gateway.exchange import Exchange, canonical_of, exchange_for
from gateway.metering import Meter
from gateway.protocols import ADAPTERS
from gateway.refusals import InvalidRequest
from gateway.resilience.answers import Answer
from gateway.resilience.formats import check_reply
from gateway.resilience.standing import Running
from gateway.resilience.standings import Standings
from gateway.structured_output import instructed, repaired
from gateway.types import (
    PLAIN,
    InferenceRequest,
    NoCounterpart,
    Outgoing,
    UpstreamFault,
    UpstreamReply,
)
from gateway.upstream.errors import (
    ParameterUnsupported,
    SchemaViolated,
    UpstreamError,
    UpstreamUnreadable,
)
from gateway.upstream.faults import classify_hidden, refused
from gateway.upstream.streams import RelayedStream
from gateway.upstream.targets import Target, target_for
from gateway.upstream.transport import Transport, UpstreamCall


class Asking:
    """One request on its way from target to target."""

    def __init__(
        self,
        request: InferenceRequest,
        defaults: Mapping[str, object],
        meter: Meter,
        transport: Transport,
        dialect: ModuleType,
        standings: Standings,
        deadline: float,
    ) -> None:
        self._request = request
        self._defaults = defaults
        self._meter = meter
        self._transport = transport
        self._dialect = dialect
        self._standings = standings
        self._deadline = deadline
        # Sent and received, as far as that can be said.
        self.tokens = meter.input_estimate + (request.max_output_tokens or 0)
        self._calls = 0
        self._upstream_s = 0.0
        # Whether another target is there to be asked after the next one.
        self.may_leave = False

    async def ask_for(
        self,
        wanted: OutputFormat,
        candidate: Candidate,
        *,
        is_fallback: bool,
        is_retry: bool = False,
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
                is_retry=is_retry,
            )
        except SchemaViolated as violated:
            again = repaired(told, violated.answer, violated.message)
        return await self.ask(candidate, again, wanted=wanted, is_fallback=is_fallback)

    def ask(
        self,
        candidate: Candidate,
        said_instead: ChatRequest | None = None,
        *,
        wanted: OutputFormat | None = None,
        is_fallback: bool,
        is_retry: bool = False,
    ) -> Awaitable[Answer]:
        """Return the answer of one target. Raises `UpstreamError`."""
        purse = self._meter.purse
        if purse is None:
            return self._ask(
                candidate, said_instead, wanted, None, is_fallback, is_retry
            )
        return self._ask_paid(
            purse, candidate, said_instead, wanted, is_fallback, is_retry
        )

    async def _ask_paid(
        self,
        purse: Purse,
        candidate: Candidate,
        said_instead: ChatRequest | None,
        wanted: OutputFormat | None,
        is_fallback: bool,
        is_retry: bool,
    ) -> Answer:
        hold = await purse.hold(candidate)
        try:
            return await self._ask(
                candidate, said_instead, wanted, hold, is_fallback, is_retry
            )
        finally:
            hold.release()

    async def _ask(
        self,
        candidate: Candidate,
        said_instead: ChatRequest | None,
        wanted: OutputFormat | None,
        hold: Hold | None,
        is_fallback: bool,
        is_retry: bool,
    ) -> Answer:
        target, meter = target_for(candidate), self._meter
        exchange, outgoing = self._written(candidate, target, said_instead, hold)
        if exchange.dropped and self._request.strict_params:
            raise _unsaid(exchange.dropped, target)
        if outgoing.variant is not PLAIN:
            target = target_for(candidate, outgoing.variant)
        self._calls += 1
        attempt = meter.begin(
            candidate,
            self._calls,
            self._upstream_s,
            is_fallback=is_fallback,
            hold=hold,
        )
        began = time.monotonic()
        running = self._standings.begin(
            candidate, attempt, began, self.tokens, is_retry=is_retry
        )
        try:
            reply, stream = await self._call(
                target, exchange, outgoing, attempt, running
            )
            if reply is not None and wanted is not None:
                check_reply(reply, exchange, wanted, attempt)
        except UpstreamError as error:
            self._upstream_s += time.monotonic() - began
            attempt.settle_nothing(http_status=error.status, error_code=error.code)
            target.clean(error)
            self._standings.end_failed(running, error, target.model.provider.slug)
            raise
        except BaseException as error:
            attempt.settle_abandoned(error)
            running.left()
            raise
        now = time.monotonic()
        self._upstream_s += now - began
        if reply is not None:
            attempt.settle_reply(reply)
            running.went_well(now)
        return Answer(
            candidate,
            attempt,
            self._calls,
            is_fallback,
            self._upstream_s,
            reply,
            stream,
            exchange.dropped,
            exchange,
        )

    def _written(
        self,
        candidate: Candidate,
        target: Target,
        said_instead: ChatRequest | None,
        hold: Hold | None,
    ) -> tuple[Exchange, Outgoing]:
        """Put the request into the words of the target."""
        request = self._request
        defaults = self._defaults if hold is None else _paid(self._defaults, hold)
        try:
            if request.context is not None:
                request, said_instead = placed(
                    request, said_instead, candidate, self._dialect
                )
            exchange = exchange_for(
                request,
                target,
                self._dialect,
                defaults,
                self._meter.request_id,
                said_instead,
            )
            return exchange, exchange.outgoing()
        except NoCounterpart as error:
            raise ParameterUnsupported(str(error), param=error.param) from error
        except InvalidRequest as error:
            # Another target may speak the client's own dialect.
            raise ParameterUnsupported(error.message, param=error.param) from error

    async def _call(
        self,
        target: Target,
        exchange: Exchange,
        outgoing: Outgoing,
        attempt: Attempt,
        running: Running,
    ) -> tuple[UpstreamReply | None, RelayedStream | None]:
        adapter = ADAPTERS[target.handler]
        is_streamed = self._request.stream
        call = await self._transport.send(
            target,
            outgoing,
            attempt.id,
            self._deadline,
            streamed=is_streamed,
            may_leave=self.may_leave,
            trace_head=attempt.trace_head,
        )
        try:
            if call.status != 200:
                raise refused(call, await call.read_error(), adapter)
            running.standing.note_rooms(call, self._meter.input_estimate)
            if not is_streamed:
                reply = _reply_of(await call.read(), call, adapter, exchange)
                call.close()
                return reply, None
            stream = RelayedStream(
                call,
                attempt,
                exchange.inspector(),
                self._dialect,
                adapter,
                target.redacted,
                running,
            )
            await stream.open(adapter.parse_response)
        except BaseException:
            call.close()
            raise
        else:
            return None, stream


def _paid(defaults: Mapping[str, object], hold: Hold) -> Mapping[str, object]:
    """Bound an answer that the request leaves open, where not all of it can be paid."""
    if hold.most_output is None:
        return defaults
    return {**defaults, "max_tokens": hold.most_output}


def _unsaid(dropped: Sequence[str], target: Target) -> UpstreamError:
    """Name what the project wants said or not asked at all."""
    names = ", ".join(dropped)
    msg = f"{target.model.name} has no counterpart for {names}; leave that out."
    return ParameterUnsupported(msg, param=dropped[0])


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
