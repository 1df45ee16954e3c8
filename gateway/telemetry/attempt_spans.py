"""The span of an attempt: a call of ours to a provider."""

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)

from gateway.telemetry import gen_ai
from gateway.telemetry.instruments import Instruments
from gateway.telemetry.passing import head_of
from usage.records import EventRecord, Settlement

# A span of its own context only: what is current in a process is nobody's parent.
NOWHERE = Context()


def within(place: Span | SpanContext) -> Context:
    """Return where spans that belong to this one begin."""
    span = NonRecordingSpan(place) if isinstance(place, SpanContext) else place
    return set_span_in_context(span, NOWHERE)


def lines_of(place: SpanContext) -> bytes:
    """Return the header lines that lead here."""
    parent = (
        f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags & 1:02x}"
    )
    return head_of(parent.encode(), place.trace_state.to_header().encode("latin-1"))


class TracedAttempt:
    """Begun with the attempt's intent, ended with its settlement."""

    __slots__ = ("_instruments", "_record", "_span", "head")

    def __init__(
        self,
        record: EventRecord,
        tracer: Tracer | None,
        place: Span | None,
        passed: bytes,
        instruments: Instruments | None,
    ) -> None:
        self._record = record
        self._instruments = instruments
        self._span: Span | None = None
        self.head = passed
        if tracer is not None and place is not None:
            told = gen_ai.begun(record)
            self._span = tracer.start_span(
                f"{told[gen_ai.OPERATION]} {record.model}",
                within(place),
                SpanKind.CLIENT,
                told,
            )
            self.head = lines_of(self._span.get_span_context())

    def settled(self, settlement: Settlement) -> None:
        if self._instruments is not None:
            self._instruments.attempt(self._record, settlement)
        span = self._span
        if span is None:
            return
        if span.is_recording():
            span.set_attributes(gen_ai.ended(settlement))
            if gen_ai.error_type(settlement):
                span.set_status(Status(StatusCode.ERROR))
        span.end()
