"""A stream put together from chunks.

Blocks of this protocol come strictly one after another. What belongs to a later block
waits until the one before it is complete.
"""

from typing import Any

import msgspec
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
from gateway.dialects.anthropic_messages.blocks import (
    build_citation,
    message_id,
    tool_id,
)
from gateway.dialects.anthropic_messages.finish import build_finish
from gateway.dialects.anthropic_messages.malformed import NAME
from gateway.dialects.anthropic_messages.usage import build_usage
from gateway.types import JSON
from usage.tokens import Tokens, estimate_tokens

KEEPALIVE = b'event: ping\ndata: {"type":"ping"}\n\n'


class _Block:
    """A block of the answer: what opens it, and the deltas that have come for it."""

    __slots__ = ("arguments", "deltas", "is_complete", "opening")

    def __init__(self, opening: JSON, *, is_complete: bool = False) -> None:
        self.opening = opening
        self.deltas: list[JSON] = []
        self.arguments: list[str] = []
        self.is_complete = is_complete

    @property
    def may_end(self) -> bool:
        """Whether no more can come: a call is complete when its arguments are."""
        if self.is_complete or self.opening["type"] != "tool_use":
            return True
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        return _is_object("".join(self.arguments))


class StreamBuilder:
    """Writes the events of one answer; usage is in it whether asked for or not."""

    def __init__(
        self, answer_id: str, created: int, model: str, *, with_usage: bool
    ) -> None:
        self._answer_id = answer_id
        self._model = model
        self._has_begun = False
        # The first of these is open on the wire, the others wait.
        self._blocks: list[_Block] = []
        self._calls: dict[int, _Block] = {}
        self._index = 0
        self._citations: list[Citation] = []
        self._cited = 0
        self._refusal = ""
        self._finish: FinishReason = "stop"
        self._stop_sequence = ""
        self._tokens = Tokens()
        self._has_usage = False
        self._seen = 0

    def write(self, chunk: Chunk) -> bytes:
        """Return the events that can be sent now; maybe none."""
        if isinstance(chunk, Began):
            return self._begin(chunk.tokens)
        if isinstance(chunk, Used):
            self._tokens, self._has_usage = chunk.tokens, True
            return b""
        if getattr(chunk, "choice", 0) != 0:
            return b""
        events = [] if self._has_begun else [self._begin(None)]
        self._write_content(chunk, events)
        return b"".join(events)

    def close(self) -> bytes:
        """Return what ends the answer: open blocks, the reason, the usage."""
        events = [] if self._has_begun else [self._begin(None)]
        while self._blocks:
            self._end_block(events)
        finish = build_finish(self._finish, self._stop_sequence, self._refusal)
        if not self._has_usage:
            output = estimate_tokens(self._seen) if self._seen else 0
            self._tokens = msgspec.structs.replace(self._tokens, output=output)
        usage = build_usage(self._tokens)
        events.append(
            _event({"type": "message_delta", "delta": finish, "usage": usage})
        )
        events.append(_event({"type": "message_stop"}))
        return b"".join(events)

    def _begin(self, tokens: Tokens | None) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        self._tokens = tokens or Tokens()
        message: JSON = {
            "id": message_id(self._answer_id),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": build_usage(self._tokens),
        }
        return _event({"type": "message_start", "message": message}) + KEEPALIVE

    def _write_content(self, chunk: Chunk, events: list[bytes]) -> None:
        match chunk:
            case TextDelta(text=text) if text:
                self._write_text(text, events)
            case RefusalDelta(text=text) if text:
                self._refusal += text
                self._write_text(text, events)
            case ReasoningDelta(protocol=protocol) if protocol == NAME:
                self._write_reasoning(chunk, events)
            case ToolCallBegan():
                self._begin_call(chunk, events)
            case ToolArgumentsDelta(text=text) if text:
                self._write_arguments(chunk, events)
            case Cited(citation=citation):
                self._citations.append(citation)
                self._write_citations(events)
            case Finished():
                self._finish = chunk.finish_reason
                self._stop_sequence = chunk.stop_sequence

    def _write_text(self, text: str, events: list[bytes]) -> None:
        block = self._last("text")
        if block is None:
            block = self._add({"type": "text", "text": ""}, events)
        self._write_delta(block, {"type": "text_delta", "text": text}, events)
        self._seen += len(text)
        if self._citations:
            self._write_citations(events)

    def _write_citations(self, events: list[bytes]) -> None:
        """Give the citations to the text that is being written, once there is any."""
        if (block := self._last("text")) is None:
            return
        for citation in self._citations:
            built = build_citation(citation, self._cited)
            self._cited += 1
            self._write_delta(
                block, {"type": "citations_delta", "citation": built}, events
            )
        self._citations.clear()

    def _write_reasoning(self, chunk: ReasoningDelta, events: list[bytes]) -> None:
        if chunk.sealed:
            sealed = {"type": "redacted_thinking", "data": chunk.sealed}
            self._add(sealed, events).is_complete = True
            return
        block = self._last("thinking")
        if block is None or block.is_complete:
            opening = {"type": "thinking", "thinking": "", "signature": ""}
            block = self._add(opening, events)
        if chunk.text:
            delta = {"type": "thinking_delta", "thinking": chunk.text}
            self._write_delta(block, delta, events)
            self._seen += len(chunk.text)
        if chunk.signature:
            delta = {"type": "signature_delta", "signature": chunk.signature}
            self._write_delta(block, delta, events)
            block.is_complete = True

    def _begin_call(self, chunk: ToolCallBegan, events: list[bytes]) -> None:
        if chunk.call in self._calls:
            return
        opening = {
            "type": "tool_use",
            "id": tool_id(chunk.id, self._answer_id, chunk.call),
            "name": chunk.name,
            "input": {},
        }
        self._calls[chunk.call] = self._add(opening, events)
        self._seen += len(chunk.name)

    def _write_arguments(self, chunk: ToolArgumentsDelta, events: list[bytes]) -> None:
        block = self._calls.get(chunk.call)
        if block is None or block.is_complete:
            return
        delta = {"type": "input_json_delta", "partial_json": chunk.text}
        block.arguments.append(chunk.text)
        self._seen += len(chunk.text)
        self._write_delta(block, delta, events)
        if len(self._blocks) > 1:
            self._advance(events)

    def _last(self, kind: str) -> _Block | None:
        """Return the newest block if it is of that type."""
        if self._blocks and self._blocks[-1].opening["type"] == kind:
            return self._blocks[-1]
        return None

    def _add(self, opening: JSON, events: list[bytes]) -> _Block:
        block = _Block(opening)
        self._blocks.append(block)
        if len(self._blocks) == 1:
            self._open(events)
        else:
            self._advance(events)
        return block

    def _advance(self, events: list[bytes]) -> None:
        while len(self._blocks) > 1 and self._blocks[0].may_end:
            self._end_block(events)

    def _write_delta(self, block: _Block, delta: JSON, events: list[bytes]) -> None:
        if block is self._blocks[0]:
            events.append(self._delta_event(delta))
        else:
            block.deltas.append(delta)

    def _open(self, events: list[bytes]) -> None:
        block = self._blocks[0]
        start: dict[str, Any] = {
            "type": "content_block_start",
            "index": self._index,
            "content_block": block.opening,
        }
        events.append(_event(start))
        events += map(self._delta_event, block.deltas)
        block.deltas.clear()

    def _end_block(self, events: list[bytes]) -> None:
        """End the open block and open the one that waits next."""
        self._blocks.pop(0).is_complete = True
        events.append(_event({"type": "content_block_stop", "index": self._index}))
        self._index += 1
        if self._blocks:
            self._open(events)

    def _delta_event(self, delta: JSON) -> bytes:
        return _event(
            {"type": "content_block_delta", "index": self._index, "delta": delta}
        )


def _event(data: JSON) -> bytes:
    name: str = data["type"]
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _is_object(text: str) -> bool:
    try:
        return type(orjson.loads(text)) is dict
    except orjson.JSONDecodeError:
        return False
