"""The simulator's own words, shared by every protocol that it speaks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs

JSON = dict[str, Any]
Headers = Iterable[tuple[bytes, bytes]]

EVENT_STREAM: Headers = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the request offers; one without a schema takes free text."""

    name: str
    schema: JSON | None


@dataclass(slots=True)
class Ask:
    """What a request wants, whatever protocol it came in."""

    model: str
    prompt: str
    prompt_tokens: int
    stream: bool = False
    include_usage: bool = False
    last_user_text: str = ""
    tool_result: str | None = None
    images: int = 0
    tools: list[Tool] = field(default_factory=list)
    must_call: str | None = None
    one_call_only: bool = False
    # None: text; {}: any JSON object; otherwise the schema to satisfy.
    schema: JSON | None = None
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    choices: int = 1
    thinks: bool = False
    shows_thoughts: bool = True
    # The provider's own filter stops the request before the model sees it.
    is_blocked: bool = False
    # Nothing is made, so nothing is billed: tokens are only counted.
    is_free: bool = False
    # Texts to embed, each with the length of its vector.
    inputs: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as a provider reports them: cached and reasoning ones are included."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers; its text is kept in the pieces that a stream sends."""

    pieces: list[str]
    finish_reason: str = "stop"
    is_refusal: bool = False
    # The stop sequence that ended the text.
    stopped_by: str | None = None
    # None: there were none; []: they are kept back.
    thoughts: list[str] | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; usage is None when the provider forgets to report it."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None
    vectors: list[list[float]] = field(default_factory=list)


@dataclass(slots=True)
class Stream:
    """The events of a streamed answer, framed, the ending kept apart."""

    events: list[bytes]
    finish: list[bytes]
    usage: list[bytes]
    terminator: list[bytes]

    def whole(self) -> list[bytes]:
        return [*self.events, *self.finish, *self.usage, *self.terminator]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer before a protocol gives it its shape."""

    status: int
    kind: str
    message: str
    param: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refused(Exception):
    """The request cannot be answered; the failure says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Head:
    """What a request says before its body."""

    headers: list[tuple[bytes, bytes]]
    query: bytes
    request_id: str

    def header(self, wanted: bytes) -> str | None:
        for name, value in self.headers:
            if name == wanted:
                return value.decode("latin-1")
        return None

    def parameter(self, wanted: str) -> str | None:
        """Return a parameter of the query string."""
        if not self.query:
            return None
        found = parse_qs(self.query.decode("latin-1")).get(wanted)
        return found[-1] if found else None


class Glance(NamedTuple):
    """What is noted of a body before it is checked."""

    model: str
    stream: bool
    include_usage: bool = False
    is_chat: bool = True


class WireProtocol(Protocol):
    """What a module must offer to be one of the simulator's protocols."""

    name: str
    # The header that carries the id of the request.
    id_header: bytes
    # The head of a streamed answer.
    stream_headers: Headers

    def check_key(self) -> None:
        """Refuse the key that no provider takes."""

    def glance(self, body: JSON) -> Glance: ...

    def parse(self, body: JSON) -> Ask:
        """Read a request, or raise Refused as the real provider would."""

    def build_body(self, answer: Answer) -> bytes: ...

    def build_stream(self, answer: Answer, ask: Ask) -> Stream: ...

    def error_headers(self, failure: Failure) -> Headers: ...

    def build_error(self, failure: Failure) -> bytes: ...

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        """Return the error that ends a stream, or is all of it."""
