"""A stream taken apart for translation."""

from collections.abc import Iterator

from gateway.adapters.gemini_generate.candidates import (
    call_prefix,
    finish_reason_of,
    is_blocked,
    parts_of,
    raw_parts,
)
from gateway.adapters.gemini_generate.citations import citations_of
from gateway.adapters.gemini_generate.errors import fault_of
from gateway.adapters.gemini_generate.events import End, trees_of
from gateway.adapters.gemini_generate.logprobs import logprobs_of
from gateway.adapters.gemini_generate.protocol import as_index, has_error
from gateway.adapters.gemini_generate.tokens import tokens_of
from gateway.adapters.reading import objects_of, printable, text_of
from gateway.canonical import (
    Began,
    Chunk,
    Citation,
    Cited,
    Ended,
    Finished,
    Part,
    Reasoning,
    ReasoningDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    Used,
)
from gateway.types import JSON, StreamFault, UpstreamFault
from usage.tokens import Tokens


class StreamParser:
    """Turns events into chunks. `complete` says whether the body may end here."""

    __slots__ = ("_choices", "_end", "_has_begun", "_tokens")

    def __init__(self) -> None:
        self._choices: dict[int, _Candidate] = {}
        self._end = End()
        self._has_begun = False
        self._tokens: Tokens | None = None

    @property
    def complete(self) -> bool:
        return self._end.complete

    def read(self, piece: bytes) -> list[Chunk]:
        """Read whole events. Raises `Unreadable`, or `StreamFault` for an error in them."""
        chunks: list[Chunk] = []
        for _, tree in trees_of(piece):
            if tree is None:
                if self.complete:
                    chunks.append(Ended())
                continue
            if has_error(tree):
                raise StreamFault(fault_of(tree["error"]))
            chunks += self._chunks(tree)
        return chunks

    def _chunks(self, tree: JSON) -> Iterator[Chunk]:
        tokens = tokens_of(tree.get("usageMetadata"))
        if not self._has_begun:
            self._has_begun = True
            model = printable(text_of(tree.get("modelVersion")))
            yield Began(text_of(tree.get("responseId")), model, tokens)
        was_complete = self._end.complete
        self._end.note(tree)
        for raw in objects_of(tree.get("candidates")):
            index = as_index(raw.get("index"))
            if (candidate := self._choices.get(index)) is None:
                prefix = call_prefix(tree, index)
                candidate = self._choices[index] = _Candidate(index, prefix)
            yield from candidate.read(raw)
        if is_blocked(tree) and not was_complete and not self._choices:
            yield Finished("content_filter")
        if tokens is not None and tokens != self._tokens:
            self._tokens = tokens
            yield Used(tokens)


class _Candidate:
    """What has come of one candidate so far."""

    __slots__ = (
        "_calls",
        "_cited",
        "_has_content",
        "_index",
        "_is_over",
        "_prefix",
        "_texts",
    )

    def __init__(self, index: int, prefix: str) -> None:
        self._index = index
        self._prefix = prefix
        self._calls = 0
        self._has_content = False
        self._is_over = False
        self._texts: list[str] = []
        self._cited: set[Citation] = set()

    def read(self, raw: JSON) -> Iterator[Chunk]:
        logprobs = logprobs_of(raw)
        for each in raw_parts(raw):
            for part in parts_of(each, f"{self._prefix}{self._calls}"):
                self._has_content |= not isinstance(part, Reasoning)
                yield from self._part(part, logprobs)
                if isinstance(part, Text):
                    # They are those of the whole event, told once.
                    logprobs = None
        if "groundingMetadata" in raw or "citationMetadata" in raw:
            for citation in citations_of(raw, "".join(self._texts)):
                if citation not in self._cited:
                    self._cited.add(citation)
                    yield Cited(citation, self._index)
        reason = text_of(raw.get("finishReason"))
        if reason and not self._is_over:
            self._is_over = True
            yield self._finished(reason, text_of(raw.get("finishMessage")))

    def _part(self, part: Part, logprobs: JSON | None) -> Iterator[Chunk]:
        match part:
            case Text(text=text):
                self._texts.append(text)
                yield TextDelta(text, self._index, logprobs)
            case Reasoning(text=text, signature=signature, protocol=protocol):
                yield ReasoningDelta(
                    text, signature, protocol=protocol, choice=self._index
                )
            case ToolCall():
                number, self._calls = self._calls, self._calls + 1
                yield ToolCallBegan(
                    number, part.id, part.name, part.signature, self._index
                )
                yield ToolArgumentsDelta(number, part.arguments, self._index)

    def _finished(self, reason: str, message: str) -> Finished:
        finish_reason = finish_reason_of(
            reason, has_calls=self._calls > 0, has_content=self._has_content
        )
        if finish_reason is None:
            text = message or "The model failed and gave no answer."
            raise StreamFault(UpstreamFault(printable(reason)[:64], text[:1000]))
        return Finished(finish_reason, self._index)
