"""What is sent to a provider of chat completions for a request of any dialect."""

from typing import Any

import pytest

from gateway.adapters import openai_chat
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

HELLO = (Message("user", (Text("Hello"),)),)
CLOSED = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool("weather", "Says what it is like.", CLOSED, strict=True)


def built(
    model: str = "gpt-4.1", quirks: Quirks | None = None, **fields: Any
) -> tuple[JSON, list[str]]:
    request = ChatRequest(**{"messages": HELLO, **fields})
    return openai_chat.build_request(request, model, quirks or Quirks(), None)


def body(model: str = "gpt-4.1", **fields: Any) -> JSON:
    return built(model, **fields)[0]


def messages(*written: Message, model: str = "gpt-4.1") -> list[JSON]:
    found: list[JSON] = body(model, messages=written)["messages"]
    return found


# Messages


def test_a_plain_request_is_short() -> None:
    assert built() == (
        {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello"}]},
        [],
    )


def test_texts_of_a_system_message_become_one_string() -> None:
    written = messages(Message("system", (Text("Be kind."), Text("Be brief."))))

    assert written == [{"role": "system", "content": "Be kind.\n\nBe brief."}]


def test_parts_of_a_user_message_are_written_each_in_its_shape() -> None:
    parts = (
        Text("Look"),
        Image(url="https://a.test/b.png", detail="low"),
        Image(data="AAAA", media_type="image/webp"),
        Audio("BBBB", "wav"),
        File(data="CCCC", media_type="application/pdf", name="a.pdf"),
        File(file_id="file-1"),
    )

    (message,) = messages(Message("user", parts))

    assert message["content"] == [
        {"type": "text", "text": "Look"},
        {
            "type": "image_url",
            "image_url": {"url": "https://a.test/b.png", "detail": "low"},
        },
        {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
        {
            "type": "file",
            "file": {
                "file_data": "data:application/pdf;base64,CCCC",
                "filename": "a.pdf",
            },
        },
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


def test_a_file_that_is_elsewhere_is_named_in_words() -> None:
    file = File(url="https://a.test/b.pdf", media_type="application/pdf", name="b.pdf")

    sent, dropped = built(messages=(Message("user", (file,)),))

    assert sent["messages"][0]["content"] == "b.pdf: https://a.test/b.pdf"
    assert dropped == ["file_url"]


def test_a_file_without_a_name_gets_one() -> None:
    (message,) = messages(Message("user", (File(data="A", media_type="text/csv"),)))

    assert message["content"][0]["file"] == {
        "file_data": "data:text/csv;base64,A",
        "filename": "file.csv",
    }


def test_an_image_that_is_elsewhere_stays_an_image() -> None:
    file = File(url="https://a.test/b.png", media_type="image/png")

    (message,) = messages(Message("user", (file,)))

    assert message["content"][0]["image_url"] == {"url": "https://a.test/b.png"}


def test_results_of_tools_come_before_what_the_user_says() -> None:
    result = ToolResult("call_1", (Text("4"), Text("5")))
    image = Image(data="AAAA", media_type="image/png")

    written = messages(
        Message("assistant", (Text("Let me see."), ToolCall("call_1", "f", '{"a":1}'))),
        Message(
            "user",
            (
                Text("And?"),
                result,
                ToolResult("call_2", (image,)),
                ToolResult("call_3", (Text("No."),), is_error=True),
            ),
        ),
    )

    assert written == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a":1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "4\n5"},
        {
            "role": "tool",
            "tool_call_id": "call_2",
            "content": "The result is the image that follows.",
        },
        {"role": "tool", "tool_call_id": "call_3", "content": "Error: No."},
        {
            "role": "user",
            "content": [
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,AAAA"},
                },
                {"type": "text", "text": "And?"},
            ],
        },
    ]


def test_results_alone_bring_no_user_message() -> None:
    written = messages(Message("user", (ToolResult("call_1", (Text("4"),)),)))

    assert [message["role"] for message in written] == ["tool"]


def test_reasoning_of_another_protocol_is_left_out() -> None:
    theirs = Reasoning("Hm.", signature="s", protocol="anthropic_messages")
    ours = Reasoning("Well.", protocol="openai_chat")

    assert messages(Message("assistant", (theirs, Text("Yes.")))) == [
        {"role": "assistant", "content": "Yes."}
    ]
    assert messages(Message("assistant", (theirs, ours, Text("Yes.")))) == [
        {"role": "assistant", "content": "Yes.", "reasoning_content": "Well."}
    ]
    assert messages(Message("assistant", (theirs,))) == []


def test_sealed_details_go_back_as_they_came() -> None:
    details = '[{"type":"reasoning.text","text":"Hm.","signature":"s","index":0}]'
    ours = Reasoning("Hm.", sealed=details, protocol="openai_chat")

    (message,) = messages(Message("assistant", (ours, ToolCall("a", "f"))))

    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0}
    ]


def test_a_refusal_is_told_as_one_only_to_who_knows_the_field() -> None:
    refused = Message("assistant", (Refusal("No."),))

    assert messages(refused) == [
        {"role": "assistant", "content": None, "refusal": "No."}
    ]
    assert messages(refused, model="mistral-large-4") == [
        {"role": "assistant", "content": "No."}
    ]


def test_a_signature_of_a_call_goes_only_to_gemini() -> None:
    call = Message("assistant", (ToolCall("a", "f", signature="s"),))

    (plain,) = messages(call)
    (signed,) = messages(call, model="gemini-3-flash")

    assert "extra_content" not in plain["tool_calls"][0]
    extra = {"google": {"thought_signature": "s"}}
    assert signed["tool_calls"][0]["extra_content"] == extra


@pytest.mark.parametrize("call_id", ["toolu_01A", "x" * 80, "D681PevKs"])
def test_call_ids_match_their_results_in_a_form_that_mistral_takes(
    call_id: str,
) -> None:
    talk = (
        Message("assistant", (ToolCall(call_id, "f"),)),
        Message("user", (ToolResult(call_id, (Text("4"),)),)),
    )

    for model, length in (("mistral-large-4", 9), ("gpt-4.1", min(len(call_id), 29))):
        call, result = messages(*talk, model=model)
        assert call["tool_calls"][0]["id"] == result["tool_call_id"]
        assert len(result["tool_call_id"]) == length


def test_marks_for_the_cache_are_written_where_they_are_known() -> None:
    marked = Message("user", (Text("Long", cached=True), Text("Short")))
    system = Message("system", (Text("Long", cached=True),))

    assert "prompt_cache_breakpoint" not in str(messages(marked, system))
    for model, mark in (
        ("gpt-5.6-sol", {"prompt_cache_breakpoint": {"mode": "explicit"}}),
        ("anthropic/claude-sonnet-5", {"cache_control": {"type": "ephemeral"}}),
    ):
        user, first = messages(marked, system, model=model)
        long = {"type": "text", "text": "Long", **mark}
        assert user["content"] == [long, {"type": "text", "text": "Short"}]
        assert first["content"] == [long]


# Tools


def test_tools_and_their_choice_are_written() -> None:
    sent = body(
        tools=(WEATHER, Tool("now")),
        tool_choice=ToolChoice("named", "weather"),
        parallel_tool_calls=False,
    )

    assert sent["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Says what it is like.",
                "parameters": CLOSED,
                "strict": True,
            },
        },
        {
            "type": "function",
            "function": {
                "name": "now",
                "parameters": {"type": "object", "properties": {}},
            },
        },
    ]
    choice = {"type": "function", "function": {"name": "weather"}}
    assert sent["tool_choice"] == choice
    assert sent["parallel_tool_calls"] is False
    for mode in ("auto", "none", "required"):
        assert (
            body(tools=(WEATHER,), tool_choice=ToolChoice(mode))["tool_choice"] == mode
        )


def test_without_tools_nothing_is_said_about_them() -> None:
    sent, dropped = built(tool_choice=ToolChoice("required"), parallel_tool_calls=True)

    assert sent.keys() == {"model", "messages"}
    assert dropped == ["tool_choice"]


def test_a_schema_that_would_be_refused_as_strict_is_not_called_strict() -> None:
    open_schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    nested = {**CLOSED, "properties": {"city": {"anyOf": [open_schema]}}}

    for schema in (open_schema, nested):
        tool = Tool("f", parameters=schema, strict=True)
        sent = body(
            tools=(tool,),
            output_format=OutputFormat("json_schema", "a", schema, strict=True),
        )
        assert "strict" not in sent["tools"][0]["function"]
        assert "strict" not in sent["response_format"]["json_schema"]


# Parameters


def test_sampling_parameters_keep_their_values() -> None:
    sent, dropped = built(
        max_output_tokens=5,
        temperature=0.5,
        top_p=0.9,
        stop=("a", "b"),
        seed=1,
        choices=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=3,
        end_user="u",
        metadata={"a": "b"},
        stream=True,
    )

    assert dropped == []
    assert sent == {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["a", "b"],
        "seed": 1,
        "n": 2,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 3,
        "user": "u",
        "metadata": {"a": "b"},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_openai_refuses_of_models_that_reason_is_dropped_and_named() -> None:
    fields: dict[str, Any] = {
        "max_output_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ("a",),
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": 3,
        "end_user": "u",
    }
    always = {"stop", "presence_penalty", "frequency_penalty"}
    sampling = {"temperature", "top_p", "logprobs"}

    for model, refused in (
        ("o3", always | sampling),
        ("gpt-5-mini", always | sampling),
        ("gpt-5.2", always),
        ("gpt-5.5", always | sampling),
        ("gpt-6-sol", always | sampling),
    ):
        sent, dropped = built(model, **fields)
        assert set(dropped) == refused
        assert sent["max_completion_tokens"] == 5
        assert sent["safety_identifier"] == "u"
        assert sent.keys().isdisjoint({"max_tokens", "user", *refused})
    sent, dropped = built("gpt-5.6-luna", **fields, effort="none")
    assert set(dropped) == always
    assert (sent["temperature"], sent["reasoning_effort"]) == (0.5, "none")


def test_the_only_temperature_that_is_taken_is_sent() -> None:
    assert built("gpt-6-sol", temperature=1)[1] == []


def test_chat_variants_take_what_models_without_reasoning_take() -> None:
    sent, dropped = built("gpt-5.1-chat-latest", max_output_tokens=5, temperature=0.5)

    assert (sent["max_tokens"], sent["temperature"], dropped) == (5, 0.5, [])


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        ("o3", "none", "low"),
        ("o4-mini", "max", "high"),
        ("gpt-5", "minimal", "minimal"),
        ("gpt-5", "none", "minimal"),
        ("gpt-5.1", "none", "none"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-5.1", "xhigh", "high"),
        ("gpt-5.2", "max", "xhigh"),
        ("gpt-6-sol", "none", "none"),
        ("gpt-6-astra", "none", "low"),
        ("gpt-6.1-sol", "none", "low"),
        ("gpt-6.1-terra", "none", "none"),
        ("openai/gpt-oss-120b", "none", "low"),
        ("grok-4.7", "max", "xhigh"),
        ("qwen3", "max", "high"),
    ],
)
def test_an_effort_is_sent_as_the_nearest_that_the_model_accepts(
    model: str, wanted: str, sent: str
) -> None:
    found, dropped = built(model, effort=wanted)

    assert (found["reasoning_effort"], dropped) == (sent, [])


def test_an_effort_is_dropped_where_nothing_reasons() -> None:
    assert "reasoning_effort" not in body("gpt-4o", effort="low")
    assert built("gpt-4o", effort="low")[1] == ["effort"]
    assert built("gpt-4o", effort="none")[1] == []


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(0, "none"), (1_024, "low"), (4_000, "medium"), (32_000, "high")],
)
def test_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    sent, dropped = built("gpt-5.2", thinking_budget=budget)

    assert (sent["reasoning_effort"], dropped) == (effort, [])


def test_a_budget_beside_an_effort_is_dropped_and_named() -> None:
    sent, dropped = built("gpt-5.2", thinking_budget=99, effort="high")

    assert (sent["reasoning_effort"], dropped) == ("high", ["thinking_budget"])


def test_formats_of_the_answer_are_written() -> None:
    wanted = OutputFormat("json_schema", "an answer", CLOSED, strict=True)

    assert "response_format" not in body()
    assert body(output_format=wanted)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "an_answer", "schema": CLOSED, "strict": True},
    }


def test_json_is_asked_for_in_words_as_well() -> None:
    wanted = OutputFormat("json_object")
    system = Message("system", (Text("Be kind."),))
    asked = Message("user", (Text("Give me Json"),))

    assert body(output_format=wanted)["messages"][0] == {
        "role": "system",
        "content": "Answer with a single JSON object.",
    }
    assert body(messages=(system, *HELLO), output_format=wanted)["messages"][0] == {
        "role": "system",
        "content": "Be kind.\n\nAnswer with a single JSON object.",
    }
    sent = body(messages=(asked,), output_format=wanted)
    assert sent["messages"] == [{"role": "user", "content": "Give me Json"}]
    assert sent["response_format"] == {"type": "json_object"}


def test_more_stops_than_are_taken_are_named() -> None:
    sent, dropped = built(stop=("a", "b", "c", "d", "e"))

    assert (sent["stop"], dropped) == (["a", "b", "c", "d"], ["stop"])


def test_a_long_end_user_is_digested_where_its_length_is_bounded() -> None:
    assert len(body("gpt-6-sol", end_user="u" * 200)["safety_identifier"]) == 64


# Quirks and what is nobody's


def test_quirks_drop_and_rename_what_a_provider_takes_otherwise() -> None:
    quirks = Quirks(
        drop_params=frozenset({"stream_options", "user", "logprobs", "top_logprobs"}),
        rename_params={
            "seed": "random_seed",
            "max_completion_tokens": "max_tokens",
            "top_k": "top_k",
        },
    )

    sent, dropped = built(
        "gpt-5.2",
        quirks,
        stream=True,
        seed=1,
        max_output_tokens=5,
        top_k=7,
        logprobs=2,
    )

    assert sent == {
        "model": "gpt-5.2",
        "messages": [{"role": "user", "content": "Hello"}],
        "random_seed": 1,
        "max_tokens": 5,
        "top_k": 7,
        "stream": True,
    }
    assert dropped == ["logprobs"]


def test_the_bound_is_sent_under_the_name_that_is_not_dropped() -> None:
    quirks = Quirks(drop_params=frozenset({"max_completion_tokens"}))

    sent, dropped = built("gpt-5.2", quirks, max_output_tokens=5)

    assert (sent["max_tokens"], dropped) == (5, [])


def test_details_that_are_none_are_left_out() -> None:
    broken = Reasoning("Hm.", sealed="{", protocol="openai_chat")

    (message,) = messages(Message("assistant", (broken, Text("4"))))

    assert message["reasoning_content"] == "Hm."


def test_a_result_can_be_marked_for_the_cache() -> None:
    result = ToolResult("a", (Text("4"),), cached=True)

    (message,) = messages(Message("user", (result,)), model="gpt-5.6-sol")

    assert message["content"][0]["text"] == "4"


def test_what_has_no_counterpart_is_named() -> None:
    assert built(top_k=5)[1] == ["top_k"]
    fields: dict[str, Any] = {
        "extra": {"safetySettings": []},
        "protocol": "gemini_generate",
    }
    assert built(**fields) == (body(), ["safetySettings"])


def test_what_is_the_protocols_own_is_written_back() -> None:
    extra = {"logit_bias": {"1": 2}, "verbosity": "low"}

    sent, dropped = built(extra=extra, protocol="openai_chat")

    assert sent == {**body(), **extra}
    assert dropped == []
    assert built("o3", extra=extra, protocol="openai_chat")[1] == ["logit_bias"]


@pytest.mark.parametrize(
    ("model", "has_tools", "effort", "bridged"),
    [
        ("gpt-4.1", True, "", False),
        ("o3", True, "high", False),
        ("gpt-5.2", True, "high", False),
        ("gpt-5.4-mini", True, "", False),
        ("gpt-5.4", True, "low", True),
        ("gpt-5.5", True, "", True),
        ("gpt-5.6-terra", True, "", True),
        ("gpt-5.6-terra", True, "none", False),
        ("gpt-5.6-terra", False, "high", False),
        ("gpt-6-astra", True, "none", True),
        ("gpt-6-luna", True, "none", False),
        ("gpt-5.5-pro", False, "", True),
        ("o3-deep-research", False, "", True),
        ("gpt-5.6-chat-latest", True, "", False),
        ("gpt-35-turbo", True, "", False),
        ("llama-3.3-70b", True, "", False),
    ],
)
def test_calls_that_openai_serves_only_as_responses_are_known(
    model: str, has_tools: bool, effort: str, bridged: bool
) -> None:
    found = openai_chat.must_bridge(model, has_tools=has_tools, effort=effort)

    assert found is bridged


def test_the_stream_has_the_path_of_the_plain_call() -> None:
    assert openai_chat.stream_path("/v1/chat/completions") == "/v1/chat/completions"
    assert openai_chat.HEADERS == {}
