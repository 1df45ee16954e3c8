"""Alive, and ready to serve."""

from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from gateway.health import health_reply
from gateway.serve import Gateway
from tests.gateway.live import LiveGateway


def test_a_running_gateway_is_alive_and_ready(live: LiveGateway) -> None:
    alive = httpx.get(f"{live.url}/health/liveness")
    ready = httpx.get(f"{live.url}/health/readiness")

    assert (alive.status_code, alive.text) == (200, "alive\n")
    assert (ready.status_code, ready.text) == (200, "ready\n")


def gateway(**snapshot: Any) -> Gateway:
    return cast(Gateway, SimpleNamespace(snapshot=SimpleNamespace(**snapshot)))


@pytest.mark.parametrize(
    ("running", "draining", "status", "word"),
    [
        (None, False, 503, b"starting\n"),
        (gateway(is_ready=False, is_stale=False), False, 503, b"starting\n"),
        (gateway(is_ready=True, is_stale=True), False, 200, b"degraded\n"),
        (gateway(is_ready=True, is_stale=False), False, 200, b"ready\n"),
        (gateway(is_ready=True, is_stale=False), True, 503, b"draining\n"),
    ],
)
def test_readiness_is_one_word(
    running: Gateway | None, draining: bool, status: int, word: bytes
) -> None:
    reply = health_reply("/health/readiness", running, draining=draining)

    assert (reply.status, reply.body) == (status, word)


@pytest.mark.parametrize("draining", [False, True])
def test_a_process_that_drains_is_still_alive(draining: bool) -> None:
    assert health_reply("/health/liveness", None, draining=draining).status == 200
