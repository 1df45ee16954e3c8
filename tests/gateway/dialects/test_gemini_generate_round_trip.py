"""What comes in Google's words goes out in them with nothing lost on the way."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import gemini_generate as adapter
from gateway.canonical import (
    ChatRequest,
    Cited,
    Ended,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.dialects import gemini_generate as dialect
from gateway.types import JSON, Quirks

REQUEST: JSON = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "Weather?"},
                {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
                {"inlineData": {"mimeType": "audio/wav", "data": "iVBO"}},
                {
                    "fileData": {
                        "fileUri": "https://a.test/f",
                        "mimeType": "application/pdf",
                    }
                },
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True, "thoughtSignature": "REVG"},
                {
                    "functionCall": {"id": "c1", "name": "f", "args": {"city": "Oslo"}},
                    "thoughtSignature": "QUJD",
                },
                {"functionCall": {"id": "c2", "name": "f", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "c1",
                        "name": "f",
                        "response": {"output": "4"},
                    }
                },
                {
                    "functionResponse": {
                        "id": "c2",
                        "name": "f",
                        "response": {"error": "?"},
                    }
                },
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "Does.",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                }
            ]
        },
        {"googleSearch": {}},
    ],
    "toolConfig": {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]},
        "retrievalConfig": {"languageCode": "de"},
    },
    "safetySettings": [
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}
    ],
    "generationConfig": {
        "temperature": 0.7,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 1024,
        "stopSequences": ["END"],
        "seed": 1,
        "presencePenalty": 0,
        "frequencyPenalty": 0.5,
        "responseLogprobs": True,
        "logprobs": 5,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"a": {}}},
        "responseModalities": ["TEXT"],
        "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": False},
    },
    "cachedContent": "cachedContents/abc",
    "labels": {"team": "a"},
}


def sent(request: ChatRequest, model: str = "gemini-3.8-flash") -> JSON:
    body, dropped = adapter.build_request(request, model, Quirks(), None)
    assert dropped == []
    return body


def test_a_request_comes_out_as_it_went_in() -> None:
    assert sent(dialect.parse_request(REQUEST)) == REQUEST


def test_settings_of_an_older_model_come_out_as_they_went_in() -> None:
    body: JSON = {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {
            "candidateCount": 2,
            "thinkingConfig": {"thinkingBudget": 333},
        },
    }

    assert sent(dialect.parse_request(body), "gemini-2.5-flash") == body


def test_log_probabilities_of_a_stream_come_out_as_they_went_in() -> None:
    tops = {"candidates": [{"token": "Ho", "logProbability": -3.0}]}
    said = {
        "content": {"parts": [{"text": "Hi"}], "role": "model"},
        "index": 0,
        "logprobsResult": {
            "chosenCandidates": [{"token": "Hi", "logProbability": -0.1}],
            "topCandidates": [tops],
        },
    }
    event = {"candidates": [said], "modelVersion": "m", "responseId": "abc"}
    written = b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"
    builder = dialect.StreamBuilder("abc", 0, "m", with_usage=True)

    chunks = adapter.StreamParser().read(written)

    assert b"".join(map(builder.write, chunks)) == written


texts = st.text(min_size=1, max_size=8)
arguments = st.dictionaries(texts, texts | st.integers(0, 9), max_size=2)
signatures = st.fixed_dictionaries({}, optional={"thoughtSignature": texts})
parts = st.one_of(
    st.builds(lambda text: {"text": text}, texts),
    st.builds(lambda text, s: {"text": text, "thought": True, **s}, texts, signatures),
    st.builds(
        lambda text: {"text": "", "thoughtSignature": text},
        texts,
    ),
    st.builds(
        lambda name, call_id, args, s: {
            "functionCall": {"name": name, "id": call_id, "args": args},
            **s,
        },
        texts,
        texts,
        arguments,
        signatures,
    ),
    st.just({"inlineData": {"mimeType": "image/png", "data": "aW1n"}}),
)


@given(said=st.lists(parts, min_size=1, max_size=5))
def test_whatever_a_model_said_can_be_said_again(said: list[dict[str, Any]]) -> None:
    body: JSON = {"contents": [{"role": "model", "parts": said}]}

    assert sent(dialect.parse_request(body), "gemini-9-pro")["contents"][0][
        "parts"
    ] == with_first_call_signed(said)


def with_first_call_signed(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newer models want to be told of a first call that has no signature."""
    signed = [dict(part) for part in said]
    for part in signed:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", "skip_thought_signature_validator")
            break
    return signed


@given(said=st.lists(parts, max_size=5))
def test_an_answer_comes_out_as_it_went_in(said: list[dict[str, Any]]) -> None:
    reply = {
        "candidates": [
            {
                "content": {"parts": said, "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 20,
            "candidatesTokenCount": 7,
            "totalTokenCount": 57,
            "cachedContentTokenCount": 10,
            "thoughtsTokenCount": 30,
        },
        "modelVersion": "gemini-3.8-flash",
        "responseId": "abc",
    }

    result = adapter.parse_result(json.dumps(reply).encode())

    told = dialect.build_response(result, "abc", 0, result.model)
    assert json.loads(told) == reply


@given(said=st.lists(parts, max_size=5))
def test_a_stream_read_back_gives_the_same_chunks(said: list[dict[str, Any]]) -> None:
    kept = (TextDelta, ReasoningDelta, Finished, Used, Cited)
    calls = (ToolCallBegan, ToolArgumentsDelta)
    events: list[JSON] = [{"content": {"parts": [part]}} for part in said]
    events.append({"content": {"parts": []}, "finishReason": "MAX_TOKENS"})
    stream = b"".join(
        b"data: " + json.dumps({"candidates": [each]}).encode() + b"\n\n"
        for each in events
    )
    chunks = adapter.StreamParser().read(stream)
    builder = dialect.StreamBuilder("abc", 0, "m", with_usage=True)

    written = b"".join([*map(builder.write, chunks), builder.close()])

    again = adapter.StreamParser().read(written)
    assert not any(isinstance(chunk, Ended) for chunk in again)
    # Calls come together at the end; everything else stays in its order.
    assert [c for c in again if isinstance(c, kept)] == [
        c for c in chunks if isinstance(c, kept)
    ]
    assert [c for c in again if isinstance(c, calls)] == [
        c for c in chunks if isinstance(c, calls)
    ]
