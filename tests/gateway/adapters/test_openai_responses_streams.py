"""Streams of those who speak Responses: relayed, and as canonical chunks."""

import contextlib
import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import openai_responses
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
from gateway.types import StreamFault, StreamNotes, UpstreamFault
from tests.gateway.adapters.openai_chat_values import anything
from tests.gateway.adapters.openai_responses_values import event, events
from usage.tokens import Tokens

NAME = "openai_responses"
USAGE = {"input_tokens": 20, "output_tokens": 9, "total_tokens": 29}
BEGUN = {"id": "resp_1", "model": "gpt-6.1-sol", "status": "in_progress", "output": []}
BEGAN = Began("resp_1", "gpt-6.1-sol")
CREATED = event("response.created", response=BEGUN)
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look"}
SOURCE = {
    "type": "url_citation",
    "url": "https://a.test",
    "title": "A",
    "start_index": 0,
    "end_index": 2,
}


def completed(kind: str = "completed", **fields: Any) -> bytes:
    ended = {**BEGUN, "status": kind, "usage": USAGE, **fields}
    return event(f"response.{kind}", response=ended)


def thinking(text: str, section: int = 0) -> bytes:
    return event(
        "response.reasoning_summary_text.delta",
        output_index=0,
        summary_index=section,
        delta=text,
    )


def saying(text: str, **fields: Any) -> bytes:
    at = {"output_index": 1, "content_index": 0, "delta": text, **fields}
    return event("response.output_text.delta", **at)


def arguing(text: str, index: int = 2, kind: str = "delta") -> bytes:
    name = "delta" if kind == "delta" else "arguments"
    return event(
        f"response.function_call_arguments.{kind}",
        **{"output_index": index, name: text},
    )


def item(kind: str, described: Any, index: int | None = 2) -> bytes:
    return event(f"response.output_item.{kind}", output_index=index, item=described)


STREAM = [
    CREATED,
    event("response.in_progress", response=BEGUN),
    item("added", THOUGHT, 0),
    event("response.reasoning_summary_part.added", output_index=0, summary_index=0),
    thinking("Hm"),
    thinking("so", 1),
    item("done", {**THOUGHT, "encrypted_content": "xyz"}, 0),
    item("added", {"type": "message", "content": []}, 1),
    event("response.content_part.added", output_index=1, content_index=0),
    saying("Hé"),
    saying("llo"),
    event(
        "response.output_text.annotation.added",
        output_index=1,
        content_index=0,
        annotation=SOURCE,
    ),
    event("response.output_text.done", output_index=1, content_index=0, text="Héllo"),
    item(
        "done",
        {
            "type": "message",
            "content": [
                {"type": "output_text", "text": "Héllo", "annotations": [SOURCE]}
            ],
        },
        1,
    ),
    item("added", {**CALL, "arguments": ""}),
    arguing('{"a"'),
    arguing(":1}"),
    arguing('{"a":1}', kind="done"),
    item("done", {**CALL, "arguments": '{"a":1}'}),
    item("added", {**CALL, "call_id": "call_2"}, 3),
    item("done", {**CALL, "call_id": "call_2", "arguments": "{}"}, 3),
    event("response.of_the_future", output_index=4),
    completed(output=[{"type": "message"}]),
]
SEALED = '{"id":"rs_1","encrypted_content":"xyz"}'
READ: list[Chunk] = [
    BEGAN,
    ReasoningDelta("Hm", protocol=NAME),
    ReasoningDelta("\n\nso", protocol=NAME),
    ReasoningDelta(sealed=SEALED, protocol=NAME),
    TextDelta("Hé"),
    TextDelta("llo"),
    Cited(Citation("https://a.test", "A", "", 0, 2)),
    ToolCallBegan(0, "call_1", "look"),
    ToolArgumentsDelta(0, '{"a"'),
    ToolArgumentsDelta(0, ":1}"),
    ToolCallBegan(1, "call_2", "look"),
    ToolArgumentsDelta(1, "{}"),
    Finished("tool_calls"),
    Used(Tokens(20, 9)),
    Ended(),
]


def chunks(*pieces: bytes) -> list[Chunk]:
    return openai_responses.StreamParser().read(b"".join(pieces))


def in_pieces(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """Return the whole events that a stream cut in these places brings."""
    cutter, cuts = EventCutter(100_000), sorted({p % len(stream) for p in places})
    bounds = [0, *cuts, len(stream)]
    pieces = [cutter.feed(stream[a:b]) for a, b in pairwise(bounds)]
    return [*pieces, cutter.flush()]


places = st.lists(st.integers(0, 10_000), max_size=12)
endings = st.sampled_from([b"\n", b"\r\n", b"\r"])


def test_a_stream_is_read_whole() -> None:
    assert chunks(*STREAM) == READ


@given(places=places, ending=endings)
def test_every_cut_of_a_stream_is_read_the_same(
    places: list[int], ending: bytes
) -> None:
    stream = b"".join([b": hello\n\n", *STREAM]).replace(b"\n", ending)
    parser = openai_responses.StreamParser()

    read = [c for piece in in_pieces(stream, places) for c in parser.read(piece)]

    assert read == READ


@given(places=places)
def test_every_cut_of_a_stream_is_relayed_the_same(places: list[int]) -> None:
    stream = b"".join(STREAM)
    inspector = openai_responses.StreamInspector(hide_usage=True)

    notes = [inspector.read(piece) for piece in in_pieces(stream, places)]

    assert b"".join(note.forward for note in notes) == stream
    assert any(note.is_done for note in notes)
    assert inspector.tokens == Tokens(20, 9)
    assert inspector.reported_model == "gpt-6.1-sol"


@given(places=places)
def test_every_cut_of_a_failing_stream_fails_the_same(places: list[int]) -> None:
    failed = {**BEGUN, "status": "failed", "usage": USAGE}
    failed["error"] = {"code": "server_error", "message": "Oh."}
    stream = CREATED + saying("Hi") + event("response.failed", response=failed)
    parser = openai_responses.StreamParser()
    read: list[Chunk] = []

    def read_all() -> None:
        for piece in [*in_pieces(stream, places), b""]:
            read.extend(parser.read(piece))

    with pytest.raises(StreamFault) as raised:
        read_all()

    assert read == [BEGAN, TextDelta("Hi"), Used(Tokens(20, 9))]
    assert raised.value.fault == UpstreamFault("server_error", "Oh.", status=500)


# What servers leave out, or say twice


def test_what_comes_without_deltas_is_told_once_it_is_done() -> None:
    message = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    text = {"output_index": 1, "content_index": 0, "text": "Hi"}

    for told in (
        [event("response.output_text.done", **text)],
        [item("done", message, 1)],
        [event("response.output_text.done", **text), item("done", message, 1)],
        [
            saying("Hi", output_index=None, item_id="a"),
            item("done", {**message, "id": "a"}, None),
        ],
    ):
        assert chunks(CREATED, *told) == [BEGAN, TextDelta("Hi")]


def test_an_answer_that_stands_in_the_last_event_alone_is_told() -> None:
    shown = [{"type": "summary_text", "text": "Hm"}]
    output = [
        {**THOUGHT, "summary": shown},
        {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
        CALL,
    ]

    read = chunks(completed(output=output))

    assert read == [
        BEGAN,
        ReasoningDelta("Hm", protocol=NAME),
        TextDelta("Hi"),
        ToolCallBegan(0, "call_1", "look"),
        ToolArgumentsDelta(0, "{}"),
        Finished("tool_calls"),
        Used(Tokens(20, 9)),
        Ended(),
    ]


def test_a_call_is_told_once_its_name_is_known() -> None:
    read = chunks(arguing('{"a"'), arguing(":1}"), item("done", CALL), completed())

    assert read[:3] == [
        Began(),
        ToolCallBegan(0, "call_1", "look"),
        ToolArgumentsDelta(0, '{"a":1}'),
    ]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    read = chunks(CREATED, item("added", CALL), completed())

    assert read[1:3] == [
        ToolCallBegan(0, "call_1", "look"),
        ToolArgumentsDelta(0, "{}"),
    ]


def test_arguments_may_come_in_one_piece() -> None:
    read = chunks(item("added", CALL), arguing('{"a":1}', kind="done"))

    assert read[1:] == [
        ToolCallBegan(0, "call_1", "look"),
        ToolArgumentsDelta(0, '{"a":1}'),
    ]


def test_reasoning_that_is_shown_twice_is_told_once() -> None:
    open_one = event("response.reasoning_text.delta", output_index=0, delta="Hm")

    read = chunks(CREATED, open_one, thinking("Hm"), open_one, item("done", THOUGHT, 0))

    hm = ReasoningDelta("Hm", protocol=NAME)
    assert read == [BEGAN, hm, hm]


def test_a_refusal_is_told_as_one() -> None:
    def refusing(text: str, kind: str = "delta", name: str = "delta") -> bytes:
        fields = {"output_index": 1, "content_index": 0, name: text}
        return event(f"response.refusal.{kind}", **fields)

    words = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    both = chunks(refusing("N"), refusing("o."), refusing("No.", "done", "refusal"))
    done = chunks(refusing("No.", "done", "refusal"), item("done", words, 1))
    last = chunks(item("done", words, 1))

    assert both == [Began(), RefusalDelta("N"), RefusalDelta("o.")]
    assert done == last == [Began(), RefusalDelta("No.")]


def test_log_probabilities_come_with_their_text() -> None:
    (_, read) = chunks(saying("Hi", logprobs=[{"token": "Hi", "logprob": -1.5}]))

    assert isinstance(read, TextDelta)
    assert read.logprobs is not None
    assert read.logprobs["content"][0]["token"] == "Hi"


def test_an_incomplete_answer_says_why() -> None:
    details = {"reason": "max_output_tokens"}

    read = chunks(CREATED, completed("incomplete", incomplete_details=details))

    assert read[1:] == [Finished("length"), Used(Tokens(20, 9)), Ended()]


def test_perplexity_tells_its_sources_and_its_usage_on_the_way() -> None:
    results = [{"id": 1, "url": "https://b.test", "title": "B", "snippet": "b"}]
    found = {"type": "search_results", "results": results}

    read = chunks(
        CREATED,
        event("response.reasoning.started"),
        event("response.reasoning.search_results", results=results, usage=USAGE),
        item("done", found, 0),
        saying("Hi"),
        completed(output=[found], usage={**USAGE, "output_tokens": 10}),
        saying("never"),
    )

    assert read == [
        BEGAN,
        Used(Tokens(20, 9)),
        Cited(Citation("https://b.test", "B", "b")),
        TextDelta("Hi"),
        Finished("stop"),
        Used(Tokens(20, 10)),
        Ended(),
    ]


# Errors


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (
            {"type": "error", "code": "server_is_overloaded", "message": "Later."},
            UpstreamFault("server_is_overloaded", "Later.", status=503),
        ),
        (
            {"type": "error", "error": {"code": "a", "message": "Oh."}},
            UpstreamFault("a", "Oh."),
        ),
        ({"error": {"code": "a", "message": "Oh."}}, UpstreamFault("a", "Oh.")),
        ({"code": "Busy", "error": "Oh."}, UpstreamFault("Busy", "Oh.")),
        (
            # Perplexity's has no response.
            {"type": "response.failed", "error": {"code": "a", "message": "Oh."}},
            UpstreamFault("a", "Oh."),
        ),
        (
            {"type": "response.failed", "response": {}},
            UpstreamFault("", "The provider broke the answer off."),
        ),
    ],
)
def test_an_error_ends_the_stream(data: Any, fault: UpstreamFault) -> None:
    failing = b"data: " + json.dumps(data).encode() + b"\n\n"
    parser = openai_responses.StreamParser()
    inspector = openai_responses.StreamInspector(hide_usage=False)

    notes = inspector.read(CREATED + failing)
    parser.read(CREATED + failing)

    assert notes == StreamNotes(CREATED, fault=fault)
    assert not inspector.started
    with pytest.raises(StreamFault) as raised:
        parser.read(b"")
    assert raised.value.fault == fault


@pytest.mark.parametrize("data", [b"{", b"[]", b"7", b"Internal Server Error"])
def test_an_event_that_is_no_object_is_unreadable(data: bytes) -> None:
    inspector = openai_responses.StreamInspector(hide_usage=False)

    with pytest.raises(openai_responses.Unreadable):
        chunks(b"data: " + data + b"\n\n")
    with pytest.raises(openai_responses.Unreadable):
        inspector.read(b"data: " + data + b"\n\n")


def test_announcements_are_no_content() -> None:
    for number, announced in enumerate(STREAM[:4]):
        inspector = openai_responses.StreamInspector(hide_usage=False)
        inspector.read(announced)
        assert not inspector.started, number
    for begun in (thinking("a"), saying("a"), item("added", CALL), completed()):
        inspector = openai_responses.StreamInspector(hide_usage=False)
        inspector.read(begun)
        assert inspector.started


def test_deltas_that_hide_an_end_are_looked_at() -> None:
    inspector = openai_responses.StreamInspector(hide_usage=False)
    inspector.read(saying("a"))

    assert inspector.read(saying('"type":"error"')).fault is None
    assert inspector.read(
        completed(tools=[{"type": "response.output_text.delta"}])
    ).is_done


def test_nothing_after_the_end_is_passed_on() -> None:
    inspector = openai_responses.StreamInspector(hide_usage=False)

    notes = inspector.read(completed() + b"data: [DONE]\n\n")

    assert notes == StreamNotes(completed(), is_done=True)


@given(piece=st.binary(max_size=300))
def test_no_bytes_break_the_reading(piece: bytes) -> None:
    inspector = openai_responses.StreamInspector(hide_usage=False)
    for stream in (piece, b"data: " + piece + b"\n\n"):
        with contextlib.suppress(openai_responses.Unreadable, StreamFault):
            chunks(stream)
        with contextlib.suppress(openai_responses.Unreadable):
            inspector.read(stream)


@given(trees=st.lists(events | anything, max_size=6))
def test_no_event_breaks_the_reading(trees: list[Any]) -> None:
    stream = [b"data: " + json.dumps(t).encode() + b"\n\n" for t in trees]
    inspector = openai_responses.StreamInspector(hide_usage=False)

    with contextlib.suppress(openai_responses.Unreadable, StreamFault):
        chunks(*stream, completed())
    with contextlib.suppress(openai_responses.Unreadable):
        inspector.read(b"".join(stream))
