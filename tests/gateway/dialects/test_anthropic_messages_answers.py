"""Answers and errors as Anthropic's clients read them."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import (
    Began,
    ChatResult,
    Choice,
    Chunk,
    Citation,
    Cited,
    Finished,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    Used,
)
from gateway.dialects import anthropic_messages
from gateway.sse import data_of, split_events
from gateway.types import JSON
from usage.tokens import Tokens

NAME = anthropic_messages.NAME
TOKENS = Tokens(
    input=1025,
    output=55,
    cache_read=1000,
    cache_write=5,
    reasoning=30,
    other={"search": 1},
)
USAGE = {
    "input_tokens": 20,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 1000,
    "output_tokens": 55,
    "output_tokens_details": {"thinking_tokens": 30},
    "server_tool_use": {"web_search_requests": 1},
}
SOURCE = Citation("https://a.example", "A", "cited", 3, 5)
CITED = {
    "type": "search_result_location",
    "cited_text": "cited",
    "source": "https://a.example",
    "title": "A",
    "search_result_index": 0,
    "start_block_index": 0,
    "end_block_index": 1,
}


def answer(*parts: Part, finish: Any = "stop", **more: Any) -> JSON:
    result = ChatResult(choices=(Choice(parts, finish),), **more)
    body = anthropic_messages.build_response(result, "42", 1760000000, "m-1")
    tree: JSON = orjson.loads(body)
    return tree


def stream(*chunks: Chunk) -> list[JSON]:
    """Return the events of the whole stream, checked against the grammar."""
    builder = anthropic_messages.StreamBuilder("42", 0, "m-1", with_usage=False)
    written = b"".join([*map(builder.write, chunks), builder.close()])
    events = [read_event(event) for event in split_events(written)]
    check_grammar(events)
    return events


def read_event(event: bytes) -> JSON:
    data = data_of(event)
    assert data is not None
    tree: JSON = orjson.loads(data)
    assert event.startswith(f"event: {tree['type']}\n".encode())
    return tree


def check_grammar(events: list[JSON]) -> None:
    """Check what the official client insists on."""
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert events[0]["message"]["usage"].keys() >= {"input_tokens", "output_tokens"}
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    assert events[-2]["usage"]["output_tokens"] >= 0
    index, is_open = -1, False
    for event in events[2:-2]:
        if event["type"] == "content_block_start":
            assert not is_open
            index, is_open = index + 1, True
        assert is_open
        assert event["index"] == index
        is_open = event["type"] != "content_block_stop"
    assert not is_open


def blocks_of(events: list[JSON]) -> list[JSON]:
    """Put the blocks together as the official client does."""
    blocks: list[JSON] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"]})
        elif event["type"] == "content_block_delta":
            match event["delta"]:
                case {"type": "text_delta", "text": text}:
                    blocks[-1]["text"] += text
                case {"type": "input_json_delta", "partial_json": text}:
                    blocks[-1]["json"] = blocks[-1].get("json", "") + text
                case {"type": "thinking_delta", "thinking": text}:
                    blocks[-1]["thinking"] += text
                case {"type": "signature_delta", "signature": signature}:
                    blocks[-1]["signature"] = signature
                case {"type": "citations_delta", "citation": citation}:
                    blocks[-1].setdefault("citations", []).append(citation)
                case other:
                    raise AssertionError(other)
    return blocks


def test_an_answer_is_a_message() -> None:
    assert answer(
        Reasoning("Hm.", signature="Eq..", protocol=NAME),
        Reasoning(sealed="c2Vh", protocol=NAME),
        Text("It "),
        Text("is."),
        ToolCall("toolu_1", "f", '{"a": 1}'),
        ToolCall("toolu_2", "g", ""),
        finish="tool_calls",
        tokens=TOKENS,
        citations=(SOURCE,),
    ) == {
        "id": "msg_42",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "Eq.."},
            {"type": "redacted_thinking", "data": "c2Vh"},
            {"type": "text", "text": "It ", "citations": None},
            {"type": "text", "text": "is.", "citations": [CITED]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "stop_details": None,
        "usage": USAGE,
    }


def test_reasoning_that_this_protocol_has_not_signed_is_left_out() -> None:
    reasoning = [
        Reasoning("foreign", signature="x", protocol="gemini_generate"),
        Reasoning("unsigned", protocol=NAME),
        Reasoning("plain"),
    ]

    assert answer(*reasoning, Text("Hi"))["content"] == [
        {"type": "text", "text": "Hi", "citations": None}
    ]


@pytest.mark.parametrize(
    ("finish", "stop_reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
    ],
)
def test_every_finish_reason_has_a_stop_reason(finish: str, stop_reason: str) -> None:
    assert answer(Text("Hi"), finish=finish)["stop_reason"] == stop_reason


def test_the_stop_sequence_is_told() -> None:
    choice = Choice((Text("Hi"),), "stop", stop_sequence="END")
    body = anthropic_messages.build_response(ChatResult(choices=(choice,)), "1", 0, "m")

    told = orjson.loads(body)
    assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", "END")


def test_a_refusal_is_told_in_its_own_words() -> None:
    told = answer(Refusal("Not that."))

    assert told["stop_reason"] == "refusal"
    assert told["stop_details"]["explanation"] == "Not that."
    assert told["content"][0]["text"] == "Not that."


def test_usage_that_nobody_told_is_a_guess() -> None:
    assert answer(Text("four" * 100))["usage"]["output_tokens"] > 100


def test_ids_and_arguments_that_the_protocol_refuses_are_mended() -> None:
    odd = [
        ToolCall("functions.x:0", "x", "{"),
        ToolCall("", "y", "[1]"),
    ]

    assert answer(*odd)["content"] == [
        {
            "type": "tool_use",
            "id": "functions_x_0_0",
            "name": "x",
            "input": {"_raw": "{"},
        },
        {"type": "tool_use", "id": "toolu_42_1", "name": "y", "input": {"_raw": "[1]"}},
    ]


def test_a_stream_is_written_whole() -> None:
    events = stream(
        Began("chatcmpl-1", "gpt", Tokens(input=30, cache_read=10)),
        ReasoningDelta("Hm.", protocol=NAME),
        ReasoningDelta(signature="Eq..", protocol=NAME),
        ReasoningDelta(sealed="c2Vh", protocol=NAME),
        TextDelta("It "),
        TextDelta("is."),
        Cited(SOURCE),
        ToolCallBegan(0, "t0", "f"),
        ToolArgumentsDelta(0, '{"a":'),
        ToolArgumentsDelta(0, "1}"),
        ToolCallBegan(1, "t1", "g"),
        Finished("tool_calls"),
        Used(TOKENS),
    )

    start = events[0]["message"]
    assert (start["id"], start["model"]) == ("msg_42", "m-1")
    assert start["usage"]["input_tokens"] == 20
    assert blocks_of(events) == [
        {"type": "thinking", "thinking": "Hm.", "signature": "Eq.."},
        {"type": "redacted_thinking", "data": "c2Vh"},
        {"type": "text", "text": "It is.", "citations": [CITED]},
        {"type": "tool_use", "id": "t0", "name": "f", "input": {}, "json": '{"a":1}'},
        {"type": "tool_use", "id": "t1", "name": "g", "input": {}},
    ]
    assert events[-2] == {
        "type": "message_delta",
        "delta": {
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "stop_details": None,
        },
        "usage": USAGE,
    }


def test_deltas_are_sent_as_they_come() -> None:
    builder = anthropic_messages.StreamBuilder("42", 0, "m-1", with_usage=True)
    builder.write(TextDelta("It"))

    assert builder.write(TextDelta(" is")) == (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":" is"}}\n\n'
    )


def test_interleaved_calls_are_written_one_after_another() -> None:
    events = stream(
        TextDelta("I look."),
        ToolCallBegan(0, "t0", "f"),
        ToolCallBegan(1, "t1", "g"),
        ToolArgumentsDelta(1, '{"b":'),
        ToolArgumentsDelta(0, '{"a":'),
        TextDelta("Wait."),
        ToolArgumentsDelta(1, "2}"),
        ToolArgumentsDelta(0, "1}"),
        Finished("tool_calls"),
    )

    assert blocks_of(events) == [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t0", "name": "f", "input": {}, "json": '{"a":1}'},
        {"type": "tool_use", "id": "t1", "name": "g", "input": {}, "json": '{"b":2}'},
        {"type": "text", "text": "Wait."},
    ]


def test_a_call_that_is_complete_does_not_hold_back_the_next() -> None:
    builder = anthropic_messages.StreamBuilder("42", 0, "m-1", with_usage=True)
    builder.write(ToolCallBegan(0, "t0", "f"))
    builder.write(ToolArgumentsDelta(0, "{}"))

    assert b'"id":"t1"' in builder.write(ToolCallBegan(1, "t1", "g"))


def test_citations_that_come_first_wait_for_the_text() -> None:
    events = stream(Cited(SOURCE), TextDelta("It is."), Finished("stop"))

    assert blocks_of(events) == [
        {"type": "text", "text": "It is.", "citations": [CITED]}
    ]


def test_a_stream_without_usage_guesses_it() -> None:
    events = stream(TextDelta("four" * 10), Finished("stop", stop_sequence="END"))

    assert events[-2]["usage"]["output_tokens"] == 10
    assert events[-2]["delta"]["stop_reason"] == "stop_sequence"


def test_a_refusal_in_a_stream_is_told() -> None:
    events = stream(RefusalDelta("Not "), RefusalDelta("that."), Finished("stop"))

    assert blocks_of(events) == [{"type": "text", "text": "Not that."}]
    assert events[-2]["delta"]["stop_details"]["explanation"] == "Not that."


def test_other_choices_and_foreign_reasoning_are_left_out() -> None:
    events = stream(
        TextDelta("a"),
        TextDelta("b", choice=1),
        ReasoningDelta("c", protocol="openai_chat"),
        TextDelta("d"),
        Finished("length", choice=1),
        Finished("stop"),
    )

    assert blocks_of(events) == [{"type": "text", "text": "ad"}]
    assert events[-2]["delta"]["stop_reason"] == "end_turn"


def test_an_empty_stream_is_still_a_message() -> None:
    assert [event["type"] for event in stream()] == [
        "message_start",
        "ping",
        "message_delta",
        "message_stop",
    ]


chunks = st.one_of(
    st.builds(TextDelta, st.text(max_size=3)),
    st.builds(ReasoningDelta, st.text(max_size=3), protocol=st.just(NAME)),
    st.builds(ReasoningDelta, signature=st.just("s"), protocol=st.just(NAME)),
    st.builds(ReasoningDelta, sealed=st.just("s"), protocol=st.just(NAME)),
    st.builds(ToolCallBegan, st.integers(0, 3), st.text(max_size=3), st.just("f")),
    st.builds(
        ToolArgumentsDelta,
        st.integers(0, 3),
        st.sampled_from(["{", "}", '{"a":1}', "", "{}"]),
    ),
    st.just(Cited(SOURCE)),
    st.just(RefusalDelta("No.")),
    st.just(Used(TOKENS)),
    st.just(Began()),
    st.just(Finished("stop")),
)


@given(written=st.lists(chunks, max_size=25))
def test_any_order_of_chunks_is_a_proper_stream(written: list[Chunk]) -> None:
    events = stream(*written)

    said = "".join(chunk.text for chunk in written if isinstance(chunk, TextDelta))
    refused = "".join("No." for chunk in written if isinstance(chunk, RefusalDelta))
    texts = [block["text"] for block in blocks_of(events) if block["type"] == "text"]
    assert len("".join(texts)) == len(said) + len(refused)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_every_status_has_a_type(status: int, kind: str) -> None:
    body = anthropic_messages.build_error(status, "our_code", "What to do.", None)

    assert json.loads(body) == {
        "type": "error",
        "error": {
            "type": kind,
            "message": "What to do.",
            "details": {"error_code": "our_code"},
        },
    }


def test_extras_stand_in_the_error_and_the_request_id_beside_it() -> None:
    extra = {"approval_id": "a-1", "request_id": "req_1"}
    body = anthropic_messages.build_error(403, "c", "m", "messages[0]", extra)

    told = json.loads(body)
    assert told["error"]["approval_id"] == "a-1"
    assert told["error"]["details"] == {"error_code": "c", "param": "messages[0]"}
    assert told["request_id"] == "req_1"


def test_an_error_inside_a_stream_is_an_event() -> None:
    event = anthropic_messages.build_error_event(502, "overloaded_error", "Overloaded")

    told = read_event(event)
    assert event.endswith(b"\n\n")
    assert told["error"]["type"] == "overloaded_error"


def test_a_silent_stream_is_kept_alive_by_pings() -> None:
    assert read_event(anthropic_messages.KEEPALIVE) == {"type": "ping"}
