"""What OpenAI's clients send, in canonical words."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import openai_chat as adapter
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
from gateway.dialects import openai_chat
from gateway.types import Quirks
from tests.gateway.adapters.openai_chat_values import anything

HELLO = {"role": "user", "content": "Hello"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": None}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}
NOW = {"type": "function", "function": {"name": "now"}}


def parsed(**fields: Any) -> ChatRequest:
    return openai_chat.parse_request({"model": "fast", "messages": [HELLO], **fields})


def parts(*content: Any, role: str = "user") -> tuple[Part, ...]:
    (message,) = parsed(messages=[{"role": role, "content": list(content)}]).messages
    return message.parts


def test_a_plain_request_says_little() -> None:
    assert parsed() == ChatRequest(
        messages=(Message("user", (Text("Hello"),)),), protocol="openai_chat"
    )


def test_a_conversation_keeps_its_order() -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a":1}'},
    }
    request = parsed(
        messages=[
            {"role": "developer", "content": "Be kind."},
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            HELLO,
            {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [call, {**call, "id": "call_2"}],
                "refusal": None,
                "function_call": None,
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "4"},
            {
                "role": "tool",
                "tool_call_id": "call_2",
                "content": [{"type": "text", "text": "5"}],
            },
            HELLO,
            {"role": "assistant", "content": None, "refusal": "No."},
        ]
    )

    hello = Message("user", (Text("Hello"),))
    assert request.messages == (
        Message("system", (Text("Be kind."),)),
        Message("system", (Text("Be brief."),)),
        hello,
        Message(
            "assistant",
            (
                Text("Let me see."),
                ToolCall("call_1", "f", '{"a":1}'),
                ToolCall("call_2", "f", '{"a":1}'),
            ),
        ),
        Message(
            "user",
            (
                ToolResult("call_1", (Text("4"),), "f"),
                ToolResult("call_2", (Text("5"),), "f"),
            ),
        ),
        hello,
        Message("assistant", (Refusal("No."),)),
    )


def test_parts_are_read_each_in_its_shape() -> None:
    pdf = "data:application/pdf;base64,CCCC"

    assert parts(
        {"type": "text", "text": "Look", "prompt_cache_breakpoint": {"mode": "x"}},
        {
            "type": "image_url",
            "image_url": {"url": "https://a.test/b.png", "detail": "low"},
        },
        {"type": "image_url", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
        {"type": "file", "file": {"file_data": pdf, "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "https://a.test/b.pdf"}},
        {"type": "file", "file": {"file_data": "DDDD"}},
    ) == (
        Text("Look", cached=True),
        Image(url="https://a.test/b.png", detail="low"),
        Image(data="AAAA", media_type="image/png"),
        Audio("BBBB", "wav"),
        File(data="CCCC", media_type="application/pdf", name="a.pdf"),
        File(file_id="file-1"),
        File(url="https://a.test/b.pdf"),
        File(data="DDDD", media_type="application/pdf"),
    )
    assert parts({"type": "refusal", "refusal": "No."}, role="assistant") == (
        Refusal("No."),
    )


def test_reasoning_comes_back_signed_where_it_was() -> None:
    signed = {
        "type": "reasoning.text",
        "text": "Hm.",
        "signature": "s",
        "format": "anthropic_messages",
        "index": 0,
    }
    sealed = {"type": "reasoning.encrypted", "data": "x", "format": "p", "index": 1}
    answer = {"role": "assistant", "content": "4", "reasoning_content": "Hm."}

    (plain,) = parsed(messages=[answer]).messages
    (full,) = parsed(
        messages=[{**answer, "reasoning_details": [signed, sealed]}]
    ).messages

    assert plain.parts == (Reasoning("Hm.", protocol="openai_chat"), Text("4"))
    assert full.parts == (
        Reasoning("Hm.", signature="s", protocol="anthropic_messages"),
        Reasoning(sealed="x", protocol="p"),
        Text("4"),
    )


def test_parameters_are_read() -> None:
    schema = {"type": "object", "properties": {}}
    request = parsed(
        max_completion_tokens=5,
        max_tokens=6,
        temperature=0,
        top_p=0.5,
        top_k=3,
        stop="x",
        seed=1,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=4,
        tools=[WEATHER, NOW],
        tool_choice={"type": "function", "function": {"name": "now"}},
        parallel_tool_calls=False,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": schema, "strict": True},
        },
        reasoning_effort="low",
        user="u",
        metadata={"a": "b"},
        stream=True,
        stream_options={"include_usage": True},
        models=["smart"],
        provider={"sort": "price"},
        logit_bias={"1": 2},
        verbosity="low",
        store=None,
    )

    assert request == ChatRequest(
        messages=(Message("user", (Text("Hello"),)),),
        stream=True,
        max_output_tokens=5,
        temperature=0,
        top_p=0.5,
        top_k=3,
        stop=("x",),
        seed=1,
        choices=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=4,
        tools=(Tool("weather"), Tool("now")),
        tool_choice=ToolChoice("named", "now"),
        parallel_tool_calls=False,
        output_format=OutputFormat("json_schema", "a", schema, strict=True),
        effort="low",
        end_user="u",
        metadata={"a": "b"},
        extra={"logit_bias": {"1": 2}, "verbosity": "low"},
        protocol="openai_chat",
    )


def test_nulls_say_nothing() -> None:
    names = "max_tokens temperature stop tools tool_choice metadata response_format"
    names += " user n logprobs top_logprobs stream"

    assert parsed(**dict.fromkeys(names.split())) == parsed()


@pytest.mark.parametrize(
    ("fields", "effort", "budget"),
    [
        ({"reasoning_effort": "default"}, "", None),
        ({"reasoning": {"effort": "high"}}, "high", None),
        ({"reasoning": {"max_tokens": 2000}}, "", 2000),
        ({"reasoning": {"enabled": False}}, "none", None),
    ],
)
def test_thinking_is_asked_for_in_several_ways(
    fields: Any, effort: str, budget: int | None
) -> None:
    request = parsed(**fields)

    assert (request.effort, request.thinking_budget) == (effort, budget)


def test_allowed_tools_are_the_ones_left() -> None:
    allowed = {"mode": "required", "tools": [NOW]}

    request = parsed(
        tools=[WEATHER, NOW],
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
    )

    assert request.tools == (Tool("now"),)
    assert request.tool_choice == ToolChoice("required")


def test_json_without_a_schema_may_be_asked_for() -> None:
    wanted = parsed(response_format={"type": "json_object"}).output_format

    assert wanted == OutputFormat("json_object")


def test_any_tool_is_a_required_one() -> None:
    request = parsed(tools=[NOW], tool_choice="any")

    assert request.tool_choice == ToolChoice("required")


def in_messages(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def in_content(*content: Any) -> dict[str, Any]:
    return in_messages({"role": "user", "content": list(content)})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "a"}]}, "messages[0]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": 7}, "model"),
        (
            in_messages({"role": "system", "content": [IMAGE]}),
            "messages[0].content[0]",
        ),
        (
            in_messages(
                {"role": "tool", "tool_call_id": "a", "content": [IMAGE, FILE]}
            ),
            "messages[0].content[1]",
        ),
        (in_messages({"role": "function", "content": "a"}), "messages[0].role"),
        (in_messages(HELLO, {"role": "user", "content": 7}), "messages[1].content"),
        (in_content("a"), "messages[0].content[0]"),
        (in_content({"type": "video"}), "messages[0].content[0].type"),
        (in_content({"type": "text", "text": 7}), "messages[0].content[0].text"),
        (
            in_content({"type": "image_url", "image_url": {}}),
            "messages[0].content[0].image_url.url",
        ),
        (
            in_content({"type": "image_url", "image_url": {"url": "data:image/png,x"}}),
            "messages[0].content[0].image_url.url",
        ),
        (
            in_content({"type": "file", "file": {"filename": "a"}}),
            "messages[0].content[0].file.file_data",
        ),
        (in_messages({"role": "tool", "content": "a"}), "messages[0].tool_call_id"),
        (
            in_messages({"role": "assistant", "tool_calls": [{"type": "custom"}]}),
            "messages[0].tool_calls[0].type",
        ),
        (
            in_messages({"role": "assistant", "tool_calls": [{"function": {}}]}),
            "messages[0].tool_calls[0].function.name",
        ),
        (
            in_messages({"role": "assistant", "function_call": {"name": "f"}}),
            "messages[0].function_call",
        ),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"tools": [NOW], "tool_choice": "some"}, "tool_choice"),
        (
            {"tools": [NOW], "tool_choice": {"function": {"name": "later"}}},
            "tool_choice",
        ),
        ({"temperature": "warm"}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"stop": [1]}, "stop"),
        ({"logprobs": 1}, "logprobs"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": "json"}, "response_format"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"user": 7}, "user"),
    ],
)
def test_a_malformed_field_is_named(fields: Any, param: str) -> None:
    with pytest.raises(openai_chat.Malformed) as raised:
        parsed(**fields)

    assert raised.value.param == param
    assert param in str(raised.value)


_fields = st.sampled_from(
    [
        "content",
        "file",
        "file_data",
        "function",
        "image_url",
        "input_audio",
        "json_schema",
        "name",
        "reasoning_details",
        "role",
        "text",
        "tool_call_id",
        "tool_calls",
        "type",
        "url",
    ]
)
_words = st.sampled_from(
    ["user", "assistant", "tool", "system", "text", "image_url", "file", "function"]
)
_trees = st.recursive(
    anything | _words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_fields, inner, max_size=5)
    ),
    max_leaves=15,
)
_members = st.sampled_from(
    ["tools", "tool_choice", "response_format", "stop", "metadata", "reasoning", "n"]
)


@given(
    messages=st.lists(st.dictionaries(_fields, _trees, max_size=5), max_size=4),
    members=st.dictionaries(_members, _trees, max_size=3),
)
def test_no_body_breaks_the_reading(messages: Any, members: Any) -> None:
    body = {"model": "fast", "messages": messages, **members}

    with contextlib.suppress(openai_chat.Malformed):
        openai_chat.parse_request(body)


# To canonical words and back: nothing is lost on the way.

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
ids = st.from_regex(r"call_[a-z0-9]{4}", fullmatch=True)
text_part = st.builds(lambda text: {"type": "text", "text": text}, texts)
image_part = st.builds(
    lambda url, detail: {"type": "image_url", "image_url": {"url": url, **detail}},
    st.sampled_from(["https://a.test/b.png", "data:image/png;base64,AAAA"]),
    st.sampled_from([{}, {"detail": "low"}]),
)
audio_part = st.just(
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
)
file_part = st.sampled_from(
    [
        {"type": "file", "file": {"file_id": "file-1"}},
        {
            "type": "file",
            "file": {"file_data": "data:text/plain;base64,AAAA", "filename": "a"},
        },
    ]
)
content = texts | st.lists(
    text_part | image_part | audio_part | file_part, min_size=2, max_size=4
)
call = st.builds(
    lambda id_, name, arguments: {
        "id": id_,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    },
    ids,
    st.just("f"),
    st.dictionaries(texts, texts, max_size=2),
)
message = st.one_of(
    st.builds(lambda text: {"role": "system", "content": text}, texts),
    st.builds(lambda parts: {"role": "user", "content": parts}, content),
    st.builds(lambda text: {"role": "assistant", "content": text}, texts),
    st.builds(
        lambda text: {"role": "assistant", "content": None, "refusal": text}, texts
    ),
    st.builds(
        lambda text, thought, calls: {
            "role": "assistant",
            "content": text,
            "reasoning_content": thought,
            "tool_calls": calls,
        },
        st.none() | texts,
        texts,
        st.lists(call, min_size=1, max_size=2),
    ),
    st.builds(
        lambda id_, text: {"role": "tool", "tool_call_id": id_, "content": text},
        ids,
        texts,
    ),
)
tool = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "d",
        "parameters": {
            "type": "object",
            "properties": {},
            "required": [],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
tool_choice = st.sampled_from(
    ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]
)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 9),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "stop": st.lists(texts, min_size=1, max_size=4),
        "seed": st.integers(0, 9),
        "n": st.integers(2, 9),
        "presence_penalty": st.floats(-2, 2),
        "frequency_penalty": st.floats(-2, 2),
        "user": texts,
        "metadata": st.dictionaries(texts, texts, min_size=1, max_size=2),
        "logit_bias": st.just({"1": 2}),
        "tool_choice": tool_choice,
        "parallel_tool_calls": st.booleans(),
        "response_format": st.just(
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"x": []}}}
        ),
        "stream": st.just(True),
    },
)


@given(messages=st.lists(message, min_size=1, max_size=5), parameters=parameters)
def test_a_request_comes_out_as_it_went_in(messages: Any, parameters: Any) -> None:
    body = {"model": "gpt-4.1", "messages": messages, "tools": [tool], **parameters}

    request = openai_chat.parse_request(body)
    sent, dropped = adapter.build_request(request, "gpt-4.1", Quirks(), None)

    if sent.get("stream"):
        assert sent.pop("stream_options") == {"include_usage": True}
    assert dropped == []
    assert sent == body


@pytest.mark.parametrize("kind", [None, [], {}, "text"])
def test_a_format_of_no_known_kind_is_no_json(kind: Any) -> None:
    assert not openai_chat.wants_json({"response_format": {"type": kind}})
