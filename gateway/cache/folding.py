"""A streamed answer as a whole one, and a whole one as a stream."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.canonical import (
    AudioDelta,
    Began,
    ChatResult,
    Choice,
    Chunk,
    Citation,
    Cited,
    Ended,
    Finished,
    FinishReason,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    Used,
)
from usage.tokens import Tokens


@dataclass(slots=True)
class _Call:
    began: ToolCallBegan
    arguments: list[str] = field(default_factory=list)

    def whole(self) -> ToolCall:
        began = self.began
        text = "".join(self.arguments) or "{}"
        return ToolCall(began.id, began.name, text, began.signature)


@dataclass(slots=True)
class _Thought:
    texts: list[str] = field(default_factory=list)
    signature: str = ""
    sealed: str = ""
    protocol: str = ""

    def whole(self) -> Reasoning:
        return Reasoning(
            "".join(self.texts), self.signature, self.sealed, self.protocol
        )


@dataclass(slots=True)
class _Told:
    """What one choice has said, in the order it came."""

    parts: list[list[str] | _Thought | _Call | Refusal] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    finish_reason: FinishReason | None = None
    stop_sequence: str = ""
    logprobs: dict[str, list[Any]] = field(default_factory=dict)

    def text(self, chunk: TextDelta) -> None:
        if self.parts and isinstance(self.parts[-1], list):
            self.parts[-1].append(chunk.text)
        elif chunk.text:
            self.parts.append([chunk.text])
        for name, values in (chunk.logprobs or {}).items():
            if isinstance(values, list):
                self.logprobs.setdefault(name, []).extend(values)

    def reasoning(self, chunk: ReasoningDelta) -> None:
        last = self.parts[-1] if self.parts else None
        is_open = isinstance(last, _Thought) and not (last.signature or last.sealed)
        if chunk.sealed or not is_open or not isinstance(last, _Thought):
            last = _Thought(protocol=chunk.protocol)
            self.parts.append(last)
        last.texts.append(chunk.text)
        last.signature = chunk.signature
        last.sealed = chunk.sealed
        last.protocol = chunk.protocol or last.protocol

    def call(self, chunk: ToolCallBegan) -> None:
        call = self.calls[chunk.call] = _Call(chunk)
        self.parts.append(call)

    def whole(self, index: int) -> Choice | None:
        if self.finish_reason is None:
            return None
        return Choice(
            tuple(_part(part) for part in self.parts),
            self.finish_reason,
            index,
            dict(self.logprobs) or None,
            self.stop_sequence,
        )


def _part(part: list[str] | _Thought | _Call | Refusal) -> Part:
    if isinstance(part, list):
        return Text("".join(part))
    return part if isinstance(part, Refusal) else part.whole()


class _Unkeepable(Exception):
    """What cannot be told again: a sound, or arguments of no call."""


class _Fold:
    """All that the chunks have said so far."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.tokens: Tokens | None = None
        self.citations: list[Citation] = []
        self.told: dict[int, _Told] = {}

    def add(self, chunk: Chunk) -> None:
        match chunk:
            case Began():
                self.id = chunk.id or self.id
                self.model = chunk.model or self.model
            case Used():
                self.tokens = chunk.tokens
            case Cited():
                self.citations.append(chunk.citation)
            case Ended():
                pass
            case AudioDelta():
                raise _Unkeepable
            case _:
                self._say(self.told.setdefault(chunk.choice, _Told()), chunk)

    def _say(self, choice: _Told, chunk: Chunk) -> None:
        match chunk:
            case TextDelta():
                choice.text(chunk)
            case RefusalDelta():
                choice.parts.append(Refusal(chunk.text))
            case ReasoningDelta():
                choice.reasoning(chunk)
            case ToolCallBegan():
                choice.call(chunk)
            case ToolArgumentsDelta():
                if chunk.call not in choice.calls:
                    raise _Unkeepable
                choice.calls[chunk.call].arguments.append(chunk.text)
            case Finished():
                choice.finish_reason = chunk.finish_reason
                choice.stop_sequence = chunk.stop_sequence


def fold(chunks: Iterable[Chunk]) -> ChatResult | None:
    """Return the answer that the chunks make; None when there is none, or it has no end."""
    said = _Fold()
    try:
        for chunk in chunks:
            said.add(chunk)
    except _Unkeepable:
        return None
    choices: list[Choice] = []
    for index, told in sorted(said.told.items()):
        choice = told.whole(index)
        if choice is None:
            return None
        choices.append(choice)
    if not choices:
        return None
    return ChatResult(
        id=said.id,
        model=said.model,
        choices=tuple(choices),
        tokens=said.tokens,
        citations=tuple(said.citations),
    )


def unfold(result: ChatResult) -> Iterator[Chunk]:
    """Yield the chunks in which the answer can be told; its end is for whoever tells it."""
    yield Began(result.id, result.model, result.tokens)
    first = min((choice.index for choice in result.choices), default=0)
    for choice in result.choices:
        yield from _told(choice)
        if choice.index == first:
            yield from (Cited(citation, first) for citation in result.citations)
        yield Finished(choice.finish_reason, choice.index, choice.stop_sequence)
    if result.tokens is not None:
        yield Used(result.tokens)


def _told(choice: Choice) -> Iterator[Chunk]:
    index, logprobs, call = choice.index, choice.logprobs, 0
    for part in choice.parts:
        match part:
            case Text():
                yield TextDelta(part.text, index, logprobs)
                # They are of all the text, and come once.
                logprobs = None
            case Refusal():
                yield RefusalDelta(part.text, index)
            case Reasoning():
                yield from _thought(part, index)
            case ToolCall():
                yield ToolCallBegan(call, part.id, part.name, part.signature, index)
                yield ToolArgumentsDelta(call, part.arguments, index)
                call += 1


def _thought(part: Reasoning, index: int) -> Iterator[Chunk]:
    if part.text:
        yield ReasoningDelta(part.text, protocol=part.protocol, choice=index)
    if part.signature or part.sealed:
        yield ReasoningDelta(
            "", part.signature, part.sealed, part.protocol, choice=index
        )
