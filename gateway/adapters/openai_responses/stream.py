"""A stream of Responses as canonical chunks."""

from typing import Any

from gateway.adapters.openai_responses.calls import CallReader, Key
from gateway.adapters.openai_responses.errors import fault_in
from gateway.adapters.openai_responses.output import (
    citations_of,
    finish_reason_of,
    logprobs_of,
    reasoning_of,
    results_of,
    sealed_of,
)
from gateway.adapters.openai_responses.protocol import NAME
from gateway.adapters.openai_responses.relay import ENDS, model_in
from gateway.adapters.openai_responses.usage import tokens_of
from gateway.adapters.reading import loads, object_of, objects_of, text_of
from gateway.canonical import (
    Began,
    Chunk,
    Citation,
    Cited,
    Ended,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Used,
)
from gateway.sse import data_of, split_events
from gateway.types import JSON, StreamFault, UpstreamFault
from usage.tokens import Tokens


class _Item:
    """A message, or reasoning, in the making."""

    __slots__ = ("section", "starts", "thinking", "told")

    def __init__(self) -> None:
        # Where in the text of the answer each of its parts begins.
        self.starts: dict[int, int] = {}
        # Whether anything that it says was told.
        self.told = False
        # Which of the two ways of showing reasoning it takes, and how far that is.
        self.thinking = ""
        self.section = 0


class StreamParser:
    """Reads whole events into chunks. Events and items of unknown types are ignored."""

    # The protocol has an end of its own; a stream without it was cut.
    complete = False

    __slots__ = (
        "_began",
        "_calls",
        "_cited",
        "_ended",
        "_fault",
        "_id",
        "_items",
        "_length",
        "_tokens",
    )

    def __init__(self) -> None:
        self._began = False
        self._ended = False
        self._fault: UpstreamFault | None = None
        self._id = ""
        self._items: dict[Key, _Item] = {}
        self._calls = CallReader()
        self._length = 0
        self._cited: set[Citation] = set()
        self._tokens: Tokens | None = None

    def read(self, piece: bytes) -> list[Chunk]:
        """Return what the events say.

        Raises `StreamFault` for an error, once what came before it was returned, and
        `Unreadable` for an event that is no JSON object.
        """
        chunks: list[Chunk] = []
        for event in split_events(piece):
            if self._ended or self._fault is not None:
                break
            data = data_of(event)
            if data is not None and data != b"[DONE]":
                self._read(loads(data), chunks)
        if self._fault is not None and not chunks:
            raise StreamFault(self._fault)
        return chunks

    def _read(self, tree: JSON, chunks: list[Chunk]) -> None:
        response = object_of(tree.get("response"))
        if response and not self._began:
            self._began = True
            self._id = text_of(response.get("id"))
            chunks.append(Began(self._id, model_in(response)))
        kind = text_of(tree.get("type"))
        if kind not in ENDS:
            self._use(response or tree, chunks)
        if (fault := fault_in(tree)) is not None:
            self._fault = fault
        elif (read := self._READERS.get(kind)) is not None:
            if not self._began:
                self._began = True
                chunks.append(Began())
            read(self, tree, chunks)

    def _use(self, told: JSON, chunks: list[Chunk]) -> None:
        """Tell what was used; Perplexity says it more than once."""
        tokens = tokens_of(told.get("usage"), told.get("tool_usage"))
        if tokens is not None and tokens != self._tokens:
            self._tokens = tokens
            chunks.append(Used(tokens))

    def _item_of(self, tree: JSON) -> _Item:
        return self._items.setdefault(_key_of(tree), _Item())

    def _read_item_added(self, tree: JSON, chunks: list[Chunk]) -> None:
        described = object_of(tree.get("item"))
        if described.get("type") == "function_call":
            chunks += self._calls.begin(_key_of(tree), described, self._id)

    def _read_text_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        logprobs = tree.get("logprobs")
        self._say(tree, text_of(tree.get("delta")), logprobs, chunks)

    def _read_text_done(self, tree: JSON, chunks: list[Chunk]) -> None:
        if _part_of(tree) not in self._item_of(tree).starts:
            text = text_of(tree.get("text"))
            self._say(tree, text, tree.get("logprobs"), chunks)

    def _say(self, tree: JSON, text: str, logprobs: Any, chunks: list[Chunk]) -> None:
        if not text:
            return
        item = self._item_of(tree)
        item.told = True
        item.starts.setdefault(_part_of(tree), self._length)
        self._length += len(text)
        told = logprobs_of(logprobs) if logprobs else None
        chunks.append(
            TextDelta(
                text,
                logprobs={"content": told, "refusal": None} if told else None,
            )
        )

    def _read_refusal_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        self._refuse(self._item_of(tree), text_of(tree.get("delta")), chunks)

    def _read_refusal_done(self, tree: JSON, chunks: list[Chunk]) -> None:
        item = self._item_of(tree)
        if not item.told:
            self._refuse(item, text_of(tree.get("refusal")), chunks)

    def _refuse(self, item: _Item, words: str, chunks: list[Chunk]) -> None:
        if words:
            item.told = True
            chunks.append(RefusalDelta(words))

    def _read_summary_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        self._think(tree, "summary", tree.get("summary_index"), chunks)

    def _read_reasoning_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        self._think(tree, "content", 0, chunks)

    def _think(
        self, tree: JSON, thinking: str, section: Any, chunks: list[Chunk]
    ) -> None:
        """Tell a piece of reasoning; who shows it in two ways is read in one of them."""
        item, text = self._item_of(tree), text_of(tree.get("delta"))
        if not text or (item.thinking and item.thinking != thinking):
            return
        if type(section) is not int:
            section = item.section
        if item.told and section != item.section:
            text = f"\n\n{text}"
        item.told, item.thinking, item.section = True, thinking, section
        chunks.append(ReasoningDelta(text, protocol=NAME))

    def _read_annotation(self, tree: JSON, chunks: list[Chunk]) -> None:
        # Without a place it belongs to what is being said.
        start = self._item_of(tree).starts.get(_part_of(tree), 0)
        self._cite(citations_of([tree.get("annotation")], start), chunks)

    def _read_results(self, tree: JSON, chunks: list[Chunk]) -> None:
        self._cite(results_of(tree), chunks)

    def _cite(self, sources: list[Citation], chunks: list[Chunk]) -> None:
        """Tell the sources that are new; some servers tell them more than once."""
        for citation in sources:
            if citation not in self._cited:
                self._cited.add(citation)
                chunks.append(Cited(citation))

    def _read_arguments_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        chunks += self._calls.add(_key_of(tree), text_of(tree.get("delta")))

    def _read_arguments_done(self, tree: JSON, chunks: list[Chunk]) -> None:
        chunks += self._calls.add_all(_key_of(tree), text_of(tree.get("arguments")))

    def _read_item_done(self, tree: JSON, chunks: list[Chunk]) -> None:
        """Tell of an item what the events before did not."""
        described, item = object_of(tree.get("item")), self._item_of(tree)
        match described.get("type"):
            case "message":
                self._close_message(tree, described, item, chunks)
            case "reasoning":
                if not item.told and (text := reasoning_of(described)):
                    chunks.append(ReasoningDelta(text, protocol=NAME))
                item.told = True
                if sealed := sealed_of(described):
                    chunks.append(ReasoningDelta(sealed=sealed, protocol=NAME))
            case "function_call":
                chunks += self._calls.close(_key_of(tree), described, self._id)
            case "search_results":
                self._read_results(described, chunks)

    def _close_message(
        self, tree: JSON, described: JSON, item: _Item, chunks: list[Chunk]
    ) -> None:
        was_told = item.told
        for number, piece in enumerate(objects_of(described.get("content"))):
            at = {**tree, "content_index": number}
            if piece.get("type") == "output_text":
                if not was_told:
                    text = text_of(piece.get("text"))
                    self._say(at, text, piece.get("logprobs"), chunks)
                start = item.starts.get(number, 0)
                self._cite(citations_of(piece.get("annotations"), start), chunks)
            elif piece.get("type") == "refusal" and not was_told:
                self._refuse(item, text_of(piece.get("refusal")), chunks)

    def _read_end(self, tree: JSON, chunks: list[Chunk]) -> None:
        response = object_of(tree.get("response"))
        told = self._calls.count or any(i.told for i in self._items.values())
        for number, item in enumerate(objects_of(response.get("output"))):
            if not told or item.get("type") == "search_results":
                at = {"output_index": number, "item": item}
                self._read_item_done(at, chunks)
        chunks += self._calls.finish()
        reason = finish_reason_of(response, has_calls=self._calls.count > 0)
        chunks.append(Finished(reason))
        self._use(response, chunks)
        chunks.append(Ended())
        self._ended = True

    _READERS = {
        "response.output_item.added": _read_item_added,
        "response.output_item.done": _read_item_done,
        "response.output_text.delta": _read_text_delta,
        "response.output_text.done": _read_text_done,
        "response.output_text.annotation.added": _read_annotation,
        "response.refusal.delta": _read_refusal_delta,
        "response.refusal.done": _read_refusal_done,
        "response.reasoning_summary_text.delta": _read_summary_delta,
        "response.reasoning_text.delta": _read_reasoning_delta,
        "response.reasoning.search_results": _read_results,
        "response.function_call_arguments.delta": _read_arguments_delta,
        "response.function_call_arguments.done": _read_arguments_done,
        "response.completed": _read_end,
        "response.incomplete": _read_end,
    }


def _key_of(tree: JSON) -> Key:
    """Return by what the item of an event is known."""
    index = tree.get("output_index")
    if type(index) is int:
        return index
    return text_of(tree.get("item_id") or object_of(tree.get("item")).get("id"))


def _part_of(tree: JSON) -> int:
    index = tree.get("content_index")
    return index if type(index) is int else 0
