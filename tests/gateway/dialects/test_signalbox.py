"""Signalbox's own dialect: what it reads and writes, without a gateway around it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import (
    Began,
    ChatResult,
    Choice,
    Citation,
    Cited,
    Finished,
    Image,
    Message,
    OutputFormat,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    ToolChoice,
    Used,
)
from gateway.dialects import signalbox
from gateway.dialects.signalbox.checks import _FIELDS
from usage.tokens import Tokens

SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "function", "name", "schema", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*_FIELDS, "else"]), values, max_size=6))
def test_whatever_comes_is_read_or_refused(body: dict[str, Any]) -> None:
    with contextlib.suppress(signalbox.Malformed):
        signalbox.check_request(body)
        signalbox.parse_request(body)
        assert (signalbox.max_output_tokens(body) or 0) >= 1


def test_the_system_prompt_goes_before_everything() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    said = signalbox.parse_request(
        {
            "systemPrompt": "Be brief.",
            "messages": [
                {"role": "system", "content": "You are a pirate."},
                {"role": "user", "content": [image]},
            ],
        }
    )

    assert said.messages == (
        Message("system", (Text("Be brief."),)),
        Message("system", (Text("You are a pirate."),)),
        Message("user", (Image(url="https://a.example/b.png"),)),
    )


def test_what_is_not_said_stays_open() -> None:
    said = signalbox.parse_request({"prompt": "Hi"})

    assert (said.temperature, said.max_output_tokens) == (None, None)
    assert signalbox.ASSUMED == {"temperature": 0.7, "max_tokens": 2000}


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        (None, OutputFormat()),
        ("text", OutputFormat()),
        ({"type": "text"}, OutputFormat()),
        ("json", OutputFormat("json_object")),
        ("json_object", OutputFormat("json_object")),
        (
            {"type": "json_schema", "schema": SCHEMA, "name": "a", "strict": True},
            OutputFormat("json_schema", "a", SCHEMA, strict=True),
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
            OutputFormat("json_schema", "a", SCHEMA),
        ),
    ],
)
def test_a_format_is_read_in_every_shape(wanted: object, read: OutputFormat) -> None:
    body = {"prompt": "Hi", "responseFormat": wanted}

    assert signalbox.parse_request(body).output_format == read


def test_tools_and_the_choice_among_them_are_openais() -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    choice = {"type": "function", "function": {"name": "weather"}}

    said = signalbox.parse_request(
        {"prompt": "Hi", "tools": tools, "toolChoice": choice}
    )

    assert [tool.name for tool in said.tools] == ["weather"]
    assert said.tool_choice == ToolChoice("named", "weather")


def test_an_answer_holds_what_was_said_and_how_it_ended() -> None:
    result = ChatResult(
        choices=(
            Choice(
                (Text("Sunny"), Refusal(", I think"), ToolCall("c1", "clock")), "stop"
            ),
        ),
        citations=(Citation("https://a.example", "A"),),
    )

    assert json.loads(signalbox.build_response(result, "id", 1, "m")) == {
        "content": "Sunny, I think",
        "finishReason": "stop",
        "toolCalls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "clock", "arguments": "{}"},
            }
        ],
        "citations": [{"url": "https://a.example", "title": "A"}],
    }


def test_no_answer_at_all_is_an_empty_one() -> None:
    written = signalbox.build_response(ChatResult(choices=()), "id", 1, "m")

    assert json.loads(written) == {"content": "", "finishReason": "stop"}


def test_a_stream_holds_text_and_then_the_rest() -> None:
    builder = signalbox.StreamBuilder("id", 1, "m", with_usage=True)
    chunks = [
        Began(),
        ReasoningDelta("Hm."),
        TextDelta("Line\none"),
        TextDelta(""),
        RefusalDelta(" and no more"),
        TextDelta("another answer", choice=1),
        ToolCallBegan(0, "c1", "clock"),
        ToolArgumentsDelta(0, '{"zone":'),
        ToolArgumentsDelta(0, ' "UTC"}'),
        ToolArgumentsDelta(7, "of nobody"),
        Cited(Citation("https://a.example", "A")),
        Used(Tokens(3, 4)),
        Finished("tool_calls"),
        Finished("length", choice=1),
    ]

    written = b"".join(builder.write(chunk) for chunk in chunks)  # type: ignore[arg-type]
    done = builder.close()

    assert written == (
        b'event: delta\ndata: {"content":"Line\\none"}\n\n'
        b'event: delta\ndata: {"content":" and no more"}\n\n'
    )
    assert done.startswith(b"event: done\ndata: ")
    told = json.loads(done.partition(b"data: ")[2])
    assert told["content"] == "Line\none and no more"
    assert told["finishReason"] == "tool_calls"
    assert told["toolCalls"][0]["function"]["arguments"] == '{"zone": "UTC"}'
    assert told["citations"] == [{"url": "https://a.example", "title": "A"}]


@given(st.lists(st.text(), max_size=5))
def test_no_text_looks_like_the_end_of_a_stream(texts: list[str]) -> None:
    builder = signalbox.StreamBuilder("id", 1, "m", with_usage=True)

    written = b"".join(
        builder.write(TextDelta(f"event: done\ndata: {text}\n\nevent: error\ndata: "))
        for text in texts
    )

    assert b"event: done\ndata: " not in written
    assert b"event: error\ndata: " not in written


def test_an_error_names_its_request() -> None:
    written = signalbox.build_error(400, "invalid_request", "No.", "prompt", None, "r1")

    assert json.loads(written) == {
        "success": False,
        "requestId": "r1",
        "error": {"code": "invalid_request", "message": "No.", "param": "prompt"},
    }
    event = signalbox.build_error_event(502, "upstream_error", "Gone.")
    assert event.startswith(b'event: error\ndata: {"success":false')
