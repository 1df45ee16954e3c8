"""What an alias sets, put where this protocol keeps it."""

from collections.abc import Mapping
from typing import Any

import orjson

_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
}


def with_defaults(
    fields: dict[str, bytes], defaults: Mapping[str, Any]
) -> dict[str, bytes]:
    """Add what the request does not give; what the protocol lacks is left out."""
    added = {
        theirs: orjson.dumps(value)
        for ours, value in defaults.items()
        if (theirs := _NAMES.get(ours)) and theirs not in fields
    }
    if (effort := defaults.get("reasoning_effort")) is not None:
        reasoning = orjson.loads(fields.get("reasoning", b"null")) or {}
        if type(reasoning) is dict and reasoning.get("effort") is None:
            added["reasoning"] = orjson.dumps({**reasoning, "effort": effort})
    return {**fields, **added} if added else fields
