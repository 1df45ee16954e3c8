"""Converse's answers, whole and in frames, read into nobody's words."""

import binascii
import contextlib
import itertools
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters import bedrock_converse
from gateway.adapters.bedrock_converse import (
    Cutter,
    StreamInspector,
    StreamParser,
    Unreadable,
    error_code,
    parse_response,
    parse_result,
)
from gateway.canonical import (
    Began,
    Chunk,
    Citation,
    Cited,
    Ended,
    Finished,
    Reasoning,
    ReasoningDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    Used,
)
from gateway.simulator import bedrock_frames
from gateway.sse import EventTooLarge
from gateway.types import StreamFault, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

NAME = bedrock_converse.NAME
LIMIT = 1024 * 1024
USAGE = {
    "inputTokens": 3,
    "outputTokens": 2,
    "totalTokens": 5,
    "cacheReadInputTokens": 10,
    "cacheWriteInputTokens": 20,
}
TOKENS = Tokens(input=33, output=2, cache_read=10, cache_write=20)


def answer(*content: Any, stop: str = "end_turn", **fields: Any) -> bytes:
    body = {
        "output": {"message": {"role": "assistant", "content": [*content]}},
        "stopReason": stop,
        "usage": USAGE,
        **fields,
    }
    return json.dumps(body).encode()


def test_an_answer_is_read_whole() -> None:
    body = answer(
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "c2VhbA=="}},
        {"text": "Hi"},
        {"image": {}},
        {"toolUse": {"toolUseId": "t1", "name": "a-x2e-b", "input": {"a": 1.0}}},
        {"toolUse": {"toolUseId": "t2", "name": "c"}},
        stop="tool_use",
    )

    reply, result = parse_response(body), parse_result(body)

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == result.tokens == TOKENS
    (choice,) = result.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.parts == (
        Reasoning("hm", "s", protocol=NAME),
        Reasoning(sealed="c2VhbA==", protocol=NAME),
        Text("Hi"),
        ToolCall("t1", "a.b", '{"a": 1.0}'),
        ToolCall("t2", "c", "{}"),
    )


def test_citations_say_where_they_stand() -> None:
    cited = {
        "content": [{"text": "It is "}, {"text": "warm."}],
        "citations": [
            {
                "title": "Weather",
                "sourceContent": [{"text": "warm"}],
                "location": {"web": {"url": "https://a.example"}},
            }
        ],
    }

    result = parse_result(answer({"text": "Well. "}, {"citationsContent": cited}))

    assert result.choices[0].parts == (Text("Well. "), Text("It is warm."))
    assert result.citations == (
        Citation("https://a.example", "Weather", "warm", start=6, end=17),
    )


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_why_an_answer_ended(stop: str, reason: str) -> None:
    assert parse_result(answer(stop=stop)).choices[0].finish_reason == reason


@pytest.mark.parametrize("stop", ["malformed_model_output", "malformed_tool_use"])
def test_what_the_provider_could_not_read_is_its_fault(stop: str) -> None:
    fault = parse_response(answer(stop=stop))

    assert isinstance(fault, UpstreamFault)
    assert fault.code == stop
    with pytest.raises(StreamFault):
        StreamParser().read(bedrock_frames.event("messageStop", {"stopReason": stop}))


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {"inputTokens": -1, "outputTokens": 2},
        {"inputTokens": 10**15, "outputTokens": 2},
        {"inputTokens": "3", "outputTokens": 2},
        {"inputTokens": True, "outputTokens": 2},
        {"inputTokens": 0, "outputTokens": 0},
        {},
    ],
)
def test_usage_that_cannot_be_true_is_none(usage: Any) -> None:
    assert parse_result(answer(usage=usage)).tokens is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"message":"Too many requests"}', "", "Too many requests"),
        (b'{"Message":"No","__type":"a#AccessDeniedException"}', "AccessDenied", "No"),
        (
            b'{"message":"Input is too long for requested model."}',
            "context_length",
            "I",
        ),
        (b'{"message":"The provided model identifier is invalid."}', "model_not", "T"),
        (b"<html>", "", "no JSON"),
        (b'{"message":4}', "", "No message."),
        (b"[]", "", "No message."),
    ],
)
def test_errors_are_read(body: bytes, code: str, message: str) -> None:
    fault = error_code(body)

    assert fault.code.startswith(code)
    assert bool(fault.code) is bool(code)
    assert message in fault.message


def test_an_error_hidden_in_a_good_answer_is_found() -> None:
    fault = parse_response(b'{"message":"Bedrock is unable to process your request."}')

    assert isinstance(fault, UpstreamFault)
    with pytest.raises(Unreadable):
        parse_response(b"{}")


WHOLE = [
    bedrock_frames.event("messageStart", {"role": "assistant"}),
    *(
        bedrock_frames.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": d})
        for d in (
            {"reasoningContent": {"text": "hm"}},
            {"reasoningContent": {"signature": "s"}},
            {"reasoningContent": {"redactedContent": "c2VhbA=="}},
        )
    ),
    bedrock_frames.event("contentBlockStop", {"contentBlockIndex": 0}),
    bedrock_frames.event(
        "contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hé"}}
    ),
    bedrock_frames.event(
        "contentBlockDelta",
        {
            "contentBlockIndex": 1,
            "delta": {"citation": {"title": "T", "source": "https://a.example"}},
        },
    ),
    bedrock_frames.event("contentBlockStop", {"contentBlockIndex": 1}),
    bedrock_frames.event("somethingNew", {"a": 1}),
    *(
        bedrock_frames.event(
            "contentBlockStart",
            {
                "contentBlockIndex": index,
                "start": {"toolUse": {"toolUseId": f"t{index}", "name": "a-x2e-b"}},
            },
        )
        for index in (2, 3)
    ),
    *(
        bedrock_frames.event(
            "contentBlockDelta",
            {"contentBlockIndex": 2, "delta": {"toolUse": {"input": text}}},
        )
        for text in ("", '{"a":', "1}")
    ),
    bedrock_frames.event("contentBlockStop", {"contentBlockIndex": 2}),
    bedrock_frames.event("contentBlockStop", {"contentBlockIndex": 3}),
    bedrock_frames.event("messageStop", {"stopReason": "tool_use"}),
    bedrock_frames.event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
]
CHUNKS: list[Chunk] = [
    Began(),
    ReasoningDelta(text="hm", protocol=NAME),
    ReasoningDelta(signature="s", protocol=NAME),
    ReasoningDelta(sealed="c2VhbA==", protocol=NAME),
    TextDelta("Hé"),
    Cited(Citation("https://a.example", "T")),
    ToolCallBegan(0, "t2", "a.b"),
    ToolCallBegan(1, "t3", "a.b"),
    ToolArgumentsDelta(0, '{"a":'),
    ToolArgumentsDelta(0, "1}"),
    ToolArgumentsDelta(1, "{}"),
    Finished("tool_calls"),
    Used(TOKENS),
    Ended(),
]


def read(pieces: list[bytes]) -> list[Chunk]:
    """Read a stream as the gateway does: cut, then parsed."""
    cutter, parser = Cutter(LIMIT), StreamParser()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += parser.read(cutter.feed(piece))
    return chunks + parser.read(cutter.flush())


def test_a_stream_is_read_in_its_order() -> None:
    assert read(WHOLE) == CHUNKS
    assert read([b"".join(WHOLE)]) == CHUNKS


def test_a_stream_may_be_split_at_every_byte() -> None:
    data = b"".join(WHOLE)

    assert read([data[at : at + 1] for at in range(len(data))]) == CHUNKS
    for at in range(0, len(data), 7):
        assert read([data[:at], data[at:]]) == CHUNKS


@given(cuts=st.lists(st.integers(0, len(b"".join(WHOLE))), max_size=30))
def test_a_stream_may_be_split_anywhere(cuts: list[int]) -> None:
    data = b"".join(WHOLE)
    edges = [0, *sorted(cuts), len(data)]

    assert read([data[a:b] for a, b in itertools.pairwise(edges)]) == CHUNKS


@pytest.mark.parametrize("missing", [1, 5, 20])
def test_a_stream_cut_within_a_frame_is_noticed(missing: int) -> None:
    with pytest.raises(Unreadable, match="cut off"):
        read([b"".join(WHOLE)[:-missing]])


def test_a_frame_that_was_changed_is_noticed() -> None:
    data = bytearray(WHOLE[1])
    data[-10] ^= 1

    with pytest.raises(Unreadable):
        read([bytes(data)])
    with pytest.raises(Unreadable):
        read([b'{"message":"no frames at all"}'])


def test_a_frame_may_not_be_endless() -> None:
    prelude = struct.pack(">II", 10 * LIMIT, 0)
    head = prelude + struct.pack(">I", binascii.crc32(prelude))

    with pytest.raises(EventTooLarge):
        Cutter(LIMIT).feed(head)
    assert Cutter(LIMIT).feed(b"\xff" * 20) == b"\xff" * 20


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("throttlingException", 429),
        ("validationException", 400),
        ("modelStreamErrorException", 502),
        ("internalServerException", 500),
        ("serviceUnavailableException", 503),
        ("somethingNewException", 502),
    ],
)
def test_an_exception_ends_a_stream_after_what_came_before(
    name: str, status: int
) -> None:
    told = {"message": "m", "originalMessage": "no more", "originalStatusCode": 500}
    parser = StreamParser()

    before = parser.read(WHOLE[0] + bedrock_frames.exception(name, told) + WHOLE[5])
    with pytest.raises(StreamFault) as raised:
        parser.read(b"")

    assert before == [Began()]
    fault = raised.value.fault
    assert (fault.code, fault.message, fault.status) == (name, "no more", status)


def test_an_error_frame_says_it_in_its_headers() -> None:
    frame = bedrock_frames._frame(
        {
            ":message-type": "error",
            ":error-code": "InternalFailure",
            ":error-message": "it broke",
        },
        {},
    )

    with pytest.raises(StreamFault) as raised:
        StreamParser().read(frame)

    assert raised.value.fault.code == "InternalFailure"
    assert raised.value.fault.message == "it broke"


def test_the_inspector_passes_on_what_it_reads() -> None:
    inspector = StreamInspector(hide_usage=True)
    started = []
    notes = []
    for frame in WHOLE:
        started.append(inspector.started)
        notes.append(inspector.read(frame))

    assert b"".join(note.forward for note in notes) == b"".join(WHOLE)
    assert started[:4] == [False, False, True, True]
    assert inspector.tokens == TOKENS
    assert [note.is_done for note in notes].index(True) == len(WHOLE) - 1
    ending = inspector.read(bedrock_frames.exception("throttlingException", {}))
    assert ending.fault is not None


_MEMBERS = sorted(
    {
        *("output", "message", "content", "text", "role", "stopReason", "delta"),
        *("toolUse", "toolUseId", "name", "input", "start", "contentBlockIndex"),
        *("usage", "inputTokens", "reasoningContent", "reasoningText", "signature"),
        *("citationsContent", "citations", "citation", "location", "web", "url"),
        *("sourceContent", "redactedContent"),
    }
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_MEMBERS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(body=st.binary(max_size=60) | json_values.map(lambda v: json.dumps(v).encode()))
@settings(max_examples=300)
def test_no_answer_crashes_the_reader(body: bytes) -> None:
    for read_one in (parse_response, parse_result):
        with contextlib.suppress(Unreadable):
            read_one(body)
    error_code(body)


@given(
    frames=st.lists(
        st.tuples(
            st.sampled_from([*sorted(StreamParser._READERS), "throttlingException"]),
            json_values.filter(lambda value: "NaN" not in json.dumps(value)),
            st.booleans(),
        ),
        max_size=5,
    )
)
@settings(max_examples=300)
def test_no_frame_crashes_the_reader(frames: list[tuple[str, Any, bool]]) -> None:
    parser = StreamParser()
    for name, data, is_event in frames:
        make = bedrock_frames.event if is_event else bedrock_frames.exception
        try:
            frame = make(name, data)
        except TypeError:
            # Numbers that the simulator's JSON does not hold.
            continue
        try:
            parser.read(frame)
        except (Unreadable, StreamFault):
            return


@given(pieces=st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_crash_the_cutter_and_the_parser(pieces: list[bytes]) -> None:
    with contextlib.suppress(Unreadable, StreamFault, EventTooLarge):
        read(pieces)


@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_no_changed_byte_crashes_the_reader(place: int, byte: int) -> None:
    data = bytearray(b"".join(WHOLE))
    data[place] = byte
    with contextlib.suppress(Unreadable, StreamFault, EventTooLarge):
        read([bytes(data)])
