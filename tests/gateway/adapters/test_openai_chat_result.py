"""Whole answers of the many servers that speak chat completions."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import openai_chat
from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from tests.gateway.adapters.openai_chat_values import answers, anything
from usage.tokens import Tokens


def read(tree: Any) -> ChatResult:
    return openai_chat.parse_result(orjson.dumps(tree))


def read_message(message: Any, reason: Any = "stop") -> Choice:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return read({"id": "chatcmpl-1", "choices": [choice]}).choices[0]


def test_an_answer_that_was_spoken_is_read_as_its_words() -> None:
    message = {"content": None, "audio": {"id": "a", "data": "", "transcript": "Hi"}}

    assert read_message(message).parts == (Text("Hi"),)


def test_an_answer_of_openai_is_read_whole() -> None:
    tree = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790000000,
        "model": "gpt-4.1-2025-04-14",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "annotations": [],
                    "tool_calls": [
                        {
                            "id": "call_a1",
                            "type": "function",
                            "function": {
                                "name": "get_weather",
                                "arguments": '{"city":"Oslo"}',
                            },
                        }
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 1200,
            "completion_tokens": 300,
            "total_tokens": 1500,
            "prompt_tokens_details": {
                "cached_tokens": 1024,
                "cache_write_tokens": 0,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": 128,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_x",
    }

    call = ToolCall("call_a1", "get_weather", '{"city":"Oslo"}')
    assert read(tree) == ChatResult(
        id="chatcmpl-1",
        model="gpt-4.1-2025-04-14",
        choices=(Choice((call,), "tool_calls"),),
        tokens=Tokens(input=1200, output=300, cache_read=1024, reasoning=128),
    )


def test_several_choices_keep_their_places_and_figures() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": []}]}
    choices = [
        {
            "index": index,
            "message": {"content": text},
            "finish_reason": "length",
            "logprobs": logprobs,
        }
        for index, text in ((1, "b"), (0, "a"))
    ]

    assert read({"choices": choices}).choices == (
        Choice((Text("b"),), "length", 1, logprobs),
        Choice((Text("a"),), "length", 0, logprobs),
    )


def test_a_refusal_is_one() -> None:
    choice = read_message({"content": None, "refusal": "I cannot."})

    assert choice == Choice((Refusal("I cannot."),), "stop")


@pytest.mark.parametrize(
    "message",
    [
        {"content": "4", "reasoning_content": "2+2"},
        {"content": "4", "reasoning": "2+2"},
        {"content": "4", "reasoning": "2+2", "reasoning_content": "2+2"},
        {"content": [{"type": "thinking", "thinking": "2+2"}, "4"]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
                {"type": "text", "text": "4"},
                {"type": "reference", "reference_ids": [1]},
            ]
        },
    ],
)
def test_reasoning_is_read_wherever_it_stands(message: Any) -> None:
    reasoning = Reasoning("2+2", protocol="openai_chat")

    assert read_message(message).parts == (reasoning, Text("4"))


def test_thoughts_in_the_text_are_left_where_they_are() -> None:
    text = "<think>2+2</think>4"

    assert read_message({"content": text}).parts == (Text(text),)


def test_reasoning_details_are_sealed_as_they_came() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0}]
    message = {"content": "4", "reasoning": "Hm.", "reasoning_details": details}

    reasoning = read_message(message).parts[0]

    assert isinstance(reasoning, Reasoning)
    assert (reasoning.text, reasoning.signature) == ("Hm.", "")
    assert orjson.loads(reasoning.sealed) == details


def test_sources_are_read_from_the_text_or_from_beside_the_choices() -> None:
    annotation = {
        "type": "url_citation",
        "url_citation": {
            "url": "https://a.test",
            "title": "A",
            "start_index": 1,
            "end_index": 3,
        },
    }
    message = {"content": "Cold.", "annotations": [annotation]}
    plain = [{"message": {"content": "Cold."}, "finish_reason": "stop"}]

    assert read({"choices": [{"message": message}]}).citations == (
        Citation("https://a.test", "A", start=1, end=3),
    )
    assert read(
        {
            "choices": plain,
            "citations": ["https://a.test", {"url": "https://b.test"}, None],
            "search_results": [
                {
                    "title": "A",
                    "url": "https://a.test",
                    "date": None,
                    "snippet": "Cold.",
                }
            ],
        }
    ).citations == (
        Citation("https://a.test", "A", "Cold."),
        Citation("https://b.test"),
    )


@pytest.mark.parametrize(
    ("reason", "known"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("load", "stop"),
        ("", "stop"),
        (None, "stop"),
        (7, "stop"),
        ("max_tokens", "length"),
        ("model_length", "length"),
        ("function_call", "tool_calls"),
        ("MAX_TOKENS", "length"),
    ],
)
def test_odd_finish_reasons_are_understood(reason: Any, known: str) -> None:
    assert read_message({"content": "a"}, reason).finish_reason == known


@pytest.mark.parametrize("reason", ["error", "abort"])
def test_an_answer_that_was_broken_off_is_none(reason: str) -> None:
    with pytest.raises(openai_chat.Unreadable):
        read_message({"content": "a"}, reason)


@pytest.mark.parametrize(
    ("call", "read_as"),
    [
        (
            {"function": {"name": "f", "arguments": {"a": 1}}},
            ToolCall("call_chatcmpl-1_0", "f", '{"a":1}'),
        ),
        ({"id": None, "function": {"name": "f"}}, ToolCall("call_chatcmpl-1_0", "f")),
        ({"id": "x", "function": {"name": "f", "arguments": ""}}, ToolCall("x", "f")),
        (
            {
                "id": "x",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "s"}},
            },
            ToolCall("x", "f", signature="s"),
        ),
    ],
)
def test_tool_calls_are_completed(call: Any, read_as: ToolCall) -> None:
    choice = read_message({"content": "", "tool_calls": [call]}, "stop")

    assert choice == Choice((read_as,), "tool_calls")


def test_calls_that_are_none_are_left_out() -> None:
    calls = [None, {}, {"function": None}, {"function": {"name": ""}}]

    for tool_calls in (None, [], calls):
        choice = read_message({"content": "a", "tool_calls": tool_calls})
        assert choice == Choice((Text("a"),), "stop")


def test_the_old_form_of_a_call_is_read() -> None:
    function = {"name": "f", "arguments": "{}"}
    choice = read_message({"content": None, "function_call": function}, "function_call")

    assert choice.parts == (ToolCall("call_chatcmpl-1_0", "f"),)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        # xAI and DeepInfra count reasoning apart.
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 200,
                "total_tokens": 1500,
                "completion_tokens_details": {"reasoning_tokens": 300},
            },
            Tokens(1000, 500, reasoning=300),
        ),
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 400,
                "total_tokens": 1700,
                "completion_tokens_details": {"reasoning_tokens": 300},
            },
            Tokens(1000, 700, reasoning=300),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            Tokens(10, 50, reasoning=30),
        ),
        # Mistral's.
        (
            {"prompt_tokens": 90, "completion_tokens": 20, "num_cached_tokens": 64},
            Tokens(90, 20, cache_read=64),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": "many"},
            Tokens(9, 2),
        ),
        (None, None),
        ({"prompt_tokens": None}, None),
    ],
)
def test_usage_counts_reasoning_once(usage: Any, tokens: Tokens | None) -> None:
    tree = {"choices": [{"message": {"content": "a"}}], "usage": usage}

    assert read(tree).tokens == tokens


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":null}',
        b'{"choices":[]}',
        b'{"choices":[null]}',
        b'{"choices":[{"message":null}]}',
    ],
)
def test_an_answer_without_a_message_is_none(body: bytes) -> None:
    with pytest.raises(openai_chat.Unreadable):
        openai_chat.parse_result(body)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"code": "Client specified an invalid argument", "error": "Wrong key."},
            "Client specified an invalid argument",
            "Wrong key.",
        ),
        ({"detail": {"error": "No."}}, "", "No."),
        (
            {"detail": [{"loc": ["body"], "msg": "Field required", "type": "missing"}]},
            "",
            "Field required",
        ),
        (
            {
                "object": "error",
                "message": {"detail": [{"msg": "Extra inputs"}]},
                "type": "invalid_request_error",
                "code": None,
            },
            "invalid_request_error",
            "Extra inputs",
        ),
        (
            {
                "error": {
                    "code": 400,
                    "message": "Too long.",
                    "type": "exceed_context_size_error",
                }
            },
            "exceed_context_size_error",
            "Too long.",
        ),
        (
            {
                "error": {
                    "code": 400,
                    "message": "Too long.",
                    "metadata": {"error_type": "context_length_exceeded"},
                }
            },
            "context_length_exceeded",
            "Too long.",
        ),
        ({"error": {"code": 502, "message": "Gone."}}, "502", "Gone."),
        ({"error": None, "message": "Unauthorized"}, "", "Unauthorized"),
        ({"error": ["a", {"msg": "b"}]}, "", "a; b"),
        ({"error": 7}, "", "7"),
    ],
)
def test_errors_are_read_in_every_shape(body: Any, code: str, message: str) -> None:
    fault = openai_chat.error_code(orjson.dumps(body))

    assert (fault.code, fault.message) == (code, message)


@given(body=st.binary(max_size=300))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    with contextlib.suppress(openai_chat.Unreadable):
        openai_chat.parse_result(body)


@given(answer=answers | anything)
def test_no_json_breaks_the_reading(answer: Any) -> None:
    with contextlib.suppress(openai_chat.Unreadable):
        openai_chat.parse_result(json.dumps(answer).encode())


@given(message=answers, choice=answers)
def test_no_message_breaks_the_reading(message: Any, choice: Any) -> None:
    tree = {"choices": [{**choice, "message": message}]}

    with contextlib.suppress(openai_chat.Unreadable):
        openai_chat.parse_result(json.dumps(tree).encode())


@pytest.mark.parametrize("depth", [300, 900])
def test_no_depth_breaks_the_reading(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    call = b'{"function":{"name":"f","arguments":%b}}' % deep
    message = b'{"tool_calls":[%b],"reasoning_details":[%b]}' % (call, deep)
    choice = b'{"message":%b,"logprobs":{"content":%b}}' % (message, deep)
    body = b'{"id":"a","choices":[%b],"error":%b}' % (choice, deep)

    (read_choice,) = openai_chat.parse_result(body).choices

    assert read_choice == Choice((ToolCall("call_a_0", "f"),), "tool_calls")
    assert openai_chat.error_code(body).message == "No message."
