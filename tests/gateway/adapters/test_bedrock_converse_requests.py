"""Requests in Converse's words, from conversations in nobody's."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import bedrock_converse
from gateway.adapters.bedrock_converse.names import (
    document_title,
    original_name,
    tool_id,
    tool_name,
)
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
from gateway.types import JSON, Quirks

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLDER = "anthropic.claude-3-5-haiku-20241022-v1:0"
NEWER = "global.anthropic.claude-opus-5-5"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
SCHEMA: JSON = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
PLAIN = Quirks()
PIXEL = base64.b64encode(b"\x89PNG").decode()


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def built(
    *messages: Message, model: str = CLAUDE, quirks: Quirks = PLAIN, **fields: Any
) -> tuple[JSON, list[str]]:
    request = ChatRequest(messages=messages or (user(Text("Hi")),), **fields)
    body, dropped = bedrock_converse.build_request(request, model, quirks, 8192)
    json.dumps(body)
    return body, dropped


def test_a_conversation_alternates_and_begins_with_the_user() -> None:
    body, dropped = built(
        Message("system", (Text("Be brief."),)),
        assistant(Text("Hello")),
        user(Text("a")),
        user(Text(" "), Text("b")),
        Message("system", (Text("And kind."),)),
        assistant(Text("c")),
    )

    assert body["system"] == [{"text": "Be brief."}]
    assert [turn["role"] for turn in body["messages"]] == [
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert body["messages"][2]["content"] == [
        {"text": "a"},
        {"text": "b"},
        {"text": "And kind."},
    ]
    assert dropped == []


def test_a_system_message_alone_is_the_users() -> None:
    body, _ = built(Message("system", (Text("Say hello."),)))

    assert body == {"messages": [{"role": "user", "content": [{"text": "Say hello."}]}]}


def test_calls_and_their_results_are_told_results_first() -> None:
    long_id = "call_" + "x" * 80
    body, _ = built(
        user(Text("Weather?")),
        assistant(
            ToolCall("a b", "weather", '{"a":"Oslo"}'), ToolCall(long_id, "clock", "x")
        ),
        user(
            Text("So?"),
            ToolResult("a b", (Text("4 C"),)),
            ToolResult(long_id, (), is_error=True),
        ),
        tools=(Tool("weather", "Tells it.", SCHEMA), Tool("clock")),
    )

    first, second = (block["toolUse"] for block in body["messages"][1]["content"])
    assert first["input"] == {"a": "Oslo"}
    assert second["input"] == {"_raw": "x"}
    assert len(second["toolUseId"]) <= 64
    results = body["messages"][2]["content"]
    assert results == [
        {"toolResult": {"toolUseId": first["toolUseId"], "content": [{"text": "4 C"}]}},
        {
            "toolResult": {
                "toolUseId": second["toolUseId"],
                "content": [],
                "status": "error",
            }
        },
        {"text": "So?"},
    ]
    spec = body["toolConfig"]["tools"][0]["toolSpec"]
    assert spec == {
        "name": "weather",
        "description": "Tells it.",
        "inputSchema": {"json": SCHEMA},
    }
    assert "toolChoice" not in body["toolConfig"]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto"), {"auto": {}}),
        (ToolChoice("required"), {"any": {}}),
        (ToolChoice("named", "a.b"), {"tool": {"name": "a-x2e-b"}}),
    ],
)
def test_which_tool_to_call_is_said(choice: ToolChoice, sent: JSON) -> None:
    body, dropped = built(tools=(Tool("a.b"),), tool_choice=choice)

    assert body["toolConfig"]["toolChoice"] == sent
    assert body["toolConfig"]["tools"][0]["toolSpec"]["name"] == "a-x2e-b"
    assert dropped == []


@pytest.mark.parametrize("model", [LLAMA, "anthropic.claude-fable-5-1"])
def test_a_call_is_not_forced_where_it_cannot_be(model: str) -> None:
    body, dropped = built(
        model=model, tools=(Tool("a"),), tool_choice=ToolChoice("required")
    )

    assert "toolChoice" not in body["toolConfig"]
    assert dropped == ["tool_choice"]


def test_no_tool_may_be_called_only_without_calls_in_the_history() -> None:
    none = ToolChoice("none")
    without, said = built(tools=(Tool("a"),), tool_choice=none)
    called, unsaid = built(
        user(Text("Hi")),
        assistant(ToolCall("1", "a.b")),
        user(ToolResult("1", (Text("x"),))),
        tools=(Tool("a.b"),),
        tool_choice=none,
    )

    assert "toolConfig" not in without
    assert said == []
    assert called["toolConfig"]["tools"]
    assert unsaid == ["tool_choice"]


def test_a_history_with_calls_has_its_tools_described() -> None:
    body, _ = built(
        user(Text("Hi")),
        assistant(ToolCall("1", "a.b"), ToolCall("2", "a.b")),
        user(ToolResult("1"), ToolResult("2")),
    )

    (tool,) = body["toolConfig"]["tools"]
    name = body["messages"][1]["content"][0]["toolUse"]["name"]
    assert tool["toolSpec"]["name"] == name


def test_images_and_documents_are_sent_along() -> None:
    pdf = base64.b64encode(b"%PDF").decode()
    body, dropped = built(
        user(
            Image(data=PIXEL, media_type="image/png"),
            Image(url="s3://bucket/a.jpeg"),
            File(data=pdf, media_type="application/pdf", name="My report_1.pdf"),
            File(data=pdf, media_type="application/pdf", name="My report 1.pdf"),
            File(data=pdf, media_type="application/pdf", name="My report-1.pdf"),
            File(data=PIXEL, media_type="image/png"),
        )
    )

    content = body["messages"][0]["content"]
    assert content[0] == {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    assert content[1]["image"] == {
        "format": "jpeg",
        "source": {"s3Location": {"uri": "s3://bucket/a.jpeg"}},
    }
    names = [block["document"]["name"] for block in content if "document" in block]
    assert names == ["My report-1", "My report 1", "My report-1 2"]
    assert "image" in content[5]
    # A document needs words beside it.
    assert content[-1]["text"]
    assert dropped == []


def test_what_nobody_would_fetch_or_hear_is_named() -> None:
    body, dropped = built(
        user(
            Text("Look"),
            Image(url="https://a.example/b.png"),
            Image(url="https://a.example/c.png"),
            Image(data=PIXEL, media_type="image/tiff"),
            File(file_id="file-1"),
            File(data="AAAA", media_type="application/zip"),
            Audio(PIXEL, "wav"),
        )
    )

    assert body["messages"][0]["content"] == [{"text": "Look"}]
    assert dropped == ["image", "file", "audio"]
    heard, _ = built(user(Audio(PIXEL, "wav")), model="mistral.voxtral-small-24b-2507")
    assert heard["messages"][0]["content"][0]["audio"]["format"] == "wav"


def test_only_signed_reasoning_of_the_protocol_goes_back() -> None:
    own = bedrock_converse.NAME
    body, _ = built(
        user(Text("Hi")),
        assistant(
            Reasoning("hm", "sig", protocol=own),
            Reasoning(sealed="c2VhbGVk", protocol=own),
            Reasoning("unsigned", protocol=own),
            Reasoning("foreign", "sig", protocol="anthropic_messages"),
            Text("Yes"),
        ),
        user(Text("And?")),
    )

    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
        {"text": "Yes"},
    ]


def test_at_most_four_points_are_cached_where_models_cache() -> None:
    marked = [user(Text(f"{n}", cached=True)) for n in range(4)]
    system = Message("system", (Text("s", cached=True),))
    tools = (Tool("a", cached=True),)
    point = {"cachePoint": {"type": "default"}}

    body, dropped = built(system, *marked, tools=tools)
    plain, _ = built(system, *marked, tools=tools, model=LLAMA)

    assert body["toolConfig"]["tools"] == [body["toolConfig"]["tools"][0]]
    assert body["system"] == [{"text": "s"}]
    assert body["messages"][0]["content"].count(point) == 4
    assert point not in plain["messages"][0]["content"]
    assert dropped == []


@pytest.mark.parametrize(
    ("model", "fields", "config", "more", "dropped"),
    [
        (
            OLDER,
            {"temperature": 1.5, "top_p": 0.9, "top_k": 5, "stop": ("END", " ")},
            {"temperature": 1.0, "topP": 0.9, "stopSequences": ["END"]},
            {"top_k": 5},
            ["stop"],
        ),
        (
            CLAUDE,
            {"temperature": 0.5, "top_p": 0.9},
            {"temperature": 0.5},
            {},
            ["top_p"],
        ),
        (NEWER, {"temperature": 0.5, "top_k": 3}, {}, {}, ["temperature", "top_k"]),
        (NOVA, {"top_k": 5}, {}, {"inferenceConfig": {"topK": 5}}, []),
        (LLAMA, {"top_k": 5, "max_output_tokens": 0}, {"maxTokens": 1}, {}, ["top_k"]),
        ("cohere.command-r-v1:0", {"top_k": 5}, {}, {"k": 5}, []),
    ],
)
def test_sampling_is_said_as_the_model_takes_it(
    model: str, fields: JSON, config: JSON, more: JSON, dropped: list[str]
) -> None:
    body, unsaid = built(model=model, **fields)

    assert body.get("inferenceConfig", {}) == config
    assert body.get("additionalModelRequestFields", {}) == more
    assert unsaid == dropped


@pytest.mark.parametrize(
    ("model", "effort", "more", "dropped"),
    [
        (CLAUDE, "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}, []),
        (
            NEWER,
            "xhigh",
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "xhigh"},
            },
            [],
        ),
        (OLDER, "high", {}, ["effort"]),
        (OSS, "max", {"reasoning_effort": "high"}, []),
        (
            "global.amazon.nova-2-lite-v1:0",
            "minimal",
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            [],
        ),
        (LLAMA, "low", {}, ["effort"]),
        (LLAMA, "none", {}, []),
    ],
)
def test_effort_is_said_as_the_model_takes_it(
    model: str, effort: str, more: JSON, dropped: list[str]
) -> None:
    body, unsaid = built(model=model, effort=effort)

    assert body.get("additionalModelRequestFields", {}) == more
    assert unsaid == dropped


def test_a_budget_for_thinking_has_a_bound_above_it() -> None:
    body, _ = built(effort="high")

    budget = body["additionalModelRequestFields"]["thinking"]["budget_tokens"]
    assert budget < body["inferenceConfig"]["maxTokens"] == 8192


@pytest.mark.parametrize("model", [CLAUDE, OSS, "qwen.qwen3-32b-v1:0"])
def test_a_schema_travels_as_text(model: str) -> None:
    wanted = OutputFormat("json_schema", "answer", SCHEMA)

    body, _ = built(model=model, output_format=wanted)

    form = body["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    assert json.loads(form["structure"]["jsonSchema"]["schema"]) == SCHEMA


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (OLDER, OutputFormat("json_schema", "answer", SCHEMA)),
        (LLAMA, OutputFormat("json_object")),
        (CLAUDE, OutputFormat("json_schema", "a", {"type": "object"})),
        (CLAUDE, OutputFormat("json_object")),
    ],
)
def test_a_form_that_cannot_be_bound_is_asked_for_in_words(
    model: str, wanted: OutputFormat
) -> None:
    body, _ = built(model=model, output_format=wanted)

    assert "outputConfig" not in body
    assert "single JSON object" in body["system"][-1]["text"]


def test_what_has_no_counterpart_is_named() -> None:
    _, dropped = built(
        choices=2,
        seed=1,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        logprobs=2,
        end_user="u",
        metadata={"k": "ä"},
        parallel_tool_calls=False,
        tools=(Tool("a"),),
        extra={"store": True},
        protocol="openai_chat",
    )

    assert dropped == [
        "choices",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "end_user",
        "parallel_tool_calls",
        "metadata",
        "store",
    ]


def test_quirks_rename_and_drop() -> None:
    quirks = Quirks(
        frozenset({"requestMetadata"}), {"inferenceConfig": "inference_config"}
    )

    body, dropped = built(quirks=quirks, metadata={"k": "v"}, temperature=0.1)

    assert {*body} == {"messages", "inference_config"}
    assert dropped == ["metadata"]


def test_a_request_in_the_protocols_own_words_is_relayed() -> None:
    fields = {"messages": b"[]", "modelId": b'"x"', "models": b"[]", "system": b"[]"}

    sent = bedrock_converse.build_relayed(
        fields,
        CLAUDE,
        Quirks(frozenset({"system"})),
        stream=True,
        dropped=frozenset({"models"}),
    )

    assert sent == {"messages": b"[]"}


def test_streams_have_a_path_of_their_own() -> None:
    path = "/model/converse/converse"

    assert bedrock_converse.stream_path(path) == "/model/converse/converse-stream"
    assert bedrock_converse.stream_path(path + "?a=b") == path + "-stream?a=b"


names = st.text(min_size=1, max_size=12) | st.text("-x2e.:a_", min_size=1, max_size=8)


@given(name=names)
def test_a_tools_name_comes_back(name: str) -> None:
    sent = tool_name(name)

    assert 0 < len(sent) <= 64
    assert sent.isascii()
    assert sent.replace("-", "").replace("_", "").isalnum() or {*sent} <= {*"-_"}
    if len(sent) < 64 and not any("\ud800" <= c <= "\udfff" for c in name):
        assert original_name(sent) == name


@given(foreign=st.text(max_size=100), other=st.text(max_size=100))
def test_ids_stay_apart(foreign: str, other: str) -> None:
    assert 0 < len(tool_id(foreign)) <= 64
    assert tool_id(foreign) == tool_id(foreign)
    if foreign != other:
        assert tool_id(foreign) != tool_id(other)


@given(titles=st.lists(st.text(max_size=230), max_size=6))
def test_titles_are_plain_and_unique(titles: list[str]) -> None:
    taken: set[str] = set()
    made = [document_title(title, taken) for title in titles]

    assert len({*made}) == len(made)
    assert all(0 < len(title) <= 200 for title in made)
    assert all(title.isascii() and title.isprintable() for title in made)
