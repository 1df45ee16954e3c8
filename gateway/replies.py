"""What goes back to the client: status, headers and body, ready for the wire."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.admission import limit_head
from gateway.attempts import Attempt
from gateway.event_streams import EventStream
from gateway.passthrough import PassedOn
from gateway.serve import Outcome

# On everything: it is for one project alone, and it is what its type says.
_ALWAYS = b"cache-control: private, no-store\r\nx-content-type-options: nosniff\r\n"


@dataclass(slots=True)
class EdgeReply:
    """A reply as the edge sends it: `body` whole, or `stream` event by event.

    `head` holds the header lines as they go over the wire, each ended by CR LF.
    """

    status: int
    head: bytes = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    stream: EventStream | None = None
    overhead_ms: float | None = None
    # Who gave the answer, if it is one.
    attempt: Attempt | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The head as ASGI wants it."""
        lines = self.head.split(b"\r\n")[:-1]
        return [(name, value) for name, _, value in (x.partition(b": ") for x in lines)]


def plain_reply(
    status: int,
    content_type: bytes,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> EdgeReply:
    head = b"content-type: %b\r\ncontent-length: %d\r\n%b" % (
        content_type,
        len(body),
        _ALWAYS,
    )
    if headers:
        head += b"".join(
            [b"%b: %b\r\n" % (n.encode(), _safe(v)) for n, v in headers.items()]
        )
    return EdgeReply(status, head, body)


def answer_reply(outcome: Outcome, content_type: bytes, began: float) -> EdgeReply:
    """Return the answer with everything the contract says about how it came to be."""
    answer, candidates = outcome.answer, outcome.candidates
    if answer.reply is not None and answer.reply.content_type:
        content_type = answer.reply.content_type
    model = answer.candidate.model
    overhead_ms = (time.monotonic() - began - answer.upstream_s) * 1000
    head = (
        b"content-type: %b\r\n"
        b"x-request-id: %b\r\n"
        b"x-signalbox-attempts: %d\r\n"
        b"x-signalbox-fallback: %b\r\n"
        b"x-signalbox-config-version: %d\r\n"
        b"x-signalbox-overhead-ms: %.3f\r\n"
        b"%b%b"
    ) % (
        content_type,
        outcome.request_id.encode(),
        answer.attempts,
        b"true" if answer.is_fallback else b"false",
        outcome.config_version,
        overhead_ms,
        _route_head(
            model.provider.slug,
            model.model_id,
            candidates.alias,
            candidates.strategy,
            outcome.cache,
        ),
        limit_head(outcome.grant.verdict),
    )
    if answer.dropped:
        names = _safe(",".join(answer.dropped))
        head += b"x-signalbox-dropped-params: %b\r\n" % names
    if answer.reply is None:
        head += b"x-accel-buffering: no\r\n"
        return EdgeReply(
            200,
            head,
            stream=answer.stream,
            overhead_ms=overhead_ms,
            attempt=answer.attempt,
        )
    body = answer.reply.body
    if (cost_usd := answer.attempt.spent_usd) is not None:
        head += b"x-signalbox-cost-usd: %b\r\n" % f"{cost_usd:f}".encode()
    head += b"content-length: %d\r\n" % len(body)
    return EdgeReply(200, head, body, overhead_ms=overhead_ms, attempt=answer.attempt)


def passed_reply(on: PassedOn, request_id: str, began: float) -> EdgeReply:
    """Return a provider's answer as it is, with what the contract says about its way."""
    passed, model = on.passed, on.candidate.model
    overhead_ms = (time.monotonic() - began - on.upstream_s) * 1000
    head = b"content-type: %b\r\n" % _safe(passed.content_type.decode("latin-1"))
    head += _route_head(model.provider.slug, model.model_id, "", "specified")
    head += limit_head(on.grant.verdict)
    told = {
        **passed.headers,
        "x-request-id": request_id,
        "x-signalbox-attempts": "1",
        "x-signalbox-fallback": "false",
        "x-signalbox-config-version": str(on.config_version),
        "x-signalbox-overhead-ms": f"{overhead_ms:.3f}",
    }
    if passed.stream is None and (cost := on.attempt.cost) is not None:
        told["x-signalbox-cost-usd"] = f"{cost.usd:f}"
    head += b"".join([b"%b: %b\r\n" % (n.encode(), _safe(v)) for n, v in told.items()])
    if passed.stream is not None:
        head += b"x-accel-buffering: no\r\n"
        return EdgeReply(
            200,
            head,
            stream=passed.stream,
            overhead_ms=overhead_ms,
            attempt=on.attempt,
        )
    head += b"content-length: %d\r\n" % len(passed.body)
    return EdgeReply(
        passed.status, head, passed.body, overhead_ms=overhead_ms, attempt=on.attempt
    )


@lru_cache(maxsize=4096)
def _route_head(
    provider: str, model: str, alias: str, strategy: str, cache: str = "bypass"
) -> bytes:
    """Return the header lines that are the same whenever this route is taken."""
    return _ALWAYS + (
        b"x-signalbox-provider: %b\r\n"
        b"x-signalbox-model: %b\r\n"
        b"x-signalbox-alias: %b\r\n"
        b"x-signalbox-strategy: %b\r\n"
        b"x-signalbox-cache: %b\r\n"
    ) % (
        _safe(provider),
        _safe(model),
        _safe(alias),
        _safe(strategy),
        cache.encode(),
    )


def _safe(value: str) -> bytes:
    """Return a header value that cannot end its header."""
    return value.encode("ascii", "backslashreplace").translate(None, b"\r\n\0")
