"""What a transcription used, as providers report it."""

import math
from typing import Any, TypeGuard

from usage.tokens import Tokens

# A figure above this is a provider's mistake, not an answer.
_MAX_TOKENS = 100_000_000
_MAX_SECONDS = 24 * 3600


def tokens_of(usage: Any) -> Tokens | None:
    """Return the usage in our terms, None when there is none that can be true."""
    if type(usage) is not dict:
        return None
    for name in ("seconds", "prompt_audio_seconds"):
        # Mistral reports tokens beside them, and sells seconds.
        if (tokens := seconds_used(usage.get(name))) is not None:
            return tokens
    spent, made = usage.get("input_tokens"), usage.get("output_tokens")
    if not _is_count(spent) or not _is_count(made) or spent + made == 0:
        return None
    details = usage.get("input_token_details")
    heard = details.get("audio_tokens") if type(details) is dict else None
    other = {"audio_in": heard} if _is_count(heard) and 0 < heard <= spent else {}
    return Tokens(input=spent, output=made, other=other)


def seconds_used(value: Any) -> Tokens | None:
    """Return so many begun seconds; None for what is no length of a sound."""
    if type(value) not in (int, float) or not 0 < value <= _MAX_SECONDS:
        return None
    return Tokens(other={"second": math.ceil(value)})


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _MAX_TOKENS
