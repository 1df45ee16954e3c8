"""Requests of the Messages protocol, built from the gateway's words."""

import base64
from typing import Any

import orjson
import pytest

from gateway.adapters import anthropic_messages
from gateway.canonical import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.types import JSON, Quirks

NAME = anthropic_messages.NAME
HELLO = Message("user", (Text("Hello"),))
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool("get_weather", "The weather", SCHEMA)
# One of each generation.
OLD, MIDDLE, NEW, NEWEST = (
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-6",
    "claude-opus-5",
    "claude-sonnet-5-5",
)


def build(
    *messages: Message, model: str = MIDDLE, known: int | None = None, **asked: Any
) -> tuple[JSON, list[str]]:
    request = ChatRequest(messages=messages or (HELLO,), **asked)
    return anthropic_messages.build_request(request, model, Quirks(), known)


def user(*parts: Any) -> Message:
    return Message("user", parts)


def assistant(*parts: Any) -> Message:
    return Message("assistant", parts)


def contents(*messages: Message) -> list[Any]:
    body, _ = build(*messages)
    return [(turn["role"], turn["content"]) for turn in body["messages"]]


def text(words: str) -> JSON:
    return {"type": "text", "text": words}


def test_the_smallest_request() -> None:
    assert build() == (
        {
            "model": MIDDLE,
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": [text("Hello")]}],
        },
        [],
    )


def test_the_bound_is_the_requests_else_the_models() -> None:
    assert build(max_output_tokens=7, known=100)[0]["max_tokens"] == 7
    assert build(max_output_tokens=0, known=100)[0]["max_tokens"] == 0
    assert build(known=100)[0]["max_tokens"] == 100


def test_a_conversation_with_tools_keeps_its_order_and_puts_results_first() -> None:
    body, dropped = build(
        Message("system", (Text("Be brief.", cached=True),)),
        user(Text("Weather in Oslo and Rome?")),
        assistant(
            Reasoning("Two calls.", signature="Eq..", protocol=NAME),
            Reasoning(sealed="c2Vh", protocol=NAME),
            Text(""),
            ToolCall("toolu_1", "get_weather", '{"city":"Oslo"}'),
            ToolCall("functions.x:0", "get_weather", '{"city":"Rome"}'),
        ),
        user(Text("Well?"), ToolResult("toolu_1", (Text("4 C"),))),
        user(ToolResult("functions.x:0", (Text("no"),), is_error=True)),
    )

    foreign = body["messages"][1]["content"][3].pop("id")
    assert foreign == body["messages"][2]["content"][1].pop("tool_use_id")
    assert foreign.replace("-", "").replace("_", "").isalnum()
    assert dropped == []
    assert body["system"] == [
        {**text("Be brief."), "cache_control": {"type": "ephemeral"}}
    ]
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Two calls.", "signature": "Eq.."},
        {"type": "redacted_thinking", "data": "c2Vh"},
        {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "get_weather",
            "input": {"city": "Oslo"},
        },
        {"type": "tool_use", "name": "get_weather", "input": {"city": "Rome"}},
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("4 C")]},
        {"type": "tool_result", "content": [text("no")], "is_error": True},
        text("Well?"),
    ]


def test_reasoning_of_others_and_without_a_signature_is_left_out() -> None:
    said = assistant(
        Reasoning("foreign", signature="sig", protocol="gemini_generate"),
        Reasoning("unsigned", protocol=NAME),
        Text("Hi"),
    )

    assert contents(HELLO, said) == [
        ("user", [text("Hello")]),
        ("assistant", [text("Hi")]),
    ]


def test_turns_alternate_and_begin_with_the_user() -> None:
    turns = contents(
        assistant(Text("Hi")),
        user(Text(" ")),
        assistant(Refusal("No.")),
        user(Text("Why?")),
        Message("system", (Text("Be kind."),)),
    )

    assert [role for role, _ in turns] == ["user", "assistant", "user"]
    assert turns[1:] == [
        ("assistant", [text("Hi"), text("No.")]),
        ("user", [text("Why?"), text("Be kind.")]),
    ]


def test_a_system_message_alone_is_said_by_the_user() -> None:
    body, _ = build(Message("system", (Text("Tell a joke."),)))

    assert body["messages"] == [{"role": "user", "content": [text("Tell a joke.")]}]
    assert "system" not in body


def test_images_and_documents_have_sources() -> None:
    note = base64.b64encode(b"A note").decode()

    (turn,) = contents(
        user(
            Image(url="https://a.example/b.png"),
            Image(data="iVBO", media_type="image/png"),
            File(data="JVBE", media_type="application/pdf", name="a.pdf"),
            File(data=note, media_type="text/markdown"),
            File(url="https://a.example/b.pdf"),
            File(data="iVBO", media_type="image/png"),
        )
    )

    assert turn[1] == [
        {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"},
        },
        {
            "type": "document",
            "source": {
                "type": "base64",
                "media_type": "application/pdf",
                "data": "JVBE",
            },
            "title": "a.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "A note"},
        },
        {
            "type": "document",
            "source": {"type": "url", "url": "https://a.example/b.pdf"},
        },
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"},
        },
    ]


def test_what_the_protocol_cannot_say_is_named() -> None:
    _, dropped = build(
        user(Text("Hear"), Audio("UklG", "wav")),
        choices=2,
        seed=1,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        logprobs=3,
        metadata={"a": "b"},
        extra={"logit_bias": {}},
        protocol="openai_chat",
        stop=("END", " "),
    )

    assert set(dropped) == {
        "audio",
        "choices",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "metadata",
        "logit_bias",
        "stop",
    }


def test_the_protocols_own_extras_are_written_back() -> None:
    body, dropped = build(extra={"service_tier": "auto"}, protocol=NAME)

    assert body["service_tier"] == "auto"
    assert dropped == []


def test_plain_parameters_have_their_names() -> None:
    body, dropped = build(
        temperature=1.6,
        top_p=0.9,
        top_k=5,
        stop=("END",),
        end_user="u-1",
        stream=True,
        thinking_budget=0,
    )

    assert dropped == []
    assert body | {
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
        "stream": True,
    } == body  # fmt: skip
    assert "thinking" not in body


@pytest.mark.parametrize("name", ["ann@example.org", "+49 170 1234567"])
def test_an_end_user_is_never_told_by_address_or_number(name: str) -> None:
    sent = build(end_user=name)[0]["metadata"]["user_id"]

    assert len(sent) == 64
    assert name not in sent


@pytest.mark.parametrize(
    ("model", "sent", "named"),
    [
        (OLD, {"temperature"}, ["top_p"]),
        (MIDDLE, {"temperature", "top_p"}, []),
        (NEW, set(), ["temperature", "top_p"]),
        ("anthropic.claude-opus-4-7-v1:0", set(), ["temperature", "top_p"]),
        ("kimi-k2", {"temperature", "top_p"}, []),
    ],
)
def test_sampling_is_sent_where_the_model_takes_it(
    model: str, sent: set[str], named: list[str]
) -> None:
    body, dropped = build(model=model, temperature=0.5, top_p=0.9)

    assert {"temperature", "top_p"} & body.keys() == sent
    assert dropped == named


@pytest.mark.parametrize(
    ("choice", "parallel", "built"),
    [
        (None, None, None),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (
            ToolChoice("named", "get_weather"),
            False,
            {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
        ),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, None),
    ],
)
def test_the_choice_of_tools_is_sent(
    choice: ToolChoice | None, parallel: bool | None, built: JSON | None
) -> None:
    body, _ = build(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)

    assert body.get("tool_choice") == built
    assert body["tools"] == [
        {
            "name": "get_weather",
            "description": "The weather",
            "input_schema": SCHEMA,
        }
    ]


def test_a_model_that_cannot_be_forced_may_choose() -> None:
    body, dropped = build(
        model=NEWEST, tools=(WEATHER,), tool_choice=ToolChoice("required")
    )

    assert body["tool_choice"] == {"type": "auto"}
    assert dropped == ["tool_choice"]


def test_a_tool_without_parameters_has_an_empty_schema() -> None:
    body, _ = build(tools=(Tool("now", strict=True),))

    assert body["tools"] == [
        {"name": "now", "input_schema": {"type": "object", "properties": {}}}
    ]


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "level"),
    [
        (MIDDLE, "minimal", "adaptive", "low"),
        (MIDDLE, "xhigh", "adaptive", "max"),
        (NEW, "xhigh", "adaptive", "xhigh"),
        (NEWEST, "high", "adaptive", "high"),
        (OLD, "high", "enabled", None),
        (MIDDLE, "none", None, None),
        (MIDDLE, "", None, None),
    ],
)
def test_effort_is_told_as_the_model_knows_it(
    model: str, effort: str, thinking: str | None, level: str | None
) -> None:
    body, dropped = build(model=model, effort=effort, temperature=1.0)

    assert body.get("thinking", {}).get("type") == thinking
    assert body.get("output_config", {}).get("effort") == level
    assert dropped == []


@pytest.mark.parametrize(
    ("asked", "bound", "budget"),
    [
        ({"effort": "low"}, 20000, 2048),
        ({"effort": "max"}, 20000, 10000),
        ({"thinking_budget": 500}, 20000, 1024),
        ({"thinking_budget": 30000}, 20000, 19999),
        ({"effort": "low"}, 1500, 1024),
    ],
)
def test_a_budget_stays_below_the_bound(asked: JSON, bound: int, budget: int) -> None:
    body, _ = build(model=OLD, max_output_tokens=bound, **asked)

    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}


def test_effort_that_cannot_be_had_is_named() -> None:
    forced: JSON = {"tools": (WEATHER,), "tool_choice": ToolChoice("required")}
    loop = (
        HELLO,
        assistant(ToolCall("t", "get_weather")),
        user(ToolResult("t", (Text("4 C"),))),
    )

    assert build(model=OLD, effort="high", max_output_tokens=1000)[1] == ["effort"]
    assert build(model=MIDDLE, effort="high", **forced)[1] == ["effort"]
    assert build(*loop, model=OLD, effort="high")[1] == ["effort"]
    assert build(model=NEWEST, effort="none")[1] == ["effort"]
    assert build(model="claude-3-5-haiku", effort="low")[1] == ["effort"]


def test_thinking_excludes_sampling() -> None:
    body, dropped = build(effort="low", temperature=0.2, top_k=3, top_p=0.5)

    assert not {"temperature", "top_k", "top_p"} & body.keys()
    assert dropped == ["temperature", "top_p", "top_k"]


def test_a_schema_is_native_where_the_model_has_it() -> None:
    wanted = OutputFormat("json_schema", "city", SCHEMA, strict=True)

    native, _ = build(output_format=wanted)
    told, _ = build(output_format=wanted, model="claude-opus-4-1")

    assert native["output_config"] == {
        "format": {"type": "json_schema", "schema": SCHEMA}
    }
    assert "output_config" not in told
    assert '"city"' in told["system"][-1]["text"]


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    body, _ = build(
        Message("system", (Text("Be brief."),)),
        HELLO,
        output_format=OutputFormat("json_object"),
    )

    assert body["system"][0] == text("Be brief.")
    assert "JSON object" in body["system"][1]["text"]


def test_an_open_object_is_asked_for_in_words() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}

    body, _ = build(output_format=OutputFormat("json_schema", "map", schema))

    assert "output_config" not in body
    assert "additionalProperties" in body["system"][-1]["text"]


def test_only_the_last_four_cache_marks_are_sent() -> None:
    parts = tuple(Text(str(number), cached=True) for number in range(6))

    ((_, blocks),) = contents(user(*parts))

    assert ["cache_control" in block for block in blocks] == [False] * 2 + [True] * 4


def test_quirks_drop_and_rename_members() -> None:
    quirks = Quirks(frozenset({"temperature", "model"}), {"max_tokens": "max_output"})
    request = ChatRequest(messages=(HELLO,), temperature=0.5)

    body, dropped = anthropic_messages.build_request(request, MIDDLE, quirks, 9)

    assert body == {
        "max_output": 9,
        "messages": [{"role": "user", "content": [text("Hello")]}],
    }
    assert dropped == ["temperature"]


def test_a_relayed_request_changes_in_nothing_but_the_model_and_our_controls() -> None:
    fields = {
        "model": b'"fast"',
        "messages": b"[ ]",
        "novelty": b"{ }",
        "provider": b"{}",
        "top_k": b"1",
    }

    sent = anthropic_messages.build_relayed(
        fields,
        MIDDLE,
        Quirks(frozenset({"top_k"})),
        stream=True,
        dropped=frozenset({"provider"}),
    )

    assert sent == {
        "model": orjson.dumps(MIDDLE),
        "messages": b"[ ]",
        "novelty": b"{ }",
    }
    assert anthropic_messages.stream_path("/v1/messages") == "/v1/messages"
    assert anthropic_messages.HEADERS == {"anthropic-version": "2023-06-01"}
