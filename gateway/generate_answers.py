"""Answers in Signalbox's own dialect: what the model said, and all that is known of it."""

import time
from collections.abc import AsyncIterator

import orjson

from gateway.canonical import ChatRequest
from gateway.dialects.signalbox.protocol import event
from gateway.event_streams import EventStream
from gateway.refusals import Refusal
from gateway.routing import EXPLORED, PROMPT_HELD
from gateway.serve import Outcome
from gateway.types import JSON, InferenceRequest

_DONE = b"event: done\ndata: "
_ERROR = b"event: error\ndata: "
_KNOWN = frozenset({"hit", "coalesced"})
_FIRST_BY = {
    "priority": "it comes first in the order of priorities",
    "cheapest": "it is the cheapest",
    "price": "it is the cheapest",
    "fastest": "it is expected to be the fastest",
    "latency": "it is expected to be the fastest",
    "weighted": "it was drawn by weight",
    "specified": "it is the first that was named",
    EXPLORED: "it was asked to learn how quickly it answers",
    PROMPT_HELD: "it may still hold the beginning of this conversation",
}


def answer_of(said: JSON, outcome: Outcome, asked: InferenceRequest) -> JSON:
    """Return the answer as the client gets it; `said` is the dialect's part."""
    answer, candidates = outcome.answer, outcome.candidates
    tokens, cost_usd = answer.attempt.tokens, answer.attempt.spent_usd
    model = answer.candidate.model
    content = said.pop("content")
    return {
        "success": True,
        "requestId": outcome.request_id,
        "content": content,
        "parsed": _parsed(content, asked),
        **said,
        "usage": {
            "promptTokens": tokens.input,
            "completionTokens": tokens.output,
            "totalTokens": tokens.input + tokens.output,
        },
        "costUSD": None if cost_usd is None else float(cost_usd),
        "latencyMs": round((time.monotonic() - asked.began) * 1000),
        "provider": model.provider.slug,
        "model": model.model_id,
        "alias": candidates.alias,
        "cached": outcome.cache in _KNOWN,
        "fallbackUsed": answer.is_fallback,
        "attempts": answer.attempts,
        "routing": {
            "strategy": candidates.strategy,
            "considered": len(candidates.able) + len(candidates.dropped),
            "reason": _reason(outcome),
        },
    }


def _parsed(content: str, asked: InferenceRequest) -> object:
    """Return the JSON that was asked for and given; None for anything else."""
    canonical = asked.canonical
    if not isinstance(canonical, ChatRequest) or canonical.output_format.kind == "text":
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _reason(outcome: Outcome) -> str:
    """Say why this model answered, in words."""
    answer, candidates = outcome.answer, outcome.candidates
    if outcome.cache in _KNOWN:
        return "it has answered the same request before"
    if answer.is_fallback:
        return "what was chosen before it did not answer"
    if len(candidates.able) == 1:
        return "it is the only one that can serve the request"
    return _FIRST_BY[candidates.moved or candidates.strategy]


class OwnStream:
    """A stream whose last event tells what the answer cost, known once it is settled."""

    def __init__(
        self, stream: EventStream, outcome: Outcome, asked: InferenceRequest
    ) -> None:
        self._stream = stream
        self._outcome = outcome
        self._asked = asked

    @property
    def keepalive(self) -> bytes:
        return self._stream.keepalive

    async def events(self) -> AsyncIterator[bytes]:
        done = b""
        async for piece in self._stream.events():
            # JSON holds no line breaks, so what is found is an event and no text.
            before, mark, after = piece.partition(_DONE)
            if mark:
                done = after
            if before:
                yield self._signed(before)
        if done:
            answer = answer_of(orjson.loads(done), self._outcome, self._asked)
            del answer["content"]
            yield event(b"done", orjson.dumps(answer))

    def break_off(self, refusal: Refusal) -> bytes:
        return self._signed(self._stream.break_off(refusal))

    def close(self) -> None:
        self._stream.close()

    def _signed(self, piece: bytes) -> bytes:
        """Add the request's id to an error event."""
        before, mark, after = piece.partition(_ERROR)
        if not mark:
            return piece
        told = {**orjson.loads(after), "requestId": self._outcome.request_id}
        return before + event(b"error", orjson.dumps(told))
