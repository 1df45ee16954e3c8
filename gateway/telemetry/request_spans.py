"""The span of a request: from its head to the last byte of its answer."""

import time

from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.asgi import Scope
from gateway.telemetry.attempt_spans import NOWHERE, TracedAttempt
from gateway.telemetry.gen_ai import ERROR_TYPE
from gateway.telemetry.instruments import Instruments
from gateway.telemetry.passing import passed_trace
from usage.records import EventRecord

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROPAGATOR = TraceContextTextMapPropagator()


class _Headers(Getter[dict[bytes, bytes]]):
    def get(self, carrier: dict[bytes, bytes], key: str) -> list[str] | None:
        value = carrier.get(key.encode())
        return None if value is None else [value.decode("latin-1")]

    def keys(self, carrier: dict[bytes, bytes]) -> list[str]:
        return [name.decode("latin-1") for name in carrier]


_HEADERS = _Headers()


class TracedRequest:
    """A child of the caller's span, where the request names one."""

    __slots__ = (
        "_began",
        "_instruments",
        "_method",
        "_passed",
        "_route",
        "_span",
        "_status",
        "_tracer",
        "trace_id",
    )

    def __init__(
        self, scope: Scope, tracer: Tracer | None, instruments: Instruments | None
    ) -> None:
        headers = dict(scope["headers"])
        self._began = time.monotonic()
        method = scope["method"]
        self._method = method if method in _METHODS else "_OTHER"
        self._route = ""
        self._status = 0
        self._tracer = tracer
        self._instruments = instruments
        self._span: Span | None = None
        self._passed = b""
        self.trace_id = ""
        if tracer is None:
            if (trace := passed_trace(headers)) is not None:
                self._passed, self.trace_id = trace.head, trace.trace_id
            return
        parent = _PROPAGATOR.extract(headers, NOWHERE, _HEADERS)
        self._span = tracer.start_span(
            self._method,
            parent,
            SpanKind.SERVER,
            {"http.request.method": self._method, "url.scheme": scope["scheme"]},
        )
        self.trace_id = f"{self._span.get_span_context().trace_id:032x}"

    def accepted(self, request_id: str, project: str, route: str) -> None:
        """Note whose request it is; `route` is that of Django."""
        self._route = f"/{route}"
        if self._span is not None and self._span.is_recording():
            self._span.update_name(f"{self._method} {self._route}")
            self._span.set_attributes(
                {
                    "http.route": self._route,
                    "signalbox.request_id": request_id,
                    "signalbox.project": project,
                }
            )

    def answered(self, status: int) -> None:
        self._status = status

    def attempt(self, record: EventRecord) -> TracedAttempt:
        return TracedAttempt(
            record, self._tracer, self._span, self._passed, self._instruments
        )

    def ended(self) -> None:
        """The answer is out, or its client is gone before there was one."""
        # Nobody was told; proxies write it so.
        status = self._status or 499
        if self._instruments is not None:
            seconds = time.monotonic() - self._began
            self._instruments.request(seconds, self._method, self._route, status)
        span = self._span
        if span is None:
            return
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_attribute(ERROR_TYPE, str(status))
            span.set_status(Status(StatusCode.ERROR))
        span.end()
