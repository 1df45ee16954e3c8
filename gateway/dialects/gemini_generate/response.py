"""Whole answers, as Google's clients read them."""

import orjson

from gateway.canonical import ChatResult, Choice, Refusal, Text
from gateway.dialects.gemini_generate.answers import (
    FINISH_REASONS,
    grounding_of,
    parts_of,
    usage_of,
)
from gateway.dialects.gemini_generate.logprobs import logprobs_of
from gateway.types import JSON


def build_response(
    result: ChatResult,
    answer_id: str,
    created: int,
    model: str,
) -> bytes:
    """Return the answer; this dialect does not say when it was created."""
    candidates = [_candidate(choice) for choice in result.choices]
    if result.citations and candidates:
        text = "".join(
            part.text
            for part in result.choices[0].parts
            if isinstance(part, Text | Refusal)
        )
        candidates[0]["groundingMetadata"] = grounding_of(result.citations, text)
    answer: JSON = {"candidates": candidates}
    if result.tokens is not None:
        answer["usageMetadata"] = usage_of(result.tokens)
    answer["modelVersion"] = model or result.model
    answer["responseId"] = answer_id
    return orjson.dumps(answer)


def _candidate(choice: Choice) -> JSON:
    candidate: JSON = {
        "content": {
            "parts": [said for part in choice.parts for said in parts_of(part)],
            "role": "model",
        },
        "finishReason": FINISH_REASONS[choice.finish_reason],
        "index": choice.index,
    }
    if (logprobs := logprobs_of(choice.logprobs)) is not None:
        candidate["logprobsResult"] = logprobs
    return candidate
