"""Streams of the Messages protocol: relayed with an eye on them, and taken apart."""

import contextlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import anthropic_messages
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
from gateway.types import StreamFault, UpstreamFault
from tests.gateway.adapters.test_anthropic_messages_answers import likely, names, words
from usage.tokens import Tokens

STREAM = (Path(__file__).parent / "anthropic_messages_replies/stream.sse").read_bytes()
NAME = anthropic_messages.NAME
USED = Tokens(input=1025, output=55, cache_read=1000, reasoning=30)
CHUNKS = [
    Began(
        "msg_01A",
        "claude-sonnet-5-5",
        Tokens(input=1020, output=1, cache_read=1000),
    ),
    ReasoningDelta("It is cold.", protocol=NAME),
    ReasoningDelta(signature="Eq..", protocol=NAME),
    ReasoningDelta(sealed="c2VhbGVk", protocol=NAME),
    TextDelta("It is 4 °C"),
    TextDelta(" in Oslo."),
    Cited(Citation("https://weather.example/oslo", "Oslo", "4 degrees", 0, 19)),
    ToolCallBegan(0, "toolu_2", "get_weather"),
    ToolArgumentsDelta(0, '{"city":'),
    ToolArgumentsDelta(0, ' "Oslo"}'),
    ToolCallBegan(1, "toolu_3", "get_time"),
    ToolArgumentsDelta(1, "{}"),
    Finished("tool_calls"),
    Used(USED),
    Ended(),
]
ERROR = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
    b'"message":"Overloaded"},"request_id":"req_1"}\n\n'
)


def event(**data: Any) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def delta(text: str) -> bytes:
    return event(
        type="content_block_delta", index=0, delta={"type": "text_delta", "text": text}
    )


def parse(stream: bytes) -> list[Chunk]:
    return anthropic_messages.StreamParser().read(stream)


def inspector() -> anthropic_messages.StreamInspector:
    return anthropic_messages.StreamInspector(hide_usage=True)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    cutter = EventCutter(100_000)
    marks = [0, *sorted(places), len(stream)]
    pieces = [cutter.feed(stream[start:end]) for start, end in pairwise(marks)]
    return [*pieces, cutter.flush()]


places = st.lists(st.integers(0, len(STREAM)), max_size=12)


def test_a_stream_is_taken_apart_whole() -> None:
    assert parse(STREAM) == CHUNKS


@given(places=places, ending=st.sampled_from([b"\n", b"\r\n"]))
def test_any_cut_of_a_stream_gives_the_same_chunks(
    places: list[int], ending: bytes
) -> None:
    parser = anthropic_messages.StreamParser()
    chunks: list[Chunk] = []

    for piece in cut(STREAM.replace(b"\n", ending), places):
        chunks += parser.read(piece)

    assert chunks == CHUNKS


@given(places=places)
def test_any_cut_of_a_stream_is_relayed_byte_for_byte(places: list[int]) -> None:
    watched = inspector()
    forward = b""

    for piece in cut(STREAM, places):
        notes = watched.read(piece)
        forward += notes.forward
        if notes.is_done:
            break

    assert notes.is_done
    assert forward == STREAM
    assert watched.started
    assert watched.tokens == USED
    assert watched.reported_model == "claude-sonnet-5-5"


def test_a_stream_has_not_started_before_its_first_content() -> None:
    watched = inspector()

    watched.read(STREAM[: STREAM.index(b"event: content_block_delta")])
    assert not watched.started

    watched.read(delta("It"))
    assert watched.started


def test_a_stream_without_its_own_end_is_not_complete() -> None:
    watched = inspector()
    parser = anthropic_messages.StreamParser()
    stream = STREAM[: STREAM.index(b"event: message_stop")]

    notes = watched.read(stream)
    chunks = parser.read(stream)

    assert not notes.is_done
    assert not watched.complete
    assert not parser.complete
    assert Ended() not in chunks


def test_what_a_cut_stream_has_used_is_the_input_it_told_and_a_guess() -> None:
    watched = inspector()

    watched.read(STREAM[: STREAM.index(b"event: content_block_start")])
    for _ in range(20):
        watched.read(delta("four letter words, forty characters long"))

    tokens = watched.tokens
    assert tokens is not None
    assert tokens.input == 1020
    assert 150 < tokens.output < 260
    assert tokens.estimated


def test_an_error_event_is_a_fault_and_is_not_passed_on() -> None:
    notes = inspector().read(delta("It") + ERROR + delta("is"))

    assert notes.forward == delta("It")
    assert notes.fault == UpstreamFault("overloaded_error", "Overloaded")
    assert not notes.is_done


def test_an_error_among_plain_deltas_is_found() -> None:
    watched = inspector()
    watched.read(delta("It"))

    assert watched.read(delta("is") + ERROR).fault is not None


def test_an_error_event_is_raised_after_what_came_before_it() -> None:
    parser = anthropic_messages.StreamParser()

    assert parser.read(delta("It") + ERROR) == [TextDelta("It")]
    with pytest.raises(StreamFault) as raised:
        parser.read(b"")

    assert raised.value.fault == UpstreamFault("overloaded_error", "Overloaded")


def test_a_tool_whose_input_comes_at_once_is_called_with_it() -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    stream = event(type="content_block_start", index=0, content_block=block)

    chunks = parse(stream + event(type="content_block_stop", index=0))

    assert chunks == [ToolCallBegan(0, "t", "f"), ToolArgumentsDelta(0, '{"a":1}')]


def test_the_stop_sequence_and_the_words_of_a_refusal_are_told() -> None:
    stopped = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    refused = {
        "stop_reason": "refusal",
        "stop_details": {"category": "bio", "explanation": "Not that."},
    }

    assert parse(event(type="message_delta", delta=stopped)) == [
        Finished("stop", stop_sequence="END")
    ]
    assert parse(event(type="message_delta", delta=refused)) == [
        RefusalDelta("Not that."),
        Finished("content_filter"),
    ]


def test_what_is_new_in_a_stream_is_ignored() -> None:
    block = {"type": "compaction", "content": "…"}
    stream = event(type="novelty", index=0, delta="text") + event(
        type="content_block_start", index=0, content_block=block
    )

    assert parse(stream) == []
    assert inspector().read(stream).forward == stream


@pytest.mark.parametrize("data", [b"{", b"[1]", b"null", b'"x"', b"\xff"])
def test_an_event_that_is_no_object_is_unreadable(data: bytes) -> None:
    with pytest.raises(anthropic_messages.Unreadable):
        parse(b"data: " + data + b"\n\n")
    with pytest.raises(anthropic_messages.Unreadable):
        inspector().read(b"data: " + data + b"\n\n")


@given(piece=st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_a_stream(piece: bytes) -> None:
    check_survives(piece)
    check_survives(b"data: " + piece + b"\n\n")


kinds = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "error",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
    ]
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["text_delta", "input_json_delta", "thinking_delta", "citations_delta"]
        )
        | words,
        "text": likely,
        "citation": likely,
        "partial_json": likely,
        "usage": likely,
        "stop_reason": likely,
        "input": likely,
    },
)
events = st.fixed_dictionaries(
    {"type": kinds},
    optional=dict.fromkeys(
        ("message", "content_block", "delta", "usage", "error", "index"),
        deltas | likely,
    ),
)


@given(trees=st.lists(events | st.dictionaries(names, likely, max_size=3), max_size=4))
def test_no_event_breaks_the_reading_of_a_stream(trees: list[Any]) -> None:
    check_survives(b"".join(b"data: %s\n\n" % json.dumps(t).encode() for t in trees))


def test_a_block_whose_type_is_no_text_breaks_nothing() -> None:
    check_survives(
        event(type="content_block_start", index=0, content_block={"type": []})
    )


def check_survives(piece: bytes) -> None:
    watched = inspector()
    with contextlib.suppress(anthropic_messages.Unreadable):
        watched.read(piece)
    assert watched.tokens is None or watched.tokens.input >= 0
    assert watched.reported_model.isprintable()
    with contextlib.suppress(anthropic_messages.Unreadable, StreamFault):
        parse(piece)
