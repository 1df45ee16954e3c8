"""Calls that a client makes in a provider's own words, at the provider's own paths.

Nothing is translated, and nobody else is asked when the provider fails. The key is
exchanged for the provider's credential, and what the call uses is metered: read from the
answer where the protocol is known, by the piece otherwise.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import msgspec

from catalog.patterns import path_of
from gateway.admission import Grant, admit
from gateway.authentication import KEY_HEADERS
from gateway.candidates import Candidate, candidates_for
from gateway.configuration.records import EndpointRecord, KeyRecord, ProviderRecord
from gateway.errors import (
    PermissionRefused,
    Refusal,
    RouteNotFound,
    UpstreamError,
    classify,
)
from gateway.metering import Attempt, Meter
from gateway.protocols import ADAPTERS
from gateway.serve import Gateway
from gateway.sse import EventCutter, EventTooLarge
from gateway.types import InferenceRequest, Outgoing, UpstreamReply, Variant
from gateway.upstream.streams import MAX_EVENT_BYTES, Cutter, Inspector
from gateway.upstream.targets import Target, build_target
from gateway.upstream.transport import MAX_RESPONSE_BYTES, UpstreamCall
from usage.tokens import Tokens, estimate_tokens

# What a client says to us, or about its own connection.
_OURS = frozenset(
    {
        *KEY_HEADERS,
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"host",
        b"connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
        b"content-length",
        b"content-type",
        b"accept-encoding",
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-project-id",
        b"x-client-request-id",
    }
)
_OUR_PREFIXES = (b"x-signalbox-", b"x-forwarded-")
# What a client has to know of the provider's answer, besides its type.
_PASSED_ON = ("retry-after", "content-disposition", "request-id", "character-cost")
_PLACEHOLDER = re.compile(r"\\\{(model|deployment|voice)\\\}")
_STREAMED = frozenset({"text/event-stream", "application/vnd.amazon.eventstream"})
_BYTES_PER_STREAMED_TOKEN = 40


@dataclass(frozen=True, slots=True)
class Found:
    """The endpoint that a path belongs to, and the model that the path names."""

    endpoint: EndpointRecord
    model_id: str


@dataclass(slots=True)
class Passed:
    """A provider's answer as it is: `stream` in place of `body` when it is one."""

    status: int
    content_type: bytes
    headers: dict[str, str]
    body: bytes = b""
    stream: "PassedStream | None" = None


@dataclass(slots=True)
class PassedOn:
    """What came of a call: the provider's answer, and what is told about it."""

    passed: Passed
    candidate: Candidate
    attempt: Attempt
    grant: Grant
    config_version: int
    upstream_s: float


def find_endpoint(provider: ProviderRecord, path: str) -> Found:
    """Return the endpoint whose pattern the path matches. Raises `RouteNotFound`.

    `path` is as it came over the wire, without the query.
    """
    for endpoints in provider.endpoints.values():
        for endpoint in endpoints:
            for pattern in _patterns(endpoint.pattern, endpoint.handler):
                if (match := pattern.fullmatch(path)) is None:
                    continue
                names = {n: unquote(value) for n, value in match.groupdict().items()}
                if all(map(_is_plain, names.values())):
                    model_id = names.get("model") or names.get("deployment") or ""
                    return Found(endpoint, model_id)
    known = sorted({e.pattern for es in provider.endpoints.values() for e in es})
    msg = f"{provider.slug} has no endpoint at {path[:200]}; there are {', '.join(known)}."
    raise RouteNotFound(msg)


@lru_cache(maxsize=1024)
def _patterns(pattern: str, handler: str) -> tuple[re.Pattern[str], ...]:
    """Return what the paths of an endpoint look like, that of its streams included."""
    whole = path_of(pattern)
    paths = {whole, path_of(ADAPTERS[handler].stream_path(whole))}
    return tuple(
        re.compile(_PLACEHOLDER.sub(r"(?P<\1>[^/]+)", re.escape(path)))
        for path in sorted(paths)
    )


def _is_plain(name: str) -> bool:
    """Say whether a name out of a path leads nowhere else."""
    return all(part not in {"", ".", ".."} for part in name.split("/")) and (
        name.isprintable()
    )


def passed_headers(headers: Mapping[bytes, bytes]) -> tuple[tuple[str, str], ...]:
    """Return the client's headers that are meant for the provider."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers.items()
        if name not in _OURS and not name.startswith(_OUR_PREFIXES)
    )


async def pass_through(
    asked: InferenceRequest,
    found: Found,
    variant: Variant,
    key: KeyRecord,
    request_id: str,
    gateway: Gateway,
) -> PassedOn:
    """Send the request on as it is. Raises a `Refusal` when that may not, or cannot, be."""
    operation = found.endpoint.operation
    if key.scopes and operation not in key.scopes:
        msg = f"This key may not be used for {operation}."
        raise PermissionRefused(msg)
    snapshot = gateway.snapshot
    version = snapshot.version
    candidates = candidates_for(asked, key.project, snapshot.catalog, is_passed_on=True)
    candidate = msgspec.structs.replace(candidates.able[0], endpoint=found.endpoint)
    target = build_target(
        candidate.model, found.endpoint, candidate.credential, variant
    )
    estimate = estimate_tokens(asked.size)
    grant = await admit(asked, key, request_id, estimate, gateway.limiter)
    meter = Meter(
        gateway.sink,
        asked,
        key,
        request_id,
        alias="",
        strategy="specified",
        config_version=version,
        routing=candidates.decision([candidate]),
        input_estimate=estimate,
    )
    try:
        attempt = meter.begin(candidate, 1, 0.0)
        began = time.monotonic()
        passed = await _send(asked, target, attempt, gateway)
    except UpstreamError as error:
        attempt.settle_nothing(http_status=error.status, error_code=error.code)
        grant.release(0)
        raise Refusal(
            target.redacted(error.message),
            status=error.answered_as,
            code=error.code,
            headers={"x-should-retry": "false"},
        ) from error
    except BaseException:
        grant.release(estimate)
        raise
    upstream_s = time.monotonic() - began
    if passed.stream is None:
        grant.release(attempt.tokens.input + attempt.tokens.output)
    else:
        passed.stream.on_end(grant.release)
    return PassedOn(passed, candidate, attempt, grant, version, upstream_s)


async def _send(
    asked: InferenceRequest, target: Target, attempt: Attempt, gateway: Gateway
) -> Passed:
    outgoing = Outgoing(asked.content, asked.content_type)
    try:
        call = await gateway.transport.send(
            target, outgoing, attempt.id, streamed=False
        )
    except asyncio.CancelledError:
        attempt.settle("cancelled", attempt.seen_so_far(0), error_code="client_gone")
        raise
    told = (call.header("Content-Type") or "application/octet-stream").encode()
    headers = {n: v for n in _PASSED_ON if (v := call.header(n)) is not None}
    passed = Passed(call.status, told, headers)
    if call.status == 200 and call.content_type in _STREAMED:
        passed.stream = PassedStream(call, target, attempt)
        return passed
    try:
        passed.body = await call.read()
    except asyncio.CancelledError:
        attempt.settle("cancelled", attempt.seen_so_far(0), error_code="client_gone")
        raise
    finally:
        call.close()
    _settle(passed, target, attempt)
    return passed


def _settle(passed: Passed, target: Target, attempt: Attempt) -> None:
    """Meter a whole answer; what refuses the request is shown without our credential."""
    status = passed.status
    if status >= 300:
        text = passed.body.decode("utf-8", "replace")
        passed.body = target.redacted(text).encode()
        attempt.settle_nothing(
            http_status=status, error_code=classify(status, "", "").code
        )
        return
    adapter = ADAPTERS[target.handler]
    try:
        reply = adapter.parse_response(passed.body)
    except adapter.Unreadable:
        reply = None
    if not isinstance(reply, UpstreamReply):
        # It is the client's to make sense of; what was asked may have been billed.
        attempt.settle("ok", attempt.seen_so_far(0), http_status=status)
        return
    attempt.settle(
        "ok",
        reply.tokens or attempt.seen_so_far(len(passed.body)),
        http_status=status,
        reported_model=reply.reported_model,
    )


class PassedStream:
    """A provider's stream, byte for byte, read along the way for what it uses."""

    # Nothing is put into another's stream.
    keepalive = b""

    def __init__(self, call: UpstreamCall, target: Target, attempt: Attempt) -> None:
        adapter = ADAPTERS[target.handler]
        self._call = call
        self._attempt = attempt
        self._ended: Callable[[int], None] | None = None
        self._unreadable: type[Exception] = adapter.Unreadable
        self._inspector: Inspector | None = adapter.StreamInspector(hide_usage=False)
        self._cutter: Cutter = getattr(adapter, "Cutter", EventCutter)(MAX_EVENT_BYTES)
        self._bytes_seen = 0

    def on_end(self, callback: Callable[[int], None]) -> None:
        """Call back once with the tokens used, when the stream has been settled."""
        self._ended = callback

    async def events(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._call.pieces(MAX_RESPONSE_BYTES):
                self._bytes_seen += len(piece)
                self._read(piece)
                yield piece
        except UpstreamError as error:
            self._settle("incomplete", error.code)
            return
        self._settle("ok")

    def break_off(self, refusal: Refusal) -> bytes:
        self._settle("incomplete", refusal.code)
        return b""

    def close(self) -> None:
        self._settle("cancelled", "client_gone")
        self._call.close()

    def _read(self, piece: bytes) -> None:
        """Read along; what cannot be read is passed on all the same."""
        if self._inspector is None:
            return
        try:
            if events := self._cutter.feed(piece):
                self._inspector.read(events)
        except (EventTooLarge, self._unreadable):
            self._inspector = None

    def _settle(self, status: str, error_code: str = "") -> None:
        if self._attempt.settled:
            return
        tokens: Tokens | None = None
        model = ""
        if self._inspector is not None:
            tokens = self._inspector.tokens
            model = self._inspector.reported_model
        if tokens is None:
            seen = self._bytes_seen // _BYTES_PER_STREAMED_TOKEN
            tokens = self._attempt.seen_so_far(seen)
        self._attempt.settle(
            status,
            tokens,
            http_status=self._call.status,
            error_code=error_code,
            reported_model=model,
        )
        if self._ended is not None:
            self._ended(tokens.input + tokens.output)
