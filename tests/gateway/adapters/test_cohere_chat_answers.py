"""Cohere's answers, whole and streamed, in the gateway's words."""

import contextlib
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import cohere_chat
from gateway.canonical import (
    Began,
    ChatResult,
    Choice,
    Chunk,
    Citation,
    Cited,
    Ended,
    Finished,
    ReasoningDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    Used,
)
from gateway.canonical import Reasoning as Thought
from gateway.sse import EventCutter
from gateway.types import JSON, StreamFault, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

NAME = cohere_chat.NAME
USAGE: JSON = {
    "billed_units": {"input_tokens": 5.0, "output_tokens": 10.0},
    "tokens": {"input_tokens": 71.0, "output_tokens": 14.0},
    "cached_tokens": 3.0,
}
USED = Tokens(input=5, output=10, cache_read=3)
SOURCES = [
    {
        "type": "tool",
        "id": "weather_1:0",
        "tool_output": {"url": "https://weather.example", "title": "Oslo", "text": "4"},
    },
    {"type": "document", "id": "d1", "document": {"snippet": "Cold."}},
]
CITATION: JSON = {
    "start": 6,
    "end": 9,
    "text": "4 C",
    "sources": SOURCES,
    "type": "TEXT_CONTENT",
    "content_index": 1,
}
CITED = (
    Citation("https://weather.example", "Oslo", "4", 6, 9),
    Citation("", "d1", "Cold.", 6, 9),
)


def answer(**changes: Any) -> bytes:
    message = {
        "role": "assistant",
        "tool_plan": "I will ask.",
        "content": [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "text", "text": "It is 4 C."},
        ],
        "tool_calls": [
            {
                "id": "get_time_1",
                "type": "function",
                "function": {"name": "get_u002d_time", "arguments": '{"a": 1}'},
            },
            {"type": "function", "function": {"name": "clock"}},
        ],
        "citations": [CITATION, {**CITATION, "type": "PLAN"}],
    }
    tree = {
        "id": "c14c",
        "finish_reason": "TOOL_CALL",
        "message": message,
        "usage": USAGE,
        "logprobs": [{"text": "It", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}],
    }
    return json.dumps(tree | changes).encode()


def test_an_answer_is_read_whole() -> None:
    assert cohere_chat.parse_result(answer()) == ChatResult(
        id="c14c",
        choices=(
            Choice(
                parts=(
                    Thought("Hm.", protocol=NAME),
                    Text("It is 4 C."),
                    Thought("I will ask.", protocol=NAME),
                    ToolCall("get_time_1", "get-time", '{"a": 1}'),
                    ToolCall("clock_1", "clock", "{}"),
                ),
                finish_reason="tool_calls",
                logprobs={
                    "content": [
                        {
                            "token": "It",
                            "logprob": -0.75,
                            "bytes": [73, 116],
                            "top_logprobs": [],
                        }
                    ],
                    "refusal": None,
                },
            ),
        ),
        tokens=USED,
        citations=CITED,
    )


def test_an_answer_is_checked_and_what_is_billed_is_known() -> None:
    body = answer()

    assert cohere_chat.parse_response(body) == UpstreamReply(
        body=body, tokens=USED, finish_reason="tool_calls"
    )


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, None),
        ({"tokens": {"input_tokens": 7, "output_tokens": 2}}, Tokens(7, 2)),
        (
            {"billed_units": {"input_tokens": 2, "output_tokens": 1}}
            | {"cached_tokens": 60},
            Tokens(2, 1, cache_read=2),
        ),
        ({"billed_units": {"input_tokens": -1, "output_tokens": 1}}, None),
        ({"billed_units": {"input_tokens": 1e15, "output_tokens": 1}}, None),
        ({"billed_units": {"input_tokens": "5"}}, None),
        ({"billed_units": {"input_tokens": 0}}, None),
        ([], None),
        (
            {"billed_units": {"input_tokens": 2, "search_units": 1}},
            Tokens(2, 0, other={"search": 1}),
        ),
    ],
)
def test_the_billed_units_count_and_what_cannot_be_true_does_not(
    usage: Any, tokens: Tokens | None
) -> None:
    assert cohere_chat.parse_result(answer(usage=usage)).tokens == tokens


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("ERROR_LIMIT", "length"),
        ("ERROR_TOXIC", "content_filter"),
        (None, "stop"),
        ([], "stop"),
    ],
)
def test_reasons_to_end_have_other_names(told: Any, reason: str) -> None:
    message = {"content": [{"type": "text", "text": "a"}]}

    result = cohere_chat.parse_result(answer(message=message, finish_reason=told))

    assert result.choices[0].finish_reason == reason


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"finish_reason": "ERROR"},
            UpstreamFault("", "The provider broke the answer off.", status=502),
        ),
        (
            {"finish_reason": "TIMEOUT"},
            UpstreamFault("", "The provider broke the answer off.", status=504),
        ),
        ({"message": "Overloaded."}, UpstreamFault("", "Overloaded.")),
    ],
)
def test_an_error_hidden_in_an_answer_is_found(
    changes: JSON, fault: UpstreamFault
) -> None:
    assert cohere_chat.parse_response(answer(**changes)) == fault


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"message":1}', b"<html>"])
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    for parse in (cohere_chat.parse_response, cohere_chat.parse_result):
        with pytest.raises(cohere_chat.Unreadable):
            parse(body)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("too many tokens: total number of tokens", "context_length_exceeded"),
        ("invalid api token", "invalid_api_key"),
        ("You are limited to 1000 API calls / month", "insufficient_quota"),
        ("You are limited to 20 API calls / minute", ""),
        ("blocked output: against the guidelines", "content_policy_violation"),
        ("invalid request: model is required", ""),
    ],
)
def test_the_message_tells_what_the_status_does_not(message: str, code: str) -> None:
    body = json.dumps({"id": "1", "message": message}).encode()

    assert cohere_chat.error_code(body) == UpstreamFault(code, message)


def event(kind: str, **data: Any) -> bytes:
    text = json.dumps({"type": kind, **data}, separators=(",", ":"))
    return f"event: {kind}\ndata: {text}\n\n".encode()


def told(kind: str, index: int | None, **message: Any) -> bytes:
    return event(kind, index=index, delta={"message": message})


def call(name: str | None, arguments: str | None, call_id: str = "") -> JSON:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


END: JSON = {"finish_reason": "TOOL_CALL", "usage": USAGE}
STREAM = b"".join(
    [
        event("message-start", id="c14c", delta={"message": {"role": "assistant"}}),
        told("content-start", 0, content={"type": "thinking", "thinking": ""}),
        told("content-delta", 0, content={"thinking": "Hm."}),
        event("content-end", index=0),
        told("content-start", 1, content={"type": "text", "text": "It"}),
        told("content-delta", 1, content={"text": " is 4 C."}),
        told("citation-start", 0, citations=CITATION),
        event("citation-end", index=0),
        event("content-end", index=1),
        told("tool-plan-delta", None, tool_plan="I will ask."),
        told("tool-call-start", 0, tool_calls=call("get_u002d_time", "", "t_1")),
        told("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"a"'}}),
        told("tool-call-delta", 0, tool_calls={"function": {"arguments": ":1}"}}),
        event("tool-call-end", index=0),
        told("tool-call-start", 1, tool_calls=[call("clock", None)]),
        event("tool-call-end", index=1),
        event("debug", prompt="…"),
        event("message-end", id="c14c", delta=END),
        b"data: [DONE]\n\n",
    ]
)
CHUNKS: list[Chunk] = [
    Began("c14c"),
    ReasoningDelta("Hm.", protocol=NAME),
    TextDelta("It"),
    TextDelta(" is 4 C."),
    Cited(CITED[0]),
    Cited(CITED[1]),
    ReasoningDelta("I will ask.", protocol=NAME),
    ToolCallBegan(0, "t_1", "get-time"),
    ToolArgumentsDelta(0, '{"a"'),
    ToolArgumentsDelta(0, ":1}"),
    ToolCallBegan(1, "clock_1", "clock"),
    ToolArgumentsDelta(1, "{}"),
    Used(USED),
    Finished("tool_calls"),
    Ended(),
]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    cutter = EventCutter(100_000)
    marks = [0, *sorted(places), len(stream)]
    pieces = [cutter.feed(stream[start:end]) for start, end in pairwise(marks)]
    return [*pieces, cutter.flush()]


places = st.lists(st.integers(0, len(STREAM)), max_size=12)


@given(places=places)
def test_a_stream_says_the_same_wherever_it_is_cut(places: list[int]) -> None:
    parser = cohere_chat.StreamParser()

    assert [c for piece in cut(STREAM, places) for c in parser.read(piece)] == CHUNKS


@given(places=places)
def test_a_relayed_stream_is_passed_on_byte_for_byte(places: list[int]) -> None:
    inspector = cohere_chat.StreamInspector(hide_usage=True)

    notes = [inspector.read(piece) for piece in cut(STREAM, places)]

    assert b"".join(note.forward for note in notes) == STREAM
    assert any(note.is_done for note in notes)
    assert inspector.tokens == USED
    assert inspector.started


def test_figures_of_a_piece_go_with_its_text() -> None:
    figures = {"text": "It", "token_ids": [1], "logprobs": [-0.5]}
    piece = event(
        "content-delta",
        index=0,
        delta={"message": {"content": {"text": "It"}}},
        logprobs=figures,
    )

    [chunk] = cohere_chat.StreamParser().read(piece)

    assert isinstance(chunk, TextDelta)
    assert chunk.logprobs is not None
    assert chunk.logprobs["content"][0]["logprob"] == -0.5


@pytest.mark.parametrize(
    "ending",
    [
        event("message-end", delta={"finish_reason": "ERROR"}),
        event("message-end", delta={"error": "Out of memory.", "usage": USAGE}),
        event("message-end", delta={"finish_reason": "TIMEOUT"}),
        b'data: {"message":"Overloaded."}\n\n',
        event("error", message="Overloaded."),
    ],
)
def test_what_breaks_off_is_told_after_what_was_said(ending: bytes) -> None:
    said = told("content-delta", 0, content={"text": "It"})
    parser = cohere_chat.StreamParser()

    assert parser.read(said + ending)[0] == TextDelta("It")
    with pytest.raises(StreamFault):
        parser.read(b"")

    inspector = cohere_chat.StreamInspector(hide_usage=False)
    notes = inspector.read(said + ending)
    assert notes.forward == said
    assert notes.fault is not None


def test_a_stream_without_its_end_is_not_complete() -> None:
    parser = cohere_chat.StreamParser()
    parser.read(told("content-delta", 0, content={"text": "It"}) + b"data: [DONE]\n\n")

    assert not parser.complete


def test_nothing_has_begun_while_only_announcements_came() -> None:
    inspector = cohere_chat.StreamInspector(hide_usage=False)

    inspector.read(event("message-start", id="1", delta={}))
    inspector.read(told("content-start", 0, content={"type": "text", "text": ""}))
    assert not inspector.started
    inspector.read(told("content-start", 0, content={"type": "text", "text": "a"}))
    assert inspector.started


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["ERROR", "TOOL_CALL", "text", "thinking", "tool", "_ud800_"])
)
names = st.sampled_from(
    [
        "message",
        "delta",
        "content",
        "tool_calls",
        "tool_plan",
        "function",
        "name",
        "arguments",
        "citations",
        "sources",
        "document",
        "start",
        "content_index",
        "type",
        "text",
        "thinking",
        "usage",
        "billed_units",
        "tokens",
        "input_tokens",
        "cached_tokens",
        "logprobs",
        "finish_reason",
        "error",
        "id",
        "index",
    ]
)
likely = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    ),
    max_leaves=20,
)
kinds = st.sampled_from(
    [
        "message-start",
        "content-start",
        "content-delta",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "citation-start",
        "message-end",
        "error",
    ]
)


@given(tree=st.dictionaries(names, likely, max_size=6))
def test_no_answer_can_break_the_adapter(tree: JSON) -> None:
    body = json.dumps(tree).encode()

    for parse in (cohere_chat.parse_response, cohere_chat.parse_result):
        with contextlib.suppress(cohere_chat.Unreadable):
            parse(body)
    cohere_chat.error_code(body)


@given(
    events=st.lists(
        st.tuples(kinds | likely, st.dictionaries(names, likely, max_size=4)),
        max_size=5,
    )
)
def test_no_event_can_break_the_adapter(events: list[tuple[Any, JSON]]) -> None:
    stream = b"".join(
        f"data: {json.dumps({**tree, 'type': kind})}\n\n".encode()
        for kind, tree in events
    )

    with contextlib.suppress(cohere_chat.Unreadable, StreamFault):
        cohere_chat.StreamParser().read(stream)
    with contextlib.suppress(cohere_chat.Unreadable):
        cohere_chat.StreamInspector(hide_usage=True).read(stream)


@given(data=st.binary(max_size=60))
def test_no_bytes_can_break_the_adapter(data: bytes) -> None:
    for parse in (cohere_chat.parse_response, cohere_chat.parse_result):
        with contextlib.suppress(cohere_chat.Unreadable):
            parse(data)
    cohere_chat.error_code(data)
    with contextlib.suppress(cohere_chat.Unreadable, StreamFault):
        cohere_chat.StreamParser().read(b"data: " + data + b"\n\n")
