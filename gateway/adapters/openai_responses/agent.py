"""Perplexity's Agent API: Responses, but for where the format of the answer stands.

A provider that has `text` renamed to `response_format` speaks it.
Source: https://docs.perplexity.ai/docs/agent-api/openai-compatibility
"""

from typing import Any

import orjson

from gateway.adapters.reading import object_of
from gateway.types import JSON, Quirks

_FORMAT = "response_format"
# It knows schemas alone.
_ANY_OBJECT: JSON = {"name": "answer", "schema": {"type": "object"}}


def is_agent(quirks: Quirks) -> bool:
    return quirks.rename_params.get("text") == _FORMAT


def agent_format(text: JSON) -> JSON | None:
    """Return the format that `text` holds as chat completions write it."""
    described = object_of(text.get("format"))
    match described.get("type"):
        case "json_schema":
            schema = {name: v for name, v in described.items() if name != "type"}
        case "json_object":
            schema = _ANY_OBJECT
        case _:
            # Text is what it answers anyway.
            return None
    return {"type": "json_schema", "json_schema": schema}


def as_agent_fields(fields: dict[str, bytes]) -> dict[str, bytes]:
    """Return the members of a request to OpenAI as the Agent API takes them."""
    changed = dict(fields)
    if (text := changed.pop("text", None)) is not None:
        described = agent_format(object_of(orjson.loads(text)))
        if described is not None:
            changed[_FORMAT] = orjson.dumps(described)
    items = orjson.loads(fields.get("input", b"null"))
    if type(items) is list and not all(map(_has_type, items)):
        changed["input"] = orjson.dumps(list(map(_typed, items)))
    return changed


def _has_type(item: Any) -> bool:
    return type(item) is not dict or "type" in item


def _typed(item: Any) -> Any:
    """Return a message that says what it is; OpenAI can do without."""
    return item if _has_type(item) else {"type": "message", **item}
