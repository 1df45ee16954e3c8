"""Canonical requests in Cohere's words."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import cohere_chat
from gateway.adapters.cohere_chat.names import read_name, written_name
from gateway.adapters.cohere_chat.schema import Inexpressible, convert_schema
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
from gateway.simulator.cohere_request import parse as simulated_parse
from gateway.types import JSON, Quirks

MODEL = "command-a-03-2025"
REASONER = "command-a-reasoning-08-2025"
NONE = Quirks()
HELLO = Message("user", (Text("Hello"),))
SCHEMA: JSON = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
WEATHER = Tool("weather", "Tells it.", SCHEMA)
CLOCK = Tool("clock", parameters=SCHEMA)


def build(
    *messages: Message, model: str = MODEL, quirks: Quirks = NONE, **fields: Any
) -> tuple[JSON, list[str]]:
    request = ChatRequest(messages=messages or (HELLO,), **fields)
    return cohere_chat.build_request(request, model, quirks, 8000)


def body_of(*messages: Message, **fields: Any) -> JSON:
    body, _ = build(*messages, **fields)
    return body


def dropped_of(**fields: Any) -> list[str]:
    _, dropped = build(**fields)
    return dropped


def test_a_text_is_a_string_and_the_system_speaks_first() -> None:
    body = body_of(
        Message("system", (Text("Be brief."),)),
        Message("system", (Text("Be kind."),)),
        HELLO,
        Message("assistant", (Text("Hi!"),)),
        Message("system", (Text("Now rhyme."),)),
    )

    assert body == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "Be brief.\n\nBe kind."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi!"},
            {"role": "user", "content": "Now rhyme."},
        ],
    }


def test_a_system_message_alone_is_the_users() -> None:
    body = body_of(Message("system", (Text("Be brief."),)))

    assert body["messages"] == [{"role": "user", "content": "Be brief."}]


def test_parallel_calls_and_their_results_are_told_one_by_one() -> None:
    body = body_of(
        HELLO,
        Message(
            "assistant",
            (
                Reasoning("I will look.", protocol="cohere_chat"),
                ToolCall("a", "get.weather", '{"city":"Oslo"}'),
                ToolCall("b", "clock", ""),
            ),
        ),
        Message(
            "user",
            (
                Text("Well?"),
                ToolResult("a", (Text("4 C"), Image(data="AA=="))),
                ToolResult("b", is_error=True),
            ),
        ),
    )

    _, assistant, first, second, said = body["messages"]
    assert assistant["tool_plan"] == "I will look."
    assert "content" not in assistant
    assert [call["function"] for call in assistant["tool_calls"]] == [
        {"name": "get_u002e_weather", "arguments": '{"city":"Oslo"}'},
        {"name": "clock", "arguments": "{}"},
    ]
    assert first == {"role": "tool", "tool_call_id": "a", "content": "4 C"}
    assert second["content"] == "Error: The tool returned nothing."
    assert said["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "text", "text": "Well?"},
    ]


def test_only_its_own_reasoning_goes_back_to_a_model_that_reasons() -> None:
    thoughts = (
        Reasoning("Hm.", protocol="cohere_chat"),
        Reasoning("Foreign.", signature="s", protocol="anthropic_messages"),
        Text("Hi!"),
    )

    own, other = (
        body_of(HELLO, Message("assistant", thoughts), model=model)["messages"][1]
        for model in (REASONER, MODEL)
    )

    assert own["content"] == [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "Hi!"},
    ]
    assert other["content"] == "Hi!"


def test_pictures_and_texts_are_sent_and_other_files_are_named_as_dropped() -> None:
    text = base64.b64encode(b"Notes.").decode()
    body, dropped = build(
        Message(
            "user",
            (
                Image(url="https://example.com/a.png", detail="low"),
                File(data="AA==", media_type="image/gif"),
                File(data=text, media_type="text/plain", name="a.txt"),
                File(data="AA==", media_type="application/pdf"),
                File(data="!", media_type="text/plain"),
                Audio("AA==", "wav"),
            ),
        ),
        Message("assistant", (Refusal("No."),)),
    )

    first, second, third = body["messages"][0]["content"]
    assert first["image_url"] == {"url": "https://example.com/a.png", "detail": "low"}
    assert second["image_url"] == {"url": "data:image/gif;base64,AA=="}
    assert third == {"type": "text", "text": "a.txt:\nNotes."}
    assert body["messages"][1] == {"role": "assistant", "content": "No."}
    assert dropped == ["file", "audio"]


def test_parameters_have_other_names_and_stay_in_their_ranges() -> None:
    body, dropped = build(
        temperature=1.7,
        top_p=1.0,
        top_k=900,
        seed=7,
        max_output_tokens=20_000,
        stop=tuple("abcdef"),
        frequency_penalty=1.5,
        presence_penalty=0.5,
        logprobs=3,
        stream=True,
    )

    del body["messages"], body["model"]
    assert body == {
        "temperature": 1,
        "p": 0.99,
        "k": 500,
        "seed": 7,
        "max_tokens": 8000,
        "stop_sequences": list("abcde"),
        "frequency_penalty": 1,
        "logprobs": True,
        "stream": True,
    }
    assert dropped == ["top_logprobs", "stop", "presence_penalty"]


def test_what_has_no_counterpart_is_named() -> None:
    assert dropped_of(
        choices=2,
        parallel_tool_calls=False,
        end_user="jo",
        metadata={"a": "b"},
        seed=-1,
        presence_penalty=-1.0,
        effort="high",
        tool_choice=ToolChoice("required"),
        extra={"logit_bias": {}},
        protocol="openai_chat",
    ) == [
        "choices",
        "parallel_tool_calls",
        "end_user",
        "metadata",
        "tool_choice",
        "seed",
        "presence_penalty",
        "effort",
        "logit_bias",
    ]


def test_what_the_protocol_alone_knows_is_written_back() -> None:
    body = body_of(extra={"safety_mode": "OFF"}, protocol="cohere_chat")

    assert body["safety_mode"] == "OFF"


@pytest.mark.parametrize(
    ("choice", "names", "told"),
    [
        (ToolChoice("auto"), ["weather", "clock"], None),
        (ToolChoice("none"), ["weather", "clock"], "NONE"),
        (ToolChoice("required"), ["weather", "clock"], "REQUIRED"),
        (ToolChoice("named", "clock"), ["clock"], "REQUIRED"),
    ],
)
def test_a_tool_is_named_by_offering_no_other(
    choice: ToolChoice, names: list[str], told: str | None
) -> None:
    body = body_of(tools=(WEATHER, CLOCK), tool_choice=choice)

    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert body.get("tool_choice") == told


def test_a_tool_that_is_not_offered_cannot_be_named() -> None:
    body, dropped = build(tools=(CLOCK,), tool_choice=ToolChoice("named", "weather"))

    assert [tool["function"]["name"] for tool in body["tools"]] == ["clock"]
    assert "tool_choice" not in body
    assert dropped == ["tool_choice"]


def test_old_models_are_not_told_whether_to_call() -> None:
    forced, dropped = build(
        model="command-r-08-2024", tools=(CLOCK,), tool_choice=ToolChoice("required")
    )
    forbidden = body_of(
        model="command-r-08-2024", tools=(CLOCK,), tool_choice=ToolChoice("none")
    )

    assert "tool_choice" not in forced
    assert dropped == ["tool_choice"]
    assert "tools" not in forbidden


def test_tools_are_strict_when_all_of_them_can_be() -> None:
    strict = Tool("weather", parameters=SCHEMA, strict=True)
    open_ended = Tool("any", parameters={"type": "object"})

    assert body_of(tools=(strict, CLOCK))["strict_tools"] is True
    assert "strict_tools" not in body_of(tools=(strict, open_ended))
    assert "strict_tools" not in body_of(tools=(CLOCK,))


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({}, None),
        ({"effort": "none"}, {"type": "disabled"}),
        ({"effort": "low"}, {"type": "enabled"}),
        ({"thinking_budget": 0}, {"type": "disabled"}),
        ({"thinking_budget": 500}, {"type": "enabled", "token_budget": 500}),
        ({"thinking_budget": -1}, {"type": "enabled"}),
    ],
)
def test_models_that_reason_are_told_how_much(
    fields: JSON, thinking: JSON | None
) -> None:
    assert body_of(model=REASONER, **fields).get("thinking") == thinking


def test_a_schema_goes_along_and_an_object_is_asked_for_in_words_too() -> None:
    by_schema = body_of(output_format=OutputFormat("json_schema", schema=SCHEMA))
    any_object = body_of(output_format=OutputFormat("json_object"))

    assert by_schema["response_format"] == {
        "type": "json_object",
        "json_schema": SCHEMA,
    }
    assert [message["role"] for message in by_schema["messages"]] == ["user"]
    assert any_object["response_format"] == {"type": "json_object"}
    assert "JSON object" in any_object["messages"][0]["content"]


@pytest.mark.parametrize(
    ("schema", "tools"),
    [(SCHEMA, (CLOCK,)), ({"type": "array"}, ()), ({"type": "object"}, ())],
)
def test_what_cannot_be_a_format_is_an_instruction(
    schema: JSON, tools: tuple[Tool, ...]
) -> None:
    body = body_of(
        output_format=OutputFormat("json_schema", schema=schema), tools=tools
    )

    assert "JSON schema: {" in body["messages"][0]["content"]
    assert "json_schema" not in body.get("response_format", {})
    assert ("response_format" in body) is not bool(tools)


def test_a_schema_is_said_in_the_subset_and_the_rest_is_described() -> None:
    converted = convert_schema(
        {
            "type": "object",
            "title": "Trip",
            "properties": {
                "days": {"type": ["integer", "null"], "minimum": 1},
                "code": {"type": "string", "pattern": "^a", "description": "A code."},
                "when": {"type": "string", "format": "date"},
                "host": {"type": "string", "format": "hostname"},
                "way": {"oneOf": [{"const": "rail"}, {"allOf": [{"type": "string"}]}]},
                "stops": {"type": "array", "items": {"$ref": "#/$defs/Stop"}},
            },
            "additionalProperties": False,
            "$defs": {"Stop": {"type": "object", "properties": {"name": {}}}},
        }
    )

    assert converted == {
        "type": "object",
        "properties": {
            "days": {
                "anyOf": [
                    {"type": "integer", "description": "minimum: 1"},
                    {"type": "null"},
                ]
            },
            "code": {"type": "string", "description": 'A code.\npattern: "^a"'},
            "when": {"type": "string", "format": "date"},
            "host": {"type": "string", "description": 'format: "hostname"'},
            "way": {"anyOf": [{"const": "rail"}, {"type": "string"}]},
            "stops": {"type": "array", "items": {"$ref": "#/$defs/Stop"}},
        },
        "required": ["days"],
        "additionalProperties": False,
        "$defs": {
            "Stop": {
                "type": "object",
                "properties": {"name": {}},
                "required": ["name"],
            }
        },
    }


nodes = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "object", ["null", "array"]])},
        optional={
            "pattern": st.sampled_from(["a+", "^a$"]),
            "format": st.sampled_from(["date", "email"]),
            "minimum": st.integers(),
            "description": st.text(max_size=5),
        },
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda found: {"type": "object", "properties": found},
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        ),
        st.builds(lambda found: {"type": "array", "items": found}, inner),
        st.builds(
            lambda found: {"anyOf": found}, st.lists(inner, min_size=1, max_size=2)
        ),
        st.builds(lambda found: {"allOf": [found]}, inner),
    ),
    max_leaves=12,
)


@given(properties=st.dictionaries(st.sampled_from("abc"), nodes, min_size=1))
def test_whatever_schema_is_converted_is_accepted(properties: JSON) -> None:
    try:
        schema = convert_schema({"type": "object", "properties": properties})
    except Inexpressible:
        return

    ask, _ = simulated_parse(
        {
            "model": "sim-chat",
            "messages": [{"role": "user", "content": "Hello"}],
            "response_format": {"type": "json_object", "json_schema": schema},
        }
    )
    assert ask.schema == schema


@given(name=st.text(max_size=12) | st.from_regex(r"[a_u0-9]{1,9}", fullmatch=True))
def test_any_name_of_a_tool_comes_back_as_it_was(name: str) -> None:
    written = written_name(name)

    assert written.isascii()
    assert all(c.isalnum() or c == "_" for c in written)
    assert not written[:1].isdigit()
    assert read_name(written) == name


@given(name=st.text(alphabet="_u0123456789abcdef", max_size=20))
def test_no_name_that_a_model_makes_up_breaks_anything(name: str) -> None:
    read_name(name).encode()


parts = st.lists(
    st.one_of(
        st.builds(Text, st.sampled_from(["", " ", "Hi"])),
        st.builds(Image, data=st.just("AA==")),
        st.builds(Audio, st.just("AA=="), st.just("wav")),
        st.builds(Reasoning, st.just("Hm."), protocol=st.just("cohere_chat")),
        st.builds(Refusal, st.just("No.")),
        st.builds(File, data=st.just("SGk="), media_type=st.just("text/plain")),
    ),
    max_size=4,
).map(tuple)


@given(
    turns=st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), parts),
        max_size=5,
    ),
    temperature=st.none() | st.floats(-1, 3),
    top_p=st.none() | st.floats(-1, 2),
    top_k=st.none() | st.integers(-1, 1000),
    penalties=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    effort=st.sampled_from(["", "none", "low", "max"]),
    budget=st.none() | st.integers(-1, 5000),
    tools=st.sampled_from([(), (WEATHER,), (WEATHER, Tool("9-a.b"))]),
    mode=st.sampled_from(["auto", "none", "required"]),
    kind=st.sampled_from(["text", "json_object", "json_schema"]),
)
def test_whatever_is_asked_the_provider_understands_it(
    turns: list[Message],
    temperature: float | None,
    top_p: float | None,
    top_k: int | None,
    penalties: tuple[float, float],
    effort: str,
    budget: int | None,
    tools: tuple[Tool, ...],
    mode: Any,
    kind: Any,
) -> None:
    body = body_of(
        *turns,
        HELLO,
        model="sim-vision-reasoning",
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        frequency_penalty=penalties[0],
        presence_penalty=penalties[1],
        effort=effort,
        thinking_budget=budget,
        tools=tools,
        tool_choice=ToolChoice(mode),
        output_format=OutputFormat(kind, schema=SCHEMA),
    )

    simulated_parse(body)


def test_a_relayed_request_changes_where_it_must() -> None:
    sent = cohere_chat.build_relayed(
        {"model": b'"fast"', "models": b"[]", "k": b"1", "seed": b"7"},
        MODEL,
        Quirks(frozenset({"k"}), {"seed": "random_seed"}),
        stream=True,
        dropped=frozenset({"models"}),
    )

    assert sent == {"model": b'"command-a-03-2025"', "random_seed": b"7"}


def test_a_providers_quirks_are_applied_and_named() -> None:
    body, dropped = build(
        top_p=0.5,
        max_output_tokens=5,
        quirks=Quirks(frozenset({"p"}), {"max_tokens": "n_predict"}),
    )

    assert body.keys() == {"model", "messages", "n_predict"}
    assert dropped == ["top_p"]
