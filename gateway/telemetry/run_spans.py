"""The spans of a workflow's run: one trace for all that is done, wherever and whenever.

The id of the trace is that of the run, and the second half of it the id of the run's own
span; so workers find their place without asking, and people find the trace.
"""

from contextvars import ContextVar
from datetime import datetime
from uuid import UUID

from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

from gateway.telemetry.attempt_spans import NOWHERE, TracedAttempt, within
from gateway.telemetry.gen_ai import ERROR_TYPE, OPERATION
from gateway.telemetry.instruments import Instruments
from gateway.telemetry.telling import EndedRun, StepFacts
from usage.records import EventRecord

_HALF = (1 << 64) - 1


def place_of(run_id: UUID, tracer: Tracer) -> SpanContext:
    """Return where the run stands in its trace; whether that is kept, its id decides."""
    flags = TraceFlags.SAMPLED
    if isinstance(tracer, SdkTracer):
        verdict = tracer.sampler.should_sample(NOWHERE, run_id.int, "run")
        if verdict.decision is Decision.DROP:
            flags = TraceFlags.DEFAULT
    return SpanContext(
        run_id.int, run_id.int & _HALF, is_remote=True, trace_flags=TraceFlags(flags)
    )


class TracedStep:
    """One attempt at a step; the calls that it makes are its children."""

    __slots__ = ("_instruments", "_span", "_tracer", "trace_id")

    def __init__(
        self,
        facts: StepFacts,
        tracer: Tracer | None,
        instruments: Instruments | None,
    ) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._span: Span | None = None
        self.trace_id = "" if tracer is None else facts.run_id.hex
        if tracer is not None:
            self._span = tracer.start_span(
                f"{facts.action} {facts.step}",
                within(place_of(facts.run_id, tracer)),
                SpanKind.INTERNAL,
                {
                    "gen_ai.workflow.name": facts.workflow,
                    "signalbox.run_id": str(facts.run_id),
                    "signalbox.step": facts.step,
                    "signalbox.action": facts.action,
                },
            )

    def attempt(self, record: EventRecord) -> TracedAttempt:
        return TracedAttempt(record, self._tracer, self._span, b"", self._instruments)

    def ended(self, outcome: str, error: str = "") -> None:
        span = self._span
        if span is None:
            return
        span.set_attribute("signalbox.outcome", outcome)
        if error:
            span.set_attribute(ERROR_TYPE, error)
            span.set_status(Status(StatusCode.ERROR))
        span.end()


def tell_run(facts: EndedRun, tracer: Tracer, chosen: ContextVar[UUID | None]) -> None:
    """Tell of a run that is over, from its beginning to its end."""
    token = chosen.set(facts.id)
    try:
        span = tracer.start_span(
            f"invoke_workflow {facts.workflow}",
            NOWHERE,
            SpanKind.INTERNAL,
            {
                OPERATION: "invoke_workflow",
                "gen_ai.workflow.name": facts.workflow,
                "signalbox.run_id": str(facts.id),
                "signalbox.status": facts.status,
            },
            start_time=_ns(facts.began),
        )
    finally:
        chosen.reset(token)
    if facts.error_code:
        span.set_attribute(ERROR_TYPE, facts.error_code)
        span.set_status(Status(StatusCode.ERROR))
    span.end(_ns(facts.ended))


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6) * 1000
