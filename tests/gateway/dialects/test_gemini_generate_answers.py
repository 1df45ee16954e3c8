"""What Google's clients are answered, whole, streamed and with errors."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import (
    Audio,
    Began,
    ChatResult,
    Choice,
    Chunk,
    Citation,
    Cited,
    Finished,
    FinishReason,
    Image,
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
from gateway.dialects import gemini_generate
from usage.tokens import Tokens

OURS = "gemini_generate"
TOKENS = Tokens(input=20, output=37, cache_read=10, reasoning=30)
USAGE = {
    "promptTokenCount": 20,
    "candidatesTokenCount": 7,
    "totalTokenCount": 57,
    "cachedContentTokenCount": 10,
    "thoughtsTokenCount": 30,
}


def answer(*choices: Choice, **rest: Any) -> Any:
    result = ChatResult(choices=choices, **rest)
    return json.loads(
        gemini_generate.build_response(result, "resp-1", 0, "gpt-4o-mini")
    )


def test_an_answer_is_told_with_thoughts_text_and_calls() -> None:
    choice = Choice(
        (
            Reasoning("Hm.", "sealed by another", protocol="anthropic_messages"),
            Reasoning("Plan", "QUJD", protocol=OURS),
            Text("It is 4 C."),
            Refusal("Enough."),
            ToolCall("c1", "f", '{"a":1}', "REVG"),
            ToolCall("c2", "g", "broken"),
            Image(data="aW1n", media_type="image/png"),
            Audio(data="bXAz", format="mp3"),
        ),
        "tool_calls",
    )

    assert answer(choice, tokens=TOKENS) == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"text": "Plan", "thought": True, "thoughtSignature": "QUJD"},
                        {"text": "It is 4 C."},
                        {"text": "Enough."},
                        {
                            "functionCall": {"id": "c1", "name": "f", "args": {"a": 1}},
                            "thoughtSignature": "REVG",
                        },
                        {
                            "functionCall": {
                                "id": "c2",
                                "name": "g",
                                "args": {"arguments": "broken"},
                            }
                        },
                        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
                        {"inlineData": {"mimeType": "audio/mpeg", "data": "bXAz"}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": USAGE,
        "modelVersion": "gpt-4o-mini",
        "responseId": "resp-1",
    }


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "STOP"),
        ("tool_calls", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
    ],
)
def test_every_finish_reason_has_its_word(reason: FinishReason, expected: str) -> None:
    assert answer(Choice((), reason))["candidates"][0]["finishReason"] == expected


def test_citations_are_grounding_with_offsets_in_bytes() -> None:
    told = answer(
        Choice((Text("Größe: 4 m."),), "stop"),
        citations=(
            Citation("https://a.test", "A", start=7, end=10),
            Citation("https://b.test", "B"),
            Citation("https://a.test", "A", "Größe", 0, 5),
        ),
    )

    assert told["candidates"][0]["groundingMetadata"] == {
        "groundingChunks": [
            {"web": {"uri": "https://a.test", "title": "A"}},
            {"web": {"uri": "https://b.test", "title": "B"}},
        ],
        "groundingSupports": [
            {
                "segment": {"startIndex": 9, "endIndex": 12, "text": "4 m"},
                "groundingChunkIndices": [0],
            },
            {
                "segment": {"startIndex": 0, "endIndex": 7, "text": "Größe"},
                "groundingChunkIndices": [0],
            },
        ],
    }


def test_log_probabilities_take_google_s_shape() -> None:
    top = {"token": "Ho", "logprob": -3.0, "bytes": [72, 111]}
    content = [{"token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": [top]}]

    told = answer(Choice((Text("Hi"),), "stop", logprobs={"content": content}))

    assert told["candidates"][0]["logprobsResult"] == {
        "chosenCandidates": [{"token": "Hi", "logProbability": -0.1}],
        "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -3.0}]}],
    }


def stream_of(*chunks: Chunk, with_usage: bool = True) -> list[Any]:
    builder = gemini_generate.StreamBuilder(
        "resp-1", 0, "gpt-4o-mini", with_usage=with_usage
    )
    written = b"".join([*map(builder.write, chunks), builder.close()])
    return [json.loads(data) for data in events_of(written)]


def events_of(written: bytes) -> list[bytes]:
    """Take a stream apart as strictly as Google's own reader."""
    *events, rest = written.split(b"\n\n")
    assert rest == b""
    assert all(event.startswith(b"data: {") for event in events)
    assert not any(b"\n" in event for event in events)
    return [event.removeprefix(b"data: ") for event in events]


def event(*parts: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {
        "candidates": [
            {"content": {"parts": list(parts), "role": "model"}, "index": index}
        ],
        "modelVersion": "gpt-4o-mini",
        "responseId": "resp-1",
    }


def test_a_stream_tells_pieces_at_once_and_calls_when_complete() -> None:
    told = stream_of(
        Began("up-1", "gpt-4o-mini-2024", Tokens(input=20)),
        ReasoningDelta("Hm.", protocol="anthropic_messages"),
        ReasoningDelta(signature="foreign", protocol="anthropic_messages"),
        TextDelta("It "),
        TextDelta(""),
        RefusalDelta("is."),
        ToolCallBegan(0, "c1", "f"),
        ToolArgumentsDelta(0, '{"a"'),
        ToolCallBegan(1, "c2", "g"),
        ToolArgumentsDelta(0, ":1}"),
        ReasoningDelta(signature="QUJD", protocol=OURS),
        Finished("tool_calls"),
        Used(TOKENS),
    )

    last = event({"text": ""})
    last["candidates"][0]["finishReason"] = "STOP"
    last["usageMetadata"] = USAGE
    assert told == [
        event({"text": "Hm.", "thought": True}),
        event({"text": "It "}),
        event({"text": "is."}),
        event({"text": "", "thoughtSignature": "QUJD"}),
        event(
            {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
            {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        ),
        last,
    ]


def test_a_stream_of_two_choices_ends_both_in_its_last_event() -> None:
    told = stream_of(
        TextDelta("a"),
        TextDelta("b", 1),
        Finished("stop"),
        Finished("length", 1),
        with_usage=False,
    )

    assert told[:2] == [event({"text": "a"}), event({"text": "b"}, index=1)]
    assert [
        (each["index"], each["finishReason"]) for each in told[2]["candidates"]
    ] == [(0, "STOP"), (1, "MAX_TOKENS")]
    assert "usageMetadata" not in told[2]


def test_a_stream_tells_its_sources_at_the_end() -> None:
    told = stream_of(
        TextDelta("Größe "),
        TextDelta("4 m"),
        Cited(Citation("https://a.test", "A", start=6, end=9)),
        Finished("stop"),
    )

    assert told[-1]["candidates"][0]["groundingMetadata"]["groundingSupports"] == [
        {
            "segment": {"startIndex": 8, "endIndex": 11, "text": "4 m"},
            "groundingChunkIndices": [0],
        }
    ]


deltas = st.one_of(
    st.builds(TextDelta, st.text(), st.integers(0, 2)),
    st.builds(RefusalDelta, st.text(), st.integers(0, 2)),
    st.builds(
        ReasoningDelta, st.text(), st.text(), protocol=st.sampled_from([OURS, ""])
    ),
    st.builds(ToolCallBegan, st.integers(0, 2), st.text(), st.text(), st.text()),
    st.builds(ToolArgumentsDelta, st.integers(0, 2), st.text(), st.integers(0, 1)),
    st.builds(Cited, st.builds(Citation, st.text(), start=st.integers(-1, 9))),
    st.builds(Finished, st.sampled_from(["stop", "length"]), st.integers(0, 2)),
    st.builds(Used, st.builds(Tokens, st.integers(0, 99), st.integers(0, 99))),
)


@given(chunks=st.lists(deltas, max_size=10))
def test_any_chunks_make_events_that_google_s_reader_takes(chunks: list[Chunk]) -> None:
    told = stream_of(*chunks)

    texts = [c.text for c in chunks if isinstance(c, TextDelta | RefusalDelta)]
    parts = [
        part
        for each in told
        for candidate in each["candidates"]
        for part in candidate["content"]["parts"]
    ]
    said = [p["text"] for p in parts if "text" in p and "thought" not in p]
    assert "".join(said) == "".join(texts)
    assert all(c["finishReason"] for c in told[-1]["candidates"])


def test_what_keeps_a_stream_alive_says_nothing() -> None:
    (data,) = events_of(gemini_generate.KEEPALIVE)

    content = json.loads(data)["candidates"][0]["content"]
    assert content == {"parts": [{"text": ""}], "role": "model"}


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (422, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (599, "INTERNAL"),
    ],
)
def test_every_status_has_google_s_name(status: int, name: str) -> None:
    told = json.loads(gemini_generate.build_error(status, "code", "Why.", None))[
        "error"
    ]

    assert (told["code"], told["message"], told["status"]) == (status, "Why.", name)


def test_an_error_tells_code_field_and_wait_in_its_details() -> None:
    told = gemini_generate.build_error(
        429,
        "rate_limit_exceeded",
        "Wait.",
        "model",
        {"retry_after_s": 7, "scope": "key"},
    )

    assert json.loads(told)["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "signalbox",
            "metadata": {"scope": "key"},
        },
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "model", "description": "Wait."}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"},
    ]


def test_an_error_in_a_stream_comes_first_in_its_event() -> None:
    written = gemini_generate.build_error_event(503, "overloaded", "Later.")

    (data,) = events_of(written)
    assert data.startswith(b'{"error":{"code":503,')
