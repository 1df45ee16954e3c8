"""A collector that is away, refuses or hangs disturbs nobody."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.telemetry.collector import Collector
from gateway.telemetry.telling import stop_telemetry
from tests.gateway.telemetry.collector import receiving

SCOPE = {
    "type": "http",
    "method": "POST",
    "scheme": "http",
    "path": "/v1/chat/completions",
    "headers": [],
}


@pytest.fixture
def silent() -> Iterator[str]:
    """Take connections, and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def told(monkeypatch: pytest.MonkeyPatch, url: str, spans: int = 10) -> Collector:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    collector = Collector({"traces", "metrics"})
    for _ in range(spans):
        trace = collector.request(SCOPE)
        trace.answered(200)
        trace.ended()
    return collector


@pytest.mark.asyncio
async def test_the_end_does_not_wait_for_a_collector_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
    silent: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    collector = told(monkeypatch, silent)
    await asyncio.sleep(0.05)

    began = time.monotonic()
    await stop_telemetry(collector, 0.2)

    assert time.monotonic() - began < 2
    assert "telemetry not all sent" in caplog.text
    # It would go on beside later tests.
    for thread in threading.enumerate():
        if thread.name == "telemetry":
            await asyncio.to_thread(thread.join, 30)


@pytest.mark.asyncio
async def test_what_was_not_sent_yet_is_sent_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving() as received:
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
        collector = told(monkeypatch, received.url, spans=30)

        await stop_telemetry(collector, 5)

        assert len(received.spans) == 30
        assert received.points["http.server.request.duration"]


@pytest.mark.parametrize("status", [400, 503])
def test_what_a_collector_refuses_is_lost_and_no_more(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with receiving(status) as received:
        collector = told(monkeypatch, received.url, spans=3_000)
        collector.stop()

        assert received.raw
