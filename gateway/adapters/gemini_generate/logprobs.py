"""Log-probabilities in the shape that OpenAI gave them."""

import math
from typing import Any

from gateway.adapters.gemini_generate.protocol import as_object, as_objects, as_text
from gateway.types import JSON


def logprobs_of(candidate: JSON) -> JSON | None:
    result = as_object(candidate.get("logprobsResult"))
    chosen = as_objects(result.get("chosenCandidates"))
    if not chosen:
        return None
    tops = [
        as_objects(t.get("candidates")) for t in as_objects(result.get("topCandidates"))
    ]
    return {
        "content": [
            {
                **_token(each),
                "top_logprobs": [
                    _token(top) for top in (tops[at] if at < len(tops) else ())
                ],
            }
            for at, each in enumerate(chosen)
        ],
        "refusal": None,
    }


def _token(each: JSON) -> JSON:
    token = as_text(each.get("token"))
    return {
        "token": token,
        "logprob": _number(each.get("logProbability")),
        "bytes": list(token.encode("utf-8", "replace")),
    }


def _number(value: Any) -> float:
    """Return the figure; one that is missing is as unlikely as OpenAI says it."""
    usable = type(value) in {int, float} and math.isfinite(value)
    return float(value) if usable else -9999.0
