"""A stream taken apart into chunks."""

from gateway.adapters.cohere_chat.content import (
    arguments_of,
    breakdown_of,
    citations_of,
    finish_reason_of,
    logprobs_of,
)
from gateway.adapters.cohere_chat.errors import fault_of
from gateway.adapters.cohere_chat.names import read_name
from gateway.adapters.cohere_chat.usage import tokens_of
from gateway.adapters.cohere_chat.wire import NAME, object_of
from gateway.adapters.reading import loads, text_of
from gateway.canonical import (
    Began,
    Chunk,
    Cited,
    Ended,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.sse import data_of, split_events
from gateway.types import JSON, StreamFault, UpstreamFault


class StreamParser:
    """Reads the events of one answer. Events of unknown types are ignored."""

    # The protocol has an end of its own; a stream without it was cut.
    complete = False

    __slots__ = (
        "_calls",
        "_count",
        "_ended",
        "_fault",
        "_length",
        "_starts",
        "_untold",
    )

    def __init__(self) -> None:
        # The numbers of the tool calls by the provider's index.
        self._calls: dict[int, int] = {}
        self._count = 0
        # Those that have no arguments yet.
        self._untold: set[int] = set()
        self._starts: dict[int, int] = {}
        self._length = 0
        self._ended = False
        self._fault: UpstreamFault | None = None

    def read(self, piece: bytes) -> list[Chunk]:
        """Return what whole events say.

        Raises `StreamFault` for an error, once what came before it was returned, and
        `Unreadable` for an event that is no JSON.
        """
        chunks: list[Chunk] = []
        for event in split_events(piece):
            data = data_of(event)
            if data is None or data == b"[DONE]" or self._ended:
                continue
            if self._fault is not None:
                break
            tree = loads(data, "An event of the stream")
            kind = tree.get("type")
            if kind == "error" or (kind is None and {"message", "error"} & tree.keys()):
                self._fault = fault_of(tree)
            elif type(kind) is str and (read := self._READERS.get(kind)) is not None:
                read(self, tree, chunks)
        if self._fault is not None and not chunks:
            raise StreamFault(self._fault)
        return chunks

    def _read_message_start(self, tree: JSON, chunks: list[Chunk]) -> None:
        chunks.append(Began(id=text_of(tree.get("id"))))

    def _read_content(self, tree: JSON, chunks: list[Chunk]) -> None:
        content = object_of(_message(tree).get("content"))
        if thought := text_of(content.get("thinking")):
            chunks.append(ReasoningDelta(thought, protocol=NAME))
        text, told = text_of(content.get("text")), tree.get("logprobs")
        logprobs = logprobs_of([object_of(told)]) if told else None
        if text or logprobs is not None:
            index = tree.get("index")
            self._starts.setdefault(index if type(index) is int else 0, self._length)
            self._length += len(text)
            chunks.append(TextDelta(text, logprobs=logprobs))

    def _read_plan(self, tree: JSON, chunks: list[Chunk]) -> None:
        if plan := text_of(_message(tree).get("tool_plan")):
            chunks.append(ReasoningDelta(plan, protocol=NAME))

    def _read_call(self, tree: JSON, chunks: list[Chunk]) -> None:
        """Read the beginning of a call, or a piece of its arguments."""
        call = object_of(_message(tree).get("tool_calls"))
        function = object_of(call.get("function"))
        place = _place(tree)
        if name := read_name(text_of(function.get("name"))):
            # A place that is taken again begins another call.
            number = self._calls[place] = self._count
            self._count += 1
            self._untold.add(number)
            call_id = text_of(call.get("id")) or f"{name}_{number}"
            chunks.append(ToolCallBegan(number, call_id, name))
        known = self._calls.get(place)
        if known is not None and (arguments := arguments_of(function)):
            self._untold.discard(known)
            chunks.append(ToolArgumentsDelta(known, arguments))

    def _read_call_end(self, tree: JSON, chunks: list[Chunk]) -> None:
        known = self._calls.get(_place(tree))
        if known is not None and known in self._untold:
            self._untold.discard(known)
            chunks.append(ToolArgumentsDelta(known, "{}"))

    def _read_citation(self, tree: JSON, chunks: list[Chunk]) -> None:
        cited = object_of(_message(tree).get("citations"))
        chunks += map(Cited, citations_of(cited, self._starts))

    def _read_message_end(self, tree: JSON, chunks: list[Chunk]) -> None:
        ending = object_of(tree.get("delta"))
        if (tokens := tokens_of(ending.get("usage"))) is not None:
            chunks.append(Used(tokens))
        if (fault := breakdown_of(ending)) is not None:
            self._fault = fault
            return
        chunks += [ToolArgumentsDelta(call, "{}") for call in sorted(self._untold)]
        reason = finish_reason_of(
            ending.get("finish_reason"), has_calls=self._count > 0
        )
        chunks += [Finished(reason), Ended()]
        self._ended = True

    _READERS = {
        "message-start": _read_message_start,
        "content-start": _read_content,
        "content-delta": _read_content,
        "tool-plan-delta": _read_plan,
        "tool-call-start": _read_call,
        "tool-call-delta": _read_call,
        "tool-call-end": _read_call_end,
        "citation-start": _read_citation,
        "message-end": _read_message_end,
    }


def _message(tree: JSON) -> JSON:
    return object_of(object_of(tree.get("delta")).get("message"))


def _place(tree: JSON) -> int:
    index = tree.get("index")
    return index if type(index) is int else 0
