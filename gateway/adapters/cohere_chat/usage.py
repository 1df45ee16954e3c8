"""Usage as Cohere reports it, in our terms.

It counts twice: `billed_units` is what is paid for, `tokens` holds the provider's own
template as well. Ours are the billed ones.
"""

import math
from typing import Any

from gateway.adapters.cohere_chat.wire import object_of
from gateway.types import JSON
from usage.tokens import Tokens

# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE = 100_000_000


def tokens_of(usage: Any) -> Tokens | None:
    """Return the usage in our terms, or None when it cannot be true."""
    told = object_of(usage)
    billed = _tokens(told, object_of(told.get("billed_units")))
    if billed is not None and billed.input + billed.output == 0:
        billed = _tokens(told, object_of(told.get("tokens")))
    if billed is None or billed.input + billed.output == 0:
        return None
    return billed


def _tokens(usage: JSON, figures: JSON) -> Tokens | None:
    counted = [
        whole(figures.get(name))
        for name in ("input_tokens", "output_tokens", "search_units")
    ]
    cached = whole(usage.get("cached_tokens"))
    if cached is None:
        return None
    read: list[int] = [each for each in counted if each is not None]
    if len(read) < len(counted):
        return None
    input_tokens, output_tokens, searches = read
    return Tokens(
        input=input_tokens,
        output=output_tokens,
        # Counted with the template, which is not billed.
        cache_read=min(cached, input_tokens),
        other={"search": searches} if searches else {},
    )


def whole(figure: Any) -> int | None:
    """Return the figure, written as a float or not; None when it cannot be true."""
    if figure is None:
        return 0
    if type(figure) not in {int, float} or not math.isfinite(figure):
        return None
    return round(figure) if 0 <= figure <= _MAX_PLAUSIBLE else None
