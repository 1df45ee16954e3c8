"""A JSON schema as the provider accepts it.

Source: https://docs.cohere.com/docs/structured-outputs
"""

from typing import Any

import orjson

from gateway.types import JSON

_KEPT = frozenset({"type", "enum", "const", "required", "description", "$ref"})
_FORMATS = frozenset({"date-time", "uuid", "date", "time"})
# Named by the author of the schema, a schema each.
_BY_NAME = frozenset({"properties", "$defs", "definitions"})
# What says nothing about the value.
_LEFT_OUT = frozenset({"title", "default", "examples", "$schema", "$id", "$comment"})
# Which type a keyword is about.
_ABOUT = {
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "$defs": "object",
    "definitions": "object",
    "items": "array",
    "pattern": "string",
    "format": "string",
}
# What a pattern must not hold.
_ANCHORS = ("^", "$", "?=", "?!")
_MAX_DEPTH = 64


class Inexpressible(ValueError):
    """A schema that cannot be said in the provider's terms."""


def convert_schema(schema: JSON) -> JSON:
    """Return the schema in the provider's subset; what it lacks becomes description.

    Raises `Inexpressible` for one that is no object, or names no property.
    """
    if schema.get("type") != "object":
        raise Inexpressible
    return _converted(schema, 0)


def _converted(node: Any, depth: int) -> JSON:
    if type(node) is not dict or depth > _MAX_DEPTH:
        raise Inexpressible
    if type(node.get("type")) is list:
        return _alternatives(node, depth)
    if type(parts := node.get("allOf")) is list and len(parts) == 1:
        rest = {name: value for name, value in node.items() if name != "allOf"}
        return _converted({**rest, **_converted(parts[0], depth + 1)}, depth + 1)
    kept: JSON = {}
    notes: list[str] = []
    for name, value in node.items():
        if (nested := _nested(name, value, depth + 1)) is not None:
            kept |= nested
        elif _is_kept(name, value):
            kept[name] = value
        elif name not in _LEFT_OUT:
            notes.append(f"{name}: {_said(value)}")
    if node.get("type") == "object" or "properties" in node:
        _require_one(kept)
    if notes:
        told = kept.get("description")
        first = [told] if type(told) is str and told else []
        kept["description"] = "\n".join([*first, *notes])
    return kept


def _alternatives(node: JSON, depth: int) -> JSON:
    """Return a node of several types as one of as many nodes."""
    kinds = list(dict.fromkeys(kind for kind in node["type"] if type(kind) is str))
    if not kinds or not {"anyOf", "oneOf"}.isdisjoint(node):
        raise Inexpressible
    nodes: list[JSON] = []
    for kind in kinds:
        alternative: JSON = {"type": kind}
        if kind != "null":
            alternative = {
                name: value
                for name, value in node.items()
                if _ABOUT.get(name, kind) == kind
            } | alternative
        nodes.append(_converted(alternative, depth + 1))
    return nodes[0] if len(nodes) == 1 else {"anyOf": nodes}


def _nested(name: str, value: Any, depth: int) -> JSON | None:
    """Return the member with the schemas in it converted; None if it holds none."""
    if name in _BY_NAME:
        if type(value) is not dict:
            raise Inexpressible
        return {name: {key: _converted(one, depth) for key, one in value.items()}}
    if name in {"anyOf", "oneOf"}:
        if type(value) is not list:
            raise Inexpressible
        return {"anyOf": [_converted(one, depth) for one in value]}
    if name in {"allOf", "not", "if", "prefixItems", "patternProperties"}:
        raise Inexpressible
    if name == "items":
        return {name: _converted(value, depth)}
    if name == "additionalProperties":
        return {name: value if type(value) is bool else _converted(value, depth)}
    return None


def _is_kept(name: str, value: Any) -> bool:
    if name == "pattern":
        return type(value) is str and not any(mark in value for mark in _ANCHORS)
    if name == "format":
        return type(value) is str and value in _FORMATS
    return name in _KEPT


def _require_one(node: JSON) -> None:
    """Require a property, for each object must; a stricter answer is valid as well."""
    if node.get("required"):
        return
    names = list(node.get("properties") or {})
    if not names:
        raise Inexpressible
    node["required"] = names[:1]


def _said(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise Inexpressible from error
