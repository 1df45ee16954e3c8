"""The format of the answer: text, JSON, or JSON of a schema."""

import re

import orjson

from gateway.adapters.openai_chat.tools import has_strict_shape
from gateway.canonical import OutputFormat
from gateway.types import JSON

_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_SAY_JSON = "Answer with a single JSON object."


def format_of(wanted: OutputFormat) -> JSON | None:
    """Return the format, None for text."""
    if wanted.kind == "text":
        return None
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "name": _NO_NAME.sub("_", wanted.name)[:64] or "answer",
        "schema": wanted.schema,
        "strict": wanted.strict and has_strict_shape(wanted.schema),
    }


def ask_for_json(items: list[JSON]) -> None:
    """Name JSON in the input, without which the format is refused."""
    if any(b"json" in orjson.dumps(i.get("content")).lower() for i in items):
        return
    first = items[0] if items else {}
    if first.get("role") == "system" and isinstance(first["content"], str):
        first["content"] += f"\n\n{_SAY_JSON}"
    else:
        items.insert(0, {"type": "message", "role": "system", "content": _SAY_JSON})
