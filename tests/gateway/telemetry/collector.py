"""An OTLP receiver on loopback, which decodes what it is sent."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import override_settings
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from tests.gateway.live import wait_until


@dataclass
class Span:
    """A span as it arrived, its ids in hexadecimal."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    seconds: float
    resource: dict[str, Any]


@dataclass
class Received:
    """Everything that came, in the order of its coming."""

    url: str
    spans: list[Span] = field(default_factory=list)
    # The points of each metric: its attributes and how many values are in it.
    points: dict[str, list[tuple[dict[str, Any], int, float]]] = field(
        default_factory=dict
    )
    raw: list[bytes] = field(default_factory=list)

    def named(self, name: str, count: int = 1) -> list[Span]:
        """Return the spans of that name, once there are so many."""
        wait_until(lambda: len(self._named(name)) >= count, seconds=10)
        return self._named(name)

    def _named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def told_everything() -> Iterator[Received]:
    """Let what is opened meanwhile tell a receiver of traces and metrics."""
    with (
        receiving() as received,
        pytest.MonkeyPatch.context() as patch,
        override_settings(TELEMETRY=frozenset({"traces", "metrics"})),
    ):
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        patch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
        yield received


@contextmanager
def receiving(status: int = 200) -> Iterator[Received]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            received.raw.append(body)
            if self.path.endswith("/v1/traces"):
                received.spans += _spans(body)
            else:
                for name, points in _points(body):
                    received.points[name] = points
            self.send_response(status)
            self.send_header("content-length", "0")
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                # Otherwise the library makes longer and longer pauses.
                self.send_header("retry-after", "0.01")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(body: bytes) -> Iterator[Span]:
    told = ExportTraceServiceRequest.FromString(body)
    for resource in told.resource_spans:
        about = _attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _attributes(span.attributes),
                    span.status.code == 2,
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    about,
                )


def _points(body: bytes) -> Iterator[tuple[str, list[tuple[Any, int, float]]]]:
    told = ExportMetricsServiceRequest.FromString(body)
    for resource in told.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield (
                    metric.name,
                    [
                        (_attributes(point.attributes), point.count, point.sum)
                        for point in metric.histogram.data_points
                    ],
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
