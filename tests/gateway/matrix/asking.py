"""What every client is asked to ask, and what it must have heard, in nobody's words."""

from dataclasses import dataclass, field
from typing import Any, Protocol

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}
TOOLS = ("weather", "clock")
MAX_TOKENS = 3000
THINKING_TOKENS = 1024


@dataclass(frozen=True)
class Call:
    """A tool call, its arguments read."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer as the client's package shows it.

    `own` is what the client hands back to go on; `pieces` counts the texts of a stream.
    """

    text: str
    input_tokens: int
    output_tokens: int
    calls: list[Call] = field(default_factory=list)
    thoughts: str = ""
    reasoning_tokens: int = 0
    pieces: int = 0
    own: Any = None


@dataclass(frozen=True)
class Asked:
    """One request. `turns` are the user's and the model's in turn, the user's last.

    `image` is base64 of a PNG, or an address. `earlier` is the answer that called tools,
    and `results` are what they said.
    """

    model: str
    turns: tuple[str, ...]
    stream: bool = False
    system: str = ""
    image: str = ""
    tools: bool = False
    schema: bool = False
    thinks: bool = False
    earlier: Said | None = None
    results: tuple[str, ...] = ()

    @property
    def has_address(self) -> bool:
        return self.image.startswith("http")

    @property
    def data_url(self) -> str:
        return self.image if self.has_address else f"data:image/png;base64,{self.image}"

    @property
    def answered(self) -> list[tuple[Call, str]]:
        """The calls of the earlier answer, each with its result."""
        calls = self.earlier.calls if self.earlier else []
        return list(zip(calls, self.results, strict=True))


class Client(Protocol):
    """A client with nothing but its address and its key changed.

    `heard` holds the texts of the last stream, whether or not it came to its end.
    """

    failure: tuple[type[Exception], ...]
    heard: list[str]

    def ask(self, asked: Asked) -> Said: ...

    def status_of(self, failure: Any) -> int:
        """Return the HTTP status that an exception of the package tells."""

    def close(self) -> None: ...
