"""The simulator's own words, shared by every protocol that it speaks."""

from dataclasses import dataclass, field
from typing import Any, Protocol

JSON = dict[str, Any]


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


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as a provider reports them: cached and reasoning ones are included."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


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
    tool_calls: list[ToolCall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; usage is None when the provider forgets to report it."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None


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


class WireProtocol(Protocol):
    """What a module must offer to be one of the simulator's protocols."""

    content_type: bytes

    def parse(self, body: JSON) -> Ask:
        """Read a request, or raise Refused as the real provider would."""

    def build_body(self, answer: Answer) -> bytes: ...

    def build_stream(self, answer: Answer, ask: Ask) -> Stream: ...

    def build_error(self, failure: Failure) -> bytes: ...

    def build_error_event(self, failure: Failure) -> bytes: ...
