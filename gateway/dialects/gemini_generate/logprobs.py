"""Log-probabilities in Google's shape."""

from typing import Any

from gateway.types import JSON


def logprobs_of(logprobs: JSON | None) -> JSON | None:
    """Return OpenAI's log-probabilities in Google's shape."""
    tokens = _list(logprobs, "content")
    if not tokens:
        return None
    return {
        "chosenCandidates": [_token(each) for each in tokens],
        "topCandidates": [
            {"candidates": [_token(top) for top in _list(each, "top_logprobs")]}
            for each in tokens
        ],
    }


def _list(tree: Any, name: str) -> list[JSON]:
    value = tree.get(name) if type(tree) is dict else None
    return [v for v in value if type(v) is dict] if type(value) is list else []


def _token(each: JSON) -> JSON:
    return {"token": each.get("token"), "logProbability": each.get("logprob")}
