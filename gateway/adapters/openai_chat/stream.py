"""A stream of chat completion chunks as canonical chunks."""

from typing import Any

from gateway.adapters.openai_chat.calls import CallReader
from gateway.adapters.openai_chat.content import (
    BROKEN_OFF,
    annotations_of,
    finish_reason_of,
    logprobs_of,
    reasoning_of,
    sources_of,
    texts_of,
)
from gateway.adapters.openai_chat.details import DetailsReader
from gateway.adapters.openai_chat.errors import hidden_fault
from gateway.adapters.openai_chat.protocol import NAME
from gateway.adapters.openai_chat.usage import tokens_of
from gateway.adapters.reading import loads, printable
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

_MAX_CHOICES = 128


class StreamParser:
    """Reads whole events into chunks.

    `complete` says whether the answer may end here without the terminator.
    """

    __slots__ = ("_began", "_choices", "_cited", "_ended", "_id", "_tokens")

    def __init__(self) -> None:
        self._began = False
        self._ended = False
        self._id = ""
        self._choices: dict[int, _ChoiceReader] = {}
        self._cited: set[Citation] = set()
        self._tokens: Tokens | None = None

    @property
    def complete(self) -> bool:
        """Whether every choice has its finish reason, and the usage is known."""
        return (
            self._tokens is not None
            and bool(self._choices)
            and all(choice.finished for choice in self._choices.values())
        )

    def read(self, piece: bytes) -> list[Chunk]:
        """Return what the events say.

        Raises `Unreadable` for one that is no JSON object, `StreamFault` for an error.
        """
        chunks: list[Chunk] = []
        for event in split_events(piece):
            data = data_of(event)
            if data is None or self._ended:
                continue
            if data == b"[DONE]":
                self._end(chunks)
            else:
                self._read(loads(data), chunks)
        return chunks

    def _read(self, tree: JSON, chunks: list[Chunk]) -> None:
        if (fault := hidden_fault(tree)) is not None:
            raise StreamFault(fault)
        choices = tree.get("choices")
        if not isinstance(choices, list):
            choices = []
        if not self._began:
            self._begin(tree, choices, chunks)
        if "citations" in tree or "search_results" in tree:
            self._cite(sources_of(tree), 0, chunks)
        for position, choice in enumerate(choices):
            if type(choice) is dict:
                self._read_choice(choice, position, chunks)
        usage = tree.get("usage")
        if usage is None and type(groq := tree.get("x_groq")) is dict:
            usage = groq.get("usage")
        if type(usage) is dict:
            tokens = tokens_of(usage)
            if tokens is not None and tokens != self._tokens:
                self._tokens = tokens
                chunks.append(Used(tokens))

    def _begin(self, tree: JSON, choices: list[Any], chunks: list[Chunk]) -> None:
        """Tell that the answer has begun; Azure's first event says nothing yet."""
        answer_id, model = tree.get("id"), tree.get("model")
        if not (answer_id or model or choices):
            return
        self._began = True
        self._id = answer_id if isinstance(answer_id, str) else ""
        chunks.append(
            Began(self._id, printable(model) if isinstance(model, str) else "")
        )

    def _read_choice(self, choice: JSON, position: int, chunks: list[Chunk]) -> None:
        index = choice.get("index")
        if type(index) is not int or not 0 <= index < _MAX_CHOICES:
            index = min(position, _MAX_CHOICES - 1)
        reader = self._choices.get(index)
        if reader is None:
            reader = self._choices[index] = _ChoiceReader(index)
        delta = choice.get("delta")
        if type(delta) is dict:
            reader.read(delta, choice, self._id, chunks)
            if delta.get("annotations"):
                self._cite(annotations_of(delta), index, chunks)
        if (reason := choice.get("finish_reason")) and not reader.finished:
            if isinstance(reason, str) and reason in BROKEN_OFF:
                msg = "The provider broke the answer off."
                raise StreamFault(UpstreamFault("", msg))
            reader.finish(reason, chunks)

    def _cite(self, sources: list[Citation], choice: int, chunks: list[Chunk]) -> None:
        """Tell the sources that are new; some servers repeat them in every event."""
        for citation in sources:
            if citation not in self._cited:
                self._cited.add(citation)
                chunks.append(Cited(citation, choice))

    def _end(self, chunks: list[Chunk]) -> None:
        for reader in self._choices.values():
            if not reader.finished:
                reader.finish(None, chunks)
        self._ended = True
        chunks.append(Ended())


class _ChoiceReader:
    """Reads the deltas of one choice."""

    __slots__ = ("_calls", "_details", "_index", "finished")

    def __init__(self, index: int) -> None:
        self._index = index
        self._calls: CallReader | None = None
        self._details: DetailsReader | None = None
        self.finished = False

    def read(
        self, delta: JSON, choice: JSON, answer_id: str, chunks: list[Chunk]
    ) -> None:
        index = self._index
        text, thinking = texts_of(delta.get("content"))
        if thinking := (reasoning_of(delta) or thinking):
            chunks.append(ReasoningDelta(thinking, protocol=NAME, choice=index))
        if isinstance(details := delta.get("reasoning_details"), list) and details:
            self._details = self._details or DetailsReader()
            self._details.read(details)
        logprobs = logprobs_of(choice) if choice.get("logprobs") else None
        if text or logprobs is not None:
            self._close_reasoning(chunks)
            chunks.append(TextDelta(text, index, logprobs))
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            chunks.append(RefusalDelta(refusal, index))
        calls = delta.get("tool_calls")
        if not calls and type(function := delta.get("function_call")) is dict:
            calls = [{"index": 0, "function": function}]
        if isinstance(calls, list) and calls:
            self._close_reasoning(chunks)
            self._calls = self._calls or CallReader(index)
            for call in calls:
                if type(call) is dict:
                    chunks += self._calls.read(call, answer_id)

    def finish(self, reason: Any, chunks: list[Chunk]) -> None:
        self.finished = True
        self._close_reasoning(chunks)
        has_calls = False
        if self._calls is not None:
            chunks += self._calls.finish()
            has_calls = self._calls.count > 0
        chunks.append(
            Finished(finish_reason_of(reason, has_calls=has_calls), self._index)
        )

    def _close_reasoning(self, chunks: list[Chunk]) -> None:
        """Hand on the details of the reasoning, which are complete when it is over."""
        if self._details is None:
            return
        sealed = self._details.sealed()
        self._details = None
        if sealed:
            chunks.append(
                ReasoningDelta(sealed=sealed, protocol=NAME, choice=self._index)
            )
