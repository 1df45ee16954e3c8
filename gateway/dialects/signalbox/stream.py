"""A streamed answer: text as it comes, and at the end everything else."""

from dataclasses import dataclass, field

import orjson

from gateway.canonical import (
    Chunk,
    Citation,
    Cited,
    Finished,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
)
from gateway.dialects.signalbox.protocol import event
from gateway.dialects.signalbox.response import ending


@dataclass(slots=True)
class _Call:
    """A tool call of which pieces are still coming."""

    began: ToolCallBegan
    arguments: list[str] = field(default_factory=list)

    def whole(self) -> ToolCall:
        began = self.began
        arguments = "".join(self.arguments) or "{}"
        return ToolCall(began.id, began.name, arguments, began.signature)


class StreamBuilder:
    """Writes the text as `delta` events, and all of the answer once more as `done`.

    Who answers the client leaves the `content` out of that, and adds what it cost.
    """

    __slots__ = ("_calls", "_citations", "_finish_reason", "_texts")

    def __init__(
        self, answer_id: str, created: int, model: str, *, with_usage: bool
    ) -> None:
        self._calls: dict[int, _Call] = {}
        self._citations: list[Citation] = []
        self._texts: list[str] = []
        self._finish_reason = "stop"

    def write(self, chunk: Chunk) -> bytes:
        """Return the event for a chunk, or nothing."""
        if getattr(chunk, "choice", 0) != 0:
            return b""
        match chunk:
            case TextDelta(text) | RefusalDelta(text):
                if text:
                    self._texts.append(text)
                    return event(b"delta", b'{"content":%b}' % orjson.dumps(text))
            case ToolCallBegan():
                self._calls[chunk.call] = _Call(chunk)
            case ToolArgumentsDelta():
                if (call := self._calls.get(chunk.call)) is not None:
                    call.arguments.append(chunk.text)
            case Cited():
                self._citations.append(chunk.citation)
            case Finished():
                self._finish_reason = chunk.finish_reason
        return b""

    def close(self) -> bytes:
        """Return the proper end."""
        calls = [call.whole() for call in self._calls.values()]
        done = {
            "content": "".join(self._texts),
            **ending(self._finish_reason, calls, self._citations),
        }
        return event(b"done", orjson.dumps(done))
