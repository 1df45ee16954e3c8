"""Whole answers and errors of Google, read."""

import json
from typing import Any

import pytest

from gateway.adapters import gemini_generate
from gateway.canonical import (
    Audio,
    ChatResult,
    Choice,
    Citation,
    Image,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.types import UpstreamFault, UpstreamReply
from usage.tokens import Tokens

REPLY: dict[str, Any] = {
    "candidates": [
        {
            "index": 0,
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Plan…", "thought": True},
                    {"text": "It is 4 C."},
                    {
                        "functionCall": {"id": "c1", "name": "f", "args": {"a": 1}},
                        "thoughtSignature": "QUJD",
                    },
                ],
            },
            "finishReason": "STOP",
            "finishMessage": None,
            "safetyRatings": [{"category": "…", "probability": "NEGLIGIBLE"}],
            "citationMetadata": {},
            "groundingMetadata": {},
            "avgLogprobs": -0.1,
            "logprobsResult": {"chosenCandidates": [], "topCandidates": []},
        }
    ],
    "promptFeedback": None,
    "usageMetadata": {
        "promptTokenCount": 20,
        "cachedContentTokenCount": 10,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 0,
        "totalTokenCount": 57,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
        "candidatesTokensDetails": [],
        "cacheTokensDetails": [],
        "serviceTier": "STANDARD",
    },
    "modelVersion": "gemini-3.8-flash",
    "responseId": "abc",
}
TOKENS = Tokens(input=20, output=37, cache_read=10, reasoning=30)


def result_of(**candidate: Any) -> ChatResult:
    body = {"responseId": "abc", "candidates": [{"index": 0, **candidate}]}
    return gemini_generate.parse_result(json.dumps(body).encode())


def content(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def test_an_answer_is_relayed_with_thoughts_counted_as_output() -> None:
    body = json.dumps(REPLY).encode()

    assert gemini_generate.parse_response(body) == UpstreamReply(
        body=body,
        tokens=TOKENS,
        reported_model="gemini-3.8-flash",
        finish_reason="stop",
    )


def test_an_answer_is_read_with_thoughts_text_and_calls_in_their_order() -> None:
    assert gemini_generate.parse_result(json.dumps(REPLY).encode()) == ChatResult(
        id="abc",
        model="gemini-3.8-flash",
        choices=(
            Choice(
                parts=(
                    Reasoning("Plan…", protocol="gemini_generate"),
                    Text("It is 4 C."),
                    ToolCall("c1", "f", '{"a":1}', "QUJD"),
                ),
                finish_reason="tool_calls",
            ),
        ),
        tokens=TOKENS,
    )


def test_calls_without_ids_get_ones_that_differ_from_turn_to_turn() -> None:
    call = {"functionCall": {"name": "f"}}

    result = result_of(content=content(call, call), finishReason="STOP")

    assert result.choices[0].parts == (
        ToolCall("call_abc_0", "f", "{}"),
        ToolCall("call_abc_1", "f", "{}"),
    )


def test_a_signature_on_a_text_closes_the_thoughts_before_it() -> None:
    said = {"text": "Hello", "thoughtSignature": "QUJD"}

    result = result_of(content=content(said), finishReason="STOP")

    assert result.choices[0].parts == (
        Text("Hello"),
        Reasoning(signature="QUJD", protocol="gemini_generate"),
    )


def test_pictures_sounds_and_run_code_are_read() -> None:
    result = result_of(
        content=content(
            {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
            {
                "inlineData": {
                    "mimeType": "audio/L16;codec=pcm;rate=24000",
                    "data": "cGNt",
                }
            },
            {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        ),
        finishReason="STOP",
    )

    assert result.choices[0].parts == (
        Image(data="aW1n", media_type="image/png"),
        Audio(data="cGNt", format="pcm16"),
        Text("\n```python\nprint(1)\n```\n"),
        Text("\n```\n1\n```\n"),
    )


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"),
        ("FINISH_REASON_UNSPECIFIED", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("OTHER", "stop"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_every_finish_reason_has_its_word(reason: str, expected: str) -> None:
    result = result_of(content=content({"text": "Hi"}), finishReason=reason)

    assert result.choices[0].finish_reason == expected


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "NO_IMAGE"])
def test_a_model_that_fails_without_a_word_has_not_answered(reason: str) -> None:
    with pytest.raises(gemini_generate.Unreadable, match=reason):
        result_of(finishReason=reason)


def test_a_candidate_without_content_is_an_empty_answer() -> None:
    result = result_of(finishReason="MAX_TOKENS")

    assert result.choices == (Choice(parts=(), finish_reason="length"),)


def test_a_blocked_prompt_is_an_empty_answer_of_the_filter() -> None:
    body = b'{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}'

    result = gemini_generate.parse_result(body)

    assert result.choices == (Choice(parts=(), finish_reason="content_filter"),)
    assert result.tokens == Tokens(input=4)
    assert isinstance(gemini_generate.parse_response(body), UpstreamReply)


def test_grounding_becomes_citations_with_offsets_in_characters() -> None:
    result = result_of(
        content=content({"text": "Größe: 4 m."}),
        finishReason="STOP",
        groundingMetadata={
            "groundingChunks": [
                {"web": {"uri": "https://a.test", "title": "A"}},
                {"web": {"uri": "https://b.test", "title": "B"}},
            ],
            "groundingSupports": [
                {
                    "segment": {"startIndex": 9, "endIndex": 12, "text": "4 m"},
                    "groundingChunkIndices": [0, 7],
                }
            ],
        },
        citationMetadata={
            "citationSources": [{"uri": "https://c.test", "endIndex": 7}]
        },
    )

    assert result.citations == (
        Citation("https://a.test", "A", "4 m", 7, 10),
        Citation("https://b.test", "B"),
        Citation("https://c.test", start=0, end=5),
    )


def test_log_probabilities_take_the_shape_of_openai() -> None:
    result = result_of(
        content=content({"text": "Hi"}),
        finishReason="STOP",
        logprobsResult={
            "chosenCandidates": [{"token": "Hi", "tokenId": 4, "logProbability": -0.1}],
            "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -3}]}],
        },
    )

    assert result.choices[0].logprobs == {
        "content": [
            {
                "token": "Hi",
                "logprob": -0.1,
                "bytes": [72, 105],
                "top_logprobs": [{"token": "Ho", "logprob": -3.0, "bytes": [72, 111]}],
            }
        ],
        "refusal": None,
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"promptTokenCount": 5}, Tokens(input=5)),
        (
            {
                "promptTokenCount": 5,
                "toolUsePromptTokenCount": 2,
                "thoughtsTokenCount": 3,
            },
            Tokens(input=7, output=3, reasoning=3),
        ),
        (
            {
                "promptTokenCount": 5,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}],
            },
            Tokens(input=5, other={"audio_in": 4}),
        ),
        ({}, None),
        ({"promptTokenCount": -5, "candidatesTokenCount": 9}, None),
        ({"promptTokenCount": 10**12}, None),
        ({"promptTokenCount": "5"}, None),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 6}, None),
        ([], None),
    ],
)
def test_usage_is_taken_only_when_it_can_be_true(
    usage: Any, expected: Tokens | None
) -> None:
    body = json.dumps({**REPLY, "usageMetadata": usage}).encode()

    reply = gemini_generate.parse_response(body)

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"3", b"{}", b'{"candidates":[]}', b'{"candidates":3}'],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(gemini_generate.Unreadable):
        gemini_generate.parse_response(body)


EXHAUSTED = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}],
            },
            {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": "3.5s",
            },
        ],
    }
}


def test_an_exhausted_rate_says_how_long_to_wait() -> None:
    fault = gemini_generate.error_code(json.dumps(EXHAUSTED).encode())

    assert fault == UpstreamFault(
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota.",
        retry_after_s=3.5,
        status=429,
    )


def test_a_quota_of_the_day_is_spent_whatever_the_wait_says() -> None:
    body = json.dumps(EXHAUSTED).replace("PerMinute", "PerDay").encode()

    assert gemini_generate.error_code(body).code == "insufficient_quota"


def test_a_bad_key_is_told_from_a_bad_request() -> None:
    error = {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
            }
        ],
    }

    fault = gemini_generate.error_code(json.dumps({"error": error}).encode())

    assert (fault.code, fault.status) == ("invalid_api_key", 400)


def test_a_context_that_is_too_long_is_recognised() -> None:
    error = {
        "code": 400,
        "message": "The input token count (1200000) exceeds the maximum number of tokens "
        "allowed (1048576).",
        "status": "INVALID_ARGUMENT",
    }

    fault = gemini_generate.error_code(json.dumps({"error": error}).encode())

    assert fault.code == "context_length_exceeded"


def test_a_bad_field_is_named() -> None:
    error = {
        "code": 400,
        "message": 'Unknown name "foo"',
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "generation_config", "description": "…"}],
            }
        ],
    }

    fault = gemini_generate.error_code(json.dumps([{"error": error}]).encode())

    assert (fault.code, fault.param) == ("INVALID_ARGUMENT", "generation_config")


def test_an_error_hidden_in_an_answer_is_a_fault() -> None:
    fault = gemini_generate.parse_response(json.dumps(EXHAUSTED).encode())

    assert isinstance(fault, UpstreamFault)
    assert fault.code == "RESOURCE_EXHAUSTED"


def test_an_error_that_is_no_json_has_no_code() -> None:
    assert gemini_generate.error_code(b"<html>502</html>").code == ""
