"""OpenTelemetry's library, set up to send spans and metrics by OTLP over HTTP.

Everything about the sending (addresses, headers, sampling, sizes, intervals) is read by
the library from the OTEL_… variables. It sends from threads of its own; what does not fit
into its queues is dropped.
"""

import logging
import os
import random
import time
from collections.abc import Collection
from contextvars import ContextVar
from uuid import UUID, uuid4

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Tracer

from gateway.asgi import Scope
from gateway.telemetry.instruments import Instruments
from gateway.telemetry.request_spans import TracedRequest
from gateway.telemetry.run_spans import TracedStep, tell_run
from gateway.telemetry.telling import EndedRun, StepFacts

SCOPE = "signalbox"
_HALF = (1 << 64) - 1

# Whose trace the next span of this context begins; None for one at random.
_CHOSEN: ContextVar[UUID | None] = ContextVar("chosen", default=None)


class Collector:
    """What is told from one process."""

    def __init__(self, signals: Collection[str]) -> None:
        self._tracers: TracerProvider | None = None
        self._meters: MeterProvider | None = None
        self._instruments: Instruments | None = None
        self._tracer: Tracer | None = None
        resource = _resource()
        if "traces" in signals:
            self._tracers = TracerProvider(
                resource=resource, id_generator=_Ids(), shutdown_on_exit=False
            )
            self._tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            self._tracer = self._tracers.get_tracer(SCOPE)
        if "metrics" in signals:
            reader = PeriodicExportingMetricReader(OTLPMetricExporter())
            self._meters = MeterProvider(
                [reader], resource=resource, shutdown_on_exit=False
            )
            self._instruments = Instruments(self._meters.get_meter(SCOPE))
        _calm_the_library()

    def request(self, scope: Scope) -> TracedRequest:
        return TracedRequest(scope, self._tracer, self._instruments)

    def step(self, facts: StepFacts) -> TracedStep:
        return TracedStep(facts, self._tracer, self._instruments)

    def run(self, facts: EndedRun) -> None:
        if self._tracer is not None:
            tell_run(facts, self._tracer, _CHOSEN)

    def stop(self) -> None:
        if self._tracers is not None:
            self._tracers.shutdown()
        if self._meters is not None:
            self._meters.shutdown()


class _Ids(IdGenerator):
    """Random ids, but for a span that is known by others before it is told."""

    def generate_span_id(self) -> int:
        if (chosen := _CHOSEN.get()) is not None:
            return chosen.int & _HALF
        return random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        if (chosen := _CHOSEN.get()) is not None:
            return chosen.int
        return random.getrandbits(128) or 1

    def is_trace_id_random(self) -> bool:
        return True


def _resource() -> Resource:
    # What is given here would win over the variables.
    told = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    given = {}
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in told:
        given[SERVICE_NAME] = SCOPE
    # The counts of several processes must not be taken for those of one.
    given[SERVICE_INSTANCE_ID] = str(uuid4())
    return Resource.create(given)


class _Seldom(logging.Filter):
    """Lets the library complain once a minute, and without a stack."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 60
        record.exc_info = None
        return True


def _calm_the_library() -> None:
    """A collector that is away is no news after the first time."""
    seldom = _Seldom()
    for name in (
        "opentelemetry.exporter.otlp.proto.http.trace_exporter",
        "opentelemetry.exporter.otlp.proto.http.metric_exporter",
        "opentelemetry.sdk._shared_internal",
        "opentelemetry.sdk.metrics._internal.export",
    ):
        logger = logging.getLogger(name)
        if not any(isinstance(each, _Seldom) for each in logger.filters):
            logger.addFilter(seldom)
