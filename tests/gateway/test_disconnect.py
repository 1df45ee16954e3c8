"""A client that goes away takes its request with it (C1, C2, C3)."""

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from gateway import sending
from gateway.simulator import Simulator
from gateway.simulator.ledger import Call
from tenants.models import Project
from tests.factories import LimitFactory
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until

pytestmark = pytest.mark.usefixtures("accounted")

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]


@pytest.fixture
def send(live: LiveGateway, key: str) -> Callable[..., socket.socket]:
    """Send a request on a connection of its own and return that."""

    def send(*, model: str = "fast", stream: bool) -> socket.socket:
        body = orjson.dumps({"model": model, "messages": HELLO, "stream": stream})
        parts = urlsplit(live.url)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=5)
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return connection

    return send


def cut_call(upstream: Simulator) -> Call:
    """Return the one call, when the provider has noticed that nobody listens."""
    wait_until(lambda: upstream.calls[0].outcome != "open")
    (call,) = upstream.calls
    assert call.outcome == "cut"
    return call


def test_a_client_that_leaves_a_stream_ends_it_at_the_provider(
    send: Callable[..., socket.socket],
    live: LiveGateway,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-chat-pace-20-events-500")

    with send(stream=True) as connection:
        received = b""
        while received.count(b"data:") < 5:
            received += connection.recv(65536)
    left_at = time.time()

    call = cut_call(upstream)
    assert call.ended_at is not None
    assert call.ended_at - left_at < 0.25
    (event,) = live.events(project)
    assert (event.status, event.error_code) == ("cancelled", "client_gone")
    assert event.estimated
    assert event.input_tokens > 0
    assert 0 < event.output_tokens < 100
    assert event.cost_usd


def test_a_client_that_leaves_before_the_first_word_ends_the_call(
    send: Callable[..., socket.socket],
    live: LiveGateway,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-chat-latency-3000")

    for stream in (False, True):
        upstream.reset()
        with send(stream=stream):
            wait_until(lambda: len(upstream.calls) == 1)
        left_at = time.time()

        call = cut_call(upstream)
        assert call.ended_at is not None
        assert call.ended_at - left_at < 0.25

    for event in live.events(project):
        assert (event.status, event.error_code) == ("cancelled", "client_gone")
        assert event.estimated
        assert event.input_tokens > 0
        assert event.output_tokens == 0


def test_a_client_that_leaves_is_not_a_reason_to_ask_the_next(
    send: Callable[..., socket.socket],
    live: LiveGateway,
    offer: Offer,
    upstream: Simulator,
) -> None:
    offer("sim-chat-latency-3000", "sim-chat")

    with send(stream=False):
        wait_until(lambda: len(upstream.calls) == 1)
    live.settled()

    assert len(upstream.calls) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_client_that_leaves_gives_its_place_back(
    send: Callable[..., socket.socket],
    http: httpx.Client,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    stream: bool,
) -> None:
    LimitFactory.create(project=project, metric="concurrency", amount=1)
    offer("sim-chat-latency-1000", name="slow")
    offer("sim-chat", name="fast")

    with send(model="slow", stream=stream):
        wait_until(lambda: len(upstream.calls) == 1)
        taken = http.post(PATH, json={"model": "fast", "messages": HELLO})

    def is_free() -> bool:
        again = http.post(PATH, json={"model": "fast", "messages": HELLO})
        return again.status_code == 200

    assert taken.status_code == 429
    assert taken.json()["error"]["code"] == "concurrency_limit_exceeded"
    assert wait_until(is_free) < 0.5


def test_a_client_that_leaves_in_the_middle_of_its_body_costs_nothing(
    live: LiveGateway, key: str, offer: Offer, project: Project, upstream: Simulator
) -> None:
    offer("sim-chat")
    parts = urlsplit(live.url)

    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            "content-length: 1000\r\n\r\n{".encode()
        )
        time.sleep(0.05)

    assert live.events(project) == []
    assert upstream.calls == []


def test_a_client_that_reads_slowly_holds_the_provider_back(
    send: Callable[..., socket.socket],
    live: LiveGateway,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-fault-endless")

    with send(stream=True) as connection:
        connection.recv(100)
        time.sleep(0.4)
        (call,) = upstream.calls
        assert call.outcome == "open"

    cut_call(upstream)
    (event,) = live.events(project)
    assert event.status in {"cancelled", "ok"}


def test_a_client_that_stops_reading_is_given_up(
    send: Callable[..., socket.socket],
    live: LiveGateway,
    offer: Offer,
    upstream: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "_KEEPALIVE_S", 0.1)
    offer("sim-chat-events-200000")

    with send(stream=True) as connection:
        connection.recv(100)
        wait_until(lambda: bool(upstream.calls))
        wait_until(lambda: upstream.calls[0].outcome == "cut")


def test_a_silent_stream_is_kept_alive_with_comments(
    http: httpx.Client, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_KEEPALIVE_S", 0.05)
    offer("sim-chat-pace-150-events-3")

    response = http.post(
        PATH, json={"model": "fast", "messages": HELLO, "stream": True}
    )

    assert b": keep-alive\n\n" in response.content
    without = response.content.replace(b": keep-alive\n\n", b"")
    assert without.startswith(b"data: {")
    assert without.endswith(b"data: [DONE]\n\n")
    assert without.count(b"data: ") == without.count(b"\n\n")
