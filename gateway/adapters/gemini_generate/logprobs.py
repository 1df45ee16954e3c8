"""Log-probabilities in the shape that OpenAI gave them."""

import math
from typing import Any

from gateway.adapters.reading import object_of, objects_of, text_of
from gateway.types import JSON


def logprobs_of(candidate: JSON) -> JSON | None:
    result = object_of(candidate.get("logprobsResult"))
    chosen = objects_of(result.get("chosenCandidates"))
    if not chosen:
        return None
    tops = [
        objects_of(t.get("candidates")) for t in objects_of(result.get("topCandidates"))
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
    token = text_of(each.get("token"))
    return {
        "token": token,
        "logprob": _number(each.get("logProbability")),
        "bytes": list(token.encode("utf-8", "replace")),
    }


def _number(value: Any) -> float:
    """Return the figure; one that is missing is as unlikely as OpenAI says it."""
    usable = type(value) in {int, float} and math.isfinite(value)
    return float(value) if usable else -9999.0
