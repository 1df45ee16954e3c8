"""Streams of Google: cut anywhere, broken anyhow."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters import gemini_generate
from gateway.canonical import (
    Began,
    Chunk,
    Citation,
    Cited,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.sse import EventCutter
from gateway.types import StreamFault
from usage.tokens import Tokens


def event(*parts: dict[str, Any], **rest: Any) -> bytes:
    ending = {"finishReason": rest.pop("finish")} if "finish" in rest else {}
    grounding = rest.pop("grounding", None)
    candidate = {
        "content": {"role": "model", "parts": list(parts)},
        "index": 0,
        **ending,
    }
    if grounding:
        candidate["groundingMetadata"] = grounding
    tree = {
        "candidates": [candidate],
        **rest,
        "modelVersion": "gemini-3.8-flash",
        "responseId": "abc",
    }
    return b"data: " + json.dumps(tree).encode() + b"\r\n\r\n"


def usage(prompt: int, candidates: int = 0, thoughts: int = 0) -> dict[str, int]:
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": candidates,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": prompt + candidates + thoughts,
    }


STREAM = b"".join(
    [
        event({"text": "Plän", "thought": True}, usageMetadata=usage(20, 0, 30)),
        event({"text": "It is "}, usageMetadata=usage(20, 3, 30)),
        event({"text": "4 C."}, usageMetadata=usage(20, 5, 30)),
        event(
            {
                "functionCall": {"name": "f", "args": {"a": 1}},
                "thoughtSignature": "QUJD",
            },
            {"functionCall": {"id": "mine", "name": "g", "args": {}}},
            usageMetadata=usage(20, 7, 30),
        ),
        event(
            {"text": "", "thoughtSignature": "REVG"},
            finish="STOP",
            usageMetadata=usage(20, 7, 30),
            grounding={"groundingChunks": [{"web": {"uri": "https://a.test"}}]},
        ),
    ]
)
OURS = "gemini_generate"
CHUNKS: list[Chunk] = [
    Began("abc", "gemini-3.8-flash", Tokens(input=20, output=30, reasoning=30)),
    ReasoningDelta("Plän", protocol=OURS),
    Used(Tokens(input=20, output=30, reasoning=30)),
    TextDelta("It is "),
    Used(Tokens(input=20, output=33, reasoning=30)),
    TextDelta("4 C."),
    Used(Tokens(input=20, output=35, reasoning=30)),
    ToolCallBegan(0, "call_abc_0", "f", "QUJD"),
    ToolArgumentsDelta(0, '{"a":1}'),
    ToolCallBegan(1, "mine", "g"),
    ToolArgumentsDelta(1, "{}"),
    Used(Tokens(input=20, output=37, reasoning=30)),
    ReasoningDelta(signature="REVG", protocol=OURS),
    Cited(Citation("https://a.test")),
    Finished("tool_calls"),
]


def pieces_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Cut the stream, and put its events together again as the gateway does."""
    cutter = EventCutter(100_000)
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [cutter.feed(stream[start:end]) for start, end in pairwise(edges)]
    return [*pieces, cutter.flush()]


cuts = st.lists(st.integers(0, len(STREAM)), max_size=12)


@given(cuts=cuts)
def test_a_stream_gives_the_same_chunks_however_it_is_cut(cuts: list[int]) -> None:
    parser = gemini_generate.StreamParser()

    chunks = [
        chunk for piece in pieces_of(STREAM, cuts) for chunk in parser.read(piece)
    ]

    assert chunks == CHUNKS
    assert parser.complete


@given(cuts=cuts)
def test_a_stream_is_passed_on_byte_for_byte_however_it_is_cut(cuts: list[int]) -> None:
    inspector = gemini_generate.StreamInspector(hide_usage=True)

    notes = [inspector.read(piece) for piece in pieces_of(STREAM, cuts)]

    assert b"".join(note.forward for note in notes) == STREAM
    assert not any(note.is_done or note.fault for note in notes)
    assert inspector.complete
    assert inspector.started
    assert inspector.tokens == Tokens(input=20, output=37, reasoning=30)
    assert inspector.reported_model == "gemini-3.8-flash"


def test_a_stream_may_end_only_after_its_finish_reason() -> None:
    parser = gemini_generate.StreamParser()
    inspector = gemini_generate.StreamInspector(hide_usage=False)
    piece = event({"text": "Hi"})

    parser.read(piece)
    inspector.read(piece)

    assert not parser.complete
    assert not inspector.complete


def test_a_stream_of_two_candidates_ends_when_both_have() -> None:
    parser = gemini_generate.StreamParser()

    def said(index: int, **rest: str) -> bytes:
        tree = {"candidates": [{"index": index, **rest}]}
        return b"data: " + json.dumps(tree).encode() + b"\n\n"

    parser.read(said(0) + said(1) + said(0, finishReason="STOP"))
    assert not parser.complete
    chunks = parser.read(said(1, finishReason="MAX_TOKENS"))

    assert chunks == [Finished("length", 1)]
    assert parser.complete


def test_usage_after_the_finish_reason_is_still_read() -> None:
    parser = gemini_generate.StreamParser()
    inspector = gemini_generate.StreamInspector(hide_usage=False)
    last = b"data: " + json.dumps({"usageMetadata": usage(3, 4)}).encode() + b"\n\n"
    stream = event({"text": "Hi"}, finish="STOP") + last

    chunks = parser.read(stream)
    inspector.read(stream)

    assert chunks[-1] == Used(Tokens(input=3, output=4))
    assert inspector.tokens == Tokens(input=3, output=4)
    assert parser.complete


def test_a_blocked_prompt_is_a_stream_of_the_filter() -> None:
    parser = gemini_generate.StreamParser()
    inspector = gemini_generate.StreamInspector(hide_usage=False)
    piece = b'data: {"promptFeedback":{"blockReason":"SAFETY"}}\n\n'

    chunks = parser.read(piece)
    inspector.read(piece)

    assert chunks == [Began(), Finished("content_filter")]
    assert parser.complete
    assert inspector.started
    assert inspector.complete


ERROR = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    "failure",
    [
        b"data: " + json.dumps(ERROR).encode() + b"\n\n",
        json.dumps(ERROR, indent=2).encode() + b"\n\n",
        json.dumps([ERROR], indent=2).encode() + b"\n\n",
    ],
)
def test_an_error_inside_the_stream_is_a_fault(failure: bytes) -> None:
    start = event({"text": "Hi"})

    notes = gemini_generate.StreamInspector(hide_usage=False).read(start + failure)
    with pytest.raises(StreamFault) as raised:
        gemini_generate.StreamParser().read(failure)

    assert notes.forward == start
    assert notes.fault == raised.value.fault
    assert (raised.value.fault.code, raised.value.fault.status) == ("UNAVAILABLE", 503)


def test_a_model_that_fails_without_a_word_is_a_fault() -> None:
    with pytest.raises(StreamFault) as raised:
        gemini_generate.StreamParser().read(event(finish="MALFORMED_FUNCTION_CALL"))

    assert raised.value.fault.code == "MALFORMED_FUNCTION_CALL"


def test_comments_and_terminators_of_others_are_not_passed_on() -> None:
    inspector = gemini_generate.StreamInspector(hide_usage=False)
    start = event({"text": "Hi"}, finish="STOP")

    notes = inspector.read(b": ping\n\n" + start + b"data: [DONE]\n\n")

    assert notes.forward == start
    assert notes.is_done


@pytest.mark.parametrize(
    "piece", [b"data: {\n\n", b"data: 3\n\n", b'{"candidates":[]}\n\n']
)
def test_what_is_no_event_is_unreadable(piece: bytes) -> None:
    with pytest.raises(gemini_generate.Unreadable):
        gemini_generate.StreamParser().read(piece)
    with pytest.raises(gemini_generate.Unreadable):
        gemini_generate.StreamInspector(hide_usage=False).read(piece)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=10)
)
names = st.sampled_from(
    [
        "candidates",
        "content",
        "parts",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "id",
        "name",
        "args",
        "inlineData",
        "mimeType",
        "data",
        "fileData",
        "executableCode",
        "finishReason",
        "finishMessage",
        "index",
        "promptFeedback",
        "blockReason",
        "usageMetadata",
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
        "promptTokensDetails",
        "modality",
        "tokenCount",
        "groundingMetadata",
        "groundingChunks",
        "web",
        "uri",
        "title",
        "groundingSupports",
        "segment",
        "startIndex",
        "endIndex",
        "groundingChunkIndices",
        "citationMetadata",
        "citationSources",
        "logprobsResult",
        "chosenCandidates",
        "topCandidates",
        "token",
        "logProbability",
        "error",
        "code",
        "message",
        "status",
        "details",
        "retryDelay",
        "@type",
        "reason",
        "modelVersion",
        "responseId",
    ]
)
likely = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    ),
    max_leaves=15,
)
parts = st.lists(st.dictionaries(names, likely, max_size=3), max_size=3)
candidates = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "content": st.fixed_dictionaries({"parts": parts}) | likely,
            "finishReason": st.sampled_from(["STOP", "OTHER", "SAFETY"]) | scalars,
            "index": st.integers(-1, 2) | scalars,
            "groundingMetadata": likely,
            "citationMetadata": likely,
            "logprobsResult": likely,
        },
    ),
    max_size=2,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "candidates": candidates | likely,
        "usageMetadata": st.dictionaries(names, likely, max_size=4),
        "promptFeedback": likely,
        "error": likely,
        "responseId": scalars,
        "modelVersion": scalars,
    },
)


@settings(max_examples=300)
@given(answer=answers | likely)
def test_no_json_breaks_the_adapter(answer: Any) -> None:
    check(json.dumps(answer).encode())


@given(body=st.binary(max_size=300))
def test_no_bytes_break_the_adapter(body: bytes) -> None:
    check(body)


def check(body: bytes) -> None:
    for read in (
        gemini_generate.parse_response,
        gemini_generate.parse_result,
        lambda each: gemini_generate.StreamParser().read(b"data: " + each + b"\n\n"),
        lambda each: gemini_generate.StreamParser().read(each),
        lambda each: gemini_generate.StreamInspector(hide_usage=True).read(
            b"data: " + each + b"\n\n"
        ),
    ):
        try:
            read(body)
        except (gemini_generate.Unreadable, StreamFault):
            continue
    fault = gemini_generate.error_code(body)
    assert len(fault.code) <= 64
    assert fault.code.isprintable()
    assert len(fault.message) <= 1000
