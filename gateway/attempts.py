"""One call to one target, and what it used and cost, on its way to the spool."""

import asyncio
import time
from decimal import Decimal
from typing import Protocol

import msgspec

from gateway.budgets.purse import Hold
from gateway.candidates import Candidate
from gateway.metrics.counts import COUNTS
from gateway.selection.observations import OBSERVATIONS
from gateway.telemetry.passing import AttemptTrace
from gateway.types import UpstreamReply
from usage.costs import FREE, Cost, cost_of
from usage.records import EventRecord, Settlement
from usage.tokens import Tokens, estimate_tokens

NOTHING = Tokens()
# Whose answers are text, so that their tokens can be estimated.
_CONVERSATIONS = frozenset({"chat", "responses"})


class Sink(Protocol):
    """Where events are kept until they are in the database."""

    def intend(self, record: EventRecord) -> None: ...
    def settle(self, attempt_id: str, settlement: Settlement) -> None: ...
    def record(self, record: EventRecord) -> None: ...


class Bill(Protocol):
    """What the attempts of one request are added up on."""

    sink: Sink
    # None when the cost of any is not known.
    spent_usd: Decimal | None


class Attempt:
    """One call to one target, from intent to settlement. Settling twice changes nothing."""

    __slots__ = (
        "_bill",
        "_candidate",
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
        bill: Bill,
        record: EventRecord,
        candidate: Candidate,
        began: float,
        shown: Tokens,
    ) -> None:
        self._bill = bill
        self._shown = shown
        self._record = record
        self._candidate = candidate
        self.began = began
        self.first_token: float | None = None
        self.hold: Hold | None = None
        self.trace: AttemptTrace | None = None
        self.tokens: Tokens = NOTHING
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
        return self._bill.spent_usd

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
        spent = self._bill.spent_usd
        self._bill.spent_usd = (
            None if cost is None or spent is None else spent + cost.usd
        )
        latency_ms = milliseconds(self.began, time.monotonic())
        first_ms = (
            None
            if self.first_token is None
            else milliseconds(self.began, self.first_token)
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
        self._bill.sink.settle(self._record.id, settlement)
        if self.trace is not None:
            self.trace.settled(settlement)
        if self.hold is not None:
            self.hold.settle(None if cost is None else cost.usd)

    def settle_reply(
        self,
        reply: UpstreamReply,
        status: str = "ok",
        *,
        http_status: int = 200,
        error_code: str = "",
    ) -> None:
        """Record a whole answer, whatever is to become of it."""
        self.settle(
            status,
            reply.tokens or self.seen_so_far(len(reply.body)),
            http_status=http_status,
            error_code=error_code,
            reported_model=reply.reported_model,
            finish_reason=reply.finish_reason,
        )

    def settle_nothing(
        self, *, http_status: int | None = None, error_code: str = ""
    ) -> None:
        """Record an attempt that failed without using anything."""
        self.settle("failed", NOTHING, http_status=http_status, error_code=error_code)

    def settle_abandoned(self, error: BaseException) -> None:
        """Record what the client, or a mistake of ours, has ended: it may be billed."""
        is_gone = isinstance(error, asyncio.CancelledError)
        self.settle(
            "cancelled" if is_gone else "failed",
            self.seen_so_far(0),
            error_code="client_gone" if is_gone else "internal_error",
        )

    def _cost_of(self, tokens: Tokens) -> Cost | None:
        """Return what a provider charged, where it is to be believed, else our sum."""
        if (
            tokens.cost_usd is not None
            and self._candidate.model.provider.reports_cost
            and self._candidate.prices is not FREE
        ):
            return Cost(tokens.cost_usd, ())
        return cost_of(tokens, self._candidate.prices)


def milliseconds(since: float, until: float) -> float:
    """Return the milliseconds between, to the microsecond."""
    return round((until - since) * 1e6) / 1000
