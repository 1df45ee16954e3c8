"""Requests to Google: passed on as they came, or written from the canonical form."""

from typing import Any

import orjson
import pytest

from gateway.adapters import gemini_generate
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
from gateway.types import JSON, Quirks

NOW, OLD = "gemini-3.8-flash", "gemini-2.5-flash"
OURS = "gemini_generate"
NO_SIGNATURE = "skip_thought_signature_validator"


def body_of(model: str = NOW, *said: Message, **rest: Any) -> JSON:
    messages = said or (Message("user", (Text("Hi"),)),)
    request = ChatRequest(messages=messages, **rest)
    body, _ = gemini_generate.build_request(request, model, Quirks(), 1000)
    return body


def contents_of(model: str, *said: Message) -> list[JSON]:
    contents: list[JSON] = body_of(model, *said)["contents"]
    return contents


def config_of(model: str = NOW, **rest: Any) -> JSON:
    config: JSON = body_of(model, **rest).get("generationConfig", {})
    return config


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def test_a_conversation_keeps_its_turns_and_puts_instructions_apart() -> None:
    body = body_of(
        NOW,
        Message("system", (Text("Be brief."),)),
        user(Text("Hi")),
        user(Text("You there?")),
        assistant(Text("Yes."), Refusal("But no.")),
        Message("system", (Text("Be kind."),)),
        user(Text("Why?")),
    )

    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}, {"text": "You there?"}]},
            {"role": "model", "parts": [{"text": "Yes."}, {"text": "But no."}]},
            {"role": "user", "parts": [{"text": "Why?"}]},
        ],
    }


def test_instructions_alone_are_said_by_the_user() -> None:
    assert body_of(NOW, Message("system", (Text("Go."),))) == {
        "contents": [{"role": "user", "parts": [{"text": "Go."}]}]
    }


def test_pictures_sounds_and_files_are_sent_inline_or_by_address() -> None:
    said = user(
        Image(data="aW1n", media_type="image/png"),
        Image(url="https://a.test/cat.webp?size=1"),
        Audio(data="d2F2", format="wav"),
        File(data="cGRm", media_type="application/pdf"),
        File(file_id="files/abc", media_type="text/plain"),
    )

    assert contents_of(NOW, said)[0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
        {
            "fileData": {
                "fileUri": "https://a.test/cat.webp?size=1",
                "mimeType": "image/webp",
            }
        },
        {"inlineData": {"mimeType": "audio/wav", "data": "d2F2"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "cGRm"}},
        {"fileData": {"fileUri": "files/abc", "mimeType": "text/plain"}},
    ]


def test_a_file_of_another_provider_is_named_as_dropped() -> None:
    request = ChatRequest(messages=(user(Text("Hi"), File(file_id="file-abc")),))

    body, dropped = gemini_generate.build_request(request, NOW, Quirks(), None)

    assert body["contents"][0]["parts"] == [{"text": "Hi"}]
    assert dropped == ["file_id"]


TOOL_TALK = (
    user(Text("Weather?")),
    assistant(
        ToolCall("c1", "get_weather", '{"city":"Oslo"}', "QUJD"),
        ToolCall("c2", "get_time", ""),
    ),
    user(ToolResult("c2", (Text("noon"),)), ToolResult("c1", (Text('{"t":4}'),))),
    user(Text("So?")),
)


def test_results_follow_in_the_order_of_their_calls_with_names_and_objects() -> None:
    assert contents_of(NOW, *TOOL_TALK)[1:] == [
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {
                        "id": "c1",
                        "name": "get_weather",
                        "args": {"city": "Oslo"},
                    },
                    "thoughtSignature": "QUJD",
                },
                {"functionCall": {"id": "c2", "name": "get_time", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "c1",
                        "name": "get_weather",
                        "response": {"t": 4},
                    }
                },
                {
                    "functionResponse": {
                        "id": "c2",
                        "name": "get_time",
                        "response": {"output": "noon"},
                    }
                },
                {"text": "So?"},
            ],
        },
    ]


def test_older_models_are_sent_no_ids() -> None:
    text = orjson.dumps(contents_of(OLD, *TOOL_TALK))

    assert b'"id"' not in text


def test_a_failed_call_and_a_picture_as_result_are_told() -> None:
    contents = contents_of(
        OLD,
        assistant(ToolCall("c1", "f")),
        user(
            ToolResult(
                "c1",
                (Text("boom"), Image(data="aW1n", media_type="image/png")),
                "",
                True,
            )
        ),
    )

    assert contents[1]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"error": "boom"}}},
        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
    ]


@pytest.mark.parametrize(("model", "signature"), [(NOW, NO_SIGNATURE), (OLD, None)])
def test_only_a_step_s_first_call_without_signature_says_so_to_newer_models(
    model: str, signature: str | None
) -> None:
    said = assistant(ToolCall("c1", "f"), ToolCall("c2", "g"))

    first, second = contents_of(model, said)[0]["parts"]

    assert first.get("thoughtSignature") == signature
    assert "thoughtSignature" not in second


def test_thoughts_of_this_protocol_are_kept_and_those_of_others_dropped() -> None:
    said = assistant(
        Reasoning("Foreign", "sig", protocol="anthropic_messages"),
        Reasoning("Nobody's"),
        Reasoning("Mine", "QUJD", protocol=OURS),
        Text("Yes."),
        Reasoning(signature="REVG", protocol=OURS),
    )

    assert contents_of(NOW, said)[0]["parts"] == [
        {"text": "Mine", "thought": True, "thoughtSignature": "QUJD"},
        {"text": "Yes."},
        {"text": "", "thoughtSignature": "REVG"},
    ]


def test_sampling_parameters_go_by_their_names_here() -> None:
    assert config_of(
        OLD,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_output_tokens=99,
        stop=("END",),
        seed=7,
        choices=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=5,
    ) == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 99,
        "stopSequences": ["END"],
        "seed": 7,
        "candidateCount": 2,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 5,
    }


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        (NOW, {"effort": "low"}, {"thinkingLevel": "low"}),
        (NOW, {"effort": "minimal"}, {"thinkingLevel": "low"}),
        (NOW, {"effort": "max"}, {"thinkingLevel": "high"}),
        ("gemini-3.5-flash", {"effort": "minimal"}, {"thinkingLevel": "minimal"}),
        ("gemini-3.1-pro-preview", {"effort": "minimal"}, {"thinkingLevel": "low"}),
        ("gemini-flash-latest", {"effort": "medium"}, {"thinkingLevel": "medium"}),
        (NOW, {"thinking_budget": 5000}, {"thinkingLevel": "medium"}),
        (OLD, {"effort": "low"}, {"thinkingBudget": 1024}),
        (OLD, {"thinking_budget": 333}, {"thinkingBudget": 333}),
        (OLD, {"effort": "high", "thinking_budget": 333}, {"thinkingBudget": 333}),
    ],
)
def test_thinking_is_asked_for_in_the_generation_s_own_terms(
    model: str, asked: dict[str, Any], expected: JSON
) -> None:
    config = config_of(model, **asked)

    assert config["thinkingConfig"] == {**expected, "includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (OLD, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"thinkingBudget": 128}),
        (NOW, {"thinkingLevel": "low"}),
    ],
)
def test_no_thinking_is_as_little_as_the_model_can(model: str, expected: JSON) -> None:
    assert config_of(model, effort="none")["thinkingConfig"] == expected


def test_what_has_no_counterpart_is_named() -> None:
    request = ChatRequest(
        messages=(user(Text("Hi")),),
        effort="high",
        parallel_tool_calls=False,
        end_user="u",
        metadata={"a": "b"},
        extra={"logit_bias": {}},
        protocol="openai_chat",
    )

    body, dropped = gemini_generate.build_request(request, "gemma-3", Quirks(), None)

    assert body == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert dropped == [
        "effort",
        "end_user",
        "logit_bias",
        "metadata",
        "parallel_tool_calls",
    ]


def test_one_candidate_is_all_that_newer_models_give() -> None:
    request = ChatRequest(messages=(user(Text("Hi")),), choices=3)

    body, dropped = gemini_generate.build_request(request, NOW, Quirks(), None)

    assert "generationConfig" not in body
    assert dropped == ["choices"]


def test_own_extras_are_written_back() -> None:
    body = body_of(
        NOW,
        tools=(Tool("f"),),
        extra={
            "safetySettings": [{"category": "X", "threshold": "OFF"}],
            "tools": [{"googleSearch": {}}],
            "generationConfig": {"mediaResolution": "LOW"},
        },
        protocol=OURS,
        temperature=1.0,
    )

    assert body["safetySettings"] == [{"category": "X", "threshold": "OFF"}]
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "f"}]},
        {"googleSearch": {}},
    ]
    assert body["generationConfig"] == {"mediaResolution": "LOW", "temperature": 1.0}


@pytest.mark.parametrize(
    ("choice", "strict", "expected"),
    [
        (None, False, None),
        (ToolChoice("auto"), False, {"mode": "AUTO"}),
        (ToolChoice("none"), False, {"mode": "NONE"}),
        (ToolChoice("required"), True, {"mode": "ANY"}),
        (
            ToolChoice("named", "f"),
            False,
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        (None, True, {"mode": "VALIDATED"}),
        (ToolChoice("auto"), True, {"mode": "VALIDATED"}),
    ],
)
def test_tool_choices_are_modes(
    choice: ToolChoice | None, strict: bool, expected: JSON | None
) -> None:
    tool = Tool("f", "Does.", {"type": "object", "properties": {"a": {}}}, strict)

    body = body_of(NOW, tools=(tool,), tool_choice=choice)

    assert body["tools"][0]["functionDeclarations"] == [
        {
            "name": "f",
            "description": "Does.",
            "parametersJsonSchema": {"type": "object", "properties": {"a": {}}},
        }
    ]
    assert body.get("toolConfig", {}).get("functionCallingConfig") == expected


def schema_of(schema: JSON) -> JSON:
    output_format = OutputFormat("json_schema", "answer", schema)
    config = config_of(NOW, output_format=output_format)
    assert config["responseMimeType"] == "application/json"
    converted: JSON = config["responseJsonSchema"]
    return converted


def test_json_without_a_schema_needs_only_its_type() -> None:
    assert config_of(NOW, output_format=OutputFormat("json_object")) == {
        "responseMimeType": "application/json"
    }


def test_a_schema_keeps_what_gemini_knows_and_tells_the_rest_in_words() -> None:
    assert schema_of(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "title": {"type": "string", "maxLength": 9, "description": "Short."},
                "mail": {"type": "string", "format": "email"},
                "at": {"type": "string", "format": "date-time"},
                "kind": {"const": "a"},
                "maybe": {"type": ["string", "null"], "enum": ["x", None]},
                "one": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                "pair": {"type": "array", "items": [{"type": "string"}]},
                "flag": {"enum": [True]},
            },
            "required": ["title"],
            "additionalProperties": False,
            "not": {},
        }
    ) == {
        "type": "object",
        "properties": {
            "title": {"type": "string", "description": "Short. (maxLength: 9)"},
            "mail": {"type": "string", "description": "(format: email)"},
            "at": {"type": "string", "format": "date-time"},
            "kind": {"type": "string", "enum": ["a"]},
            "maybe": {"type": ["string", "null"], "enum": ["x"]},
            "one": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}]},
            "flag": {"description": "(one of: [True])"},
        },
        "required": ["title"],
        "additionalProperties": False,
    }


def test_references_stand_alone_and_allof_is_merged() -> None:
    assert schema_of(
        {
            "definitions": {"A": {"type": "object", "properties": {"a": {}}}},
            "properties": {
                "plain": {"$ref": "#/definitions/A", "description": "Lost."},
                "wrapped": {"allOf": [{"$ref": "#/definitions/A"}]},
                "merged": {
                    "allOf": [
                        {"$ref": "#/definitions/A"},
                        {"properties": {"b": {}}, "required": ["b"]},
                    ]
                },
            },
        }
    ) == {
        "properties": {
            "plain": {"$ref": "#/$defs/A"},
            "wrapped": {"$ref": "#/$defs/A"},
            "merged": {
                "type": "object",
                "properties": {"a": {}, "b": {}},
                "required": ["b"],
            },
        },
        "$defs": {"A": {"type": "object", "properties": {"a": {}}}},
    }


def test_a_schema_without_an_end_is_cut_off() -> None:
    deep: JSON = {"type": "string"}
    for _ in range(150):
        deep = {"allOf": [{"items": deep}]}

    assert schema_of(deep)["items"]


def test_quirks_apply_to_the_settings_too() -> None:
    quirks = Quirks(frozenset({"frequency_penalty", "labels"}), {"topK": "top_k"})
    request = ChatRequest(
        messages=(user(Text("Hi")),), frequency_penalty=1.0, top_k=3, temperature=0.0
    )

    body, _ = gemini_generate.build_request(request, NOW, quirks, None)
    relayed = gemini_generate.build_relayed(
        {
            "contents": b"[]",
            "labels": b"{}",
            "generation_config": b'{"frequencyPenalty":1,"topK":3,"x":1}',
        },
        NOW,
        quirks,
        stream=False,
        dropped=frozenset(),
    )

    assert body["generationConfig"] == {"temperature": 0.0, "top_k": 3}
    assert relayed == {
        "contents": b"[]",
        "generation_config": b'{"top_k":3,"x":1}',
    }


def test_a_relayed_request_is_changed_only_where_it_must_be() -> None:
    fields = {
        "model": b'"fast"',
        "stream": b"true",
        "provider": b"{}",
        "contents": b'[ {"parts": [] } ]',
        "future": b"1e0",
    }

    relayed = gemini_generate.build_relayed(
        fields, NOW, Quirks(), stream=True, dropped=frozenset({"provider"})
    )

    assert relayed == {"contents": b'[ {"parts": [] } ]', "future": b"1e0"}


def test_streams_have_a_method_of_their_own() -> None:
    path = "/v1beta/models/{model}:generateContent"

    assert gemini_generate.stream_path(path) == (
        "/v1beta/models/{model}:streamGenerateContent?alt=sse"
    )
