"""What a canonical field says survives the way out and back, in every protocol.

A request is written by a protocol's adapter and read by the dialect of the same name; an
answer is written by the dialect and read by the adapter. Each field is tried by itself.
What does not survive is listed with the reason, so that a field that is added to the
types has to be thought of in each protocol.
"""

import importlib
import json
from types import ModuleType
from typing import Any

import msgspec
import pytest

from gateway.canonical import (
    Audio,
    ChatRequest,
    ChatResult,
    Choice,
    Citation,
    File,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.protocols import ADAPTERS
from gateway.types import Quirks
from usage.tokens import Tokens

BOTH_WAYS = (
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "gemini_generate",
)
# Models that take all that their protocol has.
MODELS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-4o",
    "anthropic_messages": "claude-opus-4-5",
    "gemini_generate": "gemini-3-pro",
}
SCHEMA = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}
HELLO = Message("user", (Text("Hello"),))
TOOL = Tool("look", "Looks.", SCHEMA)
CALL = ToolCall("call_1", "look", '{"place":"Oslo"}')
TOLD = ToolResult("call_1", (Text("4 C"),), name="look")

# One value for each field of a request that differs from what it is without it.
REQUEST: dict[str, dict[str, Any]] = {
    "messages": {"messages": (Message("system", (Text("Be brief."),)), HELLO)},
    "stream": {"stream": True},
    "max_output_tokens": {"max_output_tokens": 900},
    "temperature": {"temperature": 0.5},
    "top_p": {"top_p": 0.5},
    "top_k": {"top_k": 3},
    "stop": {"stop": ("END",)},
    "seed": {"seed": 7},
    "choices": {"choices": 2},
    "presence_penalty": {"presence_penalty": 0.5},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "logprobs": {"logprobs": 2},
    "tools": {"tools": (TOOL,)},
    "tool_choice": {"tools": (TOOL,), "tool_choice": ToolChoice("required")},
    "parallel_tool_calls": {"tools": (TOOL,), "parallel_tool_calls": False},
    "output_format": {
        "output_format": OutputFormat("json_schema", "place", SCHEMA, strict=True)
    },
    "effort": {"effort": "high"},
    "thinking_budget": {"thinking_budget": 2048, "max_output_tokens": 9000},
    "end_user": {"end_user": "user-1"},
    "metadata": {"metadata": {"ticket": "4711"}},
}
# How a field is told, not what a request says.
TELLING = {"extra", "protocol"}

# Part: the message that holds it.
PARTS: dict[str, tuple[Message, ...]] = {
    "text": (HELLO,),
    "image": (Message("user", (Image(data="aW1n", media_type="image/png"),)),),
    "image by address": (Message("user", (Image(url="https://a.example/b.png"),)),),
    "audio": (Message("user", (Text("Listen"), Audio("UklG", "wav"))),),
    "file": (
        Message("user", (File(data="JVBE", media_type="application/pdf", name="a"),)),
    ),
    "call and result": (HELLO, Message("assistant", (CALL,)), Message("user", (TOLD,))),
    "failed result": (
        HELLO,
        Message("assistant", (CALL,)),
        Message("user", (msgspec.structs.replace(TOLD, is_error=True),)),
    ),
    "refusal": (HELLO, Message("assistant", (Refusal("No."),)), HELLO),
}

# (Protocol, what is lost): why.
LOST = {
    ("openai_chat", "top_k"): "no such parameter",
    ("openai_chat", "thinking_budget"): "told as an effort",
    ("openai_chat", "effort"): "only models that reason take it",
    ("openai_chat", "failed result"): "told in the text",
    ("openai_responses", "top_k"): "no such parameter",
    ("openai_responses", "stop"): "no such parameter",
    ("openai_responses", "seed"): "no such parameter",
    ("openai_responses", "choices"): "no such parameter",
    ("openai_responses", "presence_penalty"): "no such parameter",
    ("openai_responses", "frequency_penalty"): "no such parameter",
    ("openai_responses", "thinking_budget"): "told as an effort",
    ("openai_responses", "effort"): "only models that reason take it",
    ("openai_responses", "failed result"): "told in the text",
    ("openai_responses", "audio"): "it hears nothing",
    ("anthropic_messages", "seed"): "no such parameter",
    ("anthropic_messages", "choices"): "no such parameter",
    ("anthropic_messages", "presence_penalty"): "no such parameter",
    ("anthropic_messages", "frequency_penalty"): "no such parameter",
    ("anthropic_messages", "logprobs"): "no such parameter",
    ("anthropic_messages", "metadata"): "it knows the user alone",
    ("anthropic_messages", "audio"): "it hears nothing",
    ("anthropic_messages", "refusal"): "its words are text",
    ("gemini_generate", "choices"): "its newer models give one",
    ("gemini_generate", "thinking_budget"): "told as a level",
    ("gemini_generate", "parallel_tool_calls"): "no such parameter",
    ("gemini_generate", "end_user"): "no such parameter",
    ("gemini_generate", "metadata"): "no such parameter",
    ("gemini_generate", "refusal"): "its words are text",
}


@pytest.fixture(params=BOTH_WAYS)
def protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def dialect_of(protocol: str) -> ModuleType:
    return importlib.import_module(f"gateway.dialects.{protocol}")


def there_and_back(protocol: str, request: ChatRequest) -> ChatRequest:
    """Return a request as the dialect reads what the adapter wrote."""
    written, _ = ADAPTERS[protocol].build_request(
        request, MODELS[protocol], Quirks(), 64_000
    )
    read: ChatRequest = dialect_of(protocol).parse_request(
        json.loads(json.dumps(written))
    )
    # Gemini says it in the path.
    return msgspec.structs.replace(read, stream=request.stream)


def test_every_field_of_a_request_is_tried() -> None:
    assert {*ChatRequest.__struct_fields__} - TELLING == {*REQUEST}


@pytest.mark.parametrize("field", REQUEST)
def test_a_field_of_a_request_survives_or_is_listed(protocol: str, field: str) -> None:
    request = ChatRequest(**{"messages": (HELLO,), **REQUEST[field]})

    read = there_and_back(protocol, request)

    survives = plain(getattr(read, field)) == plain(getattr(request, field))
    assert survives == ((protocol, field) not in LOST), plain(getattr(read, field))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_message_survives_or_is_listed(protocol: str, part: str) -> None:
    request = ChatRequest(messages=PARTS[part], tools=(TOOL,))

    read = there_and_back(protocol, request)

    survives = plain(read.messages) == plain(request.messages)
    assert survives == ((protocol, part) not in LOST), plain(read.messages)


def plain(value: Any) -> Any:
    """Return the value without what no protocol is asked to tell apart.

    Names of schemas and of tools in their results go with some protocols and are looked
    up in others, and so does whether a schema is to be kept strictly. How closely a
    picture is to be looked at is said to OpenAI alone, which has a default.
    """
    told = json.loads(json.dumps(msgspec.to_builtins(value)))
    return _without(told, {"strict", "name", "cached", "media_type", "detail"})


def _without(tree: Any, names: set[str]) -> Any:
    if isinstance(tree, dict):
        kept = set() if tree.get("type") in {"tool_call"} else names
        return {n: _without(v, names) for n, v in tree.items() if n not in kept}
    return [_without(v, names) for v in tree] if isinstance(tree, list) else tree


TOKENS = Tokens(input=20, output=9, cache_read=5, cache_write=2, reasoning=3)
CITATION = Citation("https://a.example", "A", start=0, end=5)
ANSWERS: dict[str, tuple[tuple[Part, ...], dict[str, Any], dict[str, Any]]] = {
    "text": ((Text("Hello"),), {}, {}),
    "refusal": ((Refusal("No."),), {"finish_reason": "content_filter"}, {}),
    "call": ((CALL,), {"finish_reason": "tool_calls"}, {}),
    "two calls": (
        (CALL, msgspec.structs.replace(CALL, id="call_2")),
        {"finish_reason": "tool_calls"},
        {},
    ),
    "reasoning": ((Reasoning("Hm."), Text("Hello")), {}, {}),
    "length": ((Text("Hello"),), {"finish_reason": "length"}, {}),
    "stop sequence": ((Text("Hello"),), {"stop_sequence": "END"}, {}),
    "tokens": ((Text("Hello"),), {}, {"tokens": TOKENS}),
    "citations": ((Text("Hello"),), {}, {"citations": (CITATION,)}),
}
ANSWERS_LOST = {
    ("openai_chat", "stop sequence"): "it does not say which",
    ("openai_responses", "stop sequence"): "it has none",
    ("anthropic_messages", "refusal"): "its words are text as well",
    ("gemini_generate", "stop sequence"): "it does not say which",
    ("gemini_generate", "refusal"): "its words are text",
    ("gemini_generate", "tokens"): "it does not tell what was written to a cache",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_an_answer_says_survives_or_is_listed(protocol: str, kind: str) -> None:
    parts, of_choice, of_result = ANSWERS[kind]
    own = tuple(
        msgspec.structs.replace(p, protocol=protocol, **_proof(protocol))
        if isinstance(p, Reasoning)
        else p
        for p in parts
    )
    choice = Choice(own, **{"finish_reason": "stop", **of_choice})
    # Anthropic's clients are always told tokens.
    result = ChatResult(
        choices=(choice,), **{"tokens": Tokens(input=20, output=9), **of_result}
    )

    body = dialect_of(protocol).build_response(result, "id", 0, "m")
    read = ADAPTERS[protocol].parse_result(body)

    survives = said(read) == said(result)
    assert survives == ((protocol, kind) not in ANSWERS_LOST), read


def _proof(protocol: str) -> dict[str, str]:
    """Return what signs reasoning, where a protocol shows none without it."""
    return {"signature": "c2ln"} if protocol == "anthropic_messages" else {}


def said(result: ChatResult) -> Any:
    (choice,) = result.choices
    return (
        [(type(p), getattr(p, "text", ""), getattr(p, "id", "")) for p in choice.parts],
        [getattr(part, "arguments", "") for part in choice.parts],
        choice.finish_reason,
        choice.stop_sequence,
        result.tokens,
        [(c.url, c.title, c.start, c.end) for c in result.citations],
    )
