"""What each attempt used and cost, on its way to the spool: intent first, then settlement."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import msgspec
from uuid_utils import uuid7

from gateway.budgets.purse import Hold, Purse
from gateway.candidates import Candidate
from gateway.configuration.records import KeyRecord
from gateway.errors import Overloaded
from gateway.metrics.counts import COUNTS
from gateway.selection.observations import OBSERVATIONS
from gateway.telemetry.passing import AttemptTrace
from gateway.types import InferenceRequest
from usage.costs import FREE, Cost, cost_of
from usage.records import EventRecord, Settlement
from usage.spool import SpoolFull
from usage.tokens import Tokens, estimate_tokens

_NOTHING = Tokens()
_ZERO = Decimal(0)
_FREE = Cost(_ZERO, ())
# Whose answers are text, so that their tokens can be estimated.
_CONVERSATIONS = frozenset({"chat", "responses"})


class Sink(Protocol):
    """Where events are kept until they are in the database."""

    def intend(self, record: EventRecord) -> None: ...
    def settle(self, attempt_id: str, settlement: Settlement) -> None: ...
    def record(self, record: EventRecord) -> None: ...


class Meter(msgspec.Struct):
    """Counts the attempts of one request; `spent_usd` is what they cost together.

    It is None when the cost of any is not known.
    """

    sink: Sink
    request: InferenceRequest
    key: KeyRecord
    request_id: str
    alias: str
    strategy: str
    config_version: int
    routing: dict[str, object]
    input_estimate: int
    cache: str = "bypass"
    spent_usd: Decimal | None = _ZERO
    # Pays for the attempts, where there are budgets.
    purse: Purse | None = None

    def begin(
        self,
        candidate: Candidate,
        attempt: int,
        upstream_s: float,
        *,
        is_fallback: bool = False,
        hold: Hold | None = None,
    ) -> "Attempt":
        """Record the intent of an attempt; nothing may go upstream before this.

        `upstream_s` is how long earlier attempts of the request have waited for theirs.
        Raises `Overloaded` when there is no room to record it: what cannot be metered
        is not done.
        """
        tokens = _shown_by(self.request, candidate, self.input_estimate)
        cost = cost_of(tokens, candidate.prices)
        now = time.monotonic()
        record = self._record(
            candidate,
            attempt,
            tokens,
            cost,
            _ms(self.request.began + upstream_s, now),
            is_fallback=is_fallback,
            # It counts to the period that was reserved from.
            moment=None if hold is None else hold.moment,
        )
        try:
            self.sink.intend(record)
        except SpoolFull as error:
            raise _no_room() from error
        begun = Attempt(self, record, candidate, now, tokens)
        if self.request.trace is not None:
            begun.trace = self.request.trace.attempt(record)
        if hold is not None:
            hold.is_taken = True
            begun.hold = hold
        return begun

    def record_hit(
        self, candidate: Candidate, tokens: Tokens, saved_usd: Decimal | None
    ) -> "Attempt":
        """Record an answer that is given again; it uses nothing and costs nothing.

        `tokens` are those of the answer, `saved_usd` is what it cost when it was new.
        Raises `Overloaded` as `begin` does.
        """
        now = time.monotonic()
        overhead_ms = _ms(self.request.began, now)
        record = self._record(candidate, 0, _NOTHING, _FREE, overhead_ms)
        record = msgspec.structs.replace(
            record,
            kind="cache_hit",
            status="ok",
            http_status=200,
            estimated=False,
            latency_ms=overhead_ms,
            saved_usd=saved_usd,
        )
        try:
            self.sink.record(record)
        except SpoolFull as error:
            raise _no_room() from error
        attempt = Attempt(self, record, candidate, now, _NOTHING)
        attempt.settled, attempt.status = True, "ok"
        attempt.tokens, attempt.cost = tokens, _FREE
        return attempt

    def _record(
        self,
        candidate: Candidate,
        attempt: int,
        tokens: Tokens,
        cost: Cost | None,
        overhead_ms: float,
        *,
        is_fallback: bool = False,
        moment: datetime | None = None,
    ) -> EventRecord:
        request, project = self.request, self.key.project
        attribution = request.attribution
        routing = self.routing
        if request.trace is not None and request.trace.trace_id:
            routing = {**routing, "trace": request.trace.trace_id}
        if request.context is not None:
            told = request.context.told(candidate.model, request)
            routing = {**routing, "context": told}
        return EventRecord(
            id=str(uuid7()),
            occurred_at=moment or datetime.now(UTC),
            request_id=self.request_id,
            attempt=attempt,
            organization_id=project.organization_id,
            project_id=project.id,
            api_key_id=self.key.pk,
            end_user=attribution.end_user,
            feature=attribution.feature,
            feature_id=attribution.feature_id,
            tags=attribution.tags,
            operation=request.operation,
            dialect=request.dialect,
            alias=self.alias,
            provider=candidate.model.provider.slug,
            model=candidate.model.model_id,
            streamed=request.stream,
            input_tokens=tokens.input,
            other_usage=tokens.other,
            cost_usd=None if cost is None else cost.usd,
            price_ids=() if cost is None else cost.price_ids,
            overhead_ms=overhead_ms,
            cache=self.cache,
            fallback=is_fallback,
            strategy=self.strategy,
            routing=routing,
            config_version=self.config_version,
            own_credential=candidate.prices is FREE,
        )


def _no_room() -> Overloaded:
    msg = "The gateway cannot record usage at the moment; try again shortly."
    return Overloaded(msg, headers={"retry-after": "5"})


class Attempt:
    """One call to one target, from intent to settlement. Settling twice changes nothing."""

    __slots__ = (
        "_candidate",
        "_meter",
        "_record",
        "_shown",
        "began",
        "cost",
        "first_token",
        "hold",
        "settled",
        "status",
        "tokens",
        "trace",
    )

    def __init__(
        self,
        meter: Meter,
        record: EventRecord,
        candidate: Candidate,
        began: float,
        shown: Tokens,
    ) -> None:
        self._meter = meter
        self._shown = shown
        self._record = record
        self._candidate = candidate
        self.began = began
        self.first_token: float | None = None
        self.hold: Hold | None = None
        self.trace: AttemptTrace | None = None
        self.tokens: Tokens = _NOTHING
        self.cost: Cost | None = None
        self.settled = False
        self.status = ""

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def trace_head(self) -> bytes:
        """Header lines that tell the provider of the trace, if there is one."""
        return b"" if self.trace is None else self.trace.head

    @property
    def record(self) -> EventRecord:
        """The event as it was when the attempt began."""
        return self._record

    @property
    def spent_usd(self) -> Decimal | None:
        """What the request has cost so far, earlier attempts included."""
        return self._meter.spent_usd

    def mark_first_token(self) -> None:
        if self.first_token is None:
            self.first_token = time.monotonic()

    def seen_so_far(self, output_bytes: int) -> Tokens:
        """Return the estimate for an answer whose provider never said what it used."""
        if not output_bytes or self._record.operation not in _CONVERSATIONS:
            return self._shown
        return msgspec.structs.replace(
            self._shown, output=estimate_tokens(output_bytes), estimated=True
        )

    def settle(
        self,
        status: str,
        tokens: Tokens,
        *,
        http_status: int | None = None,
        error_code: str = "",
        reported_model: str = "",
        finish_reason: str = "",
    ) -> None:
        """Record what became of the attempt, exact where the provider told."""
        if self.settled:
            return
        self.settled = True
        self.status = status
        self.tokens = tokens
        self.cost = cost = self._cost_of(tokens)
        spent = self._meter.spent_usd
        self._meter.spent_usd = (
            None if cost is None or spent is None else spent + cost.usd
        )
        latency_ms = _ms(self.began, time.monotonic())
        first_ms = (
            None if self.first_token is None else _ms(self.began, self.first_token)
        )
        COUNTS.attempt(self._record.provider, status, latency_ms)
        COUNTS.use(self._record.provider, self._record.model, tokens, cost, first_ms)
        if status == "ok" and self._candidate.prices is not FREE:
            OBSERVATIONS.note(
                self._candidate.model.name, tokens.output, latency_ms, first_ms
            )
        settlement = Settlement(
            status=status,
            http_status=http_status,
            error_code=error_code[:64],
            reported_model=reported_model[:200],
            input_tokens=tokens.input,
            cache_read_tokens=tokens.cache_read,
            cache_write_tokens=tokens.cache_write,
            output_tokens=tokens.output,
            reasoning_tokens=tokens.reasoning,
            other_usage=tokens.other,
            estimated=tokens.estimated,
            cost_usd=None if cost is None else cost.usd,
            price_ids=() if cost is None else cost.price_ids,
            reported_cost_usd=tokens.cost_usd,
            latency_ms=latency_ms,
            first_token_ms=first_ms,
            finish_reason=finish_reason,
        )
        self._meter.sink.settle(self._record.id, settlement)
        if self.trace is not None:
            self.trace.settled(settlement)
        if self.hold is not None:
            self.hold.settle(None if cost is None else cost.usd)

    def _cost_of(self, tokens: Tokens) -> Cost | None:
        """Return what a provider charged, where it is to be believed, else our sum."""
        if (
            tokens.cost_usd is not None
            and self._candidate.model.provider.reports_cost
            and self._candidate.prices is not FREE
        ):
            return Cost(tokens.cost_usd, ())
        return cost_of(tokens, self._candidate.prices)

    def settle_nothing(
        self, *, http_status: int | None = None, error_code: str = ""
    ) -> None:
        """Record an attempt that failed without using anything."""
        self.settle("failed", _NOTHING, http_status=http_status, error_code=error_code)


def _shown_by(
    request: InferenceRequest, candidate: Candidate, input_estimate: int
) -> Tokens:
    """Return what the request itself shows of its use.

    What is sold by the piece is counted exactly; tokens are estimated.
    """
    if request.units and candidate.prices is not None:
        rates = candidate.prices.tiers[-1].rates
        if units := {n: amount for n, amount in request.units.items() if n in rates}:
            return Tokens(other=units)
    return Tokens(input=input_estimate, estimated=True)


def _ms(since: float, until: float) -> float:
    """Return the milliseconds between, to the microsecond."""
    return round((until - since) * 1e6) / 1000
