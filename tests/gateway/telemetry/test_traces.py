"""What a collector is told of requests, over real HTTP, and what providers are told."""

from collections.abc import Iterator

import httpx
import pytest
from django.test import override_settings

from gateway.simulator import Simulator
from gateway.telemetry.starting import start_telemetry
from tenants.models import Project
from tests.gateway.asking import HELLO, ask, plain_and_streamed
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until
from tests.gateway.telemetry.collector import Received, told_everything

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
ROUTE = "POST /v1/chat/completions"


@pytest.fixture(scope="module", autouse=True)
def collector() -> Iterator[Received]:
    """There before the gateway is, and told everything by it."""
    with told_everything() as received:
        yield received


@pytest.fixture(scope="module")
def running_gateway(
    collector: Received,
    own_gateway: LiveGateway,
) -> LiveGateway:
    return own_gateway


@pytest.fixture(autouse=True)
def forgotten(collector: Received) -> None:
    collector.spans.clear()
    collector.raw.clear()


@plain_and_streamed
def test_a_request_and_its_attempt_are_spans_in_the_trace_of_the_caller(
    http: httpx.Client,
    collector: Received,
    offer: Offer,
    upstream: Simulator,
    stream: bool,
) -> None:
    offer("sim-chat")
    http.headers.update({"traceparent": PARENT, "tracestate": "vendor=1"})

    answer = ask(http, stream=stream)

    (request,) = collector.named(ROUTE)
    (attempt,) = collector.named("chat sim-chat")
    assert (request.trace, request.parent) == (TRACE, "b7ad6b7169203331")
    assert (attempt.trace, attempt.parent) == (TRACE, request.id)
    # Server and client, in the words of the protocol.
    assert (request.kind, attempt.kind) == (2, 3)
    assert request.attributes == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "signalbox.request_id": answer.headers["x-request-id"],
        "signalbox.project": "acorn",
    }
    told = attempt.attributes
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "sim"
    assert told["gen_ai.request.model"] == "sim-chat"
    assert told["gen_ai.response.model"] == "sim-chat"
    assert told["gen_ai.request.stream"] is stream
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert told["gen_ai.usage.input_tokens"] > 0
    assert told["gen_ai.usage.output_tokens"] > 0
    assert told["signalbox.alias"] == "fast"
    assert told["signalbox.cost_usd"] > 0
    assert ("gen_ai.response.time_to_first_chunk" in told) is stream
    assert request.resource["service.name"] == "signalbox"
    heard = upstream.calls[-1].headers
    assert heard["traceparent"] == f"00-{TRACE}-{attempt.id}-01"
    assert heard["tracestate"] == "vendor=1"


def test_a_fallback_is_two_attempts_and_the_failed_one_says_why(
    http: httpx.Client, collector: Received, offer: Offer
) -> None:
    offer("sim-fault-503", "sim-chat")

    assert ask(http, stream=False).status_code == 200

    (failed,) = collector.named("chat sim-fault-503")
    (answered,) = collector.named("chat sim-chat")
    (request,) = collector.named(ROUTE)
    assert failed.parent == answered.parent == request.id
    assert not request.parent
    assert failed.failed
    assert failed.attributes["error.type"] == "upstream_error"
    assert failed.attributes["http.response.status_code"] == 503
    assert not answered.failed
    assert answered.attributes["signalbox.fallback"] is True


def test_a_refused_request_is_a_span_without_attempts(
    http: httpx.Client, collector: Received, live: LiveGateway
) -> None:
    http.headers["authorization"] = "Bearer sk-sb-nobody"

    assert ask(http, stream=False).status_code == 401

    (request,) = collector.named("POST")
    assert request.attributes["http.response.status_code"] == 401
    # It is the caller's mistake, and no error of the server.
    assert not request.failed


def test_nothing_of_what_was_said_is_told(
    http: httpx.Client, key: str, collector: Received, offer: Offer
) -> None:
    offer("sim-chat")

    answer = ask(http, stream=False).json()["choices"][0]["message"]["content"]

    collector.named(ROUTE)
    told = b"".join(collector.raw)
    assert HELLO[0]["content"].encode() not in told
    assert answer.encode() not in told
    assert key.encode() not in told


def test_the_usage_event_names_the_trace(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    http.headers["traceparent"] = PARENT

    ask(http, stream=False)

    (event,) = live.events(project)
    assert event.routing["trace"] == TRACE
    assert event.finish_reason == "stop"


def test_what_the_caller_does_not_sample_is_not_told(
    http: httpx.Client, collector: Received, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")
    ask(http, stream=False)
    collector.named(ROUTE)
    http.headers["traceparent"] = f"{PARENT[:-2]}00"

    ask(http, stream=False)
    del http.headers["traceparent"]
    ask(http, stream=False)

    assert len(collector.named(ROUTE, 2)) == 2
    assert TRACE not in {span.trace for span in collector.spans}
    heard = upstream.calls[-2].headers["traceparent"]
    assert heard.startswith(f"00-{TRACE}-")
    assert heard.endswith("-00")


def test_attempts_and_requests_are_counted_as_metrics(
    http: httpx.Client, collector: Received, offer: Offer
) -> None:
    offer("sim-chat", name="counted")
    ask(http, "counted", stream=True)

    def counted() -> bool:
        return {
            "gen_ai.client.operation.duration",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.client.token.usage",
            "http.server.request.duration",
        } <= collector.points.keys()

    wait_until(counted, seconds=10)
    kind = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "sim",
        "gen_ai.request.model": "sim-chat",
    }
    tokens = collector.points["gen_ai.client.token.usage"]
    for name in ("input", "output"):
        (point,) = (p for p in tokens if p[0] == {**kind, "gen_ai.token.type": name})
        assert point[1] >= 1
        assert point[2] > 0
    durations = collector.points["gen_ai.client.operation.duration"]
    assert any(point[0] == kind for point in durations)


@override_settings(TELEMETRY=frozenset())
def test_without_a_collector_there_is_nobody_to_tell() -> None:
    assert start_telemetry() is None
