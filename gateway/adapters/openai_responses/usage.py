"""Usage as Responses report it, in our terms."""

from typing import Any

import msgspec

from gateway.adapters.reading import object_of
from gateway.reported_costs import reported_cost
from usage.tokens import Tokens

# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE = 100_000_000


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    # Perplexity's.
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None
    # What searches are counted in: Perplexity's, xAI's.
    tool_calls_details: Any = None
    server_side_tool_usage_details: Any = None
    # Of those who say what they charge.
    cost: Any = None
    cost_details: Any = None
    is_byok: Any = None
    cost_in_usd_ticks: Any = None


_NO_INPUT_DETAILS = _InputDetails()
_NO_OUTPUT_DETAILS = _OutputDetails()


def tokens_of(usage: Any, tool_usage: Any = None) -> Tokens | None:
    """Return the usage in our terms, or None when it cannot be true.

    `tool_usage` is what OpenAI counts of its own tools, beside the usage.
    """
    if type(usage) is not dict:
        return None
    try:
        told = msgspec.convert(usage, _Usage)
    except (msgspec.ValidationError, RecursionError):
        return None
    read_details = told.input_tokens_details or _NO_INPUT_DETAILS
    written_details = told.output_tokens_details or _NO_OUTPUT_DETAILS
    cached = read_details.cached_tokens or read_details.cache_read_input_tokens or 0
    searches = _searches(told, tool_usage)
    tokens = Tokens(
        # xAI sometimes leaves out of the total what it read from its cache.
        input=told.input_tokens + (cached if cached > told.input_tokens else 0),
        output=told.output_tokens,
        cache_read=cached,
        cache_write=read_details.cache_write_tokens
        or read_details.cache_creation_input_tokens
        or 0,
        reasoning=written_details.reasoning_tokens or 0,
        other={"search": searches} if searches else {},
        cost_usd=reported_cost(
            cost=told.cost,
            cost_in_usd_ticks=told.cost_in_usd_ticks,
            cost_details=told.cost_details,
            is_byok=told.is_byok,
        ),
    )
    return tokens if _plausible(tokens) else None


def _searches(usage: _Usage, tool_usage: Any) -> int:
    """Return how often the provider searched, as far as it says."""
    calls = object_of(usage.tool_calls_details)
    served = object_of(usage.server_side_tool_usage_details)
    counts = (
        object_of(calls.get("search_web")).get("invocation"),
        object_of(calls.get("web_search")).get("invocation"),
        served.get("web_search_calls"),
        served.get("x_search_calls"),
        object_of(object_of(tool_usage).get("web_search")).get("num_requests"),
    )
    return sum(c for c in counts if type(c) is int and 0 < c <= _MAX_PLAUSIBLE)


def _plausible(tokens: Tokens) -> bool:
    figures = (
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.cache_write,
        tokens.reasoning,
    )
    return (
        tokens.input + tokens.output > 0
        and min(figures) >= 0
        and max(figures) <= _MAX_PLAUSIBLE
        and tokens.cache_read + tokens.cache_write <= tokens.input
        and tokens.reasoning <= tokens.output
    )
