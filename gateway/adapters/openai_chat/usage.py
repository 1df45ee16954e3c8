"""Usage as chat completions report it, in our terms."""

from decimal import Decimal
from typing import Any

import msgspec

from gateway.reported_costs import reported_cost
from usage.tokens import Tokens

# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE_TOKENS = 100_000_000


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    total_tokens: Any = None
    # Mistral's.
    num_cached_tokens: Any = None
    # Of those who say what they charge.
    cost: Any = None
    cost_details: Any = None
    is_byok: Any = None
    estimated_cost: Any = None
    cost_in_usd_ticks: Any = None


_NO_PROMPT_DETAILS = _PromptDetails()
_NO_COMPLETION_DETAILS = _CompletionDetails()

_decode_usage = msgspec.json.Decoder(_Usage).decode


def tokens_in(raw: bytes | msgspec.Raw) -> Tokens | None:
    """Return the usage in our terms, or None when it cannot be true."""
    try:
        usage = _decode_usage(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return _tokens(usage)


def tokens_of(tree: Any) -> Tokens | None:
    """Like `tokens_in`, of usage that has been decoded already."""
    try:
        usage = msgspec.convert(tree, _Usage)
    except msgspec.ValidationError:
        return None
    return _tokens(usage)


def _tokens(usage: _Usage) -> Tokens | None:
    prompt = usage.prompt_tokens_details or _NO_PROMPT_DETAILS
    completion = usage.completion_tokens_details or _NO_COMPLETION_DETAILS
    other = {}
    if prompt.audio_tokens:
        other["audio_in"] = prompt.audio_tokens
    if completion.audio_tokens:
        other["audio_out"] = completion.audio_tokens
    cached = prompt.cached_tokens
    if cached is None and type(usage.num_cached_tokens) is int:
        cached = usage.num_cached_tokens
    reasoning = completion.reasoning_tokens or 0
    tokens = Tokens(
        input=usage.prompt_tokens,
        output=_output(usage, reasoning),
        cache_read=cached or 0,
        cache_write=prompt.cache_write_tokens or 0,
        reasoning=reasoning,
        other=other,
        cost_usd=_reported(usage),
    )
    return tokens if _plausible(tokens) else None


def _reported(usage: _Usage) -> Decimal | None:
    if usage.cost is usage.estimated_cost is usage.cost_in_usd_ticks is None:
        return None
    return reported_cost(
        cost=usage.cost,
        estimated_cost=usage.estimated_cost,
        cost_in_usd_ticks=usage.cost_in_usd_ticks,
        cost_details=usage.cost_details,
        is_byok=usage.is_byok,
    )


def _output(usage: _Usage, reasoning: int) -> int:
    """Return the completion tokens, reasoning included.

    xAI counts reasoning apart, and DeepInfra does for some models: the total, or
    reasoning larger than what should contain it, gives it away.
    """
    output = usage.completion_tokens
    if reasoning > 0 and (
        reasoning > output
        or usage.total_tokens == usage.prompt_tokens + output + reasoning
    ):
        return output + reasoning
    return output


def _plausible(tokens: Tokens) -> bool:
    figures = (
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.cache_write,
        tokens.reasoning,
        *tokens.other.values(),
    )
    return (
        tokens.input + tokens.output > 0
        and min(figures) >= 0
        and max(figures) <= _MAX_PLAUSIBLE_TOKENS
        and tokens.cache_read + tokens.cache_write <= tokens.input
        and tokens.reasoning <= tokens.output
    )
