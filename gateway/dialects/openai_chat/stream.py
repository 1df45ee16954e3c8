"""A streamed answer as chat completion chunks."""

from collections.abc import Callable
from typing import Any, ClassVar

import orjson

from gateway.canonical import (
    Began,
    Chunk,
    Cited,
    Ended,
    Finished,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.dialects.openai_chat.answers import (
    annotation_of,
    detail_of,
    extra_content_of,
    usage_of,
)
from gateway.types import JSON
from usage.tokens import Tokens

_DONE = b"data: [DONE]\n\n"
_OPEN = b',"logprobs":null,"finish_reason":null}]'


class _ChoiceState:
    """What has been sent of one choice."""

    __slots__ = ("citations", "details", "finished", "thinking")

    def __init__(self) -> None:
        self.finished = False
        self.citations = 0
        self.details = 0
        # The reasoning that no signature has closed yet.
        self.thinking: list[str] = []


class StreamBuilder:
    """Writes chunks as events.

    Each choice opens with its role. The usage comes last, with no choices, and only
    where it was asked for; then every event before it says that there is none yet.
    """

    __slots__ = ("_choices", "_head", "_tail", "_tokens", "_with_usage")

    def __init__(
        self, answer_id: str, created: int, model: str, *, with_usage: bool
    ) -> None:
        start = {
            "id": answer_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._head = b"data: " + orjson.dumps(start)[:-1] + b',"choices":['
        self._tail = b',"usage":null}\n\n' if with_usage else b"}\n\n"
        self._with_usage = with_usage
        self._tokens: Tokens | None = None
        self._choices: dict[int, _ChoiceState] = {}

    def write(self, chunk: Chunk) -> bytes:
        """Return the events for a chunk; maybe none."""
        return self._WRITERS[type(chunk)](self, chunk)

    def close(self) -> bytes:
        """Return the proper end."""
        end = [
            self._finish(choice, "stop")
            for choice, state in self._choices.items()
            if not state.finished
        ]
        if self._with_usage and self._tokens is not None:
            usage = orjson.dumps(usage_of(self._tokens))
            end.append(self._head + b'],"usage":' + usage + b"}\n\n")
        return b"".join([*end, _DONE])

    def _began(self, _chunk: Began) -> bytes:
        return self._opening(0)

    def _text(self, chunk: TextDelta) -> bytes:
        if chunk.logprobs is None:
            return self._delta(
                chunk.choice, b'{"content":%b}' % orjson.dumps(chunk.text)
            )
        choice = {
            "index": chunk.choice,
            "delta": {"content": chunk.text},
            "logprobs": chunk.logprobs,
            "finish_reason": None,
        }
        event = self._head + orjson.dumps(choice) + b"]" + self._tail
        return self._opening(chunk.choice) + event

    def _refusal(self, chunk: RefusalDelta) -> bytes:
        return self._delta(chunk.choice, b'{"refusal":%b}' % orjson.dumps(chunk.text))

    def _reasoning(self, chunk: ReasoningDelta) -> bytes:
        """Write the text as it comes, and all of it once more when it is signed."""
        opening = self._opening(chunk.choice)
        state = self._choices[chunk.choice]
        written: JSON = {}
        if chunk.text:
            state.thinking.append(chunk.text)
            written["reasoning_content"] = chunk.text
        if chunk.signature or chunk.sealed:
            reasoning = Reasoning(
                "".join(state.thinking), chunk.signature, chunk.sealed, chunk.protocol
            )
            written["reasoning_details"] = [detail_of(reasoning, state.details)]
            state.details += 1
            state.thinking = []
        if not written:
            return opening
        return opening + self._delta(chunk.choice, orjson.dumps(written))

    def _call(self, chunk: ToolCallBegan) -> bytes:
        call: JSON = {
            "index": chunk.call,
            "id": chunk.id,
            "type": "function",
            "function": {"name": chunk.name, "arguments": ""},
        }
        if chunk.signature:
            call["extra_content"] = extra_content_of(chunk.signature)
        return self._delta(chunk.choice, orjson.dumps({"tool_calls": [call]}))

    def _arguments(self, chunk: ToolArgumentsDelta) -> bytes:
        return self._delta(
            chunk.choice,
            b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}'
            % (chunk.call, orjson.dumps(chunk.text)),
        )

    def _cited(self, chunk: Cited) -> bytes:
        opening = self._opening(chunk.choice)
        state = self._choices[chunk.choice]
        # Clients put lists together by the index of their entries.
        annotation = {"index": state.citations, **annotation_of(chunk.citation)}
        state.citations += 1
        delta = orjson.dumps({"annotations": [annotation]})
        return opening + self._delta(chunk.choice, delta)

    def _finished(self, chunk: Finished) -> bytes:
        opening = self._opening(chunk.choice)
        return opening + self._finish(chunk.choice, chunk.finish_reason)

    def _used(self, chunk: Used) -> bytes:
        self._tokens = chunk.tokens
        return b""

    def _ended(self, _chunk: Ended) -> bytes:
        return b""

    def _opening(self, choice: int) -> bytes:
        """Return what announces a choice, once."""
        if choice in self._choices:
            return b""
        self._choices[choice] = _ChoiceState()
        return self._delta(choice, b'{"role":"assistant","content":"","refusal":null}')

    def _delta(self, choice: int, delta: bytes) -> bytes:
        if choice not in self._choices:
            return self._opening(choice) + self._delta(choice, delta)
        return b'%b{"index":%d,"delta":%b%b%b' % (
            self._head,
            choice,
            delta,
            _OPEN,
            self._tail,
        )

    def _finish(self, choice: int, reason: str) -> bytes:
        self._choices[choice].finished = True
        return b'%b{"index":%d,"delta":{},"logprobs":null,"finish_reason":"%b"}]%b' % (
            self._head,
            choice,
            reason.encode(),
            self._tail,
        )

    _WRITERS: ClassVar[dict[type, Callable[["StreamBuilder", Any], bytes]]] = {
        Began: _began,
        TextDelta: _text,
        RefusalDelta: _refusal,
        ReasoningDelta: _reasoning,
        ToolCallBegan: _call,
        ToolArgumentsDelta: _arguments,
        Cited: _cited,
        Finished: _finished,
        Used: _used,
        Ended: _ended,
    }
