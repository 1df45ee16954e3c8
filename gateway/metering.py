"""The meter of a request: each attempt is recorded as intended before it is made."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from uuid_utils import uuid7

from gateway.attempts import NOTHING, Attempt, Sink, milliseconds
from gateway.budgets.purse import Hold, Purse
from gateway.candidates import Candidate
from gateway.configuration.records import KeyRecord
from gateway.refusals import Overloaded
from gateway.types import InferenceRequest
from usage.costs import FREE, Cost, cost_of
from usage.records import EventRecord
from usage.spool import SpoolFull
from usage.tokens import Tokens

_ZERO = Decimal(0)
_FREE = Cost(_ZERO, ())


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
    ) -> Attempt:
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
            milliseconds(self.request.began + upstream_s, now),
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
    ) -> Attempt:
        """Record an answer that is given again; it uses nothing and costs nothing.

        `tokens` are those of the answer, `saved_usd` is what it cost when it was new.
        Raises `Overloaded` as `begin` does.
        """
        now = time.monotonic()
        overhead_ms = milliseconds(self.request.began, now)
        record = self._record(candidate, 0, NOTHING, _FREE, overhead_ms)
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
        attempt = Attempt(self, record, candidate, now, NOTHING)
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
