"""Usage as the protocol reports it, in our terms.

The protocol's input tokens leave out what was read from or written to the cache; ours
hold both.
"""

from typing import Any

from usage.tokens import Tokens

# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE_TOKENS = 100_000_000
_FIGURES = (
    "inputTokens",
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
    "outputTokens",
)


def tokens_of(usage: Any) -> Tokens | None:
    """Return the usage in our terms, or None when it cannot be true."""
    if type(usage) is not dict:
        return None
    figures = (usage.get(name) for name in _FIGURES)
    counted = [0 if figure is None else figure for figure in figures]
    if not all(type(n) is int and 0 <= n <= _MAX_PLAUSIBLE_TOKENS for n in counted):
        return None
    fresh, read, written, output = counted
    if not any(counted):
        return None
    return Tokens(
        input=fresh + read + written,
        output=output,
        cache_read=read,
        cache_write=written,
    )
