"""From the client's dialect to another protocol and back, through the canonical types."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.canonical import (
    CONTENT,
    Began,
    ChatRequest,
    Chunk,
    Ended,
    Finished,
    Used,
)
from gateway.types import StreamFault, StreamNotes
from usage.tokens import Tokens

# Canonical names of what an alias may set for requests that do not.
_DEFAULTS = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "reasoning_effort": "effort",
    "dimensions": "dimensions",
}
_UNSET = (None, "")
# What another operation's request has, and this one's has not.
_FOREIGN = object()

_Request = TypeVar("_Request", bound=msgspec.Struct)


class Parser(Protocol):
    """What an adapter offers to take a stream apart."""

    @property
    def complete(self) -> bool: ...

    def read(self, piece: bytes) -> Sequence[Chunk]: ...


class Builder(Protocol):
    """What a dialect offers to put a stream together."""

    def write(self, chunk: Chunk) -> bytes: ...

    def close(self) -> bytes: ...


class TranslatedReader:
    """Reads a stream in the provider's protocol and hands it on in the client's."""

    __slots__ = (
        "_builder",
        "_parser",
        "finish_reason",
        "reported_model",
        "started",
        "tokens",
    )

    def __init__(self, parser: Parser, builder: Builder) -> None:
        self._parser = parser
        self._builder = builder
        self.started = False
        self.tokens: Tokens | None = None
        self.reported_model = ""
        self.finish_reason = ""

    @property
    def complete(self) -> bool:
        """Whether the provider's answer has come to a proper end."""
        return self._parser.complete

    def read(self, piece: bytes) -> StreamNotes:
        """Translate whole events; the end of the answer brings the client's own end."""
        forward: list[bytes] = []
        try:
            for chunk in self._parser.read(piece):
                self._note(chunk)
                if isinstance(chunk, Ended):
                    forward.append(self._builder.close())
                    return StreamNotes(b"".join(forward), is_done=True)
                forward.append(self._builder.write(chunk))
        except StreamFault as fault:
            return StreamNotes(b"".join(forward), fault=fault.fault)
        if not piece and self._parser.complete:
            # A protocol without a terminator: its end is the end of the body.
            forward.append(self._builder.close())
            return StreamNotes(b"".join(forward), is_done=True)
        return StreamNotes(b"".join(forward))

    def _note(self, chunk: Chunk) -> None:
        if isinstance(chunk, CONTENT):
            self.started = True
        elif isinstance(chunk, Used):
            self.tokens = chunk.tokens
        elif isinstance(chunk, Finished):
            self.finish_reason = chunk.finish_reason
        elif isinstance(chunk, Began):
            self.reported_model = self.reported_model or chunk.model


def left_open(request: ChatRequest, names: Iterable[str]) -> frozenset[str]:
    """Return those of the names that the request says nothing about."""
    return frozenset(n for n in names if getattr(request, _DEFAULTS[n]) in _UNSET)


def with_defaults(request: _Request, defaults: Mapping[str, Any]) -> _Request:
    """Set what an alias sets and the request leaves open."""
    changes = {
        name: value
        for key, value in defaults.items()
        if (name := _DEFAULTS.get(key)) and getattr(request, name, _FOREIGN) in _UNSET
    }
    return msgspec.structs.replace(request, **changes) if changes else request
