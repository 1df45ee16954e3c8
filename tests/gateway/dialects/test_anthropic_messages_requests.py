"""Requests of Anthropic's clients, read into the gateway's words."""

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import (
    ChatRequest,
    File,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dialects import anthropic_messages
from gateway.types import JSON

NAME = anthropic_messages.NAME
MARK = {"type": "ephemeral"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def read(**changes: Any) -> ChatRequest:
    return anthropic_messages.parse_request(
        {"model": "fast", "messages": [{"role": "user", "content": "Hello"}], **changes}
    )


def read_user(*blocks: JSON) -> tuple[Any, ...]:
    request = read(messages=[{"role": "user", "content": list(blocks)}])
    return request.messages[0].parts


def test_the_smallest_request() -> None:
    assert read(max_tokens=10) == ChatRequest(
        messages=(Message("user", (Text("Hello"),)),),
        max_output_tokens=10,
        protocol=NAME,
    )


def test_a_conversation_is_read_in_its_order() -> None:
    image = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
    request = read(
        system=[{"type": "text", "text": "Be brief.", "cache_control": MARK}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather?"},
                    {"type": "image", "source": image},
                ],
            },
            {"role": "system", "content": "Be kind."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "Eq.."},
                    {"type": "redacted_thinking", "data": "c2Vh"},
                    {"type": "text", "text": "I look."},
                    {
                        "type": "tool_use",
                        "id": "t1",
                        "name": "get_weather",
                        "input": {"city": "Oslo"},
                    },
                    {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "So?"},
                    {"type": "tool_result", "tool_use_id": "t1", "content": "4 C"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "t2",
                        "content": [
                            {"type": "text", "text": "no"},
                            {"type": "image", "source": image},
                            {
                                "type": "document",
                                "source": {"type": "url", "url": "https://a.example"},
                            },
                        ],
                        "is_error": True,
                        "cache_control": MARK,
                    },
                ],
            },
        ],
    )

    picture = Image(data="iVBO", media_type="image/png")
    assert request.messages == (
        Message("system", (Text("Be brief.", cached=True),)),
        Message("user", (Text("Weather?"), picture)),
        Message("system", (Text("Be kind."),)),
        Message(
            "assistant",
            (
                Reasoning("Hm.", signature="Eq..", protocol=NAME),
                Reasoning(sealed="c2Vh", protocol=NAME),
                Text("I look."),
                ToolCall("t1", "get_weather", '{"city":"Oslo"}'),
                ToolCall("t2", "now", "{}"),
            ),
        ),
        Message(
            "user",
            (
                ToolResult("t1", (Text("4 C"),)),
                ToolResult("t2", (Text("no"), picture), is_error=True, cached=True),
                Text("So?"),
                File(url="https://a.example", media_type="application/pdf"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("source", "part"),
    [
        (
            {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            File(data="JVBE", media_type="application/pdf", name="A"),
        ),
        (
            {"type": "text", "media_type": "text/plain", "data": "Ä"},
            File(
                data=base64.b64encode("Ä".encode()).decode(),
                media_type="text/plain",
                name="A",
            ),
        ),
        (
            {"type": "url", "url": "https://a.example/b.pdf"},
            File(url="https://a.example/b.pdf", media_type="application/pdf", name="A"),
        ),
        ({"type": "file", "file_id": "file_1"}, File(file_id="file_1", name="A")),
        ({"type": "content", "content": "Inside"}, Text("Inside")),
    ],
)
def test_documents_are_files(source: JSON, part: File | Text) -> None:
    assert read_user({"type": "document", "title": "A", "source": source}) == (part,)


def test_a_search_result_is_text_elsewhere() -> None:
    found = {
        "type": "search_result",
        "source": "https://a.example",
        "title": "A",
        "content": [{"type": "text", "text": "Found"}],
    }

    assert read_user(found) == (Text("A\nhttps://a.example\nFound"),)


def test_plain_parameters_are_read() -> None:
    request = read(
        stream=True,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop_sequences=["END"],
        metadata={"user_id": "u-1"},
        service_tier="auto",
        models=["a"],
        provider={},
        container=None,
    )

    assert request.stream
    assert (request.temperature, request.top_p, request.top_k) == (0.5, 0.9, 3)
    assert request.stop == ("END",)
    assert request.end_user == "u-1"
    assert request.extra == {"service_tier": "auto"}


def test_tools_and_their_choice_are_read() -> None:
    tool = {"name": "f", "description": "F", "input_schema": SCHEMA, "strict": True}
    bare = {"type": "custom", "name": "g", "input_schema": {}, "cache_control": MARK}

    request = read(
        tools=[tool, bare],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    )

    assert request.tools == (
        Tool("f", "F", SCHEMA, strict=True),
        Tool("g", cached=True),
    )
    assert request.tool_choice == ToolChoice("named", "f")
    assert request.parallel_tool_calls is False


@pytest.mark.parametrize(
    ("kind", "mode"), [("auto", "auto"), ("any", "required"), ("none", "none")]
)
def test_every_kind_of_choice_has_a_mode(kind: str, mode: str) -> None:
    choice = read(tool_choice={"type": kind}).tool_choice

    assert choice is not None
    assert choice.mode == mode


@pytest.mark.parametrize(
    ("asked", "effort", "budget"),
    [
        ({}, "", None),
        ({"output_config": {"effort": "max"}}, "max", None),
        ({"thinking": {"type": "adaptive"}}, "medium", None),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            "low",
            None,
        ),
        ({"thinking": {"type": "disabled"}}, "none", None),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "low", 2000),
        ({"thinking": {"type": "enabled", "budget_tokens": 8000}}, "medium", 8000),
        ({"thinking": {"type": "enabled", "budget_tokens": 32000}}, "high", 32000),
    ],
)
def test_effort_is_read_from_either_place(
    asked: JSON, effort: str, budget: int | None
) -> None:
    request = read(**asked)

    assert (request.effort, request.thinking_budget) == (effort, budget)


@pytest.mark.parametrize("old", [True, False])
def test_an_output_format_is_a_strict_schema(old: bool) -> None:
    form = {"type": "json_schema", "schema": SCHEMA}
    asked = {"output_format": form} if old else {"output_config": {"format": form}}

    wanted = read(**asked).output_format

    assert wanted == OutputFormat("json_schema", "answer", SCHEMA, strict=True)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": 1}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"top_k": 0.5}, "top_k"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"system": [{"type": "image", "source": {}}]}, "system[0].source.type"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"thinking": {"type": "hard"}}, "thinking.type"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ],
)
def test_what_is_malformed_is_named(changes: JSON, param: str) -> None:
    with pytest.raises(anthropic_messages.Malformed) as raised:
        read(**changes)

    assert raised.value.param == param


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
    ],
)
def test_what_only_the_provider_itself_can_read_is_refused(block: JSON) -> None:
    with pytest.raises(anthropic_messages.Malformed, match="speaks this protocol"):
        read_user(block)


def test_a_request_that_is_relayed_is_looked_at_but_lightly() -> None:
    body = {
        "messages": [{"role": "user", "content": [{"type": "novelty"}]}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "max_tokens": 0,
        "stream": True,
    }

    anthropic_messages.check_request(body)

    assert anthropic_messages.max_output_tokens(body) == 0
    assert anthropic_messages.wants_stream(body)
    assert anthropic_messages.wants_usage(body)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
words = st.sampled_from(
    [
        "text",
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "base64",
        "url",
        "content",
        "user",
        "assistant",
        "system",
        "enabled",
        "json_schema",
    ]
)
names = st.sampled_from(
    [
        "type",
        "text",
        "source",
        "content",
        "role",
        "data",
        "url",
        "id",
        "name",
        "input",
        "tool_use_id",
        "format",
        "schema",
        "input_schema",
        "media_type",
        "thinking",
    ]
)
trees = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    ),
    max_leaves=15,
)
members = st.sampled_from(
    [
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "metadata",
        "stop_sequences",
        "temperature",
        "max_tokens",
        "stream",
        "model",
    ]
)
messages = st.lists(
    st.fixed_dictionaries({"role": words, "content": trees | st.lists(trees)}),
    max_size=3,
)


@given(body=st.dictionaries(members, trees, max_size=4), messages=messages)
def test_no_body_is_worse_than_malformed(body: JSON, messages: list[JSON]) -> None:
    with contextlib.suppress(anthropic_messages.Malformed):
        anthropic_messages.parse_request({**body, "messages": messages})
