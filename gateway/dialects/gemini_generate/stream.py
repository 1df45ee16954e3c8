"""Streamed answers: every event is an answer that holds only what is new."""

import orjson

from gateway.canonical import (
    Began,
    Chunk,
    Citation,
    Cited,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.dialects.gemini_generate.answers import (
    FINISH_REASONS,
    call,
    grounding_of,
    thought,
    usage_of,
)
from gateway.dialects.gemini_generate.logprobs import logprobs_of
from gateway.dialects.gemini_generate.protocol import NAME
from gateway.types import JSON
from usage.tokens import Tokens

_BEFORE_TEXT = b'data: {"candidates":[{"content":{"parts":[{"text":'


class StreamBuilder:
    """Puts events together. Calls are told when complete, the end with all usage."""

    __slots__ = (
        "_answer_id",
        "_calls",
        "_citations",
        "_finished",
        "_model",
        "_tail",
        "_texts",
        "_tokens",
        "_with_usage",
    )

    def __init__(
        self, answer_id: str, created: int, model: str, *, with_usage: bool
    ) -> None:
        self._answer_id = answer_id
        self._with_usage = with_usage
        self._calls: dict[int, dict[int, _Call]] = {}
        self._citations: dict[int, list[Citation]] = {}
        self._finished: dict[int, FinishReason] = {}
        self._texts: dict[int, list[str]] = {}
        self._tokens: Tokens | None = None
        self._name(model)

    def _name(self, model: str) -> None:
        self._model = model
        names = {"modelVersion": model, "responseId": self._answer_id}
        self._tail = b"}]," + orjson.dumps(names)[1:] + b"\n\n"

    def write(self, chunk: Chunk) -> bytes:
        match chunk:
            case TextDelta() | RefusalDelta():
                return self._text(chunk)
            case ReasoningDelta(choice=choice):
                signature = chunk.signature if chunk.protocol == NAME else ""
                return self._parts(thought(chunk.text, signature), choice)
            case ToolCallBegan(choice=choice):
                calls = self._calls.setdefault(choice, {})
                calls[chunk.call] = _Call(chunk)
            case ToolArgumentsDelta(choice=choice):
                if (begun := self._calls.get(choice, {}).get(chunk.call)) is not None:
                    begun.arguments.append(chunk.text)
            case Cited(choice=choice):
                self._citations.setdefault(choice, []).append(chunk.citation)
            case Finished(choice=choice):
                self._finished[choice] = chunk.finish_reason
                return self._told_calls(choice)
            case Used():
                self._tokens = chunk.tokens
            case Began() if not self._model and chunk.model:
                self._name(chunk.model)
        return b""

    def close(self) -> bytes:
        """Return the last event: why each candidate ended, and what all of it used."""
        calls = b"".join([self._told_calls(choice) for choice in list(self._calls)])
        candidates = [
            self._end(choice, reason)
            for choice, reason in sorted(self._finished.items())
        ]
        answer: JSON = {"candidates": candidates or [self._end(0, "stop")]}
        if self._with_usage and self._tokens is not None:
            answer["usageMetadata"] = usage_of(self._tokens)
        answer |= {"modelVersion": self._model, "responseId": self._answer_id}
        return calls + b"data: " + orjson.dumps(answer) + b"\n\n"

    def _text(self, chunk: TextDelta | RefusalDelta) -> bytes:
        if not chunk.text:
            return b""
        self._texts.setdefault(chunk.choice, []).append(chunk.text)
        rated = b""
        if isinstance(chunk, TextDelta) and chunk.logprobs is not None:
            rated = b',"logprobsResult":' + orjson.dumps(logprobs_of(chunk.logprobs))
        return b'%b%b}],"role":"model"},"index":%d%b%b' % (
            _BEFORE_TEXT,
            orjson.dumps(chunk.text),
            chunk.choice,
            rated,
            self._tail,
        )

    def _parts(self, parts: list[JSON], choice: int) -> bytes:
        if not parts:
            return b""
        return b'data: {"candidates":[{"content":%b,"index":%d%b' % (
            orjson.dumps({"parts": parts, "role": "model"}),
            choice,
            self._tail,
        )

    def _told_calls(self, choice: int) -> bytes:
        calls = self._calls.pop(choice, {})
        return self._parts([calls[number].part() for number in sorted(calls)], choice)

    def _end(self, choice: int, reason: FinishReason) -> JSON:
        candidate: JSON = {
            "content": {"parts": [{"text": ""}], "role": "model"},
            "finishReason": FINISH_REASONS[reason],
            "index": choice,
        }
        if citations := self._citations.get(choice):
            text = "".join(self._texts.get(choice, ()))
            candidate["groundingMetadata"] = grounding_of(citations, text)
        return candidate


class _Call:
    """A call whose arguments are still coming."""

    __slots__ = ("_began", "arguments")

    def __init__(self, began: ToolCallBegan) -> None:
        self._began = began
        self.arguments: list[str] = []

    def part(self) -> JSON:
        began = self._began
        return call(began.id, began.name, "".join(self.arguments), began.signature)
