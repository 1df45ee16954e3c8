"""What an alias sets, put where this protocol keeps it."""

from collections.abc import Mapping
from typing import Any

import orjson

_NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_SNAKE = {
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_output_tokens",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}


def with_defaults(
    fields: dict[str, bytes], defaults: Mapping[str, Any]
) -> dict[str, bytes]:
    """Add to `generationConfig` what the request does not give; other names are left out."""
    name = "generation_config" if "generation_config" in fields else "generationConfig"
    config = orjson.loads(fields.get(name, b"{}")) or {}
    added = {
        theirs: value
        for ours, value in defaults.items()
        if (theirs := _NAMES.get(ours))
        and theirs not in config
        and _SNAKE.get(theirs, theirs) not in config
    }
    if not added:
        return fields
    return {**fields, name: orjson.dumps({**config, **added})}
