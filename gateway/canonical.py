"""A conversation in no provider's words: what dialects read into and adapters write from.

Used when the client's dialect is not the provider's protocol; otherwise the bytes are
relayed and nothing here is built. Whatever a protocol has that is not named here
travels in `extra` and is only written back by the protocol it came from.
"""

from typing import Any, Literal

import msgspec

from usage.tokens import Tokens

JSON = dict[str, Any]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """`cached`: the sender marks the prompt up to here as worth caching."""

    text: str
    cached: bool = False


class Image(msgspec.Struct, frozen=True, tag="image"):
    """Either `url` or base64 `data` with its `media_type`."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    detail: str = ""
    cached: bool = False


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    """Base64 `data`; `format` is wav, mp3, …"""

    data: str
    format: str


class File(msgspec.Struct, frozen=True, tag="file"):
    """One of base64 `data` with `media_type`, `url`, or the provider's own `file_id`."""

    data: str = ""
    url: str = ""
    file_id: str = ""
    media_type: str = ""
    name: str = ""
    cached: bool = False


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """What a model thought. `signature` and `sealed` are only valid for its own protocol.

    `sealed` is reasoning that the provider encrypted; `protocol` says whose it is.
    """

    text: str = ""
    signature: str = ""
    sealed: str = ""
    protocol: str = ""


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """`arguments` is the JSON text as the model wrote it, `{}` when there are none."""

    id: str
    name: str
    arguments: str = "{}"
    signature: str = ""
    cached: bool = False


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    call_id: str
    parts: tuple[Text | Image, ...] = ()
    name: str = ""
    is_error: bool = False
    cached: bool = False


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The model's own words for not answering."""

    text: str


Part = Text | Image | Audio | File | Reasoning | ToolCall | ToolResult | Refusal


class Message(msgspec.Struct, frozen=True):
    """Tool results are parts of `user` messages, tool calls of `assistant` ones."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
    """A function; `parameters` is its JSON schema."""

    name: str
    description: str = ""
    parameters: JSON = {}
    strict: bool = False
    cached: bool = False


class ToolChoice(msgspec.Struct, frozen=True):
    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str = ""


class OutputFormat(msgspec.Struct, frozen=True):
    kind: Literal["text", "json_object", "json_schema"] = "text"
    name: str = ""
    schema: JSON = {}
    strict: bool = False


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A chat request. None and empty mean that the client said nothing.

    `effort` is none, minimal, low, medium, high, xhigh or max; `thinking_budget` counts
    tokens. `extra` holds what the dialect knows and the rest of the world does not;
    `protocol` says whose words those are.
    """

    messages: tuple[Message, ...]
    stream: bool = False
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    choices: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output_format: OutputFormat = OutputFormat()
    effort: str = ""
    thinking_budget: int | None = None
    end_user: str = ""
    metadata: dict[str, str] = {}
    extra: JSON = {}
    protocol: str = ""


class Choice(msgspec.Struct, frozen=True):
    """One answer: text, reasoning, tool calls and refusals in the order they came.

    `logprobs` is in OpenAI's shape or None; `stop_sequence` is the one that ended it.
    """

    parts: tuple[Part, ...]
    finish_reason: FinishReason
    index: int = 0
    logprobs: JSON | None = None
    stop_sequence: str = ""


class Citation(msgspec.Struct, frozen=True):
    """A source. `start` and `end` are offsets into the text, -1 when not known."""

    url: str
    title: str = ""
    text: str = ""
    start: int = -1
    end: int = -1


class ChatResult(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `tokens` None: the provider did not say, or not credibly."""

    id: str = ""
    model: str = ""
    choices: tuple[Choice, ...]
    tokens: Tokens | None = None
    citations: tuple[Citation, ...] = ()


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The answer has begun; `tokens` holds what is known of the input by now."""

    id: str = ""
    model: str = ""
    tokens: Tokens | None = None


class TextDelta(msgspec.Struct, frozen=True, tag="text"):
    """`logprobs` belong to this piece, in OpenAI's shape; None when there are none."""

    text: str
    choice: int = 0
    logprobs: JSON | None = None


class RefusalDelta(msgspec.Struct, frozen=True, tag="refusal"):
    text: str
    choice: int = 0


class AudioDelta(msgspec.Struct, frozen=True, tag="audio"):
    """A piece of a sound, cut anywhere."""

    audio: bytes


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning"):
    """A piece of reasoning, or, with `signature` or `sealed`, what closes it."""

    text: str = ""
    signature: str = ""
    sealed: str = ""
    protocol: str = ""
    choice: int = 0


class ToolCallBegan(msgspec.Struct, frozen=True, tag="tool_call"):
    """`call` numbers the tool calls of a choice from 0."""

    call: int
    id: str
    name: str
    signature: str = ""
    choice: int = 0


class ToolArgumentsDelta(msgspec.Struct, frozen=True, tag="arguments"):
    call: int
    text: str
    choice: int = 0


class Cited(msgspec.Struct, frozen=True, tag="cited"):
    citation: Citation
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    finish_reason: FinishReason
    choice: int = 0
    stop_sequence: str = ""


class Used(msgspec.Struct, frozen=True, tag="used"):
    """What the whole answer has used so far; a later one replaces an earlier one."""

    tokens: Tokens


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The provider's own end of the stream: nothing follows, nothing is missing."""


Chunk = (
    Began
    | TextDelta
    | RefusalDelta
    | AudioDelta
    | ReasoningDelta
    | ToolCallBegan
    | ToolArgumentsDelta
    | Cited
    | Finished
    | Used
    | Ended
)

# The chunks that are content: after the first of them no other target is asked.
CONTENT = (
    TextDelta,
    RefusalDelta,
    AudioDelta,
    ReasoningDelta,
    ToolCallBegan,
    Finished,
)
