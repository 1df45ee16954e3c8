"""What goes back to the client: status, headers and body, ready for the wire."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.admission import limit_headers
from gateway.serve import Outcome
from gateway.streams import RelayedStream

Header = tuple[bytes, bytes]

_PRIVATE: Header = (b"cache-control", b"private, no-store")
_NOSNIFF: Header = (b"x-content-type-options", b"nosniff")


@dataclass(slots=True)
class EdgeReply:
    """A reply as the edge sends it: `body` whole, or `stream` event by event."""

    status: int
    headers: list[Header]
    body: bytes = field(default=b"", repr=False)
    stream: RelayedStream | None = None
    overhead_ms: float | None = None


def plain_reply(
    status: int,
    content_type: bytes,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> EdgeReply:
    sent = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        _PRIVATE,
        _NOSNIFF,
    ]
    if headers:
        sent.extend((name.encode(), _safe(value)) for name, value in headers.items())
    return EdgeReply(status, sent, body)


def answer_reply(outcome: Outcome, content_type: bytes, began: float) -> EdgeReply:
    """Return the answer with everything the contract says about how it came to be."""
    answer, candidates = outcome.answer, outcome.candidates
    model = answer.candidate.model
    overhead_ms = (time.monotonic() - began - answer.upstream_s) * 1000
    headers = [
        (b"content-type", content_type),
        (b"x-request-id", outcome.request_id.encode()),
        (b"x-signalbox-attempts", b"%d" % answer.attempts),
        (b"x-signalbox-fallback", b"true" if answer.attempts > 1 else b"false"),
        (b"x-signalbox-config-version", b"%d" % outcome.config_version),
        (b"x-signalbox-overhead-ms", b"%.3f" % overhead_ms),
        *_route_headers(
            model.provider.slug, model.model_id, candidates.alias, candidates.strategy
        ),
        *limit_headers(outcome.grant.verdict),
    ]
    if answer.reply is None:
        headers.append((b"x-accel-buffering", b"no"))
        return EdgeReply(200, headers, stream=answer.stream, overhead_ms=overhead_ms)
    cost = answer.attempt.cost
    if cost is not None:
        headers.append((b"x-signalbox-cost-usd", f"{cost.usd:f}".encode()))
    body = answer.reply.body
    headers.append((b"content-length", b"%d" % len(body)))
    return EdgeReply(200, headers, body, overhead_ms=overhead_ms)


@lru_cache(maxsize=4096)
def _route_headers(
    provider: str, model: str, alias: str, strategy: str
) -> tuple[Header, ...]:
    """Return the headers that are the same whenever this route is taken."""
    return (
        _PRIVATE,
        _NOSNIFF,
        (b"x-signalbox-provider", _safe(provider)),
        (b"x-signalbox-model", _safe(model)),
        (b"x-signalbox-alias", _safe(alias)),
        (b"x-signalbox-strategy", _safe(strategy)),
        (b"x-signalbox-cache", b"bypass"),
    )


def _safe(value: str) -> bytes:
    """Return a header value that cannot end its header."""
    return value.encode("ascii", "backslashreplace").translate(None, b"\r\n\0")
