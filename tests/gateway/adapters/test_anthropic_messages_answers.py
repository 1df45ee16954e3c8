"""Whole answers and errors of the Messages protocol, read into the gateway's words."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import anthropic_messages
from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    FinishReason,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.types import UpstreamFault, UpstreamReply
from usage.tokens import Tokens

ANSWER = (Path(__file__).parent / "anthropic_messages_replies/answer.json").read_bytes()
NAME = anthropic_messages.NAME
TOKENS = Tokens(
    input=1025,
    output=55,
    cache_read=1000,
    cache_write=5,
    reasoning=30,
    other={"search": 1},
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=10)
)
names = st.sampled_from(
    [
        "content",
        "usage",
        "model",
        "error",
        "type",
        "text",
        "input",
        "id",
        "citations",
        "stop_reason",
        "stop_details",
        "input_tokens",
        "output_tokens",
        "message",
        "cache_creation",
        "cache_read_input_tokens",
        "details",
        "error_code",
        "thinking",
    ]
)
words = st.sampled_from(
    ["text", "tool_use", "thinking", "redacted_thinking", "error", "message", "refusal"]
)
likely = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    ),
    max_leaves=15,
)
answers = st.dictionaries(names, likely, max_size=6)


def answer(**changes: Any) -> bytes:
    return json.dumps({**json.loads(ANSWER), **changes}).encode()


def test_an_answer_is_read_whole() -> None:
    assert anthropic_messages.parse_result(ANSWER) == ChatResult(
        id="msg_01A",
        model="claude-sonnet-5-5",
        choices=(
            Choice(
                parts=(
                    Reasoning("It is cold there.", signature="Eq..", protocol=NAME),
                    Reasoning(sealed="c2VhbGVk", protocol=NAME),
                    Text("It is "),
                    Text("4 C"),
                    ToolCall("toolu_2", "get_weather", '{"city": "Oslo"}'),
                    ToolCall("toolu_3", "get_time", "{}"),
                ),
                finish_reason="tool_calls",
            ),
        ),
        tokens=TOKENS,
        citations=(
            Citation("https://weather.example/oslo", "Oslo", "4 degrees", 6, 9),
        ),
    )


def test_a_relayed_answer_keeps_its_bytes_and_tells_its_usage() -> None:
    assert anthropic_messages.parse_response(ANSWER) == UpstreamReply(
        body=ANSWER,
        tokens=TOKENS,
        reported_model="claude-sonnet-5-5",
        finish_reason="tool_calls",
    )


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("compaction", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_every_stop_reason_has_a_finish_reason(
    stop_reason: str, finish_reason: FinishReason
) -> None:
    result = anthropic_messages.parse_result(answer(stop_reason=stop_reason))

    assert result.choices[0].finish_reason == finish_reason


def test_the_stop_sequence_that_ended_the_answer_is_told() -> None:
    body = answer(stop_reason="stop_sequence", stop_sequence="END")

    assert anthropic_messages.parse_result(body).choices[0].stop_sequence == "END"


def test_the_words_of_a_refusal_are_a_part_of_the_answer() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not that."}
    body = answer(stop_reason="refusal", stop_details=details, content=[])

    result = anthropic_messages.parse_result(body)

    assert result.choices == (Choice((Refusal("Not that."),), "content_filter"),)


def test_cache_writes_are_added_up_when_only_their_parts_are_told() -> None:
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 3,
            "ephemeral_1h_input_tokens": 4,
        },
    }

    reply = anthropic_messages.parse_response(answer(usage=usage))

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == Tokens(input=8, output=2, cache_write=7)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        {"input_tokens": 0, "output_tokens": 0},
        {"input_tokens": -1, "output_tokens": 5},
        {"input_tokens": 10**12, "output_tokens": 5},
        {"input_tokens": "12", "output_tokens": 5},
        {"input_tokens": True, "output_tokens": 5},
    ],
)
def test_usage_that_cannot_be_true_is_not_believed(usage: Any) -> None:
    reply = anthropic_messages.parse_response(answer(usage=usage))

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens is None


def test_an_error_inside_a_success_is_found() -> None:
    body = b'{"type":"error","error":{"type":"api_error","message":"No."}}'

    assert anthropic_messages.parse_response(body) == UpstreamFault("api_error", "No.")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"content":null}', b'{"content":"text"}']
)
def test_an_answer_that_is_none_is_unreadable(body: bytes) -> None:
    with pytest.raises(anthropic_messages.Unreadable):
        anthropic_messages.parse_response(body)
    with pytest.raises(anthropic_messages.Unreadable):
        anthropic_messages.parse_result(body)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, "overloaded_error"),
        ({"type": "rate_limit_error", "message": "Slow down"}, "rate_limit_error"),
        (
            {
                "type": "invalid_request_error",
                "message": "prompt is too long: 214748 tokens > 200000 maximum",
            },
            "context_length_exceeded",
        ),
        (
            {
                "type": "invalid_request_error",
                "message": "input length and `max_tokens` exceed context limit: 9 > 8",
            },
            "context_length_exceeded",
        ),
        (
            {
                "type": "rate_limit_error",
                "message": "Limit reached",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
            "insufficient_quota",
        ),
    ],
)
def test_the_type_of_an_error_is_its_code_unless_there_is_a_truer_one(
    error: dict[str, Any], code: str
) -> None:
    body = {"type": "error", "error": error, "request_id": "req_1"}

    fault = anthropic_messages.error_code(json.dumps(body).encode())

    assert fault == UpstreamFault(code, error["message"])


def test_an_error_page_is_read_as_an_error_without_a_code() -> None:
    fault = anthropic_messages.error_code(b"<html>413</html>")

    assert fault.code == ""
    assert "html" not in fault.message


@given(body=st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_an_answer(body: bytes) -> None:
    with contextlib.suppress(anthropic_messages.Unreadable):
        anthropic_messages.parse_response(body)
    with contextlib.suppress(anthropic_messages.Unreadable):
        anthropic_messages.parse_result(body)
    anthropic_messages.error_code(body)


@given(tree=answers | likely)
def test_no_json_breaks_the_reading_of_an_answer(tree: Any) -> None:
    body = json.dumps(tree).encode()

    with contextlib.suppress(anthropic_messages.Unreadable):
        anthropic_messages.parse_response(body)
    with contextlib.suppress(anthropic_messages.Unreadable):
        anthropic_messages.parse_result(body)
    fault = anthropic_messages.error_code(body)
    assert len(fault.code) <= 64
    assert fault.code.isprintable()
    assert len(fault.message) <= 1000
