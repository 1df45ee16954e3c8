"""The metrics that OpenTelemetry's conventions name for clients of models, and for servers."""

from opentelemetry.metrics import Meter

from gateway.telemetry.gen_ai import ERROR_TYPE, TOKEN_TYPE, error_type, kind_of
from usage.records import EventRecord, Settlement

_SECONDS = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96,
    81.92,
)  # fmt: skip
_FIRST_CHUNK = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    7.5, 10.0,
)  # fmt: skip
_TOKENS = tuple(4**power for power in range(14))
_SERVED = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60,
)  # fmt: skip


class Instruments:
    """Each attempt and each request, counted once it has ended."""

    def __init__(self, meter: Meter) -> None:
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to receive the first chunk of a streamed answer.",
            explicit_bucket_boundaries_advisory=_FIRST_CHUNK,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._served = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_SERVED,
        )

    def attempt(self, record: EventRecord, settlement: Settlement) -> None:
        kind = kind_of(record)
        if settlement.status == "ok":
            for name, count in (
                ("input", settlement.input_tokens),
                ("output", settlement.output_tokens),
            ):
                self._tokens.record(count, {**kind, TOKEN_TYPE: name})
        if settlement.first_token_ms is not None:
            self._first_chunk.record(settlement.first_token_ms / 1000, kind)
        if error := error_type(settlement):
            kind[ERROR_TYPE] = error
        self._duration.record(settlement.latency_ms / 1000, kind)

    def request(self, seconds: float, method: str, route: str, status: int) -> None:
        kind: dict[str, str | int] = {
            "http.request.method": method,
            "http.response.status_code": status,
        }
        if route:
            kind["http.route"] = route
        if status >= 500:
            kind[ERROR_TYPE] = str(status)
        self._served.record(seconds, kind)
