"""Liveness and readiness: one word for the public, 200 or 503 for a load balancer."""

from gateway.replies import EdgeReply, plain_reply
from gateway.serve import Gateway

PATHS = frozenset({"/health/liveness", "/health/readiness"})

_TEXT = b"text/plain; charset=utf-8"


def health_reply(path: str, gateway: Gateway | None, *, draining: bool) -> EdgeReply:
    """Answer a health check. `degraded` still serves, from the last good configuration."""
    if path == "/health/liveness":
        return plain_reply(200, _TEXT, b"alive\n")
    if draining:
        return plain_reply(503, _TEXT, b"draining\n")
    if gateway is None or not gateway.snapshot.is_ready:
        return plain_reply(503, _TEXT, b"starting\n")
    if gateway.snapshot.is_stale:
        return plain_reply(200, _TEXT, b"degraded\n")
    return plain_reply(200, _TEXT, b"ready\n")
