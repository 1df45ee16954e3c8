"""Usage as the protocol reports it, in our terms.

The protocol's input tokens leave out what was read from or written to the cache; ours
hold both.
"""

from typing import Any

from gateway.adapters.reading import object_of
from usage.tokens import Tokens

# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE_TOKENS = 100_000_000


def tokens_of(usage: Any) -> Tokens | None:
    """Return the usage in our terms, or None when it cannot be true."""
    if type(usage) is not dict:
        return None
    written = usage.get("cache_creation_input_tokens")
    if written is None:
        written = sum(
            value
            for value in object_of(usage.get("cache_creation")).values()
            if type(value) is int
        )
    figures = (
        usage.get("input_tokens"),
        usage.get("cache_read_input_tokens"),
        written,
        usage.get("output_tokens"),
        object_of(usage.get("output_tokens_details")).get("thinking_tokens"),
        object_of(usage.get("server_tool_use")).get("web_search_requests"),
    )
    counted = [0 if figure is None else figure for figure in figures]
    if not all(type(n) is int and 0 <= n <= _MAX_PLAUSIBLE_TOKENS for n in counted):
        return None
    fresh, read, written, output, thought, searches = counted
    if fresh + read + written + output == 0 or thought > output:
        return None
    return Tokens(
        input=fresh + read + written,
        output=output,
        cache_read=read,
        cache_write=written,
        reasoning=thought,
        other={"search": searches} if searches else {},
    )


def merged(earlier: dict[str, Any], later: Any) -> dict[str, Any]:
    """Return the usage with what a later event says: totals so far, not additions."""
    said = {
        name: value for name, value in object_of(later).items() if value is not None
    }
    if "cache_creation" in said and "cache_creation_input_tokens" not in said:
        earlier = {**earlier, "cache_creation_input_tokens": None}
    return {**earlier, **said}
