"""What Google's clients ask, in camelCase, snake_case or both at once."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
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
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dialects import gemini_generate
from gateway.types import JSON

OURS = "gemini_generate"
HI = [{"parts": [{"text": "Hi"}]}]


def read(**body: Any) -> ChatRequest:
    return gemini_generate.parse_request({"contents": HI, **body})


def said(*contents: JSON) -> list[tuple[Part, ...]]:
    request = gemini_generate.parse_request({"contents": list(contents)})
    return [message.parts for message in request.messages]


def test_a_conversation_is_read_in_either_case() -> None:
    request = gemini_generate.parse_request(
        {
            "system_instruction": {"role": "user", "parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Weather?"}]},
                {
                    "role": "model",
                    "parts": [
                        {
                            "text": "Hm.",
                            "thought": True,
                            "thought_signature": "QUJD",
                        },
                        {"function_call": {"name": "f", "args": {"a": 1}}},
                        {
                            "functionCall": {"id": "c9", "name": "g"},
                            "thoughtSignature": "REVG",
                        },
                    ],
                },
                {
                    "parts": [
                        {"functionResponse": {"id": "c9", "name": "g", "response": {}}},
                        {
                            "function_response": {
                                "name": "f",
                                "response": {"output": "4 C"},
                            }
                        },
                    ]
                },
            ],
        }
    )

    assert request.messages == (
        Message("system", (Text("Be brief."),)),
        Message("user", (Text("Weather?"),)),
        Message(
            "assistant",
            (
                Reasoning("Hm.", "QUJD", protocol=OURS),
                ToolCall("call_0", "f", '{"a":1}'),
                ToolCall("c9", "g", "{}", "REVG"),
            ),
        ),
        Message(
            "user",
            (
                ToolResult("c9", (Text("{}"),), "g"),
                ToolResult("call_0", (Text("4 C"),), "f"),
            ),
        ),
    )


def test_results_without_ids_answer_calls_of_their_name_in_order() -> None:
    call = {"functionCall": {"name": "f"}}

    def result(text: str) -> JSON:
        return {"functionResponse": {"name": "f", "response": {"output": text}}}

    _, results = said(
        {"role": "model", "parts": [call, call]},
        {"role": "user", "parts": [result("one"), result("two"), result("three")]},
    )

    assert [r.call_id for r in results if isinstance(r, ToolResult)] == [
        "call_0",
        "call_1",
        "call_2",
    ]


def test_a_result_that_is_an_error_alone_is_one() -> None:
    failed = {
        "functionResponse": {"id": "c", "name": "f", "response": {"error": "boom"}}
    }

    assert said({"parts": [failed]}) == [
        (ToolResult("c", (Text("boom"),), "f", is_error=True),)
    ]


def test_a_call_without_a_signature_of_its_own_has_none() -> None:
    part = {
        "functionCall": {"name": "f"},
        "thoughtSignature": "skip_thought_signature_validator",
    }

    assert said({"role": "model", "parts": [part]}) == [
        (ToolCall("call_0", "f", "{}"),)
    ]


def test_media_are_read_by_their_type() -> None:
    def inline(kind: str, data: str = "_-8") -> JSON:
        return {"inline_data": {"mime_type": kind, "data": data}}

    def file(uri: str, kind: str) -> JSON:
        return {"fileData": {"file_uri": uri, "mimeType": kind}}

    assert said(
        {
            "parts": [
                inline("image/png"),
                inline("audio/mpeg"),
                inline("application/pdf"),
                file("https://a.test/a.png", "image/png"),
                file("https://a.test/a.pdf", "application/pdf"),
                file("gs://bucket/a.png", "image/png"),
                file(
                    "https://generativelanguage.googleapis.com/v1beta/files/a",
                    "image/png",
                ),
            ]
        }
    ) == [
        (
            Image(data="/+8=", media_type="image/png"),
            Audio(data="/+8=", format="mp3"),
            File(data="/+8=", media_type="application/pdf"),
            Image(url="https://a.test/a.png", media_type="image/png"),
            File(url="https://a.test/a.pdf", media_type="application/pdf"),
            File(file_id="gs://bucket/a.png", media_type="image/png"),
            File(
                file_id="https://generativelanguage.googleapis.com/v1beta/files/a",
                media_type="image/png",
            ),
        )
    ]


def test_settings_are_read_however_their_numbers_are_written() -> None:
    request = read(
        generation_config={
            "temperature": 1,
            "top_p": 0.5,
            "topK": 3.0,
            "maxOutputTokens": "64",
            "stop_sequences": ["END"],
            "candidateCount": 2,
            "seed": 7,
            "presencePenalty": 0.1,
            "frequency_penalty": 0.2,
            "responseLogprobs": True,
            "logprobs": 5,
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        }
    )

    assert request == ChatRequest(
        messages=(Message("user", (Text("Hi"),)),),
        temperature=1.0,
        top_p=0.5,
        top_k=3,
        max_output_tokens=64,
        stop=("END",),
        choices=2,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=5,
        extra={"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}},
        protocol=OURS,
    )


@pytest.mark.parametrize(
    ("config", "effort", "budget", "rest"),
    [
        ({"thinkingLevel": "LOW"}, "low", None, None),
        ({"thinking_level": "high", "include_thoughts": True}, "high", None, True),
        ({"thinkingBudget": 0}, "", 0, None),
        ({"thinking_budget": 2048, "includeThoughts": False}, "", 2048, False),
    ],
)
def test_thinking_is_read_as_effort_or_budget(
    config: JSON, effort: str, budget: int | None, rest: bool | None
) -> None:
    request = read(generationConfig={"thinkingConfig": config})

    assert (request.effort, request.thinking_budget) == (effort, budget)
    own = {} if rest is None else {"thinkingConfig": {"includeThoughts": rest}}
    assert request.extra.get("generationConfig", {}) == own


def test_a_budget_of_the_model_s_choice_is_for_google_alone() -> None:
    request = read(generationConfig={"thinkingConfig": {"thinkingBudget": -1}})

    assert request.thinking_budget is None
    assert request.extra == {
        "generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}
    }


def test_json_is_asked_for_with_and_without_a_schema() -> None:
    plain = read(generationConfig={"responseMimeType": "application/json"})
    real = read(
        generationConfig={
            "response_mime_type": "application/json",
            "response_json_schema": {"type": "object", "additionalProperties": False},
        }
    )

    assert plain.output_format == OutputFormat("json_object")
    assert real.output_format == OutputFormat(
        "json_schema", "response", {"type": "object", "additionalProperties": False}
    )


def test_google_s_schema_becomes_a_json_schema() -> None:
    request = read(
        generationConfig={
            "responseMimeType": "application/json",
            "responseSchema": {
                "type": "OBJECT",
                "property_ordering": ["b", "type"],
                "properties": {
                    "type": {"type": "string", "nullable": True, "enum": ["x"]},
                    "b": {
                        "type": "Array",
                        "min_items": "2",
                        "items": {"type": "INTEGER"},
                    },
                    "c": {"anyOf": [{"type": "STRING"}], "nullable": True},
                },
            },
        }
    )

    schema = request.output_format.schema
    assert schema == {
        "type": "object",
        "properties": {
            "b": {"type": "array", "minItems": 2, "items": {"type": "integer"}},
            "type": {"type": ["string", "null"], "enum": ["x", None]},
            "c": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    }
    assert list(schema["properties"]) == ["b", "type", "c"]


FUNCTIONS = [
    {
        "function_declarations": [
            {
                "name": "f",
                "description": "Does.",
                "parameters": {
                    "type": "OBJECT",
                    "properties": {"a": {"type": "STRING"}},
                },
            },
            {"name": "g", "parameters_json_schema": {"type": "object"}},
        ]
    },
    {"googleSearch": {}},
]
F = Tool("f", "Does.", {"type": "object", "properties": {"a": {"type": "string"}}})
G = Tool("g", "", {"type": "object"})


def test_functions_are_read_and_google_s_own_tools_kept_apart() -> None:
    request = read(tools=FUNCTIONS)

    assert request.tools == (F, G)
    assert request.extra == {"tools": [{"googleSearch": {}}]}


@pytest.mark.parametrize(
    ("calling", "choice", "names"),
    [
        ({"mode": "auto"}, ToolChoice("auto"), ["f", "g"]),
        ({"mode": "NONE"}, ToolChoice("none"), ["f", "g"]),
        ({"mode": "ANY"}, ToolChoice("required"), ["f", "g"]),
        (
            {"mode": "ANY", "allowed_function_names": ["g"]},
            ToolChoice("named", "g"),
            ["g"],
        ),
        (
            {"mode": "ANY", "allowedFunctionNames": ["g", "f"]},
            ToolChoice("required"),
            ["f", "g"],
        ),
        ({"mode": "MODE_UNSPECIFIED"}, None, ["f", "g"]),
    ],
)
def test_modes_are_tool_choices(
    calling: JSON, choice: ToolChoice | None, names: list[str]
) -> None:
    request = read(tools=FUNCTIONS, tool_config={"function_calling_config": calling})

    assert request.tool_choice == choice
    assert [tool.name for tool in request.tools] == names


def test_validated_calls_are_strict() -> None:
    request = read(
        tools=FUNCTIONS, toolConfig={"functionCallingConfig": {"mode": "VALIDATED"}}
    )

    assert request.tool_choice == ToolChoice("auto")
    assert all(tool.strict for tool in request.tools)


def test_what_only_google_knows_is_kept_for_it() -> None:
    request = read(
        safety_settings=[{"category": "X"}],
        cachedContent="cachedContents/abc",
        model="fast",
        models=["a"],
        stream=True,
    )

    assert request.extra == {
        "safetySettings": [{"category": "X"}],
        "cachedContent": "cachedContents/abc",
    }
    assert request.stream


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "Hi"}, "contents"),
        ({"contents": [{"parts": "Hi"}]}, "contents[0].parts"),
        ({"contents": HI, "model": 3}, "model"),
        ({"contents": HI, "generationConfig": []}, "generationConfig"),
        (
            {"contents": HI, "generationConfig": {"maxOutputTokens": 0}},
            "generationConfig.maxOutputTokens",
        ),
        (
            {"contents": HI, "generation_config": {"candidate_count": 1.5}},
            "generationConfig.candidateCount",
        ),
    ],
)
def test_what_nobody_could_answer_is_refused_with_its_field(
    body: JSON, param: str
) -> None:
    with pytest.raises(gemini_generate.Malformed) as raised:
        gemini_generate.check_request(body)

    assert raised.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 3}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"toolCall": {}}]}]}, "contents[0].parts[0]"),
        (
            {"contents": [{"parts": [{"inlineData": {"data": "aa"}}]}]},
            "contents[0].parts[0].inlineData",
        ),
        (
            {"contents": [{"parts": [{"functionCall": {}}]}]},
            "contents[0].parts[0].functionCall.name",
        ),
        (
            {"contents": HI, "generationConfig": {"temperature": "warm"}},
            "generationConfig.temperature",
        ),
        (
            {
                "contents": HI,
                "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}},
            },
            "toolConfig.functionCallingConfig.mode",
        ),
    ],
)
def test_what_cannot_be_translated_is_refused_with_its_field(
    body: JSON, param: str
) -> None:
    with pytest.raises(gemini_generate.Malformed) as raised:
        gemini_generate.parse_request(body)

    assert raised.value.param == param


def test_the_bound_counts_all_candidates() -> None:
    config = {"maxOutputTokens": 100, "candidate_count": 2}

    assert gemini_generate.max_output_tokens({"generationConfig": config}) == 200
    assert gemini_generate.max_output_tokens({}) is None


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
names = st.sampled_from(
    [
        "contents",
        "parts",
        "role",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "function_call",
        "name",
        "id",
        "args",
        "functionResponse",
        "response",
        "output",
        "error",
        "inlineData",
        "mimeType",
        "data",
        "fileData",
        "file_uri",
        "executableCode",
        "codeExecutionResult",
        "tools",
        "functionDeclarations",
        "parameters",
        "properties",
        "type",
        "enum",
        "nullable",
        "anyOf",
        "items",
        "propertyOrdering",
        "parametersJsonSchema",
        "toolConfig",
        "mode",
        "functionCallingConfig",
        "allowedFunctionNames",
        "generationConfig",
        "thinkingConfig",
        "topK",
        "seed",
        "thinkingBudget",
        "thinkingLevel",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "stopSequences",
        "candidateCount",
        "maxOutputTokens",
        "responseLogprobs",
        "logprobs",
        "model",
        "stream",
        "systemInstruction",
        "safetySettings",
    ]
)
likely = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    ),
    max_leaves=15,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "contents": st.lists(
            st.fixed_dictionaries(
                {
                    "parts": st.lists(
                        st.dictionaries(names, likely, max_size=2), max_size=3
                    )
                }
            ),
            min_size=1,
            max_size=3,
        )
        | likely,
        "generationConfig": st.dictionaries(names, likely, max_size=5),
        "tools": st.lists(st.dictionaries(names, likely, max_size=2), max_size=2),
        "toolConfig": likely,
        "systemInstruction": likely,
    },
)


@settings(max_examples=300)
@given(body=bodies | st.dictionaries(names, likely, max_size=5))
def test_a_body_is_read_or_refused_whatever_it_holds(body: JSON) -> None:
    for read_body in (
        gemini_generate.check_request,
        gemini_generate.max_output_tokens,
        gemini_generate.parse_request,
    ):
        with contextlib.suppress(gemini_generate.Malformed):
            read_body(body)
