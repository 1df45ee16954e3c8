"""What clients of OpenAI's Responses send, in canonical words."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import (
    Audio,
    ChatRequest,
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
from gateway.dialects import openai_responses
from gateway.types import JSON
from tests.gateway.adapters.openai_chat_values import anything

HELLO = Message("user", (Text("Hello"),))
WEATHER: JSON = {"type": "function", "name": "weather", "parameters": None}
MARK = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def parsed(**fields: Any) -> ChatRequest:
    return openai_responses.parse_request({"model": "m", "input": "Hello", **fields})


def parts(*content: JSON) -> tuple[Part, ...]:
    (message,) = parsed(input=[{"role": "user", "content": list(content)}]).messages
    return message.parts


def refused(**fields: Any) -> openai_responses.Malformed:
    with pytest.raises(openai_responses.Malformed) as raised:
        parsed(**fields)
    return raised.value


def test_a_plain_request_says_little() -> None:
    assert parsed() == ChatRequest(messages=(HELLO,), protocol="openai_responses")


def test_a_conversation_keeps_its_order() -> None:
    call = {"type": "function_call", "name": "f", "arguments": '{"a":1}'}
    request = parsed(
        instructions="Be kind.",
        input=[
            {"role": "developer", "content": "Be brief."},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hello"}],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [
                    {"type": "summary_text", "text": "One."},
                    {"type": "summary_text", "text": "Two."},
                ],
                "encrypted_content": "gAAA",
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "phase": "commentary",
                "content": [
                    {"type": "output_text", "text": "Let me see.", "annotations": []}
                ],
            },
            {**call, "id": "fc_1", "call_id": "call_1", "status": "completed"},
            {**call, "call_id": "call_2", "name": "g", "arguments": ""},
            {"type": "function_call_output", "call_id": "call_1", "output": "4"},
            {
                "type": "function_call_output",
                "call_id": "call_2",
                "output": [
                    {"type": "input_text", "text": "5"},
                    {"type": "input_image", "image_url": "https://a.test/b.png"},
                ],
            },
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        ],
    )

    assert request.messages == (
        Message("system", (Text("Be kind."),)),
        Message("system", (Text("Be brief."),)),
        HELLO,
        Message(
            "assistant",
            (
                Reasoning(
                    "One.\n\nTwo.",
                    sealed='{"id":"rs_1","encrypted_content":"gAAA"}',
                    protocol="openai_responses",
                ),
                Text("Let me see."),
                ToolCall("call_1", "f", '{"a":1}'),
                ToolCall("call_2", "g", "{}"),
            ),
        ),
        Message(
            "user",
            (
                ToolResult("call_1", (Text("4"),), "f"),
                ToolResult(
                    "call_2", (Text("5"), Image(url="https://a.test/b.png")), "g"
                ),
            ),
        ),
        HELLO,
        Message("assistant", (Refusal("No."),)),
    )


def test_every_kind_of_content_is_read() -> None:
    assert parts(
        {"type": "input_text", "text": "a", **MARK},
        {"type": "input_image", "image_url": "https://a.test/b.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,QQ==", **MARK},
        {"type": "input_file", "file_id": "file-1", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://a.test/c.pdf"},
        {
            "type": "input_file",
            "file_data": "data:text/csv;base64,QQ==",
            "filename": "c.csv",
        },
        {"type": "input_file", "file_data": "QQ=="},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
    ) == (
        Text("a", cached=True),
        Image(url="https://a.test/b.png", detail="low"),
        Image(data="QQ==", media_type="image/png", cached=True),
        File(file_id="file-1", name="a.pdf"),
        File(url="https://a.test/c.pdf"),
        File(data="QQ==", media_type="text/csv", name="c.csv"),
        File(data="QQ==", media_type="application/pdf"),
        Audio("QQ==", "wav"),
    )


def test_every_parameter_is_read() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}

    request = parsed(
        stream=True,
        max_output_tokens=99,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=3,
        tools=[
            {
                "type": "function",
                "name": "f",
                "description": "d",
                "parameters": schema,
                "strict": True,
            },
            WEATHER,
        ],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
        text={
            "format": {
                "type": "json_schema",
                "name": "n",
                "schema": schema,
                "strict": True,
            }
        },
        reasoning={"effort": "high", "summary": "auto"},
        safety_identifier="u1",
        metadata={"ticket": "4711"},
        store=True,
        background=False,
        truncation="disabled",
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        stream_options={"include_obfuscation": False},
    )

    assert request == ChatRequest(
        messages=(HELLO,),
        stream=True,
        max_output_tokens=99,
        temperature=0.5,
        top_p=0.9,
        logprobs=3,
        tools=(Tool("f", "d", schema, strict=True), Tool("weather")),
        tool_choice=ToolChoice("named", "f"),
        parallel_tool_calls=False,
        output_format=OutputFormat("json_schema", "n", schema, strict=True),
        effort="high",
        end_user="u1",
        metadata={"ticket": "4711"},
        protocol="openai_responses",
    )


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ({"text": {"format": {"type": "json_object"}}}, OutputFormat("json_object")),
        ({"text": {"format": {"type": "text"}}}, OutputFormat()),
        ({"text": {}}, OutputFormat()),
    ],
)
def test_a_format_is_read(told: JSON, meant: OutputFormat) -> None:
    assert parsed(**told).output_format == meant


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "weather"}],
            },
            ToolChoice("required"),
        ),
    ],
)
def test_a_tool_choice_is_read(told: Any, meant: ToolChoice) -> None:
    request = parsed(tools=[WEATHER], tool_choice=told)

    assert request.tool_choice == meant
    assert request.tools == (Tool("weather"),)


def test_log_probabilities_may_be_asked_for_without_alternatives() -> None:
    assert parsed(include=["message.output_text.logprobs"]).logprobs == 0
    assert parsed().logprobs is None


def test_what_only_openai_knows_is_named() -> None:
    request = parsed(
        truncation="auto",
        service_tier="flex",
        prompt_cache_key="k",
        max_tool_calls=3,
        include=["web_search_call.action.sources", "reasoning.encrypted_content"],
        reasoning={"context": "all", "effort": "low"},
        text={"verbosity": "low"},
        tools=[{"type": "web_search"}, WEATHER],
        tool_choice="auto",
        input=[
            {"role": "user", "content": "Hello"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        ],
    )

    assert {*request.extra} == {
        "truncation",
        "service_tier",
        "prompt_cache_key",
        "max_tool_calls",
        "include",
        "reasoning.context",
        "text.verbosity",
        "tools.web_search",
        "input.web_search_call",
    }
    assert request.tools == (Tool("weather"),)


def test_a_search_that_may_be_left_out_leaves_no_choice_behind() -> None:
    request = parsed(tools=[{"type": "web_search_preview"}], tool_choice="auto")

    assert request.tool_choice is None
    assert request.tools == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "file_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_label": "a"}]}, "tools[0].type"),
        ({"tools": [{"type": "custom", "name": "a"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        (
            {"tools": [{"type": "web_search"}], "tool_choice": "required"},
            "tool_choice",
        ),
        (
            {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}},
            "tool_choice",
        ),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "f"}},
            "tool_choice",
        ),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "compaction", "id": "c"}]}, "input[0].type"),
        ({"input": [{"type": "custom_tool_call", "id": "c"}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        (
            {"input": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
            "input[0].content[0].type",
        ),
        (
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_image", "file_id": "file-1"}],
                    }
                ]
            },
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"type": "function_call_output", "output": "4"}]},
            "input[0].call_id",
        ),
        ({"reasoning": {"effort": "heroic"}}, "reasoning.effort"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_cannot_be_translated_is_refused(fields: JSON, param: str) -> None:
    assert refused(**fields).param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["a"]}, "input[0]"),
        ({"input": "a", "model": 1}, "model"),
        ({"input": "a", "model": "m" * 301}, "model"),
        ({"input": "a", "stream": 1}, "stream"),
        ({"input": "a", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "a", "max_output_tokens": True}, "max_output_tokens"),
    ],
)
def test_what_nobody_could_answer_is_refused(body: JSON, param: str) -> None:
    with pytest.raises(openai_responses.Malformed) as raised:
        openai_responses.check_request(body)

    assert raised.value.param == param


def test_what_openai_keeps_needs_no_input_where_openai_answers() -> None:
    openai_responses.check_request({"prompt": {"id": "pmpt_1"}})


def test_what_serving_needs_to_know_is_read() -> None:
    body = {"input": "a", "stream": True, "max_output_tokens": 7}

    assert openai_responses.wants_stream(body)
    assert openai_responses.wants_usage(body)
    assert openai_responses.max_output_tokens(body) == 7
    assert openai_responses.max_output_tokens({"input": "a"}) is None


@pytest.mark.parametrize("spoilt", ["signalbox-seal.!", "signalbox-seal.W10="])
def test_a_seal_of_ours_that_was_spoilt_is_left_out(spoilt: str) -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": spoilt}

    request = parsed(input=[{"role": "user", "content": "Hello"}, item])

    assert request.messages == (HELLO,)


names = st.sampled_from(
    [
        "arguments",
        "call_id",
        "content",
        "detail",
        "effort",
        "encrypted_content",
        "file_data",
        "format",
        "id",
        "image_url",
        "input_audio",
        "mode",
        "name",
        "output",
        "parameters",
        "role",
        "schema",
        "summary",
        "text",
        "tools",
        "type",
    ]
)
words = st.sampled_from(
    [
        "allowed_tools",
        "assistant",
        "data:image/png;base64,QQ==",
        "function",
        "function_call",
        "function_call_output",
        "input_audio",
        "input_file",
        "input_image",
        "input_text",
        "json_schema",
        "message",
        "output_text",
        "reasoning",
        "refusal",
        "required",
        "signalbox-seal.e30=",
        "user",
        "web_search",
    ]
)
trees = st.recursive(
    anything | words,
    lambda inner: (
        st.dictionaries(names, inner | words, max_size=5) | st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)
items = st.dictionaries(names, trees | words, max_size=6)
bodies = st.dictionaries(
    st.sampled_from(
        [
            "background",
            "conversation",
            "include",
            "instructions",
            "max_output_tokens",
            "metadata",
            "model",
            "reasoning",
            "stream",
            "temperature",
            "text",
            "tool_choice",
            "tools",
            "top_logprobs",
            "truncation",
            "user",
        ]
    ),
    trees | words | st.lists(items, max_size=2),
    max_size=6,
)


@given(bodies, trees | st.lists(items, max_size=4))
def test_no_body_does_worse_than_being_malformed(body: JSON, given_input: Any) -> None:
    with contextlib.suppress(openai_responses.Malformed):
        request = openai_responses.parse_request({**body, "input": given_input})
        json.dumps(request.extra)


@pytest.mark.parametrize("kind", [None, [], {}, "text"])
def test_a_format_of_no_known_kind_is_no_json(kind: Any) -> None:
    assert not openai_responses.wants_json({"text": {"format": {"type": kind}}})
