"""A stream taken apart into chunks."""

from typing import Any

import orjson

from gateway.adapters.anthropic_messages.citations import citations_of
from gateway.adapters.anthropic_messages.errors import fault_of
from gateway.adapters.anthropic_messages.finish import finish_reason_of, refusal_of
from gateway.adapters.anthropic_messages.usage import merged, tokens_of
from gateway.adapters.anthropic_messages.wire import NAME
from gateway.adapters.reading import Unreadable, loads, object_of, printable, text_of
from gateway.canonical import (
    Began,
    Chunk,
    Cited,
    Ended,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.sse import data_of, split_events
from gateway.types import JSON, StreamFault, UpstreamFault


class _OpenBlock:
    """The block whose deltas are coming."""

    __slots__ = ("arguments", "call", "citations", "start")

    def __init__(self, call: int, start: int) -> None:
        self.call = call
        self.start = start
        # What a tool is called with when no delta tells it.
        self.arguments = "{}"
        self.citations: list[Any] = []


class StreamParser:
    """Reads the events of one answer. Events and blocks of unknown types are ignored."""

    # The protocol has an end of its own; a stream without it was cut.
    complete = False

    __slots__ = ("_block", "_calls", "_fault", "_length", "_usage")

    def __init__(self) -> None:
        self._block = _OpenBlock(-1, 0)
        self._calls = 0
        self._length = 0
        self._usage: JSON = {}
        self._fault: UpstreamFault | None = None

    def read(self, piece: bytes) -> list[Chunk]:
        """Return what whole events say.

        Raises `StreamFault` for an error event, once what came before it was returned,
        and `Unreadable` for an event that is no JSON.
        """
        chunks: list[Chunk] = []
        for event in split_events(piece) if self._fault is None else ():
            data = data_of(event)
            if data is None or data == b"[DONE]":
                continue
            tree = loads(data)
            kind = tree.get("type")
            if kind == "error" or (kind is None and "error" in tree):
                self._fault = fault_of(tree.get("error"))
                break
            if type(kind) is str and (read := self._READERS.get(kind)) is not None:
                read(self, tree, chunks)
        if self._fault is not None and not chunks:
            raise StreamFault(self._fault)
        return chunks

    def _read_message_start(self, tree: JSON, chunks: list[Chunk]) -> None:
        message = object_of(tree.get("message"))
        self._usage = merged({}, message.get("usage"))
        chunks.append(
            Began(
                id=text_of(message.get("id")),
                model=printable(message.get("model")),
                tokens=tokens_of(self._usage),
            )
        )

    def _read_block_start(self, tree: JSON, chunks: list[Chunk]) -> None:
        block = object_of(tree.get("content_block"))
        self._block = opened = _OpenBlock(-1, self._length)
        match block.get("type"):
            case "text":
                self._add_text(block.get("text"), chunks)
            case "thinking":
                _add_thinking(block.get("thinking"), chunks)
            case "redacted_thinking":
                sealed = text_of(block.get("data"))
                chunks.append(ReasoningDelta(sealed=sealed, protocol=NAME))
            case "tool_use":
                opened.call = self._calls
                opened.arguments = _arguments(block.get("input"))
                self._calls += 1
                chunks.append(
                    ToolCallBegan(
                        call=opened.call,
                        id=text_of(block.get("id")),
                        name=text_of(block.get("name")),
                    )
                )

    def _read_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        delta = object_of(tree.get("delta"))
        block = self._block
        match delta.get("type"):
            case "text_delta":
                self._add_text(delta.get("text"), chunks)
            case "input_json_delta" if block.call >= 0:
                if text := text_of(delta.get("partial_json")):
                    block.arguments = ""
                    chunks.append(ToolArgumentsDelta(call=block.call, text=text))
            case "thinking_delta":
                _add_thinking(delta.get("thinking"), chunks)
            case "signature_delta":
                signature = text_of(delta.get("signature"))
                chunks.append(ReasoningDelta(signature=signature, protocol=NAME))
            case "citations_delta":
                block.citations.append(delta.get("citation"))

    def _read_block_stop(self, tree: JSON, chunks: list[Chunk]) -> None:
        block = self._block
        if block.call >= 0 and block.arguments:
            chunks.append(ToolArgumentsDelta(call=block.call, text=block.arguments))
        chunks += map(Cited, citations_of(block.citations, block.start, self._length))
        self._block = _OpenBlock(-1, self._length)

    def _read_message_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        delta = object_of(tree.get("delta"))
        if reason := delta.get("stop_reason"):
            if words := refusal_of(reason, delta.get("stop_details")):
                chunks.append(RefusalDelta(words))
            chunks.append(
                Finished(
                    finish_reason=finish_reason_of(reason),
                    stop_sequence=text_of(delta.get("stop_sequence")),
                )
            )
        if "usage" in tree:
            self._usage = merged(self._usage, tree["usage"])
            if (tokens := tokens_of(self._usage)) is not None:
                chunks.append(Used(tokens))

    def _read_message_stop(self, tree: JSON, chunks: list[Chunk]) -> None:
        chunks.append(Ended())

    def _add_text(self, value: Any, chunks: list[Chunk]) -> None:
        if text := text_of(value):
            self._length += len(text)
            chunks.append(TextDelta(text))

    _READERS = {
        "message_start": _read_message_start,
        "content_block_start": _read_block_start,
        "content_block_delta": _read_delta,
        "content_block_stop": _read_block_stop,
        "message_delta": _read_message_delta,
        "message_stop": _read_message_stop,
    }


def _add_thinking(value: Any, chunks: list[Chunk]) -> None:
    if text := text_of(value):
        chunks.append(ReasoningDelta(text=text, protocol=NAME))


def _arguments(value: Any) -> str:
    try:
        return orjson.dumps(object_of(value)).decode()
    except TypeError as error:
        msg = "A tool is called with arguments that are nested too deeply."
        raise Unreadable(msg) from error
