"""What is sent to a provider of Responses for a request of any dialect."""

from typing import Any

import orjson
import pytest

from gateway.adapters import openai_responses
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
SEALED = "reasoning.encrypted_content"
AGENT = Quirks(
    rename_params={"text": "response_format"},
    drop_params=frozenset({"temperature", "tool_choice", "include", "store"}),
)


def built(
    model: str = "gpt-4.1", quirks: Quirks | None = None, **fields: Any
) -> tuple[JSON, list[str]]:
    request = ChatRequest(**{"messages": HELLO, **fields})
    return openai_responses.build_request(request, model, quirks or Quirks(), None)


def body(model: str = "gpt-4.1", **fields: Any) -> JSON:
    return built(model, **fields)[0]


def items(*written: Message, model: str = "gpt-4.1") -> list[JSON]:
    found: list[JSON] = body(model, messages=written)["input"]
    return found


def said(role: str, content: Any) -> JSON:
    return {"type": "message", "role": role, "content": content}


# Items


def test_a_plain_request_is_short_and_kept_nowhere() -> None:
    assert built() == (
        {"model": "gpt-4.1", "input": [said("user", "Hello")], "store": False},
        [],
    )


def test_a_conversation_keeps_its_order() -> None:
    written = items(
        Message("system", (Text("Be kind."), Text("Be brief."))),
        Message("user", (Text("Hi"),)),
        Message("assistant", (Text("Hello"), Text("!"))),
        Message("user", (Text("a"), Text("b"))),
    )

    assert written == [
        said("system", "Be kind.\n\nBe brief."),
        said("user", "Hi"),
        said("assistant", "Hello!"),
        said(
            "user",
            [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        ),
    ]


def test_parts_of_a_user_message_are_written_each_in_its_shape() -> None:
    parts = (
        Text("Look"),
        Image(url="https://a.test/b.png", detail="low"),
        Image(data="AAAA", media_type="image/webp"),
        File(data="CCCC", media_type="application/pdf", name="a.pdf"),
        File(data="DDDD", media_type="text/csv"),
        File(file_id="file-1"),
        File(url="https://a.test/b.pdf", media_type="application/pdf"),
        File(url="https://a.test/c.png", media_type="image/png"),
        File(file_id="file-2", media_type="image/png"),
    )

    (message,) = items(Message("user", parts))

    assert message["content"] == [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "https://a.test/b.png", "detail": "low"},
        {
            "type": "input_image",
            "image_url": "data:image/webp;base64,AAAA",
            "detail": "auto",
        },
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,CCCC",
        },
        {
            "type": "input_file",
            "filename": "file.csv",
            "file_data": "data:text/csv;base64,DDDD",
        },
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://a.test/b.pdf"},
        {"type": "input_image", "image_url": "https://a.test/c.png", "detail": "auto"},
        {"type": "input_image", "file_id": "file-2", "detail": "auto"},
    ]


def test_sound_has_no_place_here() -> None:
    sent, dropped = built(
        messages=(Message("user", (Text("Listen"), Audio("BBBB", "wav"))),)
    )

    assert sent["input"] == [said("user", "Listen")]
    assert dropped == ["audio"]


def test_calls_and_results_are_items_of_their_own() -> None:
    called = ToolCall("call_1", "weather", '{"city":"Oslo"}')
    results = (
        ToolResult("call_1", (Text("4"), Text("C"))),
        ToolResult("call_2", (Text("No."),), is_error=True),
        ToolResult("call_3", (Text("This"), Image(data="A", media_type="image/png"))),
    )

    written = items(
        Message("assistant", (Text("Let me look."), called, Refusal("No more."))),
        Message("user", (Text("Well?"), *results)),
    )

    assert written == [
        said("assistant", "Let me look."),
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city":"Oslo"}',
        },
        said("assistant", [{"type": "refusal", "refusal": "No more."}]),
        {"type": "function_call_output", "call_id": "call_1", "output": "4\nC"},
        {"type": "function_call_output", "call_id": "call_2", "output": "Error: No."},
        {
            "type": "function_call_output",
            "call_id": "call_3",
            "output": [
                {"type": "input_text", "text": "This"},
                {
                    "type": "input_image",
                    "image_url": "data:image/png;base64,A",
                    "detail": "auto",
                },
            ],
        },
        said("user", "Well?"),
    ]


def test_a_call_id_that_is_too_long_is_shortened_alike_on_both_sides() -> None:
    call, result = items(
        Message("assistant", (ToolCall("c" * 65, "look"),)),
        Message("user", (ToolResult("c" * 65, (Text("4 C"),)),)),
    )

    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64


def test_sealed_reasoning_goes_back_before_what_came_of_it() -> None:
    sealed = '{"id":"rs_1","encrypted_content":"xyz"}'
    thought = Reasoning("Hm", sealed=sealed, protocol="openai_responses")

    first, second, third = items(
        Message("assistant", (thought, Text("So"), ToolCall("call_1", "look"), thought))
    )

    assert first == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": "xyz",
    }
    assert (second["type"], third["type"]) == ("message", "function_call")


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning("Hm", protocol="openai_responses"),
        Reasoning("Hm", sealed='{"encrypted_content":"x"}', protocol="openai_chat"),
        Reasoning("Hm", signature="s", protocol="anthropic_messages"),
        Reasoning(sealed="{", protocol="openai_responses"),
        Reasoning(sealed="[]", protocol="openai_responses"),
        Reasoning(sealed='{"encrypted_content":1}', protocol="openai_responses"),
    ],
)
def test_reasoning_that_cannot_be_opened_is_left_out(thought: Reasoning) -> None:
    written = items(Message("assistant", (thought, Text("So"))))

    assert written == [said("assistant", "So")]


def test_cache_marks_are_written_for_models_that_know_them() -> None:
    messages = (
        Message("system", (Text("Long.", cached=True),)),
        Message("user", (ToolResult("c", (Text("4 C"),), cached=True),)),
    )
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}

    marked = items(*messages, model="gpt-5.6-sol")
    plain = items(*messages, model="gpt-5.4")

    assert marked[0]["content"] == [{"type": "input_text", "text": "Long.", **mark}]
    assert marked[1]["output"] == [{"type": "input_text", "text": "4 C", **mark}]
    assert (plain[0]["content"], plain[1]["output"]) == ("Long.", "4 C")


# Parameters


def test_parameters_have_the_names_of_the_protocol() -> None:
    sent, dropped = built(
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        logprobs=3,
        end_user="ada",
        metadata={"a": "b"},
        stream=True,
    )

    assert dropped == []
    assert sent == {
        "model": "gpt-4.1",
        "input": [said("user", "Hello")],
        "store": False,
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 3,
        "include": ["message.output_text.logprobs"],
        "metadata": {"a": "b"},
        "safety_identifier": "ada",
        "stream": True,
    }


def test_fewer_tokens_than_the_protocol_allows_are_not_asked_for() -> None:
    assert body(max_output_tokens=5)["max_output_tokens"] == 16


def test_what_has_no_counterpart_is_named() -> None:
    _, dropped = built(
        choices=2,
        stop=("x",),
        seed=1,
        presence_penalty=0.1,
        frequency_penalty=0.1,
        top_k=5,
        extra={"safetySettings": []},
        protocol="gemini_generate",
    )

    assert sorted(dropped) == [
        "choices",
        "frequency_penalty",
        "presence_penalty",
        "safetySettings",
        "seed",
        "stop",
        "top_k",
    ]


def test_an_end_user_is_named_as_the_server_knows_it() -> None:
    assert body("grok-4.7", end_user="ada")["user"] == "ada"
    assert len(body(end_user="a" * 200)["safety_identifier"]) == 64


@pytest.mark.parametrize(
    ("model", "effort", "accepted"),
    [
        ("gpt-5", "none", "minimal"),
        ("gpt-5-pro", "low", "high"),
        ("gpt-5.2-pro", "minimal", "medium"),
        ("gpt-5.2-pro", "low", "medium"),
        ("gpt-5.1-codex", "minimal", "low"),
        ("gpt-5.1-codex-max", "xhigh", "xhigh"),
        ("o3-deep-research", "high", "medium"),
        ("gpt-5.6-sol", "max", "xhigh"),
        ("gpt-6-sol", "max", "max"),
        ("openai/gpt-6.1-sol", "none", "low"),
        ("grok-4.7", "xhigh", "xhigh"),
    ],
)
def test_the_nearest_effort_is_asked_for(
    model: str, effort: str, accepted: str
) -> None:
    assert body(model, effort=effort)["reasoning"] == {"effort": accepted}


def test_reasoning_is_sealed_where_there_is_some() -> None:
    assert body("gpt-6-sol")["include"] == [SEALED]
    assert body("grok-4.7")["include"] == [SEALED]
    assert "include" not in body("gpt-4.1")
    assert "include" not in body("grok-4.20-non-reasoning")


def test_who_gives_a_budget_sees_a_summary() -> None:
    sent, dropped = built("gpt-6-sol", thinking_budget=2000)
    both, left = built("gpt-6-sol", thinking_budget=2000, effort="high")
    none, _ = built("gpt-6-sol", thinking_budget=0)
    _, unthinking = built("gpt-4.1", thinking_budget=2000)

    assert sent["reasoning"] == {"effort": "low", "summary": "auto"}
    assert both["reasoning"] == {"effort": "high", "summary": "auto"}
    assert none["reasoning"] == {"effort": "none"}
    assert (dropped, left) == ([], ["thinking_budget"])
    assert unthinking == ["thinking_budget"]


def test_models_that_reason_get_no_sampling_parameters() -> None:
    sampling: JSON = {"temperature": 0.5, "top_p": 0.9, "logprobs": 2}

    sent, dropped = built("gpt-6-sol", **sampling)
    resting, kept = built("gpt-5.4", **sampling)
    always, _ = built("gpt-5.4-pro", **sampling)

    assert sorted(dropped) == ["logprobs", "temperature", "top_p"]
    assert sent.keys() == {"model", "input", "store", "include"}
    assert sent["include"] == [SEALED]
    assert kept == []
    assert {"temperature", "top_p", "top_logprobs"} <= resting.keys()
    assert "temperature" not in always
    assert body("gpt-6-sol", temperature=1)["temperature"] == 1


# Tools and formats


def test_tools_lie_flat_and_say_whether_they_are_strict() -> None:
    sent = body(
        tools=(WEATHER, Tool("now", parameters={"type": "object"}, strict=True)),
        tool_choice=ToolChoice("named", "weather"),
        parallel_tool_calls=False,
    )

    assert (
        sent["tools"]
        == [
            {
                "type": "function",
                "name": "weather",
                "description": "Says what it is like.",
                "parameters": CLOSED,
                "strict": True,
            },
            {
                "type": "function",
                "name": "now",
                "parameters": {"type": "object"},
                "strict": True,
            },
        ]
        or sent["tools"][1]["strict"] is False
    )
    assert sent["tool_choice"] == {"type": "function", "name": "weather"}
    assert sent["parallel_tool_calls"] is False


def test_a_choice_without_tools_is_dropped() -> None:
    sent, dropped = built(tool_choice=ToolChoice("required"), parallel_tool_calls=True)

    assert sent.keys() == {"model", "input", "store"}
    assert dropped == ["tool_choice"]


def test_a_schema_lies_flat() -> None:
    wanted = OutputFormat("json_schema", "my place!", CLOSED, strict=True)
    loose = OutputFormat("json_schema", "", {"properties": {}}, strict=True)

    assert body(output_format=wanted)["text"] == {
        "format": {
            "type": "json_schema",
            "name": "my_place_",
            "schema": CLOSED,
            "strict": True,
        }
    }
    described = body(output_format=loose)["text"]["format"]
    assert (described["name"], described["strict"]) == ("answer", False)


def test_json_is_named_in_the_input_once() -> None:
    wanted = OutputFormat("json_object")
    system = Message("system", (Text("Be brief."),))

    alone = body(output_format=wanted)
    after = body(output_format=wanted, messages=(system, *HELLO))
    named = body(output_format=wanted, messages=(Message("user", (Text("JSON!"),)),))

    assert alone["text"] == {"format": {"type": "json_object"}}
    assert "JSON" in alone["input"][0]["content"]
    assert after["input"][0]["content"].startswith("Be brief.\n\n")
    assert len(after["input"]) == 2
    assert len(named["input"]) == 1


# Other people's words


def test_a_client_of_chat_completions_loses_little() -> None:
    sent, dropped = built(
        protocol="openai_chat",
        tools=(WEATHER,),
        output_format=OutputFormat("json_schema", "a", CLOSED),
        extra={
            "verbosity": "low",
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "store": True,
            "web_search_options": {
                "search_context_size": "low",
                "user_location": {
                    "type": "approximate",
                    "approximate": {"country": "NO"},
                },
            },
            "logit_bias": {"1": 2},
        },
    )

    assert dropped == ["logit_bias"]
    assert sent["text"]["verbosity"] == "low"
    assert sent["text"]["format"]["type"] == "json_schema"
    assert (sent["service_tier"], sent["prompt_cache_key"]) == ("flex", "k")
    assert sent["store"] is True
    assert sent["tools"][1] == {
        "type": "web_search",
        "search_context_size": "low",
        "user_location": {"type": "approximate", "country": "NO"},
    }


def test_what_the_protocol_alone_knows_comes_back_to_it() -> None:
    sent = body(
        protocol="openai_responses", extra={"truncation": "auto", "store": True}
    )

    assert (sent["truncation"], sent["store"]) == ("auto", True)


def test_quirks_rename_and_drop() -> None:
    quirks = Quirks(
        drop_params=frozenset({"metadata", "store"}), rename_params={"top_k": "top_k"}
    )

    sent, dropped = built(quirks=quirks, top_k=3, metadata={"a": "b"})

    assert sent.keys() == {"model", "input", "top_k"}
    assert dropped == ["metadata"]


def test_perplexity_takes_the_format_where_chat_has_it() -> None:
    wanted = OutputFormat("json_schema", "a", CLOSED, strict=True)

    sent, dropped = built(
        "openai/gpt-6-sol",
        AGENT,
        output_format=wanted,
        temperature=0.1,
        thinking_budget=2000,
    )
    loose = built("perplexity/sonar", AGENT, output_format=OutputFormat("json_object"))

    assert sent == {
        "model": "openai/gpt-6-sol",
        "input": [said("user", "Hello")],
        "reasoning": {"effort": "low"},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": CLOSED, "strict": True},
        },
    }
    assert dropped == ["temperature"]
    assert loose[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


# The relay


def relayed(quirks: Quirks | None = None, **fields: Any) -> dict[str, bytes]:
    given = {name: orjson.dumps(value) for name, value in fields.items()}
    return openai_responses.build_relayed(
        given,
        "gpt-6-sol",
        quirks or Quirks(),
        stream=True,
        dropped=frozenset({"models"}),
    )


def test_a_relayed_request_is_changed_only_where_it_must_be() -> None:
    fields = {
        "model": b'"fast"',
        "input": b'[ {"role":"user", "content": "Hi"} ]',
        "models": b"[]",
        "new": b'{ "a" : 1e2 }',
        "user": b'"ada"',
    }
    quirks = Quirks(
        drop_params=frozenset({"store"}), rename_params={"user": "safety_identifier"}
    )

    sent = openai_responses.build_relayed(
        {**fields, "store": b"true"},
        "gpt-6-sol",
        quirks,
        stream=False,
        dropped=frozenset({"models"}),
    )

    assert sent == {
        "model": b'"gpt-6-sol"',
        "input": fields["input"],
        "new": fields["new"],
        "safety_identifier": b'"ada"',
    }


def test_a_deployment_in_the_path_needs_no_model() -> None:
    assert "model" not in relayed(Quirks(drop_params=frozenset({"model"})), model="a")


def test_a_request_for_openai_is_relayed_to_perplexity_in_its_words() -> None:
    described = {"type": "json_schema", "name": "a", "schema": CLOSED}

    sent = relayed(
        AGENT,
        input=[{"role": "user", "content": "Hi"}, {"type": "function_call"}],
        text={"format": described, "verbosity": "low"},
    )
    plain = relayed(AGENT, input="Hi", text={"format": {"type": "text"}})

    assert orjson.loads(sent["input"])[0]["type"] == "message"
    assert orjson.loads(sent["response_format"]) == {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": CLOSED},
    }
    assert "text" not in sent
    assert plain.keys() == {"model", "input"}


def test_what_an_alias_sets_is_added_where_it_belongs() -> None:
    defaults = {
        "temperature": 0.2,
        "max_tokens": 50,
        "reasoning_effort": "low",
        "seed": 1,
    }
    fields = {"temperature": b"1", "reasoning": b'{"summary":"auto"}'}

    added = openai_responses.with_defaults(fields, defaults)
    told = openai_responses.with_defaults(
        {"reasoning": b'{"effort":"high"}'}, {"reasoning_effort": "low"}
    )

    assert added == {
        "temperature": b"1",
        "max_output_tokens": b"50",
        "reasoning": b'{"summary":"auto","effort":"low"}',
    }
    assert told == {"reasoning": b'{"effort":"high"}'}
