"""An answer that is kept, told again as the client asks for it now."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any, Literal, NamedTuple

from gateway.cache.entries import Entry
from gateway.cache.folding import unfold
from gateway.candidates import Candidate
from gateway.canonical import ChatResult
from gateway.exchange import canonical_of
from gateway.metering import Meter
from gateway.refusals import Refusal
from gateway.resilience.answers import Answer
from gateway.types import InferenceRequest, UpstreamReply


class Known(NamedTuple):
    """An answer that was given before, and who of this route gave it."""

    entry: Entry
    candidate: Candidate
    how: Literal["hit", "coalesced"]


def replayed(
    known: Known, request: InferenceRequest, meter: Meter, dialect: ModuleType
) -> Answer:
    """Return the known answer as if it came now, and record that it did not."""
    entry, candidate, meter.cache = known
    reply = stream = None
    if request.stream:
        stream = ReplayedStream(entry, request, dialect, meter.request_id)
    else:
        reply = reply_of(entry, request, dialect, meter.request_id)
    attempt = meter.record_hit(candidate, entry.tokens, entry.cost_usd)
    return Answer(candidate, attempt, 0, False, 0.0, reply, stream, entry.dropped)


def can_replay(entry: Entry, request: InferenceRequest) -> bool:
    """Say whether the client can be told it: others than its own words need a result."""
    return entry.result is not None or (
        not request.stream and entry.body_for(request) is not None
    )


def reply_of(
    entry: Entry, request: InferenceRequest, dialect: ModuleType, answer_id: str
) -> UpstreamReply:
    """Return the answer in the client's dialect: as it was given, where that is known."""
    if (body := entry.body_for(request)) is not None:
        return UpstreamReply(
            body, entry.tokens, entry.model_id, content_type=entry.content_type
        )
    result, created = _result_of(entry), int(time.time())
    reply = UpstreamReply(b"", entry.tokens, entry.model_id)
    model = result.model or entry.model_id
    if (build := getattr(dialect, "build_reply", None)) is not None:
        asked = canonical_of(request, dialect)
        built: UpstreamReply = build(reply, asked, result, answer_id, created, model)
        return built
    body = dialect.build_response(result, answer_id, created, model)
    return UpstreamReply(body, entry.tokens, entry.model_id)


class ReplayedStream:
    """The events of an answer that is there already, all of them at once."""

    def __init__(
        self,
        entry: Entry,
        request: InferenceRequest,
        dialect: ModuleType,
        answer_id: str,
    ) -> None:
        self._result = _result_of(entry)
        self._dialect = dialect
        echoed: dict[str, Any] = {}
        if getattr(dialect, "ECHOES_REQUEST", False):
            echoed["request"] = canonical_of(request, dialect)
        self._builder = dialect.StreamBuilder(
            answer_id,
            int(time.time()),
            entry.model_id,
            with_usage=request.wants_usage,
            **echoed,
        )

    @property
    def keepalive(self) -> bytes:
        kept: bytes = self._dialect.KEEPALIVE
        return kept

    async def events(self) -> AsyncIterator[bytes]:
        for event in self._events():
            yield event

    def break_off(self, refusal: Refusal) -> bytes:
        event: bytes = self._dialect.build_error_event(
            refusal.status_code, refusal.code, refusal.message
        )
        return event

    def close(self) -> None:
        """Nothing is held."""

    def on_end(self, callback: Callable[[int], None]) -> None:
        """Call back at once: it has used nothing."""
        callback(0)

    def _events(self) -> Iterator[bytes]:
        for chunk in unfold(self._result):
            if event := self._builder.write(chunk):
                yield event
        yield self._builder.close()


def _result_of(entry: Entry) -> ChatResult:
    if entry.result is None:
        raise ValueError("The entry can only be given as it is.")
    return entry.result
