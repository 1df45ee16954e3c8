"""Streams of the many servers that speak chat completions, as canonical chunks."""

import contextlib
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import openai_chat
from gateway.canonical import (
    Began,
    Chunk,
    Citation,
    Cited,
    Ended,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.sse import EventCutter
from gateway.types import StreamFault
from tests.gateway.adapters.openai_chat_values import answers, anything
from usage.tokens import Tokens

DONE = b"data: [DONE]\n\n"
BEGAN = Began("c", "m")
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}


def event(tree: Any) -> bytes:
    return b"data: " + orjson.dumps(tree) + b"\n\n"


def delta(fields: Any, reason: Any = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": fields, "finish_reason": reason}
    return event({"id": "c", "model": "m", "choices": [choice], **more})


def calls(*fragments: Any) -> bytes:
    return delta({"tool_calls": list(fragments)})


def chunks(*events: bytes) -> list[Chunk]:
    return openai_chat.StreamParser().read(b"".join(events))


OPENAI = Path(__file__).with_name("openai_chat_tools.sse").read_bytes()
READ = [
    Began("chatcmpl-1", "gpt-4.1"),
    TextDelta("Hé"),
    ToolCallBegan(0, "call_a1", "get_weather"),
    ToolArgumentsDelta(0, '{"ci'),
    ToolArgumentsDelta(0, 'ty":1}'),
    ToolCallBegan(1, "call_b2", "now"),
    ToolArgumentsDelta(1, "{}"),
    Finished("tool_calls"),
    Used(Tokens(20, 9)),
    Ended(),
]


def test_a_stream_of_openai_is_read_whole() -> None:
    assert chunks(OPENAI) == READ


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_cut_of_a_stream_is_read_the_same(end: bytes) -> None:
    stream = b": hello\n\nevent: x\n".replace(b"\n", end) + OPENAI.replace(b"\n", end)
    for at in range(0, len(stream), 7):
        cutter, parser = EventCutter(10_000), openai_chat.StreamParser()
        read: list[Chunk] = []
        for piece in (stream[:at], stream[at : at + 1], stream[at + 1 :]):
            read += parser.read(cutter.feed(piece))
        assert read + parser.read(cutter.flush()) == READ
    single, parser = EventCutter(10_000), openai_chat.StreamParser()
    read = [
        chunk
        for at in range(len(stream))
        for chunk in parser.read(single.feed(stream[at : at + 1]))
    ]
    assert read == READ


def test_choices_are_told_apart() -> None:
    def both(index: int, fields: Any, reason: Any = None) -> Any:
        return {"index": index, "delta": fields, "finish_reason": reason}

    read = chunks(
        event({"choices": [both(0, {"content": "a"}), both(1, {"content": "b"})]}),
        event({"choices": [both(1, {}, "length"), both(0, {"refusal": "No"}, "stop")]}),
    )

    assert read == [
        Began(),
        TextDelta("a"),
        TextDelta("b", 1),
        Finished("length", 1),
        RefusalDelta("No"),
        Finished("stop"),
    ]


def test_reasoning_is_read_wherever_it_stands() -> None:
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]

    read = chunks(
        delta({"reasoning_content": "Hm"}),
        delta({"reasoning": "Hm"}),
        delta({"reasoning": "Hm", "reasoning_content": "Hm"}),
        delta({"content": thinking}),
        delta({"content": "<think>"}),
    )

    hm = ReasoningDelta("Hm", protocol="openai_chat")
    assert read == [BEGAN, hm, hm, hm, hm, TextDelta("<think>")]


def test_reasoning_details_are_sealed_once_the_answer_begins() -> None:
    def detail(**fields: Any) -> bytes:
        fragment = {"type": "reasoning.text", "index": 0, **fields}
        return delta({"reasoning": "a", "reasoning_details": [fragment]})

    read = chunks(
        detail(text="H"), detail(text="m", signature="s"), delta({"content": "4"})
    )

    sealed = read[3]
    assert isinstance(sealed, ReasoningDelta)
    assert (sealed.text, sealed.protocol) == ("", "openai_chat")
    assert orjson.loads(sealed.sealed) == [
        {"type": "reasoning.text", "index": 0, "text": "Hm", "signature": "s"}
    ]
    assert read[4:] == [TextDelta("4")]


def test_figures_come_with_their_text() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": []}]}
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}

    assert chunks(event({"choices": [choice]})) == [
        Began(),
        TextDelta("a", 0, logprobs),
    ]


F = {"name": "f", "arguments": "{}"}
G = {"name": "g", "arguments": '{"a":1}'}
TWO = [
    ToolCallBegan(0, "a", "f"),
    ToolArgumentsDelta(0, "{}"),
    ToolCallBegan(1, "b", "g"),
    ToolArgumentsDelta(1, '{"a":1}'),
]


@pytest.mark.parametrize(
    "fragments",
    [
        # Whole, numbered, or all with the same number, or with none.
        [
            {"index": 0, "id": "a", "function": F},
            {"index": 1, "id": "b", "function": G},
        ],
        [
            {"index": 0, "id": "a", "function": F},
            {"index": 0, "id": "b", "function": G},
        ],
        [{"id": "a", "function": F}, {"id": "b", "function": G}],
        [{"index": None, "id": "a", "function": F}, {"id": "b", "function": G}],
        # Arguments as an object.
        [
            {"id": "a", "function": {"name": "f", "arguments": {}}},
            {"id": "b", "function": {"name": "g", "arguments": {"a": 1}}},
        ],
    ],
)
def test_calls_are_told_apart_however_they_are_numbered(fragments: list[Any]) -> None:
    assert chunks(calls(*fragments))[1:] == TWO
    assert chunks(*map(calls, fragments))[1:] == TWO


def test_calls_without_ids_get_some() -> None:
    read = chunks(calls({"function": F}, {"function": G}), delta({}, "stop"))

    assert [c.id for c in read if isinstance(c, ToolCallBegan)] == [
        "call_c_0",
        "call_c_1",
    ]
    assert read[-1] == Finished("tool_calls")


def test_fragments_find_their_call() -> None:
    read = chunks(
        calls({"index": 0, "id": "a", "function": {"name": "f"}}),
        calls({"index": 0, "id": "b", "function": {"name": "g"}}),
        calls({"id": "a", "function": {"arguments": "1"}}),
        calls({"index": 0, "function": {"arguments": "2"}}),
        calls({"function": {"arguments": "3"}}),
    )

    assert [c for c in read if isinstance(c, ToolArgumentsDelta)] == [
        ToolArgumentsDelta(0, "1"),
        ToolArgumentsDelta(1, "2"),
        ToolArgumentsDelta(1, "3"),
    ]


def test_a_call_is_told_once_its_name_is_known() -> None:
    read = chunks(
        calls({"index": 0, "function": {"arguments": "{"}}),
        calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}),
    )

    assert read == [BEGAN, ToolCallBegan(0, "a", "f"), ToolArgumentsDelta(0, "{}")]


def test_fragments_of_no_call_are_left_out() -> None:
    read = chunks(calls(None, {}, {"function": {"arguments": "1"}}), delta({}, "stop"))

    assert read == [BEGAN, Finished("stop")]


def test_the_old_form_of_a_call_is_read() -> None:
    read = chunks(
        delta({"function_call": {"name": "f", "arguments": ""}}),
        delta({"function_call": {"arguments": "{}"}}, "function_call"),
    )

    assert read[1:] == [
        ToolCallBegan(0, "call_c_0", "f"),
        ToolArgumentsDelta(0, "{}"),
        Finished("tool_calls"),
    ]


def test_sources_are_told_once() -> None:
    source = {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 4}
    annotation = {"type": "url_citation", "url_citation": source}
    more = {"citations": ["https://b.test"]}

    read = chunks(
        delta({"content": "Cold"}, **more),
        delta({"annotations": [annotation]}),
        delta({}, "stop", **more),
    )

    assert read == [
        BEGAN,
        Cited(Citation("https://b.test")),
        TextDelta("Cold"),
        Cited(Citation("https://a.test", "A", start=0, end=4)),
        Finished("stop"),
    ]


def test_usage_is_told_when_it_changes() -> None:
    read = chunks(
        event({"choices": [], "usage": USAGE, "id": "c", "model": "m"}),
        delta({"content": "a"}, usage=USAGE),
        delta({}, "stop", usage={**USAGE, "completion_tokens": 10}),
        delta({"role": "assistant", "content": ""}, usage={"prompt_tokens": -1}),
    )

    assert [c for c in read if isinstance(c, Used)] == [
        Used(Tokens(20, 9)),
        Used(Tokens(20, 10)),
    ]


def test_groq_tells_usage_in_a_place_of_its_own() -> None:
    read = chunks(delta({}, "stop", x_groq={"id": "r", "usage": USAGE}))

    assert read[-1] == Used(Tokens(20, 9))


def test_azure_begins_with_an_event_that_says_nothing() -> None:
    first = event({"id": "", "model": "", "choices": [], "prompt_filter_results": []})

    assert chunks(first) == []
    assert chunks(first, delta({"content": "a"})) == [BEGAN, TextDelta("a")]


def test_the_end_finishes_what_has_no_finish_reason() -> None:
    assert chunks(delta({"content": "a"}, ""), DONE) == [
        BEGAN,
        TextDelta("a"),
        Finished("stop"),
        Ended(),
    ]
    assert chunks(DONE) == [Ended()]
    assert chunks(DONE, delta({"content": "a"}), DONE) == [Ended()]


def test_a_choice_finishes_once() -> None:
    read = chunks(delta({}, "length"), delta({}, "stop"), DONE)

    assert read == [BEGAN, Finished("length"), Ended()]


def test_a_stream_without_terminator_is_complete_with_its_usage() -> None:
    parser = openai_chat.StreamParser()

    seen = []
    for piece in (
        delta({"content": "a"}),
        delta({}, "stop"),
        event({"choices": [], "usage": USAGE}),
        b"",
    ):
        parser.read(piece)
        seen.append(parser.complete)

    assert seen == [False, False, True, True]


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ({"error": {"message": "No.", "type": "t", "code": "c"}}, "c", "No."),
        ({"error": "No."}, "", "No."),
        ({"object": "error", "message": "No.", "code": 400}, "400", "No."),
        ({"detail": "No."}, "", "No."),
        ({"choices": [], "x_groq": {"error": "No."}}, "", "No."),
        (
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]},
            "",
            "The provider broke the answer off.",
        ),
    ],
)
def test_a_fault_in_the_stream_is_raised(fault: Any, code: str, message: str) -> None:
    parser = openai_chat.StreamParser()
    parser.read(delta({"content": "a"}))

    with pytest.raises(StreamFault) as raised:
        parser.read(event(fault))

    assert (raised.value.fault.code, raised.value.fault.message) == (code, message)


@pytest.mark.parametrize("data", [b"{", b"[]", b"7", b"Internal Server Error"])
def test_an_event_that_is_no_object_is_unreadable(data: bytes) -> None:
    with pytest.raises(openai_chat.Unreadable):
        chunks(b"data: " + data + b"\n\n")


@given(piece=st.binary(max_size=200))
def test_no_bytes_break_the_reading(piece: bytes) -> None:
    for stream in (piece, b"data: " + piece + b"\n\n"):
        with contextlib.suppress(openai_chat.Unreadable, StreamFault):
            chunks(stream)


@given(events=st.lists(answers | anything, max_size=5))
def test_no_event_breaks_the_reading(events: list[Any]) -> None:
    with contextlib.suppress(openai_chat.Unreadable, StreamFault):
        chunks(*(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events), DONE)


@given(deltas=st.lists(answers, max_size=5), choice=answers)
def test_no_delta_breaks_the_reading(deltas: list[Any], choice: Any) -> None:
    events = [{"choices": [{**choice, "delta": fields}]} for fields in deltas]

    with contextlib.suppress(openai_chat.Unreadable, StreamFault):
        chunks(*(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events), DONE)
