"""Gemini's usage in our terms: its thoughts are output, but counted apart."""

from typing import Any

from gateway.adapters.reading import objects_of
from usage.tokens import Tokens

# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE_TOKENS = 100_000_000

_COUNTS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
)


def tokens_of(usage: Any) -> Tokens | None:
    """Return the `usageMetadata` in our terms, or None when it cannot be true."""
    if type(usage) is not dict:
        return None
    counts = [usage.get(name) or 0 for name in _COUNTS]
    if any(type(count) is not int for count in counts):
        return None
    prompt, tool_use, cached, candidates, thoughts = counts
    other = {
        name: count
        for name, key in (
            ("audio_in", "promptTokensDetails"),
            ("audio_out", "candidatesTokensDetails"),
        )
        if (count := _audio(usage.get(key)))
    }
    tokens = Tokens(
        input=prompt + tool_use,
        output=candidates + thoughts,
        cache_read=cached,
        reasoning=thoughts,
        other=other,
    )
    return tokens if _plausible(tokens, min(counts)) else None


def _audio(details: Any) -> int:
    return sum(
        count
        for each in objects_of(details)
        if each.get("modality") == "AUDIO"
        and type(count := each.get("tokenCount")) is int
        and 0 < count <= _MAX_PLAUSIBLE_TOKENS
    )


def _plausible(tokens: Tokens, least: int) -> bool:
    return (
        least >= 0
        and tokens.input + tokens.output > 0
        and max(tokens.input, tokens.output) <= _MAX_PLAUSIBLE_TOKENS
        and tokens.cache_read <= tokens.input
    )
